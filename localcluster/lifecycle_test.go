//go:build unix

package localcluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"zkctl/inject"
	"zkctl/localcluster"
	"zkctl/probe"
)

// Ensembles of every usual size come up, and each member has the role that it was made for.
func TestSizes(t *testing.T) {
	t.Parallel()
	sizes := []struct{ voters, observers int }{{1, 0}, {3, 2}, {3, 0}, {5, 0}, {7, 0}, {9, 0}, {1, 1}, {2, 0}}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%d voters, %d observers", size.voters, size.observers), func(t *testing.T) {
			e := start(t, localcluster.Request{Nodes: size.voters, Observers: size.observers})
			status := e.wait("healthy")
			roles := map[string]int{}
			for _, m := range status.Members {
				roles[m.Role]++
			}
			if roles["leader"] != 1 || roles["follower"] != size.voters-1 || roles["observer"] != size.observers {
				t.Errorf("roles %v", roles)
			}
			if q := status.Quorum; q.Size != size.voters || q.Needed != size.voters/2+1 || q.Have != size.voters {
				t.Errorf("quorum %+v", q)
			}
			e.create(e.session(status.Members[len(status.Members)-1]), "/n", "1")
			if tree := e.sameTrees(); !strings.Contains(tree, "\n/n ") {
				t.Error("what was written through the last member is not everywhere")
			}
		})
	}
}

// An ensemble that lacks an observer is degraded, and its quorum is whole: observers do not count.
func TestDegradedIsNotHealthy(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Nodes: 3, Observers: 1})
	e.act("kill", "observers")
	status := e.wait("quorum")
	for status.Health != probe.HealthDegraded {
		if e.ctx.Err() != nil {
			t.Fatalf("health %s", status.Health)
		}
		status = e.wait("quorum")
	}
	if status.Quorum.Have != 3 {
		t.Errorf("an observer counts as a voter: %+v", status.Quorum)
	}
	if reason := e.member(4).Reason; reason != "exited: signal KILL" {
		t.Errorf("member 4: %q", reason)
	}
}

// When the supervisor is killed no process of the ensemble goes on running, not even a member that is paused,
// and `up` starts it again on the same ports with all its data.
func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Observers: 1})
	e.create(e.session(e.leader()), "/kept", "1")
	before := e.wait("synced")
	paused := e.act("pause", "followers")
	e.partition(inject.Partition{Groups: "observers"})
	pids := []int{supervisorPID(t, e)}
	for _, m := range before.Members {
		pids = append(pids, m.PID)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		awaitGone(e, pid)
	}
	result := e.up(localcluster.Request{})
	if result.Created || result.Already {
		t.Errorf("up says created %v, already running %v", result.Created, result.Already)
	}
	after := e.wait("healthy")
	for i, m := range after.Members {
		was := before.Members[i]
		if m.Client != was.Client || m.QuorumPort != was.QuorumPort || m.ElectionPort != was.ElectionPort || m.DataDir != was.DataDir {
			t.Errorf("member %d was %+v and is %+v", m.ID, was, m)
		}
		if m.PID == was.PID {
			t.Errorf("member %d still has pid %d", m.ID, m.PID)
		}
	}
	if len(after.Faults) != 0 {
		t.Errorf("faults of the old supervisor: %+v", after.Faults)
	}
	if tree := e.sameTrees(); !strings.Contains(tree, "\n/kept ") {
		t.Error("data is lost")
	}
	if len(paused) != 2 {
		t.Errorf("paused %v", paused)
	}
}

func supervisorPID(t *testing.T, e *ensemble) int {
	t.Helper()
	text, err := os.ReadFile(e.folder.LockFile())
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// awaitGone returns when there is no such process, or it is dead and waits for its parent to reap it.
func awaitGone(e *ensemble, pid int) {
	e.Helper()
	for {
		if err := syscall.Kill(pid, 0); err == syscall.ESRCH {
			return
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		if e.ctx.Err() != nil {
			e.Fatalf("process %d is still there", pid)
		}
	}
}

// Data, ports and settings survive a down; settings can change while the ensemble is down.
func TestDownAndUpAgain(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	e.create(e.session(e.leader()), "/kept", "1")
	before := e.wait("synced")
	result, err := localcluster.Down(e.ctx, e.home, "test", false, false)
	if err != nil || !result.Running || result.Purged {
		t.Fatalf("%+v, %v", result, err)
	}
	stopped, err := localcluster.StatusOf(e.ctx, e.folder)
	if err != nil || stopped.State != localcluster.StateStopped || stopped.Health != probe.HealthDown || stopped.Connect != before.Connect {
		t.Errorf("%+v, %v", stopped, err)
	}
	if result, err = localcluster.Down(e.ctx, e.home, "test", false, false); err != nil || result.Running || !result.Existed {
		t.Errorf("a second down: %+v, %v", result, err)
	}
	// A missing myid, which a crash can cause, is made again.
	if err := os.Remove(filepath.Join(e.folder.Member(1).DataDir(), "myid")); err != nil {
		t.Fatal(err)
	}
	e.up(localcluster.Request{Settings: []string{"snapCount=777"}})
	after := e.wait("healthy")
	if after.Connect != before.Connect {
		t.Errorf("connect was %s and is %s", before.Connect, after.Connect)
	}
	for _, id := range []int64{1, 2, 3} {
		text, err := os.ReadFile(e.folder.Member(id).ConfigFile())
		if err != nil || !strings.Contains(string(text), "\nsnapCount=777\n") {
			t.Errorf("member %d: %v\n%s", id, err, text)
		}
	}
	if tree := e.sameTrees(); !strings.Contains(tree, "\n/kept ") {
		t.Error("data is lost")
	}
}

// A member that dies by itself is recorded and stays down.
func TestUnexpectedDeath(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	victim := e.member(2)
	if err := syscall.Kill(victim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitRole(e, 2, "down")
	events, err := localcluster.ReadEvents(e.folder)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(events, func(ev localcluster.Event) bool { return ev.Kind == localcluster.EventExited && ev.Member == 2 })
	if i < 0 || events[i].Expected || events[i].Signal != "KILL" || events[i].PID != victim.PID {
		t.Errorf("%+v", events)
	}
	faults, err := e.Faults(e.ctx)
	if err != nil || len(faults.Faults) != 0 {
		t.Errorf("a death without a fault is listed as one: %+v, %v", faults, err)
	}
	e.heal()
	e.wait("healthy")
}

// A home whose path is too long for the address of a unix socket works like any other, and its socket, which
// is elsewhere, is removed with it.
func TestLongHome(t *testing.T) {
	t.Parallel()
	home := localcluster.Home(filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	e := startIn(t, home, "test", localcluster.Request{Nodes: 1})
	e.wait("healthy")
	socket, err := e.folder.Socket()
	if err != nil || strings.HasPrefix(socket, string(home)) {
		t.Fatalf("%s, %v", socket, err)
	}
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := localcluster.Down(e.ctx, home, "test", true, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}
