package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// recovery is the outcome of reading a data folder: the state, and the repairs after which the next start reads
// the same state without repairs. Reading changes nothing, so a folder that is refused is left as it was.
type recovery struct {
	Recovered
	read    []string // the files that the state was read from
	suspect bool     // the page cache may show log entries that are not on the disk, and no fsync will write them
	repairs []repair
}

// repair is one change to the files. It does not change the state that they hold.
type repair struct {
	note string // for Recovered.Notes; empty for none
	do   func() error
}

func (f *recovery) repair(note string, do func() error) {
	f.repairs = append(f.repairs, repair{note, do})
}

// makeDurable makes durable what was read. A process that was killed leaves writes and names that the next one
// reads from the page cache although the disk does not have them. This server will report them as its history in
// elections and to a leader, and a quorum may then count on them. (Java omits this: kill a server, start it, cut
// its power, and a transaction that was committed with its vote is gone, or missing from the middle of its log.)
//
// It comes before all repairs, so that no removal becomes durable before the rename that justifies it. Our own
// snapshots are durable before they get their name; Java's need not be.
//
// After an fsync that failed, another one is not enough: the page cache shows what the kernel could not write,
// and the kernel does not try again. So the logs that a process has not closed are written anew. A process whose
// disk is full or broken may be unable to record that (found by the simulation, seed 179535590804577), so the
// mark is created before the first sync and removed by Close. The mark need not be durable: a loss of power
// empties the page cache, too.
func (l layout) makeDurable(f *recovery) error {
	for _, path := range f.read {
		harden := syncPath
		if f.suspect && strings.HasPrefix(filepath.Base(path), logPrefix) {
			harden = l.rewriteLog
		}
		if err := harden(l.fs, path); err != nil {
			return explain("make durable", path, err)
		}
	}
	dirs := []string{l.logDir, l.dataDir}
	if l.logDir == l.dataDir {
		dirs = dirs[1:]
	}
	for _, dir := range dirs {
		if err := l.fs.SyncDir(dir); err != nil {
			return fmt.Errorf("sync the folder %s: %w", dir, err)
		}
	}
	return nil
}

func (l layout) inUse() string { return filepath.Join(l.logDir, inUseName) }

func syncPath(fsys FS, path string) error {
	f, err := fsys.Open(path, Modify)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// rewriteLog replaces a log by a copy of itself, all of which is written to the disk again.
func (l layout) rewriteLog(fsys FS, path string) error {
	tmp := filepath.Join(l.logDir, logTemp)
	if err := writeTemp(fsys, tmp, func(f File) error { return copyInto(fsys, f, path) }); err != nil {
		return err
	}
	return publish(fsys, tmp, path)
}

func copyInto(fsys FS, to File, path string) error {
	from, err := fsys.Open(path, ReadOnly)
	if err != nil {
		return err
	}
	defer from.Close()
	size, err := from.Size()
	if err != nil {
		return err
	}
	w := &fileWriter{file: to, stop: func() error { return nil }}
	_, err = io.Copy(w, io.NewSectionReader(from, 0, size))
	return err
}

// apply makes the repairs and adds their notes.
func (f *recovery) apply(dir string) error {
	for _, r := range f.repairs {
		if err := r.do(); err != nil {
			return fmt.Errorf("repair what a crash left in %s: %w", dir, err)
		}
		if r.note != "" {
			f.Notes = append(f.Notes, r.note)
		}
	}
	f.repairs = nil
	return nil
}

// cutFile shortens a file durably.
func cutFile(fsys FS, path string, size int64) error {
	f, err := fsys.Open(path, Modify)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// removeTemp removes a temporary file, if no other repair has removed it.
func (l layout) removeTemp(path string) error {
	if err := removeIfThere(l.fs, path); err != nil {
		return err
	}
	return l.fs.SyncDir(filepath.Dir(path))
}

// make creates both folders, or makes the names of existing ones durable.
func (l layout) make() error {
	if err := makeDirs(l.fs, l.dataDir); err != nil {
		return err
	}
	if l.logDir == l.dataDir {
		return nil
	}
	return makeDirs(l.fs, l.logDir)
}

// makeDirs makes dir, and the folders above it that do not exist, durably. A folder that exists may have been
// made by a process that was killed before it could sync the parent, so the parent and the folder above it are
// synced again; a higher one was durable before a folder was made in it.
func makeDirs(fsys FS, dir string) error {
	parent := filepath.Dir(dir)
	err := fsys.Mkdir(dir)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDirs(fsys, parent); err != nil {
			return err
		}
		err = fsys.Mkdir(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, above := range []string{filepath.Dir(parent), parent} {
		// A server may own a folder inside one that it may not read; an administrator has made it then.
		if err := fsys.SyncDir(above); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}
