package member

import (
	"io"
	"net"
	"testing"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// handLoop is a standalone server whose event loop is the test: nothing happens between
// two steps of it, so that a test can put an event between any two others.
type handLoop struct {
	*server
	t *testing.T
}

func newHandLoop(t *testing.T) *handLoop {
	t.Helper()
	cfg := testConfig(t)
	cfg.Standalone = true
	store, found, err := openStorage(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(&cfg, newLogbook(t, "server").logger(), found, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.writer = startWriter(store, found.History, s.post)
	s.port = &clientPort{}
	t.Cleanup(func() {
		close(s.stopped)
		s.writer.close()
		store.Close()
	})
	l := &handLoop{s, t}
	s.replica.Tick()
	s.replica.Step(zab.Start{})
	for !s.replica.Status().Serving {
		l.persist()
	}
	return l
}

// persist waits until everything that was written is durable, and handles that.
func (l *handLoop) persist() {
	l.flush()
	<-l.writer.progress
	l.turn(nodeInput{zab.Persisted{Seq: l.writer.durable.Load()}})
	for l.replica.Behind() {
		l.turn(nil)
	}
	l.flush()
}

// handClient is a connection with a session. Its reader goroutine is the test; it has a
// writer goroutine only after write.
type handClient struct {
	*conn
	l    *handLoop
	peer net.Conn // the client's end
}

func (l *handLoop) connectClient() *handClient {
	l.t.Helper()
	here, there := net.Pipe()
	l.t.Cleanup(func() { here.Close(); there.Close() })
	c := newConn(int64(len(l.conns)+1), here, newReplyQueue(here, &l.port.flow, l.cfg.GlobalOutstanding, l.cfg.SessionlessTimeout))
	l.handle(connOpened{c})
	l.handle(connectRead{c, wire.ConnectRequest{Timeout: 10000, Password: wire.NoPassword()}})
	for !c.open {
		l.persist()
	}
	return &handClient{c, l, there}
}

func (c *handClient) ask(requests ...request) {
	for _, r := range requests {
		frame := wire.Marshal(&wire.RequestHeader{Op: r.op})
		if r.body != nil {
			frame = wire.AppendRecord(frame, r.body)
		}
		c.replies.count(len(frame))
		c.l.handle(&requestRead{c: c.conn, frame: frame, at: c.l.began})
	}
}

// set sets the data of the root, which every standalone server has.
func (c *handClient) set(size int) {
	c.ask(request{wire.OpSetData, &wire.SetDataRequest{Path: "/", Data: make([]byte, size), Version: -1}})
	c.l.persist()
}

// write starts the writer goroutine. It reports progress, and closes ended at its end.
func (c *handClient) write() (progress, ended chan struct{}) {
	progress, ended = make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(ended)
		c.replies.writeAll(func() { progress <- struct{}{} })
	}()
	return progress, ended
}

// Between the end of a connection and the message that it is gone, the loop makes no
// answers for it: nothing would count them.
func TestNoAnswersAreMadeForAConnectionThatHasEnded(t *testing.T) {
	l := newHandLoop(t)
	c := l.connectClient()
	c.set(1_000_000)
	c.ask(repeat(100, getData("/"))...)
	l.flush()
	if len(c.waiting) < 90 {
		t.Fatalf("%d requests wait, of 100", len(c.waiting))
	}
	c.replies.abandon()
	_, ended := c.write()
	<-ended
	made := l.stats.sent
	l.admitWaiting()
	c.ask(repeat(100, getData("/"))...)
	if sent := l.stats.sent - made; sent > 0 || l.made > 0 {
		t.Errorf("%d answers were made, of %d bytes", sent, l.made)
	}
	l.flush()
	l.handle(connGone{c: c.conn})
	l.admitWaiting()
	if n := l.port.unread.Load(); n != 0 {
		t.Errorf("%d bytes are unread when no client is left", n)
	}
	if n := l.inFlight(); n != 0 {
		t.Errorf("%d requests are in flight when no client is left", n)
	}
}

// What a client has read of an answer is not free: the memory of the answer is, once it
// is written whole. Otherwise a client that reads all but the last bytes of large
// answers would count as one that has nothing unread.
func TestAnAnswerCountsUntilItIsWrittenWhole(t *testing.T) {
	l := newHandLoop(t)
	c := l.connectClient()
	c.set(1_000_000)
	progress, ended := c.write()
	drop := func(n int64) {
		t.Helper()
		if _, err := io.CopyN(io.Discard, c.peer, n); err != nil {
			t.Fatal(err)
		}
	}
	many := &wire.MultiRequest{}
	for range 8 {
		many.Ops = append(many.Ops, wire.MultiOp{Op: wire.OpGetData, Request: getData("/").body})
	}
	c.ask(repeat(2, request{wire.OpMultiRead, many})...)
	l.flush()
	drop(8_000_000)
	l.admitWaiting()
	if n := l.port.unread.Load(); n < 8_000_000 || l.made > 0 {
		t.Errorf("%d bytes count as unread, and %d more are made, while the first answer is in memory", n, l.made)
	}
	go io.Copy(io.Discard, c.peer)
	for len(c.waiting) > 0 {
		<-progress
		l.admitWaiting()
	}
	c.replies.part()
	<-ended
}

// A loop that has much room to give gives it in parts: deadlines and other servers come
// between them.
func TestRoomIsGivenInBatches(t *testing.T) {
	l := newHandLoop(t)
	var clients []*handClient
	for range 20 {
		clients = append(clients, l.connectClient())
	}
	clients[0].set(1_000_000)
	l.port.unread.Add(maxServerUnread)
	for _, c := range clients {
		c.ask(getData("/"))
	}
	l.flush()
	l.port.unread.Add(-maxServerUnread)
	for len(l.waiting) > 0 {
		l.replica.Handle(l.admitWaiting) // as for a tick
		if l.made > batchBytes+1_001_000 {
			t.Errorf("%d bytes are made at a time", l.made)
		}
		if l.made >= batchBytes && len(l.waiting) > 0 && len(l.room) == 0 {
			t.Errorf("%d clients would wait for the next tick, although there is room", len(l.waiting))
		}
		l.flush()
	}
	for _, c := range clients {
		if c.replies.unread.Load() < 1_000_000 {
			t.Errorf("client %d has no answer", c.id)
		}
	}
}
