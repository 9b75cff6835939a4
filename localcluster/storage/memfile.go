package storage

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// memNode is a file or folder of a MemFS, whatever its name.
type memNode struct {
	dir bool

	data   []byte     // what programs read
	disk   []byte     // what was synced
	writes []memWrite // what the next sync applies to disk; unless one failed, disk then equals data
}

// memWrite is a write, or the setting of a size when data is nil.
type memWrite struct {
	off  int64
	data []byte
}

// do carries out the first n bytes of a write, or the whole change of size.
func (w memWrite) do(b []byte, n int) []byte {
	if w.data == nil {
		return resize(b, w.off)
	}
	if need := w.off + int64(n); need > int64(len(b)) {
		b = resize(b, need)
	}
	copy(b[w.off:], w.data[:n])
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	// Grow clears nothing, and bytes that were cut off must not come back.
	grown := slices.Grow(b, int(size)-len(b))[:size]
	clear(grown[len(b):])
	return grown
}

func (n *memNode) write(w memWrite) {
	n.data = w.do(n.data, len(w.data))
	n.writes = append(n.writes, w)
}

// memFile is an open file.
type memFile struct {
	fs         *MemFS
	node       *memNode
	path       string
	mode       Mode
	generation int
	closed     bool
}

func (f *memFile) usable(op string, writing bool) error {
	if f.closed || f.generation != f.fs.generation {
		return &fs.PathError{Op: op, Path: f.path, Err: fs.ErrClosed}
	}
	if writing && f.mode == ReadOnly {
		return &fs.PathError{Op: op, Path: f.path, Err: fs.ErrPermission}
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("read", false); err != nil {
		return 0, err
	}
	if _, err := f.fs.begin(OpRead, f.path); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("write", true); err != nil {
		return 0, err
	}
	inFlight, err := f.fs.begin(OpWrite, f.path)
	if err != nil {
		return 0, err
	}
	fits := int64(len(b))
	if grown := off + fits - int64(len(f.node.data)); f.fs.capacity > 0 && grown > f.fs.free() {
		fits = max(0, fits-(grown-f.fs.free()))
	}
	if fits > 0 {
		f.node.write(memWrite{off, slices.Clone(b[:fits])})
	}
	if inFlight {
		return 0, end(true, OpWrite, f.path)
	}
	if fits < int64(len(b)) {
		return int(fits), &fs.PathError{Op: "write", Path: f.path, Err: syscall.ENOSPC}
	}
	return len(b), nil
}

// free is how much fits on the disk.
func (m *MemFS) free() int64 {
	left := m.capacity
	for _, n := range m.live {
		left -= int64(len(n.data))
	}
	return max(0, left)
}

// Truncate implements File. Like the hole that it makes on a real disk, what it adds takes no room.
func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("truncate", true); err != nil {
		return err
	}
	inFlight, err := f.fs.begin(OpTruncate, f.path)
	if err != nil {
		return err
	}
	f.node.write(memWrite{off: size})
	return end(inFlight, OpTruncate, f.path)
}

// Size implements File.
func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("stat", false); err != nil {
		return 0, err
	}
	return int64(len(f.node.data)), nil
}

// Sync implements File.
func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("sync", false); err != nil {
		return err
	}
	inFlight, err := f.fs.begin(OpSync, f.path)
	switch {
	case errors.Is(err, ErrPowerLost):
		return err
	case err != nil:
		f.node.writes = nil // programs still see them, and the disk never gets them
		return err
	case inFlight:
		return end(true, OpSync, f.path)
	}
	for _, w := range f.node.writes {
		f.node.disk = w.do(f.node.disk, len(w.data))
	}
	f.node.writes = nil
	return nil
}

// Close implements io.Closer. It makes nothing durable, and works after a crash, too.
func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
