package member

import (
	"fmt"
	"testing"

	"zkctl/probe/wire"
)

func TestWatchesFireOnceAndInOrder(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c, writer := connectRaw(t, m.addr), connectRaw(t, other.addr)
		c.create("/w", "")
		set := func(op wire.OpCode, path string) {
			c.call(op, &wire.PathWatchRequest{Path: path, Watch: true}, nil)
		}
		set(wire.OpGetData, "/w")
		set(wire.OpGetChildren, "/w")
		set(wire.OpExists, "/w/new") // is not there: waits for its creation
		writer.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/w", Version: -1}, nil)
		c.wantEvent(wire.EventDataChanged, "/w")
		writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/w", Version: -1}, nil) // no watch is left
		writer.create("/w/new", "")
		c.wantEvent(wire.EventCreated, "/w/new")
		c.wantEvent(wire.EventChildrenChanged, "/w")

		set(wire.OpGetData, "/w/new")
		set(wire.OpGetChildren2, "/w/new")
		set(wire.OpGetChildren2, "/w")
		writer.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/w/new", Version: -1}, nil)
		c.wantEvent(wire.EventDeleted, "/w/new") // once, though it was watched twice
		c.wantEvent(wire.EventChildrenChanged, "/w")

		set(wire.OpGetData, "/w")
		c.close() // its watches end with it
		writer.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/w", Version: -1}, nil)
	})
}

// A client must hear of a change before it can see it by reading.
func TestEventsComeBeforeRepliesThatShowTheirEffect(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c, writer := connectRaw(t, m.addr), connectRaw(t, other.addr)
		c.create("/w", "0")
		writer.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		value, armed, events := "0", false, 0
		for i := 1; i <= 100; i++ {
			next := fmt.Sprint(i)
			pending := writer.start(wire.OpSetData, &wire.SetDataRequest{Path: "/w", Data: []byte(next), Version: -1})
			for value != next {
				var got wire.DataResponse
				c.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: "/w", Watch: true}, &got)
				changed := string(got.Data) != value
				heard := len(c.events) > 0
				if armed && changed && !heard {
					t.Fatalf("read %q after %q without an event in between", got.Data, value)
				}
				events += len(c.events)
				c.events, value, armed = nil, string(got.Data), true
			}
			writer.reply(pending)
		}
		if events == 0 {
			t.Error("no event at all")
		}
	})
}

func TestOwnWriteFiresOwnWatchBeforeTheReply(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/w", "")
		c.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: "/w", Watch: true}, nil)
		xid := c.start(wire.OpSetData, &wire.SetDataRequest{Path: "/w", Version: -1})
		if f := c.next(); f.Xid != wire.XidNotification || f.Zxid != -1 || f.Err != wire.OK {
			t.Errorf("%+v came first, want the event", f.ReplyHeader)
		}
		c.reply(xid)
	})
}

func TestSetWatchesAfterAMove(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c, writer := connectRaw(t, m.addr), connectRaw(t, other.addr)
		for _, path := range []string{"/changed", "/same", "/gone", "/parent"} {
			c.create(path, "")
		}
		seen := c.last
		c.close()
		writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/changed", Version: -1}, nil)
		writer.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/gone", Version: -1}, nil)
		writer.create("/born", "")
		writer.create("/parent/child", "")

		c = c.resume(other.addr)
		c.startAs(wire.XidSetWatches, wire.OpSetWatches, &wire.SetWatches{
			RelativeZxid: seen,
			Data:         []string{"/changed", "/same", "/gone"},
			Exist:        []string{"/born", "/unborn"},
			Child:        []string{"/parent", "/same"},
		})
		c.reply(wire.XidSetWatches) // behind the events
		for _, want := range []wire.WatcherEvent{
			{Type: wire.EventDataChanged, Path: "/changed"},
			{Type: wire.EventDeleted, Path: "/gone"},
			{Type: wire.EventCreated, Path: "/born"},
			{Type: wire.EventChildrenChanged, Path: "/parent"},
		} {
			if len(c.events) == 0 {
				t.Fatalf("the event %v of %s did not come before the reply", want.Type, want.Path)
			}
			c.wantEvent(want.Type, want.Path)
		}
		if len(c.events) > 0 {
			t.Errorf("too many events: %+v", c.events)
		}
		// The other watches are still set.
		writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/same", Version: -1}, nil)
		c.wantEvent(wire.EventDataChanged, "/same")
		writer.create("/same/child", "")
		c.wantEvent(wire.EventChildrenChanged, "/same")
		writer.create("/unborn", "")
		c.wantEvent(wire.EventCreated, "/unborn")
	})
}

func TestPersistentWatchesStay(t *testing.T) {
	m := standalone(t)
	c, writer := connectRaw(t, m.addr), connectRaw(t, m.addr)
	c.mustCall(wire.OpAddWatch, &wire.AddWatchRequest{Path: "/", Mode: wire.WatchPersistentRecursive}, nil)
	for range 3 {
		writer.create("/a", "")
		c.wantEvent(wire.EventCreated, "/a")
		writer.create("/a/b", "")
		c.wantEvent(wire.EventCreated, "/a/b")
		writer.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/a/b", Version: -1}, nil)
		c.wantEvent(wire.EventDeleted, "/a/b")
		writer.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/a", Version: -1}, nil)
		c.wantEvent(wire.EventDeleted, "/a")
	}
	c.mustCall(wire.OpCheckWatches, &wire.WatchRemoval{Path: "/", Type: wire.WatcherAny}, nil)
	c.mustCall(wire.OpRemoveWatches, &wire.WatchRemoval{Path: "/", Type: wire.WatcherAny}, nil)
	writer.create("/a", "")
	if c.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil); len(c.events) > 0 {
		t.Errorf("a removed watch fired: %+v", c.events)
	}
}

func TestEventsAreWithheldFromWhoMayNotRead(t *testing.T) {
	m := standalone(t)
	c, writer := connectRaw(t, m.addr), connectRaw(t, m.addr)
	if code := c.call(wire.OpExists, &wire.PathWatchRequest{Path: "/secret", Watch: true}, nil); code != wire.ErrNoNode {
		t.Fatal(code)
	}
	writer.mustCall(wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte("a:b")}, nil)
	writer.mustCall(wire.OpCreate, &wire.CreateRequest{Path: "/secret", ACL: []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "auth"}}}}, nil)
	if c.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil); len(c.events) > 0 {
		t.Errorf("told of a node that it may not read: %+v", c.events)
	}
}
