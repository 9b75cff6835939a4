package simulation

import (
	"time"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// voteLink is the election connection between two servers, with the behaviour of package
// peer: without a connection only the newest vote waits, and a new connection
// begins with the last vote again if nothing was received since it was sent.
type voteLink struct {
	w       *World
	ends    [2]*voteEnd
	up      bool
	trying  bool
	tries   int // a newer try replaces one that still waits
	retries int
}

type voteEnd struct {
	s          *server
	waiting    *wire.Notification // newest, not sent
	last       *wire.Notification // sent last
	unanswered bool
	reportedUp bool // the core got a PeerUp, and no PeerDown since
	lives      int  // of the process; what is in flight to one that dies does not reach the next

	// What is in flight to this end, in order.
	queue  []voteFrame
	at     time.Duration
	moving bool
}

type voteFrame struct {
	at   time.Duration
	vote *wire.Notification // nil: the link came up or went down
	up   bool
}

func newVoteLink(w *World, a, b *server) *voteLink {
	return &voteLink{w: w, ends: [2]*voteEnd{{s: a}, {s: b}}}
}

func (c *network) between(a, b zab.ServerID) (l *voteLink, side int) {
	for _, l := range c.votes {
		if l.ends[0].s.id == a && l.ends[1].s.id == b {
			return l, 0
		}
		if l.ends[0].s.id == b && l.ends[1].s.id == a {
			return l, 1
		}
	}
	return nil, 0
}

// notify is Output.Notify.
func (w *World) notify(s *server, n zab.Notify) {
	l, side := w.network.between(s.id, n.To)
	if l == nil {
		return
	}
	l.ends[side].waiting = &n.Notification
	if l.up {
		l.flush(side)
		return
	}
	l.try(0)
}

// flush sends what waits at one end.
func (l *voteLink) flush(side int) {
	e := l.ends[side]
	if e.waiting == nil {
		return
	}
	e.last, e.unanswered, e.waiting = e.waiting, true, nil
	l.push(1-side, voteFrame{vote: e.last})
}

// push sends a frame to one end.
func (l *voteLink) push(side int, f voteFrame) {
	e := l.ends[side]
	lane := l.w.network.line(ElectionChannel, pair{l.ends[1-side].s.id, e.s.id})
	e.at = max(e.at, l.w.now+lane.delay(&l.w.setup))
	f.at = e.at
	e.queue = append(e.queue, f)
	l.move(side)
}

func (l *voteLink) move(side int) {
	e := l.ends[side]
	if e.moving || len(e.queue) == 0 {
		return
	}
	e.moving = true
	lives := e.lives
	l.w.queue.push(max(l.w.now, e.queue[0].at), func() {
		if e.lives == lives {
			l.arrive(side)
		}
	})
}

func (l *voteLink) arrive(side int) {
	e := l.ends[side]
	e.moving = false
	if len(e.queue) == 0 {
		return
	}
	other := l.ends[1-side].s
	if l.w.network.line(ElectionChannel, pair{other.id, e.s.id}).cuts > 0 && e.queue[0].vote != nil {
		return
	}
	f := e.queue[0]
	e.queue = e.queue[1:]
	life := e.s.life
	e.s.handle(func() {
		if e.s.life == life {
			l.received(e, other.id, f)
		}
	})
	l.move(side)
}

func (l *voteLink) received(e *voteEnd, from zab.ServerID, f voteFrame) {
	switch {
	case f.vote != nil:
		e.unanswered = false
		if l.w.tracing() {
			v := f.vote
			l.w.note("%d>%d vote %v leader=%d zxid=%v round=%d epoch=%d", from, e.s.id, v.State, v.Leader, v.Zxid, v.ElectionEpoch, v.PeerEpoch)
		}
		e.s.step(zab.Notified{From: from, Notification: *f.vote})
	case f.up && !e.reportedUp:
		e.reportedUp = true
		e.s.step(zab.PeerUp{Peer: from})
	case !f.up && e.reportedUp:
		e.reportedUp = false
		e.s.step(zab.PeerDown{Peer: from})
	}
}

// try opens the link after d, and tries again until that works.
func (l *voteLink) try(d time.Duration) {
	if l.trying || l.up {
		return
	}
	l.trying = true
	l.tries++
	tries := l.tries
	l.w.after(d+time.Millisecond, func() {
		if l.tries == tries {
			l.trying = false
			l.attempt()
		}
	})
}

func (l *voteLink) attempt() {
	a, b := l.ends[0], l.ends[1]
	wanted := func(e *voteEnd) bool { return e.s.up && (e.waiting != nil || e.unanswered) }
	if l.up || !wanted(a) && !wanted(b) {
		return
	}
	cuts := l.w.network.line(ElectionChannel, pair{a.s.id, b.s.id}).cuts + l.w.network.line(ElectionChannel, pair{b.s.id, a.s.id}).cuts
	if cuts > 0 || !a.s.up || !b.s.up || a.s.paused || b.s.paused {
		l.retries++
		l.try(min(time.Second, 10*time.Millisecond<<min(max(0, l.retries-20), 7)))
		return
	}
	l.up, l.retries = true, 0
	for side, e := range l.ends {
		l.push(side, voteFrame{up: true})
		if e.waiting == nil && e.unanswered {
			e.waiting = e.last
		}
	}
	l.flush(0)
	l.flush(1)
}

// breakUp breaks the link, if it is up; some of what is in flight still arrives.
func (l *voteLink) breakUp() bool {
	if !l.up {
		return false
	}
	l.up = false
	for side, e := range l.ends {
		e.queue = e.queue[:e.s.rng.IntN(len(e.queue)+1)]
		l.push(side, voteFrame{up: false})
	}
	l.try(5 * time.Millisecond)
	return true
}

// dropVotes ends the election links of a server that died.
func (w *World) dropVotes(s *server) {
	for _, l := range w.network.votes {
		for side, e := range l.ends {
			if e.s != s {
				continue
			}
			*e = voteEnd{s: s, lives: e.lives + 1}
			if l.up && !s.silent {
				l.up = false
				other := l.ends[1-side]
				other.queue = other.queue[:s.rng.IntN(len(other.queue)+1)]
				l.push(1-side, voteFrame{up: false})
			}
		}
	}
}

// renewVotes is called for a server that starts: the others notice that the links to its
// former process are dead.
func (w *World) renewVotes(s *server) {
	for _, l := range w.network.votes {
		if l.ends[0].s == s || l.ends[1].s == s {
			l.retries = 0
			if l.up {
				l.breakUp()
			}
			l.trying = false // a process that starts does not wait for the next try of the others
			l.try(0)
		}
	}
}

func (w *World) resumeVotes(p pair) {
	l, side := w.network.between(p.from, p.to)
	if l != nil {
		l.move(1 - side)
		l.retries = 0
	}
}
