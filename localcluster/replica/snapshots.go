package replica

// snapshots decides when this server writes one. It waits for half of SnapCount
// transactions and then for a random part of the other half, so that the servers
// of an ensemble, which count the same transactions, do not all write at the
// same moment.
type snapshots struct {
	since   int // transactions since the last one
	due     int
	writing bool
}

func (n *snapshots) restart(s *Server, since int) {
	half := max(s.o.SnapCount/2, 1)
	n.since, n.due = since, half+s.shell.Chance(half)
}

// snapshotIfDue starts one, unless one is being written still.
func (s *Server) snapshotIfDue() {
	n := &s.snapshots
	if n.since < n.due || n.writing {
		return
	}
	n.writing = true
	n.restart(s, 0)
	s.shell.Save(s.tree.Snapshot())
}

// Saved says that the snapshot of Disk.Save is written, or given up.
func (s *Server) Saved() { s.snapshots.writing = false }
