package storage

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"zkctl/probe/wire"
)

// A leader sends TRUNC to a learner whose log has transactions that the leader does not have. The files are
// shortened from the newest end, one durable step after another:
//
//	snapshot.5   log.1         log.8        snapshot.e   log.f        truncate to a
//	             [1 .. 7]      [8 9 a b c d e]           [f 10 11]
//	                                                      1: removed
//	                                        2: removed
//	                              3: cut after a
//
// Each state in between is the history that this server had, only shorter: a crash leaves a folder that opens,
// and the leader sends TRUNC again. Any other order would be wrong: a log that is cut while a later one exists
// has a hole, and a snapshot above the cut brings the transactions back at the next start (ZOOKEEPER-4837).

// Truncate removes every transaction after to from the disk, and returns the state as a restart would find it.
// The caller goes on with the tree returned and drops its own: memory must not be ahead of the log, or the server
// reports transactions that it does not have.
//
// LastZxid is below to if the log does not hold to itself; the caller has to check. If the tree at to cannot be
// rebuilt, Truncate fails with ErrNoHistory and changes nothing. Any other error is final.
func (s *Store) Truncate(to wire.Zxid) (*Recovered, error) {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := s.log.finish(); err != nil {
		return nil, s.fail(err)
	}
	r := reader{s.layout, s.options}
	plan, err := r.read(to)
	if err != nil {
		if !errors.Is(err, ErrNoHistory) {
			err = fmt.Errorf("%w to %s: %w", ErrNoHistory, to, err)
		}
		return nil, err
	}
	if err := s.cutHistory(to, plan.Snapshot); err != nil {
		return nil, s.fail(err)
	}
	s.history++
	state, err := s.recover(noLimit)
	if err != nil {
		return nil, s.fail(fmt.Errorf("reload after truncation to %s: %w", to, err))
	}
	if state.LastZxid != plan.LastZxid {
		return nil, s.fail(fmt.Errorf("truncate to %s: expected the log to end with %s, found %s", to, plan.LastZxid, state.LastZxid))
	}
	s.log.last = state.LastZxid
	s.newest, s.backlog = state.Snapshot, state.Backlog
	return state, nil
}

// cutHistory removes everything after to. base is the snapshot from which the tree at to can be rebuilt. Newer
// snapshots are removed, even those up to to: they are damaged, or show effects beyond it.
func (s *Store) cutHistory(to, base wire.Zxid) error {
	files, err := s.list()
	if err != nil {
		return err
	}
	last := -1 // the log file that holds to
	for i := len(files.logs) - 1; i >= 0; i-- {
		if files.logs[i].zxid <= to {
			last = i
			break
		}
		path := filepath.Join(s.logDir, files.logs[i].name)
		if err := removeDurably(s.fs, path); err != nil {
			return explain("remove", path, err)
		}
	}
	for i := len(files.snapshots) - 1; i >= 0 && files.snapshots[i].zxid > base; i-- {
		path := s.data(files.snapshots[i].name)
		if err := removeDurably(s.fs, path); err != nil {
			return explain("remove", path, err)
		}
	}
	if last < 0 {
		return nil
	}
	path := filepath.Join(s.logDir, files.logs[last].name)
	end, err := s.endOf(path, to)
	if err != nil {
		return err
	}
	if err := cutFile(s.fs, path, end); err != nil {
		return explain("cut", path, err)
	}
	return nil
}

// endOf returns the offset of the end of the last entry up to a transaction.
func (s *Store) endOf(path string, to wire.Zxid) (int64, error) {
	log, err := OpenLog(s.fs, path)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	end := int64(fileHeaderSize)
	for {
		entry, err := log.Next()
		if errors.Is(err, io.EOF) || err == nil && entry.Proposal.Zxid > to {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		end = entry.End()
	}
}
