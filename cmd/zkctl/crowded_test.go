package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"zkctl/localcluster"
	"zkctl/probe/peers"
)

// crowd takes every connection that a server grants one address (maxClientCnxns), and keeps them idle.
func crowd(t *testing.T, addr string) {
	t.Helper()
	// A question of the supervisor's may hold one of them for an instant, so one refusal is not enough.
	for refused, idle := 0, 0; refused < 20; {
		conn, err := net.Dial("tcp", addr)
		if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err = conn.Read(make([]byte, 1))
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			conn.Close()
			refused++
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Cleanup(func() { conn.Close() })
			if idle++; idle > 1000 {
				t.Fatal("it grants any number of connections")
			}
		default:
			t.Fatalf("an idle connection: %v", err)
		}
	}
}

// rolesSeen are the role events of the timeline.
func (e *ensemble) rolesSeen() (roles []string) {
	e.Helper()
	for line := range strings.Lines(e.zkctl("events")) {
		var ev struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			e.Fatal(err)
		}
		if ev.Kind == "role" {
			roles = append(roles, line)
		}
	}
	return roles
}

// settled is the status of an ensemble of three, when the timeline has the role of each.
func (e *ensemble) settled() (now status, roles []string) {
	e.Helper()
	e.eventually("the timeline has the roles", func() error {
		if roles = e.rolesSeen(); len(roles) < 3 {
			return fmt.Errorf("%v", roles)
		}
		return nil
	})
	return e.status(), roles
}

// TestCrowdedMembers takes all connections that the members grant this machine: the supervisor asks embedded
// members over a way of its own, so it sees what it saw before, and records no change.
func TestCrowdedMembers(t *testing.T) {
	e := up(t)
	before, roles := e.settled()
	for _, addr := range e.hosts() {
		crowd(t, addr)
	}
	for range 5 { // more than one round of the supervisor's questions
		after := e.status()
		if after.Health != "healthy" || after.Leader == nil || *after.Leader != *before.Leader || after.Epoch != before.Epoch {
			out, _, code := e.run("status")
			t.Fatalf("status: exit %d\n%s", code, out)
		}
	}
	e.wait("leader")
	e.wait("healthy")
	if now := e.rolesSeen(); len(now) != len(roles) {
		t.Errorf("the roles have changed:\n%s", strings.Join(now[len(roles):], ""))
	}
}

// TestCrowdedApacheMembers is the same with servers that refuse the supervisor's questions, too: status says
// who could not be asked and why, claims no loss of a leader, and the timeline records none.
func TestCrowdedApacheMembers(t *testing.T) {
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	e := up(t, "--engine", "apache")
	before, roles := e.settled()
	lead := before.Members[*before.Leader-1]

	// The followers follow, so the one that could not be asked leads.
	crowd(t, lead.Client)
	e.expect("status", answer{3, `degraded(.|\n)*could not be asked: (.|\n)*maxClientCnxns`})
	if now := e.status(); now.Leader == nil || *now.Leader != *before.Leader || now.Members[lead.ID-1].Reason != "closed" {
		t.Errorf("the leader is crowded: %+v", now)
	}
	e.wait("leader")
	e.wait("quorum")
	e.expect("wait --for no-quorum --timeout 1s", answer{5, "timed out"})

	// No member can be asked: nothing is known.
	for _, m := range before.Members {
		if m.ID != lead.ID {
			crowd(t, m.Client)
		}
	}
	e.expect("status", answer{4, `unknown(.|\n)*could not be asked: `})
	e.expect("wait --for no-quorum --timeout 1s", answer{5, "is unknown; timed out"})
	for _, m := range e.status().Members {
		if m.Role != "unasked" || m.Reason != "closed" {
			t.Errorf("member %d is %s, %s", m.ID, m.Role, m.Reason)
		}
	}
	if now := e.rolesSeen(); len(now) != len(roles) {
		t.Errorf("the roles have changed:\n%s", strings.Join(now[len(roles):], ""))
	}
}
