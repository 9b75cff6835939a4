package simulation

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// model is ZooKeeper's data model written a second time, as plainly as
// possible: it carries out the requests, not the transactions, one after the
// other in the order of their zxids, and remembers every version of every node.
// So it knows what each write must have answered, and what each read at any
// zxid must have seen.
type model struct {
	o        *oracle
	nodes    map[string][]version // by path, oldest first
	names    map[string][]string  // every name that a child of a path ever had, sorted
	changes  map[string][]change  // of a path, for watches
	sessions map[int64]int32      // alive
	owned    map[int64]map[string]bool

	requests map[wire.Zxid]datatree.Request
	replies  map[wire.Zxid]expected
	closed   map[int64]wire.Zxid // sessions that were closed, and where
	at       wire.Zxid
	now      int64 // time of the transaction

	undo []func()
}

type version struct {
	zxid wire.Zxid
	node *modelNode // nil: there is none from here on
}

// modelNode is one version of a node; it does not change.
type modelNode struct {
	data                []byte
	czxid, mzxid, pzxid wire.Zxid
	ctime, mtime        int64
	version, cversion   int32
	created             int32 // children ever: numbers sequential ones
	children            int32
	owner               int64
	container           bool
}

func (n *modelNode) stat() wire.Stat {
	return wire.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: n.cversion, EphemeralOwner: n.owner,
		DataLength: int32(len(n.data)), NumChildren: n.children,
	}
}

type change struct {
	zxid wire.Zxid
	kind wire.EventType
}

// expected is what the client must be told.
type expected struct {
	session int64
	cxid    int32
	op      wire.OpCode
	body    []byte // of the request
	err     wire.ErrCode
	reply   []byte
}

func newModel(o *oracle) *model {
	m := &model{
		o: o, nodes: map[string][]version{}, names: map[string][]string{}, changes: map[string][]change{},
		sessions: map[int64]int32{}, owned: map[int64]map[string]bool{},
		requests: map[wire.Zxid]datatree.Request{}, replies: map[wire.Zxid]expected{}, closed: map[int64]wire.Zxid{},
	}
	m.nodes["/"] = []version{{0, &modelNode{data: []byte{}, cversion: -1, children: 1}}}
	m.names["/"] = []string{"zookeeper"}
	m.nodes["/zookeeper"] = []version{{0, &modelNode{data: []byte{}, cversion: -2, children: 2}}}
	return m
}

func (m *model) requested(z wire.Zxid, q datatree.Request) { m.requests[z] = q }

// get is the newest version.
func (m *model) get(path string) *modelNode {
	v := m.nodes[path]
	if len(v) == 0 {
		return nil
	}
	return v[len(v)-1].node
}

// asOf is the version that a server at zxid z has.
func (m *model) asOf(path string, z wire.Zxid) *modelNode {
	v := m.nodes[path]
	i := sort.Search(len(v), func(i int) bool { return v[i].zxid > z })
	if i == 0 {
		return nil
	}
	return v[i-1].node
}

// childrenAsOf are the names of the children at zxid z, in order.
func (m *model) childrenAsOf(path string, z wire.Zxid) []string {
	var names []string
	for _, name := range m.names[path] {
		if m.asOf(join(path, name), z) != nil {
			names = append(names, name)
		}
	}
	return names
}

func join(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}

func parentPath(path string) string {
	cut := strings.LastIndexByte(path, '/')
	if cut == 0 {
		return "/"
	}
	return path[:cut]
}

// set adds a version; within one transaction it replaces the one before.
func (m *model) set(path string, n *modelNode) {
	old := m.nodes[path]
	m.undo = append(m.undo, func() { m.nodes[path] = old })
	v := slices.Clip(old)
	if len(v) > 0 && v[len(v)-1].zxid == m.at {
		v = slices.Clone(v[:len(v)-1])
	}
	m.nodes[path] = append(v, version{m.at, n})
}

func (m *model) changed(path string, kind wire.EventType) {
	old := m.changes[path]
	m.undo = append(m.undo, func() { m.changes[path] = old })
	m.changes[path] = append(slices.Clip(old), change{m.at, kind})
}

