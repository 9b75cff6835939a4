//go:build unix

package localcluster_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"zkctl/localcluster"
	"zkctl/probe"
)

// Ten ensembles start at once: no two share a port, and each down removes only its own.
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

// A supervisor answers no request before it has started every member: an up that saw them down would start
// them once more, two processes on the same data.
func TestNoAnswerBeforeTheMembersAreStarted(t *testing.T) {
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
