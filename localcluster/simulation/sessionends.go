package simulation

import (
	"zkctl/probe/wire"
)

// sessionEnds records the reasons for which sessions may end: their client has sent a
// closeSession, or a leader has let them expire. A server may close a session, or tell
// its client that it is over, for no other reason.
type sessionEnds struct {
	requested map[int64]bool      // by the client
	expired   map[int64]bool      // at some leader
	closes    map[sessionEnd]bool // a leader has let it expire, or has proposed its end
}

// sessionEnd is the decision of one leader, that of an epoch. If it is not committed, it
// is lost with that leader, and the session lives on under the next one.
type sessionEnd struct{ session, epoch int64 }

func newSessionEnds() sessionEnds {
	return sessionEnds{map[int64]bool{}, map[int64]bool{}, map[sessionEnd]bool{}}
}

// closing checks every closeSession that a leader proposes.
func (o *oracle) closing(s *server, session int64) {
	end := sessionEnd{session, s.status.Epoch}
	if !o.ends.requested[session] && !o.ends.closes[end] {
		o.w.fail(invSession, "leader %d closes session %x, whose client has not closed it and which has not expired", s.id, uint64(session))
	}
	o.ends.closes[end] = true
}

// over tells whether servers of an epoch may say that a session is over.
func (o *oracle) over(session, epoch int64) bool {
	_, closed := o.model.closed[session]
	return closed || o.ends.closes[sessionEnd{session, epoch}]
}

// refusedRequest checks that a session is over of which a request was answered SESSIONEXPIRED.
func (o *oracle) refusedRequest(c *client, op wire.OpCode, epoch int64) {
	if !o.over(c.session, epoch) {
		o.w.fail(invSession, "client %d: %v is answered %v, but session %x is alive", c.id, op, wire.ErrSessionExpired, uint64(c.session))
	}
}

// aheadOfClose checks the answer to a request that its client sent before the closeSession
// of the session: the closeSession comes later in the order, so it must not change
// the answer, although the server may know of it already.
func (o *oracle) aheadOfClose(c *client, op *clientOp, h wire.ReplyHeader) {
	end, closed := o.model.closed[c.session]
	switch {
	case op.behindClose || o.ends.expired[c.session]:
	case h.Err == wire.ErrSessionExpired:
		o.w.fail(invFIFO, "client %d: request %d, %v %s, is answered %v, because of a closeSession that was sent behind it", c.id, op.xid, op.op, op.path, h.Err)
	case closed && h.Zxid >= end && op.op != wire.OpCloseSession:
		o.w.fail(invFIFO, "client %d: request %d, %v %s, is answered at %v, but the closeSession that was sent behind it is at %v", c.id, op.xid, op.op, op.path, h.Zxid, end)
	}
}

// refusedSession checks that a session is over which a server refuses to a client that
// comes back.
//
// One wrong refusal cannot be avoided: the answer to a ConnectRequest carries no zxid, so
// a client that has got nothing but its session may come to a server of an earlier
// epoch that does not know this session, and neither of them can notice. ZooKeeper and
// its clients have the same defect.
func (o *oracle) refusedSession(c *client, epoch int64) {
	if c.lastZxid < o.model.created[c.session] && epoch < o.newest {
		return
	}
	if !o.over(c.session, epoch) {
		o.w.fail(invSession, "client %d comes back to server %d, which refuses session %x as over, but it is alive", c.id, c.conn.s.id, uint64(c.session))
	}
}

// confirmedSession checks that a session is alive which a server confirms to a client that
// comes back: a session that is over stays over, for servers of its last epoch and later ones.
func (o *oracle) confirmedSession(c *client, epoch int64) {
	if z := c.conn.closed; z != 0 && epoch >= z.Epoch() {
		o.w.fail(invSession, "client %d comes back to server %d, which confirms session %x, but it was closed at %v", c.id, c.conn.s.id, uint64(c.session), z)
	}
}
