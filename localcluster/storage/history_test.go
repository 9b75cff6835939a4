package storage

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

func TestTruncate(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 9)
	base := onDisk(t, st)
	for back := range 10 {
		m := clone(base, 1)
		s, _ := mustOpen(t, options(m))
		extra := st.fork(st.last())
		write(t, s, extra.grow(1, 4))
		to := extra.last() - wire.Zxid(back)
		r, err := s.Truncate(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := extra.verify(r); err != nil || r.LastZxid != to || s.LastZxid() != to || len(r.Recent) != 13-back {
			t.Errorf("truncated to %s: at %s with %d recent proposals: %v", to, r.LastZxid, len(r.Recent), err)
		}
		next := extra.fork(to)
		write(t, s, next.grow(1, 3))
		mustClose(t, s)
		_, r = mustOpen(t, options(m))
		if err := next.verify(r); err != nil || r.LastZxid != next.last() {
			t.Errorf("truncated to %s and gone on: at %s: %v", to, r.LastZxid, err)
		}
	}
}

// If the leader's zxid is not in this log, Truncate returns a LastZxid before it.
func TestTruncateToUnknown(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 3)
	known := st.last()
	st.grow(3, 3)
	m := onDisk(t, st)
	s, _ := mustOpen(t, options(m))
	r, err := s.Truncate(wire.MakeZxid(2, 7))
	if err != nil {
		t.Fatal(err)
	}
	if err := st.verify(r); err != nil || r.LastZxid != known {
		t.Errorf("at %s, expected %s: %v", r.LastZxid, known, err)
	}
}

func TestTruncateToTheEnd(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 3)
	m := onDisk(t, st)
	s, _ := mustOpen(t, options(m))
	for _, to := range []wire.Zxid{st.last(), st.last() + 100} {
		r, err := s.Truncate(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.verify(r); err != nil || r.LastZxid != st.last() {
			t.Errorf("truncated to %s: at %s: %v", to, r.LastZxid, err)
		}
	}
}

func TestTruncateWithoutHistory(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	accept(t, s, 1)
	history, err := s.InstallSnapshot(st.tree.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, st.grow(1, 2))
	before := m.Files()
	if _, err := s.Truncate(wire.MakeZxid(1, 2)); !errors.Is(err, ErrNoHistory) || s.Err() != nil {
		t.Fatalf("%v, %v", err, s.Err())
	}
	if !slices.Equal(m.Files(), before) {
		t.Errorf("%q, before %q", m.Files(), before)
	}
	// The refused truncation has changed nothing.
	write(t, s, st.grow(1, 2))
	if err := s.SaveSnapshot(st.tree.Snapshot(), history); err != nil {
		t.Error(err)
	}
}

func TestInstallSnapshot(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	m := onDisk(t, st)
	s, _ := mustOpen(t, options(m))
	if err := s.Append(st.grow(1, 3)); err != nil { // not synced; the installation drops them
		t.Fatal(err)
	}
	other := newTestHistory()
	other.grow(1, 2)
	other.grow(2, 5)
	accept(t, s, 2)
	if _, err := s.InstallSnapshot(other.tree.Snapshot()); err != nil {
		t.Fatal(err)
	}
	want := []string{"acceptedEpoch", "currentEpoch", filepath.Base(snapshotPath(other.last()))}
	if !slices.Equal(names(m), want) {
		t.Errorf("%q, expected %q", names(m), want)
	}
	if s.LastZxid() != other.last() {
		t.Errorf("the log ends with %s", s.LastZxid())
	}
	if err := s.Append(st.grow(1, 1)); err == nil {
		t.Error("appended to the old history")
	}
	write(t, s, other.grow(2, 1))
	mustClose(t, s)
	_, r := mustOpen(t, options(m))
	if err := other.verify(r); err != nil || r.LastZxid != other.last() {
		t.Errorf("at %s: %v", r.LastZxid, err)
	}
}

// An interrupted installation is finished, but not if that would replace a history by a damaged file.
func TestDamagedInstallation(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	m := onDisk(t, st)
	other := newTestHistory()
	other.grow(2, 5)
	file := snapshotFile(t, other)
	path := dataDir + "/version-2/" + hexName(installPrefix, other.last())
	file[50] ^= 4
	m.WriteFile(path, file)
	if _, _, err := Open(options(m)); !isDamage(err) || !strings.Contains(err.Error(), path) {
		t.Fatalf("%v", err)
	}
	if _, err := m.ReadFile(logPath(st.proposals[0].Zxid)); err != nil {
		t.Errorf("the old log: %v", err)
	}
	file[50] ^= 4
	m.WriteFile(path, file)
	m.WriteFile(dataDir+"/version-2/acceptedEpoch", []byte("2"))
	_, r := mustOpen(t, options(m))
	if err := other.verify(r); err != nil || r.LastZxid != other.last() || len(r.Notes) == 0 {
		t.Errorf("at %s, notes %q: %v", r.LastZxid, r.Notes, err)
	}
}
