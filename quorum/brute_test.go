package quorum

import (
	"fmt"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// brute is the second, dumb implementation against which everything else is
// held: sets of voters as bits, maps of acknowledgements and weights as
// ZooKeeper's QuorumHierarchical keeps them, probabilities as exact rationals,
// every state visited.
type brute struct {
	name   string
	system *System
	ids    []int64
	quorum func(acks map[int64]bool) bool
}

// containsQuorum says it as the Java classes do: sums per group, integer halves.
func containsQuorum(groups []Group, weights map[int64]int64) func(acks map[int64]bool) bool {
	total := map[int64]int64{}
	effective := int64(0)
	for _, g := range groups {
		for _, id := range g.Members {
			total[g.ID] += weights[id]
		}
		if total[g.ID] != 0 {
			effective++
		}
	}
	return func(acks map[int64]bool) bool {
		sum := map[int64]int64{}
		for _, g := range groups {
			for _, id := range g.Members {
				if acks[id] {
					sum[g.ID] += weights[id]
				}
			}
		}
		majorities := int64(0)
		for gid, w := range sum {
			if w > total[gid]/2 {
				majorities++
			}
		}
		return majorities > effective/2
	}
}

func (b brute) states(visit func(set int, quorum bool)) {
	for set := range 1 << len(b.ids) {
		visit(set, b.has(set))
	}
}

func (b brute) has(set int) bool {
	acks := map[int64]bool{}
	for i, id := range b.ids {
		if set>>i&1 == 1 {
			acks[id] = true
		}
	}
	return b.quorum(acks)
}

func (b brute) all() int { return 1<<len(b.ids) - 1 }

func (b brute) set(set int) []int64 {
	var ids []int64
	for i, id := range b.ids {
		if set>>i&1 == 1 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b brute) tolerances() Tolerances {
	if !b.has(b.all()) {
		return Tolerances{0, -1, -1}
	}
	n := len(b.ids)
	t := Tolerances{Quorum: n, Guaranteed: n - 1}
	b.states(func(set int, quorum bool) {
		if quorum {
			t.Quorum = min(t.Quorum, bits.OnesCount(uint(set)))
		} else {
			t.Guaranteed = min(t.Guaranteed, n-bits.OnesCount(uint(set))-1)
		}
	})
	t.AtBest = n - t.Quorum
	return t
}

// minimal lists the quorums, or the blocking sets, that have no member to spare.
func (b brute) minimal(blocking bool) [][]int64 {
	is := func(set int) bool {
		if blocking {
			return !b.has(b.all() &^ set)
		}
		return b.has(set)
	}
	var sets [][]int64
	for set := range 1 << len(b.ids) {
		spare := false
		for i := range b.ids {
			if set>>i&1 == 1 && is(set&^(1<<i)) {
				spare = true
			}
		}
		if is(set) && !spare {
			sets = append(sets, b.set(set))
		}
	}
	return sets
}

func (b brute) unavailability(p func(id int64) *big.Rat) *big.Rat {
	sum := new(big.Rat)
	one := big.NewRat(1, 1)
	b.states(func(set int, quorum bool) {
		if quorum {
			return
		}
		state := big.NewRat(1, 1)
		for i, id := range b.ids {
			if set>>i&1 == 1 {
				state.Mul(state, p(id))
			} else {
				state.Mul(state, new(big.Rat).Sub(one, p(id)))
			}
		}
		sum.Add(sum, state)
	})
	return sum
}

// randomSystem draws a system of 1..9 voters: majority, weighted, hierarchical,
// a reconfiguration, a damaged one, an oracle, or a threshold.
func randomSystem(t *testing.T, r *rand.Rand) brute {
	t.Helper()
	kind := r.IntN(9)
	switch kind {
	case 0:
		return randomMajority(t, r)
	case 1, 2, 3, 4:
		return randomHierarchical(t, r)
	case 5:
		a, b := randomMajority(t, r), randomMajority(t, r)
		return bruteJoint(a, b)
	case 6:
		a, b := randomHierarchical(t, r), randomMajority(t, r)
		return bruteJoint(a, b)
	case 7:
		whole := randomHierarchical(t, r)
		if r.IntN(2) == 0 {
			whole = bruteJoint(randomMajority(t, r), randomMajority(t, r))
		}
		return bruteWithout(t, r, whole)
	default:
		n := 1 + r.IntN(6)
		k := 1 + r.IntN(n)
		s, err := threshold(k, oneTo(n))
		if err != nil {
			t.Fatal(err)
		}
		return brute{fmt.Sprintf("%d of %d", k, n), s, s.voters, func(acks map[int64]bool) bool { return len(acks) >= k }}
	}
}

func randomMajority(t *testing.T, r *rand.Rand) brute {
	t.Helper()
	var ids []int64
	for id := int64(1); id <= 9; id++ {
		if r.IntN(2) == 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		ids = []int64{4}
	}
	s, err := NewMajority(ids...)
	if err != nil {
		t.Fatal(err)
	}
	return brute{fmt.Sprintf("majority of %v", ids), s, ids, func(acks map[int64]bool) bool {
		n := 0
		for _, id := range ids {
			if acks[id] {
				n++
			}
		}
		return n > len(ids)/2
	}}
}

func randomHierarchical(t *testing.T, r *rand.Rand) brute {
	t.Helper()
	n := 1 + r.IntN(8)
	var ids []int64
	weights := map[int64]int64{}
	scale := []int64{1, 1, 3, 1_000_000_007, 1 << 55}[r.IntN(5)]
	heaviest := []int64{1, 3, 9}[r.IntN(3)]
	groups := make([]Group, 1+r.IntN(4))
	for i := range groups {
		groups[i].ID = int64(i + 1)
	}
	for id := int64(1); id <= int64(n); id++ {
		g := &groups[r.IntN(len(groups))]
		g.Members = append(g.Members, id)
		weights[id] = r.Int64N(heaviest+1) * scale
		if r.IntN(8) == 0 {
			continue // listed and weighted, but no voter
		}
		ids = append(ids, id)
	}
	groups = slices.DeleteFunc(groups, func(g Group) bool { return len(g.Members) == 0 })
	if len(ids) == 0 {
		return randomMajority(t, r)
	}
	s, err := NewHierarchical(ids, groups, weights)
	if err != nil {
		t.Fatal(err)
	}
	return brute{fmt.Sprintf("voters %v groups %v weights %v", ids, groups, weights), s, ids, containsQuorum(groups, weights)}
}

func bruteJoint(a, b brute) brute {
	j := NewJoint(a.system, b.system)
	only := func(acks map[int64]bool, ids []int64) map[int64]bool {
		mine := map[int64]bool{}
		for _, id := range ids {
			if acks[id] {
				mine[id] = true
			}
		}
		return mine
	}
	return brute{a.name + " and " + b.name, j, j.Voters(), func(acks map[int64]bool) bool {
		return a.quorum(only(acks, a.ids)) && b.quorum(only(acks, b.ids))
	}}
}

func bruteWithout(t *testing.T, r *rand.Rand, whole brute) brute {
	t.Helper()
	down := map[int64]bool{}
	var left, failed []int64
	for _, id := range whole.ids {
		if r.IntN(3) == 0 {
			down[id] = true
			failed = append(failed, id)
		} else {
			left = append(left, id)
		}
	}
	s := Without(whole.system, failed...)
	return brute{fmt.Sprintf("%s without %v", whole.name, failed), s, left, func(acks map[int64]bool) bool {
		alive := map[int64]bool{}
		for id := range acks {
			if !down[id] {
				alive[id] = true
			}
		}
		return whole.quorum(alive)
	}}
}

// forRandomSystems runs a property on many systems; the seed is fixed, and the
// name of the system reproduces it.
func forRandomSystems(t *testing.T, rounds int, property func(t *testing.T, b brute, r *rand.Rand)) {
	t.Helper()
	if testing.Short() {
		rounds /= 4
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		b := randomSystem(t, r)
		property(t, b, r)
		if t.Failed() {
			t.Fatalf("system: %s", b.name)
		}
	}
}
