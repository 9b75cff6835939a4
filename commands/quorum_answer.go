package commands

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"zkctl/quorum"
)

// quorumDoc is the document of "zkctl quorum". What was not asked is absent.
type quorumDoc struct {
	*ensembleDoc
	Compare        []*ensembleDoc     `json:"compare,omitempty"`
	Recommendation *recommendationDoc `json:"recommendation,omitempty"`
}

// ensembleDoc is what can be said of one ensemble. Each question (quorum_questions.go) fills its
// field, and says how it is drawn.
type ensembleDoc struct {
	Nodes           int              `json:"nodes"`
	Voters          int              `json:"voters"`
	Observers       int              `json:"observers"`
	VoterIDs        []int64          `json:"voter_ids"`
	ObserverIDs     []int64          `json:"observer_ids"`
	System          quorum.Kind      `json:"system"`
	Quorum          *int             `json:"quorum"` // null: not even all voters are one, or see notes
	Tolerates       int              `json:"tolerates"`
	ToleratesAtBest *int             `json:"tolerates_at_best"`
	SinglePoints    []int64          `json:"single_points_of_failure"`
	NeverMatter     []int64          `json:"never_matter"`     // null: see notes, as the next two
	MinimalQuorums  *big.Int         `json:"minimal_quorums"`  // how many
	MinimalBlocking *big.Int         `json:"minimal_blocking"` // how many minimal sets are fatal
	Messages        quorum.Messages  `json:"messages_per_write"`
	Warnings        []quorum.Warning `json:"warnings"`
	Notes           []string         `json:"notes,omitempty"`

	Availability *availabilityDoc       `json:"availability,omitempty"`
	MTTQL        *float64               `json:"mean_time_to_quorum_loss_seconds,omitempty"`
	Repair       *repairDoc             `json:"repair,omitempty"`
	Zones        *zonesDoc              `json:"zones,omitempty"`
	WhatIf       *whatIfDoc             `json:"what_if,omitempty"`
	Latency      []quorum.LeaderLatency `json:"latency,omitempty"`

	subject *subject
	up      func(id int64) quorum.Probability // nil: not given
	ink     *page                             // paints words
	rows    [][2]string
	tables  []func(pg *page)
	assumed []string // what the numbers rest on
}

// row adds a line to the page's head.
func (d *ensembleDoc) row(name, format string, args ...any) {
	d.rows = append(d.rows, [2]string{name, fmt.Sprintf(format, args...)})
}

// table adds a table, and a line below it.
func (d *ensembleDoc) table(columns []column, rows [][]string, below string) {
	d.tables = append(d.tables, func(pg *page) {
		pg.table(columns, rows)
		if below != "" {
			pg.line("%s", below)
		}
	})
}

type recommendationDoc struct {
	Nodes        int              `json:"nodes"`
	Target       float64          `json:"target"`
	Quorum       int              `json:"quorum"`
	Tolerates    int              `json:"tolerates"`
	Availability *availabilityDoc `json:"availability"`
}

