package simulation

import (
	"slices"
	"sort"
	"strings"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// model is a second, plain implementation of ZooKeeper's data model: it carries
// out the requests, not the transactions, one after the other in the order of
// their zxids, and keeps every version of every node. So it knows the right answer
// of each write, and of each read at any zxid.
type model struct {
	o        *oracle
	nodes    map[string][]version // by path, oldest first
	names    map[string][]string  // every name that a child of a path ever had, sorted
	changes  map[string][]change  // of a path, for watches
	journal  []entry              // the same, of all paths
	sessions map[int64]int32      // alive
	owned    map[int64]map[string]bool

	requests map[wire.Zxid]datatree.Request
	replies  map[wire.Zxid]expected
	created  map[int64]wire.Zxid // of sessions
	closed   map[int64]wire.Zxid // of sessions
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
	created             int32 // children so far; the number of the next sequential one
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

// expected is the answer that the client must get.
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
		requests: map[wire.Zxid]datatree.Request{}, replies: map[wire.Zxid]expected{},
		created: map[int64]wire.Zxid{}, closed: map[int64]wire.Zxid{},
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
	length := len(m.journal)
	m.undo = append(m.undo, func() { m.changes[path], m.journal = old, m.journal[:length] })
	m.changes[path] = append(slices.Clip(old), change{m.at, kind})
	m.journal = append(m.journal, entry{m.at, path, kind})
}

// commit carries out the request of a committed transaction, and compares the outcome
// with the one that the leader decided.
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
	if _, alive := m.sessions[q.Session]; !alive && q.Op != wire.OpCreateSession && q.Op != wire.OpDeleteContainer {
		if q.Op == wire.OpCloseSession {
			m.replies[z] = e
			return // closing a session twice changes nothing
		}
		m.o.w.fail(invEphemeral, "%v of session %x is carried out at %v, but that session was closed at %v", q.Op, uint64(q.Session), z, m.closed[q.Session])
		return
	}
	body, code := m.carryOut(&q, txn)
	e.err = code
	if body != nil {
		e.reply = wire.Marshal(body)
	}
	m.replies[z] = e
	if got := outcome(txn); got != code {
		m.o.w.fail(invResult, "%v at %v: the leader decided %v, but the right outcome is %v", q.Op, z, got, code)
	}
}

// refuses checks a transaction that refuses a request because its session has expired.
func (m *model) refuses(session int64, code wire.ErrCode) {
	if code == wire.ErrSessionExpired && !m.o.over(session, m.at.Epoch()) {
		m.o.w.fail(invSession, "a request at %v is refused, because session %x has expired, but it is alive", m.at, uint64(session))
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
