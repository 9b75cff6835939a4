package quorum

import (
	"fmt"
	"math/big"
	"slices"
)

// Fatal is one row of the failure profile.
type Fatal struct {
	Failures int      // how many servers fail together
	Fatal    *big.Int // how many of the sets of that size take the quorum away
	Total    *big.Int // how many sets of that size there are
}

// CountMinimalQuorums returns how many quorums there are of which no member can
// be spared. Zero when there is no quorum at all.
//
// Algorithm: within a group, a minimal set is counted at its lightest member, by
// how many sets of heavier ones fall just short; O(n·W) additions of big
// integers, W the needed weight (a binomial coefficient when all weigh the
// same). Source: counting knapsacks. Across groups, the elementary symmetric polynomial. Two majorities at
// once: O(n). ErrTooLarge when W is out of proportion, or beyond 20 voters for other systems.
func CountMinimalQuorums(s System) (*big.Int, error) {
	if f, ok := single(s); ok {
		return f.countMinimal(f.need, func(g formGroup) int64 { return g.need })
	}
	if f, ok := s.(former); ok {
		if a, b, ok := pairOfThresholds(f.forms()); ok {
			return a.joint(b).minimalQuorums(), nil
		}
	}
	t, err := tabulate(s)
	if err != nil {
		return nil, err
	}
	return big.NewInt(int64(len(t.minimal(t.isQuorum)))), nil
}

// CountMinimalBlocking returns how many blocking sets there are of which no
// member can be spared; 1, the empty one, when there is no quorum anyway. The
// algorithm is that of CountMinimalQuorums on the weight that must fail.
func CountMinimalBlocking(s System) (*big.Int, error) {
	if f, ok := single(s); ok {
		if f.toBlock() <= 0 {
			return big.NewInt(1), nil
		}
		return f.countMinimal(f.toBlock(), formGroup.bar)
	}
	t, err := tabulate(s)
	if err != nil {
		return nil, err
	}
	return big.NewInt(int64(len(t.minimal(t.isBlocking)))), nil
}

