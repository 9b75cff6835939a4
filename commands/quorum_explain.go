package commands

import (
	_ "embed"
	"strings"

	"github.com/urfave/cli/v2"
)

// belief is something that people believe about quorums.
type belief struct {
	ID      string `json:"id"`
	Claim   string `json:"claim"`
	Correct string `json:"correct"`
	Command string `json:"command"` // shows it
	LookAt  string `json:"look_at"` // what to look at in its output
	Source  string `json:"source"`
}

// explainDoc is the document of "zkctl quorum explain".
type explainDoc struct {
	Beliefs []belief `json:"beliefs"`
}

// beliefText holds the beliefs: paragraphs of an id and then five named fields, whose longer
// lines go on indented.
//
//go:embed quorum_explain.txt
var beliefText string

var beliefs = parseBeliefs(beliefText)

func parseBeliefs(text string) []belief {
	var all []belief
	for _, paragraph := range strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\n    ", " ")), "\n\n") {
		id, fields, _ := strings.Cut(paragraph, "\n")
		named := map[string]string{}
		for field := range strings.SplitSeq(fields, "\n") {
			name, value, _ := strings.Cut(field, ": ")
			named[name] = value
		}
		all = append(all, belief{id, named["claim"], named["true"], named["command"], named["look"], named["source"]})
	}
	return all
}

func newQuorumExplainCommand(p *program) *cli.Command {
	var ids []string
	for _, b := range beliefs {
		ids = append(ids, b.ID)
	}
	p.completeArgs("quorum explain", constant(ids...))
	return &cli.Command{
		Name:      "explain",
		Usage:     "sixteen things people believe about quorums, and what is true",
		ArgsUsage: "[ID|WORDS]",
		Description: "Without an argument, lists them. With an id, or with words that a claim has, explains those: " +
			"what is true instead, the command that shows it, and where it is written.",
		UsageText: "zkctl quorum explain\n" +
			"zkctl quorum explain half-suffices\n" +
			"zkctl quorum explain data centre",
		Action: func(c *cli.Context) error {
			doc := explainDoc{Beliefs: beliefs}
			if words := c.Args().Slice(); len(words) > 0 {
				if doc.Beliefs = matchBeliefs(words); doc.Beliefs == nil {
					return withHint(usagef("nothing is known about %q", strings.Join(words, " ")), "zkctl quorum explain lists what is: %s", strings.Join(ids, ", "))
				}
			}
			return p.print(doc, func(pg *page) { drawBeliefs(pg, doc.Beliefs) })
		},
	}
}

// matchBeliefs finds those that have all the words in their id or claim.
func matchBeliefs(words []string) []belief {
	var found []belief
	for _, b := range beliefs {
		has := true
		for _, word := range words {
			has = has && strings.Contains(strings.ToLower(b.ID+" "+b.Claim), strings.ToLower(word))
		}
		if has {
			found = append(found, b)
		}
	}
	return found
}

func drawBeliefs(pg *page, shown []belief) {
	if len(shown) == len(beliefs) {
		for _, b := range shown {
			helpRowAt(pg, 26, b.ID, b.Claim)
		}
		pg.para("None of these is true. zkctl quorum explain ID says why, and which command shows it.")
		return
	}
	for _, b := range shown {
		pg.para("%s %s", pg.bad("claim:"), b.Claim)
		pg.para("%s %s", pg.good("true:"), b.Correct)
		pg.para("shown by:")
		pg.raw("  " + b.Command + "\n")
		pg.line("Look at %s.", b.LookAt)
		pg.para("source: %s", b.Source)
	}
}
