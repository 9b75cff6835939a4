package quorum

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Membership is who belongs to an ensemble, and in which role.
type Membership struct {
	Voters    []int64
	Observers []int64
	Groups    []Group          // none: majority
	Weights   map[int64]int64  // of voters in groups; 1 where absent
	Addresses map[int64]string // optional; a difference is a move
}

// System builds the quorum system of a membership: NewMajority without groups and weights, else
// NewHierarchical, with their errors.
func (m Membership) System() (*System, error) {
	if len(m.Groups) == 0 && len(m.Weights) == 0 {
		return NewMajority(m.Voters...)
	}
	return NewHierarchical(m.Voters, m.Groups, m.Weights)
}

// Action is what a step of a plan changes.
type Action string

const (
	AddVoter       Action = "add"             // a new server, caught up first, gets a vote
	Promote        Action = "promote"         // an observer gets a vote
	Demote         Action = "demote"          // a voter becomes an observer
	RemoveVoter    Action = "remove"          // a voter leaves
	AddObserver    Action = "add-observer"    // a new observer joins
	RemoveObserver Action = "remove-observer" // an observer leaves
	Move           Action = "move"            // a server gets another address, and restarts there
	Replace        Action = "replace"         // the whole configuration at once
)

// Step is one change of membership.
type Step struct {
	Action Action
	Server int64 // of no meaning for Replace
	After  Membership
	Quorum int // smallest quorum afterwards
	// TolerateDuring is how many further failures are survived while old and new configuration
	// both must agree, and TolerateAfter once it is done. The servers given as failed are down
	// in both.
	TolerateDuring int
	TolerateAfter  int
}

func (s Step) worst() int { return min(s.TolerateDuring, s.TolerateAfter) }

// Plan is a safe order of steps, or why there is none.
type Plan struct {
	Steps  []Step
	Lowest int // the least tolerance on the way, start and end included
	// Refused says why the next step must not be taken; empty when the plan is complete. Steps
	// are then those before it, and Next is the refused one, if it is one step that is refused.
	Refused string
	Next    *Step
}

// PlanChange orders the changes that lead from one membership to another, one server at a time,
// so that as many failures as possible are survived on the way; failed are servers that are
// down already and stay so.
//
// Every step is judged as ZooKeeper judges a reconfiguration in flight: quorums of the old and
// of the new configuration are needed, so the lesser tolerance counts. The possible changes are
// compared by what they leave tolerable; among equals, the dead leave first (a dead member
// counts against every quorum, and adding its replacement first needs one more of the living),
// then the new come, then the old go; observers last, they never count.
//
// Where groups or weights change, or voters among groups, everything is one step: with groups
// ZooKeeper takes the full list of members only, and no order of smaller steps tolerates more,
// because both ends are part of every order.
//
// A step is refused when it could lose the quorum, when it would leave less tolerance than both
// ends of the plan have, or when it gives a vote to a server that is down. Errors are those of
// the two systems, and wrap ErrInvalid for a failed server that is in neither.
// Source: SyncedLearnerTracker.
func PlanChange(from, to Membership, failed ...int64) (Plan, error) {
	p := planner{now: from, failed: slices.Sorted(slices.Values(failed))}
	var err error
	if p.old, err = from.System(); err != nil {
		return Plan{}, fmt.Errorf("the configuration to start from: %w", err)
	}
	goal, err := to.System()
	if err != nil {
		return Plan{}, fmt.Errorf("the configuration to reach: %w", err)
	}
	p.now.Voters, p.now.Observers = p.old.Voters(), slices.Sorted(slices.Values(from.Observers))
	members := slices.Concat(from.Voters, from.Observers, to.Voters, to.Observers)
	for _, id := range failed {
		if !slices.Contains(members, id) {
			return Plan{}, invalidf("failed server %d is in neither configuration", id)
		}
	}
	p.todo = changes(from, to)
	before, target := p.tolerance(p.old), p.tolerance(goal)
	plan := Plan{Lowest: before}
	if before < 0 {
		plan.Refused = "no quorum is up now, and without one no change can be committed: bring back enough of " +
			idNames(p.among(p.old, p.failed)) + " first"
		return plan, nil
	}
	for len(p.todo) > 0 {
		step, err := p.next(to)
		if err != nil {
			return Plan{}, err
		}
		if reason := p.refuse(step, max(0, min(before, target))); reason != "" {
			plan.Refused, plan.Next = reason, &step
			return plan, nil
		}
		plan.Steps = append(plan.Steps, step)
		plan.Lowest = min(plan.Lowest, step.worst())
		p.now = step.After
		if p.old, err = p.now.System(); err != nil {
			return Plan{}, err
		}
		p.todo = slices.DeleteFunc(p.todo, func(c change) bool { return c == change{step.Action, step.Server} })
	}
	return plan, nil
}

// change is a step not yet judged.
type change struct {
	action Action
	id     int64
}

