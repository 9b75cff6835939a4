package datatree

import (
	"maps"
	"slices"

	"github.com/tidwall/btree"

	"zkctl/probe/wire"
)

// Tree is the state that transactions build: znodes, sessions, and the zxid of the last transaction (DataTree).
// Equal sequences of transactions make equal trees.
//
// The package documentation says which methods may run at the same time.
type Tree struct {
	extended bool // TTL nodes are recognized

	znodes   store
	acls     aclTable
	sessions *btree.Map[int64, int32] // session -> timeout in milliseconds

	// These indexes are derived from the nodes' owners.
	ephemerals map[int64]pathSet // session -> its ephemeral nodes; no set is empty
	containers pathSet
	ttls       pathSet

	lastZxid wire.Zxid // of the last transaction applied
	digest   uint64    // sum of the nodes' digests, wrapping
	bytes    int64     // length of all paths and data
	awaited  *awaited  // not nil while a fuzzy snapshot makes the tree inexact

	hash hasher
}

type pathSet map[string]struct{}

func (s pathSet) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// Option adjusts a new or decoded Tree.
type Option func(*Tree)

// WithExtendedTypes recognizes TTL nodes: ZooKeeper's extendedTypesEnabled. All servers of an ensemble must
// agree on it, because it decides which numbers in ephemeralOwner are sessions.
func WithExtendedTypes(on bool) Option { return func(t *Tree) { t.extended = on } }

func emptyTree(options []Option) *Tree {
	t := &Tree{
		znodes: newStore(), acls: newACLTable(), sessions: btree.NewMap[int64, int32](0),
		ephemerals: make(map[int64]pathSet), containers: make(pathSet), ttls: make(pathSet),
	}
	for _, o := range options {
		o(t)
	}
	return t
}

// New returns the tree of a new ensemble: the root, /zookeeper and the nodes below it. Every stat is zero except
// the aversion of /zookeeper/config, which is -1, because Java makes that node with a setACL.
func New(options ...Option) *Tree {
	t := emptyTree(options)
	t.insert(newZnode("", []byte{}, openACL, 0, 0, 0))
	for _, path := range []string{zookeeperPath, quotaPath} {
		t.addBuiltin(path, openACL)
	}
	t.addConfigNode()
	return t
}

// addBuiltin adds a node that no transaction created. Its parent's cversion stays 0, so clients see cversion -1 at
// the root (no creates, minus one child) and -2 at /zookeeper.
func (t *Tree) addBuiltin(path string, a *acl) {
	n := newZnode(path, []byte{}, a, 0, 0, 0)
	parent := *t.znodes.get(n.parent())
	parent.children++
	t.replace(t.znodes.get(parent.path), t.hash.seal(parent))
	t.insert(n)
}

func (t *Tree) addConfigNode() {
	t.addBuiltin(configPath, t.acls.use(wire.ReadACL()))
	n := t.znodes.get(configPath)
	t.replace(n, t.hash.aclSet(n, n.acl, -1))
}

// SetConfig sets the data of /zookeeper/config, the quorum configuration. Every server does that for itself,
// without a transaction, and with reconfig disabled the data may differ between servers; so the node is outside
// the digest. Its mzxid is the version of the configuration, its data version is -1.
func (t *Tree) SetConfig(text string, version, millis int64) {
	if t.znodes.get(configPath) == nil {
		if t.znodes.get(zookeeperPath) == nil { // a snapshot of ZooKeeper before 3.5 may lack both
			t.addBuiltin(zookeeperPath, openACL)
		}
		t.addConfigNode()
	}
	n := t.znodes.get(configPath)
	t.replace(n, t.hash.dataSet(n, []byte(text), -1, wire.Zxid(version), millis))
}

// insert adds a new node. The caller must have counted it in its parent.
func (t *Tree) insert(n *znode) {
	n.digest = t.hash.digest(n)
	t.znodes.put(n)
	t.digest += n.digest
	t.bytes += size(n)
	switch owner := n.stat.EphemeralOwner; ownerKind(owner, t.extended) {
	case OwnerSession:
		if t.ephemerals[owner] == nil {
			t.ephemerals[owner] = make(pathSet)
		}
		t.ephemerals[owner][n.path] = struct{}{}
	case OwnerContainer:
		t.containers[n.path] = struct{}{}
	case OwnerTTL:
		t.ttls[n.path] = struct{}{}
	}
}

