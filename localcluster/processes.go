package localcluster

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"zkctl/inject"
)

// killGrace is how long a member may take to die of a signal that it can answer.
const killGrace = 10 * time.Second

// kill sends a signal that should end a member, and returns when it has. One that is stopped already
// stays so.
func (s *Supervisor) kill(m *member, signal syscall.Signal, why string) error {
	s.mu.Lock()
	p, alive := m.process, m.state != stateStopped
	if alive {
		m.expected, m.why = true, why
	}
	s.mu.Unlock()
	if !alive {
		return nil
	}
	if err := p.signal(signal); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	if signal != syscall.SIGKILL {
		_ = p.signal(syscall.SIGCONT) // a paused member would not hear it
	}
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-p.buried:
		return nil
	case <-timer.C:
		return fail(CodeFailed, "kill it with --signal KILL", "member %d is still there %s after signal %s", m.spec.ID, killGrace, signalName(signal))
	}
}

// poke sends a signal that need not end the member, such as QUIT, on which a JVM prints its threads.
func (s *Supervisor) poke(m *member, signal syscall.Signal, why string) error {
	s.mu.Lock()
	p := m.process
	s.mu.Unlock()
	if err := p.signal(signal); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	s.events.add(Event{Kind: EventSignal, Member: m.spec.ID, PID: p.pid, Signal: signalName(signal), Why: why})
	return nil
}

// pause stops a member's process as a hanging machine would: it keeps its connections and answers nothing.
func (s *Supervisor) pause(m *member, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.state != stateRunning {
		return nil
	}
	if err := m.process.signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	m.state, m.role = statePaused, ""
	s.events.add(Event{Kind: EventPaused, Member: m.spec.ID, PID: m.process.pid, Why: why})
	return nil
}

// resume continues a member that is paused, unless another fault keeps it so.
func (s *Supervisor) resume(m *member, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.state != statePaused || s.stillIn(inject.Pause, m.spec.ID) {
		return nil
	}
	if err := m.process.signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	m.state = stateRunning
	s.events.add(Event{Kind: EventResumed, Member: m.spec.ID, PID: m.process.pid, Why: why})
	return nil
}

// startStopped starts a member that is not running, unless another fault keeps it down.
func (s *Supervisor) startStopped(m *member, why string) error {
	s.mu.Lock()
	stay := m.state != stateStopped || s.stillIn(inject.Kill, m.spec.ID)
	s.mu.Unlock()
	if stay {
		return nil
	}
	return s.startMember(m, why)
}

// stillIn tells whether an active fault of the kind includes the member. The caller holds mu.
func (s *Supervisor) stillIn(kind inject.Kind, id int64) bool {
	return slices.ContainsFunc(s.ledger.Active(), func(f inject.Fault) bool {
		return f.Kind == kind && slices.Contains(f.Members, id)
	})
}
