package member

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"zkctl/probe/wire"
)

func TestConnectResponseMirrorsTheRequest(t *testing.T) {
	m := standalone(t)
	for _, test := range []struct {
		name string
		req  wire.ConnectRequest
		want int // bytes of the response
	}{
		{"with readOnly", wire.ConnectRequest{Timeout: 10000, HasReadOnly: true}, 37},
		{"as go-zookeeper", wire.ConnectRequest{Timeout: 10000, Password: wire.NoPassword()}, 36},
		{"empty password", wire.ConnectRequest{Timeout: 10000, Password: []byte{}, HasReadOnly: true, ReadOnly: true}, 37},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &rawClient{t: t, c: dial(t, m.addr)}
			r.send(wire.Marshal(&test.req))
			body, err := r.read()
			if err != nil {
				t.Fatal(err)
			}
			if len(body) != test.want {
				t.Errorf("%d bytes, want %d: %x", len(body), test.want, body)
			}
			if err := wire.Unmarshal(body, &r.response); err != nil {
				t.Fatal(err)
			}
			if want := wire.SessionPassword(r.response.SessionID); r.response.SessionID == 0 || !bytes.Equal(r.response.Password, want) {
				t.Errorf("session 0x%x with password %x, want %x", r.response.SessionID, r.response.Password, want)
			}
		})
	}
}

func TestTimeoutsAreClamped(t *testing.T) {
	m := standalone(t)
	for asked, want := range map[int32]int32{-5: 400, 0: 400, 399: 400, 10000: 10000, 3600000: 60000} {
		r := openRaw(t, m.addr, wire.ConnectRequest{Timeout: asked})
		if r.response.Timeout != want {
			t.Errorf("asked for %d ms: got %d, want %d", asked, r.response.Timeout, want)
		}
	}
}

func TestSessionIDsTellServersApart(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	seen := map[int64]bool{}
	for id, m := range e.members {
		for range 3 {
			session := connectRaw(t, m.addr).response.SessionID
			if got := int64(uint64(session) >> 56); got != id {
				t.Errorf("session 0x%x made by server %d names server %d", session, id, got)
			}
			if seen[session] {
				t.Errorf("session 0x%x twice", session)
			}
			seen[session] = true
		}
	}
}

func TestClosedSessionLosesItsEphemerals(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c, watcher := connectRaw(t, m.addr), connectRaw(t, other.addr)
		createEphemeral(c, "/e")
		watcher.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		watcher.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/e", Watch: true}, nil)
		c.mustCall(wire.OpCloseSession, nil, nil)
		c.awaitEnd()
		watcher.wantEvent(wire.EventDeleted, "/e")
	})
}

func TestSilentSessionExpires(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for sessions to expire")
	}
	eachRole(t, func(t *testing.T, m, other *running) {
		c := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 1, HasReadOnly: true})
		watcher := connectRaw(t, other.addr)
		createEphemeral(c, "/e")
		watcher.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		watcher.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/e", Watch: true}, nil)
		watcher.wantEvent(wire.EventDeleted, "/e") // it expires
		c.awaitEnd()                               // and the connection goes with the session
		again := c.resume(m.addr)
		if r := again.response; r.SessionID != 0 || r.Timeout != 0 || !bytes.Equal(r.Password, wire.NoPassword()) {
			t.Errorf("an expired session was answered %+v, want zeros", r)
		}
		again.awaitEnd()
	})
}

func TestPingsKeepASessionOfALearnerAlive(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for sessions to expire")
	}
	eachRole(t, func(t *testing.T, m, other *running) {
		c := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 1})
		quiet := openRaw(t, other.addr, wire.ConnectRequest{Timeout: 1})
		createEphemeral(c, "/alive")
		createEphemeral(quiet, "/quiet")
		c.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		c.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/quiet", Watch: true}, nil)
		// c pings until the other session, which has the same timeout, is over.
		for len(c.events) == 0 {
			c.startAs(wire.XidPing, wire.OpPing, nil)
			if f := c.reply(wire.XidPing); f.Err != wire.OK {
				t.Fatal(f.Err)
			}
		}
		c.wantEvent(wire.EventDeleted, "/quiet")
		if got := c.data("/alive"); got != "" {
			t.Errorf("data %q", got)
		}
	})
}

func TestSessionMovesToAnotherServer(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c := connectRaw(t, m.addr)
		createEphemeral(c, "/mine")
		c.close()
		moved := c.resume(other.addr)
		if moved.response.SessionID != c.response.SessionID || moved.response.Timeout != c.response.Timeout {
			t.Fatalf("resumed as %+v, was %+v", moved.response, c.response)
		}
		var stat wire.StatResponse
		moved.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/mine"}, &stat)
		if stat.Stat.EphemeralOwner != c.response.SessionID {
			t.Errorf("owner 0x%x, want 0x%x", stat.Stat.EphemeralOwner, c.response.SessionID)
		}
		moved.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/mine", Version: -1}, nil)
		moved.mustCall(wire.OpCloseSession, nil, nil)
	})
}