// replace replaces n by next, which must have the same path and owner.
func (t *Tree) replace(n, next *znode) {
	t.znodes.put(next)
	t.digest += next.digest - n.digest
	t.bytes += size(next) - size(n)
}

// remove removes one node, also from the indexes. The caller updates the parent.
func (t *Tree) remove(n *znode) {
	t.znodes.remove(n)
	t.acls.release(n.acl)
	t.digest -= n.digest
	t.bytes -= size(n)
	switch owner := n.stat.EphemeralOwner; ownerKind(owner, t.extended) {
	case OwnerSession:
		delete(t.ephemerals[owner], n.path)
		if len(t.ephemerals[owner]) == 0 {
			delete(t.ephemerals, owner)
		}
	case OwnerContainer:
		delete(t.containers, n.path)
	case OwnerTTL:
		delete(t.ttls, n.path)
	}
}

func size(n *znode) int64 { return int64(len(n.path) + len(n.data)) }

// lookup returns the node at the path that a client uses, or nil. It is a read.
func (t *Tree) lookup(path string) *znode { return t.znodes.get(key(path)) }

// LastZxid is the zxid of the last transaction applied. It is a read, as all below are.
func (t *Tree) LastZxid() wire.Zxid { return t.lastZxid }

// Digest identifies the contents: equal trees have equal digests, and different ones almost surely differ.
// It covers paths, data and stats of all nodes except those below /zookeeper/, but not ACLs and sessions.
func (t *Tree) Digest() wire.TxnDigest {
	return wire.TxnDigest{Version: wire.DigestVersion, Digest: int64(t.digest)}
}

// Counts is the size of a tree.
type Counts struct {
	// Nodes counts the root twice, once per name, because the numbers that ZooKeeper reports do: a new
	// ensemble has "Node count: 5".
	Nodes      int
	Ephemerals int
	Sessions   int
	// Bytes is the length of all paths and data, ZooKeeper's approximate_data_size.
	Bytes int64
}

// Counts returns the size of the tree.
func (t *Tree) Counts() Counts {
	c := Counts{Nodes: t.znodes.len() + 1, Sessions: t.sessions.Len(), Bytes: t.bytes + int64(len("/"))}
	// A sum is the same in any order.
	for _, paths := range t.ephemerals {
		c.Ephemerals += len(paths)
	}
	return c
}

// Stat returns the stat that clients see of the node at path. It checks no permission.
func (t *Tree) Stat(path string) (wire.Stat, bool) {
	n := t.lookup(path)
	if n == nil {
		return wire.Stat{}, false
	}
	return n.visible(t.extended), true
}

// Data returns a node's data, which must not be changed; ok is false if there is no node.
func (t *Tree) Data(path string) (data []byte, ok bool) {
	n := t.lookup(path)
	if n == nil {
		return nil, false
	}
	return n.data, true
}

// Children returns the names of a node's children in order; nil when it has none or does not exist.
func (t *Tree) Children(path string) []string {
	n := t.lookup(path)
	if n == nil || n.children == 0 {
		return nil
	}
	names := make([]string, 0, n.children)
	t.znodes.eachChild(n.path, func(c *znode) { names = append(names, c.name()) })
	return names
}

// SessionTimeout returns the timeout of a session in milliseconds, and whether it exists in the replicated
// state.
func (t *Tree) SessionTimeout(session int64) (millis int32, ok bool) { return t.sessions.Get(session) }

// EachSession calls f with every session and its timeout in milliseconds, by id.
func (t *Tree) EachSession(f func(session int64, millis int32)) {
	t.sessions.Scan(func(id int64, millis int32) bool { f(id, millis); return true })
}

// Ephemerals returns the paths of a session's ephemeral nodes, in order.
func (t *Tree) Ephemerals(session int64) []string { return t.ephemerals[session].sorted() }

// EphemeralOwners returns the sessions that have ephemeral nodes, by id, for the four-letter word dump.
func (t *Tree) EphemeralOwners() []int64 { return sortedIDs(t.ephemerals) }
