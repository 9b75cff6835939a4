package history

import (
	"fmt"
	"slices"

	"zkctl/probe/wire"
)

// carryOut carries out a request, and returns its answer.
func (m *Model) carryOut(q *Request, txn *wire.Txn) (wire.Record, wire.ErrCode) {
	switch q.Op {
	case wire.OpCreateSession:
		if old := m.sessions[q.Session]; old.created == 0 || old.closed != 0 {
			m.alive++
		}
		m.sessions[q.Session] = session{timeout: wire.NewDecoder(q.Body).Int32(), created: m.at}
		return nil, wire.OK
	case wire.OpCloseSession:
		m.close(q.Session)
		return nil, wire.OK
	case wire.OpDeleteContainer:
		return nil, m.reap(string(q.Body))
	case wire.OpCheck:
		return nil, wire.ErrUnimplemented // outside a multi
	}
	record, _ := wire.NewRequest(q.Op)
	if err := wire.Unmarshal(q.Body, record); err != nil {
		return nil, wire.ErrMarshalling
	}
	if multi, ok := record.(*wire.MultiRequest); ok {
		return m.multi(multi, q, txn)
	}
	return m.one(q.Op, record, q.Session)
}

func (m *Model) one(op wire.OpCode, record wire.Record, session int64) (wire.Record, wire.ErrCode) {
	switch r := record.(type) {
	case *wire.CreateRequest:
		return m.create(op, r, session)
	case *wire.DeleteRequest:
		return nil, m.delete(r.Path, r.Version)
	case *wire.SetDataRequest:
		n := m.get(r.Path)
		switch {
		case n == nil:
			return nil, wire.ErrNoNode
		case r.Version != -1 && r.Version != n.version:
			return nil, wire.ErrBadVersion
		}
		next := *n
		next.data, next.version, next.mzxid, next.mtime = r.Data, n.version+1, m.at, m.now
		m.set(r.Path, &next)
		m.changed(r.Path, wire.EventDataChanged)
		return &wire.StatResponse{Stat: next.stat()}, wire.OK
	case *wire.CheckVersionRequest:
		n := m.get(r.Path)
		switch {
		case n == nil:
			return nil, wire.ErrNoNode
		case r.Version != -1 && r.Version != n.version:
			return nil, wire.ErrBadVersion
		}
		return nil, wire.OK
	}
	return nil, wire.ErrUnimplemented
}

func (m *Model) create(op wire.OpCode, r *wire.CreateRequest, session int64) (wire.Record, wire.ErrCode) {
	parent := m.get(parentPath(r.Path))
	if parent == nil {
		return nil, wire.ErrNoNode
	}
	path := r.Path
	if r.Flags == wire.FlagPersistentSequential || r.Flags == wire.FlagEphemeralSequential {
		path += fmt.Sprintf("%010d", parent.created)
	}
	if m.get(path) != nil {
		return nil, wire.ErrNodeExists
	}
	if parent.owner != 0 {
		return nil, wire.ErrNoChildrenForEphemerals
	}
	n := &state{data: r.Data, czxid: m.at, mzxid: m.at, pzxid: m.at, ctime: m.now, mtime: m.now}
	switch {
	case r.Flags == wire.FlagEphemeral || r.Flags == wire.FlagEphemeralSequential:
		n.owner = session
		m.owned[session] = append(m.owned[session], path)
	case op == wire.OpCreateContainer:
		n.container = true
	}
	p := *parent
	p.created, p.cversion, p.children, p.pzxid = p.created+1, p.cversion+1, p.children+1, m.at
	m.set(parentPath(path), &p)
	m.set(path, n)
	m.born(path, true)
	m.changed(path, wire.EventCreated)
	m.changed(parentPath(path), wire.EventChildrenChanged)
	if op == wire.OpCreate {
		return &wire.PathResponse{Path: path}, wire.OK
	}
	return &wire.Create2Response{Path: path, Stat: n.stat()}, wire.OK
}

func (m *Model) delete(path string, want int32) wire.ErrCode {
	n := m.get(path)
	switch {
	case n == nil:
		return wire.ErrNoNode
	case want != -1 && want != n.version:
		return wire.ErrBadVersion
	case n.children > 0:
		return wire.ErrNotEmpty
	}
	m.remove(path, n)
	return wire.OK
}

func (m *Model) remove(path string, n *state) {
	p := *m.get(parentPath(path))
	p.cversion, p.children, p.pzxid = p.cversion+1, p.children-1, m.at
	m.set(parentPath(path), &p)
	m.set(path, nil)
	m.born(path, false)
	m.changed(path, wire.EventDeleted)
	m.changed(parentPath(path), wire.EventChildrenChanged)
}

// multi carries out all operations, or none.
func (m *Model) multi(r *wire.MultiRequest, q *Request, txn *wire.Txn) (wire.Record, wire.ErrCode) {
	response := &wire.MultiResponse{}
	for i, op := range r.Ops {
		body, code := m.one(op.Op, op.Request, q.Session)
		if code == wire.OK {
			result := wire.MultiResult{Op: op.Op, Response: body}
			if op.Op == wire.OpCreateContainer {
				result.Op = wire.OpCreate2
			}
			response.Results = append(response.Results, result)
			continue
		}
		m.undo()
		return failedMulti(len(r.Ops), i, code), wire.OK
	}
	m.sameSubs(txn)
	return response, wire.OK
}

// sessionError is why the leader refused the session of a multi, if it did.
func sessionError(txn *wire.Txn) wire.ErrCode {
	multi, ok := txn.Body.(*wire.MultiTxn)
	if !ok || len(multi.Txns) == 0 || multi.Txns[0].Type != wire.OpError {
		return wire.OK
	}
	var e wire.ErrorTxn
	if wire.Unmarshal(multi.Txns[0].Data, &e) == nil && (e.Err == wire.ErrSessionMoved || e.Err == wire.ErrSessionExpired) {
		return e.Err
	}
	return wire.OK
}

// sameSubs checks that a multi which succeeds here also succeeded at the leader.
func (m *Model) sameSubs(txn *wire.Txn) {
	multi, ok := txn.Body.(*wire.MultiTxn)
	if !ok {
		return
	}
	for _, sub := range multi.Txns {
		if sub.Type == wire.OpError {
			m.fail(Result, "multi at %v failed, but it should have succeeded", m.at)
		}
	}
}

func failedMulti(n, culprit int, code wire.ErrCode) *wire.MultiResponse {
	response := &wire.MultiResponse{}
	for i := range n {
		result := wire.MultiResult{Op: wire.OpError}
		switch {
		case i == culprit:
			result.Err = code
		case i > culprit:
			result.Err = wire.ErrRuntimeInconsistency
		}
		response.Results = append(response.Results, result)
	}
	return response
}

func (m *Model) close(session int64) {
	for _, path := range m.ephemerals(session) {
		m.remove(path, m.get(path))
	}
	delete(m.owned, session)
	s := m.sessions[session]
	if s.created != 0 {
		m.alive--
	}
	s.closed = m.at
	m.sessions[session] = s
}

// ephemerals are the nodes that a session owns. Some of those that it made may be gone, and
// made again by another session.
func (m *Model) ephemerals(session int64) []string {
	paths := m.owned[session]
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool {
		n := m.get(path)
		return n == nil || n.owner != session
	})
}

func (m *Model) reap(path string) wire.ErrCode {
	n := m.get(path)
	switch {
	case n == nil:
		return wire.ErrNoNode
	case n.children > 0:
		return wire.ErrNotEmpty
	case !n.container:
		return wire.ErrBadVersion
	}
	m.remove(path, n)
	return wire.OK
}
