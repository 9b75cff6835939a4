//go:build unix

package localcluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster"
)

// A lease ends by itself: the supervisor heals the fault, also when the command that asked for it has ended.
func TestLeases(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	killed, err := e.Act(e.ctx, localcluster.ActRequest{Verb: "kill", Selector: "leader", Lease: 0.3})
	if err != nil || killed.Fault == nil {
		t.Fatalf("%+v, %v", killed, err)
	}
	fault := killed.Fault
	report := e.inject("partition 1 --for 400ms")
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

// Times ascend strictly in a timeline, and the events of a kill are in order: the fault, the exit, the start.
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
		if ev.Mono != 0 {
			continue // reported by the member
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

// Every election is in the timeline, also those that begin and end between two polls of the members: with
// this tick the supervisor polls once a second, and an election among three takes a fraction of that.
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

// Embedded members report what happens to them at the moment at which it happens: an election is in the timeline step by
// step, in the order of the machine's clock, although the supervisor asks only once a second here.
func TestMembersReport(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Tick: time.Second})
	leader := e.leader().ID
	e.act("kill", "leader")
	e.wait("leader")
	events, err := localcluster.ReadEvents(e.folder)
	if err != nil {
		t.Fatal(err)
	}
	killed := slices.IndexFunc(events, func(ev localcluster.Event) bool { return ev.Kind == localcluster.EventFault })
	var looking, elected, established localcluster.Event
	for _, ev := range events[killed:] {
		switch {
		case ev.Kind == "election-started" && looking.Mono == 0:
			looking = ev
		case ev.Kind == "leader-elected" && ev.Peer == ev.Member && elected.Mono == 0:
			elected = ev
		case ev.Kind == localcluster.EventElection:
			established = ev
		}
	}
	if looking.Mono == 0 || elected.Mono < looking.Mono || established.Mono < elected.Mono || established.Sampled != 0 {
		t.Errorf("looking %+v, elected %+v, established %+v", looking, elected, established)
	}
	if established.Member != elected.Member || established.Member == leader || established.Epoch != 2 {
		t.Errorf("member %d led; elected %+v, established %+v", leader, elected, established)
	}
	var roles []string
	for _, ev := range events[killed:] {
		if ev.Kind == localcluster.EventRole && ev.Member == elected.Member {
			if ev.Mono == 0 || ev.Sampled != 0 {
				t.Errorf("%+v was found by asking", ev)
			}
			roles = append(roles, ev.From+">"+ev.To)
		}
	}
	if want := []string{"follower>looking", "looking>leader"}; !slices.Equal(roles, want) {
		t.Errorf("roles of member %d: %q, want %q", elected.Member, roles, want)
	}
}
