package simulation

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// answered checks an answer against what the order of transactions says.
func (o *oracle) answered(c *client, op *clientOp, r reply) {
	z := r.header.Zxid
	if z > o.tip {
		o.w.fail(invDurable, "client %d is answered at %v, and only %v is committed", c.id, z, o.tip)
		return
	}
	switch op.op {
	case wire.OpSync:
		o.syncAnswered(c, op, z)
	case wire.OpAddWatch, wire.OpRemoveWatches: // the watch book's
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
		o.w.fail(invResult, "client %d: %v is answered at %v, where nothing was decided", c.id, op.op, r.header.Zxid)
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

// syncAnswered: a server that has answered a sync has all that was committed when
// it was sent. ZooKeeper asks nobody but the leader, which may have been replaced
// and not know it; so that is promised only as long as there is no newer one.
func (o *oracle) syncAnswered(c *client, op *clientOp, z wire.Zxid) {
	if s := c.conn.s; o.newest == op.epoch && s.status.Epoch == op.epoch && z < op.floor {
		o.w.fail(invSync, "client %d: sync is answered at %v by server %d, and %v was committed when it was sent", c.id, z, s.id, op.floor)
	}
}

// expired checks the leader's verdict over its sessions against the oracle's
// own account: not before the timeout, and not later than a tick after it.
func (o *oracle) expired(s *server, sessions []int64, now time.Duration) {
	for _, session := range sessions {
		o.ends.closes[sessionEnd{session, s.status.Epoch}] = true
		o.ends.expired[session] = true
		switch h, ok := s.activity.sessions[session]; {
		case !ok:
			o.w.fail(invSession, "leader %d lets session %x expire, of which it has never heard", s.id, uint64(session))
		case now < h.at+h.timeout:
			o.w.fail(invSession, "leader %d lets session %x expire %v after it was heard of, its timeout is %v", s.id, uint64(session), now-h.at, h.timeout)
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
		o.w.fail(invSession, "leader %d keeps session %x alive %v after it was heard of, its timeout is %v", s.id, uint64(session), now-h.at, h.timeout)
	}
}

// told checks a learner's PING: the leader must hear of every session that the
// learner has heard from since the last one.
func (o *oracle) told(s *server, data []byte) {
	var table wire.TouchTable
	if err := wire.Unmarshal(data, &table); err != nil {
		o.w.fail(invSession, "server %d sends a PING that cannot be read: %v", s.id, err)
		return
	}
	for _, t := range table {
		delete(s.untold, t.SessionID)
	}
	for _, session := range slices.Sorted(maps.Keys(s.untold)) {
		o.w.fail(invSession, "server %d has heard from session %x and does not tell its leader", s.id, uint64(session))
	}
	clear(s.untold)
}

// delivered is told before a server applies what its core delivers.
func (o *oracle) delivered(s *server, z wire.Zxid) {
	if z > s.status.Committed {
		o.w.fail(invBounds, "server %d delivers %v, and its core says that %v is committed", s.id, z, s.status.Committed)
	}
	if s.status.Committed > o.tip {
		o.commit(s, s.status.Committed)
	}
}
