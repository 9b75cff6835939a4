package localcluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"zkctl/inject"
	"zkctl/inject/scenario"
	embedded "zkctl/localcluster/member"
	"zkctl/localcluster/storage"
)

// This file is about what an embedded member itself does to its surroundings: to its disk. The member is told all that
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

// applyOwn tells a member what of the active faults it has to do to itself. One that is stopped needs to know nothing, and
// one that is paused obeys when it goes on.
func (s *Supervisor) applyOwn(ctx context.Context, m *member, active []inject.Fault) error {
	s.mu.Lock()
	state, connection := m.state, m.link
	s.mu.Unlock()
	o := embedded.Order{Do: embedded.OrderDisk, Disk: diskFaults(active, m.spec.ID)}
	switch {
	case state == stateStopped || connection == nil:
		return nil
	case state == statePaused:
		return connection.send(o)
	}
	err := s.order(ctx, m, o)
	if errors.Is(err, errMemberGone) {
		return nil // it has just ended
	}
	return err
}

// applyOwnAtStart does this for a process that has just begun. One that has ended again already is recorded as such.
func (s *Supervisor) applyOwnAtStart(m *member, connection *memberLink) {
	s.mu.Lock()
	active := slices.DeleteFunc(s.ledger.Active(), func(f inject.Fault) bool {
		return slices.ContainsFunc(s.ending, func(e inject.Fault) bool { return e.ID == f.ID })
	})
	s.mu.Unlock()
	if connection == nil || !slices.ContainsFunc(active, func(f inject.Fault) bool { return f.Kind == inject.Disk && slices.Contains(f.Members, m.spec.ID) }) {
		return
	}
	_ = connection.send(embedded.Order{Do: embedded.OrderDisk, Disk: diskFaults(active, m.spec.ID)})
}
