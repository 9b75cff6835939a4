package simulation

import (
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Servers that start together, that come late, or that lose what they had begun with,
// and what they must not wait for. ZooKeeper waits finalizeWait in every election, and
// initLimit when an election was wrong all the same.

// soon lets a time pass in which nothing of the protocol runs out, and tells whether
// these servers serve then, under this leader.
func (s *script) soon(leader int, ids ...int) {
	s.t.Helper()
	if !s.until(100*time.Millisecond, func() bool {
		for _, id := range append(ids, leader) {
			if x := s.at(id); !x.status.Serving || x.status.Leader != zab.ServerID(leader) {
				return false
			}
		}
		return true
	}) {
		s.ok()
		s.t.Fatalf("100 ms later %v and their leader, server %d, do not serve: %s", ids, leader, s.roles())
	}
}

// decided waits until a server follows or leads, with this leader.
func (s *script) decided(leader int, ids ...int) {
	s.t.Helper()
	for _, id := range ids {
		s.await("it has decided", func() bool { return s.at(id).status.Leader == zab.ServerID(leader) })
	}
}

// A voter starts when the servers that started first have just stopped waiting for it:
// some of them have decided without it, and the others, which started later, still vote
// for it.
func TestLateVoter(t *testing.T) {
	const between = 150 * time.Millisecond // of finalizeWait's 200
	t.Run("the followed server goes on", func(t *testing.T) {
		s := newScript(t, base(4, 0))
		s.boot(1, 2)
		s.run(between)
		s.boot(3)
		s.decided(3, 1, 2)
		if s.at(3).status.Role != zab.Looking {
			t.Fatal("server 3 leads: the test does not test what it should")
		}
		s.boot(4)
		s.soon(4, 1, 2, 3)
		s.end()
	})
	t.Run("the leader is outvoted", func(t *testing.T) {
		s := newScript(t, base(4, 0))
		s.boot(3)
		s.run(between)
		s.boot(1, 2)
		s.decided(3, 3)
		if s.at(1).status.Role != zab.Looking || s.at(2).status.Role != zab.Looking {
			t.Fatal("a server follows 3 already: the test does not test what it should")
		}
		s.boot(4)
		s.soon(4, 1, 2, 3)
		s.end()
	})
}

// A server has decided to follow another one that does not lead and does not say so,
// while a quorum has a leader. It learns that from the votes that it asks for.
func TestQuorumElsewhere(t *testing.T) {
	s := newScript(t, base(5, 0))
	s.boot()
	s.leads(5)
	s.serves(1, 2, 3, 4)
	heal := s.cut(pair{4, 1}, ElectionChannel)
	s.forceElection(1<<0, 4)
	s.soon(5, 1)
	heal()
	s.end()
}

// A leader dies, and one of its followers, which hears late votes, follows it once more.
// It finds that it is not there, and has what the others have voted meanwhile, who do not
// repeat it.
func TestDeadLeaderIsFollowedOnceMore(t *testing.T) {
	s := newScript(t, base(4, 0)) // all three that are left are needed
	s.boot()
	s.leads(4)
	s.serves(1, 2, 3)
	s.crash(4, storage.KillProcess)
	s.await("server 2 looks for a leader", func() bool { return s.at(2).status.Role == zab.Looking })
	s.forceElection(1<<0, 4)
	if s.at(1).status.Role != zab.Following {
		t.Fatal("server 1 does not follow 4: the test does not test what it should")
	}
	s.soon(3, 1, 2)
	s.end()
}

// A leader has gathered a quorum, and loses it before all that it has to do with it is
// done. It looks for another one at once, and so is there for a third server that comes.
func TestQuorumLostBeforeBroadcast(t *testing.T) {
	for name, at := range map[string]zab.EventKind{"discovery": zab.EpochAccepted, "synchronization": zab.SyncReceived} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, base(3, 0))
			var release func()
			s.hooks = append(s.hooks, func(from *server, e zab.Event) {
				if from.id == 2 && e.Kind == at && release == nil {
					release = s.hold(2)
				}
			})
			s.boot(2, 3)
			s.await("server 2's disk holds up "+name, func() bool { return release != nil })
			s.run(20 * time.Millisecond)
			if x := s.at(3).status; x.Role != zab.Leading || x.Serving {
				t.Fatalf("server 3 is %v in %v: the test does not test what it should", x.Role, x.Phase)
			}
			s.crash(2, storage.KillProcess)
			release()
			if !s.until(10*time.Millisecond, func() bool { return s.at(3).status.Role == zab.Looking }) {
				s.ok()
				t.Fatalf("server 3 has lost its quorum, and leads on: %s", s.roles())
			}
			s.boot(1)
			s.leads()
			s.serves(1, 3)
			s.end()
		})
	}
}

