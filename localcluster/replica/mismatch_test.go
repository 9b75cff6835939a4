package replica

import (
	"strings"
	"testing"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// foreign is a transaction whose leader recorded another digest than the tree has.
func foreign(z wire.Zxid) wire.Proposal {
	txn := wire.Txn{
		Header: wire.TxnHeader{Zxid: z, Type: wire.OpCreateSession}, Body: &wire.CreateSessionTxn{Timeout: 1000},
		Digest: &wire.TxnDigest{Version: wire.DigestVersion, Digest: 42},
	}
	return wire.Proposal{Zxid: z, Data: txn.Marshal()}
}

// A digest that is not the tree's is counted each time, told at first, and no reason to end.
func TestDigestMismatchIsToldAndCounted(t *testing.T) {
	w := alone(t)
	for z := wire.Zxid(1); z <= 3; z++ {
		w.Step(zab.Proposed{Proposal: foreign(z)})
		w.sync()
	}
	if got := w.told(); strings.Contains(got, "\n") || !strings.HasPrefix(got, "error: the tree's digest is not the one") {
		t.Errorf("told %q", got)
	}
	if got := w.DigestMismatches(); got != 3 || w.Err() != nil || w.Tree().LastZxid() != 3 {
		t.Errorf("%d mismatches, at %v: %v", got, w.Tree().LastZxid(), w.Err())
	}
}

func TestDigestsThatMustMatch(t *testing.T) {
	w := alone(t)
	w.o.DigestsMustMatch = true
	w.Step(zab.Proposed{Proposal: foreign(1)})
	w.sync()
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), "the leader recorded 42") {
		t.Errorf("the server ends with %v", err)
	}
}
