package quorum

import "fmt"

// QuorumsMeet reports whether every quorum of a shares a server with every
// quorum of b. Where they do not, two halves of an ensemble that is
// being restarted with a new configuration can decide differently; ZooKeeper's
// own reconfiguration asks for both quorums at once and is safe either way. Every
// sane system meets itself.
//
// Algorithm: two majorities by their numbers, O(n). Two systems that put the voters they
// share into the same groups: in each group, whether both can have their majority without
// sharing anybody (a knapsack: as little as the old one needs, as much as possible left
// for the new one, O(n·W)); then whether there are groups enough. Others are enumerated,
// up to 20 voters together. ErrTooLarge beyond, and for weights without a small common
// scale. Source: the definition of a quorum system.
func QuorumsMeet(a, b System) (bool, error) {
	j := NewJoint(a, b)
	if p, ok := asPair(j); ok {
		return !p.disjointQuorums(), nil
	}
	ids := j.Voters()
	if forms := j.forms(); len(forms) == 2 {
		if pairs, ok := pairGroups(forms[0], forms[1]); ok {
			disjoint, err := disjointQuorums(budgetFor(j, "the test for disjoint quorums", aQuestion), forms[0], forms[1], pairs)
			if err == nil || len(ids) > maxTable {
				return !disjoint, err
			}
		}
	}
	if len(ids) > maxTable {
		return false, fmt.Errorf("%w: whether the quorums of two systems of %d voters always meet; at most %d are enumerated",
			ErrTooLarge, len(ids), maxTable)
	}
	position := make(map[int64]uint, len(ids))
	for i, id := range ids {
		position[id] = uint(i)
	}
	for set := range 1 << len(ids) {
		// The servers of one side against all others: more on either side only helps.
		inside := a.IsQuorum(func(id int64) bool { return set>>position[id]&1 == 1 })
		if inside && b.IsQuorum(func(id int64) bool { return set>>position[id]&1 == 0 }) {
			return false, nil
		}
	}
	return true, nil
}

// groupPair is a group of one system and the group of the other that has some of
// its members; -1 where there is none.
type groupPair struct{ a, b int }

// pairGroups finds out which groups belong together; false when the systems put
// voters that they share into groups across each other.
func pairGroups(a, b form) ([]groupPair, bool) {
	groupOf := func(f form) map[int]int {
		of := map[int]int{}
		for i, g := range f.groups {
			for _, m := range g.members {
				of[m.index] = i
			}
		}
		return of
	}
	inB := groupOf(b)
	taken := make(map[int]bool)
	var pairs []groupPair
	for i, g := range a.groups {
		p := groupPair{i, -1}
		for _, m := range g.members {
			switch k, shared := inB[m.index]; {
			case !shared || k == p.b:
			case p.b >= 0 || taken[k]:
				return nil, false
			default:
				p.b, taken[k] = k, true
			}
		}
		pairs = append(pairs, p)
	}
	for k := range b.groups {
		if !taken[k] {
			pairs = append(pairs, groupPair{-1, k})
		}
	}
	return pairs, true
}

// disjointQuorums reports whether there are a quorum of a and one of b that share nobody. Each pair
// of groups can stand for both systems at once, for either, or for one.
func disjointQuorums(budget *budget, a, b form, pairs []groupPair) (bool, error) {
	both, onlyA, onlyB, either := 0, 0, 0, 0
	for _, p := range pairs {
		forA := p.a >= 0 && a.groups[p.a].reachable()
		forB := p.b >= 0 && b.groups[p.b].reachable()
		switch {
		case forA && forB:
			apart, err := disjointMajorities(budget, a.groups[p.a], b.groups[p.b])
			if err != nil {
				return false, err
			}
			if apart {
				both++
			} else {
				either++
			}
		case forA:
			onlyA++
		case forB:
			onlyB++
		}
	}
	return max(0, a.need-both-onlyA)+max(0, b.need-both-onlyB) <= either, nil
}

// disjointMajorities reports whether two groups can both have their majority without a member in
// common.
func disjointMajorities(budget *budget, a, b formGroup) (bool, error) {
	needA, left := a.need, b.weight()
	weightInB := map[int]int64{}
	for _, m := range b.members {
		weightInB[m.index] = m.weight
	}
	type choice struct{ toA, fromB int64 }
	var choices []choice
	for _, m := range a.members {
		if w, shared := weightInB[m.index]; shared {
			choices = append(choices, choice{m.weight, w})
		} else {
			needA -= m.weight // nobody else wants it
		}
	}
	if needA <= 0 {
		return left >= b.need, nil
	}
	if needA > maxArray {
		return false, budget.exhausted("needs a table of more than %d entries", maxArray)
	}
	if err := budget.spend(needA * int64(len(choices)+1)); err != nil {
		return false, err
	}
	// cost[s] is the least weight that b loses when a gets s, or for the last entry needA, or more.
	cost := make([]int64, needA+1)
	for s := range cost {
		cost[s] = left + 1
	}
	cost[0] = 0
	for _, c := range choices {
		for s := needA; s > 0; s-- {
			cost[s] = min(cost[s], cost[max(0, s-c.toA)]+c.fromB)
		}
	}
	return left-cost[needA] >= b.need, nil
}
