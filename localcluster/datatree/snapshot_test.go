package datatree

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

func encode(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// roundTrip encodes and decodes a tree.
func roundTrip(t testing.TB, tree *Tree) *Tree {
	t.Helper()
	r := bytes.NewReader(append(encode(t, tree.Snapshot()), "BenWasHere"...))
	again, err := Decode(wire.NewStreamDecoder(r, 1<<20), WithExtendedTypes(tree.extended))
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "BenWasHere" {
		t.Fatalf("decoding left %q, want it to stop at the end of the snapshot", rest)
	}
	again.SetLastZxid(tree.LastZxid())
	return again
}

func TestSnapshotRoundTrip(t *testing.T) {
	rng := newRand(t)
	for range 20 {
		r := history(t, rng, 300)
		again := roundTrip(t, r.tree)
		sameTree(t, again, r.tree)
		if a, b := encode(t, again.Snapshot()), encode(t, r.tree.Snapshot()); !bytes.Equal(a, b) {
			t.Fatal("the same tree has two encodings")
		}
		// Both trees must also change in the same way.
		more := history(t, rng, 100).log
		replay(t, again, more)
		replay(t, r.tree, more)
		sameTree(t, again, r.tree)
	}
}

// TestSnapshotDuringTransactions encodes snapshots on other goroutines while transactions are applied; run it with
// -race.
func TestSnapshotDuringTransactions(t *testing.T) {
	rng := newRand(t)
	whole := history(t, rng, 3000)
	live := New(WithExtendedTypes(true))

	type picture struct {
		want []byte
		got  chan []byte
	}
	var pictures []picture
	for i, b := range whole.log {
		replay(t, live, [][]byte{b})
		if i%100 != 0 {
			continue
		}
		s := live.Snapshot()
		if s.Zxid() != live.LastZxid() || s.Digest() != live.Digest() || s.Nodes() != live.Counts().Nodes-1 {
			t.Fatalf("snapshot of %s, digest %v, %d nodes; the tree is at %s, %v, %+v",
				s.Zxid(), s.Digest(), s.Nodes(), live.LastZxid(), live.Digest(), live.Counts())
		}
		p := picture{want: encode(t, s), got: make(chan []byte, 1)}
		go func() {
			var b bytes.Buffer
			if err := s.Encode(&b); err != nil {
				t.Error(err)
			}
			p.got <- b.Bytes()
		}()
		pictures = append(pictures, p)
	}
	for i, p := range pictures {
		if !bytes.Equal(<-p.got, p.want) {
			t.Errorf("snapshot %d changed with the tree", i)
		}
	}
}

type brokenWriter struct{ room int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.room -= len(b); w.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestEncodeReportsTheWritersError(t *testing.T) {
	r := newRig(t)
	for i := range 3000 {
		r.create("/"+string(rune('a'+i%26))+string(rune(0x4e00+i)), "some data that takes space")
	}
	size := len(encode(t, r.tree.Snapshot()))
	if size < 3*flushAt {
		t.Fatalf("a snapshot of %d bytes is written at once, the test wants several writes", size)
	}
	for _, room := range []int{0, flushAt + 1000, size - 1} {
		if err := r.tree.Snapshot().Encode(&brokenWriter{room}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("writer with room for %d of %d bytes: %v, want its error", room, size, err)
		}
	}
}

// No prefix of a snapshot is a snapshot.
func TestDecodeTruncated(t *testing.T) {
	b := encode(t, history(t, newRand(t), 60).tree.Snapshot())
	for n := range b {
		if _, err := Decode(wire.NewStreamDecoder(bytes.NewReader(b[:n]), 1<<20)); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatalf("%d of %d bytes: %v, want an unexpected end", n, len(b), err)
		}
	}
}

// snapshotOf encodes sessions, ACLs and nodes, which need not be consistent.
func snapshotOf(nodes func(e *wire.Encoder, node func(path string, acl int64))) []byte {
	var e wire.Encoder
	e.Int32(0)
	e.Int32(0)
	nodes(&e, func(path string, acl int64) {
		e.Text(path)
		e.Buffer(nil)
		e.Int64(acl)
		new(wire.StatPersisted).Encode(&e)
	})
	return e.Bytes()
}

func TestDecodeRefuses(t *testing.T) {
	count := func(sessions, acls int32) []byte {
		var e wire.Encoder
		e.Int32(sessions)
		e.Int32(acls)
		return e.Bytes()
	}
	nullACL := append(count(0, 1), wire.Marshal(&wire.CreateSessionTxn{})...)
	nullACL = append(nullACL, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff)
	paths := func(paths ...string) []byte {
		return snapshotOf(func(e *wire.Encoder, node func(string, int64)) {
			for _, p := range paths {
				node(p, openACLID)
			}
			e.Text("/")
		})
	}
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"negative sessions", count(-1, 0), ErrCorrupt},
		{"negative ACLs", count(0, math.MinInt32), ErrCorrupt},
		{"2 billion sessions, none there", count(math.MaxInt32, 0), io.ErrUnexpectedEOF},
		{"2 billion ACLs, none there", count(0, math.MaxInt32), io.ErrUnexpectedEOF},
		{"null ACL", nullACL, ErrCorrupt},
		{"no nodes", paths(), ErrCorrupt},
		{"no root", paths("/a"), ErrCorrupt},
		{"root twice", paths("", ""), ErrCorrupt},
		{"node twice", paths("", "/a", "/a"), ErrCorrupt},
		{"orphan", paths("", "/a/b", "/a"), ErrCorrupt},
		{"no slash", paths("", "a"), ErrCorrupt},
		{"empty name", paths("", "/a", "/a/"), ErrCorrupt},
		{"child of the root's other name", paths("", "//a"), ErrCorrupt},
		{"a path of a megabyte", paths("", "/"+strings.Repeat("\x00", 1<<20)+"/a"), ErrCorrupt},
	} {
		tree, err := Decode(wire.NewDecoder(c.b))
		if !errors.Is(err, c.want) || tree != nil {
			t.Errorf("%s: %v, %v, want %v and no tree", c.name, tree, err, c.want)
		}
		if n := len(err.Error()); n > 1000 {
			t.Errorf("%s: the error has %d bytes", c.name, n)
		}
	}
}

