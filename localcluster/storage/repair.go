package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// found is the outcome of reading a data folder: what it holds, and what should be done to the files so
// that the next reader finds the same without asking. Reading changes nothing, so a folder that is refused
// is left as it was.
type found struct {
	Recovered
	read    []string // the files that it was found in
	suspect bool     // what the page cache shows of the logs may not be on the disk, whatever syncs say
	repairs []repair
}

// repair is one change to the files that leaves what they mean as it is.
type repair struct {
	note string // empty when it is not worth telling
	do   func() error
}

func (f *found) repair(note string, do func() error) {
	f.repairs = append(f.repairs, repair{note, do})
}

// harden makes durable what was read. A process that was killed leaves writes and names that the next one
// reads from the page cache although no disk has them. This server is about to claim them as its history, in
// elections and in its promise to a leader, and a quorum may come to count on them. (Java omits this: kill a
// server, start it, cut its power, and a transaction that was committed with its vote is gone, or missing
// from the middle of its log.)
//
// It comes before all repairs, so that no removal overtakes the rename that justifies it. Our own snapshots
// were durable before they counted; Java's need not be.
//
// After an fsync that failed, another one is not enough: the page cache may show what it could not write, and
// have forgotten that it could not. So the logs that a process has not closed are written anew. That must not
// depend on what the process could still say when its disk failed, be it full or broken (found by the
// simulation, seed 179535590804577): a mark is there as long as a Store is open, and before its first sync. The
// mark need not be durable: when the power goes, so does the page cache.
func (l layout) harden(f *found) error {
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

// rewriteLog replaces a log by a copy of itself, so that there is no way but through the disk.
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
func (f *found) apply(dir string) error {
	for _, r := range f.repairs {
		if err := r.do(); err != nil {
			return fmt.Errorf("repair what a crash has left in %s: %w", dir, err)
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

// tidy removes a temporary file, unless another repair has used its name.
func (l layout) tidy(path string) error {
	if err := removeIfThere(l.fs, path); err != nil {
		return err
	}
	return l.fs.SyncDir(filepath.Dir(path))
}

// make creates both folders, or makes sure that they will last.
func (l layout) make() error {
	if err := makeDirs(l.fs, l.dataDir); err != nil {
		return err
	}
	if l.logDir == l.dataDir {
		return nil
	}
	return makeDirs(l.fs, l.logDir)
}

// makeDirs makes dir and what is missing above it, durably. A folder that exists may have been made by a
// process that was killed before it could sync the one above, so that is done again, and once more one level
// up; whatever is higher was durable before anything was made in it.
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
		// Who may not read a folder may still have a folder in it, which somebody else made.
		if err := fsys.SyncDir(above); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}
