package simulation

import (
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// The known defects of ZooKeeper's recovery, each as the schedule that brings
// it about there, with what goes wrong and why it cannot here. The numbers are
// those of ZooKeeper's issue tracker.

// ZOOKEEPER-2845. A leader logs a proposal that reaches nobody, and loses its
// quorum. It stays up, and keeps its database in memory, which has not got the
// proposal, because it was not committed. With the zxid of that memory it votes
// and reports to the next leader, which finds it in step and sends DIFF; nobody
// tells it to truncate. A restart replays the orphan from the log, and the
// server has a node that no other has. Here a server that leaves a role applies
// what its log holds (zab.Output.FastForward), so memory, log and claim are one,
// and the next leader sends TRUNC.
func TestZOOKEEPER2845(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	first := s.leads()
	s.serves(1, 2, 3)
	s.commit(first, 3, 1, 2, 3)
	heal := s.isolate(int(first.id), Both)
	orphan := s.propose(first)
	s.await("the old leader is alone", func() bool { return first.status.Role == zab.Looking })
	if first.status.LastLogged != orphan || first.status.Applied != orphan {
		t.Errorf("logged %v, applied %v, expected %v", first.status.LastLogged, first.status.Applied, orphan)
	}
	second := s.leads(others(s, first)...)
	s.commit(second, 2)
	heal()
	s.serves(int(first.id))
	if s.syncs[first.id] != wire.PacketTrunc {
		t.Errorf("brought up to date by %v, expected TRUNC", s.syncs[first.id])
	}
	first.end(storage.LoseUnsynced, false)
	s.boot(int(first.id))
	s.serves(int(first.id))
	s.lost(orphan)
	s.end()
}

func others(s *script, not ...*server) []int {
	var ids []int
	for _, x := range s.servers {
		out := false
		for _, y := range not {
			out = out || x == y
		}
		if !out {
			ids = append(ids, int(x.id))
		}
	}
	return ids
}

// ZOOKEEPER-3023. A follower that comes up by DIFF begins to serve before it has
// applied the transactions that came with it, so its clients read a past that
// the ensemble has left. Here UPTODATE is answered by delivering all of them in
// the same step that makes the server serve, and UPTODATE comes only after the
// follower's disk has them.
func TestZOOKEEPER3023(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot(1, 2)
	leader := s.leads()
	s.commit(leader, 5, 1, 2)
	s.boot(3)
	s.await("server 3 synchronizes", func() bool { return s.at(3).status.Phase == zab.Synchronization })
	release := s.hold(3)
	last := s.commit(leader, 3)
	s.stay(3, "server 3 serves what is not on its disk", func() bool { return s.at(3).status.Serving })
	release()
	s.await("server 3 serves", func() bool { return s.at(3).status.Serving })
	if got := s.at(3).tree.LastZxid(); got < last-3 {
		t.Errorf("serves at %v, and %v was committed before it synchronized", got, last-3)
	}
	s.end()
}

// ZOOKEEPER-3911. A follower acknowledges NEWLEADER while the proposals that
// came before it are in a queue in front of its disk. The leader takes the
// acknowledgement for a vote, is established, and serves them as committed. The
// follower loses its power, and what it acknowledged; the leader dies; whoever
// remains elects a leader without them. Here the acknowledgement leaves in the
// step that consumes the Persisted of the epoch's file, which stands behind the
// proposals in one queue of writes.
func TestZOOKEEPER3911(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	old := s.leads()
	s.serves(1, 2, 3)
	s.commit(old, 2, 1, 2, 3)
	late := others(s, old)[0]
	helper := others(s, old)[1]
	s.crash(late, storage.LoseUnsynced)
	s.commit(old, 4, helper) // late lacks them
	s.crash(helper, storage.LoseUnsynced)
	s.await("the leader has lost its quorum", func() bool { return old.status.Role == zab.Looking })
	s.boot(late)
	s.await("the late one synchronizes", func() bool { return s.at(late).status.Phase == zab.Synchronization })
	release := s.hold(late)
	s.stay(5, "the leader is established", func() bool { return old.status.Serving })
	s.at(late).end(storage.LoseUnsynced, false)
	s.crash(int(old.id), storage.LoseUnsynced)
	release()
	s.boot(late, helper)
	s.leads(helper) // it alone has all that was committed
	s.end()
}

// ZOOKEEPER-4203. The thread of a leader that accepts connections dies, the
// error is overwritten while the server starts, and it goes on as a leader whom
// nobody can reach, for ever. Here there is no such state to overwrite: a leader
// that is not established within initLimit, or has lost its quorum at a tick,
// leaves its role; and a member whose port fails ends.
func TestZOOKEEPER4203(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	first := s.leads()
	s.serves(1, 2, 3)
	s.commit(first, 1)
	// Nobody can reach it, and no connection that there is lives on.
	for _, id := range others(s, first) {
		s.cut(pair{zab.ServerID(id), first.id}, QuorumChannel)
		s.breakLinks(first, s.at(id))
	}
	s.await("it leaves its role", func() bool { return first.status.Role != zab.Leading })
	// It may be elected again, since votes do reach it, and gives up again; in
	// time the others are without it.
	s.run(20 * time.Second)
	if first.status.Serving && first.status.Role == zab.Leading {
		t.Errorf("server %d leads, and nobody can reach it", first.id)
	}
	s.ok()
	for _, id := range others(s, first) {
		s.cables.line(QuorumChannel, pair{zab.ServerID(id), first.id}).cuts = 0
		s.resumeQuorum(pair{zab.ServerID(id), first.id})
	}
	s.end()
}

// ZOOKEEPER-4394. A proposal p is outstanding when a follower synchronizes, and
// is committed between NEWLEADER and UPTODATE. The follower looks COMMIT p up in
// the queue of what came before NEWLEADER, finds nothing, and dies with a null
// pointer; it comes back and dies the same way. Here a COMMIT is looked up in
// what is logged, and remembered until UPTODATE (Node.commit).
func TestZOOKEEPER4394(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	leader := s.leads()
	s.serves(1, 2, 3)
	s.commit(leader, 2, 1, 2, 3)
	slow, joiner := others(s, leader)[0], others(s, leader)[1]
	s.crash(joiner, storage.LoseUnsynced)
	releaseSlow := s.hold(slow)
	p := s.propose(leader) // committed by nobody but the leader, so far
	s.boot(joiner)
	s.await("the joiner has NEWLEADER", func() bool {
		return s.at(joiner).status.Phase == zab.Synchronization && s.at(joiner).status.LastLogged == p
	})
	releaseJoiner := s.hold(joiner)
	releaseSlow()
	s.await("p is committed", func() bool { return leader.status.Applied == p })
	s.run(time.Second / 2)
	if s.at(joiner).status.Serving {
		t.Fatal("the joiner serves already: the test does not test what it should")
	}
	releaseJoiner()
	s.serves(joiner)
	if got := s.at(joiner).tree.LastZxid(); got != p {
		t.Errorf("the joiner is at %v, expected %v", got, p)
	}
	if len(s.bad) > 0 {
		t.Errorf("somebody broke the protocol: %v", s.bad)
	}
	s.end()
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
		late, helper := others(s, first)[0], others(s, first)[1]
		s.crash(late, storage.LoseUnsynced)
		last := s.commit(first, 4, helper)
		s.crash(helper, storage.LoseUnsynced)
		s.crash(int(first.id), storage.LoseUnsynced)
		// A new epoch of the leader and the late one alone: the helper, which
		// has all that was committed, stays behind in the old epoch.
		s.boot(int(first.id), late)
		d := &s.at(late).disk
		d.survival, d.downtime = keeps, time.Hour
		s.at(late).fs.StopAt(op)
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

// ZOOKEEPER-4646. As 3911, with two crashes: the follower's asynchronous logger
// has not written p when ACK NEWLEADER leaves; the leader counts the quorum and
// serves p to its clients; leader and follower crash. Both come back, without p.
func TestZOOKEEPER4646(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	first := s.leads()
	s.serves(1, 2, 3)
	s.commit(first, 2, 1, 2, 3)
	a, b := others(s, first)[0], others(s, first)[1]
	s.isolate(a, Both)
	s.isolate(b, Both)
	p := s.propose(first) // on the disk of its leader only
	s.await("the leader is alone", func() bool { return first.status.Role == zab.Looking })
	for _, l := range s.cables.lines {
		for i := range l {
			l[i].cuts = 0
		}
	}
	heal := s.isolate(b, Both)
	release := s.hold(a)
	s.stay(8, "a leader serves what one disk has", func() bool { return first.status.Serving && s.at(a).disk.stuck > 0 })
	s.crash(a, storage.LoseUnsynced)
	s.crash(int(first.id), storage.LoseUnsynced)
	release()
	heal()
	s.boot(a)
	s.leads(a, b)
	s.commit(s.leads(a, b), 1)
	s.lost(p)
	s.boot(int(first.id))
	s.end()
}

// ZOOKEEPER-4685. A follower's logger is quick and emits ACK(p) before the
// follower emits ACK(NEWLEADER). The leader takes the first ACK that it reads
// for that of NEWLEADER, sees another zxid, and does not count it; the real one
// is ignored later. It may never assemble its quorum. Here the follower owes the
// ACKs of what was durable before and sends them behind (learner.owed), and the
// leader tells them apart by their zxids.
//
// Our leader sends NEWLEADER before what is outstanding; here it is made to send
// it behind, as Java's does.
func TestZOOKEEPER4685(t *testing.T) {
	s := newScript(t, base(3, 0))
	acks := map[zab.ServerID][]wire.Zxid{}
	s.tap = func(from *server, p wire.QuorumPacket) {
		switch p.Type {
		case wire.PacketAck:
			acks[from.id] = append(acks[from.id], p.Zxid)
		case wire.PacketNewLeader:
			s.after(0, func() { s.newLeaderLast(from) })
		}
	}
	s.boot()
	leader := s.leads()
	s.serves(1, 2, 3)
	s.commit(leader, 2, 1, 2, 3)
	slow, joiner := others(s, leader)[0], others(s, leader)[1]
	s.crash(joiner, storage.LoseUnsynced)
	release := s.hold(slow)
	s.propose(leader)
	p := s.propose(leader)
	delete(acks, zab.ServerID(joiner))
	s.boot(joiner)
	s.serves(joiner)
	s.await("p is acknowledged", func() bool { return leader.status.Applied == p })
	release()
	got := acks[zab.ServerID(joiner)]
	if len(got) < 4 || got[0].Counter() != 0 {
		t.Errorf("acknowledged %v, expected the epoch first", got)
	}
	s.end()
}

// ZOOKEEPER-4712 (and 4541, 4502, 4409). A follower leaves its role while writes
// are queued in front of its disk. Its logger writes on, or acknowledges, after
// the state was reset, and memory, log and window differ. Here there is one
// queue for the life of the process: what was handed to it counts as logged,
// and a rollback waits for it. First the power fails with the write queued, then
// the same without.
func TestZOOKEEPER4712(t *testing.T) {
	for _, powerFails := range []bool{true, false} {
		s := newScript(t, base(3, 0))
		s.boot()
		first := s.leads()
		s.serves(1, 2, 3)
		s.commit(first, 2, 1, 2, 3)
		a, b := others(s, first)[0], others(s, first)[1]
		heal := s.isolate(b, Both)
		release := s.hold(a)
		holdFirst := s.hold(int(first.id))
		p := s.propose(first) // queued on two disks, on none
		s.await("it has reached the follower", func() bool { return s.at(a).status.LastLogged == p })
		s.crash(int(first.id), storage.LoseUnsynced)
		holdFirst()
		s.await("the follower is looking", func() bool { return s.at(a).status.Role == zab.Looking })
		if powerFails {
			s.crash(a, storage.LoseUnsynced)
			release()
			s.boot(a)
			heal()
			s.commit(s.leads(a, b), 1)
			s.lost(p)
		} else {
			heal()
			s.stay(5, "a leader is established with a write that is on no disk", func() bool { return s.at(a).status.Serving })
			release()
			s.serves(a, b)
		}
		s.boot(int(first.id))
		s.end()
	}
}

// ZOOKEEPER-4785. The race of 3911 and 4646 stated generally: transactions of a
// DIFF are lost when the follower restarts before its logger has drained. Twice
// in a row, at each operation of the disk.
func TestZOOKEEPER4785(t *testing.T) {
	for op := 1; op <= 16; op++ {
		s := newScript(t, base(3, 0))
		s.boot(1, 2)
		leader := s.leads()
		s.commit(leader, 4, 1, 2)
		d := &s.at(3).disk
		d.survival, d.downtime = storage.LosePower, 50*time.Millisecond
		for range 2 {
			s.boot(3)
			s.at(3).fs.StopAt(op)
			s.until(3*time.Second, func() bool { return !s.at(3).up })
			s.ok()
		}
		s.at(3).fs.StopAt(0)
		s.boot(3)
		s.serves(3)
		// 3 and the other one that has it all must never lose it.
		s.crash(int(leader.id), storage.LoseUnsynced)
		s.leads(others(s, leader)...)
		s.end()
	}
}

// ZOOKEEPER-4925. A stale follower is brought up by DIFF. The transactions go
// into its tree and not into its committedLog; what is committed afterwards
// does: the window has a hole. Later it leads, and sends another stale server a
// DIFF across the hole. Here every applied transaction enters the window
// (history.push), and the window is emptied where it would have a gap.
func TestZOOKEEPER4925(t *testing.T) {
	for _, window := range []int{2, 4, 500} {
		setup := base(3, 0)
		setup.History = window
		s := newScript(t, setup)
		s.boot()
		first := s.leads()
		s.serves(1, 2, 3)
		s.commit(first, 2, 1, 2, 3)
		staler, stale := others(s, first)[0], others(s, first)[1]
		s.crash(staler, storage.LoseUnsynced)
		s.commit(first, 1, stale)
		heal := s.isolate(stale, Both)
		s.boot(staler)
		s.serves(staler)
		s.crash(staler, storage.LoseUnsynced)
		s.boot(staler)
		s.serves(staler)
		s.commit(first, 3, staler)
		s.crash(staler, storage.LoseUnsynced)
		heal()
		s.serves(stale)
		s.commit(s.leads(), 2, stale)
		s.crash(int(first.id), storage.LoseUnsynced)
		s.boot(staler)
		s.leads(stale, staler)
		s.end()
	}
}

// ZOOKEEPER-3642. A SNAP breaks half-way, the database keeps what has come, and
// the next leader sends a DIFF on top. Here the stream is decoded into a tree of
// its own, which is thrown away unless it is whole, and the old one stays until
// Install.
func TestZOOKEEPER3642(t *testing.T) {
	setup := base(3, 0)
	setup.History = 1
	s := newScript(t, setup)
	s.boot()
	first := s.leads()
	s.serves(1, 2, 3)
	s.commit(first, 2, 1, 2, 3)
	late := others(s, first)[0]
	s.crash(late, storage.LoseUnsynced)
	s.commit(first, 30, others(s, first)[1])
	torn := 0
	s.tap = func(from *server, p wire.QuorumPacket) {
		if p.Type == wire.PacketSnap && torn < 3 {
			torn++
			s.after(0, func() {
				for _, c := range s.conns {
					if c.ends[0].s == s.at(late) && len(c.flow[0].frames) > 0 {
						c.flow[0].frames = c.flow[0].frames[:1]
						c.flow[0].frames[0].torn = true
						s.push(c, 0, frame{end: true})
					}
				}
			})
		}
	}
	s.boot(late)
	s.await("three SNAPs have broken", func() bool { return torn == 3 })
	s.serves(late)
	if s.syncs[zab.ServerID(late)] != wire.PacketSnap {
		t.Errorf("brought up to date by %v, expected SNAP", s.syncs[zab.ServerID(late)])
	}
	s.crash(int(first.id), storage.LoseUnsynced)
	s.leads(others(s, first)...)
	s.end()
}

// ZOOKEEPER-4882. A disk fails for a while. COMMITs go on changing memory; the
// disk works again, the node rejoins with its memory's zxid and gets a DIFF; its
// log has a hole. Here the first failed write ends the server (storage.ErrFailed,
// disk.finish), and what it has is what its files say. Once with a page cache
// that shows what no disk has.
func TestZOOKEEPER4882(t *testing.T) {
	for _, keeps := range []storage.Survival{storage.KillProcess, storage.LosePower, storage.LoseUnsynced} {
		s := newScript(t, base(3, 0))
		s.boot()
		leader := s.leads()
		s.serves(1, 2, 3)
		s.commit(leader, 2, 1, 2, 3)
		ill := others(s, leader)[0]
		s.plan.strike(Fault{Kind: FaultSync, Server: ill, N: 1, Survival: keeps, For: time.Second}, nil)
		s.commit(leader, 3)
		s.await("it has ended", func() bool { return !s.at(ill).up })
		s.commit(leader, 3)
		s.serves(ill)
		s.commit(leader, 3, ill)
		s.at(ill).end(storage.LoseUnsynced, false)
		s.boot(ill)
		s.serves(ill)
		s.end()
	}
}

// orphaned makes a server with transactions in its log that nobody else has and
// that will never be committed, looking for a leader, and another leader that
// has gone on without it.
func orphaned(t *testing.T, setup Setup) (s *script, ill *server, leader *server) {
	s = newScript(t, setup)
	s.boot()
	ill = s.leads()
	s.serves(1, 2, 3)
	s.commit(ill, 3, 1, 2, 3)
	heal := s.isolate(int(ill.id), Both)
	for range 3 {
		s.propose(ill)
	}
	s.await("the old leader is alone", func() bool { return ill.status.Role == zab.Looking })
	leader = s.leads(others(s, ill)...)
	s.commit(leader, 2)
	s.await("its log is written", func() bool { return !ill.disk.busy })
	heal()
	return s, ill, leader
}

// ZOOKEEPER-5094. A truncation is interrupted after the file was cut, and before
// memory was: memory is ahead of the log, and the server goes on with it. Here
// memory is dropped first (Output.Rollback), and comes back from the disk. The
// power fails at each operation of the truncation.
func TestZOOKEEPER5094(t *testing.T) {
	for op := 1; op <= 12; op++ {
		s, ill, _ := orphaned(t, base(3, 0))
		ill.disk.survival, ill.disk.downtime = storage.LosePower, 100*time.Millisecond
		cut := false
		s.watch = func(at *server, e zab.Event) {
			if e.Kind == zab.SyncReceived && e.Sync == wire.PacketTrunc && !cut {
				cut = true
				at.fs.StopAt(op)
			}
		}
		s.await("TRUNC came", func() bool { return cut })
		s.serves(int(ill.id))
		s.end()
	}
}

// ZOOKEEPER-4837. A server truncates its log below a snapshot that it has, and
// leaves the snapshot. The next start loads that, and the transactions are back.
// Here newer snapshots go first, and one that is being written meanwhile is
// given up, because it belongs to a history that has ended
// (storage.ErrSuperseded).
func TestZOOKEEPER4837(t *testing.T) {
	s, ill, _ := orphaned(t, base(3, 0))
	if err := ill.disk.store.SaveSnapshot(ill.tree.Snapshot(), ill.disk.history); err != nil {
		t.Fatal(err)
	}
	s.serves(int(ill.id))
	if s.syncs[ill.id] != wire.PacketTrunc {
		t.Fatalf("brought up to date by %v, expected TRUNC: the test does not test what it should", s.syncs[ill.id])
	}
	ill.end(storage.LoseUnsynced, false)
	s.boot(int(ill.id))
	s.serves(int(ill.id))
	s.end()
}

// ZOOKEEPER-4352. zk-1 leads and takes writes. zk-2 joins, and then leads: its
// window begins where it joined, but its lower end still says 0. An empty zk-3,
// at 0, seems to lie in the window and gets a DIFF with the tail only. Here the
// lower end is a position of its own (history.floor), and 0 lies in the window
// only when it is complete from the first transaction.
func TestZOOKEEPER4352(t *testing.T) {
	setup := base(3, 0)
	setup.History = 4
	s := newScript(t, setup)
	s.boot(1, 2)
	first := s.leads()
	other := 3 - int(first.id)
	s.crash(other, storage.LoseUnsynced)
	s.boot(other)
	s.serves(other)
	s.commit(s.leads(), 20, 1, 2)
	s.crash(other, storage.LoseUnsynced)
	s.boot(other)
	s.serves(other)
	s.commit(s.leads(), 2, 1, 2)
	s.crash(int(s.leads().id), storage.LoseUnsynced)
	s.boot(3)
	s.serves(3)
	if s.syncs[3] != wire.PacketSnap {
		t.Errorf("the empty server was brought up to date by %v, expected SNAP", s.syncs[3])
	}
	s.end()
}
