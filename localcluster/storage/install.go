package storage

import (
	"fmt"
	"path/filepath"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// A leader that cannot bring a learner up to date from its log sends its whole tree, and with it a history
// that need not have anything to do with the learner's: there may be transactions in the learner's log
// that never happened, and some of them may have zxids above the tree's. Installing must swap one for the
// other in one step, because each half-way state is wrong:
//
//   - the new snapshot beside the old log: at the next start, transactions that never happened are
//     replayed onto the leader's tree;
//   - the old log gone before the new snapshot is durable: what this server acknowledged is forgotten,
//     and a write that was committed with its vote may be lost.
//
// A rename is the only thing that a file system does in one step, so the swap hangs on one:
//
//	1  tmp.install       written and synced         a crash leaves the old history
//	2  -> install.HEX    renamed, folder synced     --- from here on, the new one ---
//	3  log.*, snapshot.* removed, folders synced    a crash: opening does 3 and 4 again
//	4  -> snapshot.HEX   renamed, folder synced
//
// While install.HEX exists, all logs and snapshots beside it mean nothing, so step 3 may remove them in any
// order and as often as it takes. Old snapshots go as well: falling back to one of them would have to
// skip over history that this server never had.
//
// (A Java server would see the old history, or parts of it, until step 4. Opening the folder once with this
// package finishes the step.)

// InstallSnapshot replaces everything by a tree that came from the leader, together with what was appended
// and not synced. The next append must follow the snapshot. It returns the name of the new history.
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
	if err := s.promised(snap.Zxid()); err != nil {
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

// readInstall reads a folder in which an installation was decided and not finished.
func (r *reader) readInstall(f *found, files *listing) error {
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
