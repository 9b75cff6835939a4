package drill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"zkctl/inject/history"
	"zkctl/probe"
	"zkctl/probe/wire"
)

// connection writes down what one session says and hears on one connection. It is the session's probe.Observer, and
// makes of each request and its reply, or its end without one, a history.Op.
type connection struct {
	client *client
	number int
	server int64

	resumes int64 // the session that is asked for; 0: a new one

	// Set once, by opened.
	s       *probe.Session
	session int64

	mu      sync.Mutex
	sent    []*history.Op // and not answered, in order
	pings   []*history.Op
	next    intention // of the request that is being encoded
	arena   arena
	closing bool // the client has asked for the end of its session
	closed  bool // … and it was granted
}

// request is an operation that is to be sent.
type request struct {
	intention
	op       wire.OpCode
	body     wire.Record
	response wire.Record
	done     func(err error) // nil, or what the client learns from the end
}

// intention is what the client knows of a request and its bytes do not say.
type intention struct {
	at    int64
	path  string
	watch bool
}

// do sends an operation and waits for its end.
func (c *connection) do(ctx context.Context, r request) (wire.Zxid, error) {
	return c.s.Do(ctx, r.op, &intended{body: r.body, conn: c, intention: r.intention}, r.response)
}

// intended is a request with its intention. A session encodes a request immediately before it calls Sent, and no other
// between the two: so Encode leaves the intention on the connection, and Sent takes it.
type intended struct {
	body wire.Record // nil: none
	conn *connection
	intention
}

// Encode implements wire.Record.
func (r *intended) Encode(e *wire.Encoder) {
	r.conn.mu.Lock()
	r.conn.next = r.intention
	r.conn.mu.Unlock()
	if r.body != nil {
		r.body.Encode(e)
	}
}

// Decode implements wire.Record. Requests are not decoded here.
func (r *intended) Decode(d *wire.Decoder) { d.Fail(errors.ErrUnsupported) }

// opened is probe.Options.Observe.
func (c *connection) opened(s *probe.Session) probe.Observer {
	kind := history.Connected
	if c.resumes == s.ID() {
		kind = history.Resumed
	}
	c.s, c.session = s, s.ID()
	c.link(kind, s.Timeout(), "")
	return c
}

func (c *connection) link(kind history.LinkKind, granted time.Duration, why string) {
	c.client.out.Record(history.Record{Link: &history.Link{
		Client: c.client.number, Conn: c.number, Session: c.session, Server: c.server, At: c.client.out.Now(),
		Kind: kind, Timeout: granted, Why: why,
	}})
}

// Sent implements probe.Observer.
func (c *connection) Sent(xid int32, op wire.OpCode, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.client.out.Now()
	intent := c.next
	c.next = intention{}
	if intent.at == 0 {
		intent.at = now
	}
	one := &history.Op{
		Client: c.client.number, Session: c.session, Conn: c.number, Server: c.server, Xid: xid, Code: op,
		Path: intent.path, Watch: intent.watch, Request: c.arena.copy(body), Intend: intent.at, Invoke: now,
	}
	if op == wire.OpPing {
		c.pings = append(c.pings, one)
		return
	}
	c.closing = c.closing || op == wire.OpCloseSession
	c.client.lastXid.Store(xid)
	c.sent = append(c.sent, one)
}

// Answered implements probe.Observer.
func (c *connection) Answered(h wire.ReplyHeader, body []byte) {
	c.mu.Lock()
	queue := &c.sent
	if h.Xid == wire.XidPing {
		queue = &c.pings
	}
	one := (*queue)[0]
	*queue = (*queue)[1:]
	one.Return, one.Outcome, one.Err, one.Zxid = c.client.out.Now(), history.OK, h.Err, h.Zxid
	one.Reply = c.arena.copy(body)
	c.mu.Unlock()
	c.client.answered(one)
	c.client.out.Record(history.Record{Op: one})
	if one.Code == wire.OpCloseSession && one.Err == wire.OK {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		c.link(history.Closed, 0, "")
	}
}

// Event implements probe.Observer.
func (c *connection) Event(e wire.WatcherEvent, zxid wire.Zxid) {
	c.client.watches.fired(e)
	c.client.lock.fired(e)
	c.client.out.Record(history.Record{Event: &history.Event{
		Client: c.client.number, Conn: c.number, At: c.client.out.Now(), Zxid: zxid, WatcherEvent: e,
	}})
}

// Stray implements probe.Observer.
func (c *connection) Stray(h wire.ReplyHeader) {
	c.link(history.Stray, 0, fmt.Sprintf("a reply that was not due: xid %d at %v", h.Xid, h.Zxid))
}

// Gone implements probe.Observer. The outcome of what was not answered stays unknown. A connection whose session the
// client has closed is not lost, though a ping that went out behind the close is never answered.
func (c *connection) Gone(err error) {
	c.mu.Lock()
	left := append(c.sent, c.pings...)
	c.sent, c.pings = nil, nil
	closing, closed := c.closing, c.closed
	c.mu.Unlock()
	for _, one := range left {
		one.Return, one.Outcome = math.MaxInt64, history.Unknown
		c.client.out.Record(history.Record{Op: one})
	}
	if !closing || len(left) > 0 && !closed {
		c.link(history.Lost, 0, reason(err))
	}
}

// reason is short: the text of an error has addresses, which make no two runs alike.
func reason(err error) string {
	if r := probe.ReasonOf(err); r != probe.ReasonNone {
		return r.String()
	}
	if errors.Is(err, probe.ErrSessionClosed) {
		return "closed by the client"
	}
	return err.Error()
}

// gate holds back what a client says and hears: a client that sleeps is a process that gets no processor.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // nil: open
}

// shut closes the gate until the returned function is called.
func (g *gate) shut() (lift func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil {
		return func() {}
	}
	closed := make(chan struct{})
	g.open = closed
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = nil
		close(closed)
	})
}

func (g *gate) pass() {
	g.mu.Lock()
	closed := g.open
	g.mu.Unlock()
	if closed != nil {
		<-closed
	}
}

// gatedConn is a connection behind a gate.
type gatedConn struct {
	net.Conn
	gate *gate
}

func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.pass()
	return n, err
}

func (c *gatedConn) Write(b []byte) (int, error) {
	c.gate.pass()
	return c.Conn.Write(b)
}
