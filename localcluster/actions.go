package localcluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"zkctl/inject"
)

// This file carries out requests that name members by selectors. It resolves the selectors with the roles
// that members have at this moment, and leaves the rest to faults.go and processes.go.

// newSeed is a seed short enough to type, which a number of JSON can hold.
func newSeed() uint64 { return rand.Uint64N(1_000_000) }

// chooser is the random source for the choices that a selector leaves open: the same for the same seed.
func chooser(seed *uint64) (*rand.Rand, uint64) {
	s := newSeed()
	if seed != nil {
		s = *seed
	}
	return rand.New(rand.NewPCG(s, 0)), s
}

// selectorError gives an error of package inject its code.
func selectorError(err error) error {
	var syntax *inject.SyntaxError
	var noMatch *inject.NoMatchError
	var plan *inject.PlanError
	switch {
	case errors.As(err, &plan):
		return fail(CodeUsage, "`zkctl status` shows the members", "%w", err)
	case errors.As(err, &noMatch):
		return fail(CodeMissing, "`zkctl status` shows the members and their roles", "%w", err)
	case errors.As(err, &syntax):
		return fail(CodeUsage, "", "%w", err)
	}
	return err
}

// verb is one of the verbs on members' processes, in the words of its outcome.
type verb struct {
	// wasted are the states of a member in which the verb changes nothing.
	wasted []memberState
	done   string // "killed"
	would  string // "would be killed"
}

var verbs = map[string]verb{
	"kill":    {[]memberState{stateStopped}, "killed", "would be killed"},
	"start":   {[]memberState{stateRunning, statePaused}, "started", "would be started"},
	"restart": {nil, "restarted", "would be restarted"},
	"pause":   {[]memberState{stateStopped, statePaused}, "paused", "would be paused"},
	"resume":  {[]memberState{stateStopped, stateRunning}, "resumed", "would be resumed"},
}

// Act does a verb to the members that a selector chooses.
func (s *Supervisor) Act(ctx context.Context, r ActRequest) (ActReport, error) {
	v, ok := verbs[r.Verb]
	if !ok {
		return ActReport{}, fail(CodeUsage, "", "%q is no verb of a member", r.Verb)
	}
	selector, err := inject.ParseSelector(r.Selector)
	if err != nil {
		return ActReport{}, selectorError(err)
	}
	signal := syscall.SIGKILL
	if r.Verb == "kill" && r.Signal != "" {
		if signal, err = KillSignal(r.Signal); err != nil {
			return ActReport{}, err
		}
	}
	if r.Wipe && r.Verb != "kill" {
		return ActReport{}, fail(CodeUsage, "", "%s: only kill removes data", r.Verb)
	}
	if err := checkLease(seconds(r.Lease)); err != nil {
		return ActReport{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	report, affected, err := s.act(ctx, r, v, selector, signal)
	if err == nil && !r.DryRun && (r.Verb == "start" || r.Verb == "restart") {
		err = s.healStarted(ctx, affected, r.Verb+" "+report.Selector, &report)
	}
	return report, err
}

// healStarted ends the faults of the members that were started, as soon as each has shown that it runs.
func (s *Supervisor) healStarted(ctx context.Context, ids []int64, why string, report *ActReport) error {
	failed := s.awaitAnswers(ctx, ids)
	ids = slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return failed[id] != nil })
	report.Healed = append(report.Healed, s.recover(inject.Kill, ids, why)...)
	return joinErrors(failed)
}

