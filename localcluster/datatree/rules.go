package datatree

import (
	"fmt"
	"strings"

	"zkctl/probe/wire"
)

// One function per kind of write. Each checks in ZooKeeper's order, because the first check that fails is the
// error that clients see and some rely on, and then predicts the transaction's effect with the functions of
// znode.go that Apply will use.

// creation is any of the four requests that create a node.
type creation struct {
	op    wire.OpCode
	path  string
	data  []byte
	acl   []wire.ACL
	flags int32
	ttl   int64
}

// mode takes the flags of a create apart; ok is false for flags that do not exist.
func (c *creation) mode() (ephemeral, sequential, ttl, ok bool) {
	switch c.flags {
	case wire.FlagPersistent, wire.FlagContainer:
		return false, false, false, true
	case wire.FlagEphemeral:
		return true, false, false, true
	case wire.FlagPersistentSequential:
		return false, true, false, true
	case wire.FlagEphemeralSequential:
		return true, true, false, true
	case wire.FlagPersistentTTL:
		return false, false, true, true
	case wire.FlagTTLSequential:
		return false, true, true, true
	}
	return false, false, false, false
}

// create checks: flags and TTL, session, shape of the path, ACL, parent, permission, and only then the path
// in full, because only now it has its sequence number: "/a/" is a legal request for a sequential node.
func (p *Preparer) create(c creation) (wire.Record, wire.ErrCode) {
	ephemeral, sequential, ttl, ok := c.mode()
	switch {
	case !ok:
		return nil, wire.ErrBadArguments
	case ttl && !p.tree.extended:
		return nil, wire.ErrUnimplemented
	case ttl != (c.op == wire.OpCreateTTL), ttl && (c.ttl <= 0 || c.ttl > maxTTL):
		return nil, wire.ErrBadArguments
	}
	if code := p.checkSession(); code != wire.OK {
		return nil, code
	}
	parentKey, ok := parentOf(c.path)
	if !ok {
		return nil, wire.ErrBadArguments
	}
	list, code := fixACL(c.acl, p.request.Auth)
	if code != wire.OK {
		return nil, code
	}
	parent := p.out.get(parentKey)
	if parent == nil {
		return nil, wire.ErrNoNode
	}
	if !p.caller.May(wire.PermCreate, parent.acl.list) {
		return nil, wire.ErrNoAuth
	}
	path := c.path
	if sequential {
		// The persisted cversion counts children ever created, and travels in transactions and snapshots. A
		// counter of its own would start again after a failover.
		path += fmt.Sprintf("%010d", parent.stat.Cversion)
	}
	if wire.ValidatePath(path) != nil {
		return nil, wire.ErrBadArguments
	}
	if p.out.get(key(path)) != nil {
		return nil, wire.ErrNodeExists
	}
	if ownerKind(parent.stat.EphemeralOwner, p.tree.extended) == OwnerSession {
		return nil, wire.ErrNoChildrenForEphemerals
	}
	c.path, c.acl = path, list
	return p.created(c, ephemeral, parent), wire.OK
}

// created is the transaction of a create that passed.
func (p *Preparer) created(c creation, ephemeral bool, parent *znode) wire.Record {
	var (
		txn      wire.Record
		owner    int64
		cversion = parent.stat.Cversion + 1
	)
	switch c.op {
	case wire.OpCreateContainer:
		owner = containerOwner
		txn = &wire.CreateContainerTxn{Path: c.path, Data: c.data, ACL: c.acl, ParentCVersion: cversion}
	case wire.OpCreateTTL:
		owner = ttlOwner(c.ttl)
		txn = &wire.CreateTTLTxn{Path: c.path, Data: c.data, ACL: c.acl, ParentCVersion: cversion, TTL: c.ttl}
	default:
		if ephemeral {
			owner = p.request.Session
		}
		txn = &wire.CreateTxn{Path: c.path, Data: c.data, ACL: c.acl, Ephemeral: ephemeral, ParentCVersion: cversion}
	}
	hash := &p.out.hash
	p.out.put(parent.path, hash.childCreated(parent, true, cversion, p.at.zxid), p.at.zxid)
	n := newZnode(c.path, c.data, &acl{list: c.acl}, owner, p.at.zxid, p.at.millis)
	n.digest = hash.digest(n)
	p.out.put(n.path, n, p.at.zxid)
	return txn
}

// parentOf is the key of a path's parent. It asks no more of the path than a slash and no NUL: what else is
// wrong with it shows when the parent, or the node, is not found.
func parentOf(path string) (parent string, ok bool) {
	cut := strings.LastIndexByte(path, '/')
	if cut < 0 || strings.IndexByte(path, 0) >= 0 {
		return "", false
	}
	return key(path[:cut]), true
}

func (p *Preparer) delete(r *wire.DeleteRequest) (wire.Record, wire.ErrCode) {
	if code := p.checkSession(); code != wire.OK {
		return nil, code
	}
	parentKey, ok := parentOf(r.Path)
	if !ok || isSpecial(r.Path) {
		return nil, wire.ErrBadArguments
	}
	parent := p.out.get(parentKey)
	if parent == nil {
		return nil, wire.ErrNoNode
	}
	if !p.caller.May(wire.PermDelete, parent.acl.list) {
		return nil, wire.ErrNoAuth
	}
	n := p.out.get(r.Path)
	switch {
	case n == nil:
		return nil, wire.ErrNoNode
	case !versionMatches(n.stat.Version, r.Version):
		return nil, wire.ErrBadVersion
	case n.children > 0:
		return nil, wire.ErrNotEmpty
	}
	p.deleted(n, parent)
	return &wire.DeleteTxn{Path: r.Path}, wire.OK
}

