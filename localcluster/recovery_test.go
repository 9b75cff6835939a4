//go:build unix

package localcluster_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zkctl/inject"
	"zkctl/localcluster"
	"zkctl/probe"
	"zkctl/probe/wire"
)

// Twenty times: clients write, the leader is killed, a survivor takes over, the victim comes back. No
// acknowledged write is lost, and all members end up with the same tree.
func TestLeaderKilledTwentyTimes(t *testing.T) {
	t.Parallel()
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	e := start(t, localcluster.Request{})
	l := e.load(8)
	for range rounds {
		l.progress(50)
		killed := e.act("kill", "leader")
		if status := e.wait("leader"); *status.Leader == killed[0] {
			t.Fatalf("member %d leads, and was killed", killed[0])
		}
		l.progress(50)
		e.act("start", fmt.Sprint(killed[0]))
		e.wait("healthy")
	}
	l.end()
	l.check(e.sameTrees())
	t.Logf("%d writes acknowledged, %d of unknown outcome", len(l.acked), len(l.unknown))
}

// A leader that is cut off from the others stops serving; they elect another, and it does not. What
// it proposed and could not commit is gone after the partition.
func TestPartitionedLeader(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	old := e.leader()
	s := e.session(old)
	e.create(s, "/before", "1")

	e.partition(inject.Partition{Groups: fmt.Sprint(old.ID)})
	// The leader has not noticed yet: it logs this, and waits for acknowledgements that cannot come.
	_, _, err := s.Create(e.ctx, "/orphan", []byte("1"), 0)
	if err == nil {
		t.Fatal("a leader without followers acknowledged a write")
	}
	if !errors.Is(err, probe.ErrUnknownOutcome) {
		t.Fatalf("the write was answered: %v", err)
	}
	status := e.wait("quorum")
	if *status.Leader == old.ID {
		t.Fatalf("member %d still leads", old.ID)
	}
	awaitRole(e, old.ID, "looking")
	if _, err := probe.Dial(e.ctx, old.Client, probe.Options{}); err == nil {
		t.Error("the deposed leader takes sessions")
	}
	other := e.session(e.leader())
	e.create(other, "/during", "1")

	e.heal()
	tree := e.sameTrees()
	for _, path := range []string{"/before ", "/during "} {
		if !strings.Contains(tree, "\n"+path) {
			t.Errorf("%s is lost", path)
		}
	}
	if strings.Contains(tree, "/orphan") {
		t.Error("what the deposed leader could not commit is there")
	}
}

// awaitRole returns when a member is seen in a role.
func awaitRole(e *ensemble, id int64, role string) {
	e.Helper()
	for e.member(id).Role != role {
		if e.ctx.Err() != nil {
			e.Fatalf("member %d never became %s", id, role)
		}
	}
}

// The same when only one direction is cut: a leader is deposed when its messages are lost, and also when the
// messages to it are.
func TestOneWayCuts(t *testing.T) {
	long(t)
	e := start(t, localcluster.Request{})
	s := e.session(e.leader())
	e.create(s, "/n", "0")
	for i, toLeader := range []bool{false, true} {
		old := e.leader()
		groups := fmt.Sprint(old.ID)
		if toLeader { // cut the messages to the leader
			groups = ""
			for _, m := range e.wait("healthy").Members {
				if m.ID != old.ID {
					groups += fmt.Sprintf(",%d", m.ID)
				}
			}
			groups = strings.TrimPrefix(groups, ",")
		}
		e.partition(inject.Partition{Groups: groups, OneWay: true})
		for {
			status := e.wait("leader")
			if *status.Leader != old.ID {
				break
			}
			if e.ctx.Err() != nil {
				t.Fatalf("toLeader %v: member %d still leads", toLeader, old.ID)
			}
		}
		s := e.session(e.leader())
		e.create(s, fmt.Sprintf("/n/%d", i), "1")
		e.heal()
		e.wait("healthy")
		tree := e.sameTrees()
		if !strings.Contains(tree, fmt.Sprintf("\n/n/%d ", i)) {
			t.Errorf("toLeader %v: what the new leader committed is lost", toLeader)
		}
	}
}

// A cut of the quorum channel alone deposes a leader, too; one of the election channel alone does
// not disturb an ensemble that has a leader.
func TestChannels(t *testing.T) {
	long(t)
	e := start(t, localcluster.Request{})
	old := e.leader()
	e.partition(inject.Partition{Groups: fmt.Sprint(old.ID), Channel: "election"})
	s := e.session(old)
	e.create(s, "/election", "1")
	if now := e.leader(); now.ID != old.ID {
		t.Errorf("member %d leads after a cut of the election channel, not %d", now.ID, old.ID)
	}
	e.heal()
	e.partition(inject.Partition{Groups: fmt.Sprint(old.ID), Channel: "quorum"})
	if _, _, err := s.Create(e.ctx, "/quorum", nil, 0); err == nil {
		t.Error("a write was acknowledged by a leader without followers")
	}
	e.heal()
	e.wait("healthy")
	if tree := e.sameTrees(); !strings.Contains(tree, "\n/election ") {
		t.Error("an acknowledged write is lost")
	}
}

