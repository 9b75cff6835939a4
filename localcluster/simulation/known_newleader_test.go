package simulation

import (
	"slices"
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// The known defects of ZooKeeper's recovery (files known_*), each as the schedule
// that brings it about there, with what goes wrong and why it cannot here. The
// numbers are those of ZooKeeper's issue tracker. Each is checked against a mutant
// of the engine that has the defect (TestMutants).
//
// This file has those around NEWLEADER. A follower takes in the leader's history,
// makes it durable, takes the epoch for its own, says so, and serves. There are not
// many orders that ZooKeeper's Learner.syncWithLeader has not had:
//
//	           until 3911         until 4643, 4646     since 3.8.5, 3.9.2   here
//	NEWLEADER  currentEpoch       currentEpoch         history, fsync       history, fsync
//	           ACK                history, queued      currentEpoch         currentEpoch
//	                              ACK                  ACK                  ACK
//	UPTODATE   serve              serve                serve                deliver
//	           history, deliver   deliver              deliver              serve

// ahead makes a leader that has a few proposals on its disk which no other server
// has. It looks for a leader; the two others are down. The first that comes up gets
// the proposals by DIFF, and completes the quorum that commits them.
func ahead(t *testing.T) (s *script, leader *server, first, second int, last wire.Zxid) {
	t.Helper()
	s = newScript(t, base(3, 0))
	s.boot()
	leader = s.leads()
	s.serves(1, 2, 3)
	s.synced(s.commit(leader, 2, 1, 2, 3), 1, 2, 3)
	first, second = s.others(leader)[0], s.others(leader)[1]
	heal := s.isolate(int(leader.id), Both)
	for range 4 {
		last = s.propose(leader)
	}
	s.crash(first, storage.LoseUnsynced)
	s.crash(second, storage.LoseUnsynced)
	s.await("the leader is alone", func() bool { return leader.status.Role == zab.Looking && !leader.disk.busy })
	heal()
	return s, leader, first, second, last
}

// ZOOKEEPER-3023. A follower that comes up by DIFF begins to serve, at UPTODATE,
// before it has applied the transactions that came with it, so its clients read
// a past that the ensemble has left. Here UPTODATE is answered by delivering all
// of them in the same step that makes the server serve, and UPTODATE comes only
// after the follower's disk has them.
func TestZOOKEEPER3023(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot(1, 2)
	leader := s.leads()
	before := s.commit(leader, 5, 1, 2)
	s.boot(3)
	s.await("server 3 synchronizes", func() bool { return s.at(3).status.Phase == zab.Synchronization })
	release := s.hold(3)
	s.commit(leader, 3)
	s.stay(3, "server 3 serves what is not on its disk", func() bool { return s.at(3).status.Serving })
	release()
	s.await("server 3 serves", func() bool { return s.at(3).status.Serving })
	if got := s.at(3).tree.LastZxid(); got < before {
		t.Errorf("serves at %v, and %v was committed before it synchronized", got, before)
	}
	s.end()
}

// ZOOKEEPER-3911. A follower acknowledges NEWLEADER, and writes what came before it
// when UPTODATE has come. The leader takes the acknowledgement for a vote, is
// established, and serves as committed what one disk has. Both lose their power;
// the remaining servers elect a leader without it. Here the acknowledgement leaves in
// the step that consumes the Persisted of the epoch's file, which stands behind
// the proposals in one queue of writes.
func TestZOOKEEPER3911(t *testing.T) {
	s, leader, first, second, last := ahead(t)
	s.boot(first)
	s.await("the first one synchronizes", func() bool { return s.at(first).status.Phase == zab.Synchronization })
	release := s.hold(first)
	s.stay(5, "a leader serves what one disk has", func() bool { return leader.status.Serving })
	s.crash(first, storage.LoseUnsynced)
	s.crash(int(leader.id), storage.LoseUnsynced)
	release()
	s.boot(first, second)
	s.commit(s.leads(first, second), 1)
	s.lost(last)
	s.boot(int(leader.id))
	s.end()
}

// ZOOKEEPER-4646. The remedy of 3911 gives the proposals to a thread that writes
// them some time, and acknowledges at once. The leader serves them; in this instant
// both crash. The follower comes back without them, and so does the ensemble. Here
// what a leader serves is on the disks of a quorum, however soon it crashes.
func TestZOOKEEPER4646(t *testing.T) {
	s, leader, first, second, last := ahead(t)
	served := false
	s.hooks = append(s.hooks, func(at *server, e zab.Event) {
		if at == leader && e.Kind == zab.Established && !served {
			served = true
			s.after(0, func() {
				s.crash(first, storage.LoseUnsynced)
				s.crash(int(leader.id), storage.LoseUnsynced)
			})
		}
	})
	s.boot(first)
	s.await("the leader served, and both have crashed", func() bool { return served && !leader.up && !s.at(first).up })
	s.boot(first, second)
	if next := s.leads(first, second); next.tree.LastZxid() < last {
		t.Errorf("the next leader is at %v, and %v was served", next.tree.LastZxid(), last)
	}
	s.end()
}

// ZOOKEEPER-4785. The race of 3911 and 4646 stated generally: a follower restarts
// before its logger has drained, at whatever point of its synchronization. Here
// the power fails at each operation of its disk in turn, twice in a row, while its
// leader goes on proposing; then the leader is gone, and all that it has
// committed was committed with the vote of this follower.
func TestZOOKEEPER4785(t *testing.T) {
	for op := 1; op <= 20; op++ {
		s, leader, first, second, _ := ahead(t)
		for range 2 {
			s.boot(first)
			s.stopAt(first, op, storage.LosePower)
			s.at(first).disk.downtime = time.Hour
			s.await("the power has failed", func() bool {
				if leader.status.NextZxid != 0 {
					s.propose(leader)
				}
				s.run(5 * time.Millisecond)
				return !s.at(first).up
			})
		}
		s.crash(int(leader.id), storage.LoseUnsynced)
		committed := s.oracle.tip
		s.boot(first, second)
		if next := s.leads(first, second); next.tree.LastZxid() < committed {
			t.Errorf("operation %d: the next leader is at %v, and %v was committed", op, next.tree.LastZxid(), committed)
		}
		s.end()
	}
}

// ZOOKEEPER-4643. A follower writes currentEpoch when NEWLEADER comes, and dies
// before the proposals before it are on its disk. With the new epoch and the old
// zxid it beats, in the next election, a server with the old epoch and all of
// the proposals; it leads, and tells the others to truncate what was committed.
// Here history, epoch and acknowledgement are written in that order, and storage
// syncs the log before it replaces the file. The power fails at each operation
// on the disk in turn.
func TestZOOKEEPER4643(t *testing.T) { epochAndHistory(t, storage.LoseUnsynced) }

// The same with what a loss of power may leave by chance: half a write, a name
// without its contents, some of the names.
func TestZOOKEEPER4643TornWrites(t *testing.T) { epochAndHistory(t, storage.LosePower) }

func epochAndHistory(t *testing.T, keeps storage.Survival) {
	died := 0
	for op := 1; op <= 24; op++ {
		s := newScript(t, base(3, 0))
		s.boot()
		first := s.leads()
		s.serves(1, 2, 3)
		s.commit(first, 2, 1, 2, 3)
		late, helper := s.others(first)[0], s.others(first)[1]
		s.crash(late, storage.LoseUnsynced)
		last := s.commit(first, 4, helper)
		s.crash(helper, storage.LoseUnsynced)
		s.crash(int(first.id), storage.LoseUnsynced)
		// A new epoch of the leader and the late one alone: the helper, which
		// has all that was committed, stays behind in the old epoch.
		s.boot(int(first.id), late)
		s.stopAt(late, op, keeps)
		s.at(late).disk.downtime = time.Hour
		s.until(3*time.Second, func() bool { return !s.at(late).up })
		s.ok()
		if !s.at(late).up {
			died++
		}
		s.crash(int(first.id), storage.LoseUnsynced)
		s.at(late).fs.StopAt(0)
		s.crash(late, keeps)
		s.boot(late, helper)
		leader := s.leads(late, helper)
		if leader.tree.LastZxid() < last {
			t.Fatalf("operation %d: the leader, %d, is at %v, and %v was committed", op, leader.id, leader.tree.LastZxid(), last)
		}
		s.end()
	}
	if died < 15 {
		t.Errorf("the power failed %d times: the test does not test what it should", died)
	}
}

// outstanding makes a leader with proposals under way that one follower's disk
// holds up, and another follower that is down: when it comes, they are neither
// history nor news. proceed lets the disk go on.
func outstanding(t *testing.T, proposals int) (s *script, leader *server, joiner int, last wire.Zxid, proceed func()) {
	t.Helper()
	s = newScript(t, base(3, 0))
	s.boot()
	leader = s.leads()
	s.serves(1, 2, 3)
	s.synced(s.commit(leader, 2, 1, 2, 3), 1, 2, 3)
	slow, joiner := s.others(leader)[0], s.others(leader)[1]
	s.crash(joiner, storage.LoseUnsynced)
	proceed = s.hold(slow)
	for range proposals {
		last = s.propose(leader)
	}
	return s, leader, joiner, last, proceed
}

// ZOOKEEPER-4394. A proposal p is outstanding when a follower synchronizes, and
// is committed between NEWLEADER and UPTODATE. The follower looks COMMIT p up in
// the queue of what came before NEWLEADER, which it has emptied; a null pointer
// makes it drop the leader, and it comes back to the same. Here a COMMIT is looked
// up in what is logged, and remembered until UPTODATE (Node.commit).
//
// Our leaders send NEWLEADER ahead of what is outstanding, Java's behind it.
func TestZOOKEEPER4394(t *testing.T) {
	for _, order := range []struct {
		name string
		last bool
		logs []zab.WriteKind
	}{
		{"NEWLEADER ahead of p", false, []zab.WriteKind{zab.WriteCurrentEpoch, zab.WriteAppend}},
		{"NEWLEADER behind p", true, []zab.WriteKind{zab.WriteAppend, zab.WriteCurrentEpoch}},
	} {
		t.Run(order.name, func(t *testing.T) {
			s, leader, joiner, p, proceed := outstanding(t, 1)
			s.tap = func(from *server, packet wire.QuorumPacket) {
				if packet.Type == wire.PacketNewLeader && order.last {
					s.newLeaderLast(from)
				}
			}
			s.boot(joiner)
			s.await("the joiner synchronizes", func() bool { return s.at(joiner).status.Phase == zab.Synchronization })
			release := s.hold(joiner)
			s.await("p and NEWLEADER wait for its disk", func() bool { return len(s.unwritten(joiner)) == 2 })
			if got := s.unwritten(joiner); !slices.Equal(got, order.logs) {
				t.Fatalf("it writes %v, expected %v: the test does not test what it should", got, order.logs)
			}
			proceed()
			s.await("p is committed", func() bool { return leader.status.Applied == p })
			s.run(time.Second / 2)
			if s.at(joiner).status.Serving {
				t.Fatal("the joiner serves already: the test does not test what it should")
			}
			release()
			s.serves(joiner)
			if got := s.at(joiner).tree.LastZxid(); got != p {
				t.Errorf("the joiner is at %v, expected %v", got, p)
			}
			if len(s.bad) > 0 {
				t.Errorf("a server broke the protocol: %v", s.bad)
			}
			s.end()
		})
	}
}

// ZOOKEEPER-4685. A follower's logger is quick and emits ACK(p) before the
// follower emits ACK(NEWLEADER). The leader takes the first ACK that it reads
// for that of NEWLEADER, sees another zxid, and does not count it; the real one
// is ignored later. It may never assemble its quorum. Here the follower owes the
// ACKs of what was durable before and sends them behind (learner.owed), and what
// came committed is not acknowledged at all (Node.ackProposal); the leader tells
// them apart by their zxids.
func TestZOOKEEPER4685(t *testing.T) {
	// The follower is the half of a quorum that the leader lacks.
	t.Run("what came by DIFF", func(t *testing.T) {
		s, leader, first, _, last := ahead(t)
		acks := s.acksOf(first)
		s.boot(first)
		s.serves(first)
		if got := s.syncs[zab.ServerID(first)]; got != wire.PacketDiff {
			t.Fatalf("brought up to date by %v, expected DIFF: the test does not test what it should", got)
		}
		epoch := wire.MakeZxid(leader.status.Epoch, 0)
		if len(*acks) == 0 || (*acks)[0] != epoch {
			t.Errorf("acknowledged %v, expected the epoch, %v, first", *acks, epoch)
		}
		if leader.status.Role != zab.Leading || !leader.status.Serving || leader.status.Applied < last {
			t.Errorf("server %d is %v at %v, and should lead, with %v", leader.id, leader.status.Role, leader.status.Applied, last)
		}
		s.end()
	})
	// Our leader sends NEWLEADER before what is outstanding; here it is made to
	// send it behind, as Java's does.
	t.Run("what is outstanding", func(t *testing.T) {
		s, leader, joiner, p, proceed := outstanding(t, 2)
		acks := s.acksOf(joiner)
		hear := s.tap
		s.tap = func(from *server, packet wire.QuorumPacket) {
			hear(from, packet)
			if packet.Type == wire.PacketNewLeader {
				s.newLeaderLast(from)
			}
		}
		s.boot(joiner)
		s.serves(joiner)
		s.await("p is acknowledged", func() bool { return leader.status.Applied == p })
		proceed()
		if len(*acks) < 4 || (*acks)[0].Counter() != 0 {
			t.Errorf("acknowledged %v, expected the epoch first", *acks)
		}
		s.end()
	})
}
