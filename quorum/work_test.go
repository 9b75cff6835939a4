package quorum

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

// What a question takes is counted, not timed: every algorithm asks its budget
// before it works (see budget), so that the steps of an answer are known to the last one, on any
// machine, under any load. BenchmarkVoters says how long a step takes.

// systemsOf are systems of n voters of each polynomial kind.
func systemsOf(tb testing.TB, n int) map[string]System {
	tb.Helper()
	hierarchical := func(groups int, weight func(id int64) int64) System {
		m, err := MajorityOf(n)
		if err != nil {
			tb.Fatal(err)
		}
		weights := map[int64]int64{}
		list := make([]Group, groups)
		for i, id := range m.ids {
			g := &list[i*groups/n]
			g.ID = int64(i*groups/n) + 1
			g.Members = append(g.Members, id)
			weights[id] = weight(id)
		}
		s, err := NewHierarchical(m.ids, list, weights)
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	one := func(int64) int64 { return 1 }
	five := func(id int64) int64 { return id%5 + 1 }
	m, err := MajorityOf(n)
	if err != nil {
		tb.Fatal(err)
	}
	bigger, err := MajorityOf(n + n/10)
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]System{
		"majority":               m,
		"reconfiguration":        NewJoint(m, bigger),
		"weights 1-2":            hierarchical(1, func(id int64) int64 { return id%2 + 1 }),
		"weights 1-5":            hierarchical(1, five),
		"weights 1-n":            hierarchical(1, func(id int64) int64 { return id }),
		"groups of 40":           hierarchical(n/40, one),
		"groups of 40, weighted": hierarchical(n/40, five),
		"groups of 4":            hierarchical(n/4, one),
		"three groups":           hierarchical(3, one),
	}
}

// different gives every server a probability of its own, from 0.9 to 0.9999.
func different(id int64) Probability {
	return Probability{up: 0.9 + 0.0999*float64(id%1009)/1009, down: 0.1 - 0.0999*float64(id%1009)/1009}
}

// thirds are three zones.
func thirds(s System) []Zone {
	zones := []Zone{{Name: "a", Up: Probability{0.999, 0.001}}, {Name: "b", Up: Probability{0.999, 0.001}}, {Name: "c", Up: Probability{0.999, 0.001}}}
	for i, id := range s.Voters() {
		zones[i%3].Members = append(zones[i%3].Members, id)
	}
	return zones
}

// questions are those whose work depends on the system.
var questions = []struct {
	name string
	ask  func(b *budget, s System) error
	// worst is the highest power of n that the documentation allows, for each
	// system whose n voters have bounded weights; noted where a system is left out.
	worst float64
	skip  []string
}{
	{"minimal quorums", func(b *budget, s System) error { return second(countMinimalQuorums(b, s)) }, 3, []string{"weights 1-n"}},
	{"never matter", func(b *budget, s System) error { return second(dummies(b, s)) }, 2, nil},
	{"failure profile", func(b *budget, s System) error { return second(failureProfile(b, s)) }, 3,
		[]string{"weights 1-5", "weights 1-n"}},
	{"availability", func(b *budget, s System) error {
		chances, err := chancesOf(s, different)
		return errors.Join(err, second(availability(b, s, chances)))
	}, 2, nil},
	{"importance", func(b *budget, s System) error {
		chances, err := chancesOf(s, different)
		return errors.Join(err, second(importance(b, s, chances)))
	}, 2, nil},
	{"zones", func(b *budget, s System) error { return second(availableWithZones(b, s, different, thirds(s))) }, 2, []string{"reconfiguration"}},
	{"losses", func(b *budget, s System) error { return second(repairedInParallel(b, s, 1000, 1)) }, 2, nil},
	{"placements", func(b *budget, s System) error {
		m, ok := s.(*Majority)
		if !ok {
			return nil
		}
		return second(rankPlacements(b, m, []Zone{{Name: "a"}, {Name: "b"}, {Name: "c"}}, different(1)))
	}, 2, nil},
}

// aTenthOfASecond is what an answer about a thousand voters may take: a step is
// about a nanosecond, and 30 milliseconds are for starting and drawing.
const aTenthOfASecond = 70_000_000

// slower are the answers about a thousand voters that take more. Where weights
// go up to n, there are n²/2 sums: three times a tenth of a second for all at once.
var slower = map[string]int64{
	"importance of weights 1-n": 420_000_000,
	"losses of weights 1-n":     380_000_000,
	"zones of weights 1-n":      145_000_000,
}

func TestWorkForAThousandVoters(t *testing.T) {
	for name, s := range systemsOf(t, 1000) {
		for _, q := range questions {
			if slices.Contains(q.skip, name) {
				continue
			}
			b := budgetFor(s, q.name, aQuestion)
			if err := q.ask(b, s); err != nil {
				t.Errorf("%s of %s: %v", q.name, name, err)
			}
			limit := int64(aTenthOfASecond)
			if more, ok := slower[q.name+" of "+name]; ok {
				limit = more
			}
			if b.spent > limit {
				t.Errorf("%s of %s: %d steps, want at most %d", q.name, name, b.spent, limit)
			}
			t.Logf("%-16s %-24s %12d steps", q.name, name, b.spent)
		}
	}
}

