package quorum

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuorumsAgreeWithBruteForce(t *testing.T) {
	forRandomSystems(t, 2000, func(t *testing.T, b brute, _ *rand.Rand) {
		if !slices.Equal(b.system.Voters(), b.ids) {
			t.Errorf("voters %v, want %v", b.system.Voters(), b.ids)
		}
		b.states(func(set int, quorum bool) {
			if got := b.system.Has(b.set(set)...); got != quorum {
				t.Errorf("%v: quorum %v, want %v", b.set(set), got, quorum)
			}
		})
	})
}

func TestToleranceAgreesWithBruteForce(t *testing.T) {
	forRandomSystems(t, 2000, func(t *testing.T, b brute, _ *rand.Rand) {
		want := b.tolerances()
		got, err := Tolerance(b.system)
		if err != nil || got != want {
			t.Errorf("tolerance %+v, want %+v (%v)", got, want, err)
		}
		var points, dummies []int64
		if b.has(b.all()) {
			for i, id := range b.ids {
				if !b.has(b.all() &^ (1 << i)) {
					points = append(points, id)
				}
				matters := false
				b.states(func(set int, quorum bool) { matters = matters || quorum && !b.has(set&^(1<<i)) })
				if !matters {
					dummies = append(dummies, id)
				}
			}
		}
		if got := SinglePoints(b.system); !slices.Equal(got, points) {
			t.Errorf("single points %v, want %v", got, points)
		}
		if got, err := ShapeOf(b.system); err != nil || !slices.Equal(got.Dummies, dummies) {
			t.Errorf("dummies %v, want %v (%v)", got.Dummies, dummies, err)
		}
	})
}

func TestCountsAgreeWithBruteForce(t *testing.T) {
	forRandomSystems(t, 2000, func(t *testing.T, b brute, _ *rand.Rand) {
		quorums, blocking := b.minimal(false), b.minimal(true)
		got, err := ShapeOf(b.system)
		if err != nil || got.MinimalQuorums.Int64() != int64(len(quorums)) || got.MinimalBlocking.Int64() != int64(len(blocking)) {
			t.Errorf("%+v (%v), want %d minimal quorums and %d blocking sets", got, err, len(quorums), len(blocking))
		}
		want := make([]int64, len(b.ids)+1)
		b.states(func(set int, quorum bool) {
			if !quorum {
				want[len(b.ids)-bits.OnesCount(uint(set))]++
			}
		})
		for f, n := range got.Fatal {
			if n.Int64() != want[f] {
				t.Errorf("%v sets of %d are fatal, want %v", n, f, want[f])
			}
		}
	})
}

// near compares relatively.
func near(got, want, tolerance float64) bool {
	return got == want || math.Abs(got-want) <= tolerance*math.Abs(want)
}

// randomProbabilities are decimals, so that exact rationals exist: from certain
// to nine nines, and now and then worse than a coin.
func randomProbabilities(r *rand.Rand, ids []int64) (map[int64]Probability, map[int64]*big.Rat) {
	texts := []string{"0.9", "0.99", "0.999", "0.999999999", "0.5", "0.3", "1", "0", "0.01", "99.95%"}
	ps, exact := map[int64]Probability{}, map[int64]*big.Rat{}
	uniform := r.IntN(2) == 0
	text := texts[r.IntN(6)]
	for _, id := range ids {
		if !uniform {
			text = texts[r.IntN(len(texts))]
		}
		p, err := ParseProbability(text)
		if err != nil {
			panic(err)
		}
		ps[id] = p
		rat, ok := new(big.Rat).SetString(text)
		if !ok { // the percentage
			rat = big.NewRat(9995, 10000)
		}
		exact[id] = rat
	}
	return ps, exact
}

