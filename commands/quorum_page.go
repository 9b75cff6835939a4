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
		[2]string{"lasts", d.lastsText()},
		[2]string{"lost", d.lostText()},
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
		never := "never count"
		if d.Observers == 1 {
			never = "never counts"
		}
		return fmt.Sprintf("%s; %s, which %s", d.name, count(d.Observers, "observer"), never)
	}
	return d.name
}

func (d *ensembleDoc) quorumText() string {
	if d.Quorum == nil && d.Tolerates < 0 {
		return "none: not even all voters together"
	}
	if d.Quorum == nil {
		return ""
	}
	text := fmt.Sprintf("%d of %d", *d.Quorum, d.Voters)
	if d.System != "majority" {
		text = fmt.Sprintf("%d of %d at least", *d.Quorum, d.Voters)
		if d.MinimalQuorums != nil {
			text += ", the right ones: " + countText(d.MinimalQuorums) + " minimal quorum"
			if d.MinimalQuorums.Cmp(big.NewInt(1)) != 0 {
				text += "s"
			}
		}
	}
	return text
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
			text += fmt.Sprintf(" of servers %s, single points of failure", shortList(d.SinglePoints))
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
	text := fmt.Sprintf("%s, %s nines", percent(a.exact), significant(*a.Nines))
	if a.Unavailability > 0 {
		text += fmt.Sprintf("; down %s a year", humanSeconds(a.Downtime))
	}
	return text
}

// percentOf writes a probability as people say it: 99.999 %.
func percentOf(p float64) string { return niceNumber(roundTo(100*p, 1e12)) + " %" }

func roundTo(x, scale float64) float64 { return float64(int64(x*scale+0.5)) / scale }

// lastsText is how long it takes until a quorum is lost for the first time.
func (d *ensembleDoc) lastsText() string {
	switch {
	case d.Repair == nil || d.Repair.timeToLoss == 0:
		return ""
	case d.MTTQL == nil:
		return "longer than 1e308 s until the quorum is first lost"
	}
	return humanSeconds(d.Repair.timeToLoss) + " until the quorum is first lost"
}

// lostText is how often, and how long, it is lost in the long run.
func (d *ensembleDoc) lostText() string {
	if d.Repair == nil {
		return ""
	}
	r := d.Repair
	text := significant(r.Losses)
	if r.Losses == 0 && r.MeanOutage != nil { // below what a number holds, but known all the same
		text = powerOfTen((r.exact.LogDown() - math.Log(*r.MeanOutage) + math.Log(quorum.SecondsPerYear)) / math.Ln10)
	}
	text += " times a year"
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

// drawAssumptions says what the numbers rest on, once.
func drawAssumptions(pg *page, doc *quorumDoc) {
	docs := slices.Clone(doc.Compare)
	if doc.ensembleDoc != nil {
		docs = append(docs, doc.ensembleDoc)
	}
	var available, repair, oneCrew, latency, throughput, zones bool
	for _, d := range docs {
		available = available || d.Availability != nil || d.Placements != nil
		repair = repair || d.Repair != nil
		oneCrew = oneCrew || d.Repair != nil && d.Repair.Crew == quorum.OneCrew.String()
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
	if oneCrew {
		lines = append(lines, "one crew repairs one failed server at a time, any of them as likely as the others")
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
