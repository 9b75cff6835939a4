package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"

	"zkctl/probe/peers"
)

// The tests of this file run widely used clients, each against an ensemble of three.

func TestKazoo(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's, which has Debian's kazoo
	peers.Need(t, "python3-kazoo", exec.Command(python, "-c", "import kazoo").Run())
	e := up(t)
	out, errs, code := e.exec(python, "testdata/kazoo_recipes.py", strings.Join(e.hosts(), ","))
	if code != 0 {
		t.Fatalf("kazoo: exit %d\n%s%s", code, out, errs)
	}
	for _, recipe := range []string{"lock", "election", "queue", "watches", "transaction", "nodes", "session"} {
		if !strings.Contains(out, recipe+" ok\n") {
			t.Errorf("kazoo did not finish %s:\n%s%s", recipe, out, errs)
		}
	}
}

func TestCClient(t *testing.T) {
	cli := peers.File(t, "zookeeper-bin", "/usr/lib/zookeeper/bin/cli_mt")
	e := up(t)
	hosts := e.hosts()
	// Each command is a process of its own, as in a script, and asks another server.
	for i, step := range []struct{ command, want string }{
		{"create /c", "rc = 0"}, // its "create" takes no data
		{"sync /c", "rc = 0"},
		{"create +s /c/n-", "rc = 0"},
		{"create +e /c/gone", "rc = 0"},
		{"set /c changed", "rc = 0"},
		{"sync /c", "rc = 0"},
		{"get /c", "changed"},
		{"ls /c", "n-0000000000"},
		{"delete /missing", "rc = -101"},
		{"delete /c", "rc = -111"}, // "exists" does not return in its batch mode, whatever the server
	} {
		out, errs, _ := e.exec(cli, "-h", hosts[i%len(hosts)], "-c", step.command)
		if !strings.Contains(strings.ReplaceAll(out+errs, "\t", " "), step.want) {
			t.Errorf("cli_mt %q: no %q in\n%s%s", step.command, step.want, out, errs)
		}
	}
}

// quiet silences go-zookeeper's own log.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

func dialGo(t testing.TB, hosts ...string) (*zk.Conn, <-chan zk.Event) {
	t.Helper()
	c, events, err := zk.Connect(hosts, patience/9, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, events
}

func TestGoClient(t *testing.T) {
	e := up(t)
	c, _ := dialGo(t, e.hosts()...)
	acl := zk.WorldACL(zk.PermAll)

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Create("/go", []byte("1"), 0, acl)
	must(err)
	_, err = c.Create("/go", nil, 0, acl)
	if !errors.Is(err, zk.ErrNodeExists) {
		t.Errorf("second create: %v", err)
	}
	_, _, changed, err := c.GetW("/go")
	must(err)
	_, _, children, err := c.ChildrenW("/go")
	must(err)
	_, _, created, err := c.ExistsW("/go/later")
	must(err)
	_, err = c.Set("/go", []byte("2"), 0)
	must(err)
	if ev := <-changed; ev.Type != zk.EventNodeDataChanged || ev.Path != "/go" {
		t.Errorf("data watch: %+v", ev)
	}
	_, err = c.Create("/go/later", nil, zk.FlagEphemeral, acl)
	must(err)
	if ev := <-created; ev.Type != zk.EventNodeCreated || ev.Path != "/go/later" {
		t.Errorf("exists watch: %+v", ev)
	}
	if ev := <-children; ev.Type != zk.EventNodeChildrenChanged || ev.Path != "/go" {
		t.Errorf("child watch: %+v", ev)
	}
	if _, err = c.Set("/go", nil, 0); !errors.Is(err, zk.ErrBadVersion) {
		t.Errorf("set with an old version: %v", err)
	}
	for i := range 3 {
		name, err := c.CreateProtectedEphemeralSequential("/go/n-", nil, acl)
		must(err)
		if !strings.HasSuffix(name, fmt.Sprintf("n-%010d", i+1)) { // /go/later was the first child
			t.Errorf("sequence node %d is %s", i, path.Base(name))
		}
	}
	results, err := c.Multi(
		&zk.CheckVersionRequest{Path: "/go", Version: 1},
		&zk.CreateRequest{Path: "/go/m", Data: []byte("m"), Acl: acl},
		&zk.SetDataRequest{Path: "/go", Data: []byte("3"), Version: 1},
	)
	must(err)
	if len(results) != 3 || results[2].Stat.Version != 2 {
		t.Errorf("multi: %+v", results)
	}
	if _, err = c.Multi(&zk.DeleteRequest{Path: "/go/m", Version: -1}, &zk.DeleteRequest{Path: "/nowhere", Version: -1}); err == nil {
		t.Error("a multi with a failing part succeeded")
	}
	if ok, _, err := c.Exists("/go/m"); err != nil || !ok {
		t.Errorf("a failed multi took effect: %v %v", ok, err)
	}
	must(c.AddAuth("digest", []byte("user:secret")))
	_, err = c.Create("/go/private", []byte("p"), 0, zk.DigestACL(zk.PermAll, "user", "secret"))
	must(err)
	stranger, _ := dialGo(t, e.hosts()...)
	if _, _, err = stranger.Get("/go/private"); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("a stranger reads a private node: %v", err)
	}
	lock := zk.NewLock(c, "/go/lock", acl)
	must(lock.Lock())
	must(lock.Unlock())
	_, err = stranger.Sync("/go")
	must(err)
	if data, stat, err := stranger.Get("/go"); err != nil || string(data) != "3" || stat.Version != 2 {
		t.Errorf("the other session reads %q, %+v, %v", data, stat, err)
	}
}

// TestSessionOutlivesItsServer: a session moves to another member with its
// ephemeral nodes and its watches when the member that served it is killed.
func TestSessionOutlivesItsServer(t *testing.T) {
	e := up(t)
	c, events := dialGo(t, e.hosts()...)
	if _, err := c.Create("/mine", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	_, _, gone, err := c.ExistsW("/mine")
	if err != nil {
		t.Fatal(err)
	}
	before, server := c.SessionID(), c.Server()
	victim := int64(0)
	for _, m := range e.status().Members {
		if m.Client == server {
			victim = m.ID
		}
	}
	e.zkctl("kill", fmt.Sprint(victim))
	for ev := range events {
		if ev.State == zk.StateExpired {
			t.Fatal("the session expired")
		}
		if ev.State == zk.StateHasSession && c.Server() != server {
			break
		}
	}
	if c.SessionID() != before {
		t.Errorf("session %x became %x", before, c.SessionID())
	}
	other, _ := dialGo(t, c.Server())
	e.eventually("the ephemeral node is deleted by another client", func() error {
		err := other.Delete("/mine", 0)
		if errors.Is(err, zk.ErrNoNode) {
			t.Fatal("the ephemeral node did not survive the move")
		}
		return err
	})
	if ev := <-gone; ev.Type != zk.EventNodeDeleted {
		t.Errorf("the watch that moved along saw %+v", ev)
	}
}
