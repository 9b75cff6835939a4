package localcluster

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"zkctl/inject"
	"zkctl/inject/scenario"
	embedded "zkctl/localcluster/member"
	"zkctl/localcluster/storage"
)

// This file is about what an embedded member itself does to its surroundings: to its disk and its clock. The member is told all that
// holds, whenever something begins or ends, and when its process begins.

// readOwn is read for a fault that the member itself carries out.
func (s *Supervisor) readOwn(f scenario.Fault, kind inject.Kind) (planned, error) {
	selector, err := inject.ParseSelector(f.Target)
	if err != nil {
		return planned{}, selectorError(err)
	}
	if reason := beyondMembers(f); reason != "" {
		return planned{}, fail(CodeUsage, "", "%s: %s", f, reason)
	}
	p := planned{fault: inject.Fault{Kind: kind, Line: f.String()}, open: selector.Random()}
	p.plan = func(members []inject.Member, random *rand.Rand) (inject.Plan, error) {
		ids, err := selector.Resolve(members, random)
		if err != nil {
			return inject.Plan{}, err
		}
		for _, id := range ids {
			if s.engineOf(id) == Apache {
				return inject.Plan{}, fail(CodeUsage, "choose members of the embedded engine", "member %d runs Apache ZooKeeper, whose %s zkctl cannot reach", id, f.Verb)
			}
		}
		return inject.Plan{Members: ids}, nil
	}
	return p, nil
}

// beyondMembers is why no member can do this to itself; empty: it can.
func beyondMembers(f scenario.Fault) string {
	switch {
	case f.Disk.PowerFails:
		return "a process that ends loses nothing that it has written, as the operating system has it: only a simulation loses power"
	case f.Lose != scenario.LoseNothing:
		return "the operating system forgets nothing that was written: only a simulation does"
	case f.Disk.Flip:
		return "a member reads its files when it starts, and not while it runs"
	}
	return ""
}

// diskFaults are the faults of a member's disk that are active, oldest first.
func diskFaults(active []inject.Fault, id int64) []storage.DiskFault {
	var list []storage.DiskFault
	for _, f := range active {
		if f.Kind != inject.Disk || !slices.Contains(f.Members, id) {
			continue
		}
		read, err := scenario.ParseFault(f.Line)
		if err != nil {
			continue // it was checked before it was recorded
		}
		d := read.Disk
		list = append(list, storage.DiskFault{
			ID: f.ID, Latency: d.Latency, Stuck: d.Stuck, Full: d.Full, Fails: d.Error != "", Torn: d.Torn, Nth: d.Nth,
		})
	}
	return list
}

// clockFault is what is wrong with a member's clock: of several faults the newest skew and the newest rate.
func clockFault(active []inject.Fault, id int64) (skew time.Duration, rate int) {
	for _, f := range active {
		if f.Kind != inject.Clock || !slices.Contains(f.Members, id) {
			continue
		}
		if read, err := scenario.ParseFault(f.Line); err == nil {
			skew, rate = cmp.Or(read.Skew, skew), cmp.Or(read.Rate, rate)
		}
	}
	return skew, rate
}

// ownOrders tell a member all that it has to do to itself.
func ownOrders(active []inject.Fault, id int64) []embedded.Order {
	skew, rate := clockFault(active, id)
	return []embedded.Order{
		{Do: embedded.OrderDisk, Disk: diskFaults(active, id)},
		{Do: embedded.OrderClock, Skew: skew, Rate: rate},
	}
}

// applyOwn tells a member what of the active faults it has to do to itself. One that is stopped needs to know nothing, and
// one that is paused obeys when it goes on.
func (s *Supervisor) applyOwn(ctx context.Context, m *member, active []inject.Fault) error {
	s.mu.Lock()
	state, connection := m.state, m.link
	s.mu.Unlock()
	if state == stateStopped || connection == nil {
		return nil
	}
	for _, o := range ownOrders(active, m.spec.ID) {
		if state == statePaused {
			if err := connection.send(o); err != nil {
				return err
			}
			continue
		}
		err := s.order(ctx, m, o)
		if errors.Is(err, errMemberGone) {
			return nil // it has just ended
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applyOwnAtStart does this for a process that has just begun. One that has ended again already is recorded as such.
func (s *Supervisor) applyOwnAtStart(m *member, connection *memberLink) {
	s.mu.Lock()
	active := slices.DeleteFunc(s.ledger.Active(), func(f inject.Fault) bool {
		ending := slices.ContainsFunc(s.ending, func(e inject.Fault) bool { return e.ID == f.ID })
		return ending || !f.Kind.Own() || !slices.Contains(f.Members, m.spec.ID)
	})
	s.mu.Unlock()
	if connection == nil || len(active) == 0 {
		return
	}
	for _, o := range ownOrders(active, m.spec.ID) {
		_ = connection.send(o)
	}
}