// Without a majority nothing is written and nothing is read; `start all` brings everything back.
func TestMajorityKilled(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	e.create(e.session(e.leader()), "/kept", "1")
	status, err := e.Status(e.ctx)
	if err != nil {
		t.Fatal(err)
	}
	sessions := map[int64]*probe.Session{}
	for _, m := range status.Members {
		sessions[m.ID] = e.session(m)
	}
	killed := e.act("kill", "majority")
	if len(killed) != 2 {
		t.Fatalf("majority of three matched %v", killed)
	}
	for _, id := range killed {
		delete(sessions, id)
	}
	status = e.wait("no-quorum")
	if status.Leader != nil || status.Quorum.Have >= status.Quorum.Needed {
		t.Errorf("leader %v, quorum %+v", status.Leader, status.Quorum)
	}
	for id, s := range sessions {
		if _, _, err := s.Create(e.ctx, "/unsaid", nil, 0); err == nil {
			t.Errorf("member %d acknowledged a write without a quorum", id)
		}
		if _, _, _, err := s.Get(e.ctx, "/kept"); err == nil {
			t.Errorf("member %d served a read without a quorum", id)
		}
		client := e.member(id).Client
		if _, err := probe.Dial(e.ctx, client, probe.Options{}); err == nil {
			t.Errorf("member %d opened a session without a quorum", id)
		}
	}
	e.act("start", "all")
	e.wait("healthy")
	// What was not acknowledged may be there or not, but it is the same everywhere.
	if tree := e.sameTrees(); !strings.Contains(tree, "\n/kept ") {
		t.Errorf("after the majority is back:\n%s", tree)
	}
}

// A leader that hangs is replaced; when it goes on it follows the new one.
func TestPausedLeader(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	old := e.leader()
	e.act("pause", "leader")
	if role := e.member(old.ID).Role; role != "paused" {
		t.Errorf("member %d is %s", old.ID, role)
	}
	status := e.wait("leader")
	if *status.Leader == old.ID {
		t.Fatalf("member %d leads, and is paused", old.ID)
	}
	e.create(e.session(e.leader()), "/meanwhile", "1")
	e.act("resume", fmt.Sprint(old.ID))
	status = e.wait("healthy")
	if *status.Leader == old.ID {
		t.Errorf("member %d leads again without an election", old.ID)
	}
	if tree := e.sameTrees(); !strings.Contains(tree, "\n/meanwhile ") {
		t.Error("what was written meanwhile is lost")
	}
}

// An observer that fell far behind, and a follower that lost its disk, get the whole tree.
func TestCatchUpBySnapshot(t *testing.T) {
	long(t)
	e := start(t, localcluster.Request{Nodes: 3, Observers: 1, Settings: []string{"commitLogCount=50", "snapCount=200"}})
	leader := e.leader()
	empty := int64(1)
	if leader.ID == empty {
		empty = 2
	}
	e.act("kill", fmt.Sprintf("%d,observers", empty))
	dir := filepath.Join(e.folder.Member(empty).DataDir(), "version-2")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s := e.session(leader)
	for i := range 500 {
		e.create(s, fmt.Sprintf("/n%03d", i), fmt.Sprint(i))
	}
	written := e.leader().Zxid
	e.act("start", fmt.Sprintf("%d,4", empty))
	e.wait("healthy")
	tree := e.sameTrees()
	if n := strings.Count(tree, "\n/n"); n != 500 {
		t.Errorf("%d nodes of 500 are there", n)
	}
	// A tree that came as a whole is on disk as a whole, at or after the leader's position,
	// which no single transaction log of the learner's own could explain.
	for _, id := range []int64{empty, 4} {
		if !hasSnapshotFrom(e, id, written) {
			t.Errorf("member %d has no snapshot from %s on: it did not catch up by snapshot", id, written)
		}
	}
}

// hasSnapshotFrom tells whether a member has a snapshot of zxid or a later position.
func hasSnapshotFrom(e *ensemble, id int64, zxid string) bool {
	e.Helper()
	from, err := wire.ParseZxid(zxid)
	if err != nil {
		e.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(e.folder.Member(id).DataDir(), "version-2", "snapshot.*"))
	if err != nil {
		e.Fatal(err)
	}
	for _, path := range found {
		at, err := wire.ParseZxid("0x" + strings.TrimPrefix(filepath.Base(path), "snapshot."))
		if err == nil && at >= from {
			return true
		}
	}
	return false
}
