package member

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

func TestEveryKindOfNode(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/q", "")
		for _, test := range []struct {
			flags int32
			want  string
			owner int64
		}{
			{wire.FlagPersistent, "/q/n", 0},
			{wire.FlagEphemeral, "/q/n", c.response.SessionID},
			{wire.FlagPersistentSequential, "/q/n0000000002", 0},
			{wire.FlagEphemeralSequential, "/q/n0000000003", c.response.SessionID},
			{wire.FlagContainer, "/q/n", 0},
		} {
			request := &wire.CreateRequest{Path: "/q/n", Data: []byte("d"), ACL: wire.OpenACL(), Flags: test.flags}
			var path wire.PathResponse
			c.mustCall(wire.OpCreate, request, &path)
			if path.Path != test.want {
				t.Errorf("flags %d: created %s, want %s", test.flags, path.Path, test.want)
			}
			var data wire.DataResponse
			c.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: path.Path}, &data)
			if string(data.Data) != "d" || data.Stat.EphemeralOwner != test.owner {
				t.Errorf("flags %d: %+v", test.flags, data)
			}
			c.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: path.Path, Version: 0}, nil)
		}
		// The reply to create2 has the stat, the counter goes on.
		var created wire.Create2Response
		c.mustCall(wire.OpCreate2, &wire.CreateRequest{Path: "/q/", ACL: wire.OpenACL(), Flags: wire.FlagPersistentSequential}, &created)
		if created.Path != "/q/0000000005" || created.Stat.Czxid != c.last {
			t.Errorf("create2: %+v, last zxid %v", created, c.last)
		}
	})
}

func TestErrorsOfOperations(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/parent", "")
		c.create("/parent/child", "")
		createEphemeral(c, "/eph")
		open, anyVersion := wire.OpenACL(), wire.AnyVersion
		for _, test := range []struct {
			op   wire.OpCode
			body wire.Record
			want wire.ErrCode
		}{
			{wire.OpCreate, &wire.CreateRequest{Path: "/parent", ACL: open}, wire.ErrNodeExists},
			{wire.OpCreate, &wire.CreateRequest{Path: "/no/child", ACL: open}, wire.ErrNoNode},
			{wire.OpCreate, &wire.CreateRequest{Path: "/eph/child", ACL: open}, wire.ErrNoChildrenForEphemerals},
			{wire.OpCreate, &wire.CreateRequest{Path: "/x", ACL: nil}, wire.ErrInvalidACL},
			{wire.OpCreate, &wire.CreateRequest{Path: "relative", ACL: open}, wire.ErrBadArguments},
			{wire.OpCreate, &wire.CreateRequest{Path: "/a//b", ACL: open}, wire.ErrNoNode},
			{wire.OpCreate, &wire.CreateRequest{Path: "/\x01", ACL: open}, wire.ErrBadArguments},
			{wire.OpCreate, &wire.CreateRequest{Path: "/x", ACL: open, Flags: 77}, wire.ErrBadArguments},
			{wire.OpCreateTTL, &wire.CreateTTLRequest{Path: "/x", ACL: open, Flags: wire.FlagPersistentTTL, TTL: 5}, wire.ErrUnimplemented},
			{wire.OpDelete, &wire.DeleteRequest{Path: "/no", Version: anyVersion}, wire.ErrNoNode},
			{wire.OpDelete, &wire.DeleteRequest{Path: "/parent", Version: anyVersion}, wire.ErrNotEmpty},
			{wire.OpDelete, &wire.DeleteRequest{Path: "/eph", Version: 7}, wire.ErrBadVersion},
			{wire.OpDelete, &wire.DeleteRequest{Path: "/zookeeper", Version: anyVersion}, wire.ErrBadArguments},
			{wire.OpSetData, &wire.SetDataRequest{Path: "/no", Version: anyVersion}, wire.ErrNoNode},
			{wire.OpSetData, &wire.SetDataRequest{Path: "/parent", Version: 3}, wire.ErrBadVersion},
			{wire.OpSetACL, &wire.SetACLRequest{Path: "/parent", ACL: open, Version: 3}, wire.ErrBadVersion},
			{wire.OpExists, &wire.PathWatchRequest{Path: "/no"}, wire.ErrNoNode},
			{wire.OpGetData, &wire.PathWatchRequest{Path: "/no"}, wire.ErrNoNode},
			{wire.OpGetChildren, &wire.PathWatchRequest{Path: "/no"}, wire.ErrNoNode},
			{wire.OpGetChildren2, &wire.PathWatchRequest{Path: "/no"}, wire.ErrNoNode},
			{wire.OpGetACL, &wire.PathRequest{Path: "/no"}, wire.ErrNoNode},
			{wire.OpGetAllChildrenNumber, &wire.PathRequest{Path: "/no"}, wire.ErrNoNode},
			{wire.OpCheckWatches, &wire.WatchRemoval{Path: "/parent", Type: wire.WatcherAny}, wire.ErrNoWatcher},
			{wire.OpRemoveWatches, &wire.WatchRemoval{Path: "/parent", Type: wire.WatcherAny}, wire.ErrNoWatcher},
			{wire.OpAddWatch, &wire.AddWatchRequest{Path: "/parent", Mode: 9}, wire.ErrMarshalling},
			{wire.OpReconfig, &wire.ReconfigRequest{ConfigID: -1}, wire.ErrReconfigDisabled},
			{wire.OpDeleteContainer, &wire.PathRequest{Path: "/parent"}, wire.ErrBadArguments}, // no client may ask for it
			// Bodies that cannot be read.
			{wire.OpCreate, nil, wire.ErrMarshalling},
			{wire.OpSetData, &wire.PathRequest{Path: "/parent"}, wire.ErrMarshalling},
			{wire.OpGetData, nil, wire.ErrMarshalling},
			{wire.OpSync, nil, wire.ErrMarshalling},
			{wire.OpMulti, &wire.MultiHeader{Op: wire.OpCreate}, wire.ErrMarshalling},
			{wire.OpSetWatches, nil, wire.ErrMarshalling},
		} {
			f := c.reply(c.start(test.op, test.body))
			if f.Err != test.want || len(f.body) != 0 {
				t.Errorf("%v %+v: %v with %d bytes behind the header, want %v and none", test.op, test.body, f.Err, len(f.body), test.want)
			}
		}
		// The connection still works after all that.
		if got := c.data("/parent"); got != "" {
			t.Errorf("data %q", got)
		}
	})
}

