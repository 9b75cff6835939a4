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

// pair is two thresholds over overlapping members: a reconfiguration between two
// majorities. By symmetry only numbers matter: x of those that only the
// first has, y of the common ones, z of those that only the second has.
//
//	quorum iff x+y >= p and y+z >= q
type pair struct {
	onlyA, common, onlyB []int // voters' positions, ascending
	p, q                 int
}

// asPair recognises a system that is two thresholds at once.
func asPair(s System) (pair, bool) {
	f, ok := s.(former)
	if !ok {
		return pair{}, false
	}
	forms := f.forms()
	if len(forms) != 2 {
		return pair{}, false
	}
	t, okA := forms[0].asThreshold()
	u, okB := forms[1].asThreshold()
	if !okA || !okB {
		return pair{}, false
	}
	j := pair{p: t.need, q: u.need}
	for _, i := range t.members {
		if _, found := slices.BinarySearch(u.members, i); found {
			j.common = append(j.common, i)
		} else {
			j.onlyA = append(j.onlyA, i)
		}
	}
	for _, i := range u.members {
		if _, found := slices.BinarySearch(t.members, i); !found {
			j.onlyB = append(j.onlyB, i)
		}
	}
	return j, true
}

func (j pair) sizes() (a, c, b int) { return len(j.onlyA), len(j.common), len(j.onlyB) }

func (j pair) tolerances(n int) Tolerances {
	a, c, b := j.sizes()
	smallest := -1
	for y := 0; y <= c; y++ {
		x, z := max(0, j.p-y), max(0, j.q-y)
		if x <= a && z <= b && (smallest < 0 || x+y+z < smallest) {
			smallest = x + y + z
		}
	}
	if smallest < 0 {
		return Tolerances{Quorum: 0, Guaranteed: -1, AtBest: -1}
	}
	blocking := min(a+c-j.p, c+b-j.q) + 1
	return Tolerances{Quorum: smallest, Guaranteed: blocking - 1, AtBest: n - smallest}
}

// minimalQuorums counts the sets of which no member can be spared: O(n) products of
// n-bit integers.
func (j pair) minimalQuorums(budget *budget) (*big.Int, error) {
	a, c, b := j.sizes()
	n := a + c + b
	if err := budget.spend(int64(n+1) * int64(16+8*wordsFor(n))); err != nil {
		return nil, err
	}
	chooseA, chooseC, chooseB := binomials(a), binomials(c), binomials(b)
	total, ways := new(big.Int), new(big.Int)
	for y := 0; y <= c; y++ {
		x, z := max(0, j.p-y), max(0, j.q-y)
		if x > a || z > b {
			continue
		}
		// With x and z as small as y allows, only the common members could be
		// spared: when both sums exceed their needs.
		if y > 0 && x+y > j.p && y+z > j.q {
			continue
		}
		ways.Mul(chooseA[x], chooseC[y])
		total.Add(total, ways.Mul(ways, chooseB[z]))
	}
	return total, nil
}

// dummies are the voters that never make the difference: of each kind all or none. O(n).
func (j pair) dummies(ids []int64) []int64 {
	a, c, b := j.sizes()
	if a+c < j.p || c+b < j.q {
		return nil // there is no quorum at all
	}
	// One more of a kind decides when it is missing on its side and the other side has enough.
	matters := func(mine, others, theirs, need, theirNeed int) bool {
		for y := 0; y <= others; y++ {
			if x := need - 1 - y; x >= 0 && x < mine && y+theirs >= theirNeed {
				return true
			}
		}
		return false
	}
	common := false
	for y := range c { // without the one in question; of the others, as many as it takes
		sideA := j.p-1-y >= 0 && j.p-1-y <= a && y+1+b >= j.q
		sideB := j.q-1-y >= 0 && j.q-1-y <= b && y+1+a >= j.p
		common = common || sideA || sideB
	}
	in := make([]bool, len(ids))
	for _, kind := range []struct {
		positions []int
		matter    bool
	}{{j.onlyA, matters(a, c, b, j.p, j.q)}, {j.onlyB, matters(b, c, a, j.q, j.p)}, {j.common, common}} {
		for _, i := range kind.positions {
			in[i] = kind.matter
		}
	}
	var dummies []int64
	for i, id := range ids {
		if !in[i] {
			dummies = append(dummies, id)
		}
	}
	return dummies
}

// surviving counts the sets of m failures that leave a quorum, for each m, of the voters
// that count: for each number of common ones that fail, as many as each side can then
// spare. O(c·a·b) products of integers.
func (j pair) surviving(budget *budget) ([]*big.Int, error) {
	a, c, b := j.sizes()
	n := a + c + b
	if err := budget.spend(int64(c+1) * int64(a+1) * int64(b+1) * int64(64+wordsFor(n)*wordsFor(n)/4)); err != nil {
		return nil, err
	}
	chooseA, chooseC, chooseB := binomials(a), binomials(c), binomials(b)
	counts := make([]*big.Int, n+1)
	for m := range counts {
		counts[m] = new(big.Int)
	}
	ways := new(big.Int)
	for y := 0; y <= c; y++ {
		spareA, spareB := a+c-y-j.p, b+c-y-j.q
		for x := 0; x <= min(a, spareA); x++ {
			for z := 0; z <= min(b, spareB); z++ {
				ways.Mul(chooseA[x], chooseB[z])
				counts[x+y+z].Add(counts[x+y+z], ways.Mul(ways, chooseC[y]))
			}
		}
	}
	return counts, nil
}

// disjointQuorums reports whether two quorums, one of each system, can fail to
// meet: then the systems must never decide side by side.
func (j pair) disjointQuorums() bool {
	a, c, b := j.sizes()
	return max(0, j.p-a)+max(0, j.q-b) <= c && j.p <= a+c && j.q <= c+b
}
