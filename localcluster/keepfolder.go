package localcluster

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"time"
)

// Other programs can remove, move or replace what a supervisor is found by: its folder, its lock, its socket, its spec;
// and its timeline. Without the folder it ends, since no command could reach it or the data any more; the others it
// makes again. At this interval it notices within a second.
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
		s.removeIntruders()
		s.noteData()
		s.noteBlocked()
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

// restoreSpec writes the spec anew when it was removed, replaced or changed: without it there is no ensemble to be
// seen, and only this supervisor may change it, as long as it runs.
func (s *Supervisor) restoreSpec() error {
	now, err := os.Lstat(s.folder.SpecFile())
	if err == nil && s.specFile != nil && os.SameFile(s.specFile, now) && s.specFile.Size() == now.Size() && s.specFile.ModTime().Equal(now.ModTime()) {
		return nil
	}
	if isDirectory(s.folder.SpecFile()) {
		return nil // see noteBlocked
	}
	if found, err := LoadSpec(s.folder); err != nil || !reflect.DeepEqual(found, s.spec) {
		if err := s.spec.save(s.folder); err != nil {
			return err
		}
		if now, err = os.Lstat(s.folder.SpecFile()); err != nil {
			return err
		}
	}
	s.specFile = now
	return nil
}

// removeIntruders makes room for the members' logs, which begin anew when their members print.
func (s *Supervisor) removeIntruders() {
	for _, m := range s.members {
		_ = removeIntruder(m.folder.LogFile())
		_ = removeIntruder(older(m.folder.LogFile()))
	}
	_ = removeIntruder(older(s.folder.EventsFile()))
}

// noteBlocked records the directories in the places of the supervisor's own files.
func (s *Supervisor) noteBlocked() {
	blocked := s.blockedFiles()
	for _, path := range blocked {
		if !slices.Contains(s.blocked, path) {
			s.events.add(Event{Kind: EventBlocked, Why: blockedText(path)})
		}
	}
	s.blocked = blocked
}

// blockedFiles are the files in whose places there are directories: the supervisor cannot write them.
func (s *Supervisor) blockedFiles() (blocked []string) {
	paths := []string{s.folder.LockFile(), s.folder.SpecFile(), s.folder.EventsFile()}
	for _, m := range s.members {
		paths = append(paths, m.folder.LogFile(), m.folder.ConfigFile())
	}
	return slices.DeleteFunc(paths, func(path string) bool { return !isDirectory(path) })
}

func blockedText(path string) string {
	return path + " is a directory: move it away, and the supervisor makes its file anew"
}
