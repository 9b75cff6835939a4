package member

import (
	"errors"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// A snapshot's way, when the replica has decided that one is due:
//
//	loop: Tree.Snapshot(), O(1) ──► writer: in its place among the writes ──► background:
//	encode and fsync while appends go on, give it its name, purge ──► snapshotDone

// saveOrder is a snapshot on its way to the disk.
type saveOrder struct {
	tree   *datatree.Snapshot
	retain int // purge afterwards and keep so many; 0: no purge
}

// snapshotDone tells the loop how it went.
type snapshotDone struct {
	zxid   wire.Zxid
	purged []string
	err    error
}

// save writes a snapshot in the background. The history that it belongs to is
// the one that the writer is in when it comes to the order: whatever is queued
// behind, such as a truncation, makes the snapshot void.
func (w *writer) save(order *saveOrder) {
	history := w.files.history
	w.saves.Go(func() {
		m := snapshotDone{zxid: order.tree.Zxid()}
		if m.err = w.files.SaveSnapshot(order.tree, history); m.err == nil && order.retain > 0 {
			m.purged, m.err = w.files.Purge(order.retain)
		}
		w.post(m)
	})
}

// snapshotDone logs. A snapshot that failed is no reason to stop: the log has
// everything. If the disk is at fault, the next append will say so.
func (s *server) snapshotDone(m snapshotDone) {
	s.replica.Saved()
	for _, name := range m.purged {
		s.log.Info("purged", "file", name)
	}
	switch {
	case errors.Is(m.err, storage.ErrSuperseded):
		s.log.Info("snapshot given up: the history it shows was truncated or replaced", "zxid", m.zxid)
	case m.err != nil:
		s.log.Error("snapshot or purge failed; the transaction log is complete without it", "zxid", m.zxid, "error", m.err)
	default:
		s.log.Info("snapshot written", "zxid", m.zxid)
	}
}
