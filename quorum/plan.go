package quorum

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Membership is who belongs to an ensemble, and in which role.
type Membership struct {
	Voters    []int64          `json:"voters"`
	Observers []int64          `json:"observers"`
	Groups    []Group          `json:"-"` // none: majority
	Weights   map[int64]int64  `json:"-"` // of voters in groups; 1 where absent
	Addresses map[int64]string `json:"-"` // optional; a difference is a move
}

// System builds the quorum system of a membership: NewMajority without groups and weights, else
// NewHierarchical, with their errors.
func (m Membership) System() (*System, error) {
	if len(m.Groups) == 0 && len(m.Weights) == 0 {
		return NewMajority(m.Voters...)
	}
	return NewHierarchical(m.Voters, m.Groups, m.Weights)
}

// Stage is a membership on the way, and what it tolerates while the servers given as failed are
// down.
type Stage struct {
	Kind Kind `json:"system"`
	Membership
	Quorum    *int `json:"quorum"` // size of the smallest quorum; nil when there is none
	Tolerates int  `json:"tolerates"`

	system *System
}

// Action is what a step of a plan changes.
type Action string

const (
	AddVoter       Action = "add"
	Promote        Action = "promote"
	Demote         Action = "demote"
	RemoveVoter    Action = "remove"
	AddObserver    Action = "add-observer"
	RemoveObserver Action = "remove-observer"
	Move           Action = "move" // to another address
	Replace        Action = "replace"
)

// does says what the operator does, and to which server.
var does = map[Action]string{
	AddVoter:       "start server %d, give it a vote",
	Promote:        "give observer %d a vote",
	Demote:         "make voter %d an observer",
	RemoveVoter:    "take server %d out, then stop it",
	AddObserver:    "start server %d as an observer",
	RemoveObserver: "remove observer %d, then stop it",
	Move:           "restart server %d elsewhere",
	Replace:        "replace everything at once",
}

// Step is one change of membership.
type Step struct {
	Number int    `json:"step"` // from 1
	Action Action `json:"action"`
	Server *int64 `json:"server"` // nil for Replace
	Stage         // afterwards
	// ToleratesDuring is how many further failures are survived while old and new configuration
	// both must agree.
	ToleratesDuring int    `json:"tolerates_during"`
	Text            string `json:"text"` // what to do
}

func (s Step) worst() int { return min(s.ToleratesDuring, s.Tolerates) }

// Plan is a safe order of steps, or why there is none.
type Plan struct {
	From    Stage    `json:"from"`
	To      Stage    `json:"to"`
	Failed  []int64  `json:"failed"`
	Steps   []Step   `json:"steps"`
	Lowest  int      `json:"lowest_tolerance"` // on the way, start and end included
	Refused *Refusal `json:"refused"`          // nil: the plan is complete
}

// Refusal says why the next step must not be taken.
type Refusal struct {
	Step   *Step  `json:"step"` // nil: no step could be taken at all
	Reason string `json:"reason"`
}

// PlanChange orders the changes that lead from one membership to another, one server at a time,
// so that as many failures as possible are survived on the way; failed are servers that are
// down already and stay so.
//
// Every step is judged as ZooKeeper judges a reconfiguration in flight: quorums of the old and
// of the new configuration are needed (NewJoint). The possible changes are compared by what they
// leave tolerable; among equals, the dead leave first (a dead member counts against every
// quorum, and adding its replacement first needs one more of the living), then the new come,
// then the old go; observers last, they never count.
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
	members := slices.Concat(from.Voters, from.Observers, to.Voters, to.Observers)
	p := planner{failed: ascending(failed), todo: changes(from, to)}
	var err error
	if p.now, err = p.stage(from); err != nil {
		return Plan{}, fmt.Errorf("the configuration to start from: %w", err)
	}
	if p.goal, err = p.stage(to); err != nil {
		return Plan{}, fmt.Errorf("the configuration to reach: %w", err)
	}
	for _, id := range failed {
		if !slices.Contains(members, id) {
			return Plan{}, invalidf("failed server %d is in neither configuration", id)
		}
	}
	plan := Plan{From: p.now, To: p.goal, Failed: p.failed, Steps: []Step{}, Lowest: p.now.Tolerates}
	if plan.Lowest < 0 {
		voters := slices.DeleteFunc(slices.Clone(p.failed), func(id int64) bool { return !slices.Contains(p.now.Voters, id) })
		plan.Refused = &Refusal{nil, "no quorum is up now, and without one no change can be committed: bring back enough of " + idNames(voters) + " first"}
	}
	for plan.Refused == nil && len(p.todo) > 0 {
		i, step, err := p.next()
		if err != nil {
			return Plan{}, err
		}
		step.Number = len(plan.Steps) + 1
		if reason := p.refuse(step, max(0, min(plan.From.Tolerates, plan.To.Tolerates))); reason != "" {
			plan.Refused = &Refusal{&step, reason}
			break
		}
		plan.Steps, plan.Lowest = append(plan.Steps, step), min(plan.Lowest, step.worst())
		p.now, p.todo = step.Stage, slices.Delete(p.todo, i, i+1)
	}
	return plan, nil
}