func TestAvailabilityAgreesWithBruteForce(t *testing.T) {
	forRandomSystems(t, 500, func(t *testing.T, b brute, r *rand.Rand) {
		ps, exact := randomProbabilities(r, b.ids)
		up := func(id int64) Probability { return ps[id] }
		got, err := Available(b.system, up)
		if err != nil {
			t.Fatal(err)
		}
		want := b.unavailability(func(id int64) *big.Rat { return exact[id] })
		down, _ := want.Float64()
		available, _ := new(big.Rat).Sub(big.NewRat(1, 1), want).Float64()
		if !near(got.Down(), down, 1e-11) || !near(got.Up(), available, 1e-11) {
			t.Errorf("down %v up %v, want %v %v; p=%v", got.Down(), got.Up(), down, available, exact)
		}
		importance, err := Importance(b.system, up)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range b.ids {
			at := func(p *big.Rat) *big.Rat {
				return b.unavailability(func(other int64) *big.Rat {
					if other == id {
						return p
					}
					return exact[other]
				})
			}
			without := at(new(big.Rat))
			want, _ := new(big.Rat).Sub(without, at(big.NewRat(1, 1))).Float64()
			whole, _ := without.Float64()
			if math.Abs(importance[i]-want) > 1e-11*want+1e-12*whole {
				t.Errorf("importance of %d: %v, want %v; p=%v", id, importance[i], want, exact)
			}
		}
	})
}

// randomZones are up to four, overlapping or not, some with their own failures.
func randomZones(r *rand.Rand, ids []int64) []Zone {
	zones := make([]Zone, 1+r.IntN(4))
	overlap := r.IntN(2) == 0
	for i := range zones {
		p, err := ParseProbability([]string{"0.999", "0.9", "1"}[r.IntN(3)])
		if err != nil {
			panic(err)
		}
		zones[i] = Zone{Name: string(rune('a' + i)), Up: p}
	}
	for _, id := range ids {
		for i := range zones {
			if overlap && r.IntN(2) == 0 || !overlap && int(id)%len(zones) == i {
				zones[i].Members = append(zones[i].Members, id)
			}
		}
	}
	return zones
}

func TestZonesAgreeWithBruteForce(t *testing.T) {
	forRandomSystems(t, 500, func(t *testing.T, b brute, r *rand.Rand) {
		zones := randomZones(r, b.ids)
		ps, exact := randomProbabilities(r, b.ids)
		report, err := Zones(b.system, zones)
		if err != nil {
			t.Fatal(err)
		}
		lost := func(set int) int { // the voters that a set of zones takes along
			dead := 0
			for z := range zones {
				for i, id := range b.ids {
					if set>>z&1 == 1 && slices.Contains(zones[z].Members, id) {
						dead |= 1 << i
					}
				}
			}
			return dead
		}
		toBlock := -1
		want := new(big.Rat)
		for set := range 1 << len(zones) {
			dead := lost(set)
			if !b.has(b.all()&^dead) && (toBlock < 0 || bits.OnesCount(uint(set)) < toBlock) {
				toBlock = bits.OnesCount(uint(set))
			}
			p := big.NewRat(1, 1)
			for z := range zones {
				up, _ := new(big.Rat).SetString(decimal(zones[z].Up.Up()))
				if set>>z&1 == 1 {
					up.Sub(big.NewRat(1, 1), up)
				}
				p.Mul(p, up)
			}
			want.Add(want, p.Mul(p, b.unavailability(func(id int64) *big.Rat {
				if dead>>slices.Index(b.ids, id)&1 == 1 {
					return new(big.Rat)
				}
				return exact[id]
			})))
		}
		if got := report.ToBlock; (got == nil) != (toBlock < 0) || got != nil && *got != toBlock {
			t.Errorf("zones %v: %v to block, want %d", zones, got, toBlock)
		}
		for z := range zones {
			further := -1
			alive := b.all() &^ lost(1<<z)
			if b.has(alive) {
				further = len(b.ids)
				for set := range 1 << len(b.ids) {
					if !b.has(alive &^ set) {
						further = min(further, bits.OnesCount(uint(set&alive))-1)
					}
				}
			}
			if report.Survives[zones[z].Name] != (further >= 0) || report.Further[zones[z].Name] != further {
				t.Errorf("zone %v: %v %v, want %d", zones[z], report.Survives, report.Further, further)
			}
		}
		a, err := AvailableWithZones(b.system, func(id int64) Probability { return ps[id] }, zones)
		down, _ := want.Float64()
		if err != nil || !near(a.Down(), down, 1e-11) {
			t.Errorf("zones %v p %v: %v (%v), want %v", zones, exact, a.Down(), err, down)
		}
	})
}

