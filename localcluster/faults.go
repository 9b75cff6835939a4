package localcluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"zkctl/inject"
)

// Members lists the members and what each is doing at this moment.
func (s *Supervisor) Members(ctx context.Context) ([]inject.Member, error) {
	report := s.assess(ctx)
	members := make([]inject.Member, len(s.members))
	for i, m := range s.members {
		role := selectable(roleName(report, report.Member(m.spec.ID)))
		members[i] = inject.Member{ID: m.spec.ID, Observer: m.spec.Observer, Role: role}
	}
	return members, ctx.Err()
}

// checkLease refuses a fault that would end before it begins.
func checkLease(lease time.Duration) error {
	if lease < 0 {
		return fail(CodeUsage, "", "a fault cannot last %s", lease)
	}
	return nil
}

// inject breaks something and puts it on record. Every fault begins here, so that the ledger, the timeline and the
// ensemble agree. The caller holds acting.
func (s *Supervisor) inject(ctx context.Context, f inject.Fault, lease time.Duration, why string) (inject.Fault, error) {
	// The fault is recorded first: what follows in the timeline is its consequence.
	s.mu.Lock()
	recorded := s.ledger.Add(f, time.Now().UTC(), lease)
	s.mu.Unlock()
	s.events.add(Event{Kind: EventFault, Fault: &recorded, Why: why})
	var err error
	switch f.Kind {
	case inject.Kill:
		signal, _ := ParseSignal(f.Detail) // which signalName wrote
		err = joinErrors(s.each(f.Members, func(m *member) error { return s.kill(ctx, m, signal, why) }))
	case inject.Pause:
		err = joinErrors(s.each(f.Members, func(m *member) error { return s.pause(m, why) }))
	case inject.Disk, inject.Clock:
		active := s.Faults()
		err = joinErrors(s.each(f.Members, func(m *member) error { return s.applyOwn(ctx, m, active) }))
	default:
		err = s.applyNetwork()
	}
	s.wakeLeases()
	if err == nil {
		return recorded, nil
	}
	s.retract(recorded)
	return inject.Fault{}, err
}

// retract takes a fault that could not be done as asked off the record again. Links are mended. A member that
// was killed or paused stays so and stays on record, and so does one that has got its signal and has not ended
// yet; the others are taken off.
func (s *Supervisor) retract(f inject.Fault) {
	s.mu.Lock()
	var over []inject.Fault
	if f.Kind.Process() {
		for _, id := range f.Members {
			if m, err := s.member(id); err == nil && m.state != brokenState(f.Kind) && !(f.Kind == inject.Kill && m.expected) {
				over = append(over, s.ledger.Recover(f.Kind, id)...)
			}
		}
	} else {
		over, _ = s.ledger.Heal(inject.Healing{IDs: []string{f.ID}})
	}
	active := s.ledger.Active()
	s.mu.Unlock()
	_ = s.applyNetwork()
	if f.Kind.Own() {
		ctx, cancel := context.WithTimeout(context.Background(), answerTime-actTime)
		defer cancel()
		s.each(f.Members, func(m *member) error { return s.applyOwn(ctx, m, active) }) // what fails has failed already
	}
	s.recordHeals(over, "it failed")
}

// brokenState is what a member is in after a process fault.
func brokenState(kind inject.Kind) memberState {
	if kind == inject.Pause {
		return statePaused
	}
	return stateStopped
}

// each calls do for several members at the same time, and returns the errors by member.
func (s *Supervisor) each(ids []int64, do func(*member) error) map[int64]error {
	var mu sync.Mutex
	var all sync.WaitGroup
	failed := map[int64]error{}
	for _, id := range ids {
		all.Go(func() {
			m, err := s.member(id)
			if err == nil {
				err = do(m)
			}
			if err != nil {
				mu.Lock()
				failed[id] = err
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return failed
}

// joinErrors is one error of several, in the order of the members.
func joinErrors(failed map[int64]error) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, failed[id])
	}
	return errors.Join(errs...)
}

// applyNetwork gives every lane the condition that all faults together ask for.
func (s *Supervisor) applyNetwork() error {
	s.mu.Lock()
	conditions := s.ledger.Conditions()
	s.mu.Unlock()
	return s.mesh.Apply(conditions)
}

func (s *Supervisor) wakeLeases() {
	select {
	case s.leases <- struct{}{}:
	default: // it has been woken already
	}
}

// recordHeals writes the end of faults into the timeline.
func (s *Supervisor) recordHeals(over []inject.Fault, why string) {
	for _, f := range over {
		s.events.add(Event{Kind: EventHeal, Fault: &f, Why: why})
	}
}

// Faults lists the faults that have not ended, oldest first.
func (s *Supervisor) Faults() []inject.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.Active()
}
