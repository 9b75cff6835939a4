package localcluster

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// kill sends a signal that should end a member, and returns when its process is gone, or ctx is done: then it
// may end yet. One that is stopped already stays so.
func (s *Supervisor) kill(ctx context.Context, m *member, signal syscall.Signal, why string) error {
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
		_ = p.signal(syscall.SIGCONT) // a stopped process gets a signal when it goes on
	}
	select {
	case <-p.reaped:
		return nil
	case <-ctx.Done():
	case <-s.stopping:
	}
	return fail(CodeFailed, "`zkctl faults` goes on listing it; --signal KILL ends it at once",
		"member %d has got signal %s, and process %d has not ended in time", m.spec.ID, signalName(signal), p.pid)
}

// sendSignal sends a signal that need not end the member, such as QUIT, on which a JVM prints its threads.
func (s *Supervisor) sendSignal(m *member, signal syscall.Signal, why string) error {
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
	m.state, m.role, m.outside, m.paused = statePaused, "", false, time.Now()
	s.events.add(Event{Kind: EventPaused, Member: m.spec.ID, PID: m.process.pid, Why: why})
	return nil
}

// resume continues a member that is paused.
func (s *Supervisor) resume(m *member, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.state != statePaused {
		return nil
	}
	if err := m.process.signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("member %d: %w", m.spec.ID, err)
	}
	m.state, m.outside = stateRunning, false
	s.events.add(Event{Kind: EventResumed, Member: m.spec.ID, PID: m.process.pid, Why: why})
	return nil
}

// startStopped starts a member that is not running.
func (s *Supervisor) startStopped(m *member, why string) error {
	s.mu.Lock()
	running := m.state != stateStopped
	s.mu.Unlock()
	if running {
		return nil
	}
	return s.startMember(m, why)
}
