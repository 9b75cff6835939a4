package localcluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"zkctl/inject"
)

// This file ends faults. A fault is taken off the record only when what it broke is whole again: a member has been
// started and has shown that it runs, has been resumed, or the links are open. What fails stays on record.

const (
	// actTime bounds a request that changes something, so that a client has its answer within answerTime.
	actTime = 3 * time.Second
	// restartGrace is how long a member may take to end in order before it is started again.
	restartGrace = 2 * time.Second
)

// begin waits, no longer than ctx, until no other request changes anything. The caller calls release.
func (s *Supervisor) begin(ctx context.Context, why string) (release func(), err error) {
	for !s.acting.TryLock() {
		select {
		case <-time.After(shortInterval):
		case <-s.stopping:
			return nil, fail(CodeMissing, "", "the ensemble %s is being stopped", s.spec.Name)
		case <-ctx.Done():
			s.mu.Lock()
			busy := s.doing
			s.mu.Unlock()
			return nil, fail(CodeFailed, "try again when it is done", "%s waits for another command that has not ended: %s", why, busy)
		}
	}
	s.mu.Lock()
	s.doing = why
	s.mu.Unlock()
	return s.acting.Unlock, nil
}

// chosen takes the faults to end out of a ledger, and returns them.
type chosen func(l *inject.Ledger) ([]inject.Fault, error)

func healing(h inject.Healing) chosen {
	return func(l *inject.Ledger) ([]inject.Fault, error) {
		over, unknown := l.Heal(h)
		if len(unknown) > 0 {
			return nil, unknownFault(unknown)
		}
		return over, nil
	}
}

func unknownFault(ids []string) error {
	return fail(CodeMissing, "`zkctl faults` lists the faults there are", "there has never been a fault %s", ids[0])
}

// Heal ends faults. With processes and no ids it also starts and resumes every member, whatever ended or
// paused it: `heal --all` is the way back to a whole ensemble.
func (s *Supervisor) Heal(ctx context.Context, r HealRequest) (HealReport, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	if r.Selector != "" {
		var err error
		if r.Members, err = s.toHeal(ctx, r.Selector); err != nil {
			return HealReport{}, err
		}
	}
	whole, why := r.Processes && len(r.IDs) == 0 && len(r.Members) == 0, "heal"
	if whole {
		why = "heal --all"
	}
	if r.DryRun {
		report, err := s.planHeal(healing(r.Healing), whole)
		report.Left = s.leftBy(r.Healing)
		return report, err
	}
	report, failed, err := s.heal(ctx, healing(r.Healing), whole, why)
	if err == nil {
		err = joinErrors(failed)
	}
	report.Left = s.leftBy(r.Healing)
	return report, err
}

