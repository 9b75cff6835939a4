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

// world is the least that a server needs around it: a clock that the test sets, a
// disk that is done at once, nobody else, and a list of what happened.
type world struct {
	*Server
	disk  []zab.Write // not yet reported durable
	story []string
	now   time.Duration
}

func (w *world) say(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf(format, args...))
}

func (w *world) Now() time.Duration                     { return w.now }
func (w *world) Wall() int64                            { return 1_700_000_000_000 }
func (w *world) Chance(int) int                         { return 0 }
func (w *world) Persist(writes []zab.Write)             { w.disk = append(w.disk, writes...) }
func (w *world) Save(s *datatree.Snapshot)              { w.say("snapshot %v", s.Zxid()) }
func (w *world) Notify(zab.Notify)                      { w.say("vote") }
func (w *world) Dial(zab.Dial)                          { w.say("dial") }
func (w *world) CloseLink(link zab.LinkID)              { w.say("hang up %d", link) }
func (w *world) Info(string, ...any)                    {}
func (w *world) Warn(m string, _ ...any)                { w.say("warning: %s", m) }
func (w *world) Error(m string, _ ...any)               { w.say("error: %s", m) }
func (w *world) Send(_ zab.LinkID, p wire.QuorumPacket) { w.say("send %v", p.Type) }
func (w *world) SendSnapshot(zab.LinkID, wire.QuorumPacket, *datatree.Snapshot) {
	w.say("send a snapshot")
}
func (w *world) Truncate(wire.Zxid) (*datatree.Tree, []wire.Proposal, error) {
	return nil, nil, ErrTooFar
}

// sync lets the disk finish, and whatever follows from that.
func (w *world) sync() {
	for len(w.disk) > 0 {
		last := w.disk[len(w.disk)-1].Seq
		w.disk = nil
		w.Step(zab.Persisted{Seq: last})
	}
}

// told returns the story since it was asked last.
func (w *world) told() string {
	story := strings.Join(w.story, "\n")
	w.story = nil
	return story
}

// listener is a client that writes down what it hears.
type listener struct {
	w       *world
	name    string
	session int64
}

func (l *listener) Connected(r wire.ConnectResponse) {
	l.session = r.SessionID
	l.w.say("%s: session, timeout %d", l.name, r.Timeout)
}
func (l *listener) Reply(h wire.ReplyHeader, _ wire.Record) {
	l.w.say("%s: reply %d %v %v", l.name, h.Xid, h.Zxid, h.Err)
}
func (l *listener) Event(e *wire.WatcherEvent, z wire.Zxid) {
	l.w.say("%s: event %v %s %v", l.name, e.Type, e.Path, z)
}
func (l *listener) Done(*Request, wire.Zxid, wire.ErrCode) {}
func (l *listener) CloseAfterReplies()                     { l.w.say("%s: closed behind that", l.name) }
func (l *listener) CloseNow()                              { l.w.say("%s: cut off", l.name) }
func (l *listener) String() string                         { return l.name }

// alone is a standalone server that serves.
func alone(t *testing.T) *world {
	t.Helper()
	w := &world{}
	server, err := New(Options{
		Zab:               zab.Config{ID: 1, Standalone: true, Tick: 100 * time.Millisecond},
		MinSessionTimeout: 200 * time.Millisecond, MaxSessionTimeout: 2 * time.Second, SnapCount: 100,
		Tracer: Tracer{
			Serving:   func(begins bool) { w.say("serving: %v", begins) },
			Proposing: func(q datatree.Request, p wire.Proposal) { w.say("propose %v %v", p.Zxid, q.Op) },
		},
	}, Recovered{Tree: datatree.New()}, w)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = server
	w.Step(zab.Start{})
	if got := w.told(); got != "serving: true" {
		t.Fatalf("a standalone server starts with %q", got)
	}
	return w
}

