package simulation

import (
	"fmt"
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Known defects of what servers claim to have, and of what leaders send them
// because of that: memory and disk that differ, windows with holes, trees that
// are none.

// ZOOKEEPER-2845. A leader logs a proposal that reaches no other server, and loses its
// quorum. It stays up, and keeps its database in memory, which has not got the
// proposal, because it was not committed. With the zxid of that memory it votes
// and reports to the next leader, which finds it in step and sends DIFF, so
// that it does not truncate. A restart replays the orphan from the log, and the
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
//
//	leader, other   all ── 4 ────── 4 ── 4 ── crash
//	holed           all ─ down ─DIFF 4 ── 4 ── leads ── 1
//	behind          all ── 4 ────── 4 ─ cut off ────┘   │
//	staler          all ─ down ─────────────────────────┘
func TestZOOKEEPER4925(t *testing.T) {
	for _, c := range []struct {
		window int
		staler wire.PacketType
	}{{500, wire.PacketDiff}, {5, wire.PacketSnap}} {
		t.Run(fmt.Sprintf("%d transactions, %v", c.window, c.staler), func(t *testing.T) {
			setup := base(5, 0)
			setup.History = c.window
			s := newScript(t, setup)
			s.boot()
			first := s.leads()
			s.serves(1, 2, 3, 4, 5)
			s.synced(s.commit(first, 6, 1, 2, 3, 4, 5), 1, 2, 3, 4, 5)
			ids := s.others(first)
			holed, behind, other, staler := ids[0], ids[1], ids[2], ids[3]
			s.crash(holed, storage.LoseUnsynced)
			s.crash(staler, storage.LoseUnsynced)
			s.commit(first, 4, behind, other)
			s.boot(holed)
			s.serves(holed)
			if got := s.syncs[zab.ServerID(holed)]; got != wire.PacketDiff {
				t.Fatalf("server %d was brought up to date by %v, expected DIFF: the test does not test what it should", holed, got)
			}
			s.commit(first, 4, behind, other, holed)
			heal := s.isolate(behind, Both)
			s.await("it has left the leader", func() bool { return s.at(behind).status.Role == zab.Looking })
			s.commit(first, 4, other, holed)
			s.crash(int(first.id), storage.LoseUnsynced)
			s.crash(other, storage.LoseUnsynced)
			clear(s.syncs)
			heal()
			s.boot(staler)
			leader := s.leads(behind, staler, holed)
			if int(leader.id) != holed {
				t.Fatalf("server %d leads, expected %d: the test does not test what it should", leader.id, holed)
			}
			s.serves(behind, staler)
			for id, want := range map[int]wire.PacketType{behind: wire.PacketDiff, staler: c.staler} {
				if got := s.syncs[zab.ServerID(id)]; got != want {
					t.Errorf("server %d was brought up to date by %v, expected %v", id, got, want)
				}
			}
			s.commit(leader, 1, behind, staler)
			s.end()
		})
	}
}

// ZOOKEEPER-4352. zk-1 leads and takes writes. zk-2 joins, and then leads: its
// window begins where it joined, but its lower end still says 0. An empty zk-3,
// at 0, seems to lie in the window and gets a DIFF with the tail only. Here the
// lower end is a position of its own (history.floor), and 0 lies in the window
// only when it is complete from the first transaction.
func TestZOOKEEPER4352(t *testing.T) {
	const joiner, empty = 5, 4
	for _, c := range []struct {
		name string
		more int // transactions that the joiner gets by broadcast
	}{{"nothing in the window", 0}, {"a tail in the window", 2}} {
		t.Run(c.name, func(t *testing.T) {
			setup := base(5, 0)
			setup.History = 4
			s := newScript(t, setup)
			s.boot(1, 2, 3)
			first := s.leads()
			s.commit(first, 20, 1, 2, 3)
			s.boot(joiner)
			s.serves(joiner)
			if got := s.syncs[joiner]; got != wire.PacketSnap {
				t.Fatalf("the joiner was brought up to date by %v, expected SNAP: the test does not test what it should", got)
			}
			s.commit(first, c.more, s.others(s.at(empty))...)
			s.crash(int(first.id), storage.LoseUnsynced)
			s.crash(s.others(first)[0], storage.LoseUnsynced)
			s.boot(empty)
			if leader := s.leads(); leader.id != joiner { // all are equal, and it has the largest id
				t.Fatalf("server %d leads, expected %d: the test does not test what it should", leader.id, joiner)
			}
			s.serves(empty)
			if got := s.syncs[empty]; got != wire.PacketSnap {
				t.Errorf("the empty server was brought up to date by %v, expected SNAP", got)
			}
			s.end()
		})
	}
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
	stop := s.writes(300 * time.Microsecond)
	snaps, amid := 0, 0
	s.tap = func(from *server, p wire.QuorumPacket) {
		if p.Type == wire.PacketSnap {
			snaps++
			if from.status.LastLogged > from.status.Applied {
				amid++
			}
		}
	}
	s.boot(3, 4)
	s.serves(3, 4)
	stop()
	if snaps < 2 || amid < snaps {
		t.Errorf("%d SNAPs were sent, %d while something was outstanding: the test does not test what it should", snaps, amid)
	}
	for _, id := range []zab.ServerID{3, 4} {
		if s.syncs[id] != wire.PacketSnap {
			t.Errorf("server %d was brought up to date by %v, expected SNAP", id, s.syncs[id])
		}
	}
	s.end()
}
