package replica

import (
	"fmt"
	"time"

	"zkctl/probe/wire"
)

// mismatches are transactions after which the tree had another digest than the
// leader recorded. As in ZooKeeper (DataTree.reportDigestMismatch) they are
// counted and told, and the server goes on: the leader may have computed the
// digest wrong, as Java does for a container that is made by the flags of a
// create, and servers that end because of that take the ensemble with them.
type mismatches struct {
	count       int64
	silentUntil time.Duration // until when the log says no more of them
}

// mismatchInterval is how often the log may tell of mismatches: a tree that does
// differ has one with every transaction.
const mismatchInterval = time.Minute

// DigestMismatches is how many transactions have left the tree with another
// digest than their leader recorded, since this process began.
func (s *Server) DigestMismatches() int64 { return s.mismatches.count }

// noteMismatch takes note of one.
func (s *Server) noteMismatch(zxid wire.Zxid, recorded int64) {
	m, tree := &s.mismatches, s.tree.Digest().Digest
	m.count++
	if s.o.DigestsMustMatch {
		s.fail(fmt.Errorf("after transaction %v the tree has digest %d, and the leader recorded %d: compare the data of the servers", zxid, tree, recorded))
		return
	}
	if now := s.shell.Now(); m.count == 1 || now >= m.silentUntil {
		m.silentUntil = now + mismatchInterval
		s.shell.Error("the tree's digest is not the one that the leader recorded: should mntr's zk_digest_mismatches_count go on growing, "+
			"compare the data of the servers", "zxid", zxid, "digest", tree, "recorded", recorded, "mismatches", m.count)
	}
}