// commit carries out the request behind a transaction that has been committed,
// and compares what it comes to with what the leader made of it.
func (m *model) commit(z wire.Zxid, r *record) {
	txn, err := wire.UnmarshalTxn(r.data)
	if err != nil {
		m.o.w.fail(invResult, "transaction %v cannot be read: %v", z, err)
		return
	}
	q := m.requests[z]
	delete(m.requests, z)
	m.at, m.now, m.undo = z, txn.Header.Time, m.undo[:0]
	e := expected{session: q.Session, cxid: q.Cxid, op: q.Op, body: q.Body}
	if refused(txn) {
		// The leader alone knows whose session has expired or moved.
		e.err = txn.Body.(*wire.ErrorTxn).Err
		m.replies[z] = e
		return
	}
	if code := sessionError(txn); code != wire.OK {
		e.reply = wire.Marshal(failedMulti(len(txn.Body.(*wire.MultiTxn).Txns), 0, code))
		m.replies[z] = e
		return
	}
	if _, alive := m.sessions[q.Session]; !alive && q.Op != wire.OpCreateSession && q.Op != wire.OpDeleteContainer {
		if q.Op == wire.OpCloseSession {
			m.replies[z] = e
			return // closed twice does no harm
		}
		m.o.w.fail(invEphemeral, "%v of session %x is carried out at %v, and that session was closed at %v", q.Op, uint64(q.Session), z, m.closed[q.Session])
		return
	}
	body, code := m.carryOut(&q, txn)
	e.err = code
	if body != nil {
		e.reply = wire.Marshal(body)
	}
	m.replies[z] = e
	if got := outcome(txn); got != code {
		m.o.w.fail(invResult, "%v at %v: the leader decided %v, and it should be %v", q.Op, z, got, code)
	}
}

// refused tells the failures that depend on more than the history.
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