// TestWorkGrowsAsDocumented doubles the voters: the steps may grow by 2^worst, and
// by one power more where the weights grow with n.
func TestWorkGrowsAsDocumented(t *testing.T) {
	const n = 400
	small, large := systemsOf(t, n), systemsOf(t, 2*n)
	for name := range small {
		for _, q := range questions {
			if slices.Contains(q.skip, name) {
				continue
			}
			few, many := budgetFor(small[name], q.name, aQuestion), budgetFor(large[name], q.name, aQuestion)
			if err := errors.Join(q.ask(few, small[name]), q.ask(many, large[name])); err != nil {
				t.Errorf("%s of %s: %v", q.name, name, err)
			}
			worst := q.worst
			if name == "weights 1-n" {
				worst++
			}
			growth := math.Log2(float64(many.spent) / float64(max(few.spent, 1)))
			if few.spent > 100_000 && growth > worst+0.2 {
				t.Errorf("%s of %s: n^%.2f (%d steps, then %d), want n^%v", q.name, name, growth, few.spent, many.spent, worst)
			}
			if few.spent > 0 {
				t.Logf("%-16s %-24s n^%.2f", q.name, name, growth)
			}
		}
	}
}

// TestAThousandVoters asks what costs no steps to speak of, and looks at the rest.
func TestAThousandVoters(t *testing.T) {
	up := Uniform(prob(t, "0.99"))
	for name, s := range systemsOf(t, 1000) {
		tol, err := Tolerance(s)
		if err != nil || tol.Guaranteed < 100 || !Has(s, s.Voters()...) {
			t.Errorf("%s: %+v (%v)", name, tol, err)
		}
		if points := SinglePoints(s); points != nil {
			t.Errorf("%s: single points %v", name, points)
		}
		if ws, err := Lint(s); err != nil || name == "groups of 40" && len(ws) > 0 {
			t.Errorf("%s: %v (%v)", name, ws, err)
		}
		a, err := Available(s, up)
		if err != nil || !(a.Nines() > 50) {
			t.Errorf("%s: %v nines (%v)", name, a.Nines(), err)
		}
		if name == "reconfiguration" {
			continue
		}
		zoned, err := AvailableWithZones(s, up, spread([]int{334, 333, 333}, prob(t, "0.999")))
		if err != nil || zoned.Down() < 1e-6 || zoned.Down() > 1e-2 {
			t.Errorf("%s in zones: %v (%v)", name, zoned.Down(), err)
		}
	}
	m := systemsOf(t, 1000)["majority"]
	if first, err := MeanTimeToLoss(m, 1000, 1, Parallel); err != nil || !math.IsInf(first, 1) {
		t.Errorf("a thousand lose their quorum after %v (%v)", first, err)
	}
	if r, err := Repairable(m, 1000, 1, Parallel); err != nil || r.MeanOutage <= 0 {
		t.Errorf("repair of a thousand: %+v (%v)", r, err)
	}
}

// TestTooLargeIsSaidEarly asks what is left out above: the error comes before
// the work.
func TestTooLargeIsSaidEarly(t *testing.T) {
	systems := systemsOf(t, 1000)
	for _, q := range questions {
		for _, name := range q.skip {
			b := budgetFor(systems[name], q.name, aQuestion)
			if q.name == "minimal quorums" {
				b.limit = aGlance
			}
			err := q.ask(b, systems[name])
			if name == "reconfiguration" && q.name == "zones" {
				continue
			}
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s of %s: %v, want ErrTooLarge", q.name, name, err)
			}
		}
	}
}

// BenchmarkVoters answers each question about a thousand voters, and says how
// many steps that takes and how long a step.
func BenchmarkVoters(b *testing.B) {
	systems := systemsOf(b, 1000)
	names := make([]string, 0, len(systems))
	for name := range systems {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, q := range questions {
		for _, name := range names {
			if slices.Contains(q.skip, name) || q.name == "placements" && name != "majority" {
				continue
			}
			b.Run(fmt.Sprintf("%s/%s", q.name, name), func(b *testing.B) {
				var steps int64
				for b.Loop() {
					budget := budgetFor(systems[name], q.name, aQuestion)
					if err := q.ask(budget, systems[name]); err != nil {
						b.Fatal(err)
					}
					steps = budget.spent
				}
				b.ReportMetric(float64(steps), "steps")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(steps, 1)), "ns/step")
			})
		}
	}
}

// BenchmarkIsQuorum is what the engine asks at every vote and acknowledgement.
func BenchmarkIsQuorum(b *testing.B) {
	for name, s := range systemsOf(b, 1000) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.IsQuorum(func(id int64) bool { return id%3 != 0 })
			}
		})
	}
}
