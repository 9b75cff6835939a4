package quorum

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Weighting is a choice of weights for one group, and what it is worth.
type Weighting struct {
	IDs          []int64   // ascending
	Weights      []int64   // in the order of IDs
	LogOdds      []float64 // ln(p/(1-p)) of each server: the shape that the best weights follow
	Availability Availability
}

// maxWeightings bounds the vectors that BestWeights tries: a second.
const maxWeightings = 200_000

// BestWeights finds the weights 0..limit, in one group, that make the ensemble
// most available; among equally good ones those with the smallest sum.
//
// Without rounding, the best weights are proportional to ln(p/(1-p)) (Shapley and Grofman
// 1984, Nitzan and Paroush 1982). Rounded to small integers that is a guide only, so every
// vector is tried that gives a likelier server no less than an unlikelier one (an exchange
// argument shows that the others cannot win). C(n+limit, limit) vectors, O(n²·limit) each:
// ErrTooLarge beyond 200,000, which allows 15 servers at limit 5. Errors wrap ErrInvalid
// for a limit below 1, or a missing probability.
func BestWeights(ids []int64, up func(id int64) Probability, limit int) (Weighting, error) {
	sorted, err := voterSet(ids)
	if err != nil {
		return Weighting{}, err
	}
	if limit < 1 {
		return Weighting{}, invalidf("weights up to %d: the limit must be 1 or more", limit)
	}
	n := len(sorted)
	b := &budget{limit: aQuestion, question: "the best weights"}
	if ways := binomial(n+limit, limit); !ways.IsInt64() || ways.Int64() > maxWeightings {
		return Weighting{}, fmt.Errorf("%w: %v ways to give %d servers weights from 0 to %d; choose weights near ln(p/(1-p)) instead",
			ErrTooLarge, ways, n, limit)
	}
	order := make([]int, n) // positions, the likeliest to be up first
	items := make([]item, n)
	w := Weighting{IDs: sorted, LogOdds: make([]float64, n)}
	for i, id := range sorted {
		if !up(id).valid() {
			return Weighting{}, invalidf("no probability for server %d", id)
		}
		order[i], items[i].chance = i, up(id).chance()
		w.LogOdds[i] = items[i].chance.up - items[i].chance.down
	}
	sort.SliceStable(order, func(a, b int) bool { return items[order[a]].chance.down < items[order[b]].chance.down })
	best := math.Inf(1)
	var bestWeights []int64
	current := make([]int64, n) // in order
	var try func(k int, most int64) error
	try = func(k int, most int64) error {
		if k == n {
			down, ok, err := groupDown(b, items, order, current)
			if err != nil || !ok {
				return err
			}
			// Equal but for rounding is equal: then the smaller sum wins.
			if down < best-1e-12*math.Abs(best) || math.IsInf(best, 1) ||
				math.Abs(down-best) <= 1e-12*math.Abs(best) && sum(current) < sum(bestWeights) {
				best, bestWeights = down, slices.Clone(current)
			}
			return nil
		}
		for x := int64(0); x <= most; x++ {
			current[k] = x
			if err := try(k+1, x); err != nil {
				return err
			}
		}
		return nil
	}
	if err := try(0, int64(limit)); err != nil {
		return Weighting{}, err
	}
	w.Weights = make([]int64, n)
	for k, i := range order {
		w.Weights[i] = bestWeights[k]
	}
	groups := []Group{{ID: 1, Members: sorted}}
	weights := map[int64]int64{}
	for i, id := range sorted {
		weights[id] = w.Weights[i]
	}
	s, err := NewHierarchical(sorted, groups, weights)
	if err != nil {
		return Weighting{}, err
	}
	w.Availability, err = Available(s, up)
	return w, err
}

// groupDown is ln of the unavailability of one group with these weights, given
// in order; false when they are all zero.
func groupDown(b *budget, items []item, order []int, weights []int64) (float64, bool, error) {
	var total int64
	var members []item
	for k, i := range order {
		if weights[k] > 0 {
			members = append(members, item{weights[k], items[i].chance})
			total += weights[k]
		}
	}
	if total == 0 {
		return 0, false, nil
	}
	down, err := logTail(b, members, total-(total/2+1)+1)
	return down, true, err
}

func sum(weights []int64) int64 {
	var s int64
	for _, w := range weights {
		s += w
	}
	return s
}
