package storage

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// The simulated disk must behave as the real one: both pass the same checks.
func TestFileSystems(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (FS, string){
		"OS":    func(t *testing.T) (FS, string) { return OS(), t.TempDir() },
		"MemFS": func(*testing.T) (FS, string) { return NewMemFS(1), "/" },
	} {
		t.Run(name, func(t *testing.T) {
			fsys, root := open(t)
			checkFS(t, fsys, filepath.Join(root, "d"))
		})
	}
}

func checkFS(t *testing.T, fsys FS, dir string) {
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%v, expected %v", err, want)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := func(name string) string { return filepath.Join(dir, name) }

	_, err := fsys.List(dir)
	is(err, fs.ErrNotExist)
	is(fsys.Mkdir(p("sub")), fs.ErrNotExist)
	ok(fsys.Mkdir(dir))
	is(fsys.Mkdir(dir), fs.ErrExist)
	ok(fsys.Mkdir(p("sub")))
	ok(fsys.SyncDir(dir))

	_, err = fsys.Open(p("a"), ReadOnly)
	is(err, fs.ErrNotExist)
	_, err = fsys.Open(p("a"), Modify)
	is(err, fs.ErrNotExist)
	_, err = fsys.Open(p("a"), 0)
	is(err, fs.ErrInvalid)
	f, err := fsys.Open(p("a"), CreateNew)
	ok(err)
	_, err = fsys.Open(p("a"), CreateNew)
	is(err, fs.ErrExist)

	_, err = f.WriteAt([]byte("hello"), 3)
	ok(err)
	ok(f.Truncate(10))
	ok(f.Truncate(6))
	ok(f.Truncate(9))
	size, err := f.Size()
	ok(err)
	b := make([]byte, 20)
	n, err := f.ReadAt(b, 0)
	is(err, io.EOF)
	if want := "\x00\x00\x00hel\x00\x00\x00"; size != 9 || string(b[:n]) != want {
		t.Errorf("%q of %d, expected %q", b[:n], size, want)
	}
	n, err = f.ReadAt(b[:4], 2)
	if n != 4 || err != nil {
		t.Errorf("read %d: %v", n, err)
	}
	n, err = f.ReadAt(b[:4], 50)
	if n != 0 || err != io.EOF {
		t.Errorf("read %d beyond the end: %v", n, err)
	}
	ok(f.Sync())
	ok(f.Close())

	r, err := fsys.Open(p("a"), ReadOnly)
	ok(err)
	if _, err := r.WriteAt([]byte("x"), 0); err == nil {
		t.Error("written to a file opened to read")
	}
	ok(r.Close())

	g, err := fsys.Open(p("b"), CreateNew)
	ok(err)
	ok(g.Close())
	ok(fsys.Rename(p("b"), p("a")))
	is(fsys.Rename(p("b"), p("a")), fs.ErrNotExist)
	names, err := fsys.List(dir)
	if err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("%q: %v", names, err)
	}
	ok(fsys.Remove(p("a")))
	is(fsys.Remove(p("a")), fs.ErrNotExist)
}

func TestOSModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are not those of Windows")
	}
	dir := filepath.Join(t.TempDir(), "data")
	s, _ := mustOpen(t, Options{DataDir: dir})
	write(t, s, newTestHistory().grow(1, 2))
	mustClose(t, s)
	for path, want := range map[string]os.FileMode{
		dir:                              0o700,
		dir + "/version-2":               0o700,
		dir + "/version-2/snapshot.0":    0o600,
		dir + "/version-2/log.100000001": 0o600,
		dir + "/version-2/acceptedEpoch": 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, expected %o", path, got, want)
		}
	}
}