// change is a step not yet judged.
type change struct {
	action Action
	id     int64 // of no meaning for Replace
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
	for _, id := range slices.Compact(ascending(from.Voters, from.Observers, to.Voters, to.Observers)) {
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
			places[id] = [2]int64{g.ID, weightOf(m.Weights, id)}
		}
	}
	return places
}

// planner holds where the plan has come to.
type planner struct {
	now, goal Stage
	failed    []int64
	todo      []change
}

// stage says what a membership tolerates.
func (p *planner) stage(m Membership) (Stage, error) {
	s, err := m.System()
	if err != nil {
		return Stage{}, err
	}
	m.Voters, m.Observers = ascending(m.Voters), ascending(m.Observers)
	stage := Stage{Kind: s.kind, Membership: m, Tolerates: p.tolerance(s), system: s}
	t, err := Tolerance(s)
	if t.Quorum > 0 {
		stage.Quorum = &t.Quorum
	}
	return stage, err
}

// tolerance of a system while the failed servers are down, and others are away.
func (p *planner) tolerance(s *System, away ...int64) int {
	return GuaranteedTolerance(Without(s, slices.Concat(p.failed, away)...))
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

// next finds the best change that is left, and its place in the list. Changes of one kind all
// have the same effect, and the smallest id stands for them.
func (p *planner) next() (at int, best Step, err error) {
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
		step, err := p.judge(p.todo[i])
		if err != nil {
			return 0, best, err
		}
		if best.Action == "" || cmp.Or(cmp.Compare(step.worst(), best.worst()), cmp.Compare(step.Tolerates, best.Tolerates)) > 0 {
			at, best = i, step
		}
	}
	return at, best, nil
}

// judge works out what a change would do.
func (p *planner) judge(c change) (Step, error) {
	step := Step{Action: c.action, Server: &c.id, Text: fmt.Sprintf(does[c.action], c.id)}
	m := p.now.Membership
	without := func(ids []int64) []int64 {
		return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return id == c.id })
	}
	var away []int64
	switch c.action {
	case Move:
		away = []int64{c.id}
	case Replace:
		m, step.Server, step.Text = p.goal.Membership, nil, does[Replace]
	default:
		m.Voters, m.Observers = without(m.Voters), without(m.Observers)
	}
	switch c.action {
	case AddVoter, Promote:
		m.Voters = append(m.Voters, c.id)
	case Demote, AddObserver:
		m.Observers = append(m.Observers, c.id)
	}
	var err error
	step.Stage, err = p.stage(m)
	if err == nil {
		step.ToleratesDuring = p.tolerance(NewJoint(p.now.system, step.system), away...)
	}
	return step, err
}

// ascending sorts all ids into one list, which is not nil.
func ascending(ids ...[]int64) []int64 {
	all := append([]int64{}, slices.Concat(ids...)...)
	slices.Sort(all)
	return all
}

// refuse says why a step must not be taken, or "".
func (p *planner) refuse(step Step, floor int) string {
	down := ""
	if len(p.failed) > 0 {
		down = ", with " + idNames(p.failed) + " down"
	}
	switch {
	case (step.Action == AddVoter || step.Action == Promote) && slices.Contains(p.failed, *step.Server):
		return fmt.Sprintf("server %d is down: with a vote it would count against every quorum without ever acknowledging", *step.Server)
	case step.ToleratesDuring < 0 && step.Action == Move:
		return fmt.Sprintf("there is no quorum while server %d is away%s", *step.Server, down)
	case step.ToleratesDuring < 0:
		return fmt.Sprintf("too few are up to commit it%s: it needs a quorum of the %d voters before and of the %d after", down, len(p.now.Voters), len(step.Voters))
	case step.worst() < floor && step.Action != Move: // a restart takes one server away, as any restart does
		return fmt.Sprintf("it would tolerate %d further failures, when both ends of the plan tolerate %d", step.worst(), floor)
	}
	return ""
}
