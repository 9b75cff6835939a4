package quorum

import (
	"fmt"
	"maps"
	"slices"
)

// planner holds where the plan has come to.
type planner struct {
	from, to Membership
	now      Membership
	old      System // of now
	goal     System // of to
	failed   map[int64]bool
	todo     []change
	place    map[int64]place // in groups, by either end
}

func newPlanner(from, to Membership, failed []int64) (*planner, error) {
	p := &planner{from: from, to: to, now: from, failed: map[int64]bool{}, todo: changes(from, to)}
	var err error
	if p.old, err = from.System(); err != nil {
		return nil, fmt.Errorf("the configuration to start from: %w", err)
	}
	if p.goal, err = to.System(); err != nil {
		return nil, fmt.Errorf("the configuration to reach: %w", err)
	}
	for _, id := range failed {
		p.failed[id] = true
		if !slices.Contains(slices.Concat(from.Voters, from.Observers, to.Voters, to.Observers), id) {
			return nil, fmt.Errorf("%w: failed server %d is in neither configuration", ErrInvalid, id)
		}
	}
	p.place = from.places()
	old, next := from.phantoms(), to.phantoms()
	whole := (len(from.Groups) > 0) != (len(to.Groups) > 0) ||
		!maps.Equal(old, next) || len(old) > 0 && len(p.todo) > 0
	for id, place := range to.places() {
		if old, ok := p.place[id]; ok && old != place {
			whole = true
		}
		p.place[id] = place
	}
	if whole { // the two ends disagree about places: a single step
		p.todo = []change{{Replace, 0}}
	}
	return p, nil
}

// place is where a hierarchical system puts a member.
type place struct{ group, weight int64 }

// places returns them all; none for a majority.
func (m Membership) places() map[int64]place {
	places := map[int64]place{}
	for _, g := range m.Groups {
		for _, id := range g.Members {
			w, given := m.Weights[id]
			if !given {
				w = 1
			}
			places[id] = place{g.ID, w}
		}
	}
	return places
}

// phantoms are the places of those in groups that are no voters. They would
// have to come and go with steps that are about voters, and are left to one
// replacement of everything.
func (m Membership) phantoms() map[int64]place {
	places := m.places()
	for _, id := range m.Voters {
		delete(places, id)
	}
	return places
}

// regroup writes groups and weights for the voters of m, from where the two ends
// of the plan agree to put them.
func (p *planner) regroup(m Membership) Membership {
	if len(p.now.Groups) == 0 {
		return m
	}
	members := map[int64][]int64{}
	m.Weights = map[int64]int64{}
	for _, id := range m.Voters {
		at := p.place[id]
		members[at.group] = append(members[at.group], id)
		m.Weights[id] = at.weight
	}
	m.Groups = nil
	for _, id := range slices.Sorted(maps.Keys(members)) {
		m.Groups = append(m.Groups, Group{ID: id, Members: members[id]})
	}
	return m
}

// tolerance of a system while the failed servers are down, and one more is away
// (-1 for none).
func (p *planner) tolerance(s System, away int64) (int, error) {
	if m, ok := s.(*Majority); ok { // the common case, in plain numbers
		up := 0
		for _, id := range m.ids {
			if id != away && !p.failed[id] {
				up++
			}
		}
		return max(-1, up-m.Size()), nil
	}
	down := failedVoters(s, p.failed)
	if slices.Contains(s.Voters(), away) && !p.failed[away] {
		down = append(down, away)
	}
	left, err := Without(s, down...)
	if err != nil {
		return 0, err
	}
	return GuaranteedTolerance(left)
}