// act is Act with its request parsed. It returns the members to which something was done.
func (s *Supervisor) act(ctx context.Context, r ActRequest, v verb, selector inject.Selector, signal syscall.Signal) (ActReport, []int64, error) {
	release, err := s.begin(ctx, r.Verb+" "+r.Selector)
	if err != nil {
		return ActReport{}, nil, err
	}
	defer release()
	members, err := s.candidates(ctx, v)
	if err != nil {
		return ActReport{}, nil, err
	}
	random, seed := chooser(r.Seed)
	ids, err := selector.Resolve(members, random)
	if err != nil {
		return ActReport{}, nil, selectorError(err)
	}
	report := ActReport{Verb: r.Verb, Selector: selector.String(), DryRun: r.DryRun, Members: ids, Results: []Result{}}
	if selector.Random() {
		report.Seed = &seed
	}
	survivors, err := s.survivors(r, ids, signal)
	if err != nil {
		return report, nil, err
	}
	affected := s.addResults(v, r, ids, &report)
	for i, d := range report.Results {
		if slices.Contains(survivors, d.Member) && slices.Contains(affected, d.Member) {
			report.Results[i].Outcome = "got signal " + signalName(signal)
			if r.DryRun {
				report.Results[i].Outcome = "would get signal " + signalName(signal)
			}
		}
	}
	if r.DryRun || len(affected) == 0 {
		return report, nil, nil
	}
	if r.Verb == "kill" {
		err = s.killAll(ctx, affected, survivors, signal, seconds(r.Lease), r.Verb+" "+report.Selector, &report)
		if err == nil && r.Wipe && report.Fault != nil {
			err = joinErrors(s.each(report.Fault.Members, (*member).wipe)) // no lease starts one before: acting is held
		}
	} else {
		err = s.do(ctx, r.Verb, affected, seconds(r.Lease), r.Verb+" "+report.Selector, &report)
	}
	return report, affected, err
}

// KillSignal reads a signal for `kill`: one that does not merely stop or continue a process.
func KillSignal(name string) (syscall.Signal, error) {
	signal, err := ParseSignal(name)
	if err != nil {
		return 0, err
	}
	switch signal {
	case syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return 0, fail(CodeUsage, "use `zkctl pause`, which can be healed", "signal %s would only stop the member", signalName(signal))
	case syscall.SIGCONT:
		return 0, fail(CodeUsage, "use `zkctl resume`", "signal CONT does not kill")
	}
	return signal, nil
}

// candidates are the members as selectors see them. A size, such as `one`, prefers members on which the verb
// has an effect.
func (s *Supervisor) candidates(ctx context.Context, v verb) ([]inject.Member, error) {
	members, err := s.Members(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range s.members {
		members[i].Spared = slices.Contains(v.wasted, m.state)
	}
	return members, nil
}

// addResults reports what happens to each member, and returns those on which the verb has an effect.
func (s *Supervisor) addResults(v verb, r ActRequest, ids []int64, report *ActReport) (affected []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		if !slices.Contains(ids, m.spec.ID) {
			continue
		}
		result := Result{Member: m.spec.ID, Outcome: v.done}
		switch {
		case slices.Contains(v.wasted, m.state) && s.outlasts(r, m):
			affected = append(affected, m.spec.ID)
			result.Outcome = "is " + m.state.String() + " already, and stays so for longer"
			if r.DryRun {
				result.Outcome = "is " + m.state.String() + " already, and would stay so for longer"
			}
		case slices.Contains(v.wasted, m.state):
			result.Outcome = "is " + m.state.String() + " already"
			if m.state == stateStopped && v.done != "killed" {
				result.Outcome = "is not running"
			}
		default:
			affected = append(affected, m.spec.ID)
			if r.DryRun {
				result.Outcome = v.would
			}
		}
		report.Results = append(report.Results, result)
	}
	return affected
}

