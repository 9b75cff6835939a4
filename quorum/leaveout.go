package quorum

import (
	"cmp"
	"math"
	"slices"
)

// windows returns, for each item, ln P(bar-weight <= failed weight of the others
// < bar): how likely it is that this item makes the difference.
//
// The distribution of "all but one" is wanted n times. Taking the one out of the
// distribution of all is a division, and loses digits; adding the others anew for each is
// n² items. In between, and with additions of positive terms only: halve the
// items again and again, each half starting from the distribution to which the
// other has been added.
//
//	          {}                       everything is left out
//	     /          \
//	  +5678        +1234               1234 left out    5678 left out
//	  /   \         /   \
//	+34   +12     +78   +56            12   34   56   78
//	/ \   / \     / \   / \
//	1  2  3  4    5  6  7  8           one is left out
//
// Above a leaf, only sums matter that the items still left out can bring into
// the window: as many as these weigh together. So each level costs half of
// the one above it, O(n·W) in all; for equal weights O(n·W·log n) at most. Items that are
// alike share a leaf.
func windows(b *budget, items []item, bar int64) ([]float64, error) {
	l := leaveOut{budget: b, trimBelow: trimBelow, result: make([]float64, len(items))}
	for i := range l.result {
		l.result[i] = math.Inf(-1)
	}
	weights := make([]int64, len(items))
	for i, it := range items {
		weights[i] = it.weight
	}
	weights, l.bar = reduce(weights, bar)
	for i, it := range items {
		l.items = append(l.items, item{weights[i], it.chance})
		l.order = append(l.order, i)
	}
	if l.bar <= 0 || l.bar > totalWeight(l.items) {
		return l.result, nil // no item makes a difference
	}
	if err := b.spend(tiltSteps * int64(len(items))); err != nil {
		return nil, err
	}
	l.arrange()
	return l.result, l.run()
}

// leaveOut is the state of windows.
type leaveOut struct {
	budget    *budget
	items     []item
	order     []int // of items; those that are alike are neighbours
	bar       int64
	t         float64 // of the tilt
	steps     []step  // in order
	before    []int64 // weight of the first k, in order
	norm      float64 // of all
	trimBelow float64
	spare     [][]float64 // arrays by depth, all zeros
	result    []float64   // by item
}

// arrange sorts and tilts the items.
func (l *leaveOut) arrange() {
	slices.SortStableFunc(l.order, func(i, j int) int {
		a, b := l.items[i], l.items[j]
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.chance.down, b.chance.down), cmp.Compare(a.chance.up, b.chance.up))
	})
	sorted := make([]item, len(l.items))
	l.before = make([]int64, len(l.items)+1)
	for k, i := range l.order {
		sorted[k] = l.items[i]
		l.before[k+1] = l.before[k] + sorted[k].weight
	}
	l.items = sorted
	l.t = tilt(sorted, l.bar)
	l.steps = tilted(sorted, l.t)
	l.norm = totals(l.steps)[0].norm
}

func (l *leaveOut) run() error {
	if few(len(l.items), l.bar) {
		return l.sparse()
	}
	trusted, err := l.halve(newDense(l.bar, l.trimBelow), 0, len(l.items), 0)
	if err == nil && !trusted {
		l.trimBelow, l.spare = 0, nil
		_, err = l.halve(newDense(l.bar, 0), 0, len(l.items), 0)
	}
	return err
}

// halve descends to the leaves of from..to, which d leaves out. It returns false when
// too much was trimmed for one of them.
func (l *leaveOut) halve(d *dense, from, to, depth int) (bool, error) {
	if l.items[from] == l.items[to-1] {
		return l.leaf(d, from, to)
	}
	middle := (from + to) / 2
	for _, side := range [2][4]int{{from, middle, middle, to}, {middle, to, from, middle}} {
		keep, end, add, stop := side[0], side[1], side[2], side[3]
		half := l.copy(d, depth)
		for k := add; k < stop; k++ {
			left := l.before[end] - l.before[keep] + l.before[stop] - l.before[k+1]
			if err := half.add(l.budget, l.steps[k], l.bar-left); err != nil {
				return false, err
			}
		}
		trusted, err := l.halve(half, keep, end, depth+1)
		if err != nil || !trusted {
			return trusted, err
		}
		clear(half.mass[half.low : half.high+1]) // spare again
	}
	return true, nil
}

// copy copies a distribution into the array of its depth.
func (l *leaveOut) copy(d *dense, depth int) *dense {
	if depth == len(l.spare) {
		l.spare = append(l.spare, make([]float64, l.bar))
	}
	c := *d
	c.mass = l.spare[depth]
	copy(c.mass[d.low:d.high+1], d.mass[d.low:d.high+1])
	return &c
}

// leaf adds all but one of the items from..to, which are alike, and reads the window.
func (l *leaveOut) leaf(d *dense, from, to int) (bool, error) {
	s := l.steps[from]
	for k := from + 1; k < to; k++ {
		if err := d.add(l.budget, s, l.bar-s.weight*int64(to-k)); err != nil {
			return false, err
		}
	}
	inside, err := d.weigh(l.budget, l.t, l.bar, l.bar-s.weight, l.bar)
	if err != nil {
		return false, err
	}
	// In the window, the tilt comes off by a factor of up to e^(t·weight).
	if d.lost > 0 && d.lost*math.Exp(l.t*float64(s.weight)) > trimError*inside {
		return false, nil
	}
	for _, i := range l.order[from:to] {
		l.result[i] = min(l.norm-s.norm-l.t*float64(l.bar)+math.Log(inside), 0)
	}
	return true, nil
}

// sparse lists the sums of the others, for each class of items that are alike.
func (l *leaveOut) sparse() error {
	for from, to := 0, 0; from < len(l.items); from = to {
		for to = from; to < len(l.items) && l.items[to] == l.items[from]; to++ {
		}
		states := []weighed[float64]{{0, 1}}
		for k, s := range l.steps {
			if k == from {
				continue
			}
			next, err := branchMass(l.budget, states, s)
			if err != nil {
				return err
			}
			states = below(next, l.bar)
		}
		inside := 0.0
		for _, st := range above(states, l.bar-l.items[from].weight) {
			inside += st.value * math.Exp(-l.t*float64(st.sum-l.bar))
		}
		for _, i := range l.order[from:to] {
			l.result[i] = min(l.norm-l.steps[from].norm-l.t*float64(l.bar)+math.Log(inside), 0)
		}
	}
	return nil
}