// A client that still has its former connection must not write through it:
// the session is at another server, and the connection ends without an answer.
func TestFormerServerRefusesAMovedSession(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	f := e.followers()
	pairs := map[string][2]int64{
		"follower to follower": {f[0], f[1]}, "leader to follower": {e.leader(), f[0]}, "follower to leader": {f[0], e.leader()},
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			former := connectRaw(t, e.members[pair[0]].addr)
			moved := former.resume(e.members[pair[1]].addr)
			if moved.response.SessionID == 0 {
				t.Fatal("the session was not resumed")
			}
			former.start(wire.OpCreate, &wire.CreateRequest{Path: "/late", ACL: wire.OpenACL()})
			if reply, err := former.tryNext(); err == nil {
				t.Errorf("the former server answered %+v", reply)
			}
			if code := moved.call(wire.OpGetData, &wire.PathWatchRequest{Path: "/late"}, nil); code != wire.ErrNoNode {
				t.Errorf("the write of the former connection was done: %v", code)
			}
			moved.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/", Version: -1}, nil)
		})
	}
}

func TestSecondConnectionOfASessionClosesTheFirst(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		first := connectRaw(t, m.addr)
		second := first.resume(m.addr)
		if second.response.SessionID != first.response.SessionID {
			t.Fatalf("resumed as %+v", second.response)
		}
		first.awaitEnd()
		second.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/"}, nil)
	})
}

func TestWrongPasswordIsRefusedAndHarmsNobody(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c := connectRaw(t, m.addr)
		for _, password := range [][]byte{nil, {}, wire.NoPassword(), wire.SessionPassword(c.response.SessionID + 1)} {
			thief := openRaw(t, m.addr, wire.ConnectRequest{
				Timeout: 10000, SessionID: c.response.SessionID, Password: password, HasReadOnly: true,
			})
			if thief.response.SessionID != 0 || thief.response.Timeout != 0 {
				t.Errorf("password %x was accepted: %+v", password, thief.response)
			}
			thief.awaitEnd()
		}
		c.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/"}, nil)
	})
}

// Requests that are sent ahead of closeSession, all in one segment, are answered
// as if it were not there, in every role and in their order.
func TestRequestsAheadOfCloseSession(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/d", "")
		path := &wire.PathWatchRequest{Path: "/d", Watch: true}
		xids := c.pipeline([]request{
			{wire.OpSetData, &wire.SetDataRequest{Path: "/d", Data: []byte("new"), Version: -1}},
			{wire.OpCreate, &wire.CreateRequest{Path: "/e", ACL: wire.OpenACL(), Flags: wire.FlagEphemeral}},
			{wire.OpExists, path},
			{wire.OpGetData, path},
			{wire.OpGetChildren, path},
			{wire.OpGetChildren2, path},
			{wire.OpGetACL, &wire.PathRequest{Path: "/d"}},
			{wire.OpGetEphemerals, &wire.PathRequest{Path: "/"}},
			{wire.OpGetAllChildrenNumber, &wire.PathRequest{Path: "/d"}},
			{wire.OpMultiRead, &wire.MultiRequest{Ops: []wire.MultiOp{{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: "/d"}}}}},
			{wire.OpAddWatch, &wire.AddWatchRequest{Path: "/d"}},
			{wire.OpRemoveWatches, &wire.WatchRemoval{Path: "/d", Type: wire.WatcherAny}},
			{wire.OpWhoAmI, nil},
			{wire.OpSync, &wire.PathRequest{Path: "/d"}},
			{wire.OpSetWatches, &wire.SetWatches{Data: []string{"/d"}}},
			{wire.OpGetData, path},
			{wire.OpCloseSession, nil},
		}...)
		for _, xid := range xids {
			if f := c.reply(xid); f.Err != wire.OK {
				t.Errorf("request %d of %d: %v", xid, c.xid, f.Err)
			}
		}
		c.awaitEnd()
	})
}

func TestUnknownSessionIsRefused(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		const session = 0x1234567890abcd
		c := openRaw(t, m.addr, wire.ConnectRequest{
			Timeout: 10000, SessionID: session, Password: wire.SessionPassword(session), HasReadOnly: true,
		})
		if c.response.SessionID != 0 || c.response.Timeout != 0 {
			t.Errorf("accepted: %+v", c.response)
		}
		c.awaitEnd()
		m.log.await(1, "a session is refused", "session=0x1234567890abcd", "client="+c.c.LocalAddr().String(), "it is not known")
	})
}

