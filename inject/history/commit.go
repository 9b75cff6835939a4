package history

import "zkctl/probe/wire"

// Commit carries out the request of a committed transaction, and compares the outcome
// with the one that the leader decided. A request without an Op changes nothing.
func (m *Model) Commit(z wire.Zxid, q Request, txn *wire.Txn) {
	m.begin(z, txn.Header.Time)
	if q.Op == 0 || !m.concerns(&q) {
		return
	}
	e := expected{session: q.Session, cxid: q.Cxid, op: q.Op, body: q.Body}
	if refused(txn) {
		// Only the leader knows that a session has moved to another server.
		e.err = txn.Body.(*wire.ErrorTxn).Err
		m.refuses(q.Session, e.err)
		m.replies[z] = e
		return
	}
	if code := sessionError(txn); code != wire.OK {
		m.refuses(q.Session, code)
		e.reply = wire.Marshal(failedMulti(len(txn.Body.(*wire.MultiTxn).Txns), 0, code))
		m.replies[z] = e
		return
	}
	s := m.sessions[q.Session]
	alive := s.closed == 0 && (s.created != 0 || m.root != "")
	if !alive && q.Op != wire.OpCreateSession && q.Op != wire.OpDeleteContainer {
		if q.Op == wire.OpCloseSession {
			m.replies[z] = e
			return // closing a session twice changes nothing
		}
		m.fail(Ephemerals, "%v of session %x is carried out at %v, but that session was closed at %v", q.Op, uint64(q.Session), z, s.closed)
		return
	}
	body, code := m.carryOut(&q, txn)
	e.err = code
	if body != nil {
		e.reply = wire.Marshal(body)
	}
	m.replies[z] = e
	if got := outcome(txn); got != code {
		m.fail(Result, "%v at %v: the leader decided %v, but the right outcome is %v", q.Op, z, got, code)
	}
}

// refuses checks a transaction that refuses a request because its session has expired.
func (m *Model) refuses(session int64, code wire.ErrCode) {
	if code == wire.ErrSessionExpired && !m.over(session, m.at.Epoch()) {
		m.fail(SessionsHold, "a request at %v is refused, because session %x has expired, but it is alive", m.at, uint64(session))
	}
}

// refused tells whether a request failed for a reason that is not in the history.
func refused(txn *wire.Txn) bool {
	e, ok := txn.Body.(*wire.ErrorTxn)
	return ok && (e.Err == wire.ErrSessionExpired || e.Err == wire.ErrSessionMoved)
}

func outcome(txn *wire.Txn) wire.ErrCode {
	if e, ok := txn.Body.(*wire.ErrorTxn); ok {
		return e.Err
	}
	return wire.OK
}
