package history

import "zkctl/probe/wire"

// SessionEnds records the reasons for which sessions may end: their client has sent a
// closeSession, or a leader has let them expire. A server may close a session, or tell
// its client that it is over, for no other reason.
type SessionEnds struct {
	requested map[int64]bool      // by the client
	expired   map[int64]bool      // at some leader
	closes    map[sessionEnd]bool // a leader has let it expire, or has proposed its end
}

// sessionEnd is the decision of one leader, that of an epoch. If it is not committed, it
// is lost with that leader, and the session lives on under the next one.
type sessionEnd struct{ session, epoch int64 }

func newSessionEnds() *SessionEnds {
	return &SessionEnds{map[int64]bool{}, map[int64]bool{}, map[sessionEnd]bool{}}
}

// Request notes that a client has sent the closeSession of its session.
func (e *SessionEnds) Request(session int64) { e.requested[session] = true }

// Requested tells whether it has.
func (e *SessionEnds) Requested(session int64) bool { return e.requested[session] }

// Expire notes that the leader of an epoch has let a session expire.
func (e *SessionEnds) Expire(session, epoch int64) {
	e.closes[sessionEnd{session, epoch}] = true
	e.expired[session] = true
}

// Closing checks every closeSession that a leader proposes.
func (j *Judge) Closing(leader, session, epoch int64) {
	end := sessionEnd{session, epoch}
	if !j.Ends.requested[session] && !j.Ends.closes[end] {
		j.fail(SessionsHold, "leader %d closes session %x, whose client has not closed it and which has not expired", leader, uint64(session))
	}
	j.Ends.closes[end] = true
}

// over tells whether servers of an epoch may say that a session is over.
func (j *Judge) over(session, epoch int64) bool {
	return j.Model.Closed(session) != 0 || j.Ends.closes[sessionEnd{session, epoch}]
}

// refusedRequest checks that a session is over of which a request was answered SESSIONEXPIRED.
func (j *Judge) refusedRequest(op *Op, epoch int64) {
	if !j.over(op.Session, epoch) {
		j.fail(SessionsHold, "client %d: %v is answered %v, but session %x is alive", op.Client, op.Code, wire.ErrSessionExpired, uint64(op.Session))
	}
}

// aheadOfClose checks the answer to a request that its client sent before the closeSession
// of the session: the closeSession comes later in the order, so it must not change
// the answer, although the server may know of it already.
func (j *Judge) aheadOfClose(a *Answer) {
	op := a.Op
	end := j.Model.Closed(op.Session)
	switch {
	case a.BehindClose || j.Ends.expired[op.Session]:
	case op.Err == wire.ErrSessionExpired:
		j.fail(FIFO, "client %d: request %d, %v %s, is answered %v, because of a closeSession that was sent behind it", op.Client, op.Xid, op.Code, op.Path, op.Err)
	case end != 0 && op.Zxid >= end && op.Code != wire.OpCloseSession:
		j.fail(FIFO, "client %d: request %d, %v %s, is answered at %v, but the closeSession that was sent behind it is at %v", op.Client, op.Xid, op.Code, op.Path, op.Zxid, end)
	}
}

// Return is a client that comes back to a server with its session.
type Return struct {
	Client          int
	Server, Session int64
	Last            wire.Zxid // that the client has seen
	Epoch, Newest   int64     // of the server, and of the newest leader
	Closed          wire.Zxid // the end of the session, if that was before the client came; 0: it was alive
}

// Refused checks that a session is over which a server refuses to a client that comes back.
//
// One wrong refusal cannot be avoided: the answer to a ConnectRequest carries no zxid, so
// a client that has got nothing but its session may come to a server of an earlier
// epoch that does not know this session, and neither of them can notice. ZooKeeper and
// its clients have the same defect.
func (j *Judge) Refused(r Return) {
	if r.Last < j.Model.Created(r.Session) && r.Epoch < r.Newest {
		return
	}
	if !j.over(r.Session, r.Epoch) {
		j.fail(SessionsHold, "client %d comes back to server %d, which refuses session %x as over, but it is alive", r.Client, r.Server, uint64(r.Session))
	}
}

// Confirmed checks that a session is alive which a server confirms to a client that
// comes back: a session that is over stays over, for servers of its last epoch and later ones.
func (j *Judge) Confirmed(r Return) {
	if r.Closed != 0 && r.Epoch >= r.Closed.Epoch() {
		j.fail(SessionsHold, "client %d comes back to server %d, which confirms session %x, but it was closed at %v", r.Client, r.Server, uint64(r.Session), r.Closed)
	}
}
