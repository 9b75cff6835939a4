package datatree

import (
	"testing"

	"zkctl/probe/wire"
)

// FuzzPrepare prepares arbitrary requests. Each gives a transaction that every server can read, and the tree after
// it has the digest that the leader predicted.
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
		result := r.apply() // fails the test if the digest is not the predicted one
		checkTree(t, r.tree)
		sameTree(t, roundTrip(t, r.tree), r.tree)
		Respond(q.Op, q.Body, &result)
		Read(r.tree, NewWatches(), Query{Op: q.Op, Body: q.Body})
	})
}

// FuzzApply applies arbitrary transactions. They may fail, but the tree can still be saved and changed.
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
		// A tree without its built-in nodes is accepted, but every tree must be readable after it is saved.
		again := roundTrip(t, r.tree)
		sameTree(t, again, r.tree)
	})
}
