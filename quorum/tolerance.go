package quorum

import (
	"cmp"
	"math/big"
	"slices"
)

// Tolerances says how much can fail, in servers.
type Tolerances struct {
	Quorum     int // size of the smallest quorum; 0 when not even all voters are one
	Guaranteed int // failures survived whichever servers they hit; -1 without any quorum
	AtBest     int // failures survived when they hit the least important servers; -1 without any quorum
}

// Tolerance computes the smallest quorum and the tolerances of a system.
//
// The cheapest way to satisfy a group is its heaviest members first, and so is the cheapest way
// to break it; the cheapest groups then make the smallest quorum or the smallest blocking set.
// The smallest quorum of a reconfiguration in flight is found by enumeration: ErrTooLarge
// beyond what is enumerated. Source: quoracle's dup_free_min_failures (Whittaker et al. 2021).
func Tolerance(s *System) (Tolerances, error) {
	t := Tolerances{Guaranteed: GuaranteedTolerance(s), AtBest: -1}
	if t.Guaranteed < 0 {
		return t, nil
	}
	if len(s.configs) == 1 {
		c := s.configs[0]
		t.Quorum = c.cheapest(c.need, func(g group) int64 { return g.need })
	} else {
		e, err := enumerate(s)
		if err != nil {
			return Tolerances{}, err
		}
		t.Quorum = len(s.voters)
		e.each(func(state int, up []int) {
			if e.quorum[state] {
				t.Quorum = min(t.Quorum, sum(up))
			}
		})
	}
	t.AtBest = len(s.voters) - t.Quorum
	return t, nil
}

// GuaranteedTolerance is the Guaranteed part of Tolerance, for which nothing is too large. What
// blocks two configurations at once blocks one of them, so the lesser tolerance counts.
func GuaranteedTolerance(s *System) int {
	least := len(s.voters)
	for _, c := range s.configs {
		least = min(least, c.cheapest(c.toBlock(), group.spare)-1)
	}
	return least
}

func (g group) weight() int64 {
	var total int64
	for _, m := range g.members {
		total += m.weight
	}
	return total
}

// spare is the weight whose failure takes the group's majority away; zero or less when it
// never has one.
func (g group) spare() int64 { return g.weight() - g.need + 1 }

func (g group) reachable() bool { return g.spare() > 0 }

// toBlock is how many reachable groups must fall to leave no quorum; zero or less when there
// is none to begin with.
func (c config) toBlock() int {
	reachable := 0
	for _, g := range c.groups {
		if g.reachable() {
			reachable++
		}
	}
	return reachable - c.need + 1
}

// cheapest is how few members it takes to weigh what each of k reachable groups wants.
func (c config) cheapest(k int, wants func(group) int64) int {
	var costs []int
	for _, g := range c.groups {
		if !g.reachable() {
			continue
		}
		heaviest := slices.SortedFunc(slices.Values(g.members), func(a, b member) int { return cmp.Compare(b.weight, a.weight) })
		cost, want := 0, wants(g)
		for ; want > 0; cost++ {
			want -= heaviest[cost].weight
		}
		costs = append(costs, cost)
	}
	slices.Sort(costs)
	return sum(costs[:max(0, k)])
}

// SinglePoints returns the single points of failure: voters that every quorum has, ascending.
// There are none when not even all voters are a quorum.
func SinglePoints(s *System) []int64 {
	if GuaranteedTolerance(s) < 0 {
		return nil
	}
	return slices.DeleteFunc(s.Voters(), func(id int64) bool { return s.IsQuorum(func(other int64) bool { return other != id }) })
}

// Shape is what enumeration tells of a system.
type Shape struct {
	MinimalQuorums  *big.Int   // how many quorums there are of which no member can be spared
	MinimalBlocking *big.Int   // sets whose failure is fatal, likewise; 1, the empty one, when there is no quorum anyway
	Fatal           []*big.Int // by how many fail, from none to all: how many sets of that size are fatal
	Dummies         []int64    // voters that never matter, whatever the others do; none when there is no quorum
}

// ShapeOf enumerates a system's states. Counts are exact, of any size. ErrTooLarge beyond what
// is enumerated, see maxStates. Source: the definitions; the theory of weighted voting games.
func ShapeOf(s *System) (Shape, error) {
	e, err := enumerate(s)
	if err != nil {
		return Shape{}, err
	}
	shape := Shape{MinimalQuorums: new(big.Int), MinimalBlocking: new(big.Int)}
	for range len(s.voters) + 1 {
		shape.Fatal = append(shape.Fatal, new(big.Int))
	}
	matters := make([]bool, len(e.classes))
	e.each(func(state int, up []int) {
		minimal := true // one voter less is no quorum, or one more is one
		for i, class := range e.classes {
			switch quorum := e.quorum[state]; {
			case quorum && up[i] > 0:
				needed := !e.quorum[state-e.stride[i]]
				minimal, matters[i] = minimal && needed, matters[i] || needed
			case !quorum && up[i] < len(class.ids):
				minimal = minimal && e.quorum[state+e.stride[i]]
			}
		}
		count, ways := shape.MinimalQuorums, e.ways(up)
		if !e.quorum[state] {
			count = shape.MinimalBlocking
			fatal := shape.Fatal[len(s.voters)-sum(up)]
			fatal.Add(fatal, ways)
		}
		if minimal {
			count.Add(count, ways)
		}
	})
	for i, c := range e.classes {
		if !matters[i] && e.quorum[len(e.quorum)-1] {
			shape.Dummies = append(shape.Dummies, c.ids...)
		}
	}
	slices.Sort(shape.Dummies)
	return shape, nil
}

func sum(xs []int) int {
	total := 0
	for _, x := range xs {
		total += x
	}
	return total
}
