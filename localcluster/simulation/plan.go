package simulation

import (
	"math/rand/v2"
	"syscall"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// plan carries out the faults of a run.
type plan struct {
	w       *World
	pending []planned // waiting for their moment
	undo    []*undo   // of the faults that last
}

type planned struct {
	fault Fault
	left  int // moments until it strikes
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
	p := &plan{w: w}
	w.plan = p
	for _, f := range faults {
		if f.On != "" {
			p.pending = append(p.pending, planned{f, max(f.Nth, 1)})
			continue
		}
		w.after(f.At, func() { p.strike(f, nil) })
	}
}

// happened plants the faults that were waiting for this moment. They strike
// when the step that it is part of is over, or later.
func (p *plan) happened(s *server, m Moment) {
	for i := range p.pending {
		q := &p.pending[i]
		if q.left == 0 || q.fault.On != m || q.fault.Of != 0 && q.fault.Of != int(s.id) {
			continue
		}
		if q.left--; q.left == 0 {
			f := q.fault
			p.w.after(f.At, func() { p.strike(f, s) })
		}
	}
}

// strike lets a fault happen. at is the server of the moment.
func (p *plan) strike(f Fault, at *server) {
	w := p.w
	if w.calm || w.violation != nil {
		return
	}
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
	if f.Kind == FaultMislead {
		w.note("FAULT: %v", f)
		w.mislead(f.N, zab.ServerID(f.Peer))
		return
	}
	if f.ofClient() {
		p.strikeClient(f)
		return
	}
	for _, s := range targets {
		if s != nil {
			if w.tracing() {
				w.note("FAULT on %d: %v", s.id, f)
			}
			p.strikeServer(f, s)
		}
	}
}

// leaderOf is the leader that a server has, or was with when a moment struck.
func (w *World) leaderOf(s *server) zab.ServerID {
	if s.status.Leader != 0 {
		return s.status.Leader
	}
	return w.oracle.leaders[w.oracle.newest]
}

// lasts registers the end of a fault.
func (p *plan) lasts(d time.Duration, do func()) {
	u := &undo{do: do}
	p.undo = append(p.undo, u)
	p.w.after(d, u.now)
}

func (p *plan) strikeServer(f Fault, s *server) {
	w := p.w
	switch f.Kind {
	case FaultCrash:
		if !s.up {
			return
		}
		s.end(f.Survival, f.Survival != storage.KillProcess && f.N == 0)
		p.lasts(f.For, s.start)
	case FaultStop:
		if s.up && !s.paused {
			s.disk.flush()
			s.end(storage.KillProcess, false)
			p.lasts(f.For, s.start)
		}
	case FaultPower:
		s.disk.survival, s.disk.downtime = f.Survival, f.For
		s.fs.StopAt(max(f.N, 1))
		p.lasts(f.For, func() {})
	case FaultPause:
		s.pause()
		p.lasts(f.For, s.resume)
	case FaultBreak:
		for _, other := range w.servers {
			if other != s && (f.Peer == 0 || f.Peer == int(other.id)) {
				p.breakBetween(f, s, other)
			}
		}
	case FaultLag:
		p.lag(f, s)
	case FaultResign:
		s.handle(func() { s.step(zab.Resign{Reason: "told to"}) })
	case FaultSlowDisk, FaultStuckDisk, FaultSync, FaultFull:
		p.strikeDisk(f, s)
	case FaultClock:
		s.clock.setRate(w.now, float64(f.N)/100)
		s.clock.skew += f.Amount
		p.lasts(f.For, func() { s.clock.setRate(w.now, 1) })
	default:
		p.partition(f, s)
	}
}

func (p *plan) breakBetween(f Fault, a, b *server) {
	if f.Channel != ElectionChannel {
		p.w.breakLinks(a, b)
	}
	if f.Channel != QuorumChannel {
		if l, _ := p.w.cables.between(a.id, b.id); l != nil {
			l.breakUp()
		}
	}
}

func (p *plan) lag(f Fault, s *server) {
	slow := func(by time.Duration) {
		for _, channel := range []Channel{QuorumChannel, ElectionChannel} {
			for _, other := range p.w.servers {
				if other != s && (f.Channel == Both || f.Channel == channel) {
					p.w.cables.line(channel, pair{s.id, other.id}).slow += by
					p.w.cables.line(channel, pair{other.id, s.id}).slow += by
				}
			}
		}
	}
	slow(f.Amount)
	p.lasts(f.For, func() { slow(-f.Amount) })
}

func (p *plan) strikeDisk(f Fault, s *server) {
	d := &s.disk
	switch f.Kind {
	case FaultSlowDisk:
		d.slow += f.Amount
		p.lasts(f.For, func() { d.slow -= f.Amount })
	case FaultStuckDisk:
		d.stuck++
		p.lasts(f.For, func() {
			d.stuck--
			if s.up {
				d.begin()
			}
		})
	case FaultSync:
		d.failSync, d.failedSync, d.afterError, d.downtime = max(f.N, 1), syscall.EIO, f.Survival, f.For
		p.lasts(f.For, func() {})
	case FaultFull:
		d.full, d.downtime = true, f.For
		p.lasts(f.For, func() { d.full = false })
	}
}

// partition cuts cables.
func (p *plan) partition(f Fault, s *server) {
	var pairs []pair
	for _, a := range p.w.servers {
		for _, b := range p.w.servers {
			if a != b && cuts(f, s, a, b) {
				pairs = append(pairs, pair{a.id, b.id})
			}
		}
	}
	for _, cable := range pairs {
		p.lasts(f.For, p.w.cut(cable, f.Channel))
	}
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

func (p *plan) strikeClient(f Fault) {
	if f.N > len(p.w.clients) {
		return
	}
	c := p.w.clients[f.N-1]
	p.w.note("FAULT on client %d: %v", f.N, f)
	switch f.Kind {
	case FaultSever:
		if c.conn != nil {
			c.conn.severed = true
		}
	case FaultSleep:
		c.awake = max(c.awake, p.w.now+f.For)
	case FaultAbandon:
		c.gone = true
		if c.conn != nil {
			c.conn.severed = true
		}
	}
}

// heal ends everything.
func (p *plan) heal() {
	w := p.w
	w.note("everything is healed")
	w.calm = true
	for _, u := range p.undo {
		u.now()
	}
	w.cables.even()
	for _, s := range w.servers {
		s.disk.failSync = 0
		s.fs.StopAt(0)
		s.resume()
		s.start()
	}
	for _, c := range w.clients {
		c.awake = min(c.awake, w.now)
	}
}

// drawFaults is the swarm: each run draws which kinds of faults there are and
// how often, so that rare combinations occur, and how many of them are planted
// at moments of the protocol instead of times.
func drawFaults(r *rand.Rand, s *Setup) []Fault {
	weights := make([]int, len(FaultKinds))
	total := 0
	for i := range weights {
		if r.IntN(2) == 0 {
			weights[i] = 1 + r.IntN(10)
			total += weights[i]
		}
	}
	if total == 0 {
		return nil
	}
	planted := pick(r, 0, 3, 7, 9) // of ten
	var faults []Fault
	for range pick(r, 1, 3, 6, 12, 25) {
		x := r.IntN(total)
		kind := 0
		for x >= weights[kind] {
			x -= weights[kind]
			kind++
		}
		f := drawFault(r, s, FaultKinds[kind])
		if r.IntN(10) < planted {
			f.On, f.Nth, f.At = Moments[r.IntN(len(Moments))], 1+r.IntN(4), pick[time.Duration](r, 0, 0, 0, 1, 5, 50)*time.Millisecond
			f.Of = pick(r, 0, 0, 1+r.IntN(s.Voters+s.Observers))
			f.Server = pick(r, Self, Self, Self, Leader, f.Server) // if it has one
		} else if len(faults) > 0 && r.IntN(4) == 0 {
			f.At = faults[len(faults)-1].At // several things at once
		}
		faults = append(faults, f)
		if r.IntN(5) == 0 { // twice in a row
			again := f
			if f.On != "" {
				again.Nth++
			} else {
				again.At += f.For + time.Duration(r.Int64N(int64(s.Tick)))
			}
			faults = append(faults, again)
		}
	}
	return faults
}

func drawFault(r *rand.Rand, s *Setup, kind FaultKind) Fault {
	f := Fault{
		Kind: kind, At: time.Duration(r.Int64N(int64(s.Chaos))), Server: 1 + r.IntN(s.Voters+s.Observers),
		For: time.Duration(r.Int64N(int64(pick[time.Duration](r, 1, 5, 20) * s.Tick))),
	}
	switch kind {
	case FaultCrash:
		f.Survival = pick(r, storage.KillProcess, storage.KillProcess, storage.LosePower, storage.LoseUnsynced)
		f.N = r.IntN(2) // whether the machine's death is heard of
		if r.IntN(8) == 0 {
			f.Server = All
		}
	case FaultPower:
		f.Survival = pick(r, storage.KillProcess, storage.LosePower, storage.LosePower, storage.LoseUnsynced)
		f.N = 1 + r.IntN(pick(r, 3, 12, 40))
	case FaultCut, FaultBreak:
		f.Peer = 1 + r.IntN(s.Voters+s.Observers)
		f.Channel = pick(r, Both, Both, QuorumChannel, ElectionChannel)
	case FaultIsolate, FaultDeafen, FaultMute:
		f.Channel = pick(r, Both, Both, QuorumChannel, ElectionChannel)
	case FaultMislead:
		f.Server, f.Peer = Self, 1+r.IntN(s.Voters)
		f.N = r.IntN(1<<s.Voters) | 1<<(f.Peer-1)
	case FaultSplit:
		f.N = r.IntN(1 << (s.Voters + s.Observers))
	case FaultLag:
		f.Amount = time.Duration(r.Int64N(int64(pick[time.Duration](r, 1, 2, 10) * s.Tick)))
		f.Channel = pick(r, Both, QuorumChannel, ElectionChannel)
	case FaultSlowDisk:
		f.Amount = time.Duration(r.Int64N(int64(2 * s.Tick)))
	case FaultSync:
		f.N = 1 + r.IntN(10)
		f.Survival = pick(r, storage.KillProcess, storage.LosePower, storage.LoseUnsynced)
	case FaultClock:
		f.N = pick(r, 50, 80, 95, 105, 130, 200)
		f.Amount = time.Duration(r.Int64N(int64(20*time.Second))) - 10*time.Second
	case FaultSever, FaultSleep, FaultAbandon:
		f.N = 1 + r.IntN(s.Clients)
		f.Server = Self
	}
	return f
}