// A request that is no operation of clients is answered after the requests before it, and ends the
// connection.
func TestUnknownOperationsEndTheConnection(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		for _, op := range []wire.OpCode{wire.OpCheck, wire.OpCreateSession, wire.OpError, wire.OpNotification, -12, 4711} {
			c := connectRaw(t, m.addr)
			first := c.start(wire.OpSetData, &wire.SetDataRequest{Path: "/none", Version: -1})
			second := c.start(op, &wire.CheckVersionRequest{Path: "/"})
			if f := c.reply(first); f.Err != wire.ErrNoNode {
				t.Errorf("the request before %v: %v", op, f.Err)
			}
			if f := c.reply(second); f.Err != wire.ErrUnimplemented || f.Zxid != -1 || len(f.body) != 0 {
				t.Errorf("%v: %+v with %d bytes", op, f.ReplyHeader, len(f.body))
			}
			c.awaitEnd()
		}
		for _, op := range []wire.OpCode{wire.OpAuth, wire.OpSASL} { // unreadable: there is no answer
			c := connectRaw(t, m.addr)
			c.start(op, nil)
			if f, err := c.tryNext(); err == nil {
				t.Errorf("%v without a body: %+v", op, f.ReplyHeader)
			}
		}
	})
}

func TestReads(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/p", "data")
		for _, name := range []string{"b", "a", "c"} {
			c.create("/p/"+name, "")
		}
		createEphemeral(c, "/p/a/e")
		var children wire.ChildrenResponse
		c.mustCall(wire.OpGetChildren, &wire.PathWatchRequest{Path: "/p"}, &children)
		slices.Sort(children.Children)
		if want := []string{"a", "b", "c"}; !slices.Equal(children.Children, want) {
			t.Errorf("getChildren: %q, want %q", children.Children, want)
		}
		var children2 wire.Children2Response
		c.mustCall(wire.OpGetChildren2, &wire.PathWatchRequest{Path: "/p"}, &children2)
		if s := children2.Stat; len(children2.Children) != 3 || s.NumChildren != 3 || s.Cversion != 3 || s.DataLength != 4 {
			t.Errorf("getChildren2: %+v", children2)
		}
		var count wire.CountResponse
		c.mustCall(wire.OpGetAllChildrenNumber, &wire.PathRequest{Path: "/p"}, &count)
		if count.Count != 4 {
			t.Errorf("getAllChildrenNumber: %d, want 4", count.Count)
		}
		var ephemerals wire.ChildrenResponse
		c.mustCall(wire.OpGetEphemerals, &wire.PathRequest{Path: "/"}, &ephemerals)
		if want := []string{"/p/a/e"}; !slices.Equal(ephemerals.Children, want) {
			t.Errorf("getEphemerals: %q, want %q", ephemerals.Children, want)
		}
		multiRead := &wire.MultiRequest{Ops: []wire.MultiOp{
			{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: "/p"}},
			{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: "/no"}},
			{Op: wire.OpGetChildren, Request: &wire.PathWatchRequest{Path: "/p/a"}},
		}}
		var results wire.MultiResponse
		c.mustCall(wire.OpMultiRead, multiRead, &results)
		if len(results.Results) != 3 || results.Results[1].Err != wire.ErrNoNode {
			t.Errorf("multiRead: %+v", results)
		}
	})
}

