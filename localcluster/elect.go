package localcluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"zkctl/inject"
	"zkctl/inject/link"
	embedded "zkctl/localcluster/member"
	"zkctl/probe"
)

// A leader of the embedded engine steps down when it is told to. Apache's has no such command: it is cut off from the
// other members until one of them leads.

// electionTime bounds how long a leader is cut off, when no other comes to lead.
const electionTime = 30 * time.Second

// planElection chooses the members that leave their role, and the links that this takes.
func (s *Supervisor) planElection(members []inject.Member, selector inject.Selector, random *rand.Rand) (inject.Plan, error) {
	chosen, err := selector.Resolve(members, random)
	if err != nil {
		return inject.Plan{}, err
	}
	if !slices.ContainsFunc(chosen, func(id int64) bool { return s.engineOf(id) == Apache }) {
		return inject.Plan{Members: chosen}, nil
	}
	everyone := inject.Rest(members)
	lanes := append(inject.PlanLinks(chosen, everyone, link.Channels()), inject.PlanLinks(everyone, chosen, link.Channels())...)
	if len(lanes) == 0 {
		return inject.Plan{}, &inject.PlanError{Subject: selector.String(), Reason: "there is no other member that could lead"}
	}
	return inject.Plan{Members: chosen, Lanes: lanes}, nil
}

func (s *Supervisor) engineOf(id int64) Engine {
	m, _ := s.spec.Member(id)
	return m.Engine
}

// endElections opens the links of leaders that were cut off, once another member leads.
func (s *Supervisor) endElections(ctx context.Context, report *probe.Report) {
	if report.Leader == nil {
		return
	}
	var over []string
	for _, f := range s.Faults() {
		if f.Kind == inject.Elect && !slices.Contains(f.Members, *report.Leader) {
			over = append(over, f.ID)
		}
	}
	if len(over) > 0 {
		_, _, _ = s.heal(ctx, healing(inject.Healing{IDs: over}), false, fmt.Sprintf("member %d leads", *report.Leader)) // the next poll tries again
	}
}

// order has an embedded member carry out an order.
func (s *Supervisor) order(ctx context.Context, m *member, o embedded.Order) error {
	s.mu.Lock()
	state, connection := m.state, m.link
	s.mu.Unlock()
	var err error
	switch {
	case state != stateRunning:
		err = fmt.Errorf("it is %s: `zkctl resume %d` or `zkctl start %d` first", state, m.spec.ID, m.spec.ID)
	case connection == nil:
		err = fmt.Errorf("its engine %s takes no orders", m.spec.Engine)
	default:
		err = connection.order(ctx, o)
	}
	if err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	return nil
}
