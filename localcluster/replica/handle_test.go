package replica

import (
	"strings"
	"testing"
	"time"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
	"zkctl/quorum"
)

// follower is the link of the only follower of the leader that newLeader returns.
const follower = zab.LinkID(1<<63 | 1)

// newLeader returns server 3 of three voters. It leads and serves, and server 1 follows
// it.
func newLeader(t *testing.T) *testShell {
	t.Helper()
	voters, err := quorum.MajorityOf(3)
	if err != nil {
		t.Fatal(err)
	}
	w := startShell(t, zab.Config{ID: 3, Voters: voters, Tick: 100 * time.Millisecond, InitLimit: 10, SyncLimit: 5}, time.Minute)
	w.sync()
	info := wire.LearnerInfo{ServerID: 1, ProtocolVersion: 0x10000}
	w.received(wire.PacketFollowerInfo, 0, wire.Marshal(&info))
	for _, from := range []zab.ServerID{1, 2} {
		w.Step(zab.Notified{From: from, Notification: wire.Notification{State: wire.Looking, Leader: 3, ElectionEpoch: 1}})
	}
	w.sync()
	w.received(wire.PacketAckEpoch, 0, []byte{0, 0, 0, 0})
	w.sync()
	w.received(wire.PacketAck, wire.MakeZxid(1, 0), nil)
	if got := w.recorded(); !strings.Contains(got, "serving: true") {
		t.Fatalf("server 3 does not lead: %s", got)
	}
	return w
}

// received passes a packet of the follower.
func (w *testShell) received(kind wire.PacketType, zxid wire.Zxid, data []byte) {
	w.Step(zab.Received{Link: follower, Packet: wire.QuorumPacket{Type: kind, Zxid: zxid, Data: data}})
}

// A leader that was stopped for longer than syncLimit (SIGSTOP) may have been replaced.
// It checks its deadlines before it handles any of the messages that waited for it, and then
// commits, proposes and answers nothing.
func TestHandleChecksDeadlinesAfterAPause(t *testing.T) {
	created := wire.MakeZxid(1, 2) // 1 is the createSession of the client
	for _, c := range []struct {
		name    string
		before  func(*testShell, *ServerCnxn)
		message func(*testShell, *ServerCnxn)
		does    string // what the message does in a leader that was not stopped
	}{
		{
			"the disk has written a transaction",
			func(w *testShell, c *ServerCnxn) {
				w.Request(c, create(1, "/a"))
				w.received(wire.PacketAck, created, nil)
			},
			func(w *testShell, _ *ServerCnxn) { w.sync() },
			"client: reply 1",
		},
		{
			"a follower has acknowledged a transaction",
			func(w *testShell, c *ServerCnxn) {
				w.Request(c, create(1, "/a"))
				w.sync()
			},
			func(w *testShell, _ *ServerCnxn) { w.received(wire.PacketAck, created, nil) },
			"client: reply 1",
		},
		{
			"a client reads",
			func(*testShell, *ServerCnxn) {},
			func(w *testShell, c *ServerCnxn) { w.Request(c, exists(1, "/")) },
			"client: reply 1",
		},
		{
			"a client writes",
			func(*testShell, *ServerCnxn) {},
			func(w *testShell, c *ServerCnxn) { w.Request(c, create(1, "/a")) },
			"propose 0x100000002 create",
		},
		{
			"a client connects",
			func(*testShell, *ServerCnxn) {},
			func(w *testShell, _ *ServerCnxn) {
				second := NewServerCnxn(2, &fakeClient{w: w, name: "second"}, nil)
				w.Connect(second, wire.ConnectRequest{Timeout: 1000, Password: wire.NoPassword()})
			},
			"propose 0x100000002 createSession",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := func(pause time.Duration) string {
				w := newLeader(t)
				connection := NewServerCnxn(1, &fakeClient{w: w, name: "client"}, nil)
				w.Connect(connection, wire.ConnectRequest{Timeout: 1000, Password: wire.NoPassword()})
				w.sync()
				w.received(wire.PacketAck, wire.MakeZxid(1, 1), nil)
				c.before(w, connection)
				w.recorded()
				w.now += pause
				w.Handle(func() { c.message(w, connection) })
				return w.recorded()
			}
			if got := run(0); !strings.Contains(got, c.does) {
				t.Errorf("without a pause the leader does:\n%s\nexpected %q", got, c.does)
			}
			got := run(time.Second)
			if !strings.Contains(got, "serving: false") || !strings.Contains(got, "client: closed") {
				t.Errorf("after a pause the leader goes on:\n%s", got)
			}
			if strings.Contains(got, "reply") || strings.Contains(got, "propose") {
				t.Errorf("after a pause the leader handles the message:\n%s", got)
			}
		})
	}
}
