package localcluster

import (
	"time"

	"zkctl/inject"
)

// stopTakes is how long a process may go on after it was sent STOP.
const stopTakes = time.Second

// stoppedOutside is the reason of a member that another process has stopped.
const stoppedOutside = "stopped from outside"

// reconcile notes the members that other processes have stopped or continued, for example with `kill -STOP`:
// status and resume go by the state of a member's process, whatever caused it. Where
// the state of a process cannot be read, only this supervisor's own pauses are known.
func (s *Supervisor) reconcile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		if m.state == stateStopped {
			continue
		}
		pid, state := m.process.pid, processState(m.process.pid)
		switch {
		case m.state == stateRunning && state == 'T':
			m.state, m.role, m.outside, m.paused = statePaused, "", true, time.Now()
			s.events.add(Event{Kind: EventPaused, Member: m.spec.ID, PID: pid, Why: stoppedOutside})
		case m.state == statePaused && state != 'T' && state != 'Z' && state != 0 && time.Since(m.paused) > stopTakes:
			m.state, m.outside = stateRunning, false
			s.events.add(Event{Kind: EventResumed, Member: m.spec.ID, PID: pid, Why: "continued from outside"})
			s.recordHeals(s.ledger.Recover(inject.Pause, m.spec.ID), "continued from outside")
		}
	}
}
