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

// System builds the quorum system of a membership: NewMajority without groups and weights, else
// NewHierarchical, with their errors.
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
	Regroup                          // all servers get their new groups and weights, or lose them
	Replace                          // the whole configuration at once
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
	case Regroup:
		return "regroup"
	case Replace:
		return "replace"
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Step is one change of membership.
type Step struct {
	Action Action
	Server int64 // of no meaning for Regroup and Replace
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

// maxPlan bounds the ids that all steps of a plan list: 256 MB.
const maxPlan = 1 << 25

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
// it gives a vote to a server that is down.
//
// Where the two ends put servers into different groups or give them different weights,
// that is one step of its own for all of them: both configurations decide together while
// it is in flight, so that one step tolerates what the lesser of the two does, and
// no order of smaller ones can tolerate more. Should the plan in steps be refused, or tolerate less
// than replacing everything at once, it is replaced at once; and also when a group lists
// servers that have no vote. (With groups, ZooKeeper refuses incremental
// reconfiguration at every step; each is then a full new membership.)
//
// O(k·n) for k changes of a majority; with groups, O(k·c·n·log n) for changes of c
// kinds (action, group and weight). Errors are those of the two systems. Source:
// SyncedLearnerTracker, which counts both configurations.
func PlanChange(from, to Membership, failed ...int64) (Plan, error) {
	stepwise, err := newPlanner(from, to, failed)
	if err != nil {
		return Plan{}, err
	}
	if k, n := len(stepwise.todo), max(len(from.Voters), len(to.Voters)); k > maxPlan/n {
		return Plan{}, fmt.Errorf("%w: a plan of %d steps over %d voters: go by way of configurations in between", ErrTooLarge, k, n)
	}
	if !stepwise.regroups {
		return stepwise.plan()
	}
	atOnce, err := newPlanner(from, to, failed)
	if err != nil {
		return Plan{}, err
	}
	atOnce.todo = []change{{Replace, 0}}
	replaced, err := atOnce.plan()
	if err != nil || stepwise.phantoms {
		return replaced, err
	}
	plan, err := stepwise.plan()
	if err != nil || replaced.Refused == "" && (plan.Refused != "" || plan.Lowest < replaced.Lowest) {
		return replaced, err
	}
	return plan, nil
}

// plan takes the best step, again and again.
func (p *planner) plan() (Plan, error) {
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
		if err := p.take(step); err != nil {
			return Plan{}, err
		}
	}
}
