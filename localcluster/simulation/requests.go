package simulation

import (
	"bytes"
	"slices"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// request is one request of a client, as its server sees it.
type request struct {
	c    *clientConn
	xid  int32
	op   wire.OpCode
	body []byte

	zxid   wire.Zxid // of the transaction, where this server has proposed it
	done   bool
	answer datatree.Answer
	reply  wire.Zxid
}

func (r *request) goesToLeader() bool {
	return r.op.IsWrite() && r.op != wire.OpCreateSession && r.op != wire.OpDeleteContainer
}

func (r *request) inFlight() bool { return r.op == wire.OpSync || r.goesToLeader() }

// minTicks and maxTicks bound session timeouts, in ticks, as in ZooKeeper.
const minTicks, maxTicks = 2, 20

// greet handles a ConnectRequest: a client that wants a session, a new one or
// one that it has.
func (s *server) greet(c *clientConn, req wire.ConnectRequest) {
	known := max(s.tree.LastZxid(), wire.MakeZxid(s.status.Epoch, 0))
	switch {
	case c.closing:
		return
	case !s.status.Serving, req.LastZxidSeen > known:
		s.drop(c)
		return
	}
	asked := milliseconds(req.Timeout)
	c.timeout = int32(min(max(asked, minTicks*s.w.setup.Tick), maxTicks*s.w.setup.Tick).Milliseconds())
	if req.SessionID != 0 {
		s.reattach(c, req)
		return
	}
	c.session = s.newSessionID()
	s.bind(c)
	body := wire.NewEncoder(nil)
	body.Int32(c.timeout)
	s.submit(&request{c: c, op: wire.OpCreateSession, body: body.Bytes()})
}

func (s *server) newSessionID() int64 {
	for {
		id := s.ids.Next()
		if _, used := s.tree.SessionTimeout(id); !used && s.bound[id] == nil {
			return id
		}
	}
}

func (s *server) reattach(c *clientConn, req wire.ConnectRequest) {
	if !bytes.Equal(req.Password, wire.SessionPassword(req.SessionID)) {
		s.refuseSession(c)
		return
	}
	c.session = req.SessionID
	s.bind(c)
	if s.leading != nil {
		s.confirmSession(c, s.leading.adopt(c.session, c.timeout, localOwner, s.local()))
		return
	}
	l := s.learning
	l.revalidating[c.session] = append(l.revalidating[c.session], c)
	s.toLeader(wire.QuorumPacket{
		Type: wire.PacketRevalidate, Zxid: -1,
		Data: wire.Marshal(&wire.Revalidate{SessionID: c.session, Timeout: c.timeout}),
	})
}

// bind makes c the connection of its session, and closes the one before.
func (s *server) bind(c *clientConn) {
	if old := s.bound[c.session]; old != nil && old != c {
		s.drop(old)
	}
	s.bound[c.session] = c
}

func (s *server) confirmSession(c *clientConn, alive bool) {
	if c.closing {
		return
	}
	if !alive {
		s.refuseSession(c)
		return
	}
	c.toClient(reply{connect: &wire.ConnectResponse{
		Timeout: c.timeout, SessionID: c.session, Password: wire.SessionPassword(c.session),
	}})
}

func (s *server) refuseSession(c *clientConn) {
	c.toClient(reply{connect: &wire.ConnectResponse{Password: wire.NoPassword()}})
	s.part(c)
}

// request takes a request from a connection. Requests are answered in the
// order of arrival; writes start on their way at once, reads wait until they
// are at the head.
func (s *server) request(c *clientConn, xid int32, op wire.OpCode, body []byte) {
	if c.closing {
		return
	}
	r := &request{c: c, xid: xid, op: op, body: body}
	s.touch(c)
	switch {
	case op == wire.OpSync:
		s.submitSync(r)
	case r.goesToLeader():
		s.submit(r)
	default:
		c.queue = append(c.queue, r)
	}
	s.drain(c)
}

func (s *server) submitSync(r *request) {
	r.c.queue = append(r.c.queue, r)
	if s.leading != nil {
		s.leading.afterOutstanding(s.status, func() { s.synced(r) })
		return
	}
	s.learning.syncs = append(s.learning.syncs, r)
	forwarded := wire.ForwardedRequest{SessionID: r.c.session, Cxid: r.xid, Op: r.op, Body: r.body}
	s.toLeader(wire.QuorumPacket{Type: wire.PacketRequest, Zxid: -1, Data: wire.Marshal(&forwarded)})
}

func (s *server) synced(r *request) {
	s.finish(r, s.tree.LastZxid(), datatree.Answer{})
}

func (s *server) drain(c *clientConn) {
	for len(c.queue) > 0 && !c.closing {
		r := c.queue[0]
		if r.inFlight() && !r.done {
			return
		}
		c.queue = c.queue[1:]
		if r.done {
			s.reply(r, r.reply, r.answer)
		} else {
			s.answerHere(r)
		}
	}
}

func (s *server) finish(r *request, zxid wire.Zxid, a datatree.Answer) {
	if r.c.closing || r.done {
		return
	}
	r.done, r.reply, r.answer = true, zxid, a
	s.drain(r.c)
}

func (s *server) answerHere(r *request) {
	zxid := s.tree.LastZxid()
	if r.op == wire.OpPing {
		s.reply(r, zxid, datatree.Answer{})
		return
	}
	if s.leading != nil {
		if code := s.leading.sessions.Check(r.c.session, localOwner); code != wire.OK {
			s.reply(r, zxid, datatree.Answer{Err: code})
			return
		}
	}
	answer, known := datatree.Read(s.tree, s.watches, datatree.Query{
		Op: r.op, Body: r.body, Session: r.c.session, Watcher: r.c.id,
	})
	if !known {
		answer = datatree.Answer{Err: wire.ErrUnimplemented}
	}
	s.notify(answer.Missed)
	s.reply(r, zxid, answer)
}

func (s *server) reply(r *request, zxid wire.Zxid, a datatree.Answer) {
	c := r.c
	if a.Err == wire.ErrSessionMoved {
		s.drop(c)
		return
	}
	var body []byte
	if a.Err == wire.OK && a.Body != nil {
		body = wire.Marshal(a.Body)
	}
	c.toClient(reply{header: wire.ReplyHeader{Xid: r.xid, Zxid: zxid, Err: a.Err}, body: body})
	if r.op == wire.OpCloseSession {
		s.part(c)
	}
}

// notify sends watch events, before the replies that show what they report.
func (s *server) notify(events []datatree.Notification) {
	for i := range events {
		n := &events[i]
		for _, c := range s.conns {
			if c.id == n.Watcher && !c.closing {
				c.toClient(reply{event: &n.Event, eventZxid: n.Zxid})
			}
		}
	}
}

// part closes a connection behind everything that was sent on it.
func (s *server) part(c *clientConn) {
	s.unbind(c)
	c.toClient(reply{end: true})
}

// drop closes a connection without another word.
func (s *server) drop(c *clientConn) {
	s.unbind(c)
	c.abort()
}

func (s *server) unbind(c *clientConn) {
	c.closing = true
	c.queue = nil
	s.watches.Drop(c.id)
	if s.bound[c.session] == c {
		delete(s.bound, c.session)
	}
	s.conns = slices.DeleteFunc(s.conns, func(x *clientConn) bool { return x == c })
}

// dropClients ends all connections because the process dies.
func (s *server) dropClients() {
	for _, c := range s.conns {
		c.closing = true
		if !s.silent {
			c.abort()
		}
	}
	s.conns = nil
}

// clientConn is the connection of a client to a server: two queues, like any
// TCP connection.
type clientConn struct {
	id     int64 // as a watcher
	client *client
	s      *server
	life   int

	// The server's side.
	session int64
	timeout int32
	queue   []*request
	closing bool

	// The client's side.
	over bool // the client has left it, or knows that it is gone

	upAt, downAt time.Duration // arrival of what was sent last
	ended        bool          // the server will send nothing more
	lost         bool          // what is under way to the client does not arrive
	severed      bool          // nothing arrives any more, and neither side is told
}

// reply is anything that a server sends to a client.
type reply struct {
	connect   *wire.ConnectResponse
	header    wire.ReplyHeader
	body      []byte
	event     *wire.WatcherEvent
	eventZxid wire.Zxid // the oracle's: clients do not see it
	end       bool
}

func (c *clientConn) delay() time.Duration {
	setup := &c.s.w.setup
	return setup.Latency/2 + 30*time.Microsecond + time.Duration(c.client.rng.Int64N(int64(setup.Jitter/2)+1))
}

// toServer lets something of the client arrive at its server.
func (c *clientConn) toServer(do func()) {
	w := c.s.w
	c.upAt = max(c.upAt, w.now+c.delay())
	w.queue.push(c.upAt, func() {
		if c.severed || c.s.life != c.life {
			return
		}
		c.s.handle(func() {
			if !c.closing {
				do()
			}
		})
	})
}

// toClient lets something of the server arrive at its client.
func (c *clientConn) toClient(r reply) {
	if c.ended {
		return
	}
	c.ended = r.end
	w := c.s.w
	c.downAt = max(c.downAt, w.now+c.delay())
	w.queue.push(c.downAt, func() {
		if !c.lost && !c.severed && !c.over && w.violation == nil {
			c.client.received(c, r)
		}
	})
}

// abort breaks the connection: what is under way to the client is lost, and it
// hears of the end.
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
