package storage

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"zkctl/probe/wire"
)

func TestSaveSnapshot(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	write(t, s, st.grow(1, 5))
	early := st.tree.Snapshot()
	write(t, s, st.grow(1, 5))
	if b := s.Backlog(); b.Entries != 10 || b.Bytes == 0 {
		t.Errorf("backlog %+v", b)
	}
	if err := s.SaveSnapshot(st.tree.Snapshot(), r.History); err != nil {
		t.Fatal(err)
	}
	if b := s.Backlog(); b != (Backlog{}) {
		t.Errorf("backlog %+v after a snapshot", b)
	}
	write(t, s, st.grow(1, 1))
	want := []string{"acceptedEpoch", "currentEpoch", "log.100000001", "log.10000000b", "snapshot.0", "snapshot.10000000a"}
	if !slices.Equal(names(m), want) {
		t.Errorf("%q, expected %q", names(m), want)
	}
	ops := watchOps(m)
	for _, snap := range []struct {
		name string
		err  error
	}{
		{"an older one", s.SaveSnapshot(early, r.History)},
		{"the same again", s.SaveSnapshot(st.trees[wire.MakeZxid(1, 10)], r.History)},
	} {
		if snap.err != nil || len(*ops) != 0 {
			t.Errorf("%s: %v, %q", snap.name, snap.err, *ops)
		}
	}
	ahead := st.fork(st.last())
	ahead.grow(1, 1)
	if err := s.SaveSnapshot(ahead.tree.Snapshot(), r.History); err == nil || s.Err() != nil {
		t.Errorf("one ahead of the log: %v, %v", err, s.Err())
	}
	mustClose(t, s)
}

// A snapshot made before a truncation and saved after it would bring back what was truncated, once the log has
// grown beyond it again.
func TestSnapshotOfFormerHistory(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	write(t, s, st.grow(1, 6))
	old, oldHistory := st.tree.Snapshot(), r.History
	r, err := s.Truncate(st.last() - 3)
	if err != nil {
		t.Fatal(err)
	}
	st = st.fork(r.LastZxid)
	write(t, s, st.grow(2, 4))
	if err := s.SaveSnapshot(old, oldHistory); !errors.Is(err, ErrSuperseded) {
		t.Errorf("after Truncate: %v", err)
	}
	old, oldHistory = st.tree.Snapshot(), r.History
	other := newTestHistory()
	other.grow(3, 1)
	if _, err := s.InstallSnapshot(other.tree.Snapshot()); err == nil || s.Err() != nil {
		t.Errorf("of an epoch that was not accepted: %v, %v", err, s.Err())
	}
	accept(t, s, 3)
	history, err := s.InstallSnapshot(other.tree.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveSnapshot(old, oldHistory); !errors.Is(err, ErrSuperseded) {
		t.Errorf("after InstallSnapshot: %v", err)
	}
	write(t, s, other.grow(3, 2))
	if err := s.SaveSnapshot(other.tree.Snapshot(), history); err != nil {
		t.Errorf("of the present history: %v", err)
	}
	mustClose(t, s)
	_, r = mustOpen(t, options(m))
	if err := other.verify(r); err != nil || r.LastZxid != other.last() {
		t.Errorf("at %s: %v", r.LastZxid, err)
	}
}

// Truncate stops a SaveSnapshot that is writing, and does not wait until the snapshot is whole.
func TestTruncateStopsSaveSnapshot(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	write(t, s, st.grow(1, 6))
	writing, proceed := make(chan struct{}), make(chan struct{})
	slow := &slowFS{MemFS: m, writing: writing, proceed: proceed}
	s.fs = slow
	saved := make(chan error)
	snap := st.tree.Snapshot()
	go func() { saved <- s.SaveSnapshot(snap, r.History) }()
	<-writing
	truncated := make(chan error)
	go func() { _, err := s.Truncate(st.last() - 2); truncated <- err }()
	for s.waiting.Load() == 0 { // Truncate counts itself before it waits
		runtime.Gosched()
	}
	close(proceed)
	if err := <-saved; !errors.Is(err, ErrSuperseded) {
		t.Errorf("save: %v", err)
	}
	if err := <-truncated; err != nil {
		t.Errorf("truncate: %v", err)
	}
	if slices.Contains(names(m), snapshotTemp) || slices.Contains(names(m), filepath.Base(snapshotPath(st.last()))) {
		t.Errorf("%q", names(m))
	}
}

// slowFS blocks the first write to a snapshot until proceed is closed.
type slowFS struct {
	*MemFS
	writing, proceed chan struct{}
}

func (s *slowFS) Open(path string, mode Mode) (File, error) {
	f, err := s.MemFS.Open(path, mode)
	if err == nil && filepath.Base(path) == snapshotTemp {
		f = &slowFile{f, s}
	}
	return f, err
}

type slowFile struct {
	File
	fs *slowFS
}

func (f *slowFile) WriteAt(b []byte, off int64) (int, error) {
	if off == 0 {
		close(f.fs.writing)
		<-f.fs.proceed
	}
	return f.File.WriteAt(b, off)
}

func TestPurge(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	var saved []wire.Zxid
	for range 6 {
		write(t, s, st.grow(1, 3))
		late := st.tree.Snapshot()
		write(t, s, st.grow(1, 2)) // so that the log of a snapshot reaches beyond it
		if err := s.SaveSnapshot(late, r.History); err != nil {
			t.Fatal(err)
		}
		saved = append(saved, late.Zxid())
	}
	write(t, s, st.grow(1, 1))
	if _, err := s.Purge(2); err == nil {
		t.Error("purged to two snapshots")
	}
	if removed, err := s.Purge(7); err != nil || len(removed) != 0 {
		t.Errorf("with no more than to retain: %q, %v", removed, err)
	}
	// A snapshot that is not whole is not counted.
	m.WriteFile(snapshotPath(saved[5]+1), []byte("not whole"))
	if _, err := s.Purge(3); err != nil {
		t.Fatal(err)
	}
	want := []string{"acceptedEpoch", "currentEpoch", "log.100000010", "log.100000015", "log.10000001a", "log.10000001f",
		"snapshot.100000012", "snapshot.100000017", "snapshot.10000001c", "snapshot.10000001d"}
	if want[2] != hexName(logPrefix, saved[3]-2) || !slices.Equal(names(m), want) {
		t.Fatalf("%q\nexpected %q", names(m), want)
	}
	mustClose(t, s)
	// Each of the kept snapshots is usable.
	for i := 5; i >= 3; i-- {
		_, r := mustOpen(t, options(m))
		if err := st.verify(r); err != nil || r.LastZxid != st.last() || r.Snapshot != saved[i] {
			t.Errorf("at %s from %s: %v", r.LastZxid, r.Snapshot, err)
		}
		m.Crash(KillProcess)
		if err := m.Remove(snapshotPath(saved[i])); err != nil {
			t.Fatal(err)
		}
	}
}
