package storage

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Without faults it is the file system below.
func TestFaultFSWithoutFaults(t *testing.T) {
	checkFS(t, NewFaultFS(NewMemFS(1)), "/data")
	checkFS(t, NewFaultFS(OS()), filepath.Join(t.TempDir(), "data"))
	if _, ok := any(NewFaultFS(OS())).(locker); !ok {
		t.Error("a second server is not kept out")
	}
}

// faulty is a history on a disk whose faults the test sets.
func faulty(t *testing.T) (*testHistory, *Store, *FaultFS, *MemFS) {
	t.Helper()
	st := newTestHistory()
	st.grow(1, 3)
	m := onDisk(t, st)
	f := NewFaultFS(m)
	o := options(m)
	o.FS = f
	s, _ := mustOpen(t, o)
	write(t, s, st.grow(1, 1)) // makes the log file; each of what follows is one write and one sync
	return st, s, f, m
}

// A disk that is full, fails a sync or tears a write ends the server, and what it had acknowledged is there when it
// starts again.
func TestFaultFSFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault DiskFault
		want  error
	}{
		{"full", DiskFault{ID: "f1", Full: true}, syscall.ENOSPC},
		{"first sync", DiskFault{ID: "f1", Fails: true}, syscall.EIO},
		{"third sync", DiskFault{ID: "f1", Fails: true, Nth: 3}, syscall.EIO},
		{"first write", DiskFault{ID: "f1", Torn: true}, syscall.EIO},
		{"second write", DiskFault{ID: "f1", Torn: true, Nth: 2}, syscall.EIO},
	} {
		st, s, f, m := faulty(t)
		f.Set([]DiskFault{c.fault})
		acknowledged := st.last()
		var err error
		for n := 1; err == nil && n < 10; n++ {
			if err = s.Append(st.grow(1, 1)); err == nil {
				err = s.Sync()
			}
			if err == nil {
				acknowledged = st.last()
			}
			if n == 1 {
				// Another fault begins and ends: the first goes on counting.
				f.Set([]DiskFault{c.fault, {ID: "f2", Latency: time.Nanosecond}})
				f.Set([]DiskFault{c.fault})
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if n := int(acknowledged.Counter()) - 4; c.fault.Nth > 0 && n != c.fault.Nth-1 {
			t.Errorf("%s: %d transactions were acknowledged before it", c.name, n)
		}
		_ = s.Close()
		f.Set(nil)
		again, r := mustOpen(t, options(m))
		if r.LastZxid < acknowledged {
			t.Errorf("%s: at %s after a start, and %s was acknowledged", c.name, r.LastZxid, acknowledged)
		}
		mustClose(t, again)
	}
}

// A slow sync takes as long as the fault says, and a stuck one until the fault ends.
func TestFaultFSWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s, f, _ := faulty(t)
		began := time.Now()
		sync := func() time.Duration {
			if err := s.Append(st.grow(1, 1)); err != nil {
				t.Fatal(err)
			}
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		f.Set([]DiskFault{{ID: "f1", Latency: time.Second}, {ID: "f2", Latency: 200 * time.Millisecond}})
		if took := sync(); took != 200*time.Millisecond {
			t.Errorf("the newest latency is 200ms, and a sync took %v", took)
		}
		f.Set([]DiskFault{{ID: "f3", Stuck: true}})
		time.AfterFunc(time.Minute, func() { f.Set(nil) })
		if took := sync(); took != time.Minute+200*time.Millisecond {
			t.Errorf("the fault ended after a minute, and the sync after %v", took)
		}
		if took := sync(); took != time.Minute+200*time.Millisecond {
			t.Errorf("a sync without a fault took until %v", took)
		}
		mustClose(t, s)
	})
}

// A full disk still has room for what it has: a file may become shorter, and may be read.
func TestFaultFSFull(t *testing.T) {
	f := NewFaultFS(NewMemFS(1))
	if err := f.Mkdir("/data"); err != nil {
		t.Fatal(err)
	}
	file, err := f.Open("/data/a", CreateNew)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("hello"), 0); err != nil {
		t.Fatal(err)
	}
	f.Set([]DiskFault{{ID: "f1", Full: true}})
	var path *fs.PathError
	if err := file.Truncate(9); !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &path) || path.Path != "/data/a" {
		t.Errorf("a longer file: %v", err)
	}
	if _, err := f.Open("/data/b", CreateNew); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("another file: %v", err)
	}
	if err := file.Truncate(4); err != nil {
		t.Error(err)
	}
	b := make([]byte, 4)
	if _, err := file.ReadAt(b, 0); err != nil || !bytes.Equal(b, []byte("hell")) {
		t.Errorf("%q, %v", b, err)
	}
}
