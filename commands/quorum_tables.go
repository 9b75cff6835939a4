package commands

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"zkctl/quorum"
)

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
	columns = append(columns, left("survives any zone"), right("then tolerates"), right("available %"), right("down/year"))
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
		next := r.Failures+1 < len(d.Profile) && d.Profile[r.Failures+1].Fatal.Sign() == 0
		before := r.Failures > 0 && all(d.Profile[r.Failures-1])
		if r.Fatal.Sign() == 0 && next || all(r) && before {
			continue
		}
		share := new(big.Float).SetPrec(64).SetInt(r.Fatal)
		p, _ := share.Quo(share, new(big.Float).SetPrec(64).SetInt(r.Total)).Float64()
		rows = append(rows, []string{fmt.Sprint(r.Failures), countText(r.Fatal), countText(r.Total), fmt.Sprintf("%.2f %%", 100*p)})
	}
	pg.table([]column{right("failures"), right("fatal sets"), right("of"), right("share")}, rows)
}

func all(r profileDoc) bool { return r.Fatal.Cmp(r.Total) == 0 }

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

// drawCompare puts sizes side by side; columns that nobody asked for are left
// out.
func drawCompare(pg *page, docs []*ensembleDoc) {
	first := docs[0]
	columns := []column{right("voters"), right("quorum"), right("tolerates"), right("msgs")}
	if first.Availability != nil {
		columns = append(columns, right("available %"), right("down/year"))
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
