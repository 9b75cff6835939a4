package commands

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"zkctl/quorum"
)

// draw lays the document out for people: a design review is where it ends up.
func (doc *quorumDoc) draw(pg *page) {
	d := doc.ensembleDoc
	if d != nil {
		d.draw(pg)
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
	drawAssumptions(pg, doc)
}

func (d *ensembleDoc) draw(pg *page) {
	pg.fields(
		[2]string{"ensemble", d.ensembleText()},
		[2]string{"quorum", d.quorumText()},
		[2]string{"tolerates", d.toleranceText(pg)},
		[2]string{"never matter", listOr(d.NeverMatter, "")},
		[2]string{"one write", d.writeText()},
		[2]string{"available", availabilityText(d.Availability)},
		[2]string{"lasts", d.repairText()},
		[2]string{"throughput", d.throughputText()},
		[2]string{"what if", d.whatIfText(pg)},
	)
	d.drawImportance(pg)
	d.drawZones(pg)
	d.drawPlacements(pg)
	d.drawBestWeights(pg)
	d.drawLatency(pg)
	d.drawProfile(pg)
	drawSets(pg, "minimal quorums", d.Quorums)
	drawSets(pg, "minimal blocking sets", d.Blocking)
	for i, w := range d.Warnings {
		if i == 0 {
			pg.block()
		}
		pg.line("- %s %s", pg.warn(string(w.Code)+":"), w.Text)
	}
	for i, n := range d.Notes {
		if i == 0 {
			pg.block()
		}
		pg.line("- note: %s", n)
	}
}

func (d *ensembleDoc) ensembleText() string {
	if d.Observers > 0 {
		return fmt.Sprintf("%s; %s, which never count", d.name, count(d.Observers, "observer"))
	}
	return d.name
}

func (d *ensembleDoc) quorumText() string {
	if d.Quorum == nil {
		return "none: not even all voters together"
	}
	text := fmt.Sprintf("%d of %d", *d.Quorum, d.Voters)
	if d.System != "majority" {
		text = fmt.Sprintf("%d of %d at least", *d.Quorum, d.Voters)
		if d.MinimalQuorums != nil {
			text += ", the right ones: " + countText(*d.MinimalQuorums) + " minimal quorums"
		}
	}
	return text
}

// countText writes a big count as it is up to a trillion, then rounded.
func countText(raw []byte) string {
	if len(raw) <= 12 {
		return string(raw)
	}
	f, _, err := big.ParseFloat(string(raw), 10, 64, big.ToNearestEven)
	if err != nil {
		return string(raw)
	}
	return "about " + f.Text('g', 3)
}

func (d *ensembleDoc) toleranceText(pg *page) string {
	if d.Quorum == nil {
		return pg.bad("nothing: there is never a quorum")
	}
	text := count(d.Tolerates, "failure") + ", whichever servers they hit"
	if d.Tolerates == 0 {
		text = pg.bad("no failure")
		if n := len(d.SinglePoints); n > 0 && n < d.Voters {
			text += fmt.Sprintf(" of %s (single points of failure)", listOr(d.SinglePoints, ""))
		}
	}
	if *d.ToleratesAtBest > d.Tolerates {
		text += fmt.Sprintf("; at best %d", *d.ToleratesAtBest)
	}
	return text
}

func (d *ensembleDoc) writeText() string {
	if d.Messages.Total == 0 {
		return "no message: there is nobody to tell"
	}
	return fmt.Sprintf("%s between servers, %s of the payload", count(d.Messages.Total, "message"), countOf(d.Messages.Copies, "copy", "copies"))
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func availabilityText(a *availabilityDoc) string {
	switch {
	case a == nil:
		return ""
	case a.Nines == nil:
		return "100 %"
	}
	text := fmt.Sprintf("%s, %.3g nines", percent(a.exact), *a.Nines)
	if a.Unavailability > 0 {
		text += fmt.Sprintf("; down %s a year", humanSeconds(a.Downtime))
	}
	return text
}

// percentOf writes a probability as people say it: 99.999 %.
func percentOf(p float64) string { return niceNumber(roundTo(100*p, 1e12)) + " %" }

func roundTo(x, scale float64) float64 { return float64(int64(x*scale+0.5)) / scale }

func (d *ensembleDoc) repairText() string {
	if d.Repair == nil {
		return ""
	}
	r := d.Repair
	if math.IsInf(r.timeToLoss, 1) {
		return "longer than 1e308 s"
	}
	text := fmt.Sprintf("%s until the quorum is first lost; lost %s times a year", humanSeconds(r.timeToLoss), significant(r.Losses))
	if r.MeanOutage != nil {
		text += ", for " + humanSeconds(*r.MeanOutage)
	}
	return text
}

func (d *ensembleDoc) throughputText() string {
	if d.Throughput == nil {
		return ""
	}
	t := d.Throughput
	return fmt.Sprintf("%s ops/s at %s reads; reads only %s, writes only %s (%s)", kilo(t.Ops), percentOf(t.Reads), kilo(t.ReadsPS), kilo(t.WritesPS), t.Basis)
}

func kilo(x float64) string { return significant(x/1000) + "k" }

func (d *ensembleDoc) whatIfText(pg *page) string {
	if d.WhatIf == nil {
		return ""
	}
	subject := listOr(d.WhatIf.Failed, "") + " down: "
	if !d.WhatIf.HasQuorum {
		return subject + pg.bad("no quorum")
	}
	if d.WhatIf.Further == 0 {
		return subject + pg.warn("a quorum, and no further failure is tolerated")
	}
	return subject + pg.good("a quorum") + ", and tolerates " + count(d.WhatIf.Further, "further failure")
}

func (d *ensembleDoc) drawImportance(pg *page) {
	if d.Availability == nil || d.Availability.Importance == nil {
		return
	}
	var rows [][]string
	each, _ := d.Availability.PerNode.(map[string]float64)
	for _, i := range d.Availability.Importance {
		p, ok := each[fmt.Sprint(i.Server)]
		if !ok {
			p, _ = d.Availability.PerNode.(float64)
		}
		rows = append(rows, []string{fmt.Sprint(i.Server), percentOf(p), niceDigits(i.Importance)})
	}
	pg.table([]column{right("server"), right("available"), right("importance")}, rows)
}

func niceDigits(x float64) string {
	if x != 0 && x < 1e-4 {
		return fmt.Sprintf("%.3e", x)
	}
	return fmt.Sprintf("%.6f", x)
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
	columns := []column{}
	for _, z := range d.zoneSet {
		columns = append(columns, right(z.Name))
	}
	columns = append(columns, left("survives any zone"), right("then tolerates"), right("available %"), right("down a year"))
	var rows [][]string
	for _, p := range d.Placements {
		var row []string
		for _, n := range p.sizes {
			row = append(row, fmt.Sprint(n))
		}
		survives, further := pg.bad("no"), "-"
		if p.SurvivesAny {
			survives, further = pg.good("yes"), fmt.Sprint(p.WorstFurther)
		}
		rows = append(rows, append(row, survives, further, bare(percent(p.Availability.exact)), humanSeconds(p.Availability.Downtime)))
	}
	pg.table(columns, rows)
	if hidden := d.placed - len(d.Placements); hidden > 0 {
		pg.line("(and %d worse ones)", hidden)
	}
}

func (d *ensembleDoc) drawBestWeights(pg *page) {
	w := d.BestWeights
	if w == nil {
		return
	}
	var parts []string
	for i, id := range w.ids {
		parts = append(parts, fmt.Sprintf("%d=%d", id, w.weights[i]))
	}
	flags := "--groups " + w.Groups
	if w.Flag != "" {
		flags += " --weights " + w.Flag
	}
	pg.fields([2]string{"best weights", strings.Join(parts, " ")}, [2]string{"available", availabilityText(w.Availability)},
		[2]string{"as flags", flags})
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
		least, most := l.Writes[0], l.Writes[0]
		for _, w := range l.Writes {
			if w.Time < least.Time {
				least = w
			}
			if w.Time > most.Time {
				most = w
			}
		}
		rows = append(rows, []string{fmt.Sprint(l.Leader), humanSeconds(*l.Commit), listOr(l.Acks, ""),
			fmt.Sprintf("%s via %d .. %s via %d", humanSeconds(least.Time), least.Via, humanSeconds(most.Time), most.Via)})
	}
	pg.table([]column{right("leader"), right("commit"), left("acks of"), left("a client's write")}, rows)
}

func (d *ensembleDoc) drawProfile(pg *page) {
	if d.Profile == nil {
		return
	}
	var rows [][]string
	for _, r := range d.Profile {
		// What is never or always fatal goes without saying, but for the last row of each.
		next := r.Failures+1 < len(d.Profile) && d.Profile[r.Failures+1].fatal.Sign() == 0
		before := r.Failures > 0 && all(d.Profile[r.Failures-1])
		if r.fatal.Sign() == 0 && next || all(r) && before {
			continue
		}
		share := new(big.Rat).SetFrac(r.fatal, r.total)
		p, _ := share.Float64()
		rows = append(rows, []string{fmt.Sprint(r.Failures), countText(r.Fatal), countText(r.Total), fmt.Sprintf("%.2f %%", 100*p)})
	}
	pg.table([]column{right("failures"), right("fatal sets"), right("of"), right("share")}, rows)
}

func all(r profileDoc) bool { return r.fatal.Cmp(r.total) == 0 }

func drawSets(pg *page, title string, sets [][]int64) {
	if sets == nil {
		return
	}
	pg.para("%s (%d):", title, len(sets))
	var parts []string
	for _, set := range sets {
		parts = append(parts, "{"+idText(set)+"}")
	}
	pg.line("%s", strings.Join(parts, " "))
}

// listOr writes ids as 1-3, 7; the alternative when there are none.
func listOr(ids []int64, alternative string) string {
	if len(ids) == 0 {
		return alternative
	}
	sorted := slices.Clone(ids)
	if !slices.IsSorted(sorted) {
		return strings.ReplaceAll(idText(sorted), ",", ", ") // an order that means something
	}
	var parts []string
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j+1] == sorted[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, fmt.Sprintf("%d-%d", sorted[i], sorted[j]))
		} else {
			for _, id := range sorted[i : j+1] {
				parts = append(parts, fmt.Sprint(id))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// drawCompare puts sizes side by side; columns that nobody asked for are left
// out.
func drawCompare(pg *page, docs []*ensembleDoc) {
	first := docs[0]
	columns := []column{right("voters"), right("quorum"), right("tolerates"), right("msgs")}
	if first.Availability != nil {
		columns = append(columns, right("available %"), right("down a year"))
	}
	if first.Repair != nil {
		columns = append(columns, right("lasts"))
	}
	if first.Throughput != nil {
		columns = append(columns, right("ops/s"))
	}
	var rows [][]string
	for _, d := range docs {
		row := []string{fmt.Sprint(d.Voters), fmt.Sprint(*d.Quorum), fmt.Sprint(d.Tolerates), fmt.Sprint(d.Messages.Total)}
		if d.Availability != nil {
			row = append(row, bare(percent(d.Availability.exact)), humanSeconds(d.Availability.Downtime))
		}
		if d.Repair != nil {
			row = append(row, humanSeconds(d.Repair.timeToLoss))
		}
		if d.Throughput != nil {
			row = append(row, kilo(d.Throughput.Ops))
		}
		rows = append(rows, row)
	}
	pg.table(columns, rows)
	drawCompareNotes(pg, docs)
}

// drawCompareNotes says in a line what the rows' warnings say in sentences.
func drawCompareNotes(pg *page, docs []*ensembleDoc) {
	var even, odd, none []string
	for _, d := range docs {
		if d.Tolerates == 0 {
			none = append(none, fmt.Sprint(d.Voters))
		} else if slices.ContainsFunc(d.Warnings, func(w quorum.Warning) bool { return w.Code == quorum.EvenEnsemble }) {
			even, odd = append(even, fmt.Sprint(d.Voters)), append(odd, fmt.Sprint(d.Voters-1))
		}
	}
	if len(even)+len(none) > 0 {
		pg.block()
	}
	if len(none) > 0 {
		pg.line("- %s %s: the first failure is the loss of the quorum.", pg.warn(string(quorum.NoTolerance)+":"), strings.Join(none, ", "))
	}
	if len(even) > 0 {
		pg.line("- %s %s tolerate what %s do, and are less available.", pg.warn(string(quorum.EvenEnsemble)+":"),
			strings.Join(even, ", "), strings.Join(odd, ", "))
	}
}

// bare is a percentage for a column that says so in its head.
func bare(percent string) string { return strings.TrimSuffix(percent, " %") }

// drawAssumptions says what the numbers rest on, once.
func drawAssumptions(pg *page, doc *quorumDoc) {
	docs := slices.Clone(doc.Compare)
	if doc.ensembleDoc != nil {
		docs = append(docs, doc.ensembleDoc)
	}
	var available, repair, latency, throughput, zones bool
	for _, d := range docs {
		available = available || d.Availability != nil || d.Placements != nil
		repair = repair || d.Repair != nil
		latency = latency || d.Latency != nil
		throughput = throughput || d.Throughput != nil
		zones = zones || d.Placements != nil || d.Zones != nil && d.Zones.Availability != nil
	}
	var lines []string
	switch {
	case zones:
		lines = append(lines, "servers and zones fail independently of each other; elections take no time")
	case available || doc.Recommendation != nil:
		lines = append(lines, "servers fail independently of each other, which servers in one rack do not; elections take no time")
	}
	if repair {
		lines = append(lines, "times to failure and repair are exponential; servers go on failing while there is no quorum")
	}
	if latency {
		lines = append(lines, "round trip plus fsync for each acknowledgement, the leader's own fsync for its own; nothing queues")
	}
	if throughput {
		lines = append(lines, throughputModel)
	}
	if len(lines) == 0 {
		return
	}
	pg.block()
	for _, l := range lines {
		pg.line("- assumes: %s", l)
	}
}