// TestDecodeACLs decodes nodes whose ACL is not in the table, or is in it under several ids.
func TestDecodeACLs(t *testing.T) {
	tree, err := Decode(wire.NewDecoder(snapshotOf(func(e *wire.Encoder, node func(string, int64)) {
		node("", openACLID)
		node("/unknown", 42)
		e.Text("/")
	})))
	if err != nil {
		t.Fatal(err)
	}
	plain := Caller{IDs: []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	if _, code := tree.GetData("/unknown", plain); code != wire.ErrNoAuth {
		t.Errorf("node without a known ACL: %v, want no access", code)
	}
	create := &wire.CreateTxn{Path: "/unknown", ACL: wire.OpenACL(), ParentCVersion: 1}
	if _, err := tree.Apply(&wire.Txn{Header: wire.TxnHeader{Zxid: 1, Type: wire.OpCreate}, Body: create}); err != nil {
		t.Fatal(err)
	}
	if _, code := tree.GetData("/unknown", plain); code != wire.OK {
		t.Errorf("after replay of its creation: %v, want the transaction's ACL", code)
	}

	var e wire.Encoder
	e.Int32(0)
	e.Int32(4)
	for _, id := range []int64{3, 9, math.MaxInt64, -5} {
		e.Int64(id)
		wire.EncodeACLs(&e, wire.ReadACL())
	}
	for _, n := range []struct {
		path string
		id   int64
	}{{"", 9}, {"/a", 3}, {"/b", math.MaxInt64}, {"/c", -5}} {
		e.Text(n.path)
		e.Buffer(nil)
		e.Int64(n.id)
		new(wire.StatPersisted).Encode(&e)
	}
	e.Text("/")
	if tree, err = Decode(wire.NewDecoder(e.Bytes())); err != nil {
		t.Fatal(err)
	}
	if got := tree.Snapshot().acls.Len(); got != 1 {
		t.Errorf("%d ACLs in the table, want the one value once", got)
	}
	if a := tree.acls.use([]wire.ACL{{Perms: 1, ID: wire.ID{Scheme: "ip", ID: "::1"}}}); a.id != 10 {
		t.Errorf("the next ACL is called %d, want 10, after the highest sane one", a.id)
	}
}

func FuzzDecode(f *testing.F) {
	rng := newRand(f)
	f.Add(encode(f, New().Snapshot()))
	f.Add(encode(f, history(f, rng, 40).tree.Snapshot()))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := Decode(wire.NewDecoder(b))
		streamed, err2 := Decode(wire.NewStreamDecoder(bytes.NewReader(b), len(b)+16))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("from a slice: %v; from a stream: %v", err, err2)
		}
		if err != nil {
			return
		}
		sameTree(t, streamed, tree)
		again := roundTrip(t, tree)
		sameTree(t, again, tree)
		// Transactions can be applied to any tree that was decoded.
		log := [][]byte{
			(&wire.Txn{Header: wire.TxnHeader{ClientID: 1, Zxid: 1, Type: wire.OpCreate},
				Body: &wire.CreateTxn{Path: "/fuzz", Ephemeral: true, ParentCVersion: -1}}).Marshal(),
			(&wire.Txn{Header: wire.TxnHeader{ClientID: 1, Zxid: 2, Type: wire.OpCloseSession}}).Marshal(),
		}
		replay(t, tree, log)
		replay(t, again, log)
		sameTree(t, again, tree)
	})
}