// TestRepairAgreesWithStates solves the chain over all 2^n sets of failed servers,
// not lumped, by iteration: a different chain and a different method.
func TestRepairAgreesWithStates(t *testing.T) {
	forRandomSystems(t, 60, func(t *testing.T, b brute, r *rand.Rand) {
		if len(b.ids) > 0 && len(b.ids) <= 6 && b.has(b.all()) {
			repairAgrees(t, b, []float64{1, 5}[r.IntN(2)])
		}
	})
	// Groups that are alike are exchanged for each other.
	for _, weights := range []map[int64]int64{nil, {1: 2, 3: 2, 5: 2}, {1: 2, 3: 2, 5: 3}, {1: 0, 3: 0}} {
		groups := []Group{{1, []int64{1, 2}}, {2, []int64{3, 4}}, {3, []int64{5, 6}}}
		all := map[int64]int64{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}
		maps.Copy(all, weights)
		ids := []int64{1, 2, 3, 4, 5, 6}
		s, err := NewHierarchical(ids, groups, weights)
		if err != nil {
			t.Fatal(err)
		}
		repairAgrees(t, brute{fmt.Sprint("three pairs ", weights), s, ids, containsQuorum(groups, all)}, 1)
	}
}

func repairAgrees(t *testing.T, b brute, mttr float64) {
	t.Helper()
	const mttf = 10.0
	n := len(b.ids)
	rate := func(failed, i int) float64 {
		if failed>>i&1 == 0 {
			return 1 / mttf
		}
		return 1 / mttr
	}
	quorum := make([]bool, 1<<n)
	for failed := range quorum {
		quorum[failed] = b.has(b.all() &^ failed)
	}
	times := make([]float64, 1<<n) // to the loss of the quorum, by value iteration
	p := make([]float64, 1<<n)     // stationary, by the power method on the uniformised chain
	p[0] = 1
	top := float64(n) * (1/mttf + 1/mttr)
	for range 20_000 {
		moved := 0.0
		next := make([]float64, 1<<n)
		for failed := range quorum {
			out, gain := 0.0, 1.0
			for i := range n {
				x := rate(failed, i)
				out += x
				next[failed^(1<<i)] += p[failed] * x / top
				if quorum[failed^(1<<i)] {
					gain += x * times[failed^(1<<i)]
				}
			}
			next[failed] += p[failed] * (1 - out/top)
			if quorum[failed] {
				moved = max(moved, math.Abs(gain/out-times[failed])/(1+times[failed]))
				times[failed] = gain / out
			}
		}
		for failed := range p {
			moved = max(moved, math.Abs(next[failed]-p[failed]))
		}
		p = next
		if moved < 1e-13 {
			break
		}
	}
	down, losses := 0.0, 0.0
	for failed := range quorum {
		if !quorum[failed] {
			down += p[failed]
			continue
		}
		for i := range n {
			if !quorum[failed^(1<<i)] {
				losses += p[failed] * rate(failed, i)
			}
		}
	}
	if first, err := MeanTimeToLoss(b.system, mttf, mttr); err != nil || !near(first, times[0], 1e-6) {
		t.Errorf("mttr %v: %v (%v), want %v", mttr, first, err, times[0])
	}
	got, err := Repairable(b.system, mttf, mttr)
	if err != nil || !near(got.Availability.Down(), down, 1e-6) || !near(got.LossesPerTime, losses, 1e-6) ||
		!near(got.MeanOutage, down/losses, 1e-6) {
		t.Errorf("mttr %v: %+v (%v), want %v %v %v", mttr, got, err, down, losses, down/losses)
	}
}
