package quorum

import (
	"fmt"
	"math/big"
	"math/bits"
)

// maxTable is how many voters are enumerated: 2^20 states, a millisecond each
// thousand.
const maxTable = 20

// table is the truth table of a system: for each set of voters, written as bits,
// whether it is a quorum. It answers everything about systems that have no form
// of their own, as long as they are small.
type table struct {
	ids    []int64
	quorum []bool // by set; bit i stands for ids[i]
}

func tabulate(s System) (*table, error) {
	ids := s.Voters()
	if len(ids) > maxTable {
		return nil, fmt.Errorf("%w: a system of %d voters that is neither majority, weighted nor hierarchical "+
			"(nor a reconfiguration between two majorities) has 2^%d states; at most %d voters are enumerated",
			ErrTooLarge, len(ids), len(ids), maxTable)
	}
	t := &table{ids: ids, quorum: make([]bool, 1<<len(ids))}
	bit := make(map[int64]uint, len(ids))
	for i, id := range ids {
		bit[id] = uint(i)
	}
	for set := range t.quorum {
		t.quorum[set] = s.IsQuorum(func(id int64) bool { return set>>bit[id]&1 == 1 })
	}
	return t, nil
}

func (t *table) all() int { return len(t.quorum) - 1 }

func (t *table) tolerances() Tolerances {
	n := len(t.ids)
	if !t.quorum[t.all()] {
		return Tolerances{Quorum: 0, Guaranteed: -1, AtBest: -1}
	}
	smallest, blocking := n, n
	for set, is := range t.quorum {
		if is {
			smallest = min(smallest, bits.OnesCount(uint(set)))
		} else {
			blocking = min(blocking, n-bits.OnesCount(uint(set)))
		}
	}
	return Tolerances{Quorum: smallest, Guaranteed: blocking - 1, AtBest: n - smallest}
}

func (t *table) dummies() []int64 {
	if !t.quorum[t.all()] {
		return nil
	}
	var dummies []int64
	for i, id := range t.ids {
		matters := false
		for set, is := range t.quorum {
			if is && !t.quorum[set&^(1<<i)] {
				matters = true
				break
			}
		}
		if !matters {
			dummies = append(dummies, id)
		}
	}
	return dummies
}

// minimal lists the minimal sets for which keep holds; it must be monotone.
func (t *table) minimal(keep func(set int) bool) []int {
	var sets []int
	for set := range t.quorum {
		if !keep(set) {
			continue
		}
		spare := false
		for rest := set; rest != 0 && !spare; rest &= rest - 1 {
			spare = keep(set &^ (rest & -rest))
		}
		if !spare {
			sets = append(sets, set)
		}
	}
	return sets
}

func (t *table) isQuorum(set int) bool   { return t.quorum[set] }
func (t *table) isBlocking(set int) bool { return !t.quorum[t.all()&^set] }

func (t *table) members(set int) []int64 {
	var ids []int64
	for i, id := range t.ids {
		if set>>i&1 == 1 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *table) profile() []Fatal {
	counts := make([]int64, len(t.ids)+1)
	for set, is := range t.quorum {
		if !is {
			counts[len(t.ids)-bits.OnesCount(uint(set))]++
		}
	}
	profile := make([]Fatal, len(counts))
	for f := range counts {
		profile[f] = Fatal{Failures: f, Fatal: big.NewInt(counts[f]), Total: binomial(len(t.ids), f)}
	}
	return profile
}
