package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-zookeeper/zk"
)

// TestClientOfDeletedData has a client that outlives its ensemble: a new one, at the same addresses, has
// a shorter history than the client has seen, refuses it, and its status says so.
func TestClientOfDeletedData(t *testing.T) {
	e := up(t)
	hosts := e.hosts()
	base := strings.TrimPrefix(hosts[0], "127.0.0.1:")
	c, _ := dialGo(t, hosts...)
	for i := range 20 {
		if _, err := c.Create(fmt.Sprintf("/n%d", i), nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	const reason = "1 client is refused again and again: it has seen later transactions than these servers hold"
	if out := e.zkctl("status"); strings.Contains(out, "refused") {
		t.Errorf("a client is served, and the status says\n%s", out)
	}
	e.zkctl("down", "--purge")
	e.up("--base-port", base)
	e.eventually("the status says that the client is refused", func() error {
		out, _, code := e.run("status")
		if !strings.Contains(strings.Join(strings.Fields(out), " "), reason) {
			return fmt.Errorf("exit %d\n%s", code, out)
		}
		return nil
	})
	out := e.zkctl("status", "-o", "json") // the ensemble is healthy all the same
	if !strings.Contains(out, `"clients_ahead": 1`) || !strings.Contains(out, `"code": "clients-ahead"`) {
		t.Errorf("%s", out)
	}
}

// TestDownsAtOnce deletes an ensemble three times at once: each finds it gone in the end, which is what was asked for.
func TestDownsAtOnce(t *testing.T) {
	for range 5 {
		e := up(t, "--nodes", "1")
		var all sync.WaitGroup
		for _, command := range []string{"down --purge", "down", "down --purge", "down --purge"} {
			all.Go(func() { e.expect(command, answer{0, ""}) })
		}
		all.Wait()
		if left := e.glob("default"); len(left) != 0 {
			t.Errorf("%v is left", left)
		}
	}
}
