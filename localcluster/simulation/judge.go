package simulation

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// answered checks an answer against the order of transactions.
func (o *oracle) answered(c *client, op *clientOp, r reply) {
	z := r.header.Zxid
	if z > o.tip {
		o.w.fail(invDurable, "client %d is answered at %v, but the last committed zxid is %v", c.id, z, o.tip)
		return
	}
	switch op.op {
	case wire.OpSync:
		o.syncAnswered(c, op, z)
	case wire.OpAddWatch, wire.OpRemoveWatches: // the watchModel checks them
	case wire.OpExists, wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2, wire.OpGetAllChildrenNumber, wire.OpMultiRead:
		o.readAnswered(c, op, r)
	default:
		o.writeAnswered(c, op, r)
	}
}

func (o *oracle) writeAnswered(c *client, op *clientOp, r reply) {
	e, ok := o.model.replies[r.header.Zxid]
	switch {
	case !ok:
		o.w.fail(invResult, "client %d: %v is answered at %v, which is no transaction that waits for an answer", c.id, op.op, r.header.Zxid)
	case e.session != c.session || e.cxid != op.xid || e.op != op.op || !bytes.Equal(e.body, op.body):
		o.w.fail(invFIFO, "client %d (session %x): request %d, %v %s, is answered with the outcome at %v of request %d of session %x, %v",
			c.id, uint64(c.session), op.xid, op.op, op.path, r.header.Zxid, e.cxid, uint64(e.session), e.op)
	case e.err != r.header.Err:
		o.w.fail(invResult, "client %d: %v %s at %v is answered %v, and should be %v", c.id, op.op, op.path, r.header.Zxid, r.header.Err, e.err)
	case e.err == wire.OK && !bytes.Equal(e.reply, r.body):
		o.w.fail(invResult, "client %d: %v %s at %v is answered %x, and should be %x", c.id, op.op, op.path, r.header.Zxid, r.body, e.reply)
	}
	delete(o.model.replies, r.header.Zxid)
}

func (o *oracle) readAnswered(c *client, op *clientOp, r reply) {
	if r.header.Err == wire.ErrSessionExpired {
		o.refusedRequest(c, op.op, r.epoch)
		return
	}
	var body wire.Record
	code := wire.OK
	if op.op == wire.OpMultiRead {
		body = o.model.readMany(op.many, r.header.Zxid)
	} else {
		body, code = o.model.read(op.op, op.path, r.header.Zxid)
	}
	switch {
	case code != r.header.Err:
		o.w.fail(invRead, "client %d: %v %s at %v is answered %v, and should be %v", c.id, op.op, op.path, r.header.Zxid, r.header.Err, code)
	case code == wire.OK && !bytes.Equal(wire.Marshal(body), r.body):
		o.w.fail(invRead, "client %d: %v %s at %v is answered %x, and should be %x", c.id, op.op, op.path, r.header.Zxid, r.body, wire.Marshal(body))
	}
}

// syncAnswered checks that a server which answers a sync has all that was committed when
// the client sent it. ZooKeeper asks only the leader, which may have been replaced
// without knowing it; so the promise holds only while there is no newer leader.
func (o *oracle) syncAnswered(c *client, op *clientOp, z wire.Zxid) {
	if s := c.conn.s; o.newest == op.epoch && s.status.Epoch == op.epoch && z < op.floor {
		o.w.fail(invSync, "client %d: sync is answered at %v by server %d, but %v was committed when it was sent", c.id, z, s.id, op.floor)
	}
}

// expired checks the sessions that a leader lets expire against sessionActivity: a
// session expires not before its timeout, and soon after it.
func (o *oracle) expired(s *server, sessions []int64, now time.Duration) {
	for _, session := range sessions {
		o.ends.closes[sessionEnd{session, s.status.Epoch}] = true
		o.ends.expired[session] = true
		switch h, ok := s.activity.sessions[session]; {
		case !ok:
			o.w.fail(invSession, "leader %d lets session %x expire, which does not exist there", s.id, uint64(session))
		case now < h.at+h.timeout:
			o.w.fail(invSession, "leader %d lets session %x expire %v after its last sign of life; its timeout is %v", s.id, uint64(session), now-h.at, h.timeout)
		}
		delete(s.activity.sessions, session)
	}
	var late []int64
	for session, h := range s.activity.sessions {
		if now > h.at+h.timeout+2*s.w.setup.Tick && s.replica.Sessions().Alive(session) {
			late = append(late, session)
		}
	}
	if len(late) > 0 {
		session := slices.Min(late)
		h := s.activity.sessions[session]
		o.w.fail(invSession, "leader %d keeps session %x alive %v after its last sign of life; its timeout is %v", s.id, uint64(session), now-h.at, h.timeout)
	}
}

// learnerPing checks a learner's PING: it must name every session that the learner has
// heard from since the PING before.
func (o *oracle) learnerPing(s *server, data []byte) {
	var table wire.TouchTable
	if err := wire.Unmarshal(data, &table); err != nil {
		o.w.fail(invSession, "server %d sends a PING that cannot be read: %v", s.id, err)
		return
	}
	for _, t := range table {
		delete(s.unreported, t.SessionID)
	}
	for _, session := range slices.Sorted(maps.Keys(s.unreported)) {
		o.w.fail(invSession, "server %d has heard from session %x, but its PING to the leader does not name it", s.id, uint64(session))
	}
	clear(s.unreported)
}

// delivered checks a transaction that a core delivers, before the server applies it.
func (o *oracle) delivered(s *server, z wire.Zxid) {
	if z > s.status.Committed {
		o.w.fail(invBounds, "server %d delivers %v, but its core has committed only up to %v", s.id, z, s.status.Committed)
	}
	if s.status.Committed > o.tip {
		o.commit(s, s.status.Committed)
	}
}
