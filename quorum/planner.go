package quorum

import (
	"fmt"
	"maps"
	"slices"
)

// planner holds where the plan has come to.
type planner struct {
	from, to  Membership
	now       Membership
	up        int    // how many of now's voters are up
	old       System // of now
	goal      System // of to
	failed    map[int64]bool
	todo      []change
	regroups  bool // the ends put servers into different places
	regrouped bool // that step has been taken
	phantoms  bool // a group of either end lists servers without a vote
	places    struct{ from, to map[int64]place }
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
	member := map[int64]bool{}
	for _, ids := range [][]int64{from.Voters, from.Observers, to.Voters, to.Observers} {
		for _, id := range ids {
			member[id] = true
		}
	}
	for _, id := range failed {
		p.failed[id] = true
		if !member[id] {
			return nil, invalidf("failed server %d is in neither configuration", id)
		}
	}
	p.now.Voters = p.old.Voters()
	p.now.Observers = slices.Sorted(slices.Values(from.Observers))
	p.up = len(p.now.Voters) - len(failedVoters(p.old, p.failed))
	p.places.from, p.places.to = from.places(), to.places()
	old, next := from.strangers(), to.strangers()
	p.phantoms = len(old)+len(next) > 0
	p.regroups = (len(from.Groups) > 0) != (len(to.Groups) > 0) || !maps.Equal(old, next) || len(old) > 0 && len(p.todo) > 0
	for id, there := range p.places.to {
		if here, ok := p.places.from[id]; ok && here != there {
			p.regroups = true
		}
	}
	if p.regroups {
		p.todo = append(p.todo, change{Regroup, 0})
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

// strangers are the places of those in groups that are no voters. They would
// have to come and go with steps that are about voters, and are left to one
// replacement of everything.
func (m Membership) strangers() map[int64]place {
	places := m.places()
	for _, id := range m.Voters {
		delete(places, id)
	}
	return places
}

// grouped reports whether the configuration has groups, now or after a change.
func (p *planner) grouped(c change) bool {
	if c.action == Regroup || c.action == Replace || p.regrouped {
		return len(p.to.Groups) > 0
	}
	return len(p.from.Groups) > 0
}

// placeOf is where a voter stands, before or after the servers are regrouped; false
// when neither end of the plan says so.
func (p *planner) placeOf(id int64, regrouped bool) (place, bool) {
	first, second := p.places.from, p.places.to
	if regrouped {
		first, second = second, first
	}
	if at, ok := first[id]; ok {
		return at, true
	}
	at, ok := second[id]
	return at, ok
}

// tolerance of a system while the failed servers are down, and one more is away
// (-1 for none).
func (p *planner) tolerance(s System, away int64) (int, error) {
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
	if found {
		best.After = p.apply(change{best.Action, best.Server})
	}
	return best, !found, nil
}

// judge works out what a change would do; all but the membership afterwards.
func (p *planner) judge(c change) (Step, error) {
	step := Step{Action: c.action, Server: c.id}
	if c.action != Replace && !p.grouped(change{}) && !p.grouped(c) {
		p.judgeMajority(&step)
		return step, nil
	}
	s, err := p.apply(c).System()
	if err != nil {
		return step, err
	}
	t, err := Tolerance(s)
	if err != nil {
		return step, err
	}
	step.Quorum = t.Quorum
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

// judgeMajority is judge in plain numbers, for the common case.
func (p *planner) judgeMajority(step *Step) {
	n, up := len(p.now.Voters), p.up
	change := votes(step.Action)
	upAfter := up
	if !p.failed[step.Server] {
		upAfter += change
	}
	tolerance := func(n, up int) int { return max(-1, up-(n/2+1)) }
	step.Quorum = (n+change)/2 + 1
	step.TolerateAfter = tolerance(n+change, upAfter)
	away := 0
	if step.Action == Move && !p.failed[step.Server] && slices.Contains(p.now.Voters, step.Server) {
		away = 1
	}
	step.TolerateDuring = min(tolerance(n, up-away), tolerance(n+change, upAfter-away))
}

// votes is how many votes an action adds.
func votes(a Action) int {
	switch a {
	case AddVoter, Promote:
		return 1
	case Demote, RemoveVoter:
		return -1
	}
	return 0
}

// take makes a step that has been judged.
func (p *planner) take(step Step) error {
	c := change{step.Action, step.Server}
	p.now = step.After
	p.regrouped = p.regrouped || c.action == Regroup
	if !p.failed[step.Server] {
		p.up += votes(step.Action)
	}
	p.todo = slices.DeleteFunc(p.todo, func(other change) bool { return other == c })
	if !p.grouped(change{}) { // judged by numbers
		p.old = &Majority{ids: p.now.Voters}
		return nil
	}
	var err error
	p.old, err = p.now.System()
	return err
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
