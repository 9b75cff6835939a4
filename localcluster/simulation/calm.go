package simulation

import (
	"time"

	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// Without faults an ensemble starts and fails over promptly: all servers serve soon after
// the last of them has started, and soon after a leader's process has died. The bound is
// twice the time that the steps below need, and includes no timeout of the
// protocol: a server that waits for a timeout has missed an event that it could have used.
//
//	votes meet, a leader is elected     links between all servers, and a few votes
//	discovery, synchronization          eight messages and three writes in a row
//
// The bound is checked for the first start of a run, unless a fault strikes before it is
// over, and at the end of the run, with the disks that the run has left: for a restart of
// all servers, for the death of the leader, and for its return.

// startBound is the time in which all servers serve once the last of them runs. If some
// start so late that the others have stopped waiting for them, that includes the servers'
// wait for finalizeWait.
func (s *Setup) startBound() time.Duration {
	bound := 60*time.Millisecond + s.failoverBound()
	if s.Stagger >= zab.DefaultFinalizeWait/2 {
		bound += 2 * zab.DefaultFinalizeWait
	}
	return bound
}

// failoverBound is the same for servers that already run.
func (s *Setup) failoverBound() time.Duration {
	hop := s.Latency + s.Jitter + 100*time.Microsecond
	return 20*time.Millisecond + 24*hop + 12*s.Fsync + 2*replica.TickInterval(s.Tick)
}

// staggered starts all servers that are down, within Setup.Stagger, and returns when the
// last one starts.
func (w *World) staggered() (last time.Duration) {
	r := w.random()
	for _, s := range w.servers {
		d := time.Duration(0)
		if w.setup.Stagger > 0 {
			d = time.Duration(r.Int64N(int64(w.setup.Stagger)))
		}
		last = max(last, d)
		if d == 0 {
			s.start()
		} else {
			w.after(d, s.start)
		}
	}
	return last
}

// undisturbed tells whether no fault has struck yet, or all faults are over.
func (w *World) undisturbed() bool {
	return w.calm || !w.plan.struck && !w.setup.Uneven
}

// watchStart checks that a start without faults is over in time.
func (w *World) watchStart(last time.Duration) {
	if w.setup.EpochEnd > 0 {
		return // what clients write may have ended the first epoch by then
	}
	bound := w.setup.startBound()
	w.after(last+bound, func() {
		if !w.calm && w.undisturbed() && !w.serving() {
			w.fail(invPrompt, "%v after the last server has started: %s", bound, w.roles())
		}
	})
}

// calmRestart restarts all servers of a healed ensemble, kills its leader, and starts that
// again.
func (w *World) calmRestart() {
	for _, s := range w.servers {
		s.end(storage.KillProcess, false)
	}
	last := w.staggered()
	if bound := w.setup.startBound(); !w.until(last+bound, w.serving) {
		w.fail(invPrompt, "%v after the last server has started again: %s", bound, w.roles())
		return
	}
	if !w.until(20*w.setup.Tick, w.inStep) {
		w.fail(invLiveness, "20 ticks after a restart some server has not caught up with %v: %s", w.oracle.tip, w.roles())
		return
	}
	dead := w.server(w.oracle.leaders[w.oracle.newest])
	if w.system.IsQuorum(func(id int64) bool { return zab.ServerID(id) != dead.id }) {
		dead.end(storage.KillProcess, false)
		dead.keptDown = true // faults that are over may still have a start scheduled
		if bound := w.setup.failoverBound(); !w.until(bound, w.servingWithout(dead)) {
			w.fail(invPrompt, "%v after the death of the leader, server %d: %s", bound, dead.id, w.roles())
			return
		}
		dead.keptDown = false
		dead.start()
		if bound := w.setup.startBound(); !w.until(bound, w.serving) {
			w.fail(invPrompt, "%v after server %d, which led, has started again: %s", bound, dead.id, w.roles())
		}
	}
}

// servingWithout tells whether the other servers serve with another leader.
func (w *World) servingWithout(dead *server) func() bool {
	return func() bool {
		leader := false
		for _, s := range w.servers {
			if s == dead {
				continue
			}
			if !s.up || !s.status.Serving || s.status.Leader == dead.id {
				return false
			}
			leader = leader || s.status.Role == zab.Leading
		}
		return leader
	}
}
