//go:build unix

package localcluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zkctl/inject"
	"zkctl/localcluster"
	"zkctl/probe"
)

// Ensembles of every usual size come up, and each member says it is what it was made to be.
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

// One way cuts lower the number of voters that serve, sizes decide what a quorum needs: the verdict is
// the same that elections are decided by.
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
		t.Errorf("an observer counts: %+v", status.Quorum)
	}
	if reason := e.member(4).Reason; reason != "exited: signal KILL" {
		t.Errorf("member 4: %q", reason)
	}
}

// The supervisor is killed: nothing of the ensemble goes on running, not even a member that is paused,
// and `up` resumes it on the same ports with all its data.
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

// awaitGone returns when there is no such process: gone, or dead and waiting for its parent to reap it.
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

// Ten ensembles at once: no port clash, and each down removes only its own.
func TestTenAtOnce(t *testing.T) {
	t.Parallel()
	home := localcluster.Home(t.TempDir())
	n := 10
	if testing.Short() {
		n = 4
	}
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() {
			_, errs[i] = localcluster.Up(context.Background(), localcluster.UpOptions{
				Home: home, Name: fmt.Sprintf("e%d", i), Wait: patience, Program: "zkctl", Progress: func(string) {},
			})
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for i := range n {
			if _, err := localcluster.Down(context.Background(), home, fmt.Sprintf("e%d", i), true, false); err != nil {
				t.Error(err)
			}
		}
	})
	for i, err := range errs {
		if err != nil {
			t.Fatalf("e%d: %v", i, err)
		}
	}
	connects := map[string]string{}
	for i := range n {
		list, err := localcluster.List(t.Context(), home)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != n-i {
			t.Fatalf("%d ensembles are left, not %d", len(list), n-i)
		}
		for _, s := range list {
			if s.State != localcluster.StateRunning || s.Health == nil || *s.Health != probe.HealthHealthy || s.Members != 3 {
				t.Errorf("after %d were removed: %+v", i, s)
			}
			for _, address := range strings.Split(s.Connect, ",") {
				if other := connects[address]; other != "" && other != s.Name {
					t.Errorf("%s and %s share %s", other, s.Name, address)
				}
				connects[address] = s.Name
			}
		}
		if _, err := localcluster.Down(t.Context(), home, list[0].Name, true, false); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(string(home.Folder(list[0].Name))); !os.IsNotExist(err) {
			t.Errorf("%s was removed, and its folder is still there", list[0].Name)
		}
	}
}

