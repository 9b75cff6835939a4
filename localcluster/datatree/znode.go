package datatree

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"zkctl/probe/wire"
)

// znode is one version of one node. It never changes once it is in a store: a change makes a new znode. That costs
// an allocation per change, but snapshots, the Preparer's outstanding changes and the tree share nodes without
// locks.
type znode struct {
	path     string // "" for the root, otherwise /a/b
	cut      int    // index of the last slash of path; -1 for the root
	children int32  // number of children; their names are in the store
	digest   uint64 // covers path, data and stat; 0 below /zookeeper/
	data     []byte // nil and empty are different values
	acl      *acl
	stat     wire.StatPersisted
}

// The nodes every ensemble has. Clients depend on them.
const (
	zookeeperPath    = "/zookeeper"
	quotaPath        = "/zookeeper/quota"
	configPath       = "/zookeeper/config"
	digestFreePrefix = "/zookeeper/" // nodes below it are outside the digest
)

// isSpecial reports whether path may not be deleted.
func isSpecial(path string) bool {
	switch path {
	case "", "/", zookeeperPath, quotaPath, configPath:
		return true
	}
	return false
}

// key maps the root's two names, "/" and "", to the one in the store: "", which snapshots and digests use and
// which is the parent of "/a" without a special case.
func key(path string) string {
	if path == "/" {
		return ""
	}
	return path
}

// display is the inverse of key, for what clients see.
func display(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// splitPath splits a path into its parent's key and its own name. ok is false if there is no slash, and for the
// root, which has no parent. The parent of a malformed path such as "//a" is "/", which is no key.
func splitPath(path string) (parent, name string, ok bool) {
	cut := strings.LastIndexByte(path, '/')
	if cut < 0 || path == "/" {
		return "", "", false
	}
	return path[:cut], path[cut+1:], true
}

// newZnode returns a node as its creating transaction makes it.
func newZnode(path string, data []byte, a *acl, owner int64, zxid wire.Zxid, millis int64) *znode {
	return &znode{
		path: path, cut: strings.LastIndexByte(path, '/'), data: data, acl: a,
		stat: wire.StatPersisted{
			Czxid: zxid, Mzxid: zxid, Pzxid: zxid, Ctime: millis, Mtime: millis, EphemeralOwner: owner,
		},
	}
}

func (n *znode) isRoot() bool { return n.cut < 0 }

// parent is the key of the parent; the root's is its own.
func (n *znode) parent() string {
	if n.cut < 0 {
		return ""
	}
	return n.path[:n.cut]
}

func (n *znode) name() string { return n.path[n.cut+1:] }

// visible is the stat that clients see.
//
// The persisted cversion counts only creates, which is enough to number sequential nodes. Clients see creates plus
// deletes; the deletes are the creates minus the children that still exist.
func (n *znode) visible(extended bool) wire.Stat {
	s := &n.stat
	owner := s.EphemeralOwner
	if ownerKind(owner, extended) != OwnerSession {
		owner = 0
	}
	return wire.Stat{
		Czxid: s.Czxid, Mzxid: s.Mzxid, Pzxid: s.Pzxid, Ctime: s.Ctime, Mtime: s.Mtime,
		Version: s.Version, Cversion: 2*s.Cversion - n.children, Aversion: s.Aversion,
		EphemeralOwner: owner, DataLength: int32(len(n.data)), NumChildren: n.children,
	}
}

// hasher computes node digests. It keeps a buffer, so it belongs to one goroutine.
type hasher struct{ buf []byte }

// digest is the CRC-32 of the path, the data and nine fields of the stat. Their order is not that of
// StatPersisted: pzxid is third, not last. Null data adds no bytes. Nodes below /zookeeper/ have digest 0: each
// Java server updates quota statistics there on its own.
func (h *hasher) digest(n *znode) uint64 {
	if strings.HasPrefix(n.path, digestFreePrefix) {
		return 0
	}
	h.buf = append(h.buf[:0], n.path...)
	sum := crc32.Update(0, crc32.IEEETable, h.buf)
	sum = crc32.Update(sum, crc32.IEEETable, n.data)

	s, b := &n.stat, h.buf[:0]
	for _, v := range [...]int64{int64(s.Czxid), int64(s.Mzxid), int64(s.Pzxid), s.Ctime, s.Mtime} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	for _, v := range [...]int32{s.Version, s.Cversion, s.Aversion} {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(s.EphemeralOwner))
	h.buf = b
	return uint64(crc32.Update(sum, crc32.IEEETable, b))
}

// The functions below are the four ways in which a node changes. The leader's Preparer and Apply use the same
// ones, so the digest that the leader predicts is the digest after the transaction.

// seal completes a new version of a node by its digest.
func (h *hasher) seal(n znode) *znode {
	n.digest = h.digest(&n)
	return &n
}

// childCreated is n after zxid has created a child. The new cversion comes from the transaction (-1, unknown, in
// logs of ZooKeeper 3.3). It never goes down: in a replay onto a fuzzy snapshot the parent may be ahead of the
// transaction.
func (h *hasher) childCreated(n *znode, isNew bool, cversion int32, zxid wire.Zxid) *znode {
	next := *n
	if isNew {
		next.children++
	}
	if cversion == -1 {
		cversion = n.stat.Cversion + 1
	}
	if cversion > n.stat.Cversion {
		next.stat.Cversion, next.stat.Pzxid = cversion, zxid
	}
	return h.seal(next)
}

// childDeleted is n after zxid has deleted a child; wasThere is false if a replay does not find the child.
func (h *hasher) childDeleted(n *znode, wasThere bool, zxid wire.Zxid) *znode {
	next := *n
	if wasThere {
		next.children--
	}
	next.stat.Pzxid = max(next.stat.Pzxid, zxid)
	return h.seal(next)
}

func (h *hasher) dataSet(n *znode, data []byte, version int32, zxid wire.Zxid, millis int64) *znode {
	next := *n
	next.data = data
	next.stat.Version, next.stat.Mzxid, next.stat.Mtime = version, zxid, millis
	return h.seal(next)
}

// aclSet changes nothing but the ACL and its version: no zxid, no time, no watch.
func (h *hasher) aclSet(n *znode, a *acl, version int32) *znode {
	next := *n
	next.acl, next.stat.Aversion = a, version
	return h.seal(next)
}
