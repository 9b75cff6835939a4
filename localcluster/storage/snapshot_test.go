package storage

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// snapshotFile returns the bytes of the snapshot file of a history.
func snapshotFile(t testing.TB, st *testHistory) []byte {
	t.Helper()
	m := NewMemFS(1)
	l := newLayout(m, dataDir, "")
	if err := errors.Join(l.make(), l.saveSnapshot(st.tree.Snapshot(), func() error { return nil })); err != nil {
		t.Fatal(err)
	}
	return readFile(t, m, snapshotPath(st.last()))
}

func TestSnapshotRoundTrip(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 30)
	m := NewMemFS(1)
	path := snapshotPath(st.last())
	m.WriteFile(path, snapshotFile(t, st))
	tree, info, err := ReadSnapshot(m, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.verify(&Recovered{Tree: tree, LastZxid: st.last()}); err != nil {
		t.Fatal(err)
	}
	want := SnapshotInfo{Path: path, Zxid: st.last(), Size: info.Size, DigestZxid: st.last(), Digest: st.tree.Digest()}
	if info != want {
		t.Errorf("info %+v\nexpected %+v", info, want)
	}
}

// A new Java server and a new Store write the same first file, byte for byte.
func TestFreshSnapshotIsJavas(t *testing.T) {
	java, err := os.ReadFile("testdata/java/killed/version-2/snapshot.0")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemFS(1)
	mustOpen(t, options(m))
	if got := readFile(t, m, snapshotPath(0)); !bytes.Equal(got, java) {
		t.Errorf("snapshot.0:\n%x\nexpected\n%x", got, java)
	}
}

