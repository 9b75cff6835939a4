package quorum

import (
	"cmp"
	"fmt"
	"slices"
)

// MinimalQuorums lists the quorums of which no member can be spared, each
// ascending, in lexicographic order. ErrTooLarge when there are more than limit
// (CountMinimalQuorums tells how many), and beyond 20 voters for systems other than majority, weighted
// and hierarchical.
//
// Algorithm: in each group, members heaviest first, so that the one which completes the
// majority is the lightest and cannot be spared; then the choices of groups. O(n) a
// set. Source: backtracking over the definition.
func MinimalQuorums(s System, limit int) ([][]int64, error) {
	return minimalFamily(s, limit, "minimal quorums", (*table).isQuorum, func(f form) ([][]int, bool) {
		return f.minimalSets(f.need, limit, func(g formGroup) int64 { return g.need })
	})
}

// MinimalBlocking lists the blocking sets of which no member can be spared, as
// MinimalQuorums does and with its errors, on the weight that must fail; none when there
// is no quorum anyway.
func MinimalBlocking(s System, limit int) ([][]int64, error) {
	return minimalFamily(s, limit, "minimal blocking sets", (*table).isBlocking, func(f form) ([][]int, bool) {
		if f.toBlock() <= 0 {
			return nil, true
		}
		return f.minimalSets(f.toBlock(), limit, formGroup.bar)
	})
}

func minimalFamily(s System, limit int, what string, is func(*table, int) bool, of func(form) ([][]int, bool)) ([][]int64, error) {
	tooMany := fmt.Errorf("%w: more than %d %s", ErrTooLarge, limit, what)
	ids := s.Voters()
	var sets [][]int64
	if f, ok := single(s); ok {
		found, ok := of(f)
		if !ok {
			return nil, tooMany
		}
		for _, set := range found {
			named := make([]int64, len(set))
			for i, index := range set {
				named[i] = ids[index]
			}
			sets = append(sets, named)
		}
	} else {
		t, err := tabulate(s)
		if err != nil {
			return nil, err
		}
		found := t.minimal(func(set int) bool { return is(t, set) })
		if len(found) > limit {
			return nil, tooMany
		}
		for _, set := range found {
			if set != 0 {
				sets = append(sets, t.members(set))
			}
		}
	}
	for _, set := range sets {
		slices.Sort(set)
	}
	slices.SortFunc(sets, slices.Compare)
	return sets, nil
}

// minimalSets lists the ways to choose k reachable groups and a minimal set in each;
// false when there are more than limit.
func (f form) minimalSets(k, limit int, need func(formGroup) int64) ([][]int, bool) {
	var perGroup [][][]int
	for _, g := range f.groups {
		if !g.reachable() {
			continue
		}
		sets, ok := g.minimalSets(need(g), limit)
		if !ok {
			return nil, false
		}
		perGroup = append(perGroup, sets)
	}
	var all [][]int
	var choose func(group, left int, chosen []int) bool
	choose = func(group, left int, chosen []int) bool {
		if left == 0 {
			all = append(all, slices.Clone(chosen))
			return len(all) <= limit
		}
		if len(perGroup)-group < left {
			return true
		}
		for _, set := range perGroup[group] {
			if !choose(group+1, left-1, append(chosen, set...)) {
				return false
			}
		}
		return choose(group+1, left, chosen)
	}
	ok := choose(0, k, nil)
	return all, ok
}

// minimalSets lists the sets of members, as voters' positions, that weigh need
// and less without any one of them: members are taken heaviest first, so
// the one that completes the weight is the lightest, and cannot be spared either.
func (g formGroup) minimalSets(need int64, limit int) ([][]int, bool) {
	members := slices.Clone(g.members)
	slices.SortStableFunc(members, func(a, b formMember) int { return cmp.Compare(b.weight, a.weight) })
	rest := make([]int64, len(members)+1) // weight from i on
	for i := len(members) - 1; i >= 0; i-- {
		rest[i] = rest[i+1] + members[i].weight
	}
	var all [][]int
	var take func(i int, missing int64, chosen []int) bool
	take = func(i int, missing int64, chosen []int) bool {
		for ; i < len(members) && rest[i] >= missing; i++ {
			with := append(chosen, members[i].index)
			if members[i].weight >= missing {
				all = append(all, slices.Clone(with))
				if len(all) > limit {
					return false
				}
			} else if !take(i+1, missing-members[i].weight, with) {
				return false
			}
		}
		return true
	}
	ok := take(0, need, nil)
	return all, ok
}
