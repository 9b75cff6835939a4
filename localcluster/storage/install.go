package storage

import (
	"fmt"
	"path/filepath"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// A leader that cannot bring a learner up to date from its log sends its whole tree (SNAP). Its history need not
// continue the learner's: the learner's log may have transactions that were never committed, and some of them
// may have zxids above the tree's. Installing must swap one history for the other in one step, because each
// half-way state is wrong:
//
//   - the new snapshot beside the old log: at the next start, transactions that were never committed are
//     replayed onto the leader's tree;
//   - the old log gone before the new snapshot is durable: what this server acknowledged is lost, and with it
//     perhaps a write that was committed with its vote.
//
// A rename is the only change that a file system makes in one step, so the swap hangs on one:
//
//	1  tmp.install       written and synced         a crash leaves the old history
//	2  -> install.HEX    renamed, folder synced     --- from here on, the new history ---
//	3  log.*, snapshot.* removed, folders synced    after a crash, Open does 3 and 4 again
//	4  -> snapshot.HEX   renamed, folder synced
//
// While install.HEX exists, the logs and snapshots beside it have no meaning, so step 3 may remove them in any
// order and be repeated. It removes the old snapshots too: no log leads from them to the new tree.
//
// (A Java server would see the old history, or parts of it, until step 4. Opening the folder once with this
// package finishes the installation.)

// InstallSnapshot replaces the whole history by a tree that came from the leader; appends that were not synced
// are dropped. The next append must follow the snapshot. It returns the number of the new history.
func (s *Store) InstallSnapshot(snap *datatree.Snapshot) (History, error) {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	if err := s.checkAccepted(snap.Zxid()); err != nil {
		return 0, err
	}
	s.log.abandon()
	if err := s.install(snap); err != nil {
		return 0, s.fail(err)
	}
	s.log.last = snap.Zxid()
	s.newest = snap.Zxid()
	s.backlog = Backlog{}
	s.history++
	return s.history, nil
}

func (s *Store) install(snap *datatree.Snapshot) error {
	path := s.layout.install(snap.Zxid())
	err := writeDurably(s.fs, s.data(installTemp), path, func(f File) error {
		return writeSnapshot(f, snap, func() error { return nil })
	})
	if err != nil {
		return explain("write", path, err)
	}
	if err := s.finishInstall(snap.Zxid()); err != nil {
		return explain("finish the installation of", path, err)
	}
	return nil
}

// finishInstall does steps 3 and 4.
func (l layout) finishInstall(z wire.Zxid) error {
	files, err := l.list()
	if err != nil {
		return err
	}
	for _, f := range files.logs {
		if err := l.fs.Remove(filepath.Join(l.logDir, f.name)); err != nil {
			return err
		}
	}
	for _, f := range files.snapshots {
		if err := l.fs.Remove(l.data(f.name)); err != nil {
			return err
		}
	}
	if err := l.fs.SyncDir(l.logDir); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dataDir); err != nil {
		return err
	}
	return publish(l.fs, l.install(z), l.snapshot(z))
}

// readInstall reads a folder in which a crash interrupted an installation after step 2.
func (r *reader) readInstall(f *recovery, files *listing) error {
	if len(files.installs) > 1 {
		return &Damage{Path: r.data(files.installs[0].name), Offset: -1, Expected: "one file of this kind", Found: fmt.Sprint(len(files.installs))}
	}
	at := files.installs[0]
	// Nothing is removed before the replacement has been read from end to end.
	tree, info, err := readSnapshot(r.fs, r.data(at.name), r.options.Tree)
	if err != nil {
		return err
	}
	if e := checkDigest(tree, info); e != nil {
		if err := f.Mismatches.add(e, r.options.DigestsMustMatch); err != nil {
			return err
		}
	}
	f.Tree, f.LastZxid, f.Snapshot = tree, at.zxid, at.zxid
	f.read = append(f.read, info.Path)
	f.repair(fmt.Sprintf("the server stopped while it replaced its history by the leader's snapshot %s: completed", at.zxid),
		func() error { return r.finishInstall(at.zxid) })
	return nil
}