// create makes a file with contents, and syncs its contents, its name or both.
func create(t *testing.T, m *MemFS, path, text string, syncFile, syncDir bool) File {
	t.Helper()
	f, err := m.Open(path, CreateNew)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
	if syncFile {
		err = f.Sync()
	}
	if syncDir {
		err = errors.Join(err, m.SyncDir(filepath.Dir(path)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOnlyTheSyncedSurvives(t *testing.T) {
	m := NewMemFS(1)
	create(t, m, "/both", "both", true, true)
	create(t, m, "/contents", "contents", true, false)
	f := create(t, m, "/name", "name", false, false)
	if err := errors.Join(m.Rename("/contents", "/renamed"), m.SyncDir("/"), m.Remove("/both"), m.Mkdir("/dir")); err != nil {
		t.Fatal(err)
	}
	m.Crash(LoseUnsynced)
	got := map[string]string{}
	for _, path := range m.Files() {
		got[path] = string(readFile(t, m, path))
	}
	if len(got) != 3 || got["/both"] != "both" || got["/renamed"] != "contents" || got["/name"] != "" {
		t.Errorf("%q", got)
	}
	if _, err := m.List("/dir"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder: %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a file from before: %v", err)
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	m := NewMemFS(1)
	create(t, m, "/f", "text", false, false)
	m.Crash(KillProcess)
	if got := readFile(t, m, "/f"); string(got) != "text" {
		t.Errorf("%q", got)
	}
	m.Crash(LoseUnsynced) // it was never durable
	if files := m.Files(); len(files) != 0 {
		t.Errorf("%q", files)
	}
}

// Over many seeds a loss of power has every outcome that is allowed, and no other.
func TestTornWrites(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(400) {
		m := NewMemFS(seed)
		f := create(t, m, "/f", "ab", true, true)
		for i, text := range []string{"cd", "ef"} {
			if _, err := f.WriteAt([]byte(text), int64(2+2*i)); err != nil {
				t.Fatal(err)
			}
		}
		m.Crash(LosePower)
		seen[string(readFile(t, m, "/f"))] = true
	}
	whole := "abcdef"
	expected := map[string]bool{}
	for cut := 2; cut <= len(whole); cut++ {
		expected[whole[:cut]] = true
		expected[whole[:cut]+string(make([]byte, len(whole)-cut))] = true
	}
	for want := range expected {
		if !seen[want] {
			t.Errorf("%q never happened", want)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		t.Errorf("%v happened", seen)
	}
}

func TestTornNames(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		m := NewMemFS(seed)
		create(t, m, "/old", "old", true, true)
		create(t, m, "/tmp", "new", true, false)
		if err := errors.Join(m.Rename("/tmp", "/old"), m.Mkdir("/d")); err != nil {
			t.Fatal(err)
		}
		create(t, m, "/d/f", "", true, true)
		m.Crash(LosePower)
		outcome := ""
		for _, path := range m.Files() {
			outcome += path + "=" + string(readFile(t, m, path)) + " "
		}
		seen[outcome]++
	}
	for _, names := range []string{"/old=old ", "/old=old /tmp=new ", "/old=new "} {
		for _, folder := range []string{"", "/d/f= "} {
			if seen[folder+names] == 0 {
				t.Errorf("%q never happened", folder+names)
			}
			delete(seen, folder+names)
		}
	}
	if len(seen) > 0 {
		t.Errorf("%v happened", seen)
	}
}

func TestSameSeedSameCrash(t *testing.T) {
	run := func() (out []byte) {
		m := NewMemFS(99)
		for _, name := range []string{"/a", "/b", "/c", "/d"} {
			create(t, m, name, "some text in "+name, false, false)
		}
		m.Crash(LosePower)
		for _, path := range m.Files() {
			out = append(append(out, path...), readFile(t, m, path)...)
		}
		return out
	}
	first := run()
	for range 5 {
		if again := run(); !bytes.Equal(first, again) {
			t.Fatalf("%q, then %q", first, again)
		}
	}
}

func TestFailedSyncLosesForGood(t *testing.T) {
	m := NewMemFS(1)
	f := create(t, m, "/f", "", true, true)
	if _, err := f.WriteAt([]byte("text"), 0); err != nil {
		t.Fatal(err)
	}
	m.SetFault(func(op Op) error {
		if op.Kind == OpSync {
			return syscall.EIO
		}
		return nil
	})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	m.SetFault(nil)
	if err := f.Sync(); err != nil { // reports success, wrongly
		t.Fatal(err)
	}
	if got := readFile(t, m, "/f"); string(got) != "text" {
		t.Errorf("before: %q", got)
	}
	m.Crash(LosePower)
	if got := readFile(t, m, "/f"); string(got) != "" {
		t.Errorf("after: %q", got)
	}
}

func TestStopAt(t *testing.T) {
	m := NewMemFS(1)
	f := create(t, m, "/f", "", true, true)
	m.StopAt(2)
	if _, err := f.WriteAt([]byte("a"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("b"), 1); !errors.Is(err, ErrPowerLost) {
		t.Fatalf("the operation: %v", err)
	}
	if err := f.Sync(); !errors.Is(err, ErrPowerLost) {
		t.Fatalf("the next: %v", err)
	}
	if _, err := m.List("/"); !errors.Is(err, ErrPowerLost) {
		t.Fatalf("a read: %v", err)
	}
	m.Crash(KillProcess)
	if got := readFile(t, m, "/f"); string(got) != "ab" {
		t.Errorf("%q: the operation in flight may have had its effect", got)
	}
}

func TestCapacity(t *testing.T) {
	m := NewMemFS(1)
	m.SetCapacity(6)
	f := create(t, m, "/f", "abcd", true, true)
	n, err := f.WriteAt([]byte("efgh"), 4)
	if n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d: %v", n, err)
	}
	if got := readFile(t, m, "/f"); string(got) != "abcdef" {
		t.Errorf("%q", got)
	}
	if _, err := f.WriteAt([]byte("ABCDEF"), 0); err != nil {
		t.Errorf("over what is there: %v", err)
	}
	if err := m.Remove("/f"); err != nil {
		t.Fatal(err)
	}
	create(t, m, "/g", "abcdef", true, true)
}
