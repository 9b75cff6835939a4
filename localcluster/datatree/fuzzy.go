package datatree

import "zkctl/probe/wire"

// awaited is the point in replay at which a tree from a fuzzy snapshot is exact again.
type awaited struct {
	zxid   wire.Zxid
	digest *wire.TxnDigest // nil: only the zxid is known
}

// AwaitDigest says that the tree comes from a snapshot which may show effects of transactions up to zxid. Until
// that one is applied, digests are not compared; then the tree must have this digest (nil: not known). A
// snapshot file ends with such a pair: the zxid at which Java finished writing, and its digest.
//
// If zxid is not ahead of the tree, the snapshot counts as exact.
func (t *Tree) AwaitDigest(zxid wire.Zxid, digest *wire.TxnDigest) {
	t.awaited = nil
	if zxid > t.lastZxid {
		t.awaited = &awaited{zxid, digest}
	}
}

// SetLastZxid sets the last transaction that a decoded tree includes, which its bytes do not tell.
func (t *Tree) SetLastZxid(z wire.Zxid) { t.lastZxid = z }

// diverged compares the tree's digest with the one expected after the transaction just applied, and returns that.
func (t *Tree) diverged(zxid wire.Zxid, expected *wire.TxnDigest) (want int64, differs bool) {
	if a := t.awaited; a != nil {
		if zxid < a.zxid {
			return 0, false
		}
		t.awaited = nil
		if zxid == a.zxid && a.digest != nil {
			expected = a.digest
		}
	}
	if expected == nil || expected.Version != wire.DigestVersion {
		return 0, false
	}
	return expected.Digest, uint64(expected.Digest) != t.digest
}
