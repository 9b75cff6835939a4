package replica

import (
	"strings"
	"testing"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// mismatching returns a transaction that records another digest than the tree has.
func mismatching(z wire.Zxid) wire.Proposal {
	txn := wire.Txn{
		Header: wire.TxnHeader{Zxid: z, Type: wire.OpCreateSession}, Body: &wire.CreateSessionTxn{Timeout: 1000},
		Digest: &wire.TxnDigest{Version: wire.DigestVersion, Digest: 42},
	}
	return wire.Proposal{Zxid: z, Data: txn.Marshal()}
}

// Every digest that is not the tree's is counted, the first is logged, and the server goes on.
func TestDigestMismatchIsCountedAndLogged(t *testing.T) {
	w := newStandalone(t)
	for z := wire.Zxid(1); z <= 3; z++ {
		w.Step(zab.Proposed{Proposal: mismatching(z)})
		w.sync()
	}
	if got := w.recorded(); strings.Contains(got, "\n") || !strings.HasPrefix(got, "error: the tree's digest is not the one") {
		t.Errorf("recorded %q", got)
	}
	if got := w.DigestMismatches(); got != 3 || w.Err() != nil || w.Tree().LastZxid() != 3 {
		t.Errorf("%d mismatches, at %v: %v", got, w.Tree().LastZxid(), w.Err())
	}
}

func TestDigestsThatMustMatch(t *testing.T) {
	w := newStandalone(t)
	w.o.DigestsMustMatch = true
	w.Step(zab.Proposed{Proposal: mismatching(1)})
	w.sync()
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), "the leader recorded 42") {
		t.Errorf("the server fails with %v", err)
	}
}
