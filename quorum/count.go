package quorum

import (
	"cmp"
	"math/big"
	"slices"
)

// CountMinimalQuorums returns how many quorums there are of which no member can
// be spared. Zero when there is no quorum at all.
//
// Algorithm: within a group, a minimal set is counted at its lightest member, by how many
// sets of heavier ones fall just short; O(n·W) additions of n-bit integers, W the needed
// weight (a binomial coefficient when all weigh the same). Source: counting knapsacks.
// Across groups, the elementary symmetric polynomial. Two majorities at once: O(n²) words.
// ErrTooLarge when n·W is beyond a tenth of a second, or beyond 20 voters for other
// systems.
func CountMinimalQuorums(s System) (*big.Int, error) {
	return countMinimalQuorums(budgetFor(s, "the number of minimal quorums", aGlance), s)
}

func countMinimalQuorums(b *budget, s System) (*big.Int, error) {
	if f, ok := single(s); ok {
		return f.countMinimal(b, f.need, func(g formGroup) int64 { return g.need })
	}
	if p, ok := asPair(s); ok {
		return p.minimalQuorums(b)
	}
	t, err := tabulate(s)
	if err != nil {
		return nil, err
	}
	return big.NewInt(int64(len(t.minimal(t.isQuorum)))), nil
}

// CountMinimalBlocking returns how many blocking sets there are of which no member can be
// spared; 1, the empty one, when there is no quorum anyway. Algorithm, complexity, errors
// and source are those of CountMinimalQuorums, on the weight that must fail; but two
// majorities at once are enumerated, up to 20 voters.
func CountMinimalBlocking(s System) (*big.Int, error) {
	b := budgetFor(s, "the number of minimal blocking sets", aGlance)
	if f, ok := single(s); ok {
		if f.toBlock() <= 0 {
			return big.NewInt(1), nil
		}
		return f.countMinimal(b, f.toBlock(), formGroup.bar)
	}
	t, err := tabulate(s)
	if err != nil {
		return nil, err
	}
	return big.NewInt(int64(len(t.minimal(t.isBlocking)))), nil
}

// countMinimal counts the ways to choose k reachable groups and, in each, a minimal set
// of the weight that need asks for.
func (f form) countMinimal(b *budget, k int, need func(formGroup) int64) (*big.Int, error) {
	var counts []knapsack
	for _, g := range f.groups {
		if g.reachable() {
			counts = append(counts, newKnapsack(g.weights(), need(g)))
		}
	}
	for _, c := range counts { // before any of the work is done
		if err := b.spend(c.steps()); err != nil {
			return nil, err
		}
	}
	var ways []*big.Int
	for _, c := range counts {
		n, err := c.minimalSets(b)
		if err != nil {
			return nil, err
		}
		ways = append(ways, n)
	}
	if k > len(ways) {
		return new(big.Int), nil
	}
	if same := slices.IndexFunc(ways, func(n *big.Int) bool { return n.Cmp(ways[0]) != 0 }); same < 0 {
		n := new(big.Int).Exp(ways[0], big.NewInt(int64(k)), nil)
		return n.Mul(n, binomial(len(ways), k)), nil
	}
	if err := b.spend(int64(len(ways)) * int64(k) * int64(8+wordsFor(len(f.ids)))); err != nil {
		return nil, err
	}
	// chosen[i] is the number of ways with i groups chosen so far.
	chosen := make([]*big.Int, k+1)
	for i := range chosen {
		chosen[i] = new(big.Int)
	}
	chosen[0].SetInt64(1)
	product := new(big.Int)
	for _, n := range ways {
		for i := k; i > 0; i-- {
			chosen[i].Add(chosen[i], product.Mul(chosen[i-1], n))
		}
	}
	return chosen[k], nil
}

// knapsack asks for the sets of weights that weigh at least need, and less
// without their lightest member.
type knapsack struct {
	weights []int64 // descending, without a common divisor
	need    int64
	passes  []pass // one a member; none when there is a closed form, or a list of sums
}

// pass is one member's turn, heaviest first.
type pass struct {
	weight      int64
	words       int   // that the counts have by then: there are 2^i sets of i members
	reach       int64 // no set so far weighs more
	top, bottom int64 // the sums to which it adds
}

func newKnapsack(weights []int64, need int64) knapsack {
	k := knapsack{}
	k.weights, k.need = reduce(weights, need)
	slices.SortFunc(k.weights, func(a, b int64) int { return cmp.Compare(b, a) })
	if k.equal() || few(len(k.weights), k.need) {
		return k
	}
	rest, reach := sum(k.weights), int64(0)
	for i, w := range k.weights {
		p := pass{weight: w, words: wordsFor(i), reach: reach}
		rest -= w
		reach = min(reach+w, k.need-1)
		p.top, p.bottom = reach, max(w, k.need-rest)
		k.passes = append(k.passes, p)
	}
	return k
}

// equal reports whether all weigh the same: 1, once their common divisor is out.
func (k knapsack) equal() bool { return k.weights[0] == k.weights[len(k.weights)-1] }

// steps is what the passes take, in additions of words.
func (k knapsack) steps() int64 {
	var steps int64
	for _, p := range k.passes {
		steps += int64(p.words+1) * (max(0, p.top-p.bottom+1) + min(p.weight, p.reach+1))
	}
	return steps
}

func (k knapsack) minimalSets(b *budget) (*big.Int, error) {
	if k.equal() {
		return binomial(len(k.weights), int(k.need)), nil
	}
	if k.passes == nil {
		return k.minimalSetsSparse(b)
	}
	// short[s] is how many sets of the members so far, the heavier ones, weigh s
	// and so fall short of need. Sets that the rest cannot complete are dropped.
	short := newNaturals(int(k.need), len(k.weights))
	short.words[0] = 1
	total := make([]uint64, short.width)
	for _, p := range k.passes {
		for s := max(0, k.need-p.weight); s <= p.reach; s++ {
			addTo(total, short.at(s, p.words))
		}
		for s := p.top; s >= p.bottom; s-- {
			addTo(short.at(s, short.width), short.at(s-p.weight, p.words))
		}
	}
	return natural(total), nil
}

// minimalSetsSparse is minimalSets over a list of the sums that occur.
func (k knapsack) minimalSetsSparse(b *budget) (*big.Int, error) {
	same := func(n *big.Int) *big.Int { return n }
	add := func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }
	short := []weighed[*big.Int]{{0, big.NewInt(1)}}
	total := new(big.Int)
	rest := sum(k.weights)
	for _, w := range k.weights {
		for _, st := range above(short, k.need-w) {
			total.Add(total, st.value)
		}
		next, err := branch(b, short, w, same, same, add)
		if err != nil {
			return nil, err
		}
		rest -= w
		short = above(below(next, k.need), k.need-rest)
	}
	return total, nil
}