func (p *Preparer) deleted(n, parent *znode) {
	p.out.put(parent.path, p.out.hash.childDeleted(parent, true, p.at.zxid), p.at.zxid)
	p.out.put(n.path, nil, p.at.zxid)
}

func (p *Preparer) setData(r *wire.SetDataRequest) (wire.Record, wire.ErrCode) {
	n, code := p.target(r.Path, wire.PermWrite)
	if code != wire.OK {
		return nil, code
	}
	if !versionMatches(n.stat.Version, r.Version) {
		return nil, wire.ErrBadVersion
	}
	version := nextVersion(n.stat.Version)
	p.out.put(n.path, p.out.hash.dataSet(n, r.Data, version, p.at.zxid, p.at.millis), p.at.zxid)
	return &wire.SetDataTxn{Path: r.Path, Data: r.Data, Version: version}, wire.OK
}

// setACL fixes the ACL before it looks for the node, unlike the others: a bad ACL on a missing node is a bad
// ACL.
func (p *Preparer) setACL(r *wire.SetACLRequest) (wire.Record, wire.ErrCode) {
	if code := p.checkSession(); code != wire.OK {
		return nil, code
	}
	if wire.ValidatePath(r.Path) != nil {
		return nil, wire.ErrBadArguments
	}
	list, code := fixACL(r.ACL, p.request.Auth)
	if code != wire.OK {
		return nil, code
	}
	n, code := p.target(r.Path, wire.PermAdmin)
	if code != wire.OK {
		return nil, code
	}
	if !versionMatches(n.stat.Aversion, r.Version) {
		return nil, wire.ErrBadVersion
	}
	version := nextVersion(n.stat.Aversion)
	p.out.put(n.path, p.out.hash.aclSet(n, &acl{list: list}, version), p.at.zxid)
	return &wire.SetACLTxn{Path: r.Path, ACL: list, Version: version}, wire.OK
}

// check changes nothing, but fails the multi that it stands in.
func (p *Preparer) check(r *wire.CheckVersionRequest) (wire.Record, wire.ErrCode) {
	n, code := p.target(r.Path, wire.PermRead)
	if code != wire.OK {
		return nil, code
	}
	if !versionMatches(n.stat.Version, r.Version) {
		return nil, wire.ErrBadVersion
	}
	return &wire.CheckVersionTxn{Path: r.Path, Version: nextVersion(n.stat.Version)}, wire.OK
}

// target finds the node that a request is about and checks, in order, the session, the path, that the node
// exists and that the caller has the permission.
func (p *Preparer) target(path string, perm wire.Perm) (*znode, wire.ErrCode) {
	if code := p.checkSession(); code != wire.OK {
		return nil, code
	}
	if wire.ValidatePath(path) != nil {
		return nil, wire.ErrBadArguments
	}
	n := p.out.get(key(path))
	if n == nil {
		return nil, wire.ErrNoNode
	}
	if !p.caller.May(perm, n.acl.list) {
		return nil, wire.ErrNoAuth
	}
	return n, wire.OK
}

func versionMatches(current, expected int32) bool {
	return expected == wire.AnyVersion || expected == current
}

// nextVersion skips -1, which as an expected version means "any" and could not be asked for (ZOOKEEPER-4743).
func nextVersion(current int32) int32 {
	if next := current + 1; next != -1 {
		return next
	}
	return 0
}

// createSession states the session's timeout. The session's id was allocated, and the session handed to the
// tracker, by the server that the client connected to, or here on its behalf.
func (p *Preparer) createSession() (wire.Record, wire.ErrCode) {
	txn := new(wire.CreateSessionTxn)
	if wire.Unmarshal(p.request.Body, txn) != nil {
		return nil, wire.ErrMarshalling
	}
	return txn, wire.OK
}

// closeSession lists what to delete: the session's ephemeral nodes, those still outstanding included. The
// owner is not checked, because it is the leader itself that expires sessions; and a closing session's later
// requests must fail, or they would create nodes that nobody deletes.
func (p *Preparer) closeSession() (wire.Record, wire.ErrCode) {
	paths := p.out.ephemerals(p.request.Session)
	for _, path := range paths {
		n := p.out.get(path)
		p.deleted(n, p.out.get(n.parent()))
	}
	if p.options.Sessions != nil {
		p.options.Sessions.MarkClosing(p.request.Session)
	}
	return &wire.CloseSessionTxn{Paths: paths}, wire.OK
}

// deleteContainer reaps a container or an idle TTL node, if it still qualifies now that its turn has come. It
// is the server's own request, whose body is the bare path; clients may not send it.
func (p *Preparer) deleteContainer() (wire.Record, wire.ErrCode) {
	path := string(p.request.Body)
	parentKey, ok := parentOf(path)
	if p.request.Session != 0 || !ok || isSpecial(path) {
		return nil, wire.ErrBadArguments
	}
	n := p.out.get(path)
	if n == nil {
		return nil, wire.ErrNoNode
	}
	if n.children > 0 {
		return nil, wire.ErrNotEmpty
	}
	switch owner := n.stat.EphemeralOwner; ownerKind(owner, p.tree.extended) {
	case OwnerContainer:
	case OwnerTTL:
		if p.at.millis-n.stat.Mtime <= ownerTTL(owner) {
			return nil, wire.ErrBadVersion // written to since
		}
	default:
		return nil, wire.ErrBadVersion
	}
	p.deleted(n, p.out.get(parentKey))
	return &wire.DeleteTxn{Path: path}, wire.OK
}
