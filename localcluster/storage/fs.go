package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// FS is what a Store needs of a file system. OS is the real one; MemFS can lose its power.
//
// The interface keeps three things apart, because crash safety depends on their order: a File's Sync makes its
// contents durable and not its name; SyncDir makes names durable and not contents; Rename and Remove are
// atomic, but not durable until the folder is synced.
type FS interface {
	// Open opens a file. It fails with fs.ErrNotExist if the file does not exist, and with fs.ErrExist if it
	// exists and mode is CreateNew.
	Open(path string, mode Mode) (File, error)
	// Rename replaces to, if it exists, within one folder.
	Rename(from, to string) error
	Remove(path string) error
	// Mkdir makes one folder, for its owner only. It fails with fs.ErrExist if the folder exists.
	Mkdir(path string) error
	// List returns the names of the files in a folder, sorted, without those of folders.
	List(dir string) ([]string, error)
	// SyncDir makes every Open with CreateNew, Rename, Remove and Mkdir in this folder durable.
	SyncDir(dir string) error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate cuts or extends the file to size; the added part reads as zeros.
	Truncate(size int64) error
	Size() (int64, error)
	// Sync returns when the contents and the size are durable.
	Sync() error
}

// Mode says what a file is opened for.
type Mode int

// The zero Mode is invalid.
const (
	ReadOnly  Mode = iota + 1
	Modify         // an existing file, to read and write
	CreateNew      // a file that must not exist, to read and write, for its owner only
)

func (m Mode) String() string {
	switch m {
	case ReadOnly:
		return "read"
	case Modify:
		return "modify"
	case CreateNew:
		return "create"
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// removeIfThere removes a file that may not exist.
func removeIfThere(fsys FS, path string) error {
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeDurably replaces path by a file that write has filled, or leaves the old one: never half a file. The
// contents are synced first, because a rename can reach the disk before the data of the file it names; then the
// file is renamed; then the folder is synced, because a crash can undo the rename before that.
func writeDurably(fsys FS, tmp, path string, write func(File) error) error {
	if err := writeTemp(fsys, tmp, write); err != nil {
		return err
	}
	return publish(fsys, tmp, path)
}

// writeTemp makes tmp a durable file; after an error there is none.
func writeTemp(fsys FS, tmp string, write func(File) error) (err error) {
	if err := removeIfThere(fsys, tmp); err != nil {
		return err
	}
	f, err := fsys.Open(tmp, CreateNew)
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		// A full disk is the likely reason: do not keep it full with half a file.
		_ = fsys.Remove(tmp)
	}
	return err
}

func publish(fsys FS, tmp, path string) error {
	if err := fsys.Rename(tmp, path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// removeDurably removes a file; no crash brings it back.
func removeDurably(fsys FS, path string) error {
	if err := fsys.Remove(path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}
