package replica

import (
	"fmt"
	"time"

	"zkctl/probe/wire"
)

// mismatches counts the transactions after which the tree had another digest than the
// leader recorded. As in ZooKeeper (DataTree.reportDigestMismatch) they are counted and
// logged, and the server goes on: the leader may have computed the digest wrong, as
// Java does for a container that is made by the flags of a create, and if servers ended
// because of that, the ensemble would lose its quorum.
type mismatches struct {
	count       int64
	silentUntil time.Duration // when the next one may be logged
}

// mismatchInterval is the shortest time between two log lines about mismatches: a tree
// that differs has one with every transaction.
const mismatchInterval = time.Minute

// DigestMismatches is the number of transactions, since this process began, after which
// the tree had another digest than their leader recorded.
func (s *Server) DigestMismatches() int64 { return s.mismatches.count }

// noteMismatch counts and logs a mismatch, or ends the server if digests must match.
func (s *Server) noteMismatch(zxid wire.Zxid, recorded int64) {
	m, tree := &s.mismatches, s.tree.Digest().Digest
	m.count++
	if s.o.DigestsMustMatch {
		s.fail(fmt.Errorf("after transaction %v the tree has digest %d, and the leader recorded %d: compare the data of the servers", zxid, tree, recorded))
		return
	}
	if now := s.shell.Now(); m.count == 1 || now >= m.silentUntil {
		m.silentUntil = now + mismatchInterval
		s.shell.Error("the tree's digest is not the one that the leader recorded: if mntr's zk_digest_mismatches_count keeps growing, "+
			"compare the data of the servers", "zxid", zxid, "digest", tree, "recorded", recorded, "mismatches", m.count)
	}
}