func failedVoters(s System, failed map[int64]bool) []int64 {
	var ids []int64
	for _, id := range s.Voters() {
		if failed[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// change is a step not yet judged.
type change struct {
	action Action
	id     int64
}

// next finds the best change that is left.
func (p *planner) next() (Step, bool, error) {
	var best Step
	found := false
	for _, c := range p.candidates() {
		if found && (c.action == AddObserver || c.action == RemoveObserver) {
			break // they change no quorum, and come once all votes are settled
		}
		step, err := p.judge(c)
		if err != nil {
			return Step{}, false, err
		}
		worst := func(s Step) int { return min(s.TolerateDuring, s.TolerateAfter) }
		if !found || worst(step) > worst(best) || worst(step) == worst(best) && step.TolerateAfter > best.TolerateAfter {
			best, found = step, true
		}
	}
	return best, !found, nil
}

// candidates lists what may come next, in the order of preference. Under a
// majority, changes of one kind all have the same effect, and the smallest id
// stands for them.
func (p *planner) candidates() []change {
	byRank := make([][]change, len(preference))
	for _, c := range p.todo {
		rank := slices.Index(preference, kind{c.action, p.failed[c.id]})
		if rank < 0 {
			rank = slices.Index(preference, kind{c.action, false})
		}
		if len(byRank[rank]) == 0 || len(p.now.Groups) > 0 {
			byRank[rank] = append(byRank[rank], c)
		}
	}
	return slices.Concat(byRank...)
}

// kind is an action, on a server that is down or not.
type kind struct {
	action Action
	down   bool
}

// preference orders changes that tolerate equally much.
var preference = []kind{
	{RemoveVoter, true}, {Demote, true}, // the dead count against every quorum
	{Promote, false}, {AddVoter, false}, {Move, false}, {RemoveVoter, false}, {Demote, false},
	{Promote, true}, {AddVoter, true}, // to be refused, once nothing else is better
	{AddObserver, false}, {RemoveObserver, false}, {Replace, false},
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

// judge works out what a change would do.
func (p *planner) judge(c change) (Step, error) {
	step := Step{Action: c.action, Server: c.id, After: p.apply(c)}
	s, err := step.After.System()
	if err != nil {
		return step, err
	}
	if m, ok := s.(*Majority); ok {
		step.Quorum = m.Size()
	} else {
		t, err := Tolerance(s)
		if err != nil {
			return step, err
		}
		step.Quorum = t.Quorum
	}
	if step.TolerateAfter, err = p.tolerance(s, -1); err != nil {
		return step, err
	}
	// In flight, quorums of both are needed (see Joint): whatever blocks one
	// blocks both together, so the lesser tolerance counts.
	away := int64(-1)
	if c.action == Move {
		away = c.id // while it moves
	}
	before, err := p.tolerance(p.old, away)
	if err != nil {
		return step, err
	}
	after, err := p.tolerance(s, away)
	step.TolerateDuring = min(before, after)
	return step, err
}

// apply is the membership after a change.
func (p *planner) apply(c change) Membership {
	if c.action == Replace {
		return p.to
	}
	without := func(ids []int64) []int64 {
		return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return id == c.id })
	}
	with := func(ids []int64) []int64 {
		ids = append(slices.Clone(ids), c.id)
		slices.Sort(ids)
		return ids
	}
	m := p.now
	switch c.action {
	case AddVoter:
		m.Voters = with(m.Voters)
	case Promote:
		m.Observers, m.Voters = without(m.Observers), with(m.Voters)
	case Demote:
		m.Voters, m.Observers = without(m.Voters), with(m.Observers)
	case RemoveVoter:
		m.Voters = without(m.Voters)
	case AddObserver:
		m.Observers = with(m.Observers)
	case RemoveObserver:
		m.Observers = without(m.Observers)
	}
	return p.regroup(m)
}

func (p *planner) take(step Step) {
	p.now = step.After
	p.todo = slices.DeleteFunc(p.todo, func(c change) bool { return c == change{step.Action, step.Server} })
	// The system was built once by judge; it cannot fail now.
	p.old, _ = p.now.System()
}

// refuse says why a step must not be taken, or "".
func (p *planner) refuse(step Step, floor int) string {
	gainsVote := step.Action == AddVoter || step.Action == Promote
	switch {
	case gainsVote && p.failed[step.Server]:
		return fmt.Sprintf("server %d is down: with a vote it would count against every quorum without ever acknowledging", step.Server)
	case step.TolerateDuring < 0 && step.Action == Move:
		return fmt.Sprintf("server %d is away while it moves, and with it and %s down there is no quorum", step.Server,
			idNames(slices.Sorted(maps.Keys(p.failed))))
	case step.TolerateDuring < 0:
		return fmt.Sprintf("too few are up to commit it: it needs a quorum of the %d voters before and of the %d after, and %s down",
			len(p.now.Voters), len(step.After.Voters), areDown(p.failed))
	case step.TolerateAfter < 0:
		return fmt.Sprintf("it would leave no quorum: %s down", areDown(p.failed))
	case step.Action == Move:
		return "" // a restart takes one server away, as any restart does
	case min(step.TolerateDuring, step.TolerateAfter) < floor:
		return fmt.Sprintf("it would tolerate %d further failures, when both ends of the plan tolerate %d",
			min(step.TolerateDuring, step.TolerateAfter), floor)
	}
	return ""
}

func areDown(failed map[int64]bool) string {
	ids := slices.Sorted(maps.Keys(failed))
	if len(ids) == 1 {
		return idNames(ids) + " is"
	}
	return idNames(ids) + " are"
}
