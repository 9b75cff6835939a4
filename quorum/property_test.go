package quorum

import (
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
			if got := Has(b.system, b.set(set)...); got != quorum {
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
		if g, err := GuaranteedTolerance(b.system); err != nil || g != want.Guaranteed {
			t.Errorf("guaranteed %d, want %d (%v)", g, want.Guaranteed, err)
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
		if got, err := Dummies(b.system); err != nil || !slices.Equal(got, dummies) {
			t.Errorf("dummies %v, want %v (%v)", got, dummies, err)
		}
	})
}

func TestCountsAgreeWithBruteForce(t *testing.T) {
	forRandomSystems(t, 2000, func(t *testing.T, b brute, _ *rand.Rand) {
		if got, err := CountMinimalQuorums(b.system); err != nil || got.Int64() != int64(len(b.minimal(false))) {
			t.Errorf("%v minimal quorums, want %d (%v)", got, len(b.minimal(false)), err)
		}
		if got, err := CountMinimalBlocking(b.system); err != nil || got.Int64() != int64(len(b.minimal(true))) {
			t.Errorf("%v minimal blocking sets, want %d (%v)", got, len(b.minimal(true)), err)
		}
		profile, err := FailureProfile(b.system)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]int64, len(b.ids)+1)
		b.states(func(set int, quorum bool) {
			if !quorum {
				want[len(b.ids)-bits.OnesCount(uint(set))]++
			}
		})
		for f, row := range profile {
			if row.Failures != f || row.Fatal.Int64() != want[f] || row.Total.Cmp(new(big.Int).Binomial(int64(len(b.ids)), int64(f))) != 0 {
				t.Errorf("profile %v, want %v", row, want[f])
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
	forRandomSystems(t, 1500, func(t *testing.T, b brute, r *rand.Rand) {
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
			want, _ := new(big.Rat).Sub(at(new(big.Rat)), at(big.NewRat(1, 1))).Float64()
			if math.Abs(importance[i]-want) > 1e-11*max(want, 1e-6) {
				t.Errorf("importance of %d: %v, want %v; p=%v", id, importance[i], want, exact)
			}
		}
	})
}