// Several `up`s of one name at once make one ensemble, and all of them succeed.
func TestUpAtOnce(t *testing.T) {
	long(t)
	home := localcluster.Home(t.TempDir())
	e := startIn(t, home, "test", localcluster.Request{})
	if _, err := localcluster.Down(e.ctx, home, "test", true, false); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	results, errs := make([]localcluster.UpResult, 3), make([]error, 3)
	for i := range results {
		all.Go(func() {
			results[i], errs[i] = localcluster.Up(e.ctx, localcluster.UpOptions{
				Home: home, Name: "test", Wait: patience, Program: "zkctl", Progress: func(string) {},
			})
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
		for j, m := range results[i].Status.Members {
			if m.PID != results[0].Status.Members[j].PID || m.PID == 0 {
				t.Errorf("two ups saw different processes of member %d: %d and %d", m.ID, m.PID, results[0].Status.Members[j].PID)
			}
		}
	}
}

// A supervisor answers nobody before it has started every member: who saw them down would start
// them once more, two processes on the same data.
func TestNobodySeesAMemberBeforeItsStart(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	times := 5
	if testing.Short() {
		times = 1
	}
	for range times {
		if _, err := localcluster.Down(e.ctx, e.home, "test", false, false); err != nil {
			t.Fatal(err)
		}
		seen := make(chan localcluster.Status)
		go func() {
			defer close(seen)
			for e.ctx.Err() == nil {
				client, err := localcluster.Dial(e.folder)
				if err != nil {
					continue // not yet
				}
				if status, err := client.Status(e.ctx); err == nil {
					seen <- status
					return
				}
			}
		}()
		e.up(localcluster.Request{})
		for _, m := range (<-seen).Members {
			if m.PID == 0 {
				t.Errorf("member %d was seen before its start", m.ID)
			}
		}
	}
}

// A second up starts what is down, and changes nothing that runs.
func TestUpOfARunningEnsemble(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	before := e.wait("healthy")
	result := e.up(localcluster.Request{Nodes: 3})
	if !result.Already || len(result.Started) != 0 {
		t.Errorf("already %v, started %v", result.Already, result.Started)
	}
	for i, m := range result.Status.Members {
		if m.PID != before.Members[i].PID {
			t.Errorf("member %d was restarted", m.ID)
		}
	}
	killed := e.act("kill", "leader")
	if result = e.up(localcluster.Request{}); !slices.Equal(result.Started, killed) {
		t.Errorf("started %v, not %v", result.Started, killed)
	}
	for _, r := range []localcluster.Request{{Nodes: 5}, {Settings: []string{"tickTime=100"}}} {
		_, err := localcluster.Up(e.ctx, localcluster.UpOptions{
			Home: e.home, Name: "test", Request: r, Wait: patience, Program: "zkctl", Progress: func(string) {},
		})
		if localcluster.CodeOf(err) != localcluster.CodeUsage {
			t.Errorf("up with %+v: %v", r, err)
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
	// What a crash leaves in the data directory is put right, too.
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

// A lease ends by itself: the supervisor heals, whatever has become of whoever asked.
func TestLeases(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	killed, err := e.Act(e.ctx, localcluster.ActRequest{Verb: "kill", Selector: "leader", Lease: 0.3})
	if err != nil || killed.Fault == nil {
		t.Fatalf("%+v, %v", killed, err)
	}
	fault := killed.Fault
	report, err := e.Partition(e.ctx, localcluster.PartitionRequest{Partition: inject.Partition{Groups: "1"}, Lease: 0.4})
	if err != nil {
		t.Fatal(err)
	}
	if fault.Until == nil || !fault.Until.Equal(fault.Since.Add(300*time.Millisecond)) {
		t.Errorf("%+v", fault)
	}
	if report.Fault.Until == nil || len(report.Fault.Links) != 8 {
		t.Errorf("%+v", report.Fault)
	}
	for {
		faults, err := e.Faults(e.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(faults.Faults) == 0 {
			break
		}
	}
	e.wait("healthy")
	events, err := localcluster.ReadEvents(e.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{fault.ID, report.Fault.ID} {
		var kinds []string
		for _, ev := range events {
			if ev.Fault != nil && ev.Fault.ID == id {
				kinds = append(kinds, string(ev.Kind)+": "+ev.Why)
			}
		}
		if len(kinds) != 2 || !strings.HasPrefix(kinds[0], "fault: ") || kinds[1] != "heal: its time is up" {
			t.Errorf("fault %s in the timeline: %q", id, kinds)
		}
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
		t.Errorf("nobody injected this: %+v, %v", faults, err)
	}
	e.heal()
	e.wait("healthy")
}

// Times ascend strictly in a timeline, and it tells a kill in order: who asked, what ended, what began.
func TestTimeline(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	e.wait("healthy")
	victim := e.act("kill", "leader")[0]
	e.wait("leader")
	e.act("start", fmt.Sprint(victim))
	e.wait("healthy")
	if _, err := localcluster.Down(e.ctx, e.home, "test", false, false); err != nil {
		t.Fatal(err)
	}
	events, err := localcluster.ReadEvents(e.folder)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for i, ev := range events {
		if i > 0 && !ev.Time.After(events[i-1].Time) {
			t.Errorf("event %d is not later than the one before", i)
		}
		if ev.Member == victim || ev.Member == 0 && ev.Kind != localcluster.EventHeal {
			word := string(ev.Kind)
			if ev.Kind == localcluster.EventExited {
				word += " " + ev.Signal
			}
			if ev.Kind != localcluster.EventRole && ev.Kind != localcluster.EventElection {
				told = append(told, word)
			}
		}
	}
	want := []string{"up", "started", "fault", "exited KILL", "started", "exited ", "down"}
	if !slices.Equal(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
}

// Every election is in the timeline, also those that begin and end between two looks at the members: with
// this tick the supervisor looks once a second, and an election among three takes a fraction of that.
func TestEveryElectionIsInTheTimeline(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Tick: time.Second})
	for range 3 {
		e.act("restart", "leader")
		e.wait("healthy")
	}
	last := e.wait("healthy").Epoch
	if last < 4 {
		t.Fatalf("three restarts of the leader led to epoch %d", last)
	}
	for {
		var epochs []int64
		events, err := localcluster.ReadEvents(e.folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if ev.Kind == localcluster.EventElection {
				epochs = append(epochs, ev.Epoch)
			}
		}
		want := make([]int64, last)
		for i := range want {
			want[i] = int64(i) + 1
		}
		if slices.Equal(epochs, want) {
			return
		}
		if len(epochs) >= len(want) || e.ctx.Err() != nil {
			t.Fatalf("the timeline has the epochs %v, of %d", epochs, last)
		}
	}
}

// A home whose path is longer than the address of a unix socket may be works like any other, and its
// socket, which has to be elsewhere, goes with it.
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
