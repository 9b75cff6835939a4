package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// testShell is the shell of a server without peers: a clock that the test sets, a disk
// that is durable when the test calls sync, and a list of what happened.
type testShell struct {
	*Server
	disk   []zab.Write // not yet reported durable
	events []string
	now    time.Duration
}

func (w *testShell) record(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

func (w *testShell) Now() time.Duration                     { return w.now }
func (w *testShell) Wall() int64                            { return 1_700_000_000_000 }
func (w *testShell) Chance(int) int                         { return 0 }
func (w *testShell) Persist(writes []zab.Write)             { w.disk = append(w.disk, writes...) }
func (w *testShell) Save(s *datatree.Snapshot)              { w.record("snapshot %v", s.Zxid()) }
func (w *testShell) Notify(zab.Notify)                      { w.record("vote") }
func (w *testShell) Dial(zab.Dial)                          { w.record("dial") }
func (w *testShell) CloseLink(link zab.LinkID)              { w.record("hang up %d", link) }
func (w *testShell) Info(string, ...any)                    {}
func (w *testShell) Warn(m string, _ ...any)                { w.record("warning: %s", m) }
func (w *testShell) Error(m string, _ ...any)               { w.record("error: %s", m) }
func (w *testShell) Send(_ zab.LinkID, p wire.QuorumPacket) { w.record("send %v", p.Type) }
func (w *testShell) SendSnapshot(zab.LinkID, wire.QuorumPacket, *datatree.Snapshot) {
	w.record("send a snapshot")
}
func (w *testShell) Truncate(wire.Zxid) (*datatree.Tree, []wire.Proposal, error) {
	return nil, nil, ErrTooFar
}

// Step begins a turn for every input.
func (w *testShell) Step(in zab.Input) {
	w.CarryOn()
	w.Server.Step(in)
}

// sync makes all writes durable, also those that follow from it.
func (w *testShell) sync() {
	for len(w.disk) > 0 {
		last := w.disk[len(w.disk)-1].Seq
		w.disk = nil
		w.Step(zab.Persisted{Seq: last})
	}
}

// recorded returns the events since the last call.
func (w *testShell) recorded() string {
	text := strings.Join(w.events, "\n")
	w.events = nil
	return text
}

// fakeClient is a client that records what it receives.
type fakeClient struct {
	w       *testShell
	name    string
	session int64
}

func (l *fakeClient) Connected(r wire.ConnectResponse) {
	l.session = r.SessionID
	l.w.record("%s: session, timeout %d", l.name, r.Timeout)
}
func (l *fakeClient) Reply(h wire.ReplyHeader, _ wire.Record) {
	l.w.record("%s: reply %d %v %v", l.name, h.Xid, h.Zxid, h.Err)
}
func (l *fakeClient) Event(e *wire.WatcherEvent, z wire.Zxid) {
	l.w.record("%s: event %v %s %v", l.name, e.Type, e.Path, z)
}
func (l *fakeClient) Done(*Request, wire.Zxid, wire.ErrCode) {}
func (l *fakeClient) CloseAfterReplies()                     { l.w.record("%s: closed after its replies", l.name) }
func (l *fakeClient) CloseNow()                              { l.w.record("%s: closed now", l.name) }
func (l *fakeClient) String() string                         { return l.name }

// startShell returns a server on an empty tree that has started, and records when it serves and proposes.
func startShell(t *testing.T, config zab.Config, maxSession time.Duration) *testShell {
	t.Helper()
	w := &testShell{}
	server, err := New(Options{
		Zab: config, MinSessionTimeout: 200 * time.Millisecond, MaxSessionTimeout: maxSession, SnapCount: 100,
		Tracer: Tracer{
			Serving:   func(begins bool) { w.record("serving: %v", begins) },
			Proposing: func(q datatree.Request, p wire.Proposal) { w.record("propose %v %v", p.Zxid, q.Op) },
		},
	}, Recovered{Tree: datatree.New()}, w)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = server
	w.Step(zab.Start{})
	return w
}

// newStandalone returns a standalone server that serves.
func newStandalone(t *testing.T) *testShell {
	t.Helper()
	w := startShell(t, zab.Config{ID: 1, Standalone: true, Tick: 100 * time.Millisecond}, 2*time.Second)
	if got := w.recorded(); got != "serving: true" {
		t.Fatalf("a standalone server records %q at its start", got)
	}
	return w
}

func (w *testShell) connect(name string, id int64) (*ServerCnxn, *fakeClient) {
	l := &fakeClient{w: w, name: name}
	c := NewServerCnxn(id, l, nil)
	w.Connect(c, wire.ConnectRequest{Timeout: 1000, Password: wire.NoPassword()})
	w.sync()
	return c, l
}

func create(xid int32, path string) *Request {
	return &Request{Xid: xid, Op: wire.OpCreate, Body: wire.Marshal(&wire.CreateRequest{Path: path, ACL: wire.OpenACL()})}
}

func exists(xid int32, path string) *Request {
	return &Request{Xid: xid, Op: wire.OpExists, Body: wire.Marshal(&wire.PathWatchRequest{Path: path, Watch: true})}
}

// Requests of a connection are answered in the order of arrival, a write when it is
// durable; an event comes before the reply that shows the change.
func TestOrderOfOneConnection(t *testing.T) {
	w := newStandalone(t)
	writer, _ := w.connect("writer", 1)
	reader, _ := w.connect("reader", 2)
	w.recorded()
	w.Request(reader, exists(1, "/a"))
	w.Request(writer, create(1, "/a"))
	w.Request(writer, exists(2, "/a"))
	w.Request(writer, create(3, "/a"))
	w.Request(writer, &Request{Xid: -2, Op: wire.OpPing})
	const before = `reader: reply 1 0x2 no such node (-101)
propose 0x3 create
propose 0x4 create`
	if got := w.recorded(); got != before {
		t.Errorf("before the writes are durable:\n%s\nexpected:\n%s", got, before)
	}
	w.sync()
	const after = `reader: event created /a 0x3
writer: reply 1 0x3 ok (0)
writer: reply 2 0x3 ok (0)
writer: reply 3 0x4 node exists (-110)
writer: reply -2 0x4 ok (0)`
	if got := w.recorded(); got != after {
		t.Errorf("when they are:\n%s\nexpected:\n%s", got, after)
	}
}

// A session moves to the latest connection that asks for it with the right password.
// Its ephemeral nodes are deleted when it is closed.
func TestSessionsMoveAndEnd(t *testing.T) {
	w := newStandalone(t)
	_, first := w.connect("first", 1)
	w.recorded()

	other := &fakeClient{w: w, name: "other"}
	w.Connect(NewServerCnxn(2, other, nil), wire.ConnectRequest{SessionID: first.session, Timeout: 1000, Password: wire.NoPassword()})
	if got, want := w.recorded(), "warning: a session is refused\nother: session, timeout 0\nother: closed after its replies"; got != want {
		t.Errorf("a wrong password:\n%s", got)
	}
	second := &fakeClient{w: w, name: "second"}
	c := NewServerCnxn(3, second, nil)
	w.Connect(c, wire.ConnectRequest{SessionID: first.session, Timeout: 1000, Password: wire.SessionPassword(first.session)})
	if got, want := w.recorded(), "first: closed now\nsecond: session, timeout 1000"; got != want {
		t.Errorf("a session moves:\n%s", got)
	}
	r := create(1, "/mine")
	r.Body = wire.Marshal(&wire.CreateRequest{Path: "/mine", ACL: wire.OpenACL(), Flags: wire.FlagEphemeral})
	w.Request(c, r)
	w.Request(c, &Request{Xid: 2, Op: wire.OpCloseSession})
	w.sync()
	if got := w.recorded(); !strings.HasSuffix(got, "second: reply 2 0x3 ok (0)\nsecond: closed after its replies") {
		t.Errorf("a session ends:\n%s", got)
	}
	if _, ok := w.Tree().Stat("/mine"); ok || w.Sessions().Len() != 0 {
		t.Errorf("the ephemeral node exists: %v, sessions: %d", ok, w.Sessions().Len())
	}
}

// A server that cannot apply a transaction has another tree than the other servers. It
// must end, and until then send and write nothing.
func TestFailedServerSendsNothing(t *testing.T) {
	w := newStandalone(t)
	c, _ := w.connect("client", 1)
	w.recorded()
	w.deliver(wire.Proposal{Zxid: 0x99, Data: []byte("no transaction")})
	if w.Err() == nil {
		t.Fatal("the server goes on after a transaction that it cannot read")
	}
	w.Request(c, create(1, "/a"))
	if got := w.recorded(); strings.Contains(got, "reply") || len(w.disk) > 0 {
		t.Errorf("the server records %q, and writes %v", got, w.disk)
	}
}

// A request has the identities and the session that its connection had when it came. A
// closeSession or an auth packet that comes later does not affect it while it waits.
func TestRequestIsCheckedOnArrival(t *testing.T) {
	w := newStandalone(t)
	c, _ := w.connect("client", 1)
	secret := []wire.ACL{{Perms: wire.PermAll, ID: datatree.DigestID("u:p")}}
	w.Request(c, &Request{Xid: 1, Op: wire.OpCreate, Body: wire.Marshal(&wire.CreateRequest{Path: "/secret", ACL: secret})})
	w.sync()
	w.recorded()
	w.Request(c, create(2, "/a")) // not durable yet; all later ones wait for it
	w.Request(c, exists(3, "/secret"))
	w.Request(c, &Request{Xid: -4, Op: wire.OpAuth, Body: wire.Marshal(&wire.AuthPacket{Scheme: "digest", Auth: []byte("u:p")})})
	w.Request(c, exists(4, "/secret"))
	w.Request(c, &Request{Xid: 5, Op: wire.OpCloseSession})
	w.Request(c, exists(6, "/secret"))
	w.recorded()
	w.sync()
	const want = `client: reply 2 0x3 ok (0)
client: reply 3 0x3 not authorised (-102)
client: reply -4 0x0 ok (0)
client: reply 4 0x3 ok (0)
client: reply 5 0x4 ok (0)
client: closed after its replies`
	if got := w.recorded(); got != want {
		t.Errorf("answered:\n%s\nexpected:\n%s", got, want)
	}
}

// The leader closes the connection of a learner whose packet it cannot read, and goes
// on.
func TestUnreadableForwards(t *testing.T) {
	for _, kind := range []wire.PacketType{wire.PacketRequest, wire.PacketRevalidate, wire.PacketPing} {
		w := newStandalone(t)
		w.forwarded(zab.Forward{Link: 7, From: 2, Packet: wire.QuorumPacket{Type: kind, Data: []byte{0, 0, 0, 9, 1}}})
		if got := w.recorded(); !strings.HasSuffix(got, "closing its connection\nhang up 7") || w.Err() != nil {
			t.Errorf("%v: %q, %v", kind, got, w.Err())
		}
	}
}

// A learner may not forward a deleteContainer, which is the leader's own request.
func TestLearnersMayNotDeleteContainers(t *testing.T) {
	w := newStandalone(t)
	body := wire.Marshal(&wire.ForwardedRequest{SessionID: 5, Cxid: 1, Op: wire.OpDeleteContainer, Body: []byte("/a")})
	w.forwarded(zab.Forward{Link: 7, From: 2, Packet: wire.QuorumPacket{Type: wire.PacketRequest, Data: body}})
	if got := w.recorded(); got != "" {
		t.Errorf("the leader records %q", got)
	}
}

// A client that counts its xids from 1 on every connection has closed its session
// through another server, and has sent a request here before that was delivered. The
// closeSession must not answer a request of another type with the same xid.
func TestCloseSessionAnswersOnlyCloseSession(t *testing.T) {
	end := &wire.TxnHeader{ClientID: 5, Cxid: 1, Type: wire.OpCloseSession}
	for _, c := range []struct {
		asked wire.OpCode
		is    wire.OpCode
		match bool
	}{
		{wire.OpCreate, wire.OpCloseSession, false},
		{wire.OpCloseSession, wire.OpCloseSession, true},
		{wire.OpCreate, wire.OpCreate, true},
		{wire.OpCreate, wire.OpError, true},
	} {
		r := &Request{Xid: 1, Op: c.asked}
		s := &Server{pending: pending{5: {r}}}
		end.Type = c.is
		if got := s.popPending(end); (got == r) != c.match {
			t.Errorf("%v answers a request of type %v: %v, expected %v", c.is, c.asked, got == r, c.match)
		}
	}
}
