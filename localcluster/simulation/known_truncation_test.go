package simulation

import (
	"testing"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// A leader that never came to be has sent its history as a SNAP, with a write at
// its end that nobody else had. The observer that took it is asked by the next
// leader to truncate behind that write, and has nothing on its disk from before:
// it must get a whole SNAP. ZooKeeper's learner ends its process there
// (Learner.syncWithLeader), at every start anew. Found by the swarm.
func TestUnreachableTruncation(t *testing.T) {
	setup := base(3, 1)
	setup.History = 2
	s := newScript(t, setup)
	const observer = 4
	s.boot()
	first := s.leads()
	s.serves(1, 2, 3, observer)
	s.commit(first, 2, 1, 2, 3, observer)
	s.crash(observer, storage.KillProcess)
	last := s.commit(first, 10, 1, 2, 3)

	// A write that only the leader's disk has; then the power fails.
	var others []int
	for id := 1; id <= 3; id++ {
		if id != int(first.id) {
			others = append(others, id)
		}
	}
	release := s.holdAll(others)
	orphan := s.propose(first)
	s.await("the write is on the leader's disk", func() bool { return s.oracle.view(first).onDisk == orphan })
	for id := 1; id <= 3; id++ {
		s.crash(id, storage.LoseUnsynced)
	}
	release()

	// The same server is elected, and brings the observer up to date; the others
	// take nothing in any more.
	s.boot(1, 2, 3)
	s.await("it is elected again", func() bool {
		return first.status.Role == zab.Leading && first.status.Phase == zab.Synchronization
	})
	release = s.holdAll(others)
	s.boot(observer)
	s.await("the observer has the write", func() bool { return s.oracle.view(s.at(observer)).onDisk == orphan })
	s.stay(1, "the leader is established", func() bool { return first.status.Serving })
	for id := 1; id <= 3; id++ {
		s.crash(id, storage.LoseUnsynced)
	}
	release()

	// The others know nothing of the write.
	s.boot(others...)
	next := s.leads(others...)
	s.serves(observer)
	s.lost(orphan)
	if got := s.syncs[observer]; got != wire.PacketSnap {
		t.Errorf("the observer was brought up to date by %v", got)
	}
	s.commit(next, 1, observer)
	if !s.oracle.contains(s.at(observer).status.Applied, last) {
		t.Errorf("the observer is at %v, without %v", s.at(observer).status.Applied, last)
	}
	s.boot(int(first.id))
	s.end()
}
