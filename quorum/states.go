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
	e := &states{}
	known := map[string]int{}
	for _, id := range s.voters {
		name := s.likeness(id, chances...)
		at, ok := known[name]
		if !ok {
			at = len(e.classes)
			known[name] = at
			e.classes = append(e.classes, class{places: s.places(id)})
		}
		e.classes[at].ids = append(e.classes[at].ids, id)
	}
	total := 1
	for _, c := range e.classes {
		e.stride = append(e.stride, total)
		if total *= len(c.ids) + 1; total > maxStates {
			return nil, tooLarge("%d voters of %s have more than %d states, which is what is enumerated: "+
				"at most 20 voters that differ, or more that are alike", len(s.voters), Plural(len(e.classes), "kind"), maxStates)
		}
	}
	e.quorum = make([]bool, total)
	var weights []int64 // that is up: in no group, then by group
	e.each(func(state int, up []int) {
		e.quorum[state] = true
		for i, c := range s.configs {
			weights = append(weights[:0], make([]int64, len(c.groups)+1)...)
			for k, class := range e.classes {
				p := class.places[i]
				weights[p.group+1] += int64(up[k]) * p.weight
			}
			groups := 0
			for k, g := range c.groups {
				if weights[k+1] >= g.need {
					groups++
				}
			}
			e.quorum[state] = e.quorum[state] && groups >= c.need
		}
	})
	return e, nil
}

// places are where a voter stands, by configuration.
func (s *System) places(id int64) []place {
	places := make([]place, len(s.configs))
	for i, c := range s.configs {
		places[i].group = -1
		for k, g := range c.groups {
			for _, m := range g.members {
				if m.id == id {
					places[i] = place{k, m.weight}
				}
			}
		}
	}
	return places
}

// likeness is the same for voters that are alike.
func (s *System) likeness(id int64, chances ...func(id int64) chance) string {
	name := fmt.Sprint(s.places(id))
	for _, chance := range chances {
		name += fmt.Sprint(chance(id))
	}
	return name
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