func TestDataKeepsNullAndEmptyApart(t *testing.T) {
	m := standalone(t)
	c := connectRaw(t, m.addr)
	for path, data := range map[string][]byte{"/null": nil, "/empty": {}} {
		c.mustCall(wire.OpCreate, &wire.CreateRequest{Path: path, Data: data, ACL: wire.OpenACL()}, nil)
		var got wire.DataResponse
		c.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: path}, &got)
		if (got.Data == nil) != (data == nil) || got.Stat.DataLength != 0 {
			t.Errorf("%s: read back as %#v, %+v", path, got.Data, got.Stat)
		}
	}
}

func TestMulti(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/m", "")
		good := &wire.MultiRequest{Ops: []wire.MultiOp{
			{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: "/m"}},
			{Op: wire.OpCreate, Request: &wire.CreateRequest{Path: "/m/a", ACL: wire.OpenACL()}},
			{Op: wire.OpCreate2, Request: &wire.CreateRequest{Path: "/m/b", ACL: wire.OpenACL()}},
			{Op: wire.OpSetData, Request: &wire.SetDataRequest{Path: "/m/a", Data: []byte("x"), Version: 0}},
			{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: "/m/b", Version: 0}},
		}}
		var done wire.MultiResponse
		c.mustCall(wire.OpMulti, good, &done)
		types := []wire.OpCode{wire.OpCheck, wire.OpCreate, wire.OpCreate2, wire.OpSetData, wire.OpDelete}
		for i, r := range done.Results {
			if r.Op != types[i] {
				t.Errorf("result %d is a %v, want %v", i, r.Op, types[i])
			}
		}
		if got := c.data("/m/a"); got != "x" {
			t.Errorf("data %q", got)
		}
		bad := &wire.MultiRequest{Ops: []wire.MultiOp{
			{Op: wire.OpCreate, Request: &wire.CreateRequest{Path: "/m/c", ACL: wire.OpenACL()}},
			{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: "/m/a", Version: 7}},
			{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: "/m/a", Version: -1}},
		}}
		c.mustCall(wire.OpMulti, bad, &done) // the header says OK
		var codes []wire.ErrCode
		for _, r := range done.Results {
			codes = append(codes, r.Err)
		}
		if want := []wire.ErrCode{wire.OK, wire.ErrBadVersion, wire.ErrRuntimeInconsistency}; !slices.Equal(codes, want) {
			t.Errorf("a failed multi: %v, want %v", codes, want)
		}
		if code := c.call(wire.OpExists, &wire.PathWatchRequest{Path: "/m/c"}, nil); code != wire.ErrNoNode {
			t.Errorf("a failed multi left a node behind: %v", code)
		}
		c.mustCall(wire.OpMulti, &wire.MultiRequest{}, &done)
		if len(done.Results) != 0 {
			t.Errorf("an empty multi: %+v", done)
		}
	})
}

