package datatree

import (
	"slices"
	"strings"

	"zkctl/probe/wire"
)

// Any server answers reads from its own tree, without the leader: they may be behind, but never go backwards on
// one connection. None of these functions changes anything. Data in the answers belongs to the tree and must not
// be changed.

// Exists answers exists. It needs READ permission on an existing node (since ZooKeeper 3.8.4, ZOOKEEPER-2590), and
// none if there is no node.
func (t *Tree) Exists(path string, c Caller) (wire.StatResponse, wire.ErrCode) {
	if strings.IndexByte(path, 0) >= 0 {
		return wire.StatResponse{}, wire.ErrBadArguments
	}
	n, code := t.readable(path, wire.PermRead, c)
	if code != wire.OK {
		return wire.StatResponse{}, code
	}
	return wire.StatResponse{Stat: n.visible(t.extended)}, wire.OK
}

// GetData answers getData.
func (t *Tree) GetData(path string, c Caller) (wire.DataResponse, wire.ErrCode) {
	n, code := t.readable(path, wire.PermRead, c)
	if code != wire.OK {
		return wire.DataResponse{}, code
	}
	return wire.DataResponse{Data: n.data, Stat: n.visible(t.extended)}, wire.OK
}

// GetChildren answers getChildren and getChildren2. The names are sorted, although the protocol promises no order.
func (t *Tree) GetChildren(path string, c Caller) (wire.Children2Response, wire.ErrCode) {
	n, code := t.readable(path, wire.PermRead, c)
	if code != wire.OK {
		return wire.Children2Response{}, code
	}
	return wire.Children2Response{Children: t.Children(n.path), Stat: n.visible(t.extended)}, wire.OK
}

// GetACL answers getACL, which needs READ or ADMIN. Only an administrator sees password hashes.
func (t *Tree) GetACL(path string, c Caller) (wire.ACLResponse, wire.ErrCode) {
	n, code := t.readable(path, wire.PermRead|wire.PermAdmin, c)
	if code != wire.OK {
		return wire.ACLResponse{}, code
	}
	list := n.acl.list
	if !c.May(wire.PermAdmin, list) {
		list = maskDigests(list)
	}
	return wire.ACLResponse{ACL: list, Stat: n.visible(t.extended)}, wire.OK
}

// GetAllChildrenNumber answers getAllChildrenNumber: how many nodes are below path, at any depth.
func (t *Tree) GetAllChildrenNumber(path string, c Caller) (wire.CountResponse, wire.ErrCode) {
	n, code := t.readable(path, wire.PermRead, c)
	if code != wire.OK {
		return wire.CountResponse{}, code
	}
	if n.isRoot() {
		return wire.CountResponse{Count: int32(t.znodes.len() - 1)}, wire.OK
	}
	return wire.CountResponse{Count: t.descendants(n)}, wire.OK
}

func (t *Tree) descendants(n *znode) int32 {
	count := n.children
	if count > 0 {
		t.znodes.eachChild(n.path, func(c *znode) { count += t.descendants(c) })
	}
	return count
}

// GetEphemerals answers getEphemerals: a session's own ephemeral nodes whose path begins with prefix; "" and
// "/" mean all of them. A session needs no permission to list its own nodes.
func (t *Tree) GetEphemerals(session int64, prefix string) wire.ChildrenResponse {
	paths := t.Ephemerals(session)
	if trimmed := strings.TrimSpace(prefix); trimmed != "" && trimmed != "/" {
		kept := paths[:0]
		for _, p := range paths {
			if strings.HasPrefix(p, prefix) {
				kept = append(kept, p)
			}
		}
		paths = kept
	}
	return wire.ChildrenResponse{Children: paths}
}

// MultiRead answers multiRead. Unlike in a multi, one operation's error does not affect the others. The watch
// flags of the reads are ignored: Java drops them when it reads a multi. An answer larger than maxMultiRead is
// refused.
//
// A request of writes, or with a null path, fails as a whole; Java has begun its answer by then, and sends that
// part. Java cannot read a request that mixes reads and writes.
func (t *Tree) MultiRead(m *wire.MultiRequest, c Caller) (wire.MultiResponse, wire.ErrCode) {
	r := wire.MultiResponse{Results: make([]wire.MultiResult, 0, len(m.Ops))}
	if mixed(m) {
		return wire.MultiResponse{}, wire.ErrMarshalling
	}
	size := 0
	for _, op := range m.Ops {
		q, ok := op.Request.(*wire.PathWatchRequest)
		if !ok || op.Null {
			return r, wire.ErrMarshalling
		}
		var response wire.Record
		var code wire.ErrCode
		if op.Op == wire.OpGetData {
			var d wire.DataResponse
			d, code = t.GetData(q.Path, c)
			size += len(d.Data)
			response = &d
		} else {
			var d wire.Children2Response
			d, code = t.GetChildren(q.Path, c)
			for _, name := range d.Children {
				size += 4 + len(name)
			}
			response = &wire.ChildrenResponse{Children: d.Children}
		}
		if size += answerOverhead; size > maxMultiRead {
			return wire.MultiResponse{}, wire.ErrMarshalling
		}
		if code != wire.OK {
			r.Results = append(r.Results, wire.MultiResult{Op: wire.OpError, Err: code})
			continue
		}
		r.Results = append(r.Results, wire.MultiResult{Op: op.Op, Response: response})
	}
	return r, wire.OK
}

// mixed reports whether a multi has both reads and writes.
func mixed(m *wire.MultiRequest) bool {
	reads := 0
	for _, op := range m.Ops {
		if _, ok := op.Request.(*wire.PathWatchRequest); ok {
			reads++
		}
	}
	return reads > 0 && reads < len(m.Ops)
}

// readable finds a node and checks that the caller has one of the permissions.
func (t *Tree) readable(path string, perm wire.Perm, c Caller) (*znode, wire.ErrCode) {
	n := t.lookup(path)
	if n == nil {
		return nil, wire.ErrNoNode
	}
	if !c.May(perm, n.acl.list) {
		return nil, wire.ErrNoAuth
	}
	return n, wire.OK
}

// Reapable lists, in order, the containers and TTL nodes that a leader should delete, by op deleteContainer, at
// this wall-clock time in milliseconds. A container qualifies if it has lost all its children, or has never had
// one for longer than neverUsed milliseconds (0: keep it).
func (t *Tree) Reapable(millis, neverUsed int64) []string {
	var paths []string
	// In any order: the paths are sorted in the end.
	for path := range t.containers {
		n := t.znodes.get(path)
		idle := neverUsed > 0 && millis-n.stat.Mtime > neverUsed
		if n.children == 0 && (n.stat.Cversion > 0 || idle) {
			paths = append(paths, path)
		}
	}
	// In any order, too.
	for path := range t.ttls {
		n := t.znodes.get(path)
		ttl := ownerTTL(n.stat.EphemeralOwner)
		if n.children == 0 && ttl > 0 && millis-n.stat.Mtime > ttl {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
