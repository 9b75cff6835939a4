package simulation

import (
	"syscall"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// plan carries out the faults of a run.
type plan struct {
	w       *World
	struck  bool      // some fault has struck, or tried to
	pending []planned // waiting for their injection point
	undo    []*undo   // of the faults that have an end

	coverage Coverage
	progress []progress // of each server
}

type planned struct {
	fault Fault
	left  int // occurrences of its injection point until it strikes
}

// undo ends a fault, once.
type undo struct {
	do   func()
	done bool
}

func (u *undo) now() {
	if !u.done {
		u.done = true
		u.do()
	}
}

func (w *World) carryOut(faults []Fault) {
	p := &plan{w: w, progress: make([]progress, len(w.servers))}
	w.plan = p
	for _, f := range faults {
		if f.On != "" {
			p.pending = append(p.pending, planned{f, max(f.Nth, 1)})
			continue
		}
		w.after(f.At, func() { p.strike(f, nil) })
	}
}

// reached triggers the faults that wait for this injection point. They strike after the
// step that reached it, or later; but a fault of a disk strikes at once, since
// the step itself may write.
func (p *plan) reached(s *server, m InjectionPoint) {
	p.countPoint(s, m)
	for i := range p.pending {
		q := &p.pending[i]
		if q.left == 0 || q.fault.On != m || q.fault.Of != 0 && q.fault.Of != int(s.id) {
			continue
		}
		if q.left--; q.left > 0 {
			continue
		}
		if f := q.fault; f.At == 0 && f.inDisk() {
			p.strike(f, s)
		} else {
			p.w.after(f.At, func() { p.strike(f, s) })
		}
	}
}

// strike carries out a fault. at is the server at the injection point.
func (p *plan) strike(f Fault, at *server) {
	w := p.w
	if w.calm || w.violation != nil {
		return
	}
	p.struck = true
	var targets []*server
	switch f.Server {
	case All:
		targets = w.servers
	case Self:
		targets = append(targets, at)
	case Leader:
		if at != nil {
			targets = append(targets, w.server(w.leaderOf(at)))
		}
	default:
		targets = append(targets, w.server(zab.ServerID(f.Server)))
	}
	switch {
	case f.Kind == FaultForceElection:
		w.note("FAULT: %v", f)
		p.count(f, w.forceElection(f.N, zab.ServerID(f.Peer)))
		return
	case f.ofClient():
		p.count(f, p.strikeClient(f))
		return
	}
	for _, s := range targets {
		if s != nil {
			if w.tracing() {
				w.note("FAULT on %d: %v", s.id, f)
			}
			p.count(f, p.strikeServer(f, s))
		}
	}
}

// count counts a fault that had an effect.
func (p *plan) count(f Fault, struck bool) {
	if struck {
		p.coverage.struck(f.Kind)
	}
}

// leaderOf is the leader that a server has; without one, the newest leader.
func (w *World) leaderOf(s *server) zab.ServerID {
	if s.status.Leader != 0 {
		return s.status.Leader
	}
	return w.oracle.leaders[w.oracle.newest]
}

// endAfter registers the end of a fault, which comes after d, or with healing.
func (p *plan) endAfter(d time.Duration, do func()) {
	u := &undo{do: do}
	p.undo = append(p.undo, u)
	p.w.after(d, u.now)
}

// strikeServer carries out a fault of a server, and tells whether it had an effect. The
// disk itself counts the faults that are planted in it, when they have theirs.
func (p *plan) strikeServer(f Fault, s *server) bool {
	w := p.w
	switch f.Kind {
	case FaultCrash:
		if !s.up {
			return false
		}
		s.end(f.Survival, f.Survival != storage.KillProcess && f.N == 0)
		p.endAfter(f.For, s.start)
	case FaultStop:
		if !s.up || s.paused {
			return false
		}
		s.disk.flush()
		s.end(storage.KillProcess, false)
		p.endAfter(f.For, s.start)
	case FaultPause:
		if !s.up || s.paused {
			return false
		}
		s.pause()
		p.endAfter(f.For, s.resume)
	case FaultBreak:
		return p.breakOff(f, s)
	case FaultLag:
		p.lag(f, s)
	case FaultShut:
		s.shut++
		p.endAfter(f.For, func() { s.shut-- })
	case FaultResign:
		if !s.up || s.status.Role == zab.Looking {
			return false
		}
		s.handle(func() { s.step(zab.Resign{Reason: "fault injected"}) })
	case FaultPower, FaultSlowDisk, FaultStuckDisk, FaultSync, FaultFull:
		return p.strikeDisk(f, s)
	case FaultClock:
		s.clock.setRate(w.now, float64(f.N)/100)
		s.clock.skew += f.Amount
		p.endAfter(f.For, func() { s.clock.setRate(w.now, 1) })
	default:
		return p.partition(f, s)
	}
	return true
}

// breakOff breaks connections, and tells whether there were any.
func (p *plan) breakOff(f Fault, s *server) bool {
	broken := false
	for _, other := range p.w.servers {
		if other == s || f.Peer != 0 && f.Peer != int(other.id) {
			continue
		}
		if f.Channel != ElectionChannel {
			broken = p.w.breakLinks(s, other) || broken
		}
		if f.Channel != QuorumChannel {
			if l, _ := p.w.network.between(s.id, other.id); l != nil {
				broken = l.breakUp() || broken
			}
		}
	}
	return broken
}

func (p *plan) lag(f Fault, s *server) {
	slow := func(by time.Duration) {
		for _, channel := range []Channel{QuorumChannel, ElectionChannel} {
			for _, other := range p.w.servers {
				if other != s && (f.Channel == Both || f.Channel == channel) {
					p.w.network.line(channel, pair{s.id, other.id}).slow += by
					p.w.network.line(channel, pair{other.id, s.id}).slow += by
				}
			}
		}
	}
	slow(f.Amount)
	p.endAfter(f.For, func() { slow(-f.Amount) })
}

// strikeDisk tells whether the fault has an effect at once.
func (p *plan) strikeDisk(f Fault, s *server) bool {
	d := &s.disk
	switch f.Kind {
	case FaultSlowDisk:
		d.slow += f.Amount
		p.endAfter(f.For, func() { d.slow -= f.Amount })
		return true
	case FaultStuckDisk:
		d.stuck++
		p.endAfter(f.For, func() {
			d.stuck--
			if s.up {
				d.begin()
			}
		})
		return true
	case FaultPower:
		d.survival, d.downtime = f.Survival, f.For
		d.powerFails(max(f.N, 1))
		p.endAfter(f.For, func() {})
	case FaultSync:
		d.failSync, d.failedSync, d.afterError, d.downtime = max(f.N, 1), syscall.EIO, f.Survival, f.For
		p.endAfter(f.For, func() {})
	case FaultFull:
		d.full, d.refused, d.downtime = true, false, f.For
		p.endAfter(f.For, func() { d.full = false })
	}
	return false
}

// partition cuts the lanes that the fault is about, and tells whether there are any.
func (p *plan) partition(f Fault, s *server) bool {
	var pairs []pair
	for _, a := range p.w.servers {
		for _, b := range p.w.servers {
			if a != b && cuts(f, s, a, b) {
				pairs = append(pairs, pair{a.id, b.id})
			}
		}
	}
	for _, lane := range pairs {
		p.endAfter(f.For, p.w.cut(lane, f.Channel))
	}
	return len(pairs) > 0
}

// cuts tells whether a fault at s cuts the direction from a to b.
func cuts(f Fault, s, a, b *server) bool {
	switch f.Kind {
	case FaultIsolate:
		return a == s || b == s
	case FaultDeafen:
		return b == s
	case FaultMute:
		return a == s
	case FaultCut:
		return a == s && int(b.id) == f.Peer
	case FaultSplit:
		in := func(x *server) bool { return f.N&(1<<(x.id-1)) != 0 }
		return in(a) != in(b)
	}
	return false
}

func (p *plan) strikeClient(f Fault) bool {
	c := p.w.clients[f.N-1]
	p.w.note("FAULT on client %d: %v", f.N, f)
	if c.gone {
		return false
	}
	switch f.Kind {
	case FaultSever:
		if c.conn == nil {
			return false
		}
		c.conn.severed = true
	case FaultSleep:
		c.awake = max(c.awake, p.w.now+f.For)
	case FaultAbandon:
		c.gone = true
		if c.conn != nil {
			c.conn.severed = true
		}
	}
	return true
}

// heal ends all faults, and starts all servers.
func (p *plan) heal() {
	w := p.w
	w.note("all faults are healed")
	w.calm = true
	for _, u := range p.undo {
		u.now()
	}
	w.network.removeLags()
	for _, s := range w.servers {
		s.disk.failSync, s.disk.powerAt = 0, 0
		s.fs.StopAt(0)
		s.resume()
		s.start()
	}
	for _, c := range w.clients {
		c.awake = min(c.awake, w.now)
	}
}
