package storage

import (
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// DiskFault is what is wrong with a disk. ID tells faults apart, so that one that counts goes on counting when another
// begins or ends.
type DiskFault struct {
	ID      string        `json:"id"`
	Latency time.Duration `json:"latency_ns,omitempty"` // every sync takes so much longer
	Stuck   bool          `json:"stuck,omitempty"`      // a sync does not return
	Full    bool          `json:"full,omitempty"`       // nothing more can be written
	Fails   bool          `json:"fails,omitempty"`      // the Nth sync fails with EIO
	Torn    bool          `json:"torn,omitempty"`       // the Nth write is written in part, and fails
	Nth     int           `json:"nth,omitempty"`        // 0 is the first
}

// FaultFS is a file system whose faults can be set while it is used. Without faults it costs one load of a pointer a
// call. Faults concern writing: a server reads its files when it starts, and damaged files are another matter.
type FaultFS struct {
	FS
	now atomic.Pointer[diskFaults] // nil: none

	mu     sync.Mutex
	counts map[string]*atomic.Int64 // of faults with an Nth, by id
}

// diskFaults are the faults that hold now; they do not change.
type diskFaults struct {
	latency     time.Duration
	stuck, full bool
	fails, torn []countedFault
	over        chan struct{} // closed when others take their place
}

// countedFault strikes at one call.
type countedFault struct {
	nth   int64
	calls *atomic.Int64 // so far
}

// strikes counts a call, and tells whether it is the one.
func strikes(list []countedFault) bool {
	hit := false
	for _, f := range list {
		hit = f.calls.Add(1) == f.nth || hit
	}
	return hit
}

// NewFaultFS is a file system without faults.
func NewFaultFS(under FS) *FaultFS {
	return &FaultFS{FS: under, counts: map[string]*atomic.Int64{}}
}

// Set has these faults hold, and no others. Of several latencies the last counts. A sync that is stuck goes on when no
// fault holds it any more.
func (f *FaultFS) Set(faults []DiskFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]*atomic.Int64{}
	next := &diskFaults{over: make(chan struct{})}
	for _, d := range faults {
		calls := f.counts[d.ID]
		if calls == nil {
			calls = new(atomic.Int64)
		}
		counts[d.ID] = calls
		counted := countedFault{int64(max(d.Nth, 1)), calls}
		switch {
		case d.Latency > 0:
			next.latency = d.Latency
		case d.Stuck:
			next.stuck = true
		case d.Full:
			next.full = true
		case d.Fails:
			next.fails = append(next.fails, counted)
		case d.Torn:
			next.torn = append(next.torn, counted)
		}
	}
	f.counts = counts
	if len(faults) == 0 {
		next = nil
	}
	if before := f.now.Swap(next); before != nil {
		close(before.over)
	}
}

// Lock implements locker where the file system below does.
func (f *FaultFS) Lock(dir string) (io.Closer, error) {
	if l, ok := f.FS.(locker); ok {
		return l.Lock(dir)
	}
	return locks(nil), nil
}

// Open implements FS. A full disk has no room for another file.
func (f *FaultFS) Open(path string, mode Mode) (File, error) {
	if d := f.now.Load(); d != nil && d.full && mode == CreateNew {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
	}
	file, err := f.FS.Open(path, mode)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f, path}, nil
}

// SyncDir implements FS.
func (f *FaultFS) SyncDir(dir string) error {
	if err := f.sync(dir); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

// sync is what a sync has to go through before it is done.
func (f *FaultFS) sync(path string) error {
	waited := false
	for {
		d := f.now.Load()
		switch {
		case d == nil:
			return nil
		case d.stuck:
			<-d.over
			continue
		case d.latency > 0 && !waited:
			waited = true
			timer := time.NewTimer(d.latency)
			select {
			case <-timer.C:
			case <-d.over:
			}
			timer.Stop()
			continue
		case strikes(d.fails):
			return &fs.PathError{Op: "sync", Path: path, Err: syscall.EIO}
		}
		return nil
	}
}

// faultFile is an open file of a FaultFS.
type faultFile struct {
	File
	fs   *FaultFS
	path string
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	d := f.fs.now.Load()
	switch {
	case d == nil:
	case d.full:
		return 0, &fs.PathError{Op: "write", Path: f.path, Err: syscall.ENOSPC}
	case strikes(d.torn):
		n, err := f.File.WriteAt(b[:len(b)/2], off)
		if err == nil {
			err = &fs.PathError{Op: "write", Path: f.path, Err: syscall.EIO}
		}
		return n, err
	}
	return f.File.WriteAt(b, off)
}

// Truncate fails on a full disk only where it would make the file longer.
func (f *faultFile) Truncate(size int64) error {
	if d := f.fs.now.Load(); d != nil && d.full {
		if now, err := f.File.Size(); err == nil && size > now {
			return &fs.PathError{Op: "truncate", Path: f.path, Err: syscall.ENOSPC}
		}
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Sync() error {
	if err := f.fs.sync(f.path); err != nil {
		return err
	}
	return f.File.Sync()
}
