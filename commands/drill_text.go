package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zkctl/inject/drill"
)

// drawVerdict shows a verdict on one screen of 80 by 24. What all went well is one line.
func drawVerdict(pg *page, d drill.Document, again []string) {
	pg.fields(
		[2]string{"verdict", drawnVerdict(pg, d.Verdict)},
		[2]string{"scenario", fmt.Sprintf("%s on %s, seed %d", d.Scenario, d.World, d.Seed)},
		[2]string{"operations", operationsText(d)},
	)
	for _, r := range shownReasons(d.Reasons) {
		pg.line("- %s", r)
	}
	drawChecks(pg, d)
	drawRecoveries(pg, d)
	drawLimits(pg, d)
	pg.block()
	for _, line := range again {
		pg.raw(line + "\n") // to copy, so never wrapped
	}
}

func drawnVerdict(pg *page, verdict string) string {
	switch verdict {
	case "ok":
		return pg.good("ok")
	case "violated":
		return pg.bad("violated")
	}
	return pg.warn(verdict)
}

func operationsText(d drill.Document) string {
	text := fmt.Sprintf("%d, of which %d acknowledged writes; %d sessions lost", d.Operations, d.Acked, d.SessionsLost)
	if d.Skipped > 0 {
		text += fmt.Sprintf("; %d were due and not sent", d.Skipped)
	}
	if n := d.Unknown.Applied + d.Unknown.Not; n > 0 {
		text += fmt.Sprintf("; of %d unknown outcomes %d were applied", n, d.Unknown.Applied)
	}
	return text
}

// shownReasons leaves room for the rest: the document has all.
func shownReasons(reasons []string) []string {
	const most = 4
	if len(reasons) <= most {
		return reasons
	}
	return append(slices.Clone(reasons[:most-1]), fmt.Sprintf("and %d more reasons, which -o json lists", len(reasons)-most+1))
}

// drawChecks shows what did not hold with its first evidence; what held is counted.
func drawChecks(pg *page, d drill.Document) {
	held, empty := []string{}, []string{}
	for _, c := range d.Checks {
		switch {
		case c.Verdict == "ok" && c.Count == 0:
			empty = append(empty, c.Name)
		case c.Verdict == "ok":
			held = append(held, fmt.Sprintf("%s (%d)", c.Name, c.Count))
		default:
			pg.para("%s: %s", drawnVerdict(pg, c.Verdict), cmp.Or(c.Why, fmt.Sprintf("%s, %d times", c.Name, c.Found)))
			for _, e := range c.Evidence[:min(2, len(c.Evidence))] {
				pg.line("- %.3f s: %s", e.At, e.Text)
			}
		}
	}
	if len(held) > 0 {
		pg.para("%s %s", pg.good("held:"), strings.Join(held, ", "))
	}
	if len(empty) > 0 {
		pg.line("nothing to judge: %s", strings.Join(empty, ", "))
	}
}

func drawRecoveries(pg *page, d drill.Document) {
	var rows [][]string
	const most = 4
	for _, f := range d.Faults[:min(most, len(d.Faults))] {
		row := []string{fmt.Sprintf("%.1f", f.At), f.Line}
		for _, s := range []*float64{f.Detection, f.Election, f.Sync, f.FirstWrite, &f.NoWrites, f.Predicted} {
			row = append(row, secondsText(s))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return
	}
	pg.table([]column{right("at s"), left("fault").cut(), right("detect"), right("elect"), right("sync"), right("write"),
		right("no writes"), right("predicted").ranked(1)}, rows)
	if n := len(d.Faults) - most; n > 0 {
		pg.line("and %d more faults, which -o json lists", n)
	}
}

// secondsText shows a duration that may be a millisecond or a minute in few columns.
func secondsText(s *float64) string {
	switch {
	case s == nil:
		return "-"
	case *s < 0.9995:
		return fmt.Sprintf("%.0fms", *s*1e3)
	}
	return fmt.Sprintf("%.2fs", *s)
}

func drawLimits(pg *page, d drill.Document) {
	var held []string
	for _, l := range d.Limits {
		switch {
		case l.Value == nil:
			pg.line("%s %s: there was nothing to measure", pg.warn("limit"), l.Limit)
		case !l.Holds:
			pg.line("%s %s: it is %.3f", pg.bad("missed"), l.Limit, *l.Value)
		default:
			held = append(held, fmt.Sprintf("%s (%.2f)", l.Limit, *l.Value))
		}
	}
	if len(held) > 0 {
		pg.line("%s %s", pg.good("kept:"), strings.Join(held, ", "))
	}
}

// drillProgress is the line that shows how far a drill is.
func drillProgress(p drill.Progress) string {
	text := fmt.Sprintf("%s: %d operations", p.Phase, p.Operations)
	if p.Unknown > 0 {
		text += fmt.Sprintf(", %d of unknown outcome", p.Unknown)
	}
	switch {
	case p.Faults == 1:
		text += ", 1 fault"
	case p.Faults > 1:
		text += fmt.Sprintf(", %d faults", p.Faults)
	}
	if p.Left > 0 {
		text += fmt.Sprintf(", %v left", p.Left.Round(time.Second))
	}
	return text
}
