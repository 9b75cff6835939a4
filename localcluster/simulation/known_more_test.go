package simulation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// ZOOKEEPER-2307 and 4269. A crash while an epoch file is replaced leaves
// acceptedEpoch behind currentEpoch, or a stray temporary file, and the server
// refuses to start. Here acceptedEpoch is durable before anything that comes
// after it, and what an interrupted write has left is recognised. Every
// operation of a first election is the one in which the power fails.
func TestZOOKEEPER2307(t *testing.T) {
	for op := 1; op <= 30; op++ {
		for _, keeps := range []storage.Survival{storage.KillProcess, storage.LosePower, storage.LoseUnsynced} {
			s := newScript(t, base(3, 0))
			d := &s.at(3).disk
			d.survival, d.downtime = keeps, 50*time.Millisecond
			s.at(3).fs.StopAt(op)
			s.boot()
			s.commit(s.leads(), 2)
			s.serves(3)
			s.end()
		}
	}
}

// ZOOKEEPER-2332. A crash right after a log file was created leaves an empty
// one, and the server does not start: it expects a header. Here a log without a
// whole entry is removed.
func TestZOOKEEPER2332(t *testing.T) {
	for op := 1; op <= 6; op++ {
		s := newScript(t, base(3, 0))
		s.boot()
		leader := s.leads()
		s.serves(1, 2, 3)
		follower := others(s, leader)[0]
		d := &s.at(follower).disk
		d.survival, d.downtime = storage.KillProcess, 50*time.Millisecond
		s.at(follower).fs.StopAt(op)
		s.commit(leader, 3)
		s.serves(follower)
		s.end()
	}
}

// ZOOKEEPER-2354. A crash after the leader's snapshot was taken, and before
// currentEpoch says so, leaves a history that is ahead of currentEpoch; the
// server refuses to start. Here that is what the order of the steps leaves, and
// it is completed if acceptedEpoch allows.
func TestZOOKEEPER2354(t *testing.T) {
	repaired := false
	for op := 1; op <= 20; op++ {
		setup := base(3, 0)
		setup.History = 1
		s := newScript(t, setup)
		s.boot(1, 2)
		s.commit(s.leads(), 10, 1, 2)
		d := &s.at(3).disk
		d.survival, d.downtime = storage.LosePower, 50*time.Millisecond
		s.watch = func(at *server, e zab.Event) {
			if at.id == 3 && e.Kind == zab.SyncReceived && op > 0 {
				at.fs.StopAt(op)
				op, repaired = op+20, true
			}
		}
		s.boot(3)
		s.await("it synchronizes", func() bool { return op > 20 })
		op -= 20
		s.serves(3)
		s.end()
	}
	if !repaired {
		t.Error("server 3 never synchronized")
	}
}

// ZOOKEEPER-1818. A server that restarts while the others have a leader finds no
// two votes alike, because the zxid and round in them are of different
// elections, and stays outside. Here votes of settled servers are compared by
// leader and epoch (vote.agrees).
func TestZOOKEEPER1818(t *testing.T) {
	s := newScript(t, base(5, 1))
	s.boot(1, 2, 3)
	leader := s.leads()
	s.commit(leader, 3, 1, 2, 3)
	s.boot(4)
	s.serves(4)
	s.commit(leader, 3, 4)
	s.boot(5)
	s.serves(5)
	s.commit(leader, 3, 5)
	s.boot(6)
	s.serves(6)
	for _, id := range []int{4, 5} {
		s.crash(id, storage.KillProcess)
		s.commit(leader, 2)
		s.boot(id)
		s.serves(id)
	}
	if leader.status.Role != zab.Leading || leader.status.Round != 1 {
		t.Errorf("server %d is %v in round %d: a join has caused an election", leader.id, leader.status.Role, leader.status.Round)
	}
	s.end()
}

// ZOOKEEPER-3104. The leader sends NEWLEADER while the content of a SNAP and the
// commits behind it can interleave, so that some reach neither the tree nor the
// queue. Here the tree, its zxid and the registration for what follows are taken
// in one step (Node.bringUpToDate). The leader commits all the time while one
// server after the other joins by SNAP.
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

// ZOOKEEPER-4026. A create2 in a multi is not applied when the log is replayed,
// so a server that restarts has another tree than before. Here it is logged as a
// create, which all versions know.
func TestZOOKEEPER4026(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	leader := s.leads()
	s.serves(1, 2, 3)
	s.commit(leader, 1)
	multi := &wire.MultiRequest{}
	for i := range 3 {
		multi.Ops = append(multi.Ops, wire.MultiOp{Op: wire.OpCreate2,
			Request: &wire.CreateRequest{Path: fmt.Sprintf("/m%d", i), Data: []byte("x"), ACL: wire.OpenACL()}})
	}
	leader.core.Propose(datatree.Request{Session: scriptSession, Cxid: 99, Op: wire.OpMulti, Body: wire.Marshal(multi), Owner: replica.LocalOwner})
	s.commit(leader, 1, 1, 2, 3)
	for id := 1; id <= 3; id++ {
		s.crash(id, storage.LoseUnsynced)
		s.boot(id)
		if _, ok := s.at(id).tree.Stat("/m2"); !ok {
			t.Errorf("server %d has lost /m2", id)
		}
	}
	s.end()
}

// ZOOKEEPER-4306. The transaction that closes a session lists all its ephemeral
// nodes. When the list is longer than jute.maxbuffer the learners drop the link,
// come back, and drop it again. Here internal records are not bounded by what
// clients may send.
func TestZOOKEEPER4306(t *testing.T) {
	s := newScript(t, base(3, 0))
	s.boot()
	leader := s.leads()
	s.serves(1, 2, 3)
	s.commit(leader, 1)
	long := strings.Repeat("x", 4000)
	for i := range 300 {
		leader.core.Propose(datatree.Request{
			Session: scriptSession, Cxid: int32(1000 + i), Op: wire.OpCreate, Owner: replica.LocalOwner,
			Body: wire.Marshal(&wire.CreateRequest{Path: fmt.Sprintf("/%s%d", long, i), ACL: wire.OpenACL(), Flags: wire.FlagEphemeral}),
		})
	}
	leader.core.Propose(datatree.Request{Session: scriptSession, Op: wire.OpCloseSession, Owner: replica.LocalOwner})
	last := leader.status.LastLogged
	s.await("all have closed the session", func() bool {
		return s.at(1).status.Applied >= last && s.at(2).status.Applied >= last && s.at(3).status.Applied >= last
	})
	if size := len(s.oracle.records[last].data); size < 1<<20 {
		t.Errorf("the transaction has %d bytes, less than jute.maxbuffer: the test does not test what it should", size)
	}
	if s.oracle.newest != 1 {
		t.Errorf("epoch %d: somebody has lost its leader", s.oracle.newest)
	}
	s.end()
}
