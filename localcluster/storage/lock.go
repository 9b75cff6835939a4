package storage

import (
	"errors"
	"fmt"
	"io"
)

// locker is an FS that can keep other processes out of a folder. It is optional: a simulated disk has one
// user, and not every system has such locks.
type locker interface {
	// Lock fails with errLocked when another process has the folder.
	Lock(dir string) (io.Closer, error)
}

var errLocked = errors.New("in use")

// lockFolders keeps a second server out. Without the lock, a second server that is started by mistake would
// read the log that the first is writing as one that a crash has interrupted, and cut off its end.
func (s *Store) lockFolders() error {
	l, ok := s.fs.(locker)
	if !ok {
		return nil
	}
	var held locks
	for _, dir := range []string{s.dataDir, s.logDir} {
		if dir == s.dataDir && len(held) > 0 {
			break // the two are one folder
		}
		lock, err := l.Lock(dir)
		if err != nil {
			held.Close()
			if errors.Is(err, errLocked) {
				return fmt.Errorf("%s is %w by another server: stop that one, or give this one a folder of its own", dir, errLocked)
			}
			return fmt.Errorf("lock %s: %w", dir, err)
		}
		held = append(held, lock)
	}
	s.lock = held
	return nil
}

func (s *Store) unlockFolders() {
	if s.lock != nil {
		_ = s.lock.Close()
		s.lock = nil
	}
}

type locks []io.Closer

func (l locks) Close() error {
	var err error
	for _, lock := range l {
		err = errors.Join(err, lock.Close())
	}
	return err
}
