package simulation

import (
	"maps"
	"slices"
	"time"

	"zkctl/inject/history"
	"zkctl/probe/wire"
)

// answered checks an answer against the order of transactions.
func (o *oracle) answered(c *client, op *clientOp, r reply) {
	if z := op.Zxid; z > o.tip {
		o.w.fail(invDurable, "client %d is answered at %v, but the last committed zxid is %v", c.id, z, o.tip)
		return
	}
	o.judge.Answered(history.Answer{
		Op: &op.Op, BehindClose: op.behindClose, Epoch: r.epoch,
		Floor: op.floor, FloorHolds: o.newest == op.epoch && c.conn.s.status.Epoch == op.epoch,
	})
}

// expired checks the sessions that a leader lets expire against sessionActivity: a
// session expires not before its timeout, and soon after it.
func (o *oracle) expired(s *server, sessions []int64, now time.Duration) {
	for _, session := range sessions {
		o.judge.Ends.Expire(session, s.status.Epoch)
		switch h, ok := s.activity.sessions[session]; {
		case !ok:
			o.w.fail(history.SessionsHold, "leader %d lets session %x expire, which does not exist there", s.id, uint64(session))
		case now < h.at+h.timeout:
			o.w.fail(history.SessionsHold, "leader %d lets session %x expire %v after its last sign of life; its timeout is %v", s.id, uint64(session), now-h.at, h.timeout)
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
		o.w.fail(history.SessionsHold, "leader %d keeps session %x alive %v after its last sign of life; its timeout is %v", s.id, uint64(session), now-h.at, h.timeout)
	}
}

// learnerPing checks a learner's PING: it must name every session that the learner has
// heard from since the PING before.
func (o *oracle) learnerPing(s *server, data []byte) {
	var table wire.TouchTable
	if err := wire.Unmarshal(data, &table); err != nil {
		o.w.fail(history.SessionsHold, "server %d sends a PING that cannot be read: %v", s.id, err)
		return
	}
	for _, t := range table {
		delete(s.unreported, t.SessionID)
	}
	for _, session := range slices.Sorted(maps.Keys(s.unreported)) {
		o.w.fail(history.SessionsHold, "server %d has heard from session %x, but its PING to the leader does not name it", s.id, uint64(session))
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
