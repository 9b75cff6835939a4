package member

import (
	"errors"
	"math/rand/v2"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// snapshots decides when this server writes one.
//
//	loop: Tree.Snapshot(), O(1) ──► writer: in its place among the writes ──► background:
//	encode and fsync while appends go on, give it its name, purge ──► snapshotDone
//
// Each server waits for half of snapCount transactions and then for a random
// part of the other half, so that the servers of an ensemble, which count the
// same transactions, do not all write at the same moment.
type snapshots struct {
	since   int // transactions since the last one
	due     int
	writing bool
}

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

func (n *snapshots) restart(snapCount, since int) {
	half := max(snapCount/2, 1)
	n.since, n.due = since, half+rand.IntN(half)
}

// snapshotIfDue starts one, unless one is being written still.
func (s *server) snapshotIfDue() {
	n := &s.snapshots
	if n.since < n.due || n.writing {
		return
	}
	n.writing = true
	n.restart(s.cfg.SnapCount, 0)
	order := &saveOrder{tree: s.tree.Snapshot()}
	if s.cfg.Purge {
		order.retain = s.cfg.SnapRetain
	}
	s.writer.batch = append(s.writer.batch, writeOp{save: order})
}

// save writes a snapshot in the background. The history that it belongs to is
// the one that the writer is in when it comes to the order: whatever is queued
// behind, such as a truncation, makes the snapshot void.
func (w *writer) save(order *saveOrder) {
	history := w.history
	w.saves.Go(func() {
		m := snapshotDone{zxid: order.tree.Zxid()}
		if m.err = w.store.SaveSnapshot(order.tree, history); m.err == nil && order.retain > 0 {
			m.purged, m.err = w.store.Purge(order.retain)
		}
		w.post(m)
	})
}

// snapshotDone logs. A snapshot that failed is no reason to stop: the log has
// everything. If the disk is at fault, the next append will say so.
func (s *server) snapshotDone(m snapshotDone) {
	s.snapshots.writing = false
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