// toHeal resolves the selector of a heal, which must not leave a choice.
func (s *Supervisor) toHeal(ctx context.Context, text string) ([]int64, error) {
	selector, err := inject.ParseSelector(text)
	if err != nil {
		return nil, selectorError(err)
	}
	if selector.Random() {
		return nil, fail(CodeUsage, "`zkctl faults` shows the members of each fault", "heal %s would choose members at random", selector)
	}
	members, err := s.Members(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := selector.Resolve(members, nil)
	return ids, selectorError(err)
}

// leftBy lists the members that a heal leaves stopped or paused, because it is about links only.
func (s *Supervisor) leftBy(h inject.Healing) []LeftMember {
	left := []LeftMember{}
	if h.Processes || len(h.IDs) > 0 {
		return left
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		if m.state != stateRunning && (len(h.Members) == 0 || slices.Contains(h.Members, m.spec.ID)) {
			left = append(left, LeftMember{m.spec.ID, m.state.String()})
		}
	}
	return left
}

// planHeal is what heal would do.
func (s *Supervisor) planHeal(choose chosen, whole bool) (HealReport, error) {
	s.reconcile()
	s.mu.Lock()
	defer s.mu.Unlock()
	would := s.ledger
	faults, err := choose(&would)
	report := HealReport{Healed: append([]inject.Fault{}, faults...), DryRun: true}
	if err != nil || !whole {
		return report, err
	}
	for _, m := range s.members {
		in := func(kind inject.Kind) bool { return isIn(faults, kind, m.spec.ID) }
		switch {
		case m.state == stateStopped && !in(inject.Kill):
			report.Results = append(report.Results, Result{m.spec.ID, verbs["start"].would})
		case m.state == statePaused && !in(inject.Pause):
			report.Results = append(report.Results, Result{m.spec.ID, verbs["resume"].would})
		}
	}
	return report, nil
}

// heal ends faults. failed has the errors by member; the faults of these members stay on record.
func (s *Supervisor) heal(ctx context.Context, choose chosen, whole bool, why string) (report HealReport, failed map[int64]error, err error) {
	release, err := s.begin(ctx, why)
	if err != nil {
		return report, nil, err
	}
	s.reconcile()
	s.mu.Lock()
	rest := s.ledger
	faults, err := choose(&rest)
	s.ending = faults
	s.mu.Unlock()
	if err != nil {
		release()
		return report, nil, err
	}
	network := s.mesh.Apply(rest.Conditions())
	failed = map[int64]error{}
	var started []int64
	for _, f := range faults {
		switch f.Kind {
		case inject.Pause:
			maps.Copy(failed, s.each(f.Members, func(m *member) error {
				if isIn(rest.Active(), inject.Pause, m.spec.ID) {
					return nil // another fault keeps it paused
				}
				return s.resume(m, why)
			}))
		case inject.Kill:
			maps.Copy(failed, s.each(f.Members, func(m *member) error {
				if isIn(rest.Active(), inject.Kill, m.spec.ID) {
					return nil // another fault keeps it down
				}
				return s.startStopped(m, why)
			}))
			started = append(started, f.Members...)
		case inject.Disk, inject.Clock:
			maps.Copy(failed, s.each(f.Members, func(m *member) error { return s.applyOwn(ctx, m, rest.Active()) }))
		}
	}
	if whole {
		report.Results = s.makeWhole(failed, why)
		for _, r := range report.Results {
			started = append(started, r.Member)
		}
	}
	s.mu.Lock()
	s.ending = nil
	s.mu.Unlock()
	release() // others need not wait until the members answer
	slices.Sort(started)
	started = slices.DeleteFunc(slices.Compact(started), func(id int64) bool { return failed[id] != nil || s.isDown(id) })
	maps.Copy(failed, s.awaitAnswers(ctx, started))
	report.Results = slices.DeleteFunc(report.Results, func(r Result) bool { return failed[r.Member] != nil })
	report.Healed = s.forget(faults, failed, network, why)
	return report, failed, network
}

// makeWhole starts and resumes the members that no fault keeps from running any more.
func (s *Supervisor) makeWhole(failed map[int64]error, why string) (results []Result) {
	for _, m := range s.members {
		s.mu.Lock()
		state := m.state
		s.mu.Unlock()
		var err error
		switch {
		case failed[m.spec.ID] != nil:
			continue // tried already
		case state == stateStopped:
			err = s.startStopped(m, why)
			results = append(results, Result{m.spec.ID, verbs["start"].done})
		case state == statePaused:
			err = s.resume(m, why)
			results = append(results, Result{m.spec.ID, verbs["resume"].done})
		}
		if err != nil {
			failed[m.spec.ID] = err
		}
	}
	return results
}

// isDown tells whether a member is stopped because a request ended it.
func (s *Supervisor) isDown(id int64) bool {
	m, err := s.member(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && m.state == stateStopped && m.expected
}

// forget takes the members that run again, and links that are open, off the record, and returns the faults that
// have ended.
func (s *Supervisor) forget(faults []inject.Fault, failed map[int64]error, network error, why string) []inject.Fault {
	ended := []inject.Fault{}
	s.mu.Lock()
	for _, f := range faults {
		if len(f.Links) > 0 && network != nil {
			continue
		}
		whole := slices.DeleteFunc(slices.Clone(f.Members), func(id int64) bool { return failed[id] != nil })
		if over, ok := s.ledger.End(f.ID, whole); ok {
			ended = append(ended, over)
		}
	}
	s.mu.Unlock()
	s.recordHeals(ended, why)
	s.wakeLeases()
	return ended
}

// isIn tells whether one of the faults is of the kind and includes the member.
func isIn(faults []inject.Fault, kind inject.Kind, id int64) bool {
	return slices.ContainsFunc(faults, func(f inject.Fault) bool { return f.Kind == kind && slices.Contains(f.Members, id) })
}

// watchLeases heals faults whose time is up.
func (s *Supervisor) watchLeases(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.mu.Lock()
		next, ok := s.ledger.Next()
		s.mu.Unlock()
		if ok {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.leases: // another fault, or one less
		case <-timer.C:
			s.expire(ctx)
		}
	}
}

// A fault that could not be ended when its time was up is tried again after as long as it has been overdue,
// within these bounds.
const (
	minRetry = 500 * time.Millisecond
	maxRetry = 30 * time.Second
)

// expire ends the leases that are over. One that cannot be ended is overdue: it stays on record with the
// reason, and is tried again.
func (s *Supervisor) expire(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	var due []inject.Fault
	_, failed, err := s.heal(ctx, func(l *inject.Ledger) ([]inject.Fault, error) {
		due = l.Expire(time.Now())
		return due, nil
	}, false, "its time is up")
	now := time.Now()
	for _, f := range due {
		reasons := []error{err}
		for _, id := range f.Members {
			reasons = append(reasons, failed[id])
		}
		reason := errors.Join(reasons...)
		if reason == nil {
			continue
		}
		retry := now.Add(min(max(now.Sub(*f.Until), minRetry), maxRetry))
		s.mu.Lock()
		late, first := s.ledger.Postpone(f.ID, retry, reason.Error())
		s.mu.Unlock()
		if first {
			s.events.add(Event{Kind: EventOverdue, Fault: &late, Why: reason.Error()})
		}
	}
}