// A leader waits longer than syncLimit for the last learner that it needs for a quorum. It
// keeps those that are ready: they have nothing to say before they serve, because it does not
// ping them before that. (Found by the swarm, seed 3703: it gave them up one by one.)
func TestReadyLearnersAreKept(t *testing.T) {
	setup := base(5, 0)
	setup.InitLimit, setup.SyncLimit = 10, 2
	s := newScript(t, setup)
	var release func()
	left := 0
	s.hooks = append(s.hooks, func(at *server, e zab.Event) {
		switch {
		case at.id == 3 && e.Kind == zab.SyncReceived && release == nil:
			release = s.hold(3)
		case e.Kind == zab.Resigned || e.Kind == zab.LearnerLost:
			left++
		}
	})
	s.boot(3, 4, 5) // a bare quorum
	s.await("server 3's disk holds up synchronization", func() bool { return release != nil })
	s.run(time.Duration(2*setup.SyncLimit) * setup.Tick)
	if x := s.at(5).status; x.Role != zab.Leading || x.Serving {
		t.Fatalf("server 5 is %v in %v: the test does not test what it should", x.Role, x.Phase)
	}
	release()
	s.leads(5)
	s.serves(3, 4)
	if left != 0 {
		t.Errorf("servers or learners left %d times while they waited", left)
	}
	s.end()
}

// A server that has promised an epoch to one leader answers another one of the same epoch that it
// has promised it already. That answer counts for no quorum: with it, both leaders could have one.
// (Zab paper, phase 1; ZooKeeper's Leader.waitForEpochAck.)
func TestRepeatedPromiseDoesNotCount(t *testing.T) {
	s := newScript(t, base(5, 0))
	held := map[zab.ServerID]func(){}
	hold := map[zab.ServerID]bool{2: true}
	promised, chosen := map[zab.ServerID]bool{}, false
	s.hooks = append(s.hooks, func(at *server, e zab.Event) {
		switch {
		case e.Kind == zab.EpochAccepted && hold[at.id] && held[at.id] == nil:
			held[at.id] = s.hold(int(at.id))
		case e.Kind == zab.HistoryChosen:
			chosen = true
		}
	})
	s.tap = func(from *server, p wire.QuorumPacket) {
		if p.Type == wire.PacketAckEpoch {
			promised[from.id] = true
		}
	}
	// Server 5 begins epoch 1, which server 1 promises; server 2 does not get to it.
	s.boot(1, 2, 5)
	s.await("server 1 has promised, and server 2's disk holds up its promise", func() bool { return promised[1] && held[2] != nil })
	for _, id := range []int{1, 2, 5} {
		s.crash(id, storage.LosePower)
	}
	held[2]()
	if chosen {
		t.Fatal("server 5 has a quorum: the test does not test what it should")
	}
	// Server 4 begins epoch 1 as well: its followers have promised nothing.
	hold, held = map[zab.ServerID]bool{2: true, 3: true}, map[zab.ServerID]func(){}
	clear(promised)
	s.boot(2, 3, 4)
	s.await("the disks hold up both promises", func() bool { return held[2] != nil && held[3] != nil })
	s.boot(1)
	s.await("server 1 answers that it has promised already", func() bool { return promised[1] })
	held[3]()
	s.await("server 3 promises", func() bool { return promised[3] })
	s.run(10 * time.Millisecond)
	if chosen {
		t.Error("the leader has counted a promise that was made to another leader")
	}
	held[2]()
	s.leads(4)
	s.end()
}

// A Java server opens its quorum port when it has decided to lead, which is later than
// its followers do, and late on a busy machine. They go on trying for half of initLimit,
// so that it does not lead in vain.
func TestLeaderOpensItsPortLate(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.at(3).shut++
	left := 0
	s.hooks = append(s.hooks, func(at *server, e zab.Event) {
		if e.Kind == zab.Resigned {
			left++
		}
	})
	s.boot()
	s.decided(3, 1, 2, 3)
	limit := time.Duration(s.setup.InitLimit) * s.setup.Tick / 2
	s.run(limit - 100*time.Millisecond)
	s.at(3).shut--
	s.soon(3, 1, 2)
	if left > 0 {
		t.Errorf("servers have left their roles %d times", left)
	}
	s.end()
	// A port that stays shut is given up.
	s = newScript(t, base(3, 0))
	s.at(3).shut++
	s.boot()
	s.decided(3, 1)
	s.await("server 1 gives server 3 up", func() bool { return s.at(1).status.Role == zab.Looking })
	s.at(3).shut--
	s.end()
}
