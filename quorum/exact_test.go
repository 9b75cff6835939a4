package quorum

import (
	"math"
	"math/big"
	"testing"
)

// precise is what sums of many voters are computed in, to be held against: 80 digits.
const precise = 270

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(precise).SetFloat64(x) }

// exactSums is the distribution of the failed weight of items with these
// chances, by the plain recursion, without the one at leave (-1: none).
func exactSums(weights []int64, down []float64, leave int) []*big.Float {
	sums := []*big.Float{bigFloat(1)}
	for i, w := range weights {
		if i == leave {
			continue
		}
		q := bigFloat(down[i])
		p := new(big.Float).SetPrec(precise).Sub(bigFloat(1), q)
		next := make([]*big.Float, len(sums)+int(w))
		for j := range next {
			next[j] = new(big.Float).SetPrec(precise)
		}
		term := new(big.Float).SetPrec(precise)
		for j, x := range sums {
			next[j].Add(next[j], term.Mul(x, p))
			next[j+int(w)].Add(next[j+int(w)], term.Mul(x, q))
		}
		sums = next
	}
	return sums
}

func addUp(sums []*big.Float) *big.Float {
	total := new(big.Float).SetPrec(precise)
	for _, x := range sums {
		total.Add(total, x)
	}
	return total
}

// relative is got/want - 1 for a result that is known by its logarithm.
func relative(gotLog float64, want *big.Float) float64 {
	mantissa := new(big.Float)
	exponent := want.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Expm1(gotLog - math.Log(m) - float64(exponent)*math.Ln2)
}

// TestManyVotersAgreeWithExactSums is about what brute force over states cannot
// see: arrays long enough to be trimmed, and importance by halving.
func TestManyVotersAgreeWithExactSums(t *testing.T) {
	for _, c := range []struct {
		name   string
		n      int
		weight func(id int) int64
		down   func(id int) float64
	}{
		{"weights 1 to n", 120, func(id int) int64 { return int64(id) }, func(id int) float64 { return 0.01 + float64(id%7)/100 }},
		{"a few weights", 300, func(id int) int64 { return int64(id%4 + 1) }, func(id int) float64 { return 0.001 * float64(id%5+1) }},
		{"all alike", 400, func(int) int64 { return 1 }, func(int) float64 { return 0.125 }},
		{"heavy and unreliable", 90, func(id int) int64 { return int64(1 + 40*(id%2)) }, func(id int) float64 { return 0.2 + 0.4*float64(id%2) }},
	} {
		if testing.Short() && c.n > 100 {
			continue // the exact sums take their time
		}
		ids, weights, down := make([]int64, c.n), make([]int64, c.n), make([]float64, c.n)
		byID := map[int64]int64{}
		var total int64
		for i := range ids {
			ids[i], weights[i], down[i] = int64(i+1), c.weight(i+1), c.down(i+1)
			byID[ids[i]] = weights[i]
			total += weights[i]
		}
		s, err := NewHierarchical(ids, []Group{{1, ids}}, byID)
		if err != nil {
			t.Fatal(err)
		}
		up := func(id int64) Probability { return Probability{1 - down[id-1], down[id-1]} }
		bar := total - total/2 // failed weight that takes the majority
		a, err := Available(s, up)
		if err != nil {
			t.Fatal(err)
		}
		if e := relative(a.LogDown(), addUp(exactSums(weights, down, -1)[bar:])); math.Abs(e) > 1e-12 {
			t.Errorf("%s: unavailability %v is off by %.1e", c.name, a.Down(), e)
		}
		chances, err := chancesOf(s, up)
		if err != nil {
			t.Fatal(err)
		}
		got, err := importance(budgetFor(s, "", aQuestion), s, chances)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, c.n / 2, c.n - 1} {
			want := addUp(exactSums(weights, down, i)[bar-weights[i] : bar])
			if e := relative(got[i], want); math.Abs(e) > 1e-12 {
				t.Errorf("%s: importance of %d is off by %.1e", c.name, i+1, e)
			}
		}
	}
}

// TestTrimmingIsNoticed trims far too much: the result says so instead of being wrong.
func TestTrimmingIsNoticed(t *testing.T) {
	var items []item
	for range 50 {
		items = append(items, item{1, chance{math.Log(0.9), math.Log(0.1)}})
	}
	const bar = 26
	steps := tilted(items, tilt(items, bar))
	b := &budget{limit: aQuestion}
	if tail, err := denseTailTrimmed(b, steps, bar, tilt(items, bar), 1e-3); err != nil || !math.IsNaN(tail) {
		t.Errorf("a tail trimmed at 1e-3: %v (%v), want NaN", tail, err)
	}
	l := leaveOut{budget: b, items: items, bar: bar, trimBelow: 1e-3, result: make([]float64, 50)}
	for i := range items {
		l.items[i].weight = int64(1 + i%2) // not all alike, or there is nothing to halve
		l.order = append(l.order, i)
	}
	l.arrange()
	if trusted, err := l.halve(newDense(bar, l.trimBelow), 0, 50, 0); err != nil || trusted {
		t.Errorf("windows trimmed at 1e-3 are trusted: %v (%v)", trusted, err)
	}
}

// TestReconfigurationAgreesWithExactSums is the pair of majorities for more voters than are
// enumerated, all equal: two binomials, conditioned on the common voters.
func TestReconfigurationAgreesWithExactSums(t *testing.T) {
	const n, more, q = 101, 40, 0.015625
	old, err := MajorityOf(n)
	if err != nil {
		t.Fatal(err)
	}
	bigger, err := MajorityOf(n + more)
	if err != nil {
		t.Fatal(err)
	}
	j := NewJoint(old, bigger)
	one := func(n int) []*big.Float { // by failures
		weights, down := make([]int64, n), make([]float64, n)
		for i := range weights {
			weights[i], down[i] = 1, q
		}
		return exactSums(weights, down, -1)
	}
	common, added := one(n), one(more)
	down := new(big.Float).SetPrec(precise)
	for y, p := range common {
		for z, r := range added {
			if 2*(n-y) <= n || 2*(n+more-y-z) <= n+more {
				down.Add(down, new(big.Float).SetPrec(precise).Mul(p, r))
			}
		}
	}
	a, err := Available(j, Uniform(Probability{1 - q, q}))
	if err != nil {
		t.Fatal(err)
	}
	if e := relative(a.LogDown(), down); math.Abs(e) > 1e-12 {
		t.Errorf("off by %.1e", e)
	}
}