// answer answers all questions about one ensemble.
func (o *quorumOptions) answer(s *subject) (*ensembleDoc, error) {
	d, err := o.describe(s)
	if err != nil {
		return nil, err
	}
	for _, question := range []struct {
		asked  bool
		answer func(*ensembleDoc) error
	}{
		{o.failed != "", o.addWhatIf},
		{o.zones != "", o.addZones},
		{o.zones == "" && len(o.zoneUp) > 0, func(*ensembleDoc) error { return usagef("--zone-availability needs --zones") }},
		{o.rtt != "", o.addLatency},
	} {
		if question.asked {
			if err := question.answer(d); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// describe says what is always said, and what sizes are compared by. What is too large is not
// worth failing for: the fields are null and a note says why.
func (o *quorumOptions) describe(s *subject) (*ensembleDoc, error) {
	m := s.membership
	d := &ensembleDoc{
		Nodes: len(m.Voters) + len(m.Observers), Voters: len(m.Voters), Observers: len(m.Observers),
		VoterIDs: m.Voters, ObserverIDs: orEmpty(m.Observers), System: s.system.Kind(),
		Tolerates: quorum.GuaranteedTolerance(s.system), SinglePoints: orEmpty(quorum.SinglePoints(s.system)),
		Warnings: orEmpty(append(quorum.Lint(s.system), s.warnings...)), Notes: s.notes, subject: s, ink: &page{color: o.color},
	}
	t, err := quorum.Tolerance(s.system)
	if err := d.noteIfTooLarge(err, "the smallest quorum"); err != nil {
		return nil, err
	}
	if t.Quorum > 0 {
		d.Quorum, d.ToleratesAtBest = &t.Quorum, &t.AtBest
	}
	shape, err := quorum.ShapeOf(s.system)
	if err := d.noteIfTooLarge(err, "minimal quorums, and members that never matter,"); err != nil {
		return nil, err
	}
	if err == nil {
		d.NeverMatter, d.MinimalQuorums, d.MinimalBlocking = orEmpty(shape.Dummies), shape.MinimalQuorums, shape.MinimalBlocking
	}
	d.Messages = quorum.MessagesPerWrite(d.Voters, d.Observers)
	d.addRows()
	for _, add := range []func(*ensembleDoc) error{o.addAvailability, o.addRepair} {
		if err := add(d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// noteIfTooLarge makes a note of what is not known, and why.
func (d *ensembleDoc) noteIfTooLarge(err error, what string) error {
	if !errors.Is(err, quorum.ErrTooLarge) {
		return err
	}
	d.Notes = append(slices.Clip(d.Notes), fmt.Sprintf("%s: %v", what, err))
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// addRows says in words what is always said.
func (d *ensembleDoc) addRows() {
	d.row("ensemble", "%s", d.subject.name)
	if d.Observers > 0 {
		d.row("", "and %s, never counted", quorum.Plural(d.Observers, "observer"))
	}
	switch {
	case d.Tolerates < 0:
		d.row("quorum", "none: not even all voters together")
	case d.Quorum != nil && d.System == quorum.Majority:
		d.row("quorum", "%d of %d", *d.Quorum, d.Voters)
	case d.Quorum != nil && d.MinimalQuorums != nil:
		d.row("quorum", "%d of %d at least, the right ones: %s", *d.Quorum, d.Voters, countText(d.MinimalQuorums, "minimal quorum"))
	case d.Quorum != nil:
		d.row("quorum", "%d of %d at least", *d.Quorum, d.Voters)
	}
	text := quorum.Plural(d.Tolerates, "failure") + ", whichever servers they hit"
	switch points := len(d.SinglePoints); {
	case d.Tolerates < 0:
		text = d.ink.bad("nothing: there is never a quorum")
	case d.Tolerates == 0 && points > 0 && points < d.Voters:
		text = fmt.Sprintf("%s of server %s, a single point of failure", d.ink.bad("no failure"), strings.ReplaceAll(quorum.IDList(d.SinglePoints), ", ", " or "))
	case d.Tolerates == 0:
		text = d.ink.bad("no failure")
	}
	if d.ToleratesAtBest != nil && *d.ToleratesAtBest > d.Tolerates {
		text += fmt.Sprintf("; at best %d", *d.ToleratesAtBest)
	}
	d.row("tolerates", "%s", text)
	d.row("never matter", "%s", quorum.IDList(d.NeverMatter))
	d.row("one write", "%s between servers, %d × the payload", quorum.Plural(d.Messages.Total, "message"), d.Messages.Copies)
}

// countText writes a big count as it is up to a trillion, then rounded.
func countText(n *big.Int, what string) string {
	if n.IsInt64() && n.Int64() < 1e12 {
		return quorum.Plural(int(n.Int64()), what)
	}
	return "about " + new(big.Float).SetPrec(64).SetInt(n).Text('g', 3) + " " + what + "s"
}

// compared describes the majorities of several sizes.
func (o *quorumOptions) compared() (docs []*ensembleDoc, err error) {
	sizes, err := parseSizes("compare", o.compare)
	if err != nil {
		return nil, err
	}
	for _, n := range sizes {
		s, err := flagSubject(sourceOptions{nodes: n, hasNodes: true, observers: o.source.observers})
		if err != nil {
			return nil, err
		}
		d, err := o.describe(s)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// recommended finds the smallest ensemble for a target.
func (o *quorumOptions) recommended() (*recommendationDoc, error) {
	target, err := quorum.ParseProbability(o.target)
	if err != nil {
		return nil, usagef("--target %s: %w", o.target, err)
	}
	var p quorum.Probability
	switch {
	case len(o.availability) == 1 && !strings.Contains(o.availability[0], "="):
		p, err = quorum.ParseProbability(o.availability[0])
	case len(o.availability) == 0 && (o.mttf != "" || o.mttr != ""):
		p, err = o.fromRepair()
	default:
		err = usagef("--target needs one --availability for all servers, or --mttf and --mttr")
	}
	if err != nil {
		return nil, err
	}
	n, a, err := quorum.SmallestFor(p, target)
	if errors.Is(err, quorum.ErrUnreachable) {
		return nil, exitf(exitUnhealthy, "--target %s: %w", o.target, err)
	}
	return &recommendationDoc{n, target.Up(), n/2 + 1, (n - 1) / 2, newAvailabilityDoc(a, p.Up())}, err
}

// draw lays the document out for people, to be read on a terminal or pasted into a review.
func (doc *quorumDoc) draw(pg *page) {
	var assumed []string
	if d := doc.ensembleDoc; d != nil {
		pg.fields(d.rows...)
		for _, table := range d.tables {
			table(pg)
		}
		var warnings []string
		for _, w := range d.Warnings {
			warnings = append(warnings, warningText(pg, w))
		}
		drawList(pg, "", warnings)
		drawList(pg, "note: ", d.Notes)
		assumed = append(assumed, d.assumed...)
	}
	if doc.Compare != nil {
		drawCompare(pg, doc.Compare)
		assumed = append(assumed, doc.Compare[0].assumed...)
	}
	if r := doc.Recommendation; r != nil {
		pg.fields(
			[2]string{"target", percentOf(r.Target) + " available"},
			[2]string{"smallest", fmt.Sprintf("%s: quorum %d, tolerates %d", quorum.Plural(r.Nodes, "voter"), r.Quorum, r.Tolerates)},
			[2]string{"available", r.Availability.text()},
		)
		assumed = append(assumed, independent)
	}
	drawList(pg, "assumes: ", slices.Compact(slices.Sorted(slices.Values(assumed))))
}

// drawList draws a block of "- what text".
func drawList(pg *page, what string, texts []string) {
	for i, text := range texts {
		if i == 0 {
			pg.block()
		}
		pg.line("- %s%s", what, text)
	}
}

// drawCompare puts sizes side by side, with the gravest warning of each; columns that were not
// asked for are left out.
func drawCompare(pg *page, docs []*ensembleDoc) {
	columns := []column{right("voters"), right("quorum").ranked(6), right("tolerates"), right("msgs").ranked(5)}
	rows := make([][]string, len(docs))
	var warnings []string
	for i, d := range docs {
		rows[i] = []string{fmt.Sprint(d.Voters), fmt.Sprint(*d.Quorum), fmt.Sprint(d.Tolerates), fmt.Sprint(d.Messages.Total)}
		if len(d.Warnings) > 0 {
			warnings = append(warnings, warningText(pg, d.Warnings[0]))
		}
	}
	add := func(c column, cell func(*ensembleDoc) string) {
		columns = append(columns, c)
		for i, d := range docs {
			rows[i] = append(rows[i], cell(d))
		}
	}
	if docs[0].Availability != nil {
		add(right("available %").ranked(1), func(d *ensembleDoc) string { return strings.TrimSuffix(d.Availability.shown, " %") })
		add(right("down/year").ranked(2), func(d *ensembleDoc) string { return humanSeconds(d.Availability.Downtime) })
	}
	if docs[0].Repair != nil {
		add(right("lasts").ranked(3), func(d *ensembleDoc) string { return d.Repair.lasts })
	}
	pg.table(columns, rows)
	drawList(pg, "", warnings)
}

func warningText(pg *page, w quorum.Warning) string {
	return pg.warn(string(w.Code)+":") + " " + w.Text
}
