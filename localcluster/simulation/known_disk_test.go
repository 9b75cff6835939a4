package simulation

import (
	"testing"
	"time"

	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
)

// Known defects of what stands between a server and its disk: starts that fail
// because of what a crash has left, disks that fail, writes that outlive a role.

// untilLate lets something fail in the first operation, in the second, and so on,
// until that is too late to matter. Fewer than least are no test.
func untilLate(t *testing.T, least int, early func(op int) bool) {
	t.Helper()
	op := 0
	for early(op + 1) {
		op++
	}
	if op < least {
		t.Errorf("it failed in time %d times, expected at least %d: the test does not test what it should", op, least)
	}
}

// ZOOKEEPER-2307 and 4269. The write of an epoch file fails, and memory has the new
// epoch already, so it is not written again: currentEpoch overtakes acceptedEpoch,
// and the server refuses to start. Or the rename fails, and leaves a temporary file
// behind. Here acceptedEpoch is durable before anything that comes after it, a
// failed write ends the server, and what it has left is recognised. Every
// operation until the server serves for the first time is the one in which the
// power fails, and every sync the one that does.
func TestZOOKEEPER2307(t *testing.T) {
	fails := func(kind FaultKind, n int, keeps storage.Survival) (early bool) {
		s := newScript(t, base(3, 0))
		s.plan.strike(Fault{Kind: kind, Server: 3, N: n, Survival: keeps, For: 50 * time.Millisecond}, nil)
		s.boot()
		stop := s.writes(5 * time.Millisecond)
		early = s.strikes(kind, 3)
		stop()
		s.serves(3)
		s.end()
		return early
	}
	for _, keeps := range []storage.Survival{storage.KillProcess, storage.LosePower, storage.LoseUnsynced} {
		untilLate(t, 40, func(op int) bool { return fails(FaultPower, op, keeps) })
	}
	untilLate(t, 5, func(sync int) bool { return fails(FaultSync, sync, storage.KillProcess) })
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
		follower := s.others(leader)[0]
		s.stopAt(follower, op, storage.KillProcess)
		stop := s.writes(5 * time.Millisecond)
		s.strikes(FaultPower, follower)
		stop()
		s.serves(follower)
		s.end()
	}
}

// ZOOKEEPER-2354. A crash after the leader's snapshot was taken, and before
// currentEpoch says so, leaves a history that is ahead of currentEpoch; the
// server refuses to start. Here that is what the order of the steps leaves, and
// it is completed if acceptedEpoch allows.
func TestZOOKEEPER2354(t *testing.T) {
	untilLate(t, 25, func(op int) (early bool) {
		setup := base(3, 0)
		setup.History = 1
		s := newScript(t, setup)
		s.boot(1, 2)
		s.commit(s.leads(), 10, 1, 2)
		came := false
		s.hooks = append(s.hooks, func(at *server, e zab.Event) {
			if at.id == 3 && e.Kind == zab.SyncReceived && !came {
				came = true
				s.stopAt(3, op, storage.LosePower)
			}
		})
		s.boot(3)
		stop := s.writes(5 * time.Millisecond)
		early = s.strikes(FaultPower, 3)
		stop()
		s.serves(3)
		s.end()
		return early
	})
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
		ill := s.others(leader)[0]
		s.plan.strike(Fault{Kind: FaultSync, Server: ill, N: 1, Survival: keeps, For: s.setup.Tick}, nil)
		s.commit(leader, 3)
		s.await("it has ended", func() bool { return !s.at(ill).up })
		s.commit(leader, 3)
		s.serves(ill)
		s.commit(leader, 3, ill)
		s.crash(ill, storage.LoseUnsynced)
		s.boot(ill)
		s.serves(ill)
		s.end()
	}
}

// queued makes a follower with a proposal in front of its disk and on no
// other; its leader is gone. release lets the disk go on.
func queued(t *testing.T) (s *script, follower, other int, leader *server, release, heal func()) {
	t.Helper()
	s = newScript(t, base(3, 0))
	s.boot()
	leader = s.leads()
	s.serves(1, 2, 3)
	s.commit(leader, 2, 1, 2, 3)
	follower, other = s.others(leader)[0], s.others(leader)[1]
	heal = s.isolate(other, Both)
	s.await("the other one has left", func() bool { return s.at(other).status.Role == zab.Looking })
	release = s.hold(follower)
	holdLeader := s.hold(int(leader.id))
	p := s.propose(leader)
	s.await("it has reached the follower", func() bool { return s.at(follower).status.LastLogged == p })
	s.crash(int(leader.id), storage.LoseUnsynced)
	holdLeader()
	s.await("the follower is looking", func() bool { return s.at(follower).status.Role == zab.Looking })
	return s, follower, other, leader, release, heal
}

// ZOOKEEPER-4712 (and 4541, 4502, 4409). A follower leaves its role while writes
// are queued in front of its disk. Its logger writes on, or acknowledges, after
// the state was reset, and memory, log and window differ. Here there is one
// queue for the life of the process: what was handed to it counts as logged, a
// rollback waits for it, and who leaves a role does not wait for its writes any
// more (writeQueue.forget).
func TestZOOKEEPER4712(t *testing.T) {
	t.Run("and the power fails", func(t *testing.T) {
		s, follower, other, leader, release, heal := queued(t)
		p := s.at(follower).status.LastLogged
		s.crash(follower, storage.LoseUnsynced)
		release()
		s.boot(follower)
		heal()
		s.commit(s.leads(follower, other), 1)
		s.lost(p)
		s.boot(int(leader.id))
		s.end()
	})
	t.Run("and it leads", func(t *testing.T) {
		s, follower, other, leader, release, heal := queued(t)
		heal()
		s.stay(5, "a leader is established with a write that is on no disk", func() bool { return s.at(follower).status.Serving })
		release()
		s.serves(follower, other)
		s.boot(int(leader.id))
		s.end()
	})
	// The promise to one leader becomes durable while the next waits for another.
	t.Run("and it promises twice", func(t *testing.T) {
		s := newScript(t, base(3, 0))
		s.boot()
		first := s.leads()
		s.serves(1, 2, 3)
		follower := s.others(first)[0]
		release := s.hold(follower)
		s.crash(int(first.id), storage.KillProcess)
		promises := 0
		s.hooks = append(s.hooks, func(at *server, e zab.Event) {
			if at.id == zab.ServerID(follower) && e.Kind == zab.EpochAccepted {
				promises++
			}
		})
		s.await("it has promised twice", func() bool { return promises == 2 })
		release()
		s.serves(s.others(first)...)
		s.boot(int(first.id))
		s.end()
	})
}