func (m *model) carryOut(q *datatree.Request, txn *wire.Txn) (wire.Record, wire.ErrCode) {
	switch q.Op {
	case wire.OpCreateSession:
		m.sessions[q.Session] = wire.NewDecoder(q.Body).Int32()
		return nil, wire.OK
	case wire.OpCloseSession:
		m.close(q.Session)
		return nil, wire.OK
	case wire.OpDeleteContainer:
		return nil, m.reap(string(q.Body))
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

func (m *model) one(op wire.OpCode, record wire.Record, session int64) (wire.Record, wire.ErrCode) {
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

func (m *model) create(op wire.OpCode, r *wire.CreateRequest, session int64) (wire.Record, wire.ErrCode) {
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
	n := &modelNode{data: r.Data, czxid: m.at, mzxid: m.at, pzxid: m.at, ctime: m.now, mtime: m.now}
	switch {
	case r.Flags == wire.FlagEphemeral || r.Flags == wire.FlagEphemeralSequential:
		n.owner = session
		m.own(session, path, true)
	case op == wire.OpCreateContainer:
		n.container = true
	}
	p := *parent
	p.created, p.cversion, p.children, p.pzxid = p.created+1, p.cversion+1, p.children+1, m.at
	m.set(parentPath(path), &p)
	m.set(path, n)
	m.name(path)
	m.changed(path, wire.EventCreated)
	m.changed(parentPath(path), wire.EventChildrenChanged)
	if op == wire.OpCreate {
		return &wire.PathResponse{Path: path}, wire.OK
	}
	return &wire.Create2Response{Path: path, Stat: n.stat()}, wire.OK
}

// name remembers that a parent once had this child; that is never taken back.
func (m *model) name(path string) {
	parent := parentPath(path)
	name := path[strings.LastIndexByte(path, '/')+1:]
	if i, found := slices.BinarySearch(m.names[parent], name); !found {
		m.names[parent] = slices.Insert(m.names[parent], i, name)
	}
}

func (m *model) own(session int64, path string, owns bool) {
	if m.owned[session] == nil {
		m.owned[session] = map[string]bool{}
	}
	old := m.owned[session][path]
	m.undo = append(m.undo, func() { m.owned[session][path] = old })
	m.owned[session][path] = owns
}

func (m *model) delete(path string, want int32) wire.ErrCode {
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

func (m *model) remove(path string, n *modelNode) {
	p := *m.get(parentPath(path))
	p.cversion, p.children, p.pzxid = p.cversion+1, p.children-1, m.at
	m.set(parentPath(path), &p)
	m.set(path, nil)
	if n.owner != 0 {
		m.own(n.owner, path, false)
	}
	m.changed(path, wire.EventDeleted)
	m.changed(parentPath(path), wire.EventChildrenChanged)
}

// multi is all or nothing.
func (m *model) multi(r *wire.MultiRequest, q *datatree.Request, txn *wire.Txn) (wire.Record, wire.ErrCode) {
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
		for _, undo := range slices.Backward(m.undo) {
			undo()
		}
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

// sameSubs: a multi that succeeds here must have succeeded there.
func (m *model) sameSubs(txn *wire.Txn) {
	multi, ok := txn.Body.(*wire.MultiTxn)
	if !ok {
		return
	}
	for _, sub := range multi.Txns {
		if sub.Type == wire.OpError {
			m.o.w.fail(invResult, "multi at %v failed, and it should not", m.at)
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

func (m *model) close(session int64) {
	for _, path := range m.ephemerals(session) {
		m.remove(path, m.get(path))
	}
	delete(m.sessions, session)
	delete(m.owned, session)
	m.closed[session] = m.at
}

func (m *model) ephemerals(session int64) []string {
	var paths []string
	for path, owns := range m.owned[session] {
		if owns {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

func (m *model) reap(path string) wire.ErrCode {
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

// read is what a read at zxid z must answer.
func (m *model) read(op wire.OpCode, path string, z wire.Zxid) (wire.Record, wire.ErrCode) {
	n := m.asOf(path, z)
	if n == nil {
		return nil, wire.ErrNoNode
	}
	switch op {
	case wire.OpExists:
		return &wire.StatResponse{Stat: n.stat()}, wire.OK
	case wire.OpGetData:
		return &wire.DataResponse{Data: n.data, Stat: n.stat()}, wire.OK
	case wire.OpGetChildren:
		return &wire.ChildrenResponse{Children: m.childrenAsOf(path, z)}, wire.OK
	}
	return &wire.Children2Response{Children: m.childrenAsOf(path, z), Stat: n.stat()}, wire.OK
}

// sameAs compares a whole tree with the model.
func (m *model) sameAs(t *datatree.Tree) error {
	nodes := 0
	for path := range m.nodes {
		n := m.get(path)
		if n == nil {
			continue
		}
		nodes++
		stat, ok := t.Stat(path)
		if !ok {
			return fmt.Errorf("%s is missing", path)
		}
		data, _ := t.Data(path)
		if path != "/zookeeper" && stat != n.stat() || string(data) != string(n.data) {
			return fmt.Errorf("%s is %q %+v, and should be %q %+v", path, data, stat, n.data, n.stat())
		}
	}
	if got := t.Counts().Nodes - 3; got != nodes { // the root counts twice, and quota and config are not modelled
		return fmt.Errorf("%d nodes, and there should be %d", got, nodes)
	}
	for session := range m.sessions {
		if _, ok := t.SessionTimeout(session); !ok {
			return fmt.Errorf("session %x is missing", uint64(session))
		}
	}
	if got := t.Counts().Sessions; got != len(m.sessions) {
		return fmt.Errorf("%d sessions, and there should be %d", got, len(m.sessions))
	}
	return nil
}

// firstChange is the first change of a path behind zxid z that a watch of this
// kind reports.
func (m *model) firstChange(path string, child bool, z wire.Zxid) (change, bool) {
	list := m.changes[path]
	i := sort.Search(len(list), func(i int) bool { return list[i].zxid > z })
	for _, c := range list[i:] {
		if (c.kind == wire.EventChildrenChanged) == child || child && c.kind == wire.EventDeleted {
			return c, true
		}
	}
	return change{}, false
}