// countMinimal counts the ways to choose k reachable groups and, in each, a minimal set
// of the weight that need asks for.
func (f form) countMinimal(k int, need func(formGroup) int64) (*big.Int, error) {
	var ways []*big.Int
	for _, g := range f.groups {
		if !g.reachable() {
			continue
		}
		n, err := minimalSets(g.weights(), need(g))
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

// maxCountSteps bounds the additions of big integers that one answer may take:
// about a second.
const maxCountSteps = 1 << 24

// minimalSets counts the sets of weights that weigh at least need, and less
// without their lightest member.
func minimalSets(weights []int64, need int64) (*big.Int, error) {
	weights, need = reduce(weights, need)
	n := len(weights)
	slices.Sort(weights)
	slices.Reverse(weights)
	if weights[0] == weights[n-1] {
		return binomial(n, int(need)), nil // all 1 after reduce
	}
	if need > maxCountSteps/int64(n) {
		return nil, fmt.Errorf("%w: counting sets of %d voters that weigh %d together (divide the weights by what they have in common)",
			ErrTooLarge, n, need)
	}
	var rest int64
	for _, w := range weights {
		rest += w
	}
	// short[s] is how many sets of the members so far, the heavier ones, weigh s
	// and so fall short of need. Sets that the rest cannot complete are dropped.
	short := make([]*big.Int, need)
	for s := range short {
		short[s] = new(big.Int)
	}
	short[0].SetInt64(1)
	total := new(big.Int)
	var reach int64 // no set so far weighs more
	for _, w := range weights {
		for s := max(0, need-w); s <= min(reach, need-1); s++ {
			total.Add(total, short[s])
		}
		rest -= w
		reach = min(reach+w, need-1)
		for s := reach; s >= max(w, need-rest); s-- {
			short[s].Add(short[s], short[s-w])
		}
	}
	return total, nil
}

// FailureProfile returns, for 0 to n failures, how many of all sets of that size
// are fatal. The first row with a fatal set is one above the guaranteed
// tolerance, and its count is that of the smallest blocking sets.
//
// Algorithm: sets of each group by (failed members, failed weight), then the
// product over the groups by (failed members, groups left). O(n²) for
// equal weights, O(n²·W) otherwise, in big integers; ErrTooLarge beyond a second's work.
func FailureProfile(s System) ([]Fatal, error) {
	f, ok := single(s)
	if !ok {
		t, err := tabulate(s)
		if err != nil {
			return nil, err
		}
		return t.profile(), nil
	}
	n := len(f.ids)
	// lost[k][m]: sets of m failures among the groups so far that leave k of
	// them standing, for k < f.need: those can still be fatal.
	lost := [][]*big.Int{{big.NewInt(1)}}
	inGroups, steps := 0, 0
	for _, g := range f.groups {
		if len(g.members) == 0 {
			continue
		}
		broken, whole, err := g.profile()
		if err != nil {
			return nil, err
		}
		if steps += len(lost) * inGroups * len(g.members); steps > maxCountSteps/8 {
			return nil, fmt.Errorf("%w: the failure profile of %d voters in %d groups", ErrTooLarge, n, len(f.groups))
		}
		inGroups += len(g.members)
		lost = nextGroup(lost, broken, whole, f.need)
	}
	fatal := []*big.Int{}
	for _, row := range lost {
		fatal = addPoly(fatal, row)
	}
	// Voters outside of all groups, or of weight zero, fail as they like.
	free := make([]*big.Int, n-inGroups+1)
	for k := range free {
		free[k] = binomial(n-inGroups, k)
	}
	fatal = mulPoly(fatal, free)
	profile := make([]Fatal, n+1)
	for m := range profile {
		profile[m] = Fatal{Failures: m, Fatal: new(big.Int), Total: binomial(n, m)}
		if m < len(fatal) {
			profile[m].Fatal = fatal[m]
		}
	}
	return profile, nil
}

// nextGroup adds a group to the states of FailureProfile.
func nextGroup(lost [][]*big.Int, broken, whole []*big.Int, need int) [][]*big.Int {
	next := make([][]*big.Int, min(len(lost)+1, need))
	for k, row := range lost {
		next[k] = addPoly(next[k], mulPoly(row, broken))
		if k+1 < need {
			next[k+1] = addPoly(next[k+1], mulPoly(row, whole))
		}
	}
	return next
}

// profile counts the group's sets of m failures that take its majority away, and
// those that do not.
func (g formGroup) profile() (broken, whole []*big.Int, err error) {
	n := len(g.members)
	broken, whole = make([]*big.Int, n+1), make([]*big.Int, n+1)
	bar := max(0, g.bar())
	weights, bar := reduce(g.weights(), bar)
	if slices.Max(weights) == 1 {
		for m := range broken {
			broken[m], whole[m] = new(big.Int), binomial(n, m)
			if int64(m) >= bar {
				broken[m], whole[m] = whole[m], broken[m]
			}
		}
		return broken, whole, nil
	}
	if bar > maxCountSteps/4/int64(n)/int64(n) {
		return nil, nil, fmt.Errorf("%w: the failure profile of %d voters with weights up to %d", ErrTooLarge, n, slices.Max(weights))
	}
	// intact[m][s]: sets of m failures that weigh s, less than bar.
	intact := make([][]*big.Int, n+1)
	for m := range intact {
		intact[m] = make([]*big.Int, bar)
		for s := range intact[m] {
			intact[m][s] = new(big.Int)
		}
	}
	if bar > 0 {
		intact[0][0].SetInt64(1)
	}
	for i, w := range weights {
		for m := i + 1; m > 0; m-- {
			for s := bar - 1; s >= w; s-- {
				intact[m][s].Add(intact[m][s], intact[m-1][s-w])
			}
		}
	}
	for m := range broken {
		whole[m] = new(big.Int)
		for _, c := range intact[m] {
			whole[m].Add(whole[m], c)
		}
		broken[m] = new(big.Int).Sub(binomial(n, m), whole[m])
	}
	return broken, whole, nil
}

func addPoly(a, b []*big.Int) []*big.Int {
	for len(a) < len(b) {
		a = append(a, new(big.Int))
	}
	for i, x := range b {
		a[i].Add(a[i], x)
	}
	return a
}

func mulPoly(a, b []*big.Int) []*big.Int {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	out := make([]*big.Int, len(a)+len(b)-1)
	for i := range out {
		out[i] = new(big.Int)
	}
	product := new(big.Int)
	for i, x := range a {
		if x.Sign() == 0 {
			continue
		}
		for j, y := range b {
			if y.Sign() != 0 {
				out[i+j].Add(out[i+j], product.Mul(x, y))
			}
		}
	}
	return out
}
