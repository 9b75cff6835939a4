package simulation

import (
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// sessionActivity is the oracle's own record of each session's last sign of life at a
// leader. It comes from what the leader receives and not from the leader's session
// table. It is nil on servers that do not lead; its methods then do nothing.
type sessionActivity struct{ sessions map[int64]lastHeard }

type lastHeard struct{ at, timeout time.Duration }

func milliseconds(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

// newSessionActivity is that of a new leader, which gives every session its full timeout.
func newSessionActivity(t *datatree.Tree, now time.Duration) *sessionActivity {
	e := &sessionActivity{map[int64]lastHeard{}}
	t.EachSession(func(id int64, timeout int32) { e.sessions[id] = lastHeard{now, milliseconds(timeout)} })
	return e
}

func (e *sessionActivity) begins(session int64, timeout int32, now time.Duration) {
	if e != nil {
		e.sessions[session] = lastHeard{now, milliseconds(timeout)}
	}
}

// touch notes a sign of life of a session; timeout 0 leaves its timeout as it is.
func (e *sessionActivity) touch(session int64, timeout int32, now time.Duration) {
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

// packet notes the signs of life in a learner's packet.
func (e *sessionActivity) packet(p *wire.QuorumPacket, now time.Duration) {
	if e == nil {
		return
	}
	switch p.Type {
	case wire.PacketRequest:
		var r wire.ForwardedRequest
		if wire.Unmarshal(p.Data, &r) == nil && r.Op != wire.OpSync {
			e.touch(r.SessionID, 0, now)
		}
	case wire.PacketRevalidate:
		var r wire.Revalidate
		if wire.Unmarshal(p.Data, &r) == nil {
			e.touch(r.SessionID, r.Timeout, now)
		}
	case wire.PacketPing:
		var table wire.TouchTable
		if wire.Unmarshal(p.Data, &table) == nil {
			for _, t := range table {
				e.touch(t.SessionID, t.Timeout, now)
			}
		}
	}
}

// applied notes the sessions that a transaction begins or ends.
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
