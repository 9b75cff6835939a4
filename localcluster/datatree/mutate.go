package datatree

import (
	"bytes"

	"zkctl/probe/wire"
)

// A Change is one node created, deleted or changed by a transaction, for Watches.Trigger. A setACL is no Change:
// it fires no watch in ZooKeeper.
type Change struct {
	Type wire.EventType // EventCreated, EventDeleted or EventDataChanged
	Path string
	Zxid wire.Zxid
	// ACL is the node's, the last one if it was deleted; ParentACL is its parent's. A watcher that may not read
	// the node (for an event about children: the parent) does not get the event.
	ACL       []wire.ACL
	ParentACL []wire.ACL
}

// stamp is what all parts of one transaction share.
type stamp struct {
	zxid    wire.Zxid
	millis  int64
	session int64
}

// createEffect is the effect of a create transaction.
type createEffect struct {
	path     string
	data     []byte
	acl      []wire.ACL
	owner    int64
	cversion int32 // the parent's, after the create
}

// The functions below may be applied to a tree that is ahead of the transaction: in a replay onto a fuzzy
// snapshot, or when a leader sends proposals that its snapshot includes. They leave alone what is already
// applied and report the error, which a replay ignores; applying a transaction twice has the effect of once.

func (t *Tree) create(c createEffect, at stamp) (*znode, []Change, wire.ErrCode) {
	parentKey, name, ok := splitPath(c.path)
	if !ok || name == "" {
		return nil, nil, wire.ErrBadArguments
	}
	parent := t.znodes.get(parentKey)
	if parent == nil {
		return nil, nil, wire.ErrNoNode
	}
	existing := t.znodes.get(c.path)
	t.replace(parent, t.hash.childCreated(parent, existing == nil, c.cversion, at.zxid))
	a := t.acls.use(c.acl)
	if existing != nil {
		// This happens only in replay. The snapshot has the node, but perhaps not this ACL or the parent's new
		// cversion: Java writes its ACL table first, then the nodes, parents before children (ZOOKEEPER-3144, 4846).
		t.acls.release(existing.acl)
		t.replace(existing, t.hash.aclSet(existing, a, existing.stat.Aversion))
		return existing, nil, wire.ErrNodeExists
	}
	// The data is part of a message, which the tree must not keep in memory.
	n := newZnode(c.path, bytes.Clone(c.data), a, c.owner, at.zxid, at.millis)
	t.insert(n)
	return n, []Change{{wire.EventCreated, c.path, at.zxid, a.list, parent.acl.list}}, wire.OK
}

func (t *Tree) delete(path string, at stamp) ([]Change, wire.ErrCode) {
	parentKey, _, ok := splitPath(path)
	if !ok {
		return nil, wire.ErrBadArguments
	}
	parent := t.znodes.get(parentKey)
	if parent == nil {
		return nil, wire.ErrNoNode
	}
	n := t.znodes.get(path)
	// The parent's pzxid rises even if replay does not find the child: a fuzzy snapshot may have the parent as it
	// was before the delete, and the child not at all (ZOOKEEPER-3145).
	t.replace(parent, t.hash.childDeleted(parent, n != nil, at.zxid))
	if n == nil {
		return nil, wire.ErrNoNode
	}
	t.removeSubtree(n)
	return []Change{{wire.EventDeleted, path, at.zxid, n.acl.list, parent.acl.list}}, wire.OK
}

// removeSubtree removes n and its descendants, if it has any. A leader never deletes a node that has children;
// only an inconsistent log can, and nodes without a parent would make snapshots unreadable.
func (t *Tree) removeSubtree(n *znode) {
	if n.children > 0 {
		var below []*znode
		t.znodes.eachChild(n.path, func(c *znode) { below = append(below, c) })
		for _, c := range below {
			t.removeSubtree(c)
		}
	}
	t.remove(n)
}

func (t *Tree) setData(path string, data []byte, version int32, at stamp) (*znode, []Change, wire.ErrCode) {
	n := t.lookup(path)
	if n == nil {
		return nil, nil, wire.ErrNoNode
	}
	next := t.hash.dataSet(n, bytes.Clone(data), version, at.zxid, at.millis)
	t.replace(n, next)
	return next, []Change{{Type: wire.EventDataChanged, Path: display(n.path), Zxid: at.zxid, ACL: n.acl.list}}, wire.OK
}

func (t *Tree) setACL(path string, list []wire.ACL, version int32) (*znode, wire.ErrCode) {
	n := t.lookup(path)
	if n == nil {
		return nil, wire.ErrNoNode
	}
	a := t.acls.use(list)
	t.acls.release(n.acl)
	next := t.hash.aclSet(n, a, version)
	t.replace(n, next)
	return next, wire.OK
}

// closeSession deletes the ephemeral nodes that the leader listed and then any others of the session. There may
// be others in a replay onto a fuzzy snapshot, and with logs of ZooKeeper before 3.6, which have no list.
func (t *Tree) closeSession(session int64, listed []string, at stamp) []Change {
	var changes []Change
	for _, path := range listed {
		c, _ := t.delete(path, at) // missing ones: replay
		changes = append(changes, c...)
	}
	for _, path := range t.Ephemerals(session) {
		c, _ := t.delete(path, at)
		changes = append(changes, c...)
	}
	t.sessions.Delete(session)
	return changes
}
