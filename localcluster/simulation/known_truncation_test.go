package simulation

import (
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Known defects of truncation: what happens to transactions that one server has
// logged and that never will be committed.

// orphaned makes a server with transactions in its log that nobody else has and
// that will never be committed, some of them in a file of their own. It looks for
// a leader; another one has gone on without it.
func orphaned(t *testing.T) (s *script, ill *server, leader *server) {
	t.Helper()
	s = newScript(t, base(3, 0))
	s.boot()
	ill = s.leads()
	s.serves(1, 2, 3)
	s.commit(ill, 3, 1, 2, 3)
	heal := s.isolate(int(ill.id), Both)
	s.propose(ill)
	s.run(50 * time.Millisecond)
	if err := ill.disk.store.SaveSnapshot(ill.tree.Snapshot(), ill.disk.history); err != nil {
		t.Fatal(err)
	}
	s.propose(ill)
	s.propose(ill)
	s.await("the old leader is alone", func() bool { return ill.status.Role == zab.Looking })
	leader = s.leads(s.others(ill)...)
	s.commit(leader, 2)
	s.await("its log is written", func() bool { return !ill.disk.busy })
	heal()
	return s, ill, leader
}

// ZOOKEEPER-5094. Behind TRUNC come transactions, which are applied to memory and
// reach the disk with the snapshot at NEWLEADER; the connection ends before that.
// The server keeps its memory, claims it, and gets a DIFF behind it: its log has a
// hole. Here what comes behind TRUNC is logged like everything else, so that
// memory is never ahead of the log. The connection breaks in front of NEWLEADER.
func TestZOOKEEPER5094(t *testing.T) {
	s, ill, leader := orphaned(t)
	broken := false
	s.tap = func(from *server, p wire.QuorumPacket) {
		if p.Type == wire.PacketTrunc && !broken {
			broken = true
			s.breakBefore(leader, int(ill.id), wire.PacketNewLeader)
		}
	}
	s.await("it has lost its leader again", func() bool {
		return broken && s.syncs[ill.id] == wire.PacketTrunc && ill.status.Role == zab.Looking
	})
	had := ill.status.Applied
	s.serves(int(ill.id))
	if s.syncs[ill.id] != wire.PacketDiff || had != leader.status.Applied {
		t.Errorf("brought up to %v and then by %v, expected %v and DIFF: the test does not test what it should",
			had, s.syncs[ill.id], leader.status.Applied)
	}
	s.commit(leader, 2, int(ill.id))
	s.crash(int(ill.id), storage.LoseUnsynced)
	s.boot(int(ill.id))
	s.serves(int(ill.id))
	s.end()
}

// The power fails at each operation of a truncation. The files are shortened from
// the newest end, so that each state in between is a history (storage.Truncate).
func TestTruncationLosesPower(t *testing.T) {
	cut := 0
	for op := 1; op <= 12; op++ {
		for _, keeps := range []storage.Survival{storage.LosePower, storage.LoseUnsynced} {
			s, ill, _ := orphaned(t)
			came := false
			s.hooks = append(s.hooks, func(at *server, e zab.Event) {
				if e.Kind == zab.SyncReceived && e.Sync == wire.PacketTrunc && !came {
					came = true
					s.stopAt(int(at.id), op, keeps)
				}
			})
			s.await("TRUNC came", func() bool { return came })
			life := ill.life
			s.run(time.Second)
			if ill.life > life {
				cut++
			}
			s.serves(int(ill.id))
			s.end()
		}
	}
	if cut < 10 {
		t.Errorf("the power failed %d times: the test does not test what it should", cut)
	}
}

// ZOOKEEPER-4837. A server truncates its log below a snapshot that it has, and
// leaves the snapshot. The next start loads that, and the transactions are back.
// Here newer snapshots go first, and one that is being written meanwhile is
// given up, because it belongs to a history that has ended
// (storage.ErrSuperseded).
func TestZOOKEEPER4837(t *testing.T) {
	s, ill, _ := orphaned(t) // which applies the orphans when it leaves its role
	if err := ill.disk.store.SaveSnapshot(ill.tree.Snapshot(), ill.disk.history); err != nil {
		t.Fatal(err)
	}
	s.serves(int(ill.id))
	if s.syncs[ill.id] != wire.PacketTrunc {
		t.Fatalf("brought up to date by %v, expected TRUNC: the test does not test what it should", s.syncs[ill.id])
	}
	s.crash(int(ill.id), storage.LoseUnsynced)
	s.boot(int(ill.id))
	s.serves(int(ill.id))
	s.end()
}

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
	others := s.others(first, s.at(observer))
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
