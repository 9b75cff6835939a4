package quorum

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestGoldenTargets(t *testing.T) {
	for _, g := range loadGolden(t).Targets {
		n, a, err := SmallestFor(prob(t, g.P), prob(t, g.Target))
		if err != nil || n != g.N {
			t.Errorf("p=%s target=%s: %d (%v), want %d", g.P, g.Target, n, err, g.N)
		}
		m, _ := MajorityOf(n)
		if b, err := Available(m, Uniform(prob(t, g.P))); err != nil || !near(a.Down(), b.Down(), 1e-9) {
			t.Errorf("p=%s n=%d: %v, want %v", g.P, n, a.Down(), b.Down())
		}
	}
}

// TestGoldenBestWeights tries all weights from 0 to 5 for five unequal servers: the golden ones
// are the best, and follow the log-odds.
func TestGoldenBestWeights(t *testing.T) {
	g := loadGolden(t).Heterogeneous
	ps := map[int64]Probability{}
	for id := int64(1); id <= 5; id++ {
		ps[id] = prob(t, decimal(g.P[strconv.FormatInt(id, 10)]))
		if c := ps[id].chance(); math.Abs(c.up-c.down-g.Best.LogOdds[id-1]) > 1e-6 {
			t.Errorf("log odds of %d: %v, want %v", id, c.up-c.down, g.Best.LogOdds[id-1])
		}
	}
	of := func(weights []int64) float64 {
		byID := map[int64]int64{}
		for i, w := range weights {
			byID[int64(i+1)] = w
		}
		s, err := NewHierarchical(oneTo(5), []Group{{1, oneTo(5)}}, byID)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Available(s, func(id int64) Probability { return ps[id] })
		if err != nil {
			t.Fatal(err)
		}
		return a.Up()
	}
	best := of(g.Best.Weights)
	if !near(best, g.Best.A, 1e-13) {
		t.Errorf("weights %v: %v, want %v", g.Best.Weights, best, g.Best.A)
	}
	for all := range 6 * 6 * 6 * 6 * 6 {
		weights := make([]int64, 5)
		for i := range weights {
			weights[i], all = int64(all%6), all/6
		}
		if got := of(weights); got > best*(1+1e-13) {
			t.Fatalf("weights %v: %v is better than %v", weights, got, best)
		}
	}
}

// spread puts voters 1..n on zones in blocks of the given sizes.
func spread(sizes []int, up Probability) []Zone {
	var zones []Zone
	next := int64(1)
	for i, size := range sizes {
		z := Zone{Name: string(rune('A' + i)), Up: up}
		for range size {
			z.Members = append(z.Members, next)
			next++
		}
		zones = append(zones, z)
	}
	return zones
}

func TestGoldenBalancedZones(t *testing.T) {
	for _, g := range loadGolden(t).Balanced {
		m, _ := MajorityOf(g.N)
		r, err := Zones(m, spread(g.Sizes, Certain))
		if err != nil || r.SurvivesAny != g.Survives || g.Further != nil && r.Worst != *g.Further || g.Block != nil && *r.ToBlock != *g.Block {
			t.Errorf("%v: %+v (%v), want %+v", g.Sizes, r, err, g)
		}
	}
}

func TestGoldenZones(t *testing.T) {
	g := loadGolden(t)
	for name, z := range g.Zones {
		var s *System
		switch {
		case strings.HasPrefix(name, "maj"):
			s, _ = MajorityOf(len(z.Placement))
		case strings.HasPrefix(name, "hier3x3"):
			s = fromConfig(t, g.Hierarchical["zkdoc-3x3"].Config)
		case strings.HasPrefix(name, "weighted"):
			var err error
			if s, err = NewHierarchical([]int64{1, 2, 3, 4}, []Group{{1, []int64{1, 2, 3, 4}}}, map[int64]int64{1: 2}); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("unknown system of %s", name)
		}
		members := map[string][]int64{}
		for _, id := range s.Voters() {
			zone := z.Placement[strconv.FormatInt(id, 10)]
			members[zone] = append(members[zone], id)
		}
		for pz, want := range z.Availability {
			var zones []Zone
			for _, zone := range slices.Sorted(maps.Keys(members)) {
				zones = append(zones, Zone{zone, members[zone], prob(t, strings.TrimPrefix(pz, "pz="))})
			}
			r, err := Zones(s, zones)
			if err != nil || r.SurvivesAny != z.Any || r.Worst != z.Worst || *r.ToBlock != z.Block {
				t.Errorf("%s: %+v (%v), want %+v", name, r, err, z)
			}
			if !maps.Equal(r.Survives, z.Survives) || !maps.Equal(r.Further, z.Further) {
				t.Errorf("%s: %+v", name, r)
			}
			a, err := AvailableWithZones(s, Uniform(prob(t, "0.99")), zones)
			if err != nil || !near(a.Up(), want, 1e-14) {
				t.Errorf("%s %s: %v (%v), want %v", name, pz, a.Up(), err, want)
			}
		}
	}
}