func TestACLs(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		const user = "ann:secret"
		acl := []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "auth"}}}
		owner, stranger := connectRaw(t, m.addr), connectRaw(t, other.addr)
		request := &wire.CreateRequest{Path: "/private", Data: []byte("x"), ACL: acl}
		if code := owner.call(wire.OpCreate, request, nil); code != wire.ErrInvalidACL {
			t.Errorf("auth without an identity: %v", code)
		}
		owner.mustCall(wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte(user)}, nil)
		owner.mustCall(wire.OpCreate, request, nil)
		stranger.mustCall(wire.OpSync, &wire.PathRequest{Path: "/"}, nil)
		for _, test := range []struct {
			op   wire.OpCode
			body wire.Record
		}{
			{wire.OpGetData, &wire.PathWatchRequest{Path: "/private"}},
			{wire.OpGetChildren, &wire.PathWatchRequest{Path: "/private"}},
			{wire.OpGetACL, &wire.PathRequest{Path: "/private"}},
			{wire.OpSetData, &wire.SetDataRequest{Path: "/private", Version: -1}},
			{wire.OpSetACL, &wire.SetACLRequest{Path: "/private", ACL: wire.OpenACL(), Version: -1}},
			{wire.OpCreate, &wire.CreateRequest{Path: "/private/child", ACL: wire.OpenACL()}},
		} {
			if code := stranger.call(test.op, test.body, nil); code != wire.ErrNoAuth {
				t.Errorf("%v by a stranger: %v, want NoAuth", test.op, code)
			}
		}
		// A client that knows the password may, on any connection and at any server.
		stranger.mustCall(wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte(user)}, nil)
		stranger.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/private", Data: []byte("y"), Version: -1}, nil)
		var who wire.WhoAmIResponse
		stranger.mustCall(wire.OpWhoAmI, nil, &who)
		if !slices.Contains(who.Infos, wire.ClientInfo{AuthScheme: "digest", User: "ann"}) {
			t.Errorf("whoAmI: %+v", who)
		}
		// An address is an identity as well, also for writes that are forwarded.
		local := []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "ip", ID: "127.0.0.1"}}}
		owner.mustCall(wire.OpCreate, &wire.CreateRequest{Path: "/here", ACL: local}, nil)
		owner.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/here", Version: -1}, nil)
		elsewhere := []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "ip", ID: "10.1.2.0/24"}}}
		owner.mustCall(wire.OpCreate, &wire.CreateRequest{Path: "/there", ACL: elsewhere}, nil)
		if code := owner.call(wire.OpSetData, &wire.SetDataRequest{Path: "/there", Version: -1}, nil); code != wire.ErrNoAuth {
			t.Errorf("another address's node: %v", code)
		}
		if strings.Contains(m.log.text()+other.log.text(), "secret") {
			t.Error("a password is in the log")
		}
	})
}

func TestSuperUser(t *testing.T) {
	m := standalone(t, func(c *Config) { c.SuperDigest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" }) // of super:test
	owner, super := connectRaw(t, m.addr), connectRaw(t, m.addr)
	owner.mustCall(wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte("ann:secret")}, nil)
	owner.mustCall(wire.OpCreate, &wire.CreateRequest{Path: "/private", ACL: []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "auth"}}}}, nil)
	super.mustCall(wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte("super:wrong")}, nil)
	if code := super.call(wire.OpGetData, &wire.PathWatchRequest{Path: "/private"}, nil); code != wire.ErrNoAuth {
		t.Errorf("with a wrong password: %v", code)
	}
	super.mustCall(wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte("super:test")}, nil)
	super.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/private", Version: -1}, nil)
}

func TestUnknownSchemeIsRefusedAndTheConnectionEnds(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		f := c.reply(c.start(wire.OpAuth, &wire.AuthPacket{Scheme: "kerberos", Auth: []byte("x")}))
		if f.Err != wire.ErrAuthFailed || f.Zxid != 0 {
			t.Errorf("answered %+v", f.ReplyHeader)
		}
		c.awaitEnd()
		if got := m.stat("zk_auth_failed_count"); got != "1" {
			t.Errorf("auth_failed_count %s, want 1", got)
		}
	})
}

