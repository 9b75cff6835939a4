package quorum

import (
	"fmt"
	"math/big"
)

// maxStates is how many states are enumerated: those of 20 servers that all differ, or of 255
// that are alike in each of three groups.
const maxStates = 1 << 20

// states are all states of a system, up to exchanging voters that are alike: how many of each
// class are up. Three groups of three are 64 states and not 512. State 0 is all down, the last
// one all up.
type states struct {
	system  *System
	classes []class
	stride  []int  // what one more voter of a class adds to a state's number
	quorum  []bool // by state
}

// class is a set of voters that are alike: in the same group, with the same weight, in every
// configuration, and as likely to be up.
type class struct {
	ids    []int64
	places []place // by configuration
}

type place struct {
	group  int // -1: in none, or without weight
	weight int64
}

// enumerate visits all states. chances, if given, tells apart voters that are not equally likely.
func enumerate(s *System, chances ...func(id int64) chance) (*states, error) {
	e := &states{system: s}
	known := map[string]int{}
	for _, id := range s.voters {
		places := make([]place, len(s.configs))
		for i, c := range s.configs {
			places[i] = c.placeOf(id)
		}
		name := fmt.Sprint(places)
		for _, chance := range chances {
			name += fmt.Sprint(chance(id))
		}
		at, ok := known[name]
		if !ok {
			at = len(e.classes)
			known[name] = at
			e.classes = append(e.classes, class{places: places})
		}
		e.classes[at].ids = append(e.classes[at].ids, id)
	}
	total := 1
	for _, c := range e.classes {
		e.stride = append(e.stride, total)
		if total *= len(c.ids) + 1; total > maxStates {
			return nil, tooLarge("%d voters of %s have more than %d states, which is what is enumerated: "+
				"at most 20 voters that differ, or more that are alike", len(s.voters), plural(len(e.classes), "kind"), maxStates)
		}
	}
	e.quorum = make([]bool, total)
	e.fill()
	return e, nil
}

func (c config) placeOf(id int64) place {
	for k, g := range c.groups {
		for _, m := range g.members {
			if m.id == id {
				return place{k, m.weight}
			}
		}
	}
	return place{group: -1}
}

// fill finds out which states are quorums.
func (e *states) fill() {
	missing := make([][]int64, len(e.system.configs)) // weight, by configuration and group
	for i, c := range e.system.configs {
		for _, g := range c.groups {
			missing[i] = append(missing[i], g.need)
		}
	}
	reached := func() bool {
		for i, c := range e.system.configs {
			groups := 0
			for _, weight := range missing[i] {
				if weight <= 0 {
					groups++
				}
			}
			if groups < c.need {
				return false
			}
		}
		return true
	}
	add := func(c class, voters int) {
		for i, p := range c.places {
			if p.group >= 0 {
				missing[i][p.group] -= int64(voters) * p.weight
			}
		}
	}
	var visit func(class, state int)
	visit = func(class, state int) {
		if class < 0 {
			e.quorum[state] = reached()
			return
		}
		c := e.classes[class]
		for up := range len(c.ids) + 1 {
			visit(class-1, state+up*e.stride[class])
			add(c, 1)
		}
		add(c, -len(c.ids)-1)
	}
	visit(len(e.classes)-1, 0)
}

// each visits the states in order; up, how many of each class are up, is valid until the next.
func (e *states) each(visit func(state int, up []int)) {
	up := make([]int, len(e.classes))
	for state := range e.quorum {
		visit(state, up)
		for i := range up {
			if up[i]++; up[i] <= len(e.classes[i].ids) {
				break
			}
			up[i] = 0
		}
	}
}

// minimalBlocking reports whether a state is no quorum, and one with any one voter more.
func (e *states) minimalBlocking(state int, up []int) bool {
	for i := range up {
		if up[i] < len(e.classes[i].ids) && !e.quorum[state+e.stride[i]] {
			return false
		}
	}
	return !e.quorum[state]
}

// complement is how many of each class are down.
func (e *states) complement(up []int) []int {
	down := make([]int, len(up))
	for i := range up {
		down[i] = len(e.classes[i].ids) - up[i]
	}
	return down
}

// ways is how many sets of voters a state stands for.
func (e *states) ways(up []int) *big.Int {
	n := big.NewInt(1)
	for i, c := range e.classes {
		if up[i] > 0 && up[i] < len(c.ids) {
			n.Mul(n, binomial(len(c.ids), up[i]))
		}
	}
	return n
}

func binomial(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }
