package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"zkctl/probe/wire"
)

func TestFreshFolder(t *testing.T) {
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	if r.LastZxid != 0 || len(r.Recent) != 0 || len(r.Notes) != 0 || r.Tree.Counts().Nodes != 5 {
		t.Errorf("%+v", r)
	}
	// Java refuses a folder with logs and no snapshot, so the snapshot exists before any log.
	if want := []string{"acceptedEpoch", "currentEpoch", "snapshot.0"}; !slices.Equal(names(m), want) {
		t.Errorf("%q, expected %q", names(m), want)
	}
	mustClose(t, s)
}

// names returns the files on a disk, without the mark that a Store has it open.
func names(m *MemFS) []string {
	var names []string
	for _, path := range m.Files() {
		if name := filepath.Base(path); name != inUseName {
			names = append(names, name)
		}
	}
	return names
}

// The mark exists from Open to Close, and stays if there is no Close.
func TestMarkInUse(t *testing.T) {
	m := NewMemFS(1)
	marked := func() bool {
		return slices.ContainsFunc(m.Files(), func(path string) bool { return filepath.Base(path) == inUseName })
	}
	s, _ := mustOpen(t, options(m))
	if !marked() {
		t.Error("open, and not marked")
	}
	mustClose(t, s)
	if marked() {
		t.Error("closed, and marked")
	}
	mustOpen(t, options(m))
	m.Crash(KillProcess)
	if !marked() {
		t.Error("killed, and not marked")
	}
}

func TestAppendRefusals(t *testing.T) {
	st := newTestHistory()
	batch := st.grow(2, 4)
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	write(t, s, batch[:2])
	next := func(z wire.Zxid) wire.Proposal { return newTestHistory().add(z, wire.OpError, &wire.ErrorTxn{}) }
	for name, bad := range map[string][]wire.Proposal{
		"again":               batch[:2],
		"a gap":               batch[3:],
		"an earlier epoch":    {next(wire.MakeZxid(1, 9))},
		"middle of an epoch":  {next(wire.MakeZxid(3, 2))},
		"an epoch's zero":     {next(wire.MakeZxid(3, 0))},
		"not accepted":        {next(wire.MakeZxid(4, 1))},
		"good, then bad":      {batch[2], batch[2]},
		"of another zxid":     {{Zxid: batch[2].Zxid, Data: batch[3].Data}},
		"without transaction": {{Zxid: batch[2].Zxid}},
		"too short":           {{Zxid: batch[2].Zxid, Data: batch[2].Data[:31]}},
	} {
		if err := s.Append(bad); err == nil || errors.Is(err, ErrFailed) {
			t.Errorf("%s: %v", name, err)
		}
		if s.LastZxid() != batch[1].Zxid {
			t.Fatalf("%s: the log ends with %s", name, s.LastZxid())
		}
	}
	write(t, s, batch[2:])
	mustClose(t, s)
	_, r := mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.LastZxid != st.last() {
		t.Errorf("at %s: %v", r.LastZxid, err)
	}
}

// watchOps records the operations on a disk.
func watchOps(m *MemFS) *[]string {
	var ops []string
	m.SetFault(func(op Op) error {
		if op.Kind != OpRead {
			ops = append(ops, op.Kind.String()+" "+filepath.Base(op.Path))
		}
		return nil
	})
	return &ops
}

