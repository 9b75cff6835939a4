package storage

import (
	"errors"
	"fmt"
	"path/filepath"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// SaveSnapshot writes a snapshot of a tree that belongs to a history, so that the next start has less to
// replay, and makes the next append begin a new log file. Appends go on while it writes.
//
// It fails with ErrSuperseded if the history ended, or Close was called, before the snapshot was written. The
// caller names the history because a snapshot of a tree that was truncated since would bring back the
// transactions that the truncation removed (ZOOKEEPER-4837).
//
// An error before the snapshot gets its name, such as a full disk, does no harm, because the log has every
// transaction; the Store remains usable.
func (s *Store) SaveSnapshot(snap *datatree.Snapshot, of History) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	z := snap.Zxid()
	if there, err := s.beginSave(z, of); there || err != nil {
		return err
	}
	path, tmp := s.snapshot(z), s.data(snapshotTemp)
	err := writeTemp(s.fs, tmp, func(f File) error {
		return writeSnapshot(f, snap, func() error {
			if s.waiting.Load() > 0 {
				return ErrSuperseded
			}
			return nil
		})
	})
	if errors.Is(err, ErrSuperseded) {
		return err
	}
	if err != nil {
		return explain("write", path, err)
	}
	return s.endSave(z, tmp, path)
}

// beginSave checks that the snapshot belongs to the history; there means that the files have it already.
func (s *Store) beginSave(z wire.Zxid, of History) (there bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failure != nil:
		return false, s.failure
	case of != s.history:
		return false, fmt.Errorf("%w: snapshot %s is of history %d, the current one is %d", ErrSuperseded, z, of, s.history)
	case z > s.log.last:
		return false, fmt.Errorf("save snapshot %s: the log ends with %s", z, s.log.last)
	}
	return z <= s.newest, nil
}

// endSave gives the snapshot its name. The history cannot have ended meanwhile, because the caller holds saving.
func (s *Store) endSave(z wire.Zxid, tmp, path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return s.failure
	}
	// The log is made durable first: if this snapshot is damaged one day, an older one and the log replace it.
	if err := s.log.finish(); err != nil {
		return s.fail(err)
	}
	if err := publish(s.fs, tmp, path); err != nil {
		return s.fail(explain("rename to", path, err))
	}
	s.newest = z
	s.backlog = Backlog{}
	return nil
}

// Purge removes all but the newest retain >= 3 snapshots, and the logs that none of them needs. It returns
// the names of the files that it removed.
func (s *Store) Purge(retain int) ([]string, error) {
	if retain < 3 {
		return nil, fmt.Errorf("retain %d snapshots: expected at least 3", retain)
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	if err := s.Err(); err != nil {
		return nil, err
	}
	files, err := s.list()
	if err != nil {
		return nil, err
	}
	snapshots, logs, err := s.obsolete(files, retain)
	if err != nil {
		return nil, err
	}
	var removed []string
	// The oldest go first, and snapshots before logs, so that at any crash every snapshot still has the log that
	// it needs.
	for _, batch := range []struct {
		dir   string
		files []numbered
	}{{s.dataDir, snapshots}, {s.logDir, logs}} {
		for _, f := range batch.files {
			path := filepath.Join(batch.dir, f.name)
			if err := s.fs.Remove(path); err != nil {
				return removed, fmt.Errorf("remove %s: %w", path, err)
			}
			removed = append(removed, path)
		}
		if len(batch.files) > 0 {
			if err := s.fs.SyncDir(batch.dir); err != nil {
				return removed, fmt.Errorf("sync %s: %w", batch.dir, err)
			}
		}
	}
	return removed, nil
}

// obsolete chooses what to purge. As in Java, only snapshots that end like whole ones are counted. The last log
// that begins at or before the oldest snapshot kept may reach beyond that snapshot; the logs before it do not.
func (s *Store) obsolete(files listing, retain int) (snapshots, logs []numbered, err error) {
	kept := 0
	oldest := -1
	for i := len(files.snapshots) - 1; i >= 0 && kept < retain; i-- {
		whole, err := s.isValidSnapshot(files.snapshots[i])
		if err != nil {
			return nil, nil, err
		}
		if whole {
			kept++
			oldest = i
		}
	}
	if kept < retain {
		return nil, nil, nil
	}
	first := 0
	for i, f := range files.logs {
		if f.zxid <= files.snapshots[oldest].zxid {
			first = i
		}
	}
	if len(files.logs) > 0 {
		logs = files.logs[:first]
	}
	return files.snapshots[:oldest], logs, nil
}

func (s *Store) isValidSnapshot(n numbered) (bool, error) {
	f, err := s.fs.Open(s.data(n.name), ReadOnly)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info := SnapshotInfo{Path: s.data(n.name)}
	if info.Size, err = f.Size(); err != nil {
		return false, err
	}
	disk := &diskReader{file: f}
	_, _, err = openSnapshotStream(disk, n.ext, info)
	return err == nil, disk.err
}
