package datatree

import (
	"slices"

	"zkctl/probe/wire"
)

// outstanding is the tree as it will be when everything proposed has been applied: the committed tree, and over
// it the nodes that outstanding transactions change (ZooKeeper's outstandingChanges).
//
//	prepare --put--> [ changes, oldest first ]  --release(zxid)--> applied: the tree has them
//	                   get sees the newest per path
//
// A leader pipelines: it prepares a request long before the last one is committed, and must decide it as if that
// had been applied. Preparing costs O(1) per node touched, however many transactions are outstanding.
type outstanding struct {
	tree   *Tree
	newest map[string]changeRecord // path -> its newest version
	owned  map[int64]pathSet       // session -> paths in newest whose node is its ephemeral
	// queue has an entry per put; those before head are released. Zxids do not fall.
	queue []queuedChange
	head  int
	// digest is the tree's digest after everything outstanding; undefined when nothing is.
	digest uint64
	hash   hasher

	// These belong to the transaction being prepared.
	undo       []undo
	undoDigest uint64
}

// changeRecord is a version of a node that is not in the tree yet (ZooKeeper's ChangeRecord).
type changeRecord struct {
	zxid wire.Zxid
	node *znode // nil: deleted
}

type queuedChange struct {
	zxid wire.Zxid
	path string
}

// undo is the entry of newest for a path before a put.
type undo struct {
	path string
	was  changeRecord
	had  bool
}

func newOutstanding(t *Tree) *outstanding {
	return &outstanding{tree: t, newest: make(map[string]changeRecord), owned: make(map[int64]pathSet)}
}

// begin starts a transaction, to which rollback returns.
func (o *outstanding) begin() {
	o.undo = o.undo[:0]
	if o.head == len(o.queue) {
		o.digest = o.tree.digest
	}
	o.undoDigest = o.digest
}

// rollback undoes every put since begin.
func (o *outstanding) rollback() {
	for _, u := range slices.Backward(o.undo) {
		o.set(u.path, u.was, u.had)
	}
	o.queue = o.queue[:len(o.queue)-len(o.undo)]
	o.undo = o.undo[:0]
	o.digest = o.undoDigest
}

// get returns the node at a key as it will be, or nil.
func (o *outstanding) get(key string) *znode {
	if p, ok := o.newest[key]; ok {
		return p.node
	}
	return o.tree.znodes.get(key)
}

// put makes n the next version of the node at a key; nil deletes it.
func (o *outstanding) put(key string, n *znode, zxid wire.Zxid) {
	if old := o.get(key); old != nil {
		o.digest -= old.digest
	}
	if n != nil {
		o.digest += n.digest
	}
	was, had := o.newest[key]
	o.undo = append(o.undo, undo{key, was, had})
	o.queue = append(o.queue, queuedChange{zxid, key})
	o.set(key, changeRecord{zxid, n}, true)
}

// set changes newest, and owned with it.
func (o *outstanding) set(key string, p changeRecord, present bool) {
	if session, ok := o.session(o.newest[key].node); ok {
		delete(o.owned[session], key)
		if len(o.owned[session]) == 0 {
			delete(o.owned, session)
		}
	}
	if !present {
		delete(o.newest, key)
		return
	}
	o.newest[key] = p
	if session, ok := o.session(p.node); ok {
		if o.owned[session] == nil {
			o.owned[session] = make(pathSet)
		}
		o.owned[session][key] = struct{}{}
	}
}

// session is the session that keeps n alive, if n is an ephemeral node.
func (o *outstanding) session(n *znode) (int64, bool) {
	if n == nil {
		return 0, false
	}
	owner := n.stat.EphemeralOwner
	return owner, ownerKind(owner, o.tree.extended) == OwnerSession
}

// release drops the changes of transactions up to zxid, which the tree has now.
func (o *outstanding) release(zxid wire.Zxid) {
	for o.head < len(o.queue) && o.queue[o.head].zxid <= zxid {
		c := o.queue[o.head]
		o.queue[o.head] = queuedChange{}
		o.head++
		if p, ok := o.newest[c.path]; ok && p.zxid <= zxid {
			o.set(c.path, changeRecord{}, false)
		}
	}
	if o.head > len(o.queue)/2 { // each entry is moved at most once per halving: O(1) amortized
		o.queue = slices.Delete(o.queue, 0, o.head)
		o.head = 0
	}
}

// ephemerals lists the nodes that the session will have, in order.
func (o *outstanding) ephemerals(session int64) []string {
	var paths []string
	// In any order: the paths are sorted in the end.
	for path := range o.tree.ephemerals[session] {
		if _, changed := o.newest[path]; !changed {
			paths = append(paths, path)
		}
	}
	// In any order, too.
	for path := range o.owned[session] {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// len is the number of changes not yet released.
func (o *outstanding) len() int { return len(o.queue) - o.head }