func TestSnapshotCutAtEveryByte(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 9)
	file := snapshotFile(t, st)
	// The file up to the first seal is a snapshot of a release that wrote no digest.
	legacy := len(file) - 20 - 13
	for cut := range len(file) {
		m := NewMemFS(1)
		m.WriteFile(snapshotPath(st.last()), file[:cut])
		tree, info, err := ReadSnapshot(m, snapshotPath(st.last()))
		if cut == legacy {
			if err != nil || info.DigestZxid != 0 || tree.Digest() != st.tree.Digest() {
				t.Errorf("without the digest: %+v, %v", info, err)
			}
			continue
		}
		if d := (*Damage)(nil); !errors.As(err, &d) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

func TestEveryFlippedBitInSnapshotIsFound(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 9)
	file := snapshotFile(t, st)
	for i := range file {
		for bit := range 8 {
			flipped := slices.Clone(file)
			flipped[i] ^= 1 << bit
			m := NewMemFS(1)
			m.WriteFile(snapshotPath(st.last()), flipped)
			_, _, err := ReadSnapshot(m, snapshotPath(st.last()))
			if d := (*Damage)(nil); !errors.As(err, &d) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
}

// rolled returns a disk with snapshots 0, a and b and the log of a history, and the zxids of a and b.
func rolled(t testing.TB, st *testHistory) (m *MemFS, a, b wire.Zxid) {
	t.Helper()
	m = NewMemFS(1)
	s, r := mustOpen(t, options(m))
	if err := errors.Join(s.SetAcceptedEpoch(1), s.SetCurrentEpoch(1)); err != nil {
		t.Fatal(err)
	}
	save := func() wire.Zxid {
		if err := s.SaveSnapshot(st.tree.Snapshot(), r.History); err != nil {
			t.Fatal(err)
		}
		return st.last()
	}
	write(t, s, st.grow(1, 6))
	a = save()
	write(t, s, st.grow(1, 6))
	b = save()
	write(t, s, st.grow(1, 6))
	mustClose(t, s)
	return m, a, b
}

func TestDamagedSnapshotFallsBack(t *testing.T) {
	st := newTestHistory()
	m, a, b := rolled(t, st)
	damage := func(m *MemFS, z wire.Zxid) {
		file := readFile(t, m, snapshotPath(z))
		file[40] ^= 1
		m.WriteFile(snapshotPath(z), file)
	}
	for _, test := range []struct {
		name    string
		damaged []wire.Zxid
		base    wire.Zxid
		notes   int
	}{
		{"none", nil, b, 0},
		{"the newest", []wire.Zxid{b}, a, 1},
		{"the newest two", []wire.Zxid{a, b}, 0, 2},
		{"an old one", []wire.Zxid{a}, b, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := clone(m, 1)
			for _, z := range test.damaged {
				damage(m, z)
			}
			_, r := mustOpen(t, options(m))
			if err := st.verify(r); err != nil {
				t.Fatal(err)
			}
			if r.LastZxid != st.last() || r.Snapshot != test.base || len(r.Notes) != test.notes {
				t.Errorf("at %s from snapshot %s, notes %q", r.LastZxid, r.Snapshot, r.Notes)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		m := clone(m, 1)
		for _, z := range []wire.Zxid{0, a, b} {
			damage(m, z)
		}
		_, _, err := Open(options(m))
		if !isDamage(err) || !strings.Contains(err.Error(), "no usable snapshot") {
			t.Fatal(err)
		}
	})
}

// An older snapshot is used only if the log reaches the zxid of the damaged one.
func TestDamagedSnapshotWithoutLog(t *testing.T) {
	st := newTestHistory()
	m, a, b := rolled(t, st)
	for _, z := range []wire.Zxid{a, b} {
		if err := m.Remove(snapshotPath(z)); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]func(m *MemFS){
		"the log ends before it": func(m *MemFS) {
			m.WriteFile(snapshotPath(st.last()+5), []byte("half a snapshot"))
		},
		"a log is missing": func(m *MemFS) {
			m.WriteFile(snapshotPath(b), []byte("half a snapshot"))
			if err := m.Remove(logPath(a + 1)); err != nil {
				t.Fatal(err)
			}
		},
		"all logs are missing": func(m *MemFS) {
			m.WriteFile(snapshotPath(b), []byte("half a snapshot"))
			for _, z := range []wire.Zxid{st.proposals[0].Zxid, a + 1, b + 1} {
				if err := m.Remove(logPath(z)); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			m := clone(m, 1)
			change(m)
			if _, r, err := Open(options(m)); !isDamage(err) {
				t.Fatalf("opened %v: %v", r, err)
			}
		})
	}
}

// aheadOfLog returns a disk on which the log lacks the last transactions that the newest snapshot has.
func aheadOfLog(t *testing.T) (m *MemFS, st *testHistory, snapshot wire.Zxid) {
	t.Helper()
	st = newTestHistory()
	m, _, b := rolled(t, st)
	if err := m.Remove(logPath(b + 1)); err != nil {
		t.Fatal(err)
	}
	log := logPath(b - 5)
	file := readFile(t, m, log)
	m.WriteFile(log, file[:len(file)-20])
	return m, st, b
}

// A snapshot ahead of the log is the state; the log continues after it, in the same epoch or in a new one.
func TestSnapshotAheadOfLog(t *testing.T) {
	base, st, b := aheadOfLog(t)
	for _, epoch := range []int64{1, 2} {
		m, next := clone(base, 1), st.fork(b)
		s, r := mustOpen(t, options(m))
		if err := st.verify(r); err != nil || r.LastZxid != b || len(r.Recent) != 0 {
			t.Fatalf("at %s with %d recent proposals: %v", r.LastZxid, len(r.Recent), err)
		}
		rest := next.grow(epoch, 3)
		write(t, s, rest)
		mustClose(t, s)
		_, r = mustOpen(t, options(m))
		if err := next.verify(r); err != nil || r.LastZxid != next.last() || len(r.Recent) != len(rest) {
			t.Errorf("at %s with %d recent proposals: %v", r.LastZxid, len(r.Recent), err)
		}
	}
}

// Only the snapshot joins the two pieces of the log. A truncation to the first piece must not remove it before
// the second piece is removed.
func TestTruncateAcrossHole(t *testing.T) {
	base, st, b := aheadOfLog(t)
	s, _ := mustOpen(t, options(base))
	next := st.fork(b)
	write(t, s, next.grow(1, 3))
	mustClose(t, s)
	for at := 1; ; at++ {
		m := clone(base, uint64(at))
		s, _ := mustOpen(t, options(m))
		m.StopAt(at)
		_, err := s.Truncate(b - 3)
		if err == nil {
			if at < 4 {
				t.Errorf("%d operations", at)
			}
			return
		}
		if !errors.Is(err, ErrPowerLost) {
			t.Fatal(err)
		}
		m.Crash(LosePower)
		_, r := mustOpen(t, options(m))
		if err := next.verify(r); err != nil || r.LastZxid < b-3 {
			t.Errorf("operation %d: at %s: %v", at, r.LastZxid, err)
		}
	}
}

func TestCompressedSnapshots(t *testing.T) {
	st := newTestHistory()
	m, _, b := rolled(t, st)
	file := readFile(t, m, snapshotPath(b))
	if err := m.Remove(snapshotPath(b)); err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.WriteFile(snapshotPath(b)+".gz", z.Bytes())
	_, r := mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.Snapshot != b || len(r.Notes) != 0 {
		t.Errorf("from snapshot %s, notes %q: %v", r.Snapshot, r.Notes, err)
	}
	// A snapshot with another compression counts as damaged: the older one is used, and the notes say why.
	m.Crash(KillProcess)
	if err := m.Rename(snapshotPath(b)+".gz", snapshotPath(b)+".snappy"); err != nil {
		t.Fatal(err)
	}
	_, r = mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.LastZxid != st.last() || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "compression snappy") {
		t.Errorf("at %s, notes %q: %v", r.LastZxid, r.Notes, err)
	}
}

// withDigest returns a snapshot file with another pair of zxid and digest in its second part.
func withDigest(file []byte, zxid wire.Zxid, digest int64) []byte {
	f := &rawFile{}
	f.Write(file[:len(file)-20-13])
	var e wire.Encoder
	e.Zxid(zxid)
	e.Int32(wire.DigestVersion)
	e.Int64(digest)
	f.Write(e.Bytes())
	f.seal()
	return f.Bytes()
}

// Java writes a snapshot while the tree changes: it is named after one transaction and shows a later one, too.
func TestFuzzySnapshot(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	called := st.last()
	st.grow(1, 4)
	shown := st.fork(st.last())
	st.grow(1, 4)
	fuzzy := snapshotFile(t, shown) // of the later tree, with that tree's zxid and digest
	m := onDisk(t, st)
	m.WriteFile(snapshotPath(called), fuzzy)

	t.Run("replay makes it exact", func(t *testing.T) {
		m := clone(m, 1)
		_, r := mustOpen(t, options(m))
		if err := st.verify(r); err != nil || r.Snapshot != called || r.LastZxid != st.last() {
			t.Errorf("at %s from %s: %v", r.LastZxid, r.Snapshot, err)
		}
	})
	t.Run("wrong digest", func(t *testing.T) {
		m := clone(m, 1)
		m.WriteFile(snapshotPath(called), withDigest(fuzzy, shown.last(), 42))
		_, r := mustOpen(t, options(m))
		if err := st.verify(r); err != nil || r.Mismatches.Count != 1 {
			t.Fatalf("%+v, %v", r.Mismatches, err)
		}
		if d := r.Mismatches.First[0]; d.Zxid != shown.last() || d.Expected != 42 || d.Path != snapshotPath(called) {
			t.Errorf("%+v", d)
		}
	})
	t.Run("the log does not reach", func(t *testing.T) {
		m := clone(m, 1)
		path := logPath(st.proposals[0].Zxid)
		m.WriteFile(path, readFile(t, m, path)[:entryEnds(st.proposals)[6]])
		_, r := mustOpen(t, options(m))
		if err := st.verify(r); err != nil || r.Snapshot != 0 || r.LastZxid != st.proposals[5].Zxid || len(r.Notes) != 1 {
			t.Errorf("at %s from %s, notes %q: %v", r.LastZxid, r.Snapshot, r.Notes, err)
		}
	})
	t.Run("truncated below what it shows", func(t *testing.T) {
		m := clone(m, 1)
		s, _ := mustOpen(t, options(m))
		r, err := s.Truncate(called + 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.verify(r); err != nil || r.LastZxid != called+1 {
			t.Errorf("at %s: %v", r.LastZxid, err)
		}
		if _, err := m.ReadFile(snapshotPath(called)); err == nil {
			t.Error("the fuzzy snapshot is still there")
		}
	})
}

func TestWrongDigestInSnapshot(t *testing.T) {
	st := newTestHistory()
	m, _, b := rolled(t, st)
	m.WriteFile(snapshotPath(b), withDigest(readFile(t, m, snapshotPath(b)), b, 42))
	if _, r := mustOpen(t, options(clone(m, 1))); r.LastZxid != st.last() || r.Mismatches.Count != 1 || r.Mismatches.First[0].Zxid != b {
		t.Errorf("at %s, %+v", r.LastZxid, r.Mismatches)
	}
	o := options(m)
	o.DigestsMustMatch = true
	_, _, err := Open(o)
	if d := (*DigestError)(nil); !errors.As(err, &d) || d.Zxid != b || d.Hint == "" {
		t.Fatalf("%v", err)
	}
	if want := fmt.Sprintf("after transaction %s", b); !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nexpected %q", err, want)
	}
}

// ZooKeeper 3.9 adds a third part, the last transaction processed.
func TestSnapshotOf39(t *testing.T) {
	st := newTestHistory()
	m, _, b := rolled(t, st)
	f := &rawFile{}
	f.Write(readFile(t, m, snapshotPath(b)))
	var e wire.Encoder
	e.Zxid(b)
	f.Write(e.Bytes())
	f.seal()
	m.WriteFile(snapshotPath(b), f.Bytes())
	_, info, err := ReadSnapshot(m, snapshotPath(b))
	if err != nil || info.LastProcessed != b || info.DigestZxid != b {
		t.Errorf("%+v, %v", info, err)
	}
}
