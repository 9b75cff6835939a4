package history

import (
	"sort"
	"strings"

	"zkctl/probe/wire"
)

// Model is a second, plain implementation of ZooKeeper's data model: it carries
// out the requests, not the transactions, one after the other in the order of
// their zxids, and keeps every version of every node. So it knows the right answer
// of each write, and of each read at any zxid.
//
// It may be asked while transactions are still added, as in the simulation, or after the
// last of them: what it says of a zxid does not change any more.
type Model struct {
	fail Fail
	over func(session, epoch int64) bool // whether servers of an epoch may say that a session is over

	root     string // "": all is modelled; see SetForeign
	nodes    map[string]*node
	journal  []entry // all changes, in order
	sessions map[int64]session
	alive    int                // sessions that are not closed
	owned    map[int64][]string // ephemeral nodes that a session has made
	replies  map[wire.Zxid]expected

	at  wire.Zxid // the transaction that is carried out, or the last one
	now int64     // its time

	// What must be undone if the transaction fails half-way: the nodes that it has
	// touched, as they were, and the length of the journal.
	touched []mark
	length  int
}

// Fail is called with each broken promise.
type Fail func(p Promise, format string, args ...any)

// Request is what a client asked for.
type Request struct {
	Session int64
	Cxid    int32
	Op      wire.OpCode
	Body    []byte
}

// session is all that ever was of one session.
type session struct {
	timeout         int32
	created, closed wire.Zxid // 0: it is not
}

// node is all that ever was at one path, oldest first.
type node struct {
	versions []version
	births   []birth  // of its children, and their ends
	data     []change // what watches on its data report
	child    []change // what watches on its children report

	live   []string // the children after births[:cursor], sorted
	cursor int

	touched wire.Zxid // the last transaction for which a mark was made
}

type version struct {
	zxid  wire.Zxid
	state *state // nil: there is no node from here on
}

// state is one version of a node; it does not change.
type state struct {
	data                []byte
	czxid, mzxid, pzxid wire.Zxid
	ctime, mtime        int64
	version, cversion   int32
	created             int32 // children so far; the number of the next sequential one
	children            int32
	owner               int64
	container           bool
}

func (n *state) stat() wire.Stat {
	return wire.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: n.cversion, EphemeralOwner: n.owner,
		DataLength: int32(len(n.data)), NumChildren: n.children,
	}
}

type birth struct {
	zxid  wire.Zxid
	name  string
	alive bool // false: it is deleted
}

type change struct {
	zxid wire.Zxid
	kind wire.EventType
}

// mark is how long a node's lists were before a transaction. Each transaction only adds to
// them, so that shortening them again undoes it.
type mark struct {
	node                          *node
	versions, births, data, child int
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

// NewModel is the model of an ensemble that has just begun.
func NewModel(fail Fail) *Model {
	m := &Model{
		fail: fail, nodes: map[string]*node{},
		sessions: map[int64]session{}, owned: map[int64][]string{}, replies: map[wire.Zxid]expected{},
	}
	m.over = func(session, _ int64) bool { return m.Closed(session) != 0 }
	m.set("/", &state{data: []byte{}, cversion: -1, children: 1})
	m.born("/zookeeper", true)
	m.set("/zookeeper", &state{data: []byte{}, cversion: -2, children: 2})
	return m
}

// At is the zxid of the last transaction.
func (m *Model) At() wire.Zxid { return m.at }

// Sessions is how many are alive.
func (m *Model) Sessions() int { return m.alive }

// Created is the transaction in which a session began; 0: it did not.
func (m *Model) Created(session int64) wire.Zxid { return m.sessions[session].created }

// Closed is the transaction in which a session ended; 0: it did not.
func (m *Model) Closed(session int64) wire.Zxid { return m.sessions[session].closed }

// Version is the newest version of a node's data; false: there is no node.
func (m *Model) Version(path string) (int32, bool) {
	if n := m.get(path); n != nil {
		return n.version, true
	}
	return 0, false
}

// get is the newest state.
func (m *Model) get(path string) *state {
	n := m.nodes[path]
	if n == nil || len(n.versions) == 0 {
		return nil
	}
	return n.versions[len(n.versions)-1].state
}

// asOf is the state that a server at zxid z has.
func (m *Model) asOf(path string, z wire.Zxid) *state {
	n := m.nodes[path]
	if n == nil {
		return nil
	}
	i := sort.Search(len(n.versions), func(i int) bool { return n.versions[i].zxid > z })
	if i == 0 {
		return nil
	}
	return n.versions[i-1].state
}

func parentPath(path string) string {
	cut := strings.LastIndexByte(path, '/')
	if cut <= 0 {
		return "/"
	}
	return path[:cut]
}

func join(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}

// touch is the node at a path, which the transaction is about to change.
func (m *Model) touch(path string) *node {
	n := m.nodes[path]
	if n == nil {
		n = &node{touched: -1}
		m.nodes[path] = n
	}
	if n.touched != m.at {
		n.touched = m.at
		m.touched = append(m.touched, mark{n, len(n.versions), len(n.births), len(n.data), len(n.child)})
	}
	return n
}

// set adds a version; within one transaction it replaces the one before.
func (m *Model) set(path string, to *state) {
	n := m.touch(path)
	if last := len(n.versions) - 1; last >= 0 && n.versions[last].zxid == m.at {
		n.versions[last].state = to
		return
	}
	n.versions = append(n.versions, version{m.at, to})
}

// born notes in the parent of a node that it is there, or is no longer.
func (m *Model) born(path string, alive bool) {
	parent := m.touch(parentPath(path))
	parent.births = append(parent.births, birth{m.at, path[strings.LastIndexByte(path, '/')+1:], alive})
}

// changed notes what watches on a path must report.
func (m *Model) changed(path string, kind wire.EventType) {
	n := m.touch(path)
	if kind != wire.EventChildrenChanged {
		n.data = append(n.data, change{m.at, kind})
	}
	if kind == wire.EventChildrenChanged || kind == wire.EventDeleted {
		n.child = append(n.child, change{m.at, kind})
	}
	m.journal = append(m.journal, entry{m.at, path, kind})
}

// begin begins a transaction.
func (m *Model) begin(z wire.Zxid, time int64) {
	m.at, m.now = z, time
	m.touched, m.length = m.touched[:0], len(m.journal)
}

// undo takes back all that the transaction has done so far.
func (m *Model) undo() {
	for _, k := range m.touched {
		n := k.node
		n.versions, n.births, n.data, n.child = n.versions[:k.versions], n.births[:k.births], n.data[:k.data], n.child[:k.child]
		n.touched = -1
	}
	m.touched, m.journal = m.touched[:0], m.journal[:m.length]
}
