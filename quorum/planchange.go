package quorum

import (
	"cmp"
	"maps"
	"slices"
)

// change is a step not yet judged.
type change struct {
	action Action
	id     int64
}

// changes lists what leads from one membership to the other, by ids ascending.
func changes(from, to Membership) []change {
	const voter, observer = 1, 2
	roles := func(m Membership) map[int64]int {
		r := make(map[int64]int, len(m.Voters)+len(m.Observers))
		for _, id := range m.Observers {
			r[id] = observer
		}
		for _, id := range m.Voters {
			r[id] = voter
		}
		return r
	}
	old, next := roles(from), roles(to)
	actions := map[[2]int]Action{
		{voter, observer}: Demote, {voter, 0}: RemoveVoter, {observer, voter}: Promote, {0, voter}: AddVoter,
		{observer, 0}: RemoveObserver, {0, observer}: AddObserver,
	}
	ids := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(next)))
	slices.Sort(ids)
	var todo []change
	for _, id := range slices.Compact(ids) {
		if action, ok := actions[[2]int{old[id], next[id]}]; ok {
			todo = append(todo, change{action, id})
		}
		before, had := from.Addresses[id]
		after, has := to.Addresses[id]
		if had && has && before != after && old[id] != 0 && next[id] != 0 {
			todo = append(todo, change{Move, id})
		}
	}
	return todo
}

// kind is an action, on a server that is down or not.
type kind struct {
	action Action
	down   bool
}

// preference orders changes that tolerate equally much.
var preference = []kind{
	{RemoveVoter, true}, {Demote, true}, // the dead count against every quorum
	{Promote, false}, {AddVoter, false}, {Regroup, false}, {Move, false}, {RemoveVoter, false}, {Demote, false},
	{Promote, true}, {AddVoter, true}, // to be refused, once nothing else is better
	{AddObserver, false}, {RemoveObserver, false}, {Replace, false},
}

// candidates lists what may come next, in the order of preference. Changes of
// one kind that concern the same place all have the same effect, and the smallest id stands
// for them; under a majority there is one place only.
func (p *planner) candidates() []change {
	type effect struct {
		rank int
		at   place
	}
	seen := map[effect]bool{}
	var ranked []effect
	var found []change
	for _, c := range p.todo {
		if !p.possible(c) {
			continue
		}
		rank := slices.Index(preference, kind{c.action, p.failed[c.id]})
		if rank < 0 {
			rank = slices.Index(preference, kind{c.action, false})
		}
		e := effect{rank: rank}
		if p.grouped(change{}) {
			e.at, _ = p.placeOf(c.id, p.regrouped)
		}
		if !seen[e] {
			seen[e] = true
			ranked, found = append(ranked, e), append(found, c)
		}
	}
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ranked[a].rank, ranked[b].rank) })
	sorted := make([]change, len(found))
	for i, k := range order {
		sorted[i] = found[k]
	}
	return sorted
}

// possible reports whether there is a voter left after a change, and every voter has a
// place: with groups, ZooKeeper refuses voters without one.
func (p *planner) possible(c change) bool {
	if votes(c.action) < 0 && len(p.now.Voters) == 1 {
		return false
	}
	if !p.grouped(c) {
		return true
	}
	switch c.action {
	case AddVoter, Promote:
		_, ok := p.placeOf(c.id, p.regrouped)
		return ok
	case Regroup:
		return !slices.ContainsFunc(p.now.Voters, func(id int64) bool {
			_, ok := p.placeOf(id, true)
			return !ok
		})
	}
	return true
}

// apply is the membership after a change.
func (p *planner) apply(c change) Membership {
	if c.action == Replace {
		return p.to
	}
	m := p.members(c)
	m.Groups, m.Weights = nil, nil
	if !p.grouped(c) {
		return m
	}
	members := map[int64][]int64{}
	m.Weights = map[int64]int64{}
	for _, id := range m.Voters {
		at, _ := p.placeOf(id, p.regrouped || c.action == Regroup)
		members[at.group] = append(members[at.group], id)
		m.Weights[id] = at.weight
	}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		m.Groups = append(m.Groups, Group{ID: id, Members: members[id]})
	}
	return m
}

// members changes who belongs to the ensemble, and leaves groups and weights.
func (p *planner) members(c change) Membership {
	m := p.now
	switch c.action {
	case AddVoter:
		m.Voters = with(m.Voters, c.id)
	case Promote:
		m.Observers, m.Voters = less(m.Observers, c.id), with(m.Voters, c.id)
	case Demote:
		m.Voters, m.Observers = less(m.Voters, c.id), with(m.Observers, c.id)
	case RemoveVoter:
		m.Voters = less(m.Voters, c.id)
	case AddObserver:
		m.Observers = with(m.Observers, c.id)
	case RemoveObserver:
		m.Observers = less(m.Observers, c.id)
	}
	return m
}

// with and less return ascending ids with one more, or one less.
func with(ids []int64, id int64) []int64 {
	at, _ := slices.BinarySearch(ids, id)
	more := make([]int64, 0, len(ids)+1)
	return append(append(append(more, ids[:at]...), id), ids[at:]...)
}

func less(ids []int64, id int64) []int64 {
	return slices.DeleteFunc(slices.Clone(ids), func(other int64) bool { return other == id })
}
