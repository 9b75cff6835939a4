package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"zkctl/probe/wire"
)

func aloneOptions(m *MemFS) Options {
	o := options(m)
	o.Standalone = true
	return o
}

// endOfCounter returns a folder of an ensemble, in epoch 1, whose last zxid is near the end of the counter.
func endOfCounter(t *testing.T, at wire.Zxid) (*MemFS, *testHistory) {
	t.Helper()
	st := newTestHistory()
	st.tree.SetLastZxid(at)
	st.digests[at], st.trees[at] = st.tree.Digest().Digest, st.tree.Snapshot()
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	_, err := s.InstallSnapshot(st.tree.Snapshot())
	if err = errors.Join(s.SetAcceptedEpoch(1), err); err == nil {
		t.Fatal("a snapshot of an epoch that was not accepted is installed")
	}
	if _, err = s.InstallSnapshot(st.tree.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCurrentEpoch(1); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	return m, st
}

func (s *testHistory) create(z wire.Zxid) wire.Proposal {
	return s.add(z, wire.OpCreate, &wire.CreateTxn{Path: fmt.Sprintf("/%x", int64(z)), ACL: wire.OpenACL(), ParentCVersion: int32(len(s.proposals) + 1)})
}

// A standalone server continues from 0x1ffffffff with 0x200000000, as ZooKeeper's does, and reads that back from
// its logs and snapshots, wherever the files begin. The folder can join an ensemble again.
func TestCounterRunsOver(t *testing.T) {
	const end = wire.Zxid(0x1ffffffff)
	for _, last := range []wire.Zxid{end - 2, end - 1, end} {
		for _, saveAt := range []wire.Zxid{0, end, end + 1, end + 2} {
			t.Run(fmt.Sprintf("%s, snapshot %s", last, saveAt), func(t *testing.T) {
				m, st := endOfCounter(t, last)
				s, r := mustOpen(t, aloneOptions(m))
				for z := last + 1; z <= end+4; z++ {
					write(t, s, []wire.Proposal{st.create(z)})
					if z == saveAt {
						if err := s.SaveSnapshot(st.tree.Snapshot(), r.History); err != nil {
							t.Fatal(err)
						}
					}
				}
				m.Crash(LoseUnsynced)
				s, r = mustOpen(t, aloneOptions(m))
				if err := st.verify(r); err != nil || r.LastZxid != end+4 || len(r.Recent) == 0 || r.Mismatches.Count != 0 {
					t.Fatalf("at %s, notes %q: %v", r.LastZxid, r.Notes, err)
				}
				mustClose(t, s)

				s, r = mustOpen(t, options(m))
				if err := st.verify(r); err != nil || r.LastZxid != end+4 || r.AcceptedEpoch != 2 || r.CurrentEpoch != 2 || len(r.Notes) != 0 {
					t.Fatalf("in an ensemble: at %s, epochs %d and %d, notes %q: %v", r.LastZxid, r.AcceptedEpoch, r.CurrentEpoch, r.Notes, err)
				}
				accept(t, s, 3)
				write(t, s, []wire.Proposal{st.create(wire.MakeZxid(3, 1))})
				back := max(end, last, saveAt) // there is a snapshot at or before it
				if r, err := s.Truncate(back); err != nil || r.LastZxid != back {
					t.Fatalf("truncate to %s: %v, %v", back, r, err)
				}
				mustClose(t, s)
			})
		}
	}
}

// A hole where the counter runs over is found like any other.
func TestHoleWhereTheCounterRunsOver(t *testing.T) {
	const end = wire.Zxid(0x1ffffffff)
	m, st := endOfCounter(t, end-1)
	s, _ := mustOpen(t, aloneOptions(m))
	write(t, s, []wire.Proposal{st.create(end), st.create(end + 1), st.create(end + 2)})
	mustClose(t, s)
	path := logPath(end)
	log := readFile(t, m, path)
	ends := entryEnds(st.proposals)
	m.WriteFile(path, append(log[:ends[1]:ends[1]], log[ends[2]:]...))
	_, r, err := Open(aloneOptions(m))
	// 0x200000001 after 0x1ffffffff is also how a new epoch begins; only the digest shows the hole.
	if err != nil || r.Mismatches.Count != 1 {
		t.Errorf("%v, %v", r, err)
	}
	m.WriteFile(path, append(log[:ends[0]:ends[0]], log[ends[1]:]...))
	if _, r, err := Open(aloneOptions(m)); !isDamage(err) {
		t.Errorf("%v, %v", r, err)
	}
}

// A standalone server has no epochs. It creates no epoch files, and starts whatever existing ones say; it raises
// them, so that the folder can join an ensemble.
func TestStandaloneHasNoEpochs(t *testing.T) {
	m := NewMemFS(1)
	s, _ := mustOpen(t, aloneOptions(m))
	mustClose(t, s)
	for _, name := range []string{acceptedEpochName, currentEpochName} {
		if b, err := m.ReadFile(dataDir + "/version-2/" + name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}

	st := newTestHistory()
	st.grow(1, 5)
	quorums := snapshotFile(t, st)
	for _, test := range []struct {
		name, accepted, current   string
		wantAccepted, wantCurrent int64 // in an ensemble, afterwards; -1: refused
	}{
		{"none", "", "", 1, 1},
		{"of a server that was always alone", "0", "0", 1, 1},
		{"of an ensemble", "4", "3", 4, 3},
		{"out of order", "0", "3", 0, -1},
		{"unreadable", "x", "", 0, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := clone(m, 1)
			m.WriteFile(snapshotPath(st.last()), quorums)
			for name, text := range map[string]string{acceptedEpochName: test.accepted, currentEpochName: test.current} {
				if text != "" {
					m.WriteFile(dataDir+"/version-2/"+name, []byte(text))
				}
			}
			s, r := mustOpen(t, aloneOptions(m))
			if err := st.verify(r); err != nil || r.LastZxid != st.last() || r.AcceptedEpoch < r.CurrentEpoch || r.CurrentEpoch < 1 {
				t.Errorf("at %s, epochs %d and %d: %v", r.LastZxid, r.AcceptedEpoch, r.CurrentEpoch, err)
			}
			write(t, s, []wire.Proposal{st.fork(st.last()).create(st.last() + 1)})
			mustClose(t, s)
			_, r, err := Open(options(m))
			switch {
			case test.wantCurrent < 0:
				if !isDamage(err) {
					t.Errorf("in an ensemble: %v", err)
				}
			case err != nil || r.AcceptedEpoch != test.wantAccepted || r.CurrentEpoch != test.wantCurrent:
				t.Errorf("in an ensemble: %+v, %v", r, err)
			}
		})
	}

	// It also starts on a folder without history whose epoch says that there was one.
	empty := NewMemFS(1)
	empty.WriteFile(dataDir+"/version-2/"+currentEpochName, []byte("3"))
	if _, _, err := Open(options(clone(empty, 1))); !isDamage(err) {
		t.Errorf("in an ensemble: %v", err)
	}
	if _, r := mustOpen(t, aloneOptions(empty)); r.LastZxid != 0 {
		t.Errorf("at %s", r.LastZxid)
	}
}
