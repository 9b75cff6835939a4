package simulation

import (
	"bytes"
	"slices"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// quorumConn is one TCP connection on the quorum channel: what one end sends
// arrives at the other in order, until the connection breaks.
//
//	learner ══ flow[1] ══════════════════════════► leader
//	        ◄═════════════════════════ flow[0] ══
//
// A cut stalls a flow and loses nothing. A break, or the death of a process,
// loses everything after some packet, and then the other end sees the end of the
// connection. The death of a machine loses everything, and the other end sees nothing.
type quorumConn struct {
	ends [2]connEnd // of the server that dialled, and of the one that accepted
	flow [2]flow    // flow[i] goes to ends[i]
}

type connEnd struct {
	s      *server
	life   int // of s; a later process does not have this connection
	link   zab.LinkID
	heard  bool // Connected was given
	closed bool // hung up, or Disconnected was given
}

func (e *connEnd) alive() bool { return !e.closed && e.s.up && e.s.life == e.life }

type flow struct {
	frames []frame
	last   time.Duration // arrival of the last frame
	moving bool          // the arrival of frames[0] is scheduled
	ended  bool          // the last frame is the end
}

type frame struct {
	at     time.Duration
	packet wire.QuorumPacket
	body   []byte // behind a SNAP
	torn   bool   // the connection breaks inside body
	end    bool
}

const dialTimeout = 5 * time.Second

// dial is Output.Dial: one attempt, answered by Connected or Disconnected.
func (w *World) dial(s *server, d zab.Dial) {
	c := &quorumConn{}
	c.ends[0] = connEnd{s: s, life: s.life, link: d.Link, heard: true}
	c.ends[1] = connEnd{s: w.server(d.Leader), closed: true}
	s.links[d.Link] = linkEnd{c, 0}
	w.conns = append(w.conns, c)
	deadline := w.now + dialTimeout
	w.after(w.network.line(QuorumChannel, pair{s.id, d.Leader}).delay(&w.setup), func() { w.connect(c, deadline) })
}

func (w *World) connect(c *quorumConn, deadline time.Duration) {
	from, to := &c.ends[0], &c.ends[1]
	if !from.alive() {
		return
	}
	there := w.network.line(QuorumChannel, pair{from.s.id, to.s.id})
	back := w.network.line(QuorumChannel, pair{to.s.id, from.s.id})
	switch {
	case there.cuts+back.cuts > 0 || !to.s.up && to.s.silent:
		if w.now < deadline {
			w.after(100*time.Millisecond, func() { w.connect(c, deadline) })
			return
		}
		w.push(c, 0, frame{end: true})
	case !to.s.up || to.s.shut > 0:
		w.push(c, 0, frame{end: true})
	default:
		to.s.accepted++
		*to = connEnd{s: to.s, life: to.s.life, link: zab.AcceptedLink(to.s.accepted)}
		to.s.links[to.link] = linkEnd{c, 1}
		from.s.handle(func() {
			if from.alive() {
				from.s.step(zab.Connected{Link: from.link})
			}
		})
	}
}

// sendPacket puts a packet on a connection; body is the tree behind a SNAP.
func (w *World) sendPacket(l linkEnd, p wire.QuorumPacket, body []byte) {
	to := &l.conn.ends[1-l.side]
	if !to.alive() {
		// The process is gone. If its machine runs again, it resets the connection.
		if to.s.up && !to.closed {
			w.push(l.conn, l.side, frame{end: true})
		}
		return
	}
	w.push(l.conn, 1-l.side, frame{packet: p, body: body})
}

// push sends a frame to one end of a connection.
func (w *World) push(c *quorumConn, side int, f frame) {
	fl := &c.flow[side]
	if fl.ended {
		return
	}
	fl.ended = f.end
	lane := w.network.line(QuorumChannel, pair{c.ends[1-side].s.id, c.ends[side].s.id})
	d := lane.delay(&w.setup)
	d += time.Duration(len(f.body)) * time.Microsecond
	fl.last = max(fl.last, w.now+d)
	f.at = fl.last
	fl.frames = append(fl.frames, f)
	w.move(c, side)
}

// move schedules the next arrival of a flow.
func (w *World) move(c *quorumConn, side int) {
	fl := &c.flow[side]
	if fl.moving || len(fl.frames) == 0 {
		return
	}
	fl.moving = true
	w.queue.push(max(w.now, fl.frames[0].at), func() { w.arrive(c, side) })
}

func (w *World) arrive(c *quorumConn, side int) {
	fl := &c.flow[side]
	fl.moving = false
	if len(fl.frames) == 0 {
		return
	}
	if w.network.line(QuorumChannel, pair{c.ends[1-side].s.id, c.ends[side].s.id}).cuts > 0 {
		return // until resumeQuorum
	}
	f := fl.frames[0]
	fl.frames = fl.frames[1:]
	if e := &c.ends[side]; e.alive() {
		e.s.handle(func() { w.received(c, side, f) })
	}
	w.move(c, side)
}

// received hands a frame to its server.
func (w *World) received(c *quorumConn, side int, f frame) {
	e := &c.ends[side]
	if !e.alive() {
		return
	}
	if !e.heard {
		e.heard = true
		e.s.step(zab.Connected{Link: e.link})
		if !e.alive() {
			return
		}
	}
	if len(f.packet.Data) > replica.MaxField {
		w.tear(c, 1-side, e.s) // a server closes the connection on a field of this size
		f = frame{end: true}
	}
	if f.end {
		e.closed = true
		delete(e.s.links, e.link)
		e.s.step(zab.Disconnected{Link: e.link})
		return
	}
	if f.packet.Type == wire.PacketSnap && !w.readTree(e, f) {
		return
	}
	if w.tracing() && f.packet.Type != wire.PacketPing {
		w.note("%d>%d %s", c.ends[1-side].s.id, e.s.id, describe(f.packet))
	}
	e.s.step(zab.Received{Link: e.link, Packet: f.packet})
}

// readTree decodes the tree that follows a SNAP, with the code that package member
// uses. A stream that breaks off must not result in a tree.
func (w *World) readTree(e *connEnd, f frame) bool {
	body := f.body
	if f.torn {
		body = body[:len(body)*e.s.rng.IntN(100)/100]
	}
	tree, err := datatree.Decode(wire.NewStreamDecoder(bytes.NewReader(body), 1<<20))
	switch {
	case f.torn && err == nil:
		w.fail(invSnapshot, "server %d made a tree of %d of the %d bytes of a SNAP", e.s.id, len(body), len(f.body))
	case f.torn:
		w.note("%d: SNAP broke off after %d of %d bytes", e.s.id, len(body), len(f.body))
		w.reached(e.s, AtTornSnap)
	case err != nil:
		w.fail(invSnapshot, "server %d cannot read a whole SNAP: %v", e.s.id, err)
	default:
		tree.SetLastZxid(f.packet.Zxid)
		e.s.replica.SnapshotReceived(tree)
		return true
	}
	return false
}

// hangUp is Output.Close: some of what is in flight still arrives.
func (w *World) hangUp(s *server, link zab.LinkID) {
	l, ok := s.links[link]
	if !ok {
		return
	}
	delete(s.links, link)
	l.conn.ends[l.side].closed = true
	w.tear(l.conn, 1-l.side, s)
}

// tear ends a flow after one of the frames in flight.
func (w *World) tear(c *quorumConn, side int, by *server) {
	fl := &c.flow[side]
	if fl.ended {
		return
	}
	keep := by.rng.IntN(len(fl.frames) + 1)
	var lost frame
	if keep < len(fl.frames) {
		lost = fl.frames[keep]
	}
	fl.frames = fl.frames[:keep:keep]
	if len(lost.body) > 0 {
		lost.torn = true
		fl.frames = append(fl.frames, lost)
	}
	w.push(c, side, frame{end: true})
}

// breakLinks breaks every quorum connection between two servers, and tells
// whether there was one.
func (w *World) breakLinks(a, b *server) (found bool) {
	for _, c := range w.conns {
		if c.ends[0].s == a && c.ends[1].s == b || c.ends[0].s == b && c.ends[1].s == a {
			w.tear(c, 0, a)
			w.tear(c, 1, b)
			found = true
		}
	}
	return found
}

// dropLinks ends the connections of a server that died. The other ends notice, unless
// the whole machine died.
func (w *World) dropLinks(s *server) {
	for _, c := range w.conns {
		for side := range c.ends {
			e := &c.ends[side]
			if e.s != s || e.closed || e.life != s.life {
				continue
			}
			if s.silent {
				fl := &c.flow[1-side]
				if !fl.ended {
					fl.frames = fl.frames[:s.rng.IntN(len(fl.frames)+1)]
				}
			} else {
				w.tear(c, 1-side, s)
			}
			if !s.silent {
				e.closed = true
			}
		}
	}
	w.conns = slices.DeleteFunc(w.conns, func(c *quorumConn) bool {
		return !c.ends[0].alive() && !c.ends[1].alive()
	})
}

// resumeQuorum resumes the flows that a cut had stalled.
func (w *World) resumeQuorum(p pair) {
	for _, c := range w.conns {
		for side := range c.flow {
			if c.ends[1-side].s.id == p.from && c.ends[side].s.id == p.to {
				w.move(c, side)
			}
		}
	}
}
