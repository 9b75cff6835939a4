//go:build unix

package localcluster_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster"
	"zkctl/probe"
)

// Members do to their disks what they are told, also when they are started again, until they are told otherwise.
func TestDiskFaults(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	e.wait("healthy")
	s := e.session(e.leader())
	e.create(s, "/kept", "1")

	// While two of three disks are stuck no write is acknowledged, and those under way are when they go on.
	fault := e.inject("disk all --stuck").Fault
	written := make(chan error, 1)
	go func() {
		_, _, err := s.Create(e.ctx, "/late", nil, 0)
		written <- err
	}()
	if _, _, _, err := s.Get(e.ctx, "/kept"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-written:
		t.Errorf("a write is acknowledged while no disk is synced: %v", err)
	default:
	}
	if _, err := e.Heal(e.ctx, localcluster.HealRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("%s has ended: %v", fault.ID, err)
	}
	e.wait("healthy")

	// A full disk ends a member at its next write, and again after a start, for as long as the fault lasts.
	follower := fmt.Sprint(e.follower())
	e.inject("disk " + follower + " --full")
	e.create(s, "/more", "2")
	e.awaitRole(follower, probe.RoleDown)
	if m := e.member(e.id(follower)); !strings.Contains(m.Reason, "no space left") {
		t.Errorf("it ended because of %q", m.Reason)
	}
	_, _ = e.Act(e.ctx, localcluster.ActRequest{Verb: "start", Selector: follower}) // it may end before it answers
	e.awaitRole(follower, probe.RoleDown)
	e.heal()
	e.wait("healthy")
	if tree := e.sameTrees(); !strings.Contains(tree, "/more ") || !strings.Contains(tree, "/late ") {
		t.Errorf("lost: %s", tree)
	}

	// One sync fails, and the member starts again with what it had acknowledged.
	e.inject("disk " + follower + " --error EIO --for 1h")
	e.create(s, "/again", "3")
	e.awaitRole(follower, probe.RoleDown)
	e.heal()
	e.wait("healthy")
	if tree := e.sameTrees(); !strings.Contains(tree, "/again ") {
		t.Errorf("lost: %s", tree)
	}
	if faults, err := e.Faults(e.ctx); err != nil || len(faults.Faults) != 0 {
		t.Errorf("%+v, %v", faults, err)
	}
}

// A member that is paused obeys when it goes on, and a fault whose time is up ends by itself.
func TestDiskFaultOfPausedMember(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Nodes: 1})
	e.wait("healthy")
	e.act("pause", "1")
	e.inject("disk 1 --fsync-latency 1ms --for 100ms")
	e.act("resume", "1")
	for {
		faults, err := e.Faults(e.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(faults.Faults) == 0 {
			break
		}
	}
	e.create(e.session(e.member(1)), "/kept", "1")
}

// What processes cannot do is refused with the reason.
func TestDiskRefusals(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Nodes: 1})
	for line, says := range map[string]string{
		"disk 1 --power-fails":           "only a simulation loses power",
		"disk 1 --bit-flip":              "reads its files when it starts",
		"disk 1 --error EIO --lose some": "forgets nothing",
		"disk 2 --full":                  "there is no member 2",
	} {
		if _, err := e.Inject(context.Background(), localcluster.InjectRequest{Line: line}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", line, err, says)
		}
	}
}

// follower is a member that does not lead.
func (e *ensemble) follower() int64 {
	e.Helper()
	status := e.wait("healthy")
	for _, m := range status.Members {
		if m.ID != *status.Leader {
			return m.ID
		}
	}
	e.Fatal("every member leads")
	return 0
}

func (e *ensemble) id(text string) (id int64) {
	e.Helper()
	if _, err := fmt.Sscan(text, &id); err != nil {
		e.Fatal(err)
	}
	return id
}

// awaitRole asks until a member has a role.
func (e *ensemble) awaitRole(member string, role probe.Role) {
	e.Helper()
	deadline := time.Now().Add(patience)
	for e.member(e.id(member)).Role != role.String() {
		if time.Now().After(deadline) {
			e.Fatalf("member %s is not %s", member, role)
		}
	}
}