// A client that is told that its session is over finds the reason in the log of the
// server that says so, whichever server it is.
func TestTheLogSaysWhyASessionIsRefused(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		again := func(old *rawClient, password []byte) string {
			c := openRaw(t, m.addr, wire.ConnectRequest{
				LastZxidSeen: old.last, Timeout: 10000, SessionID: old.response.SessionID, Password: password, HasReadOnly: true,
			})
			if c.response.SessionID != 0 {
				t.Fatalf("let in: %+v", c.response)
			}
			c.awaitEnd()
			return "client=" + c.c.LocalAddr().String()
		}
		name := func(c *rawClient) string { return fmt.Sprintf("session=0x%x", uint64(c.response.SessionID)) }

		thief := connectRaw(t, m.addr)
		m.log.await(1, "a session is refused", name(thief), again(thief, make([]byte, 16)), "the password is wrong")

		closed := connectRaw(t, m.addr)
		closed.mustCall(wire.OpCloseSession, nil, nil)
		m.log.await(1, "a session is refused", name(closed), again(closed, closed.response.Password), "its client closed it, at zxid 0x")

		silent := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 400, Password: wire.NoPassword(), HasReadOnly: true})
		silent.awaitEnd() // it sends no pings
		m.log.await(1, "closing the connection of a session that is over", name(silent), "it expired, at zxid 0x")
		m.log.await(1, "a session is refused", name(silent), again(silent, silent.response.Password), "it expired, at zxid 0x")

		if other == m {
			return
		}
		moves := connectRaw(t, m.addr)
		moves.resume(other.addr)
		moves.start(wire.OpSetData, &wire.SetDataRequest{Path: "/", Version: -1})
		moves.awaitEnd()
		m.log.await(1, "moved to another server", name(moves), "client="+moves.c.LocalAddr().String())
	})
}

func TestClientFromTheFutureIsTurnedAway(t *testing.T) {
	m := standalone(t)
	r := &rawClient{t: t, c: dial(t, m.addr)}
	r.send(wire.Marshal(&wire.ConnectRequest{LastZxidSeen: 1 << 40, Timeout: 10000}))
	if body, err := r.read(); err == nil {
		t.Errorf("answered %x", body)
	}
	connectRaw(t, m.addr).create("/others-are-served", "")
}

// A new leader does not know when sessions were heard from: each gets its full
// timeout again, and is not lost with the leader.
func TestSessionsSurviveTheLeader(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	leader := e.leader()
	c := connectRaw(t, e.members[leader].addr)
	createEphemeral(c, "/e")
	e.members[leader].stop()
	for id, m := range e.members {
		if id != leader {
			m.awaitServing(2)
		}
	}
	delete(e.members, leader)
	moved := c.resume(e.members[e.leader()].addr)
	if moved.response.SessionID != c.response.SessionID {
		t.Fatalf("resumed as %+v", moved.response)
	}
	moved.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/e", Data: []byte("still here"), Version: -1}, nil)
}

func TestSlowReaderOfEventsIsCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 16 MiB and more")
	}
	m := standalone(t)
	c, writer := connectRaw(t, m.addr), connectRaw(t, m.addr)
	// Paths are long, so that few changes make many bytes.
	long := "/" + string(bytes.Repeat([]byte("x"), 60000))
	writer.create(long, "")
	for mode := range 2 {
		c.mustCall(wire.OpAddWatch, &wire.AddWatchRequest{Path: long, Mode: wire.AddWatchMode(mode)}, nil)
	}
	// c never reads again.
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		m.log.await(1, "does not read its answers")
	}()
	deadline := time.After(patience)
	for {
		select {
		case <-gone:
			writer.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/"}, nil)
			return
		case <-deadline:
			t.Fatal("never cut off")
		default:
			writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: long, Version: -1}, nil)
		}
	}
}

func createEphemeral(c *rawClient, path string) {
	c.t.Helper()
	c.mustCall(wire.OpCreate, &wire.CreateRequest{Path: path, Data: []byte{}, ACL: wire.OpenACL(), Flags: wire.FlagEphemeral}, nil)
}

// wantEvent waits for one event, which must be this one.
func (r *rawClient) wantEvent(kind wire.EventType, path string) {
	r.t.Helper()
	if len(r.events) == 0 {
		f := r.next()
		var e wire.WatcherEvent
		if err := wire.Unmarshal(f.body, &e); f.Xid != wire.XidNotification || err != nil {
			r.t.Fatalf("%+v came instead of an event (%v)", f, err)
		}
		r.events = append(r.events, e)
	}
	e := r.events[0]
	r.events = r.events[1:]
	if e != (wire.WatcherEvent{Type: kind, State: wire.StateSyncConnected, Path: path}) {
		r.t.Fatalf("event %+v, want %v of %s", e, kind, path)
	}
}
