package quorum

import (
	"fmt"
)

// Membership is who belongs to an ensemble, and in which role.
type Membership struct {
	Voters    []int64
	Observers []int64
	Groups    []Group          // none: majority
	Weights   map[int64]int64  // of voters in groups; 1 where absent
	Addresses map[int64]string // optional; a difference is a move
}

// System builds the quorum system of a membership; errors as the constructors.
func (m Membership) System() (System, error) {
	if len(m.Groups) == 0 && len(m.Weights) == 0 {
		s, err := NewMajority(m.Voters...)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := NewHierarchical(m.Voters, m.Groups, m.Weights)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Action is what a step of a plan changes.
type Action uint8

const (
	AddVoter       Action = iota + 1 // a new server, caught up first, gets a vote
	Promote                          // an observer gets a vote
	Demote                           // a voter becomes an observer
	RemoveVoter                      // a voter leaves
	AddObserver                      // a new observer joins
	RemoveObserver                   // an observer leaves
	Move                             // a server gets another address, and restarts there
	Replace                          // the whole configuration at once: groups and weights
)

func (a Action) String() string {
	switch a {
	case AddVoter:
		return "add"
	case Promote:
		return "promote"
	case Demote:
		return "demote"
	case RemoveVoter:
		return "remove"
	case AddObserver:
		return "add-observer"
	case RemoveObserver:
		return "remove-observer"
	case Move:
		return "move"
	case Replace:
		return "replace"
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Step is one change of membership.
type Step struct {
	Action Action
	Server int64 // of no meaning for Replace
	After  Membership
	Quorum int // smallest quorum afterwards
	// TolerateDuring is how many further failures are survived while old and new
	// configuration both must agree, and TolerateAfter once it is done. The
	// servers given as failed are down in both.
	TolerateDuring int
	TolerateAfter  int
}

// Plan is a safe order of steps, or why there is none.
type Plan struct {
	TolerateBefore int
	Steps          []Step
	Lowest         int // the least tolerance on the way, start and end included
	// Refused says why the next step must not be taken; empty when the plan is
	// complete. Steps are then those before it, and Next is the refused one, if
	// it is one step that is refused.
	Refused string
	Next    *Step
}

// PlanChange orders the changes that lead from one membership to another, one
// server at a time, so that as many failures as possible are survived on the
// way; failed are servers that are down already and stay so.
//
// Every step is judged as ZooKeeper judges a reconfiguration in flight: quorums
// of the old and of the new configuration are needed (Joint). At each point the
// possible changes are compared by what they leave tolerable during and after;
// among equals, the dead leave first (a dead member counts against every
// quorum, and adding its replacement first needs one more of the living), then
// the new come, then the old go; observers last, they never count.
//
// A step is refused when it could lose the quorum: when too few are up to commit
// it, when it would leave less tolerance than both ends of the plan have, or when
// it gives a vote to a server that is down. Where the two ends put a server into
// different groups or give it different weights, the plan is a single step that
// replaces the whole configuration. (With groups, ZooKeeper refuses incremental
// reconfiguration at every step; each is then a full new membership.)
//
// O(k·n·log n) for k changes. Errors are those of the two systems.
func PlanChange(from, to Membership, failed ...int64) (Plan, error) {
	p, err := newPlanner(from, to, failed)
	if err != nil {
		return Plan{}, err
	}
	before, err := p.tolerance(p.old, -1)
	if err != nil {
		return Plan{}, err
	}
	target, err := p.tolerance(p.goal, -1)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{TolerateBefore: before, Lowest: before}
	if before < 0 {
		plan.Refused = "no quorum is up now, and without one no change can be committed: bring back enough of " +
			idNames(failedVoters(p.old, p.failed)) + " first"
		return plan, nil
	}
	floor := max(0, min(before, target))
	for {
		step, done, err := p.next()
		if err != nil {
			return Plan{}, err
		}
		if done {
			return plan, nil
		}
		if reason := p.refuse(step, floor); reason != "" {
			plan.Refused, plan.Next = reason, &step
			return plan, nil
		}
		plan.Steps = append(plan.Steps, step)
		plan.Lowest = min(plan.Lowest, step.TolerateDuring, step.TolerateAfter)
		p.take(step)
	}
}
