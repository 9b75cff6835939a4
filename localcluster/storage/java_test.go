package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// The folders in testdata/java were written by ZooKeeper 3.8.0 (Debian), and their logs cut to the part in
// use and some of the zeros after it:
//
//	killed    a standalone server, one session of every kind of write, then kill -9
//	rolled    the same and more with snapCount=40, so several logs and snapshots; stopped, started, kill -9
//	leader    of three: a follower in epoch 1, then elected leader of epoch 2
//	rejoined  of three: the leader of epoch 1, killed, then a follower in epoch 2
var javaFolders = []struct {
	name                        string
	last, snapshot              wire.Zxid
	entries, recent             int
	accepted, current           int64
	nodes, ephemerals, sessions int
}{
	{"killed", 0x1c, 0, 28, 28, 0, 0, 16, 1, 3},
	{"rolled", 0x70, 0x68, 8, 8, 0, 0, 55, 1, 1},
	{"leader", 0x200000006, 0x100000018, 6, 30, 2, 2, 15, 1, 1},
	{"rejoined", 0x200000006, 0, 30, 30, 2, 2, 15, 1, 1},
}

// load copies a folder into memory, so that opening it changes nothing here.
func load(t testing.TB, name string) *MemFS {
	t.Helper()
	m := NewMemFS(1)
	paths, err := filepath.Glob(filepath.Join("testdata/java", name, "version-2", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of %s: %v", name, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m.WriteFile(dataDir+"/version-2/"+filepath.Base(path), b)
	}
	return m
}

func javaOptions(m *MemFS) Options {
	o := options(m)
	o.Tree = []datatree.Option{datatree.WithExtendedTypes(true)}
	return o
}

// Replay compares the digest that Java recorded after each transaction with that of this tree.
func TestReadsJava(t *testing.T) {
	for _, want := range javaFolders {
		t.Run(want.name, func(t *testing.T) {
			m := load(t, want.name)
			s, r := mustOpen(t, javaOptions(m))
			if r.LastZxid != want.last || r.Snapshot != want.snapshot || r.Backlog.Entries != want.entries ||
				len(r.Recent) != want.recent || r.AcceptedEpoch != want.accepted || r.CurrentEpoch != want.current || len(r.Notes) != 0 {
				t.Errorf("at %s from %s, %d entries, %d recent, epochs %d and %d, notes %q", r.LastZxid, r.Snapshot,
					r.Backlog.Entries, len(r.Recent), r.AcceptedEpoch, r.CurrentEpoch, r.Notes)
			}
			c := r.Tree.Counts()
			if c.Nodes != want.nodes || c.Ephemerals != want.ephemerals || c.Sessions != want.sessions {
				t.Errorf("%+v", c)
			}
			// The Store can go on, after Java's files and then from a snapshot of our own.
			epoch := max(1, want.current)
			accept(t, s, epoch)
			st := &testHistory{tree: r.Tree, digests: map[wire.Zxid]int64{}, trees: map[wire.Zxid]*datatree.Snapshot{}}
			next := r.LastZxid + 1
			if next.Epoch() != epoch {
				next = wire.MakeZxid(epoch, 1)
			}
			write(t, s, []wire.Proposal{st.add(next, wire.OpCreate, &wire.CreateTxn{Path: "/ours", ACL: wire.OpenACL(), ParentCVersion: 99})})
			if err := s.SaveSnapshot(r.Tree.Snapshot(), r.History); err != nil {
				t.Fatal(err)
			}
			mustClose(t, s)
			_, again := mustOpen(t, javaOptions(m))
			if err := st.verify(again); err != nil || again.Snapshot != next {
				t.Errorf("at %s from %s: %v", again.LastZxid, again.Snapshot, err)
			}
		})
	}
}

// Each of Java's snapshots is whole, and its logs lead from any of them to the same tree.
func TestEveryJavaSnapshot(t *testing.T) {
	m := load(t, "rolled")
	_, snapshots, err := Files(m, dataDir, "")
	if err != nil || len(snapshots) != 5 {
		t.Fatalf("%d snapshots: %v", len(snapshots), err)
	}
	var tree string
	for _, s := range slices.Backward(snapshots) {
		if _, _, err := ReadSnapshot(m, s.Path); err != nil {
			t.Error(err)
		}
		r, err := Check(javaOptions(m))
		if err != nil || r.Snapshot != s.Zxid || r.LastZxid != 0x70 {
			t.Fatalf("at %s from %s: %v", r.LastZxid, r.Snapshot, err)
		}
		if got := describe(r.Tree); tree == "" {
			tree = got
		} else if got != tree {
			t.Errorf("from %s another tree:\n%s\nexpected\n%s", s.Zxid, got, tree)
		}
		if err := m.Remove(s.Path); err != nil {
			t.Fatal(err)
		}
	}
}

// describe formats a tree with its ACLs instead of their numbers, which depend on earlier transactions.
func describe(tree *datatree.Tree) string {
	d := wire.NewDecoder(encode(tree.Snapshot()))
	var b strings.Builder
	for range d.Int32() {
		fmt.Fprintf(&b, "session %x %d\n", d.Int64(), d.Int32())
	}
	acls := map[int64][]wire.ACL{}
	for range d.Int32() {
		id := d.Int64()
		acls[id] = wire.DecodeACLs(d)
	}
	for path := d.Text(); path != "/"; path = d.Text() {
		data := d.Buffer()
		acl := acls[d.Int64()]
		var stat wire.StatPersisted
		stat.Decode(d)
		fmt.Fprintf(&b, "%q %#v %v %+v\n", path, data, acl, stat)
	}
	return b.String()
}

// Writing Java's transactions again gives the same bytes per entry.
func TestJavaEntriesAreOurs(t *testing.T) {
	entries := 0
	for _, folder := range javaFolders {
		m := load(t, folder.name)
		logs, _, err := Files(m, dataDir, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range logs {
			log, err := OpenLog(m, file.Path)
			if err != nil {
				t.Fatal(err)
			}
			want := readFile(t, m, file.Path)
			got := appendFileHeader(nil, logMagic, logDBID)
			for {
				entry, err := log.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				txn, err := wire.UnmarshalTxn(entry.Proposal.Data)
				if err != nil {
					t.Fatal(err)
				}
				got = appendEntry(got, txn.Marshal())
				entries++
			}
			log.Close()
			if !slices.Equal(got, want[:len(got)]) || len(slices.DeleteFunc(slices.Clone(want[len(got):]), func(b byte) bool { return b == 0 })) != 0 {
				t.Errorf("%s of %s differs", file.Path, folder.name)
			}
		}
	}
	if entries < 150 {
		t.Errorf("%d entries in all", entries)
	}
}

// Java leaves an interrupted write where it is and begins another log. That is no damage if the other log
// begins with the interrupted transaction.
func TestJavaLeavesTornTails(t *testing.T) {
	whole := load(t, "rolled")
	path := logPath(0x1f) // followed by log.41
	log := readFile(t, whole, path)
	log = log[:len(log)-len(trailingZeros(log))]
	torn := func(log []byte) *MemFS {
		m := clone(whole, 1)
		m.WriteFile(path, log)
		for _, z := range []wire.Zxid{0x3f, 0x5d, 0x68} { // so that replay begins with this log
			if err := m.Remove(snapshotPath(z)); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	half := append(slices.Clone(log), log[fileHeaderSize:][:30]...)
	r, err := Check(javaOptions(torn(half)))
	if err != nil || r.LastZxid != 0x70 || len(r.Notes) != 1 {
		t.Errorf("%+v: %v", r, err)
	}
	if _, err := Check(javaOptions(torn(log[:len(log)-3]))); !isDamage(err) {
		t.Errorf("with an entry missing: %v", err)
	}
}

func trailingZeros(b []byte) []byte {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[n:]
}
