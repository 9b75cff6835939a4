package simulation

import (
	"time"

	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// Where nothing goes wrong, nothing takes long: all servers serve soon after the last
// of them has started, and after a leader's process has died. The bound is made of what
// that needs, twice over, and none of it is a timeout: a server that waits out a
// timeout of the protocol has not heard what it could have heard.
//
//	votes meet, a leader is elected     links between all servers, and a few votes
//	discovery, synchronization          eight messages and three writes in a row
//
// It is asked of the first start of a run, when no fault has struck before it is over,
// and, in the end, of what the run has made of the disks: of a restart of all, of the
// death of the leader, and of its return.

// start is how long servers may take to serve once the last of them runs, among them
// servers that wait out finalizeWait when some start so late that the others have
// stopped expecting them.
func (s *Setup) startBound() time.Duration {
	bound := 60*time.Millisecond + s.failoverBound()
	if s.Stagger >= zab.DefaultFinalizeWait/2 {
		bound += 2 * zab.DefaultFinalizeWait
	}
	return bound
}

// failoverBound is the same for servers that were there before.
func (s *Setup) failoverBound() time.Duration {
	hop := s.Latency + s.Jitter + 100*time.Microsecond
	return 20*time.Millisecond + 24*hop + 12*s.Fsync + 2*replica.TickInterval(s.Tick)
}

// staggered starts all servers that are down, within Setup.Stagger, and tells when the
// last one runs.
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

// undisturbed: nothing has gone wrong yet, or will again.
func (w *World) undisturbed() bool {
	return w.calm || !w.plan.struck && !w.setup.Uneven
}

// watchStart looks whether a start that nothing disturbs is over in time.
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

// calmly restarts all servers of a healed ensemble, takes its leader away, and brings
// it back.
func (w *World) calmly() {
	for _, s := range w.servers {
		s.end(storage.KillProcess, false)
	}
	last := w.staggered()
	if bound := w.setup.startBound(); !w.until(last+bound, w.serving) {
		w.fail(invPrompt, "%v after the last server has started again: %s", bound, w.roles())
		return
	}
	if !w.until(20*w.setup.Tick, w.inStep) {
		w.fail(invLiveness, "20 ticks after a restart not everybody has caught up with %v: %s", w.oracle.tip, w.roles())
		return
	}
	dead := w.server(w.oracle.leaders[w.oracle.newest])
	if w.system.IsQuorum(func(id int64) bool { return zab.ServerID(id) != dead.id }) {
		dead.end(storage.KillProcess, false)
		dead.kept = true // faults that are over may still have a start to come
		if bound := w.setup.failoverBound(); !w.until(bound, w.servingWithout(dead)) {
			w.fail(invPrompt, "%v after the death of the leader, server %d: %s", bound, dead.id, w.roles())
			return
		}
		dead.kept = false
		dead.start()
		if bound := w.setup.startBound(); !w.until(bound, w.serving) {
			w.fail(invPrompt, "%v after server %d, which led, has started again: %s", bound, dead.id, w.roles())
		}
	}
}

// servingWithout: the others have a leader.
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
