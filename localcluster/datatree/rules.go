package datatree

import (
	"fmt"
	"strings"

	"zkctl/probe/wire"
)

// This file has one function per kind of write. Each checks in ZooKeeper's order, because clients see the error
// of the first check that fails and some rely on it. It then predicts the transaction's effect with the functions
// of znode.go that Apply uses, too.

// creation is any of the four requests that create a node.
type creation struct {
	op    wire.OpCode
	path  string
	data  []byte
	acl   []wire.ACL
	flags int32
	ttl   int64
}

// mode decodes the flags of a create (CreateMode); ok is false for flags that do not exist.
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

// create checks flags and TTL, session, parent path, ACL, parent, permission, and then the whole path, which has
// its sequence number only by then: "/a/" is a legal request for a sequential node.
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
		// The persisted cversion counts the children ever created, and is in transactions and snapshots. A
		// separate counter would start again after a failover.
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
	return p.predictCreate(c, ephemeral, parent), wire.OK
}

// predictCreate returns the transaction of a create that passed every check, and records its effect.
func (p *Preparer) predictCreate(c creation, ephemeral bool, parent *znode) wire.Record {
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

// parentOf returns the key of a path's parent. The path must have a slash and no NUL; if it is wrong in any other
// way, the parent or the node is not found.
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
	p.predictDelete(n, parent)
	return &wire.DeleteTxn{Path: r.Path}, wire.OK
}

func (p *Preparer) predictDelete(n, parent *znode) {
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

// setACL checks the ACL before it looks for the node, unlike the others: a bad ACL on a missing node is
// ErrInvalidACL.
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

// check changes nothing; if it fails, its multi fails.
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

// target finds the node of a request. It checks, in order, the session, the path, that the node exists, and that
// the caller has the permission.
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

// nextVersion skips -1: as an expected version, -1 means "any" (ZOOKEEPER-4743).
func nextVersion(current int32) int32 {
	if next := current + 1; next != -1 {
		return next
	}
	return 0
}

// createSession replicates the session's timeout. The server that the client connected to has allocated the id,
// and the leader tracks the session already.
func (p *Preparer) createSession() (wire.Record, wire.ErrCode) {
	txn := new(wire.CreateSessionTxn)
	if wire.Unmarshal(p.request.Body, txn) != nil {
		return nil, wire.ErrMarshalling
	}
	return txn, wire.OK
}

// closeSession lists the nodes to delete: the session's ephemeral nodes, including outstanding ones. The owner is
// not checked, because the leader itself expires sessions. Later requests of a closing session must fail: they
// could create ephemeral nodes that would never be deleted.
func (p *Preparer) closeSession() (wire.Record, wire.ErrCode) {
	paths := p.out.ephemerals(p.request.Session)
	for _, path := range paths {
		n := p.out.get(path)
		p.predictDelete(n, p.out.get(n.parent()))
	}
	if p.options.Sessions != nil {
		p.options.Sessions.MarkClosing(p.request.Session)
	}
	return &wire.CloseSessionTxn{Paths: paths}, wire.OK
}

// deleteContainer deletes a container or an idle TTL node, if it still qualifies. It is the server's own request,
// whose body is only the path; clients may not send it.
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
			return nil, wire.ErrBadVersion // modified since Reapable listed it
		}
	default:
		return nil, wire.ErrBadVersion
	}
	p.predictDelete(n, p.out.get(parentKey))
	return &wire.DeleteTxn{Path: path}, wire.OK
}
