package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"zkctl/probe/wire"
)

// mostMemory is what a member may ever have had in this test, in KiB. The limits of
// docs/limits.md come to some 150 MiB here: 64 of answers and the last answer, 64 of
// transactions, and requests. Go keeps as much garbage beside it, and the program needs some
// 30. Before answers of a connection that had ended were refused, it was 1,690 MiB.
const mostMemory = 400 << 10

// TestGreedyClients lets clients ask the leader and a follower for gigabytes and read
// nothing. The members do not grow, the leader keeps leading, other clients keep
// writing, and the connections of the greedy clients end with their sessions.
func TestGreedyClients(t *testing.T) {
	// The greedy clients must not cause an election. syncLimit is four seconds, so that a busy
	// machine seldom causes one; see starved.
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
	multiRead := func(n int) []byte {
		r := &wire.MultiRequest{}
		for range n {
			r.Ops = append(r.Ops, wire.MultiOp{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: "/big"}})
		}
		return request(wire.OpMultiRead, r)
	}
	grow := request(wire.OpSetData, &wire.SetDataRequest{Path: "/big", Data: make([]byte, 1_000_000), Version: -1})
	asked := [][]byte{
		bytes.Repeat(get(wire.OpGetData, "/big"), 1024),
		bytes.Repeat(get(wire.OpGetChildren, "/wide"), 1024),
		bytes.Repeat(join(grow, bytes.Repeat(get(wire.OpGetData, "/big"), 100)), 10),
		bytes.Repeat(multiRead(15), 1024),
		bytes.Repeat(grow, 300),
	}
	// Most of a crowd waits for room, until those that have answers are closed, all at once.
	for range 30 {
		asked = append(asked, bytes.Repeat(multiRead(5), 200))
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

	after := e.status()
	stable := after.Leader != nil && *after.Leader == *before.Leader && after.Epoch == before.Epoch && after.Health == "healthy"
	for _, m := range after.Members {
		ran, waited := scheduled(t, m.PID)
		t.Logf("member %d has run for %v, and waited for a CPU for %v", m.ID, ran, waited)
		if !stable && waited > starved*ran {
			t.Skip("the machine has starved the member, which says nothing about greedy clients")
		}
	}
	if !stable {
		t.Errorf("leader %d of epoch %d became %v of epoch %d, %s", *before.Leader, before.Epoch, after.Leader, after.Epoch, after.Health)
	}
	for i, s := range scribes {
		if lost := s.end(); len(lost) > 0 {
			t.Errorf("the client of member %d: %+v", before.Members[i].ID, lost)
		}
		s.check(before.Members[i].Client)
		t.Logf("%d writes acknowledged by member %d", len(s.written), before.Members[i].ID)
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

// starved is how often its own CPU time the threads of a process may wait for a CPU before
// the machine counts as too busy for it. Greed does not reach it: then the process runs. Three
// members that keep two idle CPUs busy wait some three times as long as they run.
const starved = 10

// scheduled is how long the threads of a process have run, and how long they have waited for
// a CPU, by the kernel's count.
func scheduled(t *testing.T, pid int) (ran, waited time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		var r, w int64
		if _, err := fmt.Sscan(string(text), &r, &w); err != nil {
			t.Fatalf("%s says %q: %v", path, text, err)
		}
		ran += time.Duration(r)
		waited += time.Duration(w)
	}
	return ran.Round(time.Millisecond), waited.Round(time.Millisecond)
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
