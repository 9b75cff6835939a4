package quorum

import (
	"math"
	"slices"
)

// Tolerances says how much can fail, in servers.
type Tolerances struct {
	Quorum     int // size of the smallest quorum; 0 when not even all voters are one
	Guaranteed int // failures survived whichever servers they hit; -1 without any quorum
	AtBest     int // failures survived when they hit the least important servers; -1 without any quorum
}

// Tolerance computes the smallest quorum and the tolerances of a system.
//
// Algorithm: the cheapest way to satisfy a group is its heaviest members first, and the
// cheapest way to break it, too; the cheapest groups then make the smallest quorum or the
// smallest blocking set. Exact for majority, weighted and hierarchical systems in O(n log
// n) (quoracle computes the latter the same way, for disjoint groups). A blocking set of
// two systems at once blocks one of them, so the guaranteed tolerance of a Joint is the
// lesser; its smallest quorum is closed-form for two majorities. Everything else is
// enumerated up to 20 voters, and ErrTooLarge beyond. Source: quoracle's
// dup_free_min_failures (Whittaker et al. 2021).
func Tolerance(s System) (Tolerances, error) {
	n := len(s.Voters())
	if f, ok := single(s); ok {
		return f.tolerances(n), nil
	}
	if p, ok := asPair(s); ok {
		return p.tolerances(n), nil
	}
	t, err := tabulate(s)
	if err != nil {
		return Tolerances{}, err
	}
	return t.tolerances(), nil
}

// GuaranteedTolerance is the Guaranteed part of Tolerance. It is polynomial for
// every system of this package, reconfigurations between any two of them
// included: O(n log n). Errors and source as Tolerance.
func GuaranteedTolerance(s System) (int, error) {
	if f, ok := s.(former); ok {
		if forms := f.forms(); len(forms) > 0 {
			least := math.MaxInt
			for _, part := range forms {
				least = min(least, part.smallestBlocking()-1)
			}
			return least, nil
		}
	}
	t, err := Tolerance(s)
	return t.Guaranteed, err
}

func (f form) tolerances(n int) Tolerances {
	q, ok := f.smallestQuorum()
	if !ok {
		return Tolerances{Quorum: 0, Guaranteed: -1, AtBest: -1}
	}
	return Tolerances{Quorum: q, Guaranteed: f.smallestBlocking() - 1, AtBest: n - q}
}

// smallestQuorum is the size of a smallest quorum, if there is one.
func (f form) smallestQuorum() (int, bool) {
	var costs []int
	for _, g := range f.groups {
		if g.reachable() {
			costs = append(costs, heaviestFirst(g.weights(), g.need))
		}
	}
	if len(costs) < f.need {
		return 0, false
	}
	return sumOfSmallest(costs, f.need), true
}

// smallestBlocking is the size of a smallest blocking set; 0 when there is no quorum anyway.
func (f form) smallestBlocking() int {
	k := f.toBlock()
	if k <= 0 {
		return 0
	}
	var costs []int
	for _, g := range f.groups {
		if g.reachable() {
			costs = append(costs, heaviestFirst(g.weights(), g.bar()))
		}
	}
	return sumOfSmallest(costs, k)
}

// heaviestFirst is how many members it takes, heaviest first, to weigh need.
func heaviestFirst(weights []int64, need int64) int {
	slices.Sort(weights)
	for i := range weights {
		if need -= weights[len(weights)-1-i]; need <= 0 {
			return i + 1
		}
	}
	return len(weights) + 1
}

func sumOfSmallest(costs []int, k int) int {
	slices.Sort(costs)
	sum := 0
	for _, c := range costs[:k] {
		sum += c
	}
	return sum
}

// SinglePoints returns the single points of failure: voters without whom the
// others are no quorum. There are none when not even all voters are a quorum.
// Ascending.
//
// Algorithm: a voter is one when the loss of one group is the loss of the quorum, and the
// voter's weight is all that its group can spare, or more; of two systems at once, in
// either. O(n log n). Other systems are asked without each voter, O(n²) calls of up.
// Source: the definition.
func SinglePoints(s System) []int64 {
	if !s.IsQuorum(func(int64) bool { return true }) {
		return nil
	}
	single := make(map[int64]bool)
	if f, ok := s.(former); ok && len(f.forms()) > 0 {
		for _, part := range f.forms() {
			if part.toBlock() > 1 {
				continue
			}
			for _, g := range part.groups {
				bar, reachable := g.bar(), g.reachable()
				for _, m := range g.members {
					if reachable && m.weight >= bar {
						single[part.ids[m.index]] = true
					}
				}
			}
		}
	} else {
		for _, id := range s.Voters() {
			single[id] = !s.IsQuorum(func(other int64) bool { return other != id })
		}
	}
	var points []int64
	for _, id := range s.Voters() {
		if single[id] {
			points = append(points, id)
		}
	}
	return points
}

