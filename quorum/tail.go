package quorum

import (
	"cmp"
	"math"
	"slices"
)

// This file computes the probability that things which fail independently
// weigh, when failed, at least some bar together: the losing tail from
// which availability is built.
//
// Why not 1 minus the winning side: thirteen servers at 0.999 are unavailable
// with probability 1.7e-18, and 1-1.7e-18 is 1.0 in floating point. So only
// failing states are added up, all positive, which loses nothing.
//
// Why tilted: with a thousand servers the tail is 1e-700, and the plain
// recursion underflows long before. Multiplying each server's odds of failing by
// a factor e^(t·weight) makes the states around the bar the likely ones
// (Esscher's transform); every state's weight is known, so the factor comes off again
// exactly, in logarithms:
//
//	P(sum = j) = P~(sum = j) · e^(norm - t·j)      norm = Σ ln E[e^(t·failed weight)]

// item is one thing that can fail.
type item struct {
	weight int64 // > 0
	chance chance
}

// outage returns the chance that the items' failed weight stays below bar (up)
// or reaches it (down), each computed on its own smaller side.
func outage(b *budget, items []item, bar int64) (chance, error) {
	down, err := logTail(b, items, bar)
	if err != nil {
		return chance{}, err
	}
	if down < -math.Ln2 {
		return fromDown(down), nil
	}
	// Failing is the likely side: add up the surviving states instead.
	var total int64
	swapped := make([]item, len(items))
	for i, it := range items {
		total += it.weight
		swapped[i] = item{it.weight, chance{up: it.chance.down, down: it.chance.up}}
	}
	up, err := logTail(b, swapped, total-bar+1)
	if err != nil {
		return chance{}, err
	}
	return fromUp(up), nil
}

// logTail returns ln P(failed weight >= bar).
func logTail(b *budget, items []item, bar int64) (float64, error) {
	if err := b.spend(tiltSteps * int64(len(items))); err != nil {
		return 0, err
	}
	open, bar := settle(items, bar)
	if bar <= 0 {
		return 0, nil
	}
	if totalWeight(open) < bar {
		return math.Inf(-1), nil
	}
	t := tilt(open, bar)
	steps := tilted(open, t)
	if few(len(steps), bar) {
		return sparseTail(b, steps, bar, t)
	}
	return denseTail(b, steps, bar, t)
}

// settle takes the items out that are certain to be up or down, divides the
// weights of the others by what they have in common, and sorts them, the
// light ones first: the sums then stay few for longest.
func settle(items []item, bar int64) ([]item, int64) {
	open := make([]item, 0, len(items))
	for _, it := range items {
		switch {
		case math.IsInf(it.chance.up, -1):
			bar -= it.weight
		case !math.IsInf(it.chance.down, -1):
			open = append(open, it)
		}
	}
	weights := make([]int64, len(open))
	for i, it := range open {
		weights[i] = it.weight
	}
	weights, bar = reduce(weights, max(bar, 0))
	for i := range open {
		open[i].weight = weights[i]
	}
	slices.SortStableFunc(open, func(a, b item) int { return cmp.Compare(a.weight, b.weight) })
	return open, bar
}

// few reports whether n items have fewer sums than there are numbers below bar:
// then the sums that occur are listed, else there is an array over all.
func few(n int, bar int64) bool { return n < 62 && int64(1)<<n < bar || bar > maxArray }

const (
	maxArray  = 1 << 23 // entries of an array over sums: 64 MB
	maxStates = 1 << 20 // of a list of sums
)

func totalWeight(items []item) int64 {
	var sum int64
	for _, it := range items {
		sum += it.weight
	}
	return sum
}

// step is an item under the tilted measure.
type step struct {
	weight   int64
	up, down float64 // tilted probabilities, adding up to 1
	norm     float64 // ln of what was divided out to make them so
}

func tilted(items []item, t float64) []step {
	steps := make([]step, len(items))
	for i, it := range items {
		x := it.chance.down - it.chance.up + t*float64(it.weight) // tilted log-odds of failing
		s := step{weight: it.weight, up: 1 / (1 + math.Exp(x)), down: 1 / (1 + math.Exp(-x))}
		if x > 0 { // ln(e^up + e^(down+tw)), pulled out of the larger one
			s.norm = it.chance.down + t*float64(it.weight) + math.Log1p(math.Exp(-x))
		} else {
			s.norm = it.chance.up + math.Log1p(math.Exp(x))
		}
		steps[i] = s
	}
	return steps
}

// remaining is what some steps weigh, and their norm.
type remaining struct {
	weight int64
	norm   float64
}

// totals returns what is left from each step on. A sum of
// logarithms in the hundreds must not lose its last digits, so the norms are
// added up with a carry (Kahan).
func totals(steps []step) []remaining {
	rest := make([]remaining, len(steps)+1)
	var norm kahan
	for k := len(steps) - 1; k >= 0; k-- {
		norm.add(steps[k].norm)
		rest[k].weight, rest[k].norm = rest[k+1].weight+steps[k].weight, norm.sum
	}
	return rest
}

// tiltSteps is about what it takes to find the tilt and apply it, an item: forty
// exponentials.
const tiltSteps = 400

// tilt chooses t >= 0 so that the expected failed weight is about at the bar.
// Any t gives the same result; this one keeps the states that matter in range.
func tilt(items []item, bar int64) float64 {
	var total, heaviest, certain float64
	var open []item
	for _, it := range items {
		switch w := float64(it.weight); {
		case math.IsInf(it.chance.up, -1):
			certain += w
		case !math.IsInf(it.chance.down, -1):
			open = append(open, it)
			total += w
			heaviest = max(heaviest, w)
		}
	}
	goal := min(float64(bar)-certain, total*(1-1e-3))
	expected := func(t float64) float64 {
		sum := 0.0
		for _, it := range open {
			sum += float64(it.weight) / (1 + math.Exp(it.chance.up-it.chance.down-t*float64(it.weight)))
		}
		return sum
	}
	if expected(0) >= goal {
		return 0
	}
	low, high := 0.0, 1/heaviest
	for expected(high) < goal {
		low, high = high, 2*high
	}
	for range 30 {
		middle := (low + high) / 2
		if expected(middle) < goal {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
