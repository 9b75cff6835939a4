package localcluster

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// Other programs can remove or move what a supervisor is found by: its folder, its lock, its socket; and its
// timeline. Without
// the folder it ends, since no command could reach it or the data any more; the others it makes again. At this
// interval it notices within a second.
const folderTick = 250 * time.Millisecond

// watchFolder keeps the supervisor reachable, and sets the lock file's time, which shows that it runs.
func (s *Supervisor) watchFolder(ctx context.Context) {
	ticker := time.NewTicker(folderTick)
	defer ticker.Stop()
	own, err := os.Stat(string(s.folder))
	if err != nil {
		s.stop()
		return
	}
	for beat := 0; ; beat++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now, err := os.Stat(string(s.folder)); errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(own, now) {
			s.stop()
			return
		}
		// What cannot be restored now, because the disk is full for example, is tried again at the next tick.
		_ = s.restoreLock()
		_ = s.restoreSocket()
		_ = s.restoreSpec()
		s.events.retry()
		s.noteData()
		if beat%4 == 0 {
			now := time.Now()
			_ = os.Chtimes(s.folder.LockFile(), now, now)
		}
	}
}

// noteData records the members whose data folders are gone.
func (s *Supervisor) noteData() {
	for _, m := range s.members {
		gone := m.lostData()
		s.mu.Lock()
		news := gone && !m.dataGone
		m.dataGone = gone
		s.mu.Unlock()
		if news {
			s.events.add(Event{Kind: EventDataGone, Member: m.spec.ID, Why: m.folder.DataDir() + " was removed or moved"})
		}
	}
}

// restoreLock takes the lock anew when its file was removed or replaced. Another supervisor that took the new
// file meanwhile finds the ports in use, and ends.
func (s *Supervisor) restoreLock() error {
	if isFileAt(s.lock.file, s.folder.LockFile()) {
		return nil
	}
	lock, ok, err := lockFile(s.folder.LockFile())
	if err != nil || !ok {
		return err
	}
	s.lock.unlock()
	s.lock = lock
	return lock.sign()
}

// restoreSocket listens anew when the socket's file was removed. Requests under way go on.
func (s *Supervisor) restoreSocket() error {
	path, err := s.folder.Socket()
	if err != nil {
		return err
	}
	if s.socketAt(path) {
		return nil
	}
	old := s.listener
	if err := s.listen(); err != nil {
		return err
	}
	old.Close()
	return s.serve()
}

// restoreSpec writes the spec anew when it was removed: without it there is no ensemble to be seen.
func (s *Supervisor) restoreSpec() error {
	if _, err := os.Stat(s.folder.SpecFile()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.spec.save(s.folder)
}
