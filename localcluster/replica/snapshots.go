package replica

// snapshots decides when this server writes a snapshot: as in SyncRequestProcessor,
// after half of SnapCount transactions and a random part of the other half. The servers
// of an ensemble count the same transactions, and should not all write at once.
type snapshots struct {
	since   int // transactions since the last snapshot
	due     int // the value of since at which the next one is due
	writing bool
}

func (n *snapshots) restart(s *Server, since int) {
	half := max(s.o.SnapCount/2, 1)
	n.since, n.due = since, half+s.shell.Chance(half)
}

// snapshotIfDue starts a snapshot if one is due and none is being written.
func (s *Server) snapshotIfDue() {
	n := &s.snapshots
	if n.since < n.due || n.writing {
		return
	}
	n.writing = true
	n.restart(s, 0)
	s.shell.Save(s.tree.Snapshot())
}

// Saved reports that Disk.Save has ended, successfully or not.
func (s *Server) Saved() { s.snapshots.writing = false }
