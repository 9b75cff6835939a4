package localcluster

import (
	"time"

	"zkctl/inject"
)

// stopTakes is how long a process may go on after it was sent STOP.
const stopTakes = time.Second

// stoppedOutside is why a member is paused that others have stopped.
const stoppedOutside = "stopped from outside"

// reconcile takes note of members that others have stopped or continued, with `kill -STOP` say: what status
// says of a member and what resume may do to it depends on what its process does, not on who did it. Where
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
