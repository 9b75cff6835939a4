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

// orphaned makes a server with transactions in its log that no other server has and
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

// unreachable makes a server whose disk begins behind an orphan: a leader that
// never came to be has sent its history as a SNAP, with a write at its end that
// no other server had. All servers are down. The next leader will ask the server to
// truncate behind the write, and it has nothing from before.
func unreachable(t *testing.T, setup Setup, ill int) (s *script, first *server, rest []int, last, orphan wire.Zxid) {
	t.Helper()
	setup.History = 2
	s = newScript(t, setup)
	s.boot()
	first = s.leads()
	for _, id := range s.others(first, s.at(ill)) {
		if id <= setup.Voters {
			rest = append(rest, id)
		}
	}
	s.serves(s.others()...)
	s.commit(first, 2, s.others()...)
	s.crash(ill, storage.KillProcess)
	last = s.commit(first, 10, rest...)

	// A write that only the leader's disk has; then the power fails.
	release := s.holdAll(rest)
	orphan = s.propose(first)
	s.await("the write is on the leader's disk", func() bool { return s.oracle.view(first).onDisk == orphan })
	s.powerCut(release)

	// The same server is elected, and brings the ill one up to date; the others
	// take nothing in any more.
	s.boot(append(rest, int(first.id))...)
	s.await("it is elected again", func() bool {
		return first.status.Role == zab.Leading && first.status.Phase == zab.Synchronization
	})
	release = s.holdAll(rest)
	s.boot(ill)
	s.await("the ill server has the write", func() bool { return s.oracle.view(s.at(ill)).onDisk == orphan })
	if first.status.Serving {
		t.Fatal("the leader is established: the test does not test what it should")
	}
	s.powerCut(release)
	return s, first, rest, last, orphan
}

// The server must get a whole SNAP. ZooKeeper's learner ends its process there
// (Learner.syncWithLeader), at every start anew. Found by the swarm, seed 10007697.
func TestUnreachableTruncation(t *testing.T) {
	const observer = 4
	s, first, rest, last, orphan := unreachable(t, base(3, 1), observer)
	s.boot(append(rest, observer)...)
	next := s.leads(rest...)
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

// The same with a voter without which there is no quorum: it must come back to
// the leader that it has left, which is waiting for it. If it looked for a leader
// instead, it would find too few servers that have one. Found by the swarm, seed 3703.
func TestUnreachableTruncationOfAVoter(t *testing.T) {
	const voter = 1
	s, first, rest, _, orphan := unreachable(t, base(5, 0), voter)
	s.boot(rest...)
	s.commit(s.leads(rest...), 1, rest...)
	s.crash(rest[0], storage.KillProcess)
	s.await("there is no quorum", func() bool {
		return s.at(rest[1]).status.Role == zab.Looking && s.at(rest[2]).status.Role == zab.Looking
	})
	s.boot(voter)
	s.leads(rest...)
	s.serves(voter)
	s.lost(orphan)
	s.boot(int(first.id), rest[0])
	s.end()
}