func TestGoldenOverlappingDomains(t *testing.T) {
	g := loadGolden(t).Overlapping
	m, _ := MajorityOf(5)
	var zones []Zone
	for _, name := range slices.Sorted(maps.Keys(g.Domains)) {
		zones = append(zones, Zone{name, g.Domains[name], prob(t, decimal(g.P[name]))})
	}
	a, err := AvailableWithZones(m, Uniform(prob(t, decimal(g.Node))), zones)
	if err != nil || !near(a.Down(), g.U, 1e-11) {
		t.Errorf("%v (%v), want %v", a.Down(), err, g.U)
	}
	r, err := Zones(m, zones)
	if err != nil {
		t.Fatal(err)
	}
	var fatal []string
	for _, z := range zones {
		if !r.Survives[z.Name] {
			fatal = append(fatal, z.Name)
		}
	}
	if !slices.Equal(fatal, g.Points) || *r.ToBlock != 1 {
		t.Errorf("fatal domains %v (%d to block), want %v", fatal, *r.ToBlock, g.Points)
	}
}

// The ways to spread voters over zones, the most available first.
func TestGoldenPlacement(t *testing.T) {
	for _, g := range loadGolden(t).Placement {
		m, err := MajorityOf(g.N)
		if err != nil {
			t.Fatal(err)
		}
		better := 1.0
		for i, want := range g.Ranked {
			a, err := AvailableWithZones(m, Uniform(prob(t, decimal(g.Node))), spread(want.Sizes, prob(t, decimal(g.Zone))))
			if err != nil {
				t.Fatal(err)
			}
			if !near(a.Up(), want.A, 1e-14) || a.Up() > better {
				t.Errorf("n=%d rank %d: %v has %v, want %v and no more than %v", g.N, i, want.Sizes, a.Up(), want.A, better)
			}
			better = a.Up()
		}
	}
}

func TestGoldenRepair(t *testing.T) {
	rows := loadGolden(t).Markov
	if len(rows) == 0 {
		t.Fatal("no rows")
	}
	for _, g := range rows {
		if g.Repair != "parallel" {
			t.Fatalf("unknown repair %q", g.Repair)
		}
		m, _ := MajorityOf(g.N)
		r, err := Repairable(m, g.MTTF, g.MTTR)
		if err != nil {
			t.Fatal(err)
		}
		first, err := MeanTimeToLoss(m, g.MTTF, g.MTTR)
		losses := r.LossesPerTime * SecondsPerYear / 3600
		if err != nil || !near(first, g.MTTQL, 1e-9) || !near(losses, g.Losses, 1e-9) ||
			!near(r.MeanOutage, g.Outage, 1e-9) || !near(r.Availability.Up(), g.A, 1e-12) {
			t.Errorf("n=%d %v/%v: %+v losses %v (%v), want %+v", g.N, g.MTTF, g.MTTR, r, losses, err, g)
		}
		p, err := FromRepair(g.MTTF, g.MTTR)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := Available(m, Uniform(p)); err != nil || !near(a.Down(), r.Availability.Down(), 1e-9) {
			t.Errorf("n=%d: chain %v, availability %v (%v)", g.N, r.Availability.Down(), a.Down(), err)
		}
	}
	four, _ := MajorityOf(4)
	if first, err := MeanTimeToLoss(four, 1000, 1); err != nil || !near(first, 83_916.666666666, 1e-9) {
		t.Errorf("n=4: %v (%v)", first, err)
	}
}

func TestGoldenMessages(t *testing.T) {
	for _, g := range loadGolden(t).Messages {
		m := MessagesPerWrite(g.Voters, g.Observers)
		if want := (Messages{g.Proposal, g.Ack, g.Commit, g.Inform, g.Total, g.Copies}); m != want {
			t.Errorf("%d+%d: %+v, want %+v", g.Voters, g.Observers, m, want)
		}
	}
}