// outlasts tells whether a kill or a pause of a member that is dead or paused already, by a fault with a lease,
// asks for more time than that lease has left: of several leases the longest holds. The caller holds mu.
func (s *Supervisor) outlasts(r ActRequest, m *member) bool {
	kinds := map[string]inject.Kind{"kill": inject.Kill, "pause": inject.Pause}
	kind, ok := kinds[r.Verb]
	if !ok || m.state != brokenState(kind) {
		return false
	}
	if signal, err := ParseSignal(cmp.Or(r.Signal, "KILL")); err != nil || !deadly(signal, m.spec.Engine) {
		return false
	}
	now, held := time.Now(), false
	for _, f := range s.ledger.Active() {
		if f.Kind != kind || !slices.Contains(f.Members, m.spec.ID) {
			continue
		}
		if f.Until == nil || r.Lease > 0 && !now.Add(seconds(r.Lease)).After(*f.Until) {
			return false
		}
		held = true
	}
	return held
}

// killAll sends a signal. A fault is recorded for the members that the signal ends; the survivors get the
// signal without a fault.
func (s *Supervisor) killAll(ctx context.Context, ids, survivors []int64, signal syscall.Signal, lease time.Duration, why string, report *ActReport) error {
	spared := func(id int64) bool { return slices.Contains(survivors, id) }
	signalled := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return !spared(id) })
	err := joinErrors(s.each(signalled, func(m *member) error { return s.sendSignal(m, signal, why) }))
	if killed := slices.DeleteFunc(slices.Clone(ids), spared); err == nil && len(killed) > 0 {
		err = s.injectFault(ctx, report, inject.Fault{Kind: inject.Kill, Members: killed, Detail: signalName(signal)}, lease, why)
	}
	return err
}

// do carries out a verb other than kill. The caller holds acting.
func (s *Supervisor) do(ctx context.Context, verb string, ids []int64, lease time.Duration, why string, report *ActReport) error {
	switch verb {
	case "pause":
		return s.injectFault(ctx, report, inject.Fault{Kind: inject.Pause, Members: ids}, lease, why)
	case "resume":
		failed := s.each(ids, func(m *member) error { return s.resume(m, why) })
		ids = slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return failed[id] != nil })
		report.Healed = s.recover(inject.Pause, ids, why)
		return joinErrors(failed)
	case "start":
		return joinErrors(s.each(ids, func(m *member) error { return s.startStopped(m, why) }))
	default: // restart
		return s.restartInTurn(ctx, ids, why)
	}
}

// restartInTurn restarts one member after the other, so that what keeps one from starting costs no other. A member ends
// when what it needs to start is written, and the next follows when it has answered, or has used up its share of the
// time that ctx has.
func (s *Supervisor) restartInTurn(ctx context.Context, ids []int64, why string) error {
	end := time.Now().Add(actTime)
	if deadline, ok := ctx.Deadline(); ok {
		end = deadline
	}
	for i, id := range ids {
		share := max(0, time.Until(end)) / time.Duration(len(ids)-i)
		err := s.restart(ctx, id, share, why)
		if left := ids[i+1:]; err != nil && len(left) > 0 {
			return fmt.Errorf("%w (not restarted: %d)", err, left)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Supervisor) restart(ctx context.Context, id int64, share time.Duration, why string) error {
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	m, err := s.member(id)
	if err != nil {
		return err
	}
	if err := m.prepare(s.spec); err != nil {
		return err // it runs on, with what it has in memory
	}
	s.endMember(m, askToEnd, min(restartGrace, share), why) // this ends its pause, too
	if err := s.startStopped(m, why); err != nil {
		return err
	}
	return s.awaitAnswers(ctx, []int64{id})[id]
}

func (s *Supervisor) injectFault(ctx context.Context, report *ActReport, f inject.Fault, lease time.Duration, why string) error {
	recorded, err := s.inject(ctx, f, lease, why)
	if err == nil {
		report.Fault = &recorded
	}
	return err
}

// recover takes members out of the faults of a kind, after a request has started or resumed them.
func (s *Supervisor) recover(kind inject.Kind, ids []int64, why string) (over []inject.Fault) {
	s.mu.Lock()
	for _, id := range ids {
		over = append(over, s.ledger.Recover(kind, id)...)
	}
	s.mu.Unlock()
	s.recordHeals(over, why)
	s.wakeLeases()
	return over
}
