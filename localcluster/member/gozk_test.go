package member

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// quiet keeps the library's log out of the tests' output.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// zkConnect connects with the client library that Go programs use.
func zkConnect(t *testing.T, addrs ...string) (*zk.Conn, <-chan zk.Event) {
	t.Helper()
	c, events, err := zk.Connect(addrs, 10*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	awaitEvent(t, events, func(e zk.Event) bool { return e.State == zk.StateHasSession })
	return c, events
}

func awaitEvent(t *testing.T, events <-chan zk.Event, good func(zk.Event) bool) zk.Event {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-events:
			if good(e) {
				return e
			}
		case <-timeout:
			t.Fatal("the event did not come")
		}
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (e *ensemble) addrs() (all []string) {
	for id := int64(1); id <= int64(len(e.members)); id++ {
		all = append(all, e.members[id].addr)
	}
	return all
}

func TestGoZookeeper(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	c, _ := zkConnect(t, e.addrs()...)
	acl := zk.WorldACL(zk.PermAll)

	must(c.Create("/a", []byte("1"), 0, acl))(t)
	if _, err := c.Create("/a", nil, 0, acl); !errors.Is(err, zk.ErrNodeExists) {
		t.Errorf("create again: %v", err)
	}
	stat := must(c.Set("/a", []byte("2"), 0))(t)
	if _, err := c.Set("/a", nil, 0); !errors.Is(err, zk.ErrBadVersion) {
		t.Errorf("set with an old version: %v", err)
	}
	data, got, err := c.Get("/a")
	if err != nil || string(data) != "2" || *got != *stat {
		t.Errorf("get: %q %+v %v, want the stat of set, %+v", data, got, err, stat)
	}
	if path := must(c.Create("/a/s-", nil, zk.FlagSequence|zk.FlagEphemeral, acl))(t); path != "/a/s-0000000000" {
		t.Errorf("sequential node: %s", path)
	}
	children, _, err := c.Children("/a")
	if err != nil || !slices.Equal(children, []string{"s-0000000000"}) {
		t.Errorf("children: %q %v", children, err)
	}
	if err := c.Delete("/a", -1); !errors.Is(err, zk.ErrNotEmpty) {
		t.Errorf("delete: %v", err)
	}
	if exists, _, err := c.Exists("/no"); exists || err != nil {
		t.Errorf("exists: %v %v", exists, err)
	}
	results, err := c.Multi(
		&zk.CreateRequest{Path: "/m", Acl: acl},
		&zk.SetDataRequest{Path: "/m", Data: []byte("x"), Version: 0},
		&zk.CheckVersionRequest{Path: "/m", Version: 1},
		&zk.DeleteRequest{Path: "/m", Version: 1},
	)
	if err != nil || len(results) != 4 {
		t.Errorf("multi: %+v %v", results, err)
	}
	must(c.Sync("/a"))(t)
	if err := c.AddAuth("digest", []byte("u:p")); err != nil {
		t.Error(err)
	}
	must(c.Create("/auth", nil, 0, zk.AuthACL(zk.PermAll)))(t)
	acls, _, err := c.GetACL("/auth")
	if err != nil || len(acls) != 1 || acls[0].Scheme != "digest" {
		t.Errorf("ACL: %+v %v", acls, err)
	}
	if _, err := c.SetACL("/auth", acl, 0); err != nil {
		t.Error(err)
	}
	if _, err := c.IncrementalReconfig(nil, nil, -1); err == nil {
		t.Error("reconfig was accepted")
	}
	config, _, err := c.Get("/zookeeper/config")
	if err != nil || string(config) != e.members[1].cfg.Ensemble.Text() {
		t.Errorf("config: %q %v", config, err)
	}
}

func TestGoZookeeperWatches(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	c, _ := zkConnect(t, e.members[1].addr)
	writer, _ := zkConnect(t, e.members[2].addr)
	acl := zk.WorldACL(zk.PermAll)
	_, _, created, err := c.ExistsW("/w")
	if err != nil {
		t.Fatal(err)
	}
	must(writer.Create("/w", nil, 0, acl))(t)
	if ev := <-created; ev.Type != zk.EventNodeCreated || ev.Path != "/w" {
		t.Errorf("%+v", ev)
	}
	_, _, changed, err := c.GetW("/w")
	if err != nil {
		t.Fatal(err)
	}
	_, _, children, err := c.ChildrenW("/w")
	if err != nil {
		t.Fatal(err)
	}
	must(writer.Set("/w", nil, -1))(t)
	must(writer.Create("/w/c", nil, 0, acl))(t)
	if ev := <-changed; ev.Type != zk.EventNodeDataChanged {
		t.Errorf("%+v", ev)
	}
	if ev := <-children; ev.Type != zk.EventNodeChildrenChanged {
		t.Errorf("%+v", ev)
	}
}

func TestGoZookeeperLock(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	var wg sync.WaitGroup
	holders, entries := 0, 0
	for i := range 4 {
		c, _ := zkConnect(t, e.members[int64(i%3)+1].addr)
		wg.Go(func() {
			for range 5 {
				lock := zk.NewLock(c, "/lock", zk.WorldACL(zk.PermAll))
				if err := lock.Lock(); err != nil {
					t.Error(err)
					return
				}
				// Not atomic on purpose: the lock is what guards them, and the
				// race detector watches.
				holders++
				if holders != 1 {
					t.Errorf("%d hold the lock", holders)
				}
				entries++
				holders--
				if err := lock.Unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if entries != 20 {
		t.Errorf("%d entries, want 20", entries)
	}
}

// The library moves a session, with its ephemeral nodes and watches, to another
// server when the one it is connected to goes away.
func TestGoZookeeperMovesToAnotherServer(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	c, events := zkConnect(t, e.addrs()...)
	session := c.SessionID()
	must(c.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)))(t)
	_, _, watch, err := c.GetW("/e")
	if err != nil {
		t.Fatal(err)
	}
	for id, m := range e.members {
		if m.addr != c.Server() {
			continue
		}
		m.stop()
		awaitEvent(t, events, func(e zk.Event) bool { return e.State == zk.StateDisconnected })
		awaitEvent(t, events, func(e zk.Event) bool { return e.State == zk.StateHasSession })
		delete(e.members, id)
		break
	}
	if c.SessionID() != session {
		t.Errorf("session 0x%x became 0x%x", session, c.SessionID())
	}
	// Another client writes: a request of its own could overtake the library's
	// setWatches, which would then name the zxid of its reply, and miss the very change
	// (a data race in go-zookeeper's lastZxid).
	other, _ := zkConnect(t, c.Server())
	must(other.Set("/e", []byte("here"), 0))(t)
	if ev := <-watch; ev.Type != zk.EventNodeDataChanged || ev.Err != nil {
		t.Errorf("the watch did not survive the move: %+v", ev)
	}
}