func (w *world) join(name string, id int64) (*ServerCnxn, *listener) {
	l := &listener{w: w, name: name}
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

// Requests of a connection are answered in the order of arrival, a write when the
// disk has it; an event comes before the reply that shows what it reports.
func TestOrderOfOneConnection(t *testing.T) {
	w := alone(t)
	writer, _ := w.join("writer", 1)
	reader, _ := w.join("reader", 2)
	w.told()
	w.Request(reader, exists(1, "/a"))
	w.Request(writer, create(1, "/a"))
	w.Request(writer, exists(2, "/a"))
	w.Request(writer, create(3, "/a"))
	w.Request(writer, &Request{Xid: -2, Op: wire.OpPing})
	const before = `reader: reply 1 0x2 no such node (-101)
propose 0x3 create
propose 0x4 create`
	if got := w.told(); got != before {
		t.Errorf("before the disk is done:\n%s\nexpected:\n%s", got, before)
	}
	w.sync()
	const behind = `reader: event created /a 0x3
writer: reply 1 0x3 ok (0)
writer: reply 2 0x3 ok (0)
writer: reply 3 0x4 node exists (-110)
writer: reply -2 0x4 ok (0)`
	if got := w.told(); got != behind {
		t.Errorf("when it is:\n%s\nexpected:\n%s", got, behind)
	}
}

// A session moves to the connection that has asked for it last, if it knows the
// password; and it ends with its ephemeral nodes.
func TestSessionsMoveAndEnd(t *testing.T) {
	w := alone(t)
	_, first := w.join("first", 1)
	w.told()

	thief := &listener{w: w, name: "thief"}
	w.Connect(NewServerCnxn(2, thief, nil), wire.ConnectRequest{SessionID: first.session, Timeout: 1000, Password: wire.NoPassword()})
	if got, want := w.told(), "warning: a session is refused\nthief: session, timeout 0\nthief: closed behind that"; got != want {
		t.Errorf("a wrong password:\n%s", got)
	}
	second := &listener{w: w, name: "second"}
	c := NewServerCnxn(3, second, nil)
	w.Connect(c, wire.ConnectRequest{SessionID: first.session, Timeout: 1000, Password: wire.SessionPassword(first.session)})
	if got, want := w.told(), "first: cut off\nsecond: session, timeout 1000"; got != want {
		t.Errorf("a session moves:\n%s", got)
	}
	r := create(1, "/mine")
	r.Body = wire.Marshal(&wire.CreateRequest{Path: "/mine", ACL: wire.OpenACL(), Flags: wire.FlagEphemeral})
	w.Request(c, r)
	w.Request(c, &Request{Xid: 2, Op: wire.OpCloseSession})
	w.sync()
	if got := w.told(); !strings.HasSuffix(got, "second: reply 2 0x3 ok (0)\nsecond: closed behind that") {
		t.Errorf("a session ends:\n%s", got)
	}
	if _, ok := w.Tree().Stat("/mine"); ok || w.Sessions().Len() != 0 {
		t.Error("something is left of it")
	}
}

// A server that cannot apply a transaction has a tree that is not the others'. It
// must end, and until then say nothing more.
func TestABrokenServerIsSilent(t *testing.T) {
	w := alone(t)
	c, _ := w.join("client", 1)
	w.told()
	w.deliver(wire.Proposal{Zxid: 0x99, Data: []byte("no transaction")})
	if w.Err() == nil {
		t.Fatal("it goes on")
	}
	w.Request(c, create(1, "/a"))
	if got := w.told(); strings.Contains(got, "reply") || len(w.disk) > 0 {
		t.Errorf("it says %q, and writes %v", got, w.disk)
	}
}

// What a request may do is decided by the state of its arrival: not by a
// closeSession or an auth packet that comes behind it, however long it waits.
func TestARequestIsJudgedByWhatWasBeforeIt(t *testing.T) {
	w := alone(t)
	c, _ := w.join("client", 1)
	secret := []wire.ACL{{Perms: wire.PermAll, ID: datatree.DigestID("u:p")}}
	w.Request(c, &Request{Xid: 1, Op: wire.OpCreate, Body: wire.Marshal(&wire.CreateRequest{Path: "/secret", ACL: secret})})
	w.sync()
	w.told()
	w.Request(c, create(2, "/a")) // it is on its way, and all the others wait for it
	w.Request(c, exists(3, "/secret"))
	w.Request(c, &Request{Xid: -4, Op: wire.OpAuth, Body: wire.Marshal(&wire.AuthPacket{Scheme: "digest", Auth: []byte("u:p")})})
	w.Request(c, exists(4, "/secret"))
	w.Request(c, &Request{Xid: 5, Op: wire.OpCloseSession})
	w.Request(c, exists(6, "/secret"))
	w.told()
	w.sync()
	const want = `client: reply 2 0x3 ok (0)
client: reply 3 0x3 not authorised (-102)
client: reply -4 0x0 ok (0)
client: reply 4 0x3 ok (0)
client: reply 5 0x4 ok (0)
client: closed behind that`
	if got := w.told(); got != want {
		t.Errorf("answered:\n%s\nexpected:\n%s", got, want)
	}
}

// Whatever a learner sends that cannot be read costs it its connection, and the
// leader nothing.
func TestUnreadableForwards(t *testing.T) {
	for _, kind := range []wire.PacketType{wire.PacketRequest, wire.PacketRevalidate, wire.PacketPing} {
		w := alone(t)
		w.forwarded(zab.Forward{Link: 7, From: 2, Packet: wire.QuorumPacket{Type: kind, Data: []byte{0, 0, 0, 9, 1}}})
		if got := w.told(); !strings.HasSuffix(got, "closing its connection\nhang up 7") || w.Err() != nil {
			t.Errorf("%v: %q, %v", kind, got, w.Err())
		}
	}
}

// A learner may not ask for what only the ensemble itself does.
func TestLearnersMayNotReap(t *testing.T) {
	w := alone(t)
	body := wire.Marshal(&wire.ForwardedRequest{SessionID: 5, Cxid: 1, Op: wire.OpDeleteContainer, Body: []byte("/a")})
	w.forwarded(zab.Forward{Link: 7, From: 2, Packet: wire.QuorumPacket{Type: wire.PacketRequest, Data: body}})
	if got := w.told(); got != "" {
		t.Errorf("it %s", got)
	}
}

// A client that counts its requests from 1 on every connection has closed its
// session elsewhere, and gone on here before that came through. The end of the
// session answers no request that asked for something else.
func TestTheEndOfASessionAnswersNobodyElse(t *testing.T) {
	end := &wire.TxnHeader{ClientID: 5, Cxid: 1, Type: wire.OpCloseSession}
	for _, c := range []struct {
		asked wire.OpCode
		is    wire.OpCode
		mine  bool
	}{
		{wire.OpCreate, wire.OpCloseSession, false},
		{wire.OpCloseSession, wire.OpCloseSession, true},
		{wire.OpCreate, wire.OpCreate, true},
		{wire.OpCreate, wire.OpError, true},
	} {
		r := &Request{Xid: 1, Op: c.asked}
		s := &Server{pending: pending{5: {r}}}
		end.Type = c.is
		if got := s.popPending(end); (got == r) != c.mine {
			t.Errorf("%v is claimed by a request that asked for %v: %v, expected %v", c.is, c.asked, got == r, c.mine)
		}
	}
}
