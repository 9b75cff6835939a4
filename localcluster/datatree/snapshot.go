package datatree

import (
	"fmt"
	"io"

	"github.com/tidwall/btree"

	"zkctl/probe/wire"
)

// Snapshot is a Tree at one instant. It never changes; any goroutine may encode it while the tree changes.
//
// Java's snapshots are fuzzy, because they are written while the tree changes. These are exact: they show the
// effects of every transaction up to Zxid and of none after it. Replaying the log onto one needs no special
// rules; a Java server that receives one applies them anyway.
type Snapshot struct {
	zxid     wire.Zxid
	digest   wire.TxnDigest
	order    *btree.BTreeG[*znode]
	acls     *btree.Map[int64, *acl]
	sessions *btree.Map[int64, int32]
}

// Snapshot returns the tree as it is now, in constant time. It counts as a write: the tree's pages become shared,
// and each is copied at its first change.
func (t *Tree) Snapshot() *Snapshot {
	return &Snapshot{
		zxid: t.lastZxid, digest: t.Digest(),
		order: t.znodes.order.Copy(), acls: t.acls.byID.Copy(), sessions: t.sessions.Copy(),
	}
}

// Zxid is the last transaction that the snapshot includes.
func (s *Snapshot) Zxid() wire.Zxid { return s.zxid }

// Digest is the tree's digest at Zxid.
func (s *Snapshot) Digest() wire.TxnDigest { return s.digest }

// Nodes is the number of nodes.
func (s *Snapshot) Nodes() int { return s.order.Len() }

// flushAt is the size of the buffer above which Encode writes it.
const flushAt = 64 << 10

// Encode writes the snapshot in ZooKeeper's format, in pieces of some 64 KiB:
//
//	int32 count, count * (int64 session, int32 timeout)
//	int32 count, count * (int64 id, vector of ACL)         id -1, world:anyone:cdrwa, has no entry
//	     (text path, buffer data, int64 ACL id, StatPersisted, 60 bytes) per node,
//	          the root first, with path "", every parent before its children
//	text "/"                                               the end; no node has this path
//
// These bytes are the body of a snapshot file and of what a leader sends after SNAP. Sessions and ACLs are in the
// order of their ids and nodes in a fixed order, so equal trees make equal bytes.
func (s *Snapshot) Encode(w io.Writer) error {
	room := min(flushAt+flushAt/4, 256+128*s.order.Len()) // small trees need no large buffer
	e := encodeBuffer{Encoder: *wire.NewEncoder(make([]byte, 0, room)), w: w}
	e.Int32(int32(s.sessions.Len()))
	s.sessions.Scan(func(id int64, timeout int32) bool {
		e.Int64(id)
		e.Int32(timeout)
		return e.flush(flushAt)
	})
	e.Int32(int32(s.acls.Len()))
	s.acls.Scan(func(id int64, a *acl) bool {
		e.Int64(id)
		wire.EncodeACLs(&e.Encoder, a.list)
		return e.flush(flushAt)
	})
	s.order.Scan(func(n *znode) bool {
		e.Text(n.path)
		e.Buffer(n.data)
		e.Int64(n.acl.id)
		n.stat.Encode(&e.Encoder)
		return e.flush(flushAt)
	})
	e.Text("/")
	e.flush(0)
	return e.err
}

// encodeBuffer is an Encoder that writes to w. It keeps w's first error.
type encodeBuffer struct {
	wire.Encoder
	w   io.Writer
	err error
}

// flush writes the buffer if it has more than limit bytes. It reports whether there was no error so far.
func (e *encodeBuffer) flush(limit int) bool {
	if e.err == nil && e.Len() > limit {
		if _, err := e.w.Write(e.Bytes()); err != nil {
			e.err = fmt.Errorf("write snapshot: %w", err)
		}
		e.Reset()
	}
	return e.err == nil
}
