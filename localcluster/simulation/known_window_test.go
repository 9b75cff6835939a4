package simulation

import (
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Known defects of what servers claim to have, and of what leaders send them
// because of that: memory and disk that differ, windows with holes, trees that
// are none.

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
	second := s.leads(s.others(first)...)
	s.commit(second, 2)
	heal()
	s.serves(int(first.id))
	if s.syncs[first.id] != wire.PacketTrunc {
		t.Errorf("brought up to date by %v, expected TRUNC", s.syncs[first.id])
	}
	s.crash(int(first.id), storage.LoseUnsynced)
	s.boot(int(first.id))
	s.serves(int(first.id))
	s.lost(orphan)
	s.end()
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
		staler, stale := s.others(first)[0], s.others(first)[1]
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

// stale makes a server that has missed more than its leader's window holds, and
// is down: it will get a SNAP.
func stale(t *testing.T) (s *script, leader *server, late int, last wire.Zxid) {
	t.Helper()
	setup := base(3, 0)
	setup.History = 1
	s = newScript(t, setup)
	s.boot()
	leader = s.leads()
	s.serves(1, 2, 3)
	s.commit(leader, 2, 1, 2, 3)
	late = s.others(leader)[0]
	s.crash(late, storage.LoseUnsynced)
	return s, leader, late, s.commit(leader, 30, s.others(leader)[1])
}

// ZOOKEEPER-3642. A whole SNAP has come, and the connection ends before NEWLEADER,
// which would have made the server save it. The tree stays in memory, and the
// server claims it; the next leader sends a DIFF on top, which saves nothing but
// itself. A restart finds the log of the DIFF, and nothing below it. Here a SNAP is
// written at once, before anything that comes behind it, and what is not written
// is not claimed.
func TestZOOKEEPER3642(t *testing.T) {
	s, leader, late, last := stale(t)
	broken := false
	s.tap = func(from *server, p wire.QuorumPacket) {
		if p.Type == wire.PacketSnap && !broken {
			broken = true
			s.breakBefore(leader, late, wire.PacketNewLeader)
		}
	}
	s.boot(late)
	s.await("it has lost its leader again", func() bool {
		return broken && s.syncs[zab.ServerID(late)] == wire.PacketSnap && s.at(late).status.Role == zab.Looking
	})
	s.serves(late)
	if got := s.syncs[zab.ServerID(late)]; got != wire.PacketDiff {
		t.Errorf("brought up to date by %v at last, expected DIFF: the test does not test what it should", got)
	}
	s.crash(late, storage.LoseUnsynced)
	s.boot(late)
	if got := s.at(late).tree.LastZxid(); got < last {
		t.Errorf("starts at %v, and had %v", got, last)
	}
	s.end()
}

// A SNAP breaks in the middle, three times. What has come is thrown away with the
// stream: it is decoded into a tree of its own, and the old one stays until Install.
func TestZOOKEEPER3642HalfATree(t *testing.T) {
	s, leader, late, _ := stale(t)
	torn := 0
	s.tap = func(from *server, p wire.QuorumPacket) {
		if p.Type == wire.PacketSnap && torn < 3 {
			torn++
			s.tearSnap(leader, late)
		}
	}
	s.boot(late)
	s.await("three SNAPs have broken", func() bool { return torn == 3 })
	s.serves(late)
	if s.syncs[zab.ServerID(late)] != wire.PacketSnap {
		t.Errorf("brought up to date by %v, expected SNAP", s.syncs[zab.ServerID(late)])
	}
	s.crash(int(leader.id), storage.LoseUnsynced)
	s.leads(s.others(leader)...)
	s.end()
}

// ZOOKEEPER-3104. The leader writes a SNAP while it goes on applying, so the tree
// is right only together with the transactions that were applied meanwhile. They
// stood in the queue behind NEWLEADER, at which the learner saves its tree and
// claims it; one that restarted there had a tree that never was. Here the tree is
// one of a single moment (datatree.Snapshot), and its zxid, what is outstanding and
// the registration for what follows are taken in the same step
// (Node.bringUpToDate). The leader commits all the time while two servers join.
func TestZOOKEEPER3104(t *testing.T) {
	setup := base(3, 1)
	setup.History = 1
	s := newScript(t, setup)
	s.boot(1, 2)
	leader := s.leads()
	s.commit(leader, 5, 1, 2)
	busy := true
	var write func()
	write = func() {
		if busy {
			s.propose(leader)
			s.after(300*time.Microsecond, write)
		}
	}
	write()
	s.boot(3, 4)
	s.serves(3, 4)
	busy = false
	for _, id := range []zab.ServerID{3, 4} {
		if s.syncs[id] != wire.PacketSnap {
			t.Errorf("server %d was brought up to date by %v, expected SNAP", id, s.syncs[id])
		}
	}
	s.end()
}
