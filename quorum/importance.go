package quorum

import "math"

// Importance returns Birnbaum's importance of each voter, in the order of
// Voters: the probability that it makes the difference, which is how much
// more likely a quorum is with the voter certainly up than with it certainly
// down. It tells where another nine of reliability pays most; it is zero for voters that
// never matter, and with all probabilities 1/2 it is the Banzhaf index.
//
// Algorithm: a member makes the difference when the failed weight of its group's
// others is just below the bar, and exactly one standing group is missing; both
// are sums of positive terms, found for all members together by halving (see
// leaveout.go): O(n·W), W the weight that must fail, O(n²·log n) for a majority.
// A reconfiguration between two majorities: O(n²), see pairchance.go. Other systems are
// enumerated up to 20 voters. Errors as Available. Source: Birnbaum
// 1969, Banzhaf 1965.
func Importance(s System, up func(id int64) Probability) ([]float64, error) {
	chances, err := chancesOf(s, up)
	if err != nil {
		return nil, err
	}
	out, err := importance(budgetFor(s, "the importance", aQuestion), s, chances)
	for i, ln := range out {
		out[i] = math.Exp(ln)
	}
	return out, err
}

// importance is Importance in natural logarithms.
func importance(b *budget, s System, chances []chance) ([]float64, error) {
	if f, ok := single(s); ok {
		return f.importance(b, chances)
	}
	if p, ok := asPair(s); ok {
		return p.importance(b, chances)
	}
	t, err := tabulate(s)
	if err != nil {
		return nil, err
	}
	return t.importance(chances), nil
}

func (f form) importance(b *budget, chances []chance) ([]float64, error) {
	groups, err := f.outages(b, chances)
	if err != nil {
		return nil, err
	}
	tips, err := windows(b, groups, int64(f.toBlockAny()))
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(f.ids))
	for i := range out {
		out[i] = math.Inf(-1) // the weightless, too
	}
	for i, g := range f.groups {
		inside, err := windows(b, g.items(chances), g.bar())
		if err != nil {
			return nil, err
		}
		for k, m := range g.members {
			out[m.index] = tips[i] + inside[k]
		}
	}
	return out, nil
}

// importance adds up the states in which a voter makes the difference.
func (t *table) importance(chances []chance) []float64 {
	out := make([]float64, len(t.ids))
	for i := range t.ids {
		out[i] = math.Inf(-1)
		others := append([]chance(nil), chances...)
		others[i] = chance{} // ln 1 on both sides: the voter itself does not count
		states := stateChances(others)
		for set, quorum := range t.quorum {
			if quorum && !t.quorum[set&^(1<<i)] {
				out[i] = logAdd(out[i], states[set])
			}
		}
	}
	return out
}
