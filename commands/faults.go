package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject"
	"zkctl/inject/link"
	"zkctl/inject/scenario"
	"zkctl/localcluster"
)

// reportFault shows a fault that began, or that would begin without --dry-run.
func (p *program) reportFault(r localcluster.FaultReport) error {
	p.tellSeed(r.Seed)
	return p.printDone("the fault", r.DryRun, r, func(pg *page) {
		if len(r.Fault.Members) > 0 {
			pg.para("matched %s", idList(r.Fault.Members))
		}
		drawSides(pg, r.Sides)
		if r.DryRun {
			pg.line("%s", strings.TrimSpace(fmt.Sprintf("would %s %s %s", r.Fault.Kind, faultTarget(r.Fault), ownText(r.Fault))))
			return
		}
		if r.Broken != nil {
			pg.line("fault %s: %s %s, connections broken: %d", r.Fault.ID, r.Fault.Kind, faultTarget(r.Fault), *r.Broken)
			return
		}
		if r.Fault.Momentary() {
			pg.line("fault %s: %s %s, done", r.Fault.ID, r.Fault.Kind, faultTarget(r.Fault))
			return
		}
		pg.line("fault %s", faultLine(localcluster.ActiveFault{Fault: r.Fault}))
	})
}

// drawSides shows which members are on which side of a partition.
func drawSides(pg *page, sides []localcluster.Side) {
	var words, notes []string
	named := 0
	for _, s := range sides {
		word := idList(s.Members)
		if s.Quorum {
			word += " (enough for a quorum)"
		}
		words = append(words, word)
		if s.Named {
			named++
		} else if named > 1 {
			notes = append(notes, fmt.Sprintf("member %s was not named, and is cut off from every other side", idList(s.Members)))
		}
	}
	if len(words) > 0 {
		pg.line("sides %s", strings.Join(words, " | "))
	}
	for _, n := range notes {
		pg.line("- %s", n)
	}
}

// faultTarget is what a fault is about: links, or members where there are none.
func faultTarget(f inject.Fault) string {
	switch {
	case f.Kind == inject.Expire:
		return "session " + f.Detail
	case len(f.Links) > 0:
		return strings.Join(f.Links.Strings(), " ")
	}
	return "member " + idList(f.Members)
}

// ownText is what a member does to itself, in the flags that one types; empty for other faults.
func ownText(f inject.Fault) string {
	read, err := scenario.ParseFault(f.Line)
	if !f.Kind.Own() || err != nil {
		return ""
	}
	read.Target, read.For = "", 0
	_, flags, _ := strings.Cut(read.String(), " ")
	return flags
}

// faultLine is a fault in one line.
func faultLine(f localcluster.ActiveFault) string {
	words := []string{f.ID + ":", f.Kind.String(), faultTarget(f.Fault)}
	if f.Shape != nil {
		words = append(words, shapeText(*f.Shape))
	}
	if text := ownText(f.Fault); text != "" {
		words = append(words, text)
	}
	if f.Overdue != "" {
		words = append(words, "(overdue: "+f.Overdue+")")
	} else if f.Remaining != nil {
		words = append(words, fmt.Sprintf("(%s left)", short(*f.Remaining)))
	} else {
		words = append(words, "("+untilText(f.Fault)+")")
	}
	return strings.Join(words, " ") + overriddenText(f)
}

// overriddenText says what of a fault has no effect because of others.
func overriddenText(f localcluster.ActiveFault) string {
	text := ""
	for _, o := range f.Overridden {
		links := strings.Join(o.Links.Strings(), " ")
		if o.Aspect == "all" {
			text += fmt.Sprintf(", but %s cuts %s", o.By, links)
		} else {
			text += fmt.Sprintf(", but the %s of %s holds on %s", o.Aspect, o.By, links)
		}
	}
	return text
}

func untilText(f inject.Fault) string {
	if f.Until == nil {
		return "until healed"
	}
	return "until " + clockTime(*f.Until, time.Now())
}

// clockTime is a time of day, with the date in front unless it is today.
func clockTime(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format("15:04:05.000")
}

func shapeText(s link.Shape) string {
	var words []string
	if s.Latency > 0 {
		words = append(words, s.Latency.String())
	}
	if s.Jitter > 0 {
		words = append(words, "± "+s.Jitter.String())
	}
	if s.Rate > 0 {
		words = append(words, fmt.Sprintf("%d B/s", s.Rate))
	}
	return strings.Join(words, " ")
}

type faultsOptions struct{ *program }

func newFaultsCommand(p *program) *cli.Command {
	o := &faultsOptions{program: p}
	return &cli.Command{
		Name:        "faults",
		Category:    categoryFaults,
		Usage:       "list what is broken, and for how long still",
		Description: "Lists the faults that have not ended, oldest first. zkctl heal ends them by id.",
		UsageText:   "zkctl faults\nzkctl faults -o json",
		Action:      func(c *cli.Context) error { return o.run(c.Context) },
	}
}

func (o *faultsOptions) run(ctx context.Context) error {
	client, err := o.dial()
	if err != nil {
		return err
	}
	answer, err := client.Faults(ctx)
	if err != nil {
		return err
	}
	return o.print(answer, func(pg *page) {
		if len(answer.Faults) == 0 {
			pg.para("Nothing is broken.")
			return
		}
		drawFaults(pg, answer.Faults)
	})
}

func drawFaults(pg *page, faults []localcluster.ActiveFault) {
	var rows [][]string
	for _, f := range faults {
		left := "until healed"
		if f.Remaining != nil {
			left = short(*f.Remaining)
		}
		detail := f.Detail
		if f.Overdue != "" {
			left, detail = "overdue", f.Overdue
		}
		if f.Shape != nil {
			detail = shapeText(*f.Shape)
		}
		if text := ownText(f.Fault); text != "" && f.Overdue == "" {
			detail = text
		}
		rows = append(rows, []string{f.ID, f.Kind.String(), idList(f.Members), strings.Join(f.Links.Strings(), " "), left, detail})
	}
	pg.table([]column{left("id"), left("kind"), left("members").cut(), left("links").cut(), left("left").ranked(1),
		left("detail").ranked(2).cut()}, rows)
	for _, f := range faults {
		if text := overriddenText(f); text != "" {
			pg.line("- %s%s", f.ID, text)
		}
	}
}
