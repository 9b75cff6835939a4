package simulation

import (
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// sessionActivity is the oracle's own account of what a leader has heard of each session,
// from what comes in and not from what the leader makes of it. It is nil where
// nobody leads, and then hears nothing.
type sessionActivity struct{ sessions map[int64]heard }

type heard struct{ at, timeout time.Duration }

func milliseconds(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

// newSessionActivity is a new leader's: it gives every session its full timeout.
func newSessionActivity(t *datatree.Tree, now time.Duration) *sessionActivity {
	e := &sessionActivity{map[int64]heard{}}
	t.EachSession(func(id int64, timeout int32) { e.sessions[id] = heard{now, milliseconds(timeout)} })
	return e
}

func (e *sessionActivity) begins(session int64, timeout int32, now time.Duration) {
	if e != nil {
		e.sessions[session] = heard{now, milliseconds(timeout)}
	}
}

// sign is a sign of life; timeout 0 leaves that as it is.
func (e *sessionActivity) sign(session int64, timeout int32, now time.Duration) {
	if e == nil {
		return
	}
	if h, ok := e.sessions[session]; ok {
		h.at = now
		if timeout > 0 {
			h.timeout = milliseconds(timeout)
		}
		e.sessions[session] = h
	}
}

// packet is what a learner sends.
func (e *sessionActivity) packet(p *wire.QuorumPacket, now time.Duration) {
	if e == nil {
		return
	}
	switch p.Type {
	case wire.PacketRequest:
		var r wire.ForwardedRequest
		if wire.Unmarshal(p.Data, &r) == nil && r.Op != wire.OpSync {
			e.sign(r.SessionID, 0, now)
		}
	case wire.PacketRevalidate:
		var r wire.Revalidate
		if wire.Unmarshal(p.Data, &r) == nil {
			e.sign(r.SessionID, r.Timeout, now)
		}
	case wire.PacketPing:
		var table wire.TouchTable
		if wire.Unmarshal(p.Data, &table) == nil {
			for _, t := range table {
				e.sign(t.SessionID, t.Timeout, now)
			}
		}
	}
}

// applied: sessions begin and end by transactions.
func (e *sessionActivity) applied(txn *wire.Txn, now time.Duration) {
	if e == nil {
		return
	}
	id := txn.Header.ClientID
	switch txn.Header.Type {
	case wire.OpCreateSession:
		if create, ok := txn.Body.(*wire.CreateSessionTxn); ok && e.sessions[id].timeout == 0 {
			e.begins(id, create.Timeout, now)
		}
	case wire.OpCloseSession:
		delete(e.sessions, id)
	}
}
