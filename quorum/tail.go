package quorum

import (
	"cmp"
	"fmt"
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
// exactly, in logarithms.

// item is one thing that can fail.
type item struct {
	weight int64 // > 0
	chance chance
}

const (
	maxTailSteps  = 1 << 30 // multiply-adds of one tail: a second
	maxTailArray  = 1 << 23 // entries of the array over weights: 64 MB
	maxTailStates = 1 << 20 // distinct sums when weights are too spread for an array
)

// outage returns the chance that the items' failed weight stays below bar (up)
// or reaches it (down), each computed on its own smaller side.
func outage(items []item, bar int64) (chance, error) {
	down, err := logTail(items, bar)
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
	up, err := logTail(swapped, total-bar+1)
	if err != nil {
		return chance{}, err
	}
	return fromUp(up), nil
}

// logTail returns ln P(failed weight >= bar).
func logTail(items []item, bar int64) (float64, error) {
	tail, _, err := walk(items, bar, bar)
	return tail, err
}

// logWindow returns ln P(floor <= failed weight < bar): with floor = bar-w, how
// likely one more item of weight w makes the difference.
func logWindow(items []item, floor, bar int64) (float64, error) {
	_, window, err := walk(items, floor, bar)
	return window, err
}

// walk computes ln P(failed weight >= bar) and ln P(floor <= failed weight < bar).
func walk(items []item, floor, bar int64) (tail, window float64, err error) {
	var open []item // neither certain to be up nor certain to be down
	for _, it := range items {
		switch {
		case math.IsInf(it.chance.up, -1):
			bar, floor = bar-it.weight, floor-it.weight
		case !math.IsInf(it.chance.down, -1):
			open = append(open, it)
		}
	}
	nothing := math.Inf(-1)
	if bar <= 0 {
		return 0, nothing, nil
	}
	weights := make([]int64, len(open))
	var total int64
	for i, it := range open {
		weights[i] = it.weight
		total += it.weight
	}
	if len(open) == 0 {
		if floor <= 0 {
			return nothing, 0, nil
		}
		return nothing, nothing, nil
	}
	if total < bar {
		bar = total + 1 // nothing reaches it, but the window may be inhabited
	}
	_, floor = reduce(weights, max(floor, 0))
	weights, bar = reduce(weights, bar)
	for i := range open {
		open[i].weight = weights[i]
	}
	// Light items first: the sums then stay few for longest.
	slices.SortStableFunc(open, func(a, b item) int { return cmp.Compare(a.weight, b.weight) })
	t := tilt(open, bar)
	steps := make([]step, len(open))
	for i, it := range open {
		steps[i] = it.tilted(t)
	}
	if bar <= maxTailArray && bar*int64(len(open)) <= maxTailSteps {
		tail, window = denseWalk(steps, floor, bar, t)
		return tail, window, nil
	}
	return sparseWalk(steps, floor, bar, t)
}

// step is an item under the tilted measure.
type step struct {
	weight   int64
	up, down float64 // tilted probabilities, adding up to 1
	norm     float64 // ln of what was divided out to make them so
}

func (it item) tilted(t float64) step {
	x := it.chance.down - it.chance.up + t*float64(it.weight) // tilted log-odds of failing
	s := step{weight: it.weight, up: 1 / (1 + math.Exp(x)), down: 1 / (1 + math.Exp(-x))}
	if x > 0 { // ln(e^up + e^(down+tw)), pulled out of the larger one
		s.norm = it.chance.down + t*float64(it.weight) + math.Log1p(math.Exp(-x))
	} else {
		s.norm = it.chance.up + math.Log1p(math.Exp(x))
	}
	return s
}

// tilt chooses t >= 0 so that the expected failed weight is about at the bar.
// Any t gives the same result; this one keeps the states that matter in range.
func tilt(items []item, bar int64) float64 {
	var total, heaviest float64
	for _, it := range items {
		total += float64(it.weight)
		heaviest = max(heaviest, float64(it.weight))
	}
	goal := min(float64(bar), total*(1-1e-3))
	expected := func(t float64) float64 {
		sum := 0.0
		for _, it := range items {
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

// denseWalk walks the items over an array of sums below the bar. What reaches
// the bar is taken out at once: the remaining items cannot bring it back. What
// cannot come up to the floor any more is dropped.
func denseWalk(steps []step, floor, bar int64, t float64) (tail, window float64) {
	mass := make([]float64, bar) // tilted probability of each sum so far
	mass[0] = 1
	rest := totalWeight(steps)
	tail, norm := math.Inf(-1), -t*float64(bar)
	var low, high int64 // the sums that are possible and matter
	for _, s := range steps {
		w := s.weight
		norm += s.norm
		crossing := 0.0
		for j := max(low, bar-w); j <= high; j++ {
			crossing += mass[j] * math.Exp(-t*float64(j+w-bar))
		}
		tail = logAdd(tail, norm+math.Log(crossing*s.down))
		rest -= w
		low = max(low, floor-rest)
		top := min(high+w, bar-1)
		for j := top; j >= max(low, w); j-- {
			mass[j] = mass[j]*s.up + mass[j-w]*s.down
		}
		for j := min(top, w-1); j >= low; j-- {
			mass[j] *= s.up
		}
		high = top
	}
	inside := 0.0
	for j := low; j <= high; j++ {
		inside += mass[j] * math.Exp(-t*float64(j-bar))
	}
	return min(tail, 0), min(norm+math.Log(inside), 0)
}

// sparseWalk does the same over a sorted list of the sums that occur: weights
// such as 10^12 make few sums, and an array impossible.
func sparseWalk(steps []step, floor, bar int64, t float64) (tail, window float64, err error) {
	type state struct {
		sum  int64
		mass float64
	}
	rest := totalWeight(steps)
	states := []state{{0, 1}}
	tail, norm := math.Inf(-1), -t*float64(bar)
	for _, s := range steps {
		w := s.weight
		norm += s.norm
		rest -= w
		crossing := 0.0
		next := make([]state, 0, 2*len(states))
		push := func(sum int64, mass float64) {
			if n := len(next); n > 0 && next[n-1].sum == sum {
				next[n-1].mass += mass
			} else if sum+rest >= floor {
				next = append(next, state{sum, mass})
			}
		}
		i, j := 0, 0 // two ordered walks: staying up, and failing
		for i < len(states) || j < len(states) {
			if j == len(states) || i < len(states) && states[i].sum <= states[j].sum+w {
				push(states[i].sum, states[i].mass*s.up)
				i++
				continue
			}
			if sum := states[j].sum + w; sum >= bar {
				crossing += states[j].mass * math.Exp(-t*float64(sum-bar))
			} else {
				push(sum, states[j].mass*s.down)
			}
			j++
		}
		tail = logAdd(tail, norm+math.Log(crossing*s.down))
		if len(next) > maxTailStates {
			return 0, 0, fmt.Errorf("%w: the weights of %d voters are so spread that they have more than %d different sums; "+
				"scale them down to small numbers", ErrTooLarge, len(steps), maxTailStates)
		}
		states = next
	}
	inside := 0.0
	for _, s := range states {
		inside += s.mass * math.Exp(-t*float64(s.sum-bar))
	}
	return min(tail, 0), min(norm+math.Log(inside), 0), nil
}

func totalWeight(steps []step) int64 {
	var sum int64
	for _, s := range steps {
		sum += s.weight
	}
	return sum
}
