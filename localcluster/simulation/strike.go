package simulation

import (
	"syscall"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// lasting is how long something lasts that ends after d; 0: longer than any run, until healing.
func lasting(d time.Duration) time.Duration {
	if d == 0 {
		return 1000 * time.Hour
	}
	return d
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
		p.endAfter(max(f.For, 1), s.start) // without a time it starts again at once
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
		s.clock.SetRate(w.now, float64(f.N)/100)
		s.clock.Skew += f.Amount
		p.endAfter(f.For, func() { s.clock.SetRate(w.now, 1) })
	default:
		return p.cut(f, s)
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
		d.survival, d.downtime = f.Survival, lasting(f.For)
		d.powerFails(max(f.N, 1))
		p.endAfter(f.For, func() {})
	case FaultSync:
		d.failSync, d.failedSync, d.afterError, d.downtime = max(f.N, 1), syscall.EIO, f.Survival, lasting(f.For)
		p.endAfter(f.For, func() {})
	case FaultFull:
		d.full, d.refused, d.downtime = true, false, lasting(f.For)
		p.endAfter(f.For, func() { d.full = false })
	}
	return false
}

// cut cuts the lanes that the fault is about, and tells whether there are any.
func (p *plan) cut(f Fault, s *server) bool {
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

// cuts tells whether a fault at s, which may be nil for a split, cuts the direction from a to b.
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

func (p *plan) strikeClient(f Fault, c *client) bool {
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
		c.awake = max(c.awake, p.w.now+lasting(f.For))
	case FaultAbandon:
		c.gone = true
		if c.conn != nil {
			c.conn.severed = true
		}
	}
	return true
}