// Dummies returns the voters that never matter: whatever the others do, their
// own vote changes nothing. Ascending; none when not even all voters are a
// quorum.
//
// Algorithm: a member matters when the others of its group can weigh just less than what
// is missing, a subset-sum over the group's weights; whoever weighs more than somebody who
// matters, matters too, so a binary search over the distinct weights suffices.
// O(n·W/64·log n) with W the needed weight. The question is coNP-hard in general:
// ErrTooLarge when the weights have no small common scale and there are more than some
// twenty of them. Two majorities at once: O(n). Source: the theory of weighted voting
// games (desirability is complete).
func Dummies(s System) ([]int64, error) {
	return dummies(budgetFor(s, "the list of members that ever matter", aGlance), s)
}

func dummies(b *budget, s System) ([]int64, error) {
	if p, ok := asPair(s); ok {
		return p.dummies(s.Voters()), nil
	}
	f, ok := single(s)
	if !ok {
		t, err := tabulate(s)
		if err != nil {
			return nil, err
		}
		return t.dummies(), nil
	}
	if f.toBlock() <= 0 {
		return nil, nil
	}
	matters := make([]bool, len(f.ids))
	for _, g := range f.groups {
		// With a quorum possible at all, need-1 of the other groups can stand and
		// the rest be down: then this group tips the scale, if it can.
		if !g.reachable() {
			continue
		}
		least, err := leastPivotal(b, g)
		if err != nil {
			return nil, err
		}
		for _, m := range g.members {
			if m.weight >= least {
				matters[m.index] = true
			}
		}
	}
	var dummies []int64
	for i, id := range f.ids {
		if !matters[i] {
			dummies = append(dummies, id)
		}
	}
	return dummies, nil
}

// leastPivotal is the smallest weight in the group that can tip it.
func leastPivotal(b *budget, g formGroup) (int64, error) {
	weights, need := reduce(g.weights(), g.need)
	scale := g.weights()[0] / weights[0]
	slices.Sort(weights)
	distinct := slices.Compact(slices.Clone(weights))
	// The heaviest always can. Most often so can the lightest: asked first, that
	// is one question and not log n.
	low, high := 0, len(distinct)-1
	for middle := low; low < high; middle = (low + high) / 2 {
		tips, err := canTip(b, weights, distinct[middle], need)
		if err != nil {
			return 0, err
		}
		if tips {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return distinct[low] * scale, nil
}

// canTip reports whether the weights, one of weight w taken out, have a subset
// that weighs at least need-w and less than need. weights are ascending.
func canTip(b *budget, weights []int64, w, need int64) (bool, error) {
	out := slices.Index(weights, w)
	others := slices.Delete(slices.Clone(weights), out, out+1)
	if few(len(others), need) {
		return canTipSparse(b, others, w, need)
	}
	sums := newSumSet(need)
	for _, x := range others {
		if sums.any(need - w) {
			return true, nil
		}
		if err := b.spend(int64(len(sums.words))); err != nil {
			return false, err
		}
		sums.add(x)
	}
	return sums.any(need - w), nil
}

func canTipSparse(b *budget, others []int64, w, need int64) (bool, error) {
	type nothing = struct{}
	same := func(nothing) nothing { return nothing{} }
	join := func(nothing, nothing) nothing { return nothing{} }
	states := []weighed[nothing]{{}}
	for _, x := range others {
		next, err := branch(b, states, x, same, same, join)
		if err != nil {
			return false, err
		}
		states = below(next, need)
	}
	return states[len(states)-1].sum >= need-w, nil
}

// reduce divides weights by their greatest common divisor; a threshold over
// them rounds up, because no sum lies between.
func reduce(weights []int64, need int64) ([]int64, int64) {
	var g int64
	for _, w := range weights {
		g = gcd(g, w)
	}
	if g <= 1 {
		return slices.Clone(weights), need
	}
	small := make([]int64, len(weights))
	for i, w := range weights {
		small[i] = w / g
	}
	rounded := need / g
	if need%g > 0 {
		rounded++
	}
	return small, rounded
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
