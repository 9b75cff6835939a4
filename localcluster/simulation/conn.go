package simulation

import (
	"fmt"
	"slices"
	"time"

	"zkctl/localcluster/replica"
	"zkctl/probe/wire"
)

// clientConn is the connection of a client to a server: two queues, like any
// TCP connection. It is the replica.Client of the server's side.
type clientConn struct {
	*replica.ServerCnxn // the server's side
	id                  int64
	client              *client
	s                   *server
	life                int

	// The client's side.
	over   bool      // the client has left it, or knows that it is gone
	closed wire.Zxid // of its session, if that was closed before this connection; 0: it was alive

	upAt, downAt time.Duration // arrival of what was sent last
	ended        bool          // the server will send nothing more
	lost         bool          // what is in flight to the client does not arrive
	severed      bool          // nothing arrives any more, and neither side notices
}

var _ replica.Client = (*clientConn)(nil)

// reply is anything that a server sends to a client.
type reply struct {
	connect   *wire.ConnectResponse
	header    wire.ReplyHeader
	body      []byte
	event     *wire.WatcherEvent
	eventZxid wire.Zxid // for the oracle: clients do not see it
	epoch     int64     // for the oracle: the server's epoch when it sent the reply
	end       bool
}

func newClientConn(id int64, c *client, s *server) *clientConn {
	conn := &clientConn{id: id, client: c, s: s, life: s.life}
	conn.ServerCnxn = replica.NewServerCnxn(id, conn, nil)
	return conn
}

// connect sends the ConnectRequest.
func (c *clientConn) connect(req wire.ConnectRequest) {
	c.toServer(func() {
		c.s.conns = append(c.s.conns, c)
		c.s.replica.Connect(c.ServerCnxn, req)
		c.s.activity.touch(c.Session(), c.Timeout(), c.s.Now())
	})
}

func (c *clientConn) request(xid int32, op wire.OpCode, body []byte) {
	c.toServer(func() {
		c.s.activity.touch(c.Session(), c.Timeout(), c.s.Now())
		if c.s.unreported != nil {
			c.s.unreported[c.Session()] = true
		}
		c.s.replica.Request(c.ServerCnxn, &replica.Request{Xid: xid, Op: op, Body: body, At: c.s.Now()})
	})
}

// leave closes the connection from the client's side.
func (c *clientConn) leave() {
	c.over = true
	c.toServer(func() {
		c.s.replica.Closed(c.ServerCnxn)
		c.s.forget(c)
	})
}

// Connected implements replica.Client.
func (c *clientConn) Connected(r wire.ConnectResponse) { c.toClient(reply{connect: &r}) }

// Reply implements replica.Client.
func (c *clientConn) Reply(header wire.ReplyHeader, body wire.Record) {
	r := reply{header: header}
	if body != nil {
		r.body = wire.Marshal(body)
	}
	c.toClient(r)
}

// Event implements replica.Client.
func (c *clientConn) Event(event *wire.WatcherEvent, zxid wire.Zxid) {
	c.toClient(reply{event: event, eventZxid: zxid})
}

// Done implements replica.Client.
func (c *clientConn) Done(*replica.Request, wire.Zxid, wire.ErrCode) {}

// CloseAfterReplies implements replica.Client.
func (c *clientConn) CloseAfterReplies() {
	c.s.forget(c)
	c.toClient(reply{end: true})
}

// CloseNow implements replica.Client.
func (c *clientConn) CloseNow() {
	c.s.forget(c)
	c.abort()
}

// String implements replica.Client.
func (c *clientConn) String() string { return fmt.Sprintf("client %d", c.client.id) }

// forget removes a connection that has ended from the list.
func (s *server) forget(c *clientConn) {
	s.conns = slices.DeleteFunc(s.conns, func(x *clientConn) bool { return x == c })
}

// dropClients ends all connections because the process dies.
func (s *server) dropClients() {
	for _, c := range s.conns {
		if !s.silent {
			c.abort()
		}
	}
	s.conns = nil
}

func (c *clientConn) delay() time.Duration {
	setup := &c.s.w.setup
	return setup.Latency/2 + 30*time.Microsecond + time.Duration(c.client.rng.Int64N(int64(setup.Jitter/2)+1))
}

// toServer schedules what the server does when a client's packet arrives.
func (c *clientConn) toServer(do func()) {
	w := c.s.w
	c.upAt = max(c.upAt, w.now+c.delay())
	w.queue.push(c.upAt, func() {
		if c.severed || c.s.life != c.life {
			return
		}
		c.s.handle(func() {
			if !c.Closing() {
				do()
			}
		})
	})
}

// toClient schedules the arrival of a reply at its client.
func (c *clientConn) toClient(r reply) {
	if c.ended {
		return
	}
	c.ended, r.epoch = r.end, c.s.status.Epoch
	w := c.s.w
	c.downAt = max(c.downAt, w.now+c.delay())
	w.queue.push(c.downAt, func() {
		if !c.lost && !c.severed && !c.over && w.violation == nil {
			c.client.received(c, r)
		}
	})
}

// abort breaks the connection: what is in flight to the client is lost, and the client
// notices the end.
func (c *clientConn) abort() {
	if c.ended {
		return
	}
	c.ended, c.lost = true, true
	w := c.s.w
	w.after(c.delay(), func() {
		if !c.severed && !c.over && w.violation == nil {
			c.client.received(c, reply{end: true})
		}
	})
}
