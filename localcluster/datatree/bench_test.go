package datatree

import (
	"fmt"
	"io"
	"testing"

	"zkctl/probe/wire"
)

// bigTree returns a tree of n nodes under n/100 parents.
func bigTree(b *testing.B, n int) *rig {
	r := newRig(b)
	r.create("/app", "")
	for i := range n / 100 {
		r.create(fmt.Sprintf("/app/folder-%04d", i), "")
		for j := range 99 {
			r.create(fmt.Sprintf("/app/folder-%04d/node-%04d", i, j), "some ordinary data")
		}
	}
	r.log = nil
	r.applied = 0
	return r
}

const benchSize = 50_000

func BenchmarkGetData(b *testing.B) {
	r := bigTree(b, benchSize)
	paths := make([]string, 1000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/app/folder-%04d/node-%04d", i*7%(benchSize/100), i%99)
	}
	caller := Caller{IDs: []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, code := r.tree.GetData(paths[i%len(paths)], caller); code != wire.OK {
			b.Fatal(code)
		}
	}
}

func BenchmarkGetChildren(b *testing.B) {
	r := bigTree(b, benchSize)
	b.ReportAllocs()
	for b.Loop() {
		if len(r.tree.Children("/app/folder-0003")) != 99 {
			b.Fatal("lost a child")
		}
	}
}

// prepareAndApply measures Prepare and Apply of the requests that f makes.
func prepareAndApply(b *testing.B, op wire.OpCode, f func(i int) wire.Record) {
	r := bigTree(b, benchSize)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		txn := r.prep.Prepare(r.request(rigSession, op, f(i)), r.zxid+1, 1)
		r.zxid++
		if result, err := r.tree.Apply(txn); err != nil || result.Err != wire.OK {
			b.Fatal(result.Err, err)
		}
		r.prep.Applied(r.zxid)
	}
}

func BenchmarkPrepareApplyCreate(b *testing.B) {
	prepareAndApply(b, wire.OpCreate, func(i int) wire.Record {
		return createRequest(fmt.Sprintf("/app/folder-%04d/new-%d", i%(benchSize/100), i), "some ordinary data", 0)
	})
}

func BenchmarkPrepareApplySetData(b *testing.B) {
	prepareAndApply(b, wire.OpSetData, func(i int) wire.Record {
		return setRequest(fmt.Sprintf("/app/folder-%04d/node-%04d", i%(benchSize/100), i%99), "some other data")
	})
}

// BenchmarkApplySetData measures a follower's part: decode and apply.
func BenchmarkApplySetData(b *testing.B) {
	r := bigTree(b, benchSize)
	const n = 1000
	for i := range n {
		r.prepare(r.request(rigSession, wire.OpSetData, setRequest(fmt.Sprintf("/app/folder-%04d/node-%04d", i%(benchSize/100), i%99), "x")))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		txn, err := wire.UnmarshalTxn(r.log[i%n])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.tree.Apply(txn); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot measures what a snapshot costs the server: nothing at first, and then a copied page per change.
func BenchmarkSnapshot(b *testing.B) {
	r := bigTree(b, benchSize)
	for b.Loop() {
		r.tree.Snapshot()
	}
}

func BenchmarkEncode(b *testing.B) {
	s := bigTree(b, benchSize).tree.Snapshot()
	b.SetBytes(int64(len(encode(b, s))))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	bytes := encode(b, bigTree(b, benchSize).tree.Snapshot())
	b.SetBytes(int64(len(bytes)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(wire.NewDecoder(bytes)); err != nil {
			b.Fatal(err)
		}
	}
}