// changes lists what leads from one membership to the other, by ids ascending.
func changes(from, to Membership) []change {
	const none, observer, voter = 0, 1, 2
	role := func(m Membership, id int64) int {
		switch {
		case slices.Contains(m.Voters, id):
			return voter
		case slices.Contains(m.Observers, id):
			return observer
		}
		return none
	}
	actions := map[[2]int]Action{
		{voter, observer}: Demote, {voter, none}: RemoveVoter, {observer, voter}: Promote, {none, voter}: AddVoter,
		{observer, none}: RemoveObserver, {none, observer}: AddObserver,
	}
	var todo []change
	votes := false
	for _, id := range slices.Compact(ascending(slices.Concat(from.Voters, from.Observers), slices.Concat(to.Voters, to.Observers))) {
		before, after := role(from, id), role(to, id)
		if action, ok := actions[[2]int{before, after}]; ok {
			todo = append(todo, change{action, id})
			votes = votes || before == voter || after == voter
		}
		was, had := from.Addresses[id]
		if is, has := to.Addresses[id]; had && has && was != is && before != none && after != none {
			todo = append(todo, change{Move, id})
		}
	}
	if grouped := len(from.Groups)+len(to.Groups) > 0; grouped && votes || !maps.Equal(from.places(), to.places()) {
		return []change{{Replace, 0}}
	}
	return todo
}

// places are where a hierarchical system puts its members; none for a majority.
func (m Membership) places() map[int64][2]int64 {
	places := map[int64][2]int64{}
	for _, g := range m.Groups {
		for _, id := range g.Members {
			w, given := m.Weights[id]
			if !given {
				w = 1
			}
			places[id] = [2]int64{g.ID, w}
		}
	}
	return places
}

// planner holds where the plan has come to.
type planner struct {
	now    Membership
	old    *System // of now
	failed []int64
	todo   []change
}

// among returns the ids that are voters of s.
func (p *planner) among(s *System, ids []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return !slices.Contains(s.voters, id) })
}

// tolerance of a system while the failed servers are down, and others are away.
func (p *planner) tolerance(s *System, away ...int64) int {
	s, err := Without(s, p.among(s, slices.Concat(p.failed, away))...)
	if err != nil {
		return -1 // cannot be: only voters are taken out
	}
	return GuaranteedTolerance(s)
}

// preference orders changes that tolerate equally much, of servers that are down and of others.
var preference = []struct {
	action Action
	down   bool
}{
	{RemoveVoter, true}, {Demote, true}, // the dead count against every quorum
	{Promote, false}, {AddVoter, false}, {Move, false}, {Move, true}, {RemoveVoter, false}, {Demote, false},
	{Promote, true}, {AddVoter, true}, // to be refused, once nothing else is better
	{AddObserver, false}, {AddObserver, true}, {RemoveObserver, false}, {RemoveObserver, true}, {Replace, false},
}

// next finds the best change that is left. Changes of one kind all have the same effect, and the
// smallest id stands for them.
func (p *planner) next(to Membership) (Step, error) {
	var best Step
	for _, kind := range preference {
		i := slices.IndexFunc(p.todo, func(c change) bool {
			return c.action == kind.action && slices.Contains(p.failed, c.id) == kind.down
		})
		if observers := kind.action == AddObserver || kind.action == RemoveObserver; i < 0 || observers && best.Action != "" {
			continue // observers change no quorum, and come once all votes are settled
		}
		if votes := kind.action == RemoveVoter || kind.action == Demote; votes && len(p.now.Voters) == 1 {
			continue
		}
		step, err := p.judge(p.todo[i], to)
		if err != nil {
			return Step{}, err
		}
		if best.Action == "" || cmp.Or(cmp.Compare(step.worst(), best.worst()), cmp.Compare(step.TolerateAfter, best.TolerateAfter)) > 0 {
			best = step
		}
	}
	return best, nil
}

// judge works out what a change would do.
func (p *planner) judge(c change, to Membership) (Step, error) {
	step := Step{Action: c.action, Server: c.id, After: p.now}
	m := &step.After
	if c.action != Move {
		m.Voters, m.Observers = less(m.Voters, c.id), less(m.Observers, c.id)
	}
	switch c.action {
	case AddVoter, Promote:
		m.Voters = ascending(m.Voters, []int64{c.id})
	case Demote, AddObserver:
		m.Observers = ascending(m.Observers, []int64{c.id})
	case Replace:
		*m = to
	}
	s, err := m.System()
	if err != nil {
		return step, err
	}
	t, err := Tolerance(s)
	if err != nil {
		return step, err
	}
	step.Quorum, step.TolerateAfter = t.Quorum, p.tolerance(s)
	var away []int64
	if c.action == Move {
		away = []int64{c.id}
	}
	step.TolerateDuring = p.tolerance(NewJoint(p.old, s), away...)
	return step, nil
}

func ascending(a, b []int64) []int64 { return slices.Sorted(slices.Values(slices.Concat(a, b))) }

func less(ids []int64, id int64) []int64 {
	return slices.DeleteFunc(slices.Clone(ids), func(other int64) bool { return other == id })
}

// refuse says why a step must not be taken, or "".
func (p *planner) refuse(step Step, floor int) string {
	down := ""
	if len(p.failed) > 0 {
		down = ", with " + idNames(p.failed) + " down"
	}
	switch {
	case (step.Action == AddVoter || step.Action == Promote) && slices.Contains(p.failed, step.Server):
		return fmt.Sprintf("server %d is down: with a vote it would count against every quorum without ever acknowledging", step.Server)
	case step.TolerateDuring < 0 && step.Action == Move:
		return fmt.Sprintf("there is no quorum while server %d is away%s", step.Server, down)
	case step.TolerateDuring < 0:
		return fmt.Sprintf("too few are up to commit it%s: it needs a quorum of the %d voters before and of the %d after", down, len(p.now.Voters), len(step.After.Voters))
	case step.worst() < floor && step.Action != Move: // a restart takes one server away, as any restart does
		return fmt.Sprintf("it would tolerate %d further failures, when both ends of the plan tolerate %d", step.worst(), floor)
	}
	return ""
}
