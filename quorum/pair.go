package quorum

import (
	"math/big"
	"slices"
)

// threshold is "any need of these", as voters' positions.
type threshold struct {
	members []int // ascending
	need    int
}

// asThreshold recognises a form whose members all weigh the same in one group.
func (f form) asThreshold() (threshold, bool) {
	if len(f.groups) != 1 || f.need != 1 || len(f.groups[0].members) == 0 {
		return threshold{}, false
	}
	g := f.groups[0]
	weights, need := reduce(g.weights(), g.need)
	if slices.Max(weights) != 1 {
		return threshold{}, false
	}
	t := threshold{need: int(min(need, int64(len(weights)+1)))}
	for _, m := range g.members {
		t.members = append(t.members, m.index)
	}
	slices.Sort(t.members)
	return t, true
}

// pairOfThresholds recognises the reconfiguration between two majorities.
func pairOfThresholds(forms []form) (a, b threshold, ok bool) {
	if len(forms) != 2 {
		return a, b, false
	}
	a, okA := forms[0].asThreshold()
	b, okB := forms[1].asThreshold()
	return a, b, okA && okB
}

// pair is two thresholds over overlapping members. By symmetry only numbers
// matter: x of the a members that only the first has, y of the c common ones,
// z of the b that only the second has.
//
//	quorum iff x+y >= p and y+z >= q
type pair struct {
	a, c, b int
	p, q    int
}

func (t threshold) joint(u threshold) pair {
	common := 0
	for _, i := range t.members {
		if _, found := slices.BinarySearch(u.members, i); found {
			common++
		}
	}
	return pair{a: len(t.members) - common, c: common, b: len(u.members) - common, p: t.need, q: u.need}
}

func (j pair) tolerances(n int) Tolerances {
	smallest := -1
	for y := 0; y <= j.c; y++ {
		x, z := max(0, j.p-y), max(0, j.q-y)
		if x <= j.a && z <= j.b && (smallest < 0 || x+y+z < smallest) {
			smallest = x + y + z
		}
	}
	if smallest < 0 {
		return Tolerances{Quorum: 0, Guaranteed: -1, AtBest: -1}
	}
	blocking := min(j.a+j.c-j.p, j.c+j.b-j.q) + 1
	return Tolerances{Quorum: smallest, Guaranteed: blocking - 1, AtBest: n - smallest}
}

// minimalQuorums counts the sets of which no member can be spared. O(n²).
func (j pair) minimalQuorums() *big.Int {
	total := new(big.Int)
	for y := 0; y <= j.c; y++ {
		x, z := max(0, j.p-y), max(0, j.q-y)
		if x > j.a || z > j.b {
			continue
		}
		// With x and z as small as y allows, only the common members could be
		// spared: when both sums exceed their needs.
		if y > 0 && x+y > j.p && y+z > j.q {
			continue
		}
		n := binomial(j.a, x)
		n.Mul(n, binomial(j.c, y))
		total.Add(total, n.Mul(n, binomial(j.b, z)))
	}
	return total
}

// disjointQuorums reports whether two quorums, one of each system, can fail to
// meet: then the systems must never decide side by side.
func (j pair) disjointQuorums() bool {
	return max(0, j.p-j.a)+max(0, j.q-j.b) <= j.c && j.p <= j.a+j.c && j.q <= j.c+j.b
}

func binomial(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }
