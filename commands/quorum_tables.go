package commands

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"zkctl/quorum"
)

// shownServers is how many rows of servers a table has: it is for reading.
const shownServers = 20

// drawImportance puts servers that are alike into one row.
func (d *ensembleDoc) drawImportance(pg *page) {
	if d.Availability == nil || d.Availability.Importance == nil {
		return
	}
	each, _ := d.Availability.PerNode.(map[string]float64)
	availability := func(server int64) float64 {
		if p, ok := each[fmt.Sprint(server)]; ok {
			return p
		}
		p, _ := d.Availability.PerNode.(float64)
		return p
	}
	var rows [][]string
	rest := d.Availability.Importance
	for len(rest) > 0 && len(rows) < shownServers {
		first := rest[0]
		var alike []int64
		for len(rest) > 0 && rest[0].Importance == first.Importance && availability(rest[0].Server) == availability(first.Server) {
			alike, rest = append(alike, rest[0].Server), rest[1:]
		}
		rows = append(rows, []string{shortList(alike), percentOf(availability(first.Server)), niceDigits(first.Importance)})
	}
	pg.table([]column{right("server"), right("available"), right("importance")}, rows)
	if len(rest) > 0 {
		pg.line("(and %s that matter less; all of them with -o json)", count(len(rest), "server"))
	}
}

// shortList is listOr for a cell: of many ids only the first ones.
func shortList(ids []int64) string {
	text := listOr(ids, "")
	if len(text) <= 40 {
		return text
	}
	cut := strings.LastIndex(text[:24], ",")
	return fmt.Sprintf("%s, … (%d)", text[:cut], len(ids))
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
	shown := profileRows(d.Profile)
	for _, i := range shown {
		r := d.Profile[i]
		rows = append(rows, []string{fmt.Sprint(r.Failures), countText(r.Fatal), countText(r.Total), fmt.Sprintf("%.2f %%", 100*r.share())})
	}
	pg.table([]column{right("failures"), right("fatal sets"), right("of"), right("share")}, rows)
	if shown[len(shown)-1]-shown[0] >= len(shown) {
		pg.line("(rows in between are left out; all of them with -o json)")
	}
}

// profileRows chooses the rows of a table: what is never or always fatal goes without
// saying, but for the last row of each; and of many rows, the first ones and
// those where the share passes a mark.
func profileRows(profile []profileDoc) []int {
	var telling []int
	for i, r := range profile {
		never := r.Fatal.Sign() == 0 && i+1 < len(profile) && profile[i+1].Fatal.Sign() == 0
		always := all(r) && i > 0 && all(profile[i-1])
		if !never && !always {
			telling = append(telling, i)
		}
	}
	if len(telling) <= 20 {
		return telling
	}
	shown := telling[:8:8]
	marks := []float64{0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99}
	for _, i := range telling[8:] {
		passed := false
		for len(marks) > 0 && profile[i].share() >= marks[0] {
			marks, passed = marks[1:], true
		}
		if passed || i == telling[len(telling)-1] {
			shown = append(shown, i)
		}
	}
	return shown
}

// share is how much of the sets of that size is fatal.
func (r profileDoc) share() float64 {
	share := new(big.Float).SetPrec(64).SetInt(r.Fatal)
	p, _ := share.Quo(share, new(big.Float).SetPrec(64).SetInt(r.Total)).Float64()
	return p
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
