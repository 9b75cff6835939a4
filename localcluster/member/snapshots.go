package member

import (
	"errors"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// The steps of a snapshot, when the replica has decided that one is due:
//
//	loop: Tree.Snapshot(), O(1) ──► writer: in its place among the writes ──► background:
//	encode and fsync while appends go on, give it its name, purge ──► snapshotDone

// saveOrder is a snapshot to write.
type saveOrder struct {
	tree   *datatree.Snapshot
	retain int // purge afterwards and keep so many; 0: no purge
}

// snapshotDone is the message with the outcome.
type snapshotDone struct {
	zxid   wire.Zxid
	purged []string
	err    error
}

// save writes a snapshot in the background. It belongs to the history that the writer has
// when it reaches the order; a truncation or an installed tree that is queued behind it
// makes the snapshot void.
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

// snapshotDone logs the outcome. The server goes on after a failed snapshot, since the log
// has everything. If the disk has failed, the next append fails, too.
func (s *server) snapshotDone(m snapshotDone) {
	s.replica.Saved()
	for _, name := range m.purged {
		s.log.Info("purged", "file", name)
	}
	switch {
	case errors.Is(m.err, storage.ErrSuperseded):
		s.log.Info("snapshot discarded: its history was truncated or replaced meanwhile", "zxid", m.zxid)
	case m.err != nil:
		s.log.Error("snapshot or purge failed; the transaction log is complete without it", "zxid", m.zxid, "error", m.err)
	default:
		s.log.Info("snapshot written", "zxid", m.zxid)
	}
}
