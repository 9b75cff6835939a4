package datatree

import "zkctl/probe/wire"

// awaited is the point in replay at which a tree from a fuzzy snapshot is exact again.
type awaited struct {
	zxid   wire.Zxid
	digest *wire.TxnDigest // nil: only the zxid is known
}

// AwaitDigest says that the tree comes from a snapshot which may show effects of transactions up to zxid:
// until that one was applied, digests are not compared, and then the tree must have this digest (nil: not
// known). A snapshot file ends with such a pair; it is the zxid after which Java finished writing.
//
// When zxid is not ahead of the tree there is nothing to wait for: the snapshot is exact, or taken for it.
func (t *Tree) AwaitDigest(zxid wire.Zxid, digest *wire.TxnDigest) {
	t.awaited = nil
	if zxid > t.lastZxid {
		t.awaited = &awaited{zxid, digest}
	}
}

// SetLastZxid says which transaction the tree stands at, after Decode, whose bytes do not tell.
func (t *Tree) SetLastZxid(z wire.Zxid) { t.lastZxid = z }

// diverged compares the tree with the digest expected after the transaction just applied, which it returns.
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
