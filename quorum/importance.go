package quorum

import (
	"fmt"
	"math"
)

// Importance returns Birnbaum's importance of each voter, in the order of
// Voters: the probability that it makes the difference, which is how much
// more likely a quorum is with the voter certainly up than with it certainly
// down. It tells where another nine of reliability pays most; it is zero for voters that
// never matter, and with all probabilities 1/2 it is the Banzhaf index.
//
// Algorithm: a member makes the difference when the failed weight of its group's
// others is just below the bar, and exactly one standing group is missing; both
// are sums of positive terms (see tail.go), one pass for each class
// of interchangeable members. O(n²) when few probabilities differ. Other systems are
// enumerated up to 20 voters; beyond that, and for reconfigurations between two majorities,
// the difference of two unavailabilities. Errors as Available. Source: Birnbaum
// 1969, Banzhaf 1965.
func Importance(s System, up func(id int64) Probability) ([]float64, error) {
	ids := s.Voters()
	for _, id := range ids {
		if !up(id).valid() {
			return nil, fmt.Errorf("%w: no probability for server %d", ErrInvalid, id)
		}
	}
	chances := make([]chance, len(ids))
	for i, id := range ids {
		chances[i] = up(id).chance()
	}
	if f, ok := single(s); ok {
		return f.importance(chances)
	}
	if len(ids) <= maxTable {
		t, err := tabulate(s)
		if err != nil {
			return nil, err
		}
		return t.importance(chances), nil
	}
	return importanceByDifference(s, up)
}

func (f form) importance(chances []chance) ([]float64, error) {
	groups := make([]item, len(f.groups))
	for i, g := range f.groups {
		c, err := g.availability(chances)
		if err != nil {
			return nil, err
		}
		groups[i] = item{1, c}
	}
	out := make([]float64, len(f.ids))
	bar := int64(len(groups) - f.need + 1)
	for i, g := range f.groups {
		tips, err := logWindow(without(groups, i), bar-1, bar)
		if err != nil {
			return nil, err
		}
		items := make([]item, len(g.members))
		for k, m := range g.members {
			items[k] = item{m.weight, chances[m.index]}
		}
		known := map[item]float64{}
		for k, m := range g.members {
			value, ok := known[items[k]]
			if !ok {
				window, err := logWindow(without(items, k), g.bar()-m.weight, g.bar())
				if err != nil {
					return nil, err
				}
				value = math.Exp(tips + window)
				known[items[k]] = value
			}
			out[m.index] = value
		}
	}
	return out, nil
}

func without(items []item, k int) []item {
	rest := append([]item(nil), items[:k]...)
	return append(rest, items[k+1:]...)
}

// importance adds up the states in which a voter makes the difference.
func (t *table) importance(chances []chance) []float64 {
	out := make([]float64, len(t.ids))
	for i := range t.ids {
		others := append([]chance(nil), chances...)
		others[i] = chance{} // ln 1 on both sides: the voter itself does not count
		states := stateChances(others)
		for set, quorum := range t.quorum {
			if quorum && !t.quorum[set&^(1<<i)] {
				out[i] += math.Exp(states[set])
			}
		}
	}
	return out
}

func importanceByDifference(s System, up func(id int64) Probability) ([]float64, error) {
	ids := s.Voters()
	out := make([]float64, len(ids))
	for i, id := range ids {
		with, err := Available(s, override(up, id, Certain))
		if err != nil {
			return nil, err
		}
		without, err := Available(s, override(up, id, never))
		if err != nil {
			return nil, err
		}
		if without.chance.down < -math.Ln2 {
			out[i] = max(0, without.Down()-with.Down())
		} else {
			out[i] = max(0, with.Up()-without.Up())
		}
	}
	return out, nil
}

func override(up func(id int64) Probability, id int64, p Probability) func(int64) Probability {
	return func(other int64) Probability {
		if other == id {
			return p
		}
		return up(other)
	}
}
