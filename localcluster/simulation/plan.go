package simulation

import (
	"math/rand/v2"
	"time"

	"zkctl/localcluster/zab"
)

// plan carries out the faults of a run.
type plan struct {
	w       *World
	struck  bool // some fault has struck, or tried to
	faults  []*planned
	undo    []*undo  // of the faults that have an end
	running *planned // the fault that is striking now

	coverage Coverage
	progress []progress // of each server
}

// planned is a fault of the schedule.
type planned struct {
	fault Fault
	left  int // occurrences of its injection point until it strikes
	open  int // ends that have not come, of the servers or lanes that it struck

	step    int        // of the scenario, for a recording
	strikes int        // so far
	members []int64    // that the last strike hit
	effect  bool       // of the last strike
	rng     *rand.Rand // chooses members where the selector leaves a choice
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

// selectorStreams is the first stream of the seed for selectors. Each fault has its own, so that
// what one chooses changes nothing else.
const selectorStreams = 1 << 32

func (w *World) carryOut(faults []Fault) {
	p := &plan{w: w, progress: make([]progress, len(w.servers))}
	w.plan = p
	for i, f := range faults {
		q := &planned{fault: f}
		if f.Select != "" || f.Kind == FaultPartition || f.ofClient() && f.N == HalfClients {
			q.rng = rand.New(rand.NewPCG(w.seed, selectorStreams+uint64(i)))
		}
		p.faults = append(p.faults, q)
		switch {
		case f.On != "":
			q.left = max(f.Nth, 1)
		case f.After == "":
			w.after(f.At, func() { p.carryOut(q, nil) })
		}
	}
}

// reached triggers the faults that wait for this injection point. They strike after the
// step that reached it, or later; but a fault of a disk strikes at once, since
// the step itself may write.
func (p *plan) reached(s *server, m InjectionPoint) {
	p.countPoint(s, m)
	for _, q := range p.faults {
		if q.left == 0 || !q.fault.On.Includes(m) || q.fault.Of != 0 && q.fault.Of != int(s.id) {
			continue
		}
		if q.left--; q.left > 0 {
			continue
		}
		if q.fault.At == 0 && q.fault.inDisk() {
			p.carryOut(q, s)
		} else {
			p.w.after(q.fault.At, func() { p.carryOut(q, s) })
		}
	}
}

// follow schedules the faults that wait for the beginning or the end of one with this label.
func (p *plan) follow(label string, ended bool) {
	if label == "" || p.w.calm {
		return
	}
	for _, q := range p.faults {
		if q.fault.After == label && q.fault.Ended == ended {
			p.w.after(q.fault.At, func() { p.carryOut(q, nil) })
		}
	}
}

// carryOut lets a fault strike, and those follow that wait for it. at is the server at the
// injection point.
func (p *plan) carryOut(q *planned, at *server) {
	if p.w.calm || p.w.violation != nil {
		return
	}
	outer := p.running // a fault may bring a server to an injection point
	p.running = q
	q.strikes, q.members, q.effect = q.strikes+1, nil, false
	began := p.strike(q.fault, at)
	p.running = outer
	p.w.recording.struck(q)
	if began {
		p.follow(q.fault.Label, false)
	}
	if q.open == 0 {
		p.w.recording.ended(q)
		if began {
			p.follow(q.fault.Label, true)
		}
	}
}

// strike carries out a fault, and tells whether there was anything for it to strike.
func (p *plan) strike(f Fault, at *server) (began bool) {
	w := p.w
	p.struck = true
	if f.ofEnsemble() || f.ofClient() {
		if w.tracing() {
			w.note("FAULT: %v", f.step(&w.setup))
		}
		did := p.strikeEnsemble(f, at)
		p.count(f, did)
		return did
	}
	for _, s := range p.targets(f, at) {
		if s != nil {
			began = true
			p.hits(int64(s.id))
			if w.tracing() {
				w.note("FAULT on %d: %v", s.id, f.step(&w.setup))
			}
			p.count(f, p.strikeServer(f, s))
		}
	}
	return began
}

func (p *plan) strikeEnsemble(f Fault, at *server) bool {
	switch f.Kind {
	case FaultForceElection:
		p.hits(membersOf(f.N)...)
		return p.w.forceElection(f.N, zab.ServerID(f.Peer))
	case FaultSplit:
		p.hits(membersOf(f.N)...)
		return p.cut(f, nil)
	case FaultPartition:
		return p.cutPlanned(f, at)
	}
	struck := false
	for _, c := range p.chosenClients(f) {
		struck = p.strikeClient(f, c) || struck
	}
	return struck
}

// targets are the servers that a fault strikes; one that is nil is none.
func (p *plan) targets(f Fault, at *server) []*server {
	w := p.w
	switch {
	case f.Select != "":
		return p.selected(f, at)
	case f.Server == All:
		return w.servers
	case f.Server == Self:
		return []*server{at}
	case f.Server == Leader && at != nil:
		return []*server{w.server(w.leaderOf(at))}
	case f.Server == Leader:
		return nil
	}
	return []*server{w.server(zab.ServerID(f.Server))}
}

// count counts a fault that had an effect.
func (p *plan) count(f Fault, struck bool) {
	if struck {
		p.coverage.struck(f.Kind)
		if p.running != nil {
			p.running.effect = true
		}
	}
}

// hadEffect notes that a fault that was planted in a disk has had its effect.
func (p *plan) hadEffect(kind FaultKind) {
	for _, q := range p.faults {
		q.effect = q.effect || q.fault.Kind == kind && q.strikes > 0
	}
}

// hits notes which members the fault strikes that is running now.
func (p *plan) hits(members ...int64) {
	if p.running != nil {
		p.running.members = append(p.running.members, members...)
	}
}

// leaderOf is the leader that a server has; without one, the newest leader.
func (w *World) leaderOf(s *server) zab.ServerID {
	if s.status.Leader != 0 {
		return s.status.Leader
	}
	return w.oracle.leaders[w.oracle.newest]
}

// endAfter registers the end of a fault, which comes after d, or with healing; 0: with healing.
func (p *plan) endAfter(d time.Duration, do func()) {
	q := p.running
	if q == nil {
		q = &planned{}
	}
	q.open++
	u := &undo{do: func() {
		do()
		if q.open--; q.open == 0 {
			p.w.recording.ended(q)
			p.follow(q.fault.Label, true)
		}
	}}
	p.undo = append(p.undo, u)
	if d > 0 {
		p.w.after(d, u.now)
	}
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