func TestXidsAreEchoed(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.startAs(5, wire.OpPing, nil)
		c.reply(wire.XidPing)
		for _, xid := range []int32{wire.XidAuth, 17} {
			c.startAs(xid, wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte("a:b")})
			if f := c.reply(xid); f.Err != wire.OK || f.Zxid != 0 {
				t.Errorf("auth: %+v", f.ReplyHeader)
			}
		}
		for _, xid := range []int32{wire.XidSetWatches, 18} {
			c.startAs(xid, wire.OpSetWatches, &wire.SetWatches{})
			if f := c.reply(xid); f.Err != wire.OK {
				t.Errorf("setWatches: %+v", f.ReplyHeader)
			}
		}
		c.startAs(19, wire.OpSASL, &wire.SASLToken{Token: []byte{1}})
		f := c.reply(19)
		var token wire.SASLToken
		if err := wire.Unmarshal(f.body, &token); err != nil || f.Err != wire.OK || token.Token != nil {
			t.Errorf("sasl: %+v, %v", f, err)
		}
	})
}

// The outcome of a pipeline is the one of a client that waits each time, and
// its replies come in the order of the requests.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		c := connectRaw(t, m.addr)
		c.create("/n", "")
		const rounds = 200
		for i := range rounds {
			c.startAs(int32(10*i), wire.OpSetData, &wire.SetDataRequest{Path: "/n", Data: []byte(fmt.Sprint(i)), Version: int32(i)})
			c.startAs(int32(10*i+1), wire.OpGetData, &wire.PathWatchRequest{Path: "/n"})
			c.startAs(int32(10*i+2), wire.OpSync, &wire.PathRequest{Path: "/n"})
			c.startAs(wire.XidPing, wire.OpPing, nil)
			c.startAs(int32(10*i+3), wire.OpAuth, &wire.AuthPacket{Scheme: "digest", Auth: []byte("a:b")})
			c.startAs(int32(10*i+4), wire.OpSetData, &wire.SetDataRequest{Path: "/n", Version: 100000}) // fails
		}
		for i := range rounds {
			if f := c.reply(int32(10 * i)); f.Err != wire.OK {
				t.Fatalf("write %d: %v", i, f.Err)
			}
			var got wire.DataResponse
			if err := wire.Unmarshal(c.reply(int32(10*i+1)).body, &got); err != nil || string(got.Data) != fmt.Sprint(i) {
				t.Fatalf("read behind write %d: %q (%v)", i, got.Data, err)
			}
			c.reply(int32(10*i + 2))
			c.reply(wire.XidPing)
			c.reply(int32(10*i + 3))
			if f := c.reply(int32(10*i + 4)); f.Err != wire.ErrBadVersion {
				t.Fatalf("failing write %d: %v", i, f.Err)
			}
		}
	})
}

func TestSyncShowsWhatOthersWroteBefore(t *testing.T) {
	e := startEnsemble(t, 3, 1)
	writer := connectRaw(t, e.members[e.leader()].addr)
	writer.create("/n", "")
	readers := map[int64]*rawClient{}
	for id, m := range e.members {
		readers[id] = connectRaw(t, m.addr)
	}
	for i := range 50 {
		writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/n", Data: []byte(fmt.Sprint(i)), Version: -1}, nil)
		for id, r := range readers {
			var path wire.PathResponse
			r.mustCall(wire.OpSync, &wire.PathRequest{Path: "/n"}, &path)
			if path.Path != "/n" {
				t.Fatalf("sync answered %q", path.Path)
			}
			if got := r.data("/n"); got != fmt.Sprint(i) {
				t.Fatalf("server %d read %q after sync, want %d", id, got, i)
			}
		}
	}
}

func TestEmptiedContainersAreReaped(t *testing.T) {
	m := standalone(t, func(c *Config) { c.ReapInterval = 1; c.ExtendedTypes = true })
	c := connectRaw(t, m.addr)
	c.mustCall(wire.OpCreateContainer, &wire.CreateRequest{Path: "/box", ACL: wire.OpenACL(), Flags: wire.FlagContainer}, nil)
	c.create("/box/a", "")
	c.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/box", Watch: true}, nil)
	c.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/box/a", Version: -1}, nil)
	c.wantEvent(wire.EventDeleted, "/box")
	c.mustCall(wire.OpCreateTTL, &wire.CreateTTLRequest{Path: "/ttl", ACL: wire.OpenACL(), Flags: wire.FlagPersistentTTL, TTL: 1}, nil)
	if code := c.call(wire.OpExists, &wire.PathWatchRequest{Path: "/ttl", Watch: true}, nil); code == wire.OK {
		c.wantEvent(wire.EventDeleted, "/ttl")
	}
}