// One write and one fsync make any number of appends durable. The header of a log and its name are durable
// before the first entry is written.
func TestGroupCommit(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	accept(t, s, 1)
	ops := watchOps(m)
	for range 3 {
		if err := s.Append(st.grow(1, 50)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second has nothing to do
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"create log.100000001", "write log.100000001", "sync log.100000001", "syncdir version-2",
		"write log.100000001", "sync log.100000001"}
	if !slices.Equal(*ops, want) {
		t.Errorf("%q\nexpected %q", *ops, want)
	}
}

func TestNoSync(t *testing.T) {
	m := NewMemFS(1)
	o := options(m)
	o.NoSync = true
	s, _ := mustOpen(t, o)
	st := newTestHistory()
	write(t, s, st.grow(1, 2))
	ops := watchOps(m)
	write(t, s, st.grow(1, 2))
	if want := []string{"write log.100000001"}; !slices.Equal(*ops, want) {
		t.Errorf("%q, expected %q", *ops, want)
	}
	m.Crash(KillProcess) // which is harmless
	_, r := mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.LastZxid != st.last() {
		t.Errorf("at %s: %v", r.LastZxid, err)
	}
}

// killedInSync returns the disk of a server that was killed between a write to its log and the fsync.
func killedInSync(t *testing.T) (*MemFS, *testHistory) {
	t.Helper()
	m, st := NewMemFS(1), newTestHistory()
	s, _ := mustOpen(t, options(m))
	accept(t, s, 1)
	write(t, s, st.grow(1, 3))
	m.StopAt(2) // written, and killed in the fsync
	if err := errors.Join(s.Append(st.grow(1, 2)), s.Sync()); !errors.Is(err, ErrPowerLost) {
		t.Fatal(err)
	}
	m.Crash(KillProcess)
	return m, st
}

// A process is killed before its fsync, and the next one reads the write from the page cache. It reports it to
// other servers, so it must have it after a loss of power, too. (Found by the simulation: testdata/corpus there.)
func TestOpenMakesDurableWhatItFinds(t *testing.T) {
	m, st := killedInSync(t)
	s, r := mustOpen(t, options(m))
	if r.LastZxid != st.last() {
		t.Fatalf("found %s, expected %s: the killed process left nothing in the page cache", r.LastZxid, st.last())
	}
	write(t, s, st.grow(1, 1))
	m.Crash(LoseUnsynced)
	_, r = mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.LastZxid != st.last() {
		t.Errorf("at %s, expected %s: %v", r.LastZxid, st.last(), err)
	}
}

func TestPreallocate(t *testing.T) {
	m := NewMemFS(1)
	o := options(m)
	o.Preallocate = 1 << 10
	s, _ := mustOpen(t, o)
	st := newTestHistory()
	write(t, s, st.grow(1, 8))
	path := logPath(st.proposals[0].Zxid)
	if err := s.SetCurrentEpoch(1); err != nil {
		t.Fatal(err)
	}
	if n := len(readFile(t, m, path)); n != 1<<10 {
		t.Errorf("%d bytes in use, expected the file to be 1024", n)
	}
	write(t, s, st.grow(1, 20))
	if n := len(readFile(t, m, path)); n%(1<<10) != 0 {
		t.Errorf("the file has %d bytes", n)
	}
	m.Crash(LoseUnsynced)
	s, r := mustOpen(t, o)
	if err := st.verify(r); err != nil || r.LastZxid != st.last() || len(r.Notes) != 0 {
		t.Fatalf("at %s, notes %q: %v", r.LastZxid, r.Notes, err)
	}
	path = logPath(st.last() + 1)
	write(t, s, st.grow(1, 3))
	mustClose(t, s)
	ends := entryEnds(st.proposals[28:])
	if got, want := int64(len(readFile(t, m, path))), ends[len(ends)-1]; got != want {
		t.Errorf("a closed file has %d bytes, expected %d", got, want)
	}
}

func TestRecent(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 23)
	m := onDisk(t, st)
	for limit, want := range map[int]int{0: 23, 1: 1, 4: 4, 22: 22, 23: 23, 50: 23} {
		o := options(m)
		o.Recent = limit
		r, err := Check(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.verify(r); err != nil || len(r.Recent) != want {
			t.Errorf("of %d: %d: %v", limit, len(r.Recent), err)
		}
	}
}

func TestCheckChangesNothing(t *testing.T) {
	st, m, path, log := oneLog(t, 6)
	m.WriteFile(path, log[:len(log)-5])
	m.WriteFile(dataDir+"/version-2/tmp.snapshot", []byte("half"))
	before, ops := m.Files(), m.Ops()
	r, err := Check(options(m))
	if err != nil || r.LastZxid != st.last()-1 || len(r.Notes) != 2 {
		t.Errorf("%+v: %v", r, err)
	}
	if !slices.Equal(before, m.Files()) || m.Ops() != ops {
		t.Errorf("%q and %d operations, before %q", m.Files(), m.Ops()-ops, before)
	}
}

func TestDiskFull(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	write(t, s, st.grow(1, 4))
	used := 0
	for _, path := range m.Files() {
		used += len(readFile(t, m, path))
	}
	m.SetCapacity(int64(used + 100))

	// A snapshot that does not fit loses nothing, and frees the space that it took.
	err := s.SaveSnapshot(st.tree.Snapshot(), r.History)
	checkFull(t, err)
	if s.Err() != nil || len(names(m)) != 4 {
		t.Fatalf("%v, %q", s.Err(), names(m))
	}
	lost := st.grow(1, 4)
	err = errors.Join(s.Append(lost), s.Sync())
	checkFull(t, err)
	if err := s.Append(lost); !errors.Is(err, ErrFailed) {
		t.Errorf("afterwards: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
	m.SetCapacity(0)
	_, r = mustOpen(t, options(m))
	if err := st.verify(r); err != nil || r.LastZxid < lost[0].Zxid-1 {
		t.Errorf("at %s: %v", r.LastZxid, err)
	}
}

func checkFull(t *testing.T, err error) {
	t.Helper()
	var full *DiskFullError
	if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &full) || full.Dir != dataDir+"/version-2" ||
		!strings.Contains(err.Error(), "make room there") {
		t.Fatalf("%v", err)
	}
}

func TestSwappedFolders(t *testing.T) {
	st := newTestHistory()
	st.grow(1, 4)
	m := onDisk(t, st)
	for _, o := range []Options{
		{FS: m, DataDir: dataDir, LogDir: "/elsewhere"},
		{FS: m, DataDir: "/elsewhere", LogDir: dataDir},
	} {
		if _, _, err := Open(o); err == nil || !strings.Contains(err.Error(), "check dataDir and dataLogDir") {
			t.Errorf("%v", err)
		}
	}
}

func TestClose(t *testing.T) {
	st := newTestHistory()
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	accept(t, s, 1)
	if err := s.Append(st.grow(1, 2)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	mustClose(t, s)
	if err := s.Append(st.grow(1, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	m.Crash(LoseUnsynced)
	_, r := mustOpen(t, options(m))
	if r.LastZxid != wire.MakeZxid(1, 2) {
		t.Errorf("at %s", r.LastZxid)
	}
}

func TestOneServerPerFolder(t *testing.T) {
	if _, ok := OS().(locker); !ok {
		t.Skip("no locks on this system")
	}
	for name, o := range map[string]Options{
		"one folder":  {DataDir: t.TempDir()},
		"two folders": {DataDir: t.TempDir(), LogDir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := mustOpen(t, o)
			if _, _, err := Open(o); !errors.Is(err, errLocked) || !strings.Contains(err.Error(), "by another server") {
				t.Fatalf("%v", err)
			}
			mustClose(t, s)
			s, _ = mustOpen(t, o)
			mustClose(t, s)
		})
	}
}

func TestListIgnoresOtherFiles(t *testing.T) {
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	mustClose(t, s)
	for _, name := range []string{"log", "log.", "log.xyz", "log.5.bak", "snapshot.", "snapshot.-1", "snapshot.ffffffffffffffff",
		"initialize", "updatingEpoch", "log.1 (copy)"} {
		m.WriteFile(dataDir+"/version-2/"+name, []byte("?"))
	}
	_, r := mustOpen(t, options(m))
	if r.LastZxid != 0 || len(r.Notes) != 0 {
		t.Errorf("at %s, notes %q", r.LastZxid, r.Notes)
	}
}

func TestStringsOfEnums(t *testing.T) {
	for v, want := range map[fmt.Stringer]string{
		ReadOnly: "read", CreateNew: "create", Modify: "modify", Mode(0): "Mode(0)",
		OpCreate: "create", OpRead: "read", OpKind(0): "OpKind(0)", OpKind(77): "OpKind(77)",
		KillProcess: "kill process", Survival(0): "Survival(0)",
	} {
		if v.String() != want {
			t.Errorf("%q, expected %q", v.String(), want)
		}
	}
}

// A failed sync of a folder is final, like that of a file: the name may be lost.
func TestFolderSyncFails(t *testing.T) {
	m := NewMemFS(1)
	s, _ := mustOpen(t, options(m))
	accept(t, s, 1)
	m.SetFault(func(op Op) error {
		if op.Kind == OpSyncDir {
			return fs.ErrPermission
		}
		return nil
	})
	err := s.Append(newTestHistory().grow(1, 1))
	if !errors.Is(err, ErrFailed) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "log.100000001") {
		t.Errorf("%v", err)
	}
}

// After a failed fsync the page cache shows what is not on the disk, and further fsyncs do not help. What a start
// reads there and returns must be on the disk afterwards.
func TestStartAfterFailedSync(t *testing.T) {
	for name, kind := range map[string]OpKind{"the sync": OpSync, "a write": OpWrite} {
		t.Run(name, func(t *testing.T) {
			m := NewMemFS(1)
			st := newTestHistory()
			s, _ := mustOpen(t, options(m))
			accept(t, s, 1)
			write(t, s, st.grow(1, 3))
			m.SetFault(func(op Op) error {
				if op.Kind == kind && op.Path == logPath(st.proposals[0].Zxid) {
					return syscall.EIO
				}
				return nil
			})
			if err := errors.Join(s.Append(st.grow(1, 2)), s.Sync()); !errors.Is(err, ErrFailed) {
				t.Fatal(err)
			}
			m.SetFault(nil)
			m.Crash(KillProcess)
			_, r := mustOpen(t, options(m))
			if err := st.verify(r); err != nil {
				t.Fatal(err)
			}
			m.Crash(LoseUnsynced)
			_, again := mustOpen(t, options(m))
			if err := st.verify(again); err != nil || again.LastZxid != r.LastZxid {
				t.Errorf("at %s, was %s, %q: %v", again.LastZxid, r.LastZxid, names(m), err)
			}
		})
	}
}

// The same holds if the start itself cannot make durable what it finds.
func TestStartAfterFailedStart(t *testing.T) {
	// The log, and the copy that a start makes of a killed process's log.
	isLog := func(path string) bool {
		return strings.HasPrefix(filepath.Base(path), logPrefix) || filepath.Base(path) == logTemp
	}
	for name, c := range map[string]struct {
		fault func(Op) error
		want  error
	}{
		"the sync fails": {func(op Op) error {
			if op.Kind == OpSync && isLog(op.Path) {
				return syscall.EIO
			}
			return nil
		}, syscall.EIO},
		"the disk is full, too": {func(op Op) error { // so that no file can record the failure
			switch {
			case op.Kind == OpSync && isLog(op.Path):
				return syscall.EIO
			case op.Kind == OpCreate || op.Kind == OpWrite:
				return syscall.ENOSPC
			}
			return nil
		}, syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			m, st := killedInSync(t)
			m.SetFault(c.fault)
			if _, _, err := Open(options(m)); !errors.Is(err, c.want) {
				t.Fatalf("%v, expected %v", err, c.want)
			}
			m.SetFault(nil)
			m.Crash(KillProcess)
			_, r := mustOpen(t, options(m))
			if r.LastZxid != st.last() {
				t.Fatalf("found %s, expected %s: the test does not test what it should", r.LastZxid, st.last())
			}
			m.Crash(LoseUnsynced)
			_, again := mustOpen(t, options(m))
			if err := st.verify(again); err != nil || again.LastZxid != r.LastZxid {
				t.Errorf("at %s, was %s: %v", again.LastZxid, r.LastZxid, err)
			}
		})
	}
}

// A failed read is not the end of a log. Each read of a start fails once: the start fails, or it finds the whole
// history in other files; and the next start has the whole history.
func TestStartCannotRead(t *testing.T) {
	build := func() (*MemFS, *testHistory) {
		m, st := NewMemFS(1), newTestHistory()
		s, r := mustOpen(t, options(m))
		accept(t, s, 1)
		write(t, s, st.grow(1, 5))
		if err := s.SaveSnapshot(st.tree.Snapshot(), r.History); err != nil {
			t.Fatal(err)
		}
		write(t, s, st.grow(1, 5)) // to a log of its own; the process is killed before it closes it
		m.Crash(KillProcess)
		return m, st
	}
	failed := 0
	for nth := 1; ; nth++ {
		m, st := build()
		reads := 0
		m.SetFault(func(op Op) error {
			if op.Kind != OpRead {
				return nil
			}
			if reads++; reads == nth {
				return syscall.EIO
			}
			return nil
		})
		s, r, err := Open(options(m))
		m.SetFault(nil)
		switch {
		case err == nil && r.LastZxid != st.last():
			t.Errorf("read %d fails: opened at %s, expected %s or an error", nth, r.LastZxid, st.last())
		case err == nil:
			mustClose(t, s)
		case errors.Is(err, syscall.EIO):
			failed++
		default:
			t.Errorf("read %d fails: %v", nth, err)
		}
		m.Crash(KillProcess)
		s, r = mustOpen(t, options(m))
		if err := st.verify(r); err != nil || r.LastZxid != st.last() {
			t.Errorf("read %d failed, and the next start is at %s, expected %s: %v", nth, r.LastZxid, st.last(), err)
		}
		mustClose(t, s)
		if reads < nth {
			break
		}
	}
	if failed < 5 {
		t.Errorf("%d starts have failed: the test does not test what it should", failed)
	}
}

// If the sync of a repair fails, the torn tail is cut off in the page cache and still on the disk. The next start
// sees nothing to repair, and must write the log anew (found by the simulation, seed 777186).
func TestStartAfterFailedRepair(t *testing.T) {
	m := NewMemFS(1)
	st := newTestHistory()
	s, _ := mustOpen(t, options(m))
	accept(t, s, 1)
	write(t, s, st.grow(1, 3))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := logPath(st.proposals[0].Zxid)
	whole, err := m.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m.WriteFile(path, append(slices.Clone(whole), whole[16:40]...)) // durably: the first bytes of another entry
	cut := false
	m.SetFault(func(op Op) error {
		switch {
		case op.Kind == OpTruncate && op.Path == path:
			cut = true
		case op.Kind == OpSync && op.Path == path && cut:
			return syscall.EIO
		}
		return nil
	})
	if _, _, err := Open(options(m)); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	m.SetFault(nil)
	m.Crash(KillProcess)
	next, r := mustOpen(t, options(m))
	accept(t, next, 2)
	write(t, next, st.grow(2, 1)) // to a log of its own, after the one that was cut
	m.Crash(LoseUnsynced)
	_, again := mustOpen(t, options(m))
	if err := st.verify(again); err != nil || again.LastZxid <= r.LastZxid {
		t.Errorf("at %s, was %s: %v", again.LastZxid, r.LastZxid, err)
	}
}

// A process that is killed while it makes its folders leaves some whose names are not durable. The next one finds
// that they exist, and must make the names durable.
func TestFoldersOfKilledProcess(t *testing.T) {
	o := Options{DataDir: "/a/b/data", LogDir: "/a/c/log"}
	for at := 1; ; at++ {
		m := NewMemFS(uint64(at))
		o.FS = m
		m.StopAt(at)
		_, _, err := Open(o)
		if err == nil {
			if at < 20 {
				t.Errorf("%d operations", at)
			}
			return
		}
		m.Crash(KillProcess)
		st := newTestHistory()
		s, _ := mustOpen(t, o)
		write(t, s, st.grow(1, 2))
		mustClose(t, s)
		m.Crash(LoseUnsynced)
		_, r := mustOpen(t, o)
		if err := st.verify(r); err != nil || r.LastZxid != st.last() {
			t.Fatalf("operation %d: at %s: %v", at, r.LastZxid, err)
		}
	}
}
