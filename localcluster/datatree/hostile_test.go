package datatree

import (
	"testing"

	"zkctl/probe/wire"
)

// FuzzPrepare sends requests that no client makes. Whatever they are, there is a transaction, every server can
// read it, and the tree afterwards is the one that the leader predicted.
func FuzzPrepare(f *testing.F) {
	for _, table := range [][]errorCase{createCases, deleteCases, changeCases, otherCases} {
		for _, c := range table {
			var body []byte
			if c.body != nil {
				body = wire.Marshal(c.body)
			}
			f.Add(int32(c.op), body, true)
		}
	}
	f.Add(int32(wire.OpCloseSession), []byte{}, true)
	f.Add(int32(wire.OpDeleteContainer), []byte("/open/child"), false)
	f.Fuzz(func(t *testing.T, op int32, body []byte, client bool) {
		r := newRig(t)
		r.create("/open", "")
		r.create("/open/child", "")
		q := r.request(0, wire.OpCode(op), nil)
		q.Body = body
		if client {
			q.Session = rigSession
		}
		r.prepare(q)
		result := r.apply() // fails the test on a digest that is not the predicted one
		checkTree(t, r.tree)
		sameTree(t, roundTrip(t, r.tree), r.tree)
		Respond(q.Op, q.Body, &result)
		Read(r.tree, NewWatches(), Query{Op: q.Op, Body: q.Body})
	})
}

// FuzzApply applies transactions that no leader writes. They may fail, but leave a tree that can be saved and
// go on.
func FuzzApply(f *testing.F) {
	rng := newRand(f)
	for _, b := range history(f, rng, 60).log {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		txn, err := wire.UnmarshalTxn(b)
		if err != nil {
			return
		}
		r := newRig(t)
		r.create("/a", "")
		r.create("/a/b", "")
		before := dump(r.tree)
		result, err := r.tree.Apply(txn)
		if err != nil && dump(r.tree) != before {
			t.Fatalf("refused with %v, and changed the tree", err)
		}
		checkTree(t, r.tree)
		w := NewWatches()
		w.Add("/", 1, wire.WatchPersistentRecursive)
		for _, c := range result.Changes {
			w.Trigger(c)
		}
		// A tree that lost its root's children is still a tree; one that cannot be read back is not.
		again := roundTrip(t, r.tree)
		sameTree(t, again, r.tree)
	})
}
