package commands

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"zkctl/quorum"
)

// draw lays the document out for people: a design review is where it ends up.
func (doc *quorumDoc) draw(pg *page) {
	if doc.ensembleDoc != nil {
		doc.ensembleDoc.draw(pg)
	}
	if doc.Compare != nil {
		drawCompare(pg, doc.Compare)
	}
	if r := doc.Recommendation; r != nil {
		pg.fields(
			[2]string{"target", percentOf(r.Target) + " available"},
			[2]string{"smallest", fmt.Sprintf("%s: quorum %d, tolerates %d", count(r.Nodes, "voter"), r.Quorum, r.Tolerates)},
			[2]string{"available", availabilityText(r.Availability)},
		)
	}
	drawList(pg, "assumes: ", doc.assumptions())
}

func (d *ensembleDoc) draw(pg *page) {
	pg.fields(
		[2]string{"ensemble", d.ensembleText()},
		[2]string{"quorum", d.quorumText()},
		[2]string{"tolerates", d.toleranceText(pg)},
		[2]string{"never matter", listOr(d.NeverMatter, "")},
		[2]string{"one write", d.writeText()},
		[2]string{"available", availabilityText(d.Availability)},
		[2]string{"lasts", d.lastsText()},
		[2]string{"lost", d.lostText()},
		[2]string{"throughput", d.throughputText()},
		[2]string{"what if", d.whatIfText(pg)},
	)
	d.drawImportance(pg)
	d.drawZones(pg)
	d.drawPlacements(pg)
	d.drawLatency(pg)
	d.drawProfile(pg)
	var warnings []string
	for _, w := range d.Warnings {
		warnings = append(warnings, pg.warn(string(w.Code)+":")+" "+w.Text)
	}
	drawList(pg, "", warnings)
	drawList(pg, "note: ", d.Notes)
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

func (d *ensembleDoc) ensembleText() string {
	switch d.Observers {
	case 0:
		return d.subject.name
	case 1:
		return d.subject.name + "; 1 observer, which never counts"
	}
	return fmt.Sprintf("%s; %d observers, which never count", d.subject.name, d.Observers)
}

func (d *ensembleDoc) quorumText() string {
	switch {
	case d.Tolerates < 0:
		return "none: not even all voters together"
	case d.Quorum == nil:
		return ""
	case d.System == quorum.Majority:
		return fmt.Sprintf("%d of %d", *d.Quorum, d.Voters)
	case d.MinimalQuorums == nil:
		return fmt.Sprintf("%d of %d at least", *d.Quorum, d.Voters)
	}
	plural := "s"
	if d.MinimalQuorums.Cmp(big.NewInt(1)) == 0 {
		plural = ""
	}
	return fmt.Sprintf("%d of %d at least, the right ones: %s minimal quorum%s", *d.Quorum, d.Voters, countText(d.MinimalQuorums), plural)
}

// countText writes a big count as it is up to a trillion, then rounded.
func countText(n *big.Int) string {
	if n.CmpAbs(big.NewInt(1e12)) < 0 {
		return n.String()
	}
	return "about " + new(big.Float).SetPrec(64).SetInt(n).Text('g', 3)
}

func (d *ensembleDoc) toleranceText(pg *page) string {
	if d.Tolerates < 0 {
		return pg.bad("nothing: there is never a quorum")
	}
	text := count(d.Tolerates, "failure") + ", whichever servers they hit"
	if d.Tolerates == 0 {
		text = pg.bad("no failure")
		switch n := len(d.SinglePoints); {
		case n == 1 && d.Voters > 1:
			text += fmt.Sprintf(" of server %d, a single point of failure", d.SinglePoints[0])
		case n > 1 && n < d.Voters:
			text += fmt.Sprintf(" of servers %s, single points of failure", listOr(d.SinglePoints, ""))
		}
	}
	if d.ToleratesAtBest != nil && *d.ToleratesAtBest > d.Tolerates {
		text += fmt.Sprintf("; at best %d", *d.ToleratesAtBest)
	}
	return text
}

func (d *ensembleDoc) writeText() string {
	if d.Messages.Total == 0 {
		return "no message: there is nobody to tell"
	}
	copies := "1 copy"
	if d.Messages.Copies != 1 {
		copies = fmt.Sprintf("%d copies", d.Messages.Copies)
	}
	return fmt.Sprintf("%s between servers, %s of the payload", count(d.Messages.Total, "message"), copies)
}

func availabilityText(a *availabilityDoc) string {
	switch {
	case a == nil:
		return ""
	case a.Nines == nil:
		return "100 %"
	}
	text := fmt.Sprintf("%s, %s nines", percent(a.exact), significant(*a.Nines))
	if a.Unavailability > 0 {
		text += fmt.Sprintf("; down %s a year", humanSeconds(a.Downtime))
	}
	return text
}

// percentOf writes a probability as people say it: 99.999 %.
func percentOf(p float64) string { return niceNumber(float64(int64(100*p*1e12+0.5))/1e12) + " %" }

// lastsText is how long it takes until a quorum is lost for the first time.
func (d *ensembleDoc) lastsText() string {
	if d.MTTQL == nil {
		return ""
	}
	return humanSeconds(*d.MTTQL) + " until the quorum is first lost"
}

// lostText is how often, and how long, it is lost in the long run.
func (d *ensembleDoc) lostText() string {
	if d.Repair == nil || d.Repair.Losses == nil {
		return ""
	}
	text := significant(*d.Repair.Losses) + " times a year"
	if d.Repair.MeanOutage != nil {
		text += ", for " + humanSeconds(*d.Repair.MeanOutage)
	}
	return text
}

func (d *ensembleDoc) throughputText() string {
	if d.Throughput == nil {
		return ""
	}
	t := d.Throughput
	return fmt.Sprintf("%s ops/s at %s reads; reads only %s, writes only %s (%s)",
		kilo(t.Ops), percentOf(t.Reads), kilo(t.Throughput.Reads), kilo(t.Writes), t.Basis)
}

func kilo(x float64) string { return significant(x/1000) + "k" }

func (d *ensembleDoc) whatIfText(pg *page) string {
	if d.WhatIf == nil {
		return ""
	}
	down := listOr(d.WhatIf.Failed, "") + " down: "
	switch further := d.WhatIf.Further; {
	case further < 0:
		return down + pg.bad("no quorum")
	case further == 0:
		return down + pg.warn("a quorum, and no further failure is tolerated")
	default:
		return down + pg.good("a quorum") + ", and tolerates " + count(further, "further failure")
	}
}

// listOr writes ids as 1-3, 7; the alternative when there are none.
func listOr(ids []int64, alternative string) string {
	if len(ids) == 0 {
		return alternative
	}
	if !slices.IsSorted(ids) {
		return strings.ReplaceAll(idText(ids), ",", ", ") // an order that means something
	}
	var parts []string
	for i, j := 0, 0; i < len(ids); i = j {
		for j = i + 1; j < len(ids) && ids[j] == ids[j-1]+1; {
			j++
		}
		if j-i > 2 {
			parts = append(parts, fmt.Sprintf("%d-%d", ids[i], ids[j-1]))
		} else {
			parts = append(parts, strings.Split(idText(ids[i:j]), ",")...)
		}
	}
	return strings.Join(parts, ", ")
}

// drawImportance puts servers that are alike into one row.
func (d *ensembleDoc) drawImportance(pg *page) {
	if d.Availability == nil || d.Availability.Importance == nil {
		return
	}
	var rows [][]string
	for rest := d.Availability.Importance; len(rest) > 0; {
		first := rest[0]
		var alike []int64
		for len(rest) > 0 && rest[0].Importance == first.Importance && rest[0].up == first.up {
			alike, rest = append(alike, rest[0].Server), rest[1:]
		}
		importance := fmt.Sprintf("%.6f", first.Importance)
		if first.Importance != 0 && first.Importance < 1e-4 {
			importance = fmt.Sprintf("%.3e", first.Importance)
		}
		rows = append(rows, []string{listOr(alike, ""), percentOf(first.up), importance})
	}
	pg.table([]column{right("server"), right("available"), right("importance")}, rows)
}

func (d *ensembleDoc) drawZones(pg *page) {
	if d.Zones == nil {
		return
	}
	var rows [][]string
	for _, z := range d.zoneSet {
		verdict, further := pg.bad("no quorum"), "-"
		if d.Zones.Survives[z.Name] {
			verdict, further = pg.good("quorum kept"), fmt.Sprint(d.Zones.Further[z.Name])
		}
		rows = append(rows, []string{z.Name, listOr(z.Members, "none"), verdict, further})
	}
	pg.table([]column{left("zone"), left("servers"), left("without it"), right("then tolerates")}, rows)
	if a := d.Zones.Availability; a != nil {
		pg.fields([2]string{"available, zones failing too", availabilityText(a)})
	}
}

func (d *ensembleDoc) drawPlacements(pg *page) {
	if d.Placements == nil {
		return
	}
	var columns []column
	for _, z := range d.zoneSet {
		columns = append(columns, right(z.Name))
	}
	columns = append(columns, left("survives any"), right("then"), right("available %"), right("down/year"))
	var rows [][]string
	for _, p := range d.Placements {
		var row []string
		for _, z := range d.zoneSet {
			row = append(row, fmt.Sprint(p.Sizes[z.Name]))
		}
		survives, further := pg.bad("no"), "-"
		if p.SurvivesAny {
			survives, further = pg.good("yes"), fmt.Sprint(p.WorstFurther)
		}
		rows = append(rows, append(row, survives, further, bare(percent(p.Availability.exact)), humanSeconds(p.Availability.Downtime)))
	}
	pg.table(columns, rows)
	pg.line("(then: further failures tolerated once the worst zone is lost)")
	if hidden := d.placed - len(d.Placements); hidden > 0 {
		pg.line("(and %d worse ones)", hidden)
	}
}

func (d *ensembleDoc) drawLatency(pg *page) {
	if d.Latency == nil {
		return
	}
	var rows [][]string
	for _, l := range d.Latency {
		if l.Commit == nil {
			rows = append(rows, []string{fmt.Sprint(l.Leader), pg.bad("never"), "no quorum", ""})
			continue
		}
		byTime := slices.SortedStableFunc(slices.Values(l.Writes), func(a, b quorum.ServerLatency) int { return cmp.Compare(a.Seconds, b.Seconds) })
		least, most := byTime[0], byTime[len(byTime)-1]
		rows = append(rows, []string{fmt.Sprint(l.Leader), humanSeconds(*l.Commit), listOr(l.Acks, ""),
			fmt.Sprintf("%s via %d .. %s via %d", humanSeconds(least.Seconds), least.Via, humanSeconds(most.Seconds), most.Via)})
	}
	pg.table([]column{right("leader"), right("commit"), left("acks of"), left("a client's write")}, rows)
}

// drawProfile leaves out what goes without saying: sizes that are never fatal, but for the last,
// and sizes that always are, but for the first.
func (d *ensembleDoc) drawProfile(pg *page) {
	if d.Profile == nil {
		return
	}
	all := func(r quorum.Fatal) bool { return r.Fatal.Cmp(r.Total) == 0 }
	var rows [][]string
	for i, r := range d.Profile {
		if i+1 < len(d.Profile) && d.Profile[i+1].Fatal.Sign() == 0 || i > 0 && all(d.Profile[i-1]) {
			continue
		}
		share, _ := new(big.Rat).SetFrac(r.Fatal, r.Total).Float64()
		rows = append(rows, []string{fmt.Sprint(r.Failures), countText(r.Fatal), countText(r.Total), fmt.Sprintf("%.2f %%", 100*share)})
	}
	pg.table([]column{right("failures"), right("fatal sets"), right("of"), right("share")}, rows)
}

// drawCompare puts sizes side by side; columns that were not asked for are left out. What the
// rows' warnings say in sentences is said in a line.
func drawCompare(pg *page, docs []*ensembleDoc) {
	columns := []column{right("voters"), right("quorum"), right("tolerates"), right("msgs")}
	if docs[0].Availability != nil {
		columns = append(columns, right("available %"), right("down/year"))
	}
	if docs[0].Repair != nil {
		columns = append(columns, right("lasts"))
	}
	if docs[0].Throughput != nil {
		columns = append(columns, right("ops/s"))
	}
	var rows [][]string
	var even, odd, none []string
	for _, d := range docs {
		row := []string{fmt.Sprint(d.Voters), fmt.Sprint(*d.Quorum), fmt.Sprint(d.Tolerates), fmt.Sprint(d.Messages.Total)}
		if d.Availability != nil {
			row = append(row, bare(percent(d.Availability.exact)), humanSeconds(d.Availability.Downtime))
		}
		if d.Repair != nil {
			lasts := "-"
			if d.MTTQL != nil {
				lasts = humanSeconds(*d.MTTQL)
			}
			row = append(row, lasts)
		}
		if d.Throughput != nil {
			row = append(row, kilo(d.Throughput.Ops))
		}
		rows = append(rows, row)
		switch {
		case d.Tolerates == 0:
			none = append(none, row[0])
		case d.Voters%2 == 0:
			even, odd = append(even, row[0]), append(odd, fmt.Sprint(d.Voters-1))
		}
	}
	pg.table(columns, rows)
	var notes []string
	if len(none) > 0 {
		notes = append(notes, pg.warn(string(quorum.NoTolerance)+":")+" "+strings.Join(none, ", ")+": the first failure is the loss of the quorum.")
	}
	if len(even) > 0 {
		notes = append(notes, fmt.Sprintf("%s %s tolerate what %s do, and are less available.", pg.warn(string(quorum.EvenEnsemble)+":"),
			strings.Join(even, ", "), strings.Join(odd, ", ")))
	}
	drawList(pg, "", notes)
}

// bare is a percentage for a column that says so in its head.
func bare(percent string) string { return strings.TrimSuffix(percent, " %") }

// assumptions say what the numbers rest on, once.
func (doc *quorumDoc) assumptions() []string {
	docs := slices.Clone(doc.Compare)
	if doc.ensembleDoc != nil {
		docs = append(docs, doc.ensembleDoc)
	}
	has := func(what func(d *ensembleDoc) bool) bool { return slices.ContainsFunc(docs, what) }
	var lines []string
	switch {
	case has(func(d *ensembleDoc) bool { return d.Placements != nil || d.Zones != nil && d.Zones.Availability != nil }):
		lines = append(lines, "servers and zones fail independently of each other; elections take no time")
	case doc.Recommendation != nil || has(func(d *ensembleDoc) bool { return d.Availability != nil }):
		lines = append(lines, "servers fail independently of each other, which servers in one rack do not; elections take no time")
	}
	if has(func(d *ensembleDoc) bool { return d.Repair != nil && d.Repair.Crew != "parallel" }) {
		lines = append(lines, "one crew repairs one failed server at a time, any of them as likely as the others")
	}
	if has(func(d *ensembleDoc) bool { return d.Repair != nil }) {
		lines = append(lines, "times to failure and repair are exponential; servers go on failing while there is no quorum")
	}
	if has(func(d *ensembleDoc) bool { return d.Latency != nil }) {
		lines = append(lines, "round trip plus fsync for each acknowledgement, the leader's own fsync for its own; nothing queues")
	}
	if has(func(d *ensembleDoc) bool { return d.Throughput != nil }) {
		lines = append(lines, throughputModel)
	}
	return lines
}
