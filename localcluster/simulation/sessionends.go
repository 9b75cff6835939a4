package simulation

import (
	"zkctl/probe/wire"
)

// sessionEnds is why sessions may be over: their client has asked for that, or a leader
// has not heard of them in time. Nobody may close one, or tell its client that it
// is over, for any other reason.
type sessionEnds struct {
	asked   map[int64]bool      // by the client
	expired map[int64]bool      // some leader has not heard of it in time
	closes  map[sessionEnd]bool // a leader has let it expire, or has proposed its end
}

// sessionEnd is what one leader has decided. Another one may decide otherwise: what was
// not committed is forgotten, and the session lives on.
type sessionEnd struct{ session, epoch int64 }

func newSessionEnds() sessionEnds {
	return sessionEnds{map[int64]bool{}, map[int64]bool{}, map[sessionEnd]bool{}}
}

// closing is told of every closeSession that a leader proposes.
func (o *oracle) closing(s *server, session int64) {
	end := sessionEnd{session, s.status.Epoch}
	if !o.ends.asked[session] && !o.ends.closes[end] {
		o.w.fail(invSession, "leader %d closes session %x, for which nobody has asked, and which has not expired", s.id, uint64(session))
	}
	o.ends.closes[end] = true
}

// over tells whether servers of an epoch may say that a session is over.
func (o *oracle) over(session, epoch int64) bool {
	_, closed := o.model.closed[session]
	return closed || o.ends.closes[sessionEnd{session, epoch}]
}

// refusedRequest checks that a request was answered SESSIONEXPIRED with reason.
func (o *oracle) refusedRequest(c *client, op wire.OpCode, epoch int64) {
	if !o.over(c.session, epoch) {
		o.w.fail(invSession, "client %d: %v is answered %v, and session %x is alive", c.id, op, wire.ErrSessionExpired, uint64(c.session))
	}
}

// aheadOfClose checks an answer to a request that was sent when its client had not
// yet asked for the end of the session: it is what it would be without that end,
// which comes later in the order, although the server may know of it already.
func (o *oracle) aheadOfClose(c *client, op *clientOp, h wire.ReplyHeader) {
	end, closed := o.model.closed[c.session]
	switch {
	case op.behindClose || o.ends.expired[c.session]:
	case h.Err == wire.ErrSessionExpired:
		o.w.fail(invFIFO, "client %d: request %d, %v %s, is answered %v, because of a closeSession that was sent behind it", c.id, op.xid, op.op, op.path, h.Err)
	case closed && h.Zxid >= end && op.op != wire.OpCloseSession:
		o.w.fail(invFIFO, "client %d: request %d, %v %s, is answered at %v, and the closeSession that was sent behind it at %v", c.id, op.xid, op.op, op.path, h.Zxid, end)
	}
}

// refusedSession checks that a client which came back was sent away with reason.
//
// One such answer is wrong and cannot be helped: the answer to a ConnectRequest
// carries no zxid, so a client that has got nothing but its session may come to a
// server of an earlier epoch that does not know it, and neither of them can tell.
// ZooKeeper's clients have the same.
func (o *oracle) refusedSession(c *client, epoch int64) {
	if c.lastZxid < o.model.created[c.session] && epoch < o.newest {
		return
	}
	if !o.over(c.session, epoch) {
		o.w.fail(invSession, "client %d comes back to server %d, and is told that session %x is over; it is alive", c.id, c.conn.s.id, uint64(c.session))
	}
}

// confirmedSession checks that a client which came back was let in with reason: a
// session that is over stays over, for all servers of that epoch and later ones.
func (o *oracle) confirmedSession(c *client, epoch int64) {
	if z := c.conn.closed; z != 0 && epoch >= z.Epoch() {
		o.w.fail(invSession, "client %d comes back to server %d with session %x, which was closed at %v, and is let in", c.id, c.conn.s.id, uint64(c.session), z)
	}
}
