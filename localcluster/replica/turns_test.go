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

// long is how long each transaction takes in these tests: longer than a turn.
const long = 20 * time.Millisecond

// slowly makes the preparation and the application of every transaction take long.
func (w *testShell) slowly() {
	w.o.Tracer.Proposing = func(datatree.Request, wire.Proposal) { w.record("propose"); w.now += long }
	w.o.Tracer.Delivering = func(z wire.Zxid) { w.record("apply %v", z); w.now += long }
}

// slowLeader is a leader with a client that has made n nodes, all of them durable, but not
// acknowledged by its follower yet.
func slowLeader(t *testing.T, n int) *testShell {
	w := newLeader(t)
	c, _ := w.connect("client", 1)
	w.received(wire.PacketAck, wire.MakeZxid(1, 1), nil)
	for i := range n {
		w.Request(c, create(int32(i+1), fmt.Sprintf("/%d", i)))
	}
	w.sync()
	w.recorded()
	w.slowly()
	return w
}

// finish carries on until nothing is left, and checks that no turn takes longer than its
// time and the last transaction.
func (w *testShell) finish(t *testing.T) {
	t.Helper()
	for w.Behind() {
		began := w.now
		w.CarryOn()
		if took := w.now - began; took > TickInterval(w.o.Zab.Tick)+long {
			t.Fatalf("a turn takes %v", took)
		}
	}
}

// What a quorum has acknowledged at once is applied in turns. Between them a leader hears its
// followers and pings them, and answers in the end as it would have at once.
func TestCommittedTransactionsAreAppliedInTurns(t *testing.T) {
	w := slowLeader(t, 100)
	began := w.now
	w.received(wire.PacketAck, wire.MakeZxid(1, 101), nil)
	if took := w.now - began; took > TickInterval(w.o.Zab.Tick)+long || !w.Behind() {
		t.Fatalf("one message takes %v, for 100 transactions of %v", took, long)
	}
	w.Tick()
	if got := w.recorded(); !strings.Contains(got, "send PING") || strings.Count(got, "reply") > 5 {
		t.Errorf("a leader that is behind does not ping:\n%s", got)
	}
	w.finish(t)
	got := w.recorded()
	if n := strings.Count(got, "reply"); n < 95 || !strings.HasSuffix(got, "reply 100 0x100000065 ok (0)") {
		t.Errorf("%d replies:\n%s", n, got)
	}
}

// The writes that followers forward are prepared in turns. The pings behind them are heard.
func TestForwardedWritesArePreparedInTurns(t *testing.T) {
	w := slowLeader(t, 0)
	const session = 0x77
	for i := range 100 {
		r := &wire.ForwardedRequest{SessionID: session, Cxid: int32(i), Op: wire.OpCreate, Body: create(1, fmt.Sprintf("/%d", i)).Body}
		w.Server.Step(zab.Received{Link: follower, Packet: wire.QuorumPacket{Type: wire.PacketRequest, Data: wire.Marshal(r)}})
	}
	if got := strings.Count(w.recorded(), "propose"); got > 2 {
		t.Errorf("one turn prepares %d writes, which take %v each", got, long)
	}
	w.finish(t)
	if got := strings.Count(w.recorded(), "propose"); got < 98 {
		t.Errorf("%d writes are prepared in the end, of 100", got)
	}
}

// A tree that is sent, or that its server uses in another role, has all that is committed.
func TestATreeThatIsNeededIsComplete(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*testShell)
	}{
		{"a learner needs a SNAP", func(w *testShell) {
			w.sendOne(&zab.Send{Link: follower, Snapshot: true})
		}},
		{"the leader resigns", func(w *testShell) { w.Step(zab.Resign{Reason: "a test"}) }},
	} {
		w := slowLeader(t, 20)
		w.received(wire.PacketAck, wire.MakeZxid(1, 21), nil)
		if !w.Behind() {
			t.Fatal("the leader is not behind")
		}
		c.do(w)
		if got, want := w.Tree().LastZxid(), w.Status().Applied; got != want {
			t.Errorf("%s: the tree is at %v, and %v is committed", c.name, got, want)
		}
	}
}
