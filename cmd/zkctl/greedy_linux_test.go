package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"

	"zkctl/probe/wire"
)

// mostMemory is the most memory that a member may use in this test, in KiB: the sum of
// the limits in docs/limits.md for so many clients, the garbage that Go keeps beside
// it, and what the program needs by itself. Without limits it is more than a gigabyte.
const mostMemory = 350 << 10

// TestGreedyClients lets clients ask the leader and a follower for gigabytes and read
// nothing. The members do not grow, the leader keeps leading, other clients keep
// writing, and the connections of the greedy clients end with their sessions.
func TestGreedyClients(t *testing.T) {
	// The greedy clients must not cause an election. syncLimit is long, so that a busy machine
	// causes none either.
	e := up(t, "--set", "syncLimit=20")
	before := e.status()
	logs := e.logs()
	scribes := e.scribes(before)
	owner, _ := dialGo(t, e.hosts()...)
	for _, big := range []string{"/big", "/wide"} {
		create(t, owner, big, bytes.Repeat([]byte("x"), 1_000_000))
	}
	for i := range 2000 {
		create(t, owner, fmt.Sprintf("/wide/%0200d", i), nil)
	}

	get := func(op wire.OpCode, path string) []byte {
		return request(op, &wire.PathWatchRequest{Path: path})
	}
	many := &wire.MultiRequest{}
	for range 15 {
		many.Ops = append(many.Ops, wire.MultiOp{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: "/big"}})
	}
	grow := request(wire.OpSetData, &wire.SetDataRequest{Path: "/big", Data: make([]byte, 1_000_000), Version: -1})
	asked := map[string][]byte{
		"getData":              bytes.Repeat(get(wire.OpGetData, "/big"), 1024),
		"getChildren":          bytes.Repeat(get(wire.OpGetChildren, "/wide"), 1024),
		"getData behind a set": bytes.Repeat(join(grow, bytes.Repeat(get(wire.OpGetData, "/big"), 100)), 10),
		"multiRead":            bytes.Repeat(request(wire.OpMultiRead, many), 1024),
		"setData":              bytes.Repeat(grow, 300),
	}
	for _, m := range before.Members {
		if m.ID != *before.Leader && m.ID != before.Members[0].ID {
			continue
		}
		var greedy []net.Conn
		for _, what := range asked {
			conn := say(t, m.Client, wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{Timeout: 4000, Password: make([]byte, 16)})))
			t.Cleanup(func() { conn.Close() })
			greedy = append(greedy, conn)
			go conn.Write(what)
		}
		for _, conn := range greedy {
			logs.await(m.ID, "client="+conn.LocalAddr().String(), "reason=") // it does not read, or its session has expired
		}
	}

	for i, s := range scribes {
		if lost := s.end(); len(lost) > 0 {
			t.Errorf("the client of member %d: %+v", before.Members[i].ID, lost)
		}
		s.check(before.Members[i].Client)
		t.Logf("%d writes acknowledged by member %d", len(s.written), before.Members[i].ID)
	}
	after := e.status()
	if *after.Leader != *before.Leader || after.Epoch != before.Epoch || after.Health != "healthy" {
		t.Errorf("leader %d of epoch %d became %v of epoch %d, %s", *before.Leader, before.Epoch, after.Leader, after.Epoch, after.Health)
	}
	for _, m := range after.Members {
		most := peakMemory(t, m.PID)
		t.Logf("member %d has had %d MiB", m.ID, most>>10)
		if most > mostMemory {
			t.Errorf("member %d has had %d MiB, more than %d", m.ID, most>>10, mostMemory>>10)
		}
	}
}

func create(t *testing.T, c *zk.Conn, path string, data []byte) {
	t.Helper()
	if _, err := c.Create(path, data, 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatalf("create %s: %v", path, err)
	}
}

// request is a framed request; its xid does not matter, because the client reads no answers.
func request(op wire.OpCode, body wire.Record) []byte {
	return wire.AppendFrame(nil, wire.AppendRecord(wire.Marshal(&wire.RequestHeader{Xid: 1, Op: op}), body))
}

// peakMemory is the most that a process has had in memory, in KiB.
func peakMemory(t *testing.T, pid int) (kib int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatalf("no VmHWM in %q: %v", text, err)
	}
	return kib
}
