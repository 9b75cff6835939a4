package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/inject/history"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// client is a program that uses the ensemble as client libraries do: one
// session, one connection at a time, requests in a pipeline, heartbeats, and
// a connection to another server when this one is silent.
type client struct {
	w   *World
	id  int
	rng *rand.Rand

	session  int64
	password []byte
	timeout  time.Duration // of the session; before it exists, the one to ask for
	lastZxid wire.Zxid

	conn      *clientConn
	connected bool          // the session is confirmed on conn
	since     time.Duration // conn was opened
	heard     time.Duration // something was received last
	sent      time.Duration // something was sent last
	retryAt   time.Duration

	xid      int32
	inFlight []*clientOp   // sent and not answered, in order
	made     int           // data values so far
	awake    time.Duration // asleep until then
	deferred []func()      // what arrived while it was asleep
	gone     bool          // never comes back
	cut      map[int]int   // for scripts: servers that it cannot reach

	watches *history.Watches
	last    *clientOp // after healing: the write that must succeed
}

// clientOp is a request, as its client sees it.
type clientOp struct {
	history.Op
	attempts    int // how often it was sent
	done        bool
	behindClose bool // the client had sent a closeSession before it

	floor wire.Zxid // of a sync: what was committed when it was sent, and
	epoch int64     // the newest established epoch then
}

func newClient(w *World, id int) *client {
	c := &client{w: w, id: id, rng: w.random(), cut: map[int]int{}}
	c.forget()
	return c
}

// forget drops the session and its watches; the next connection asks for a new session.
func (c *client) forget() {
	ticks := pick(c.rng, 4, 6, 10, 20)
	c.session, c.password, c.lastZxid, c.timeout = 0, nil, 0, time.Duration(ticks)*c.w.setup.Tick
	c.xid = 0
	c.watches = history.NewWatches(c.w.oracle.judge, c.id)
}

func (c *client) start() {
	c.w.after(time.Duration(c.rng.Int64N(int64(c.w.setup.Tick))), c.wake)
	c.w.after(c.think(), c.work)
}

func (c *client) think() time.Duration {
	return time.Duration(float64(c.w.setup.Think) * c.rng.ExpFloat64())
}

// wake does what is due: what arrived during sleep, a new connection, a ping, a timeout.
func (c *client) wake() {
	if c.gone {
		return
	}
	c.w.after(c.w.setup.Tick/4, c.wake)
	if c.w.now < c.awake {
		return
	}
	deferred := c.deferred
	c.deferred = nil
	for _, do := range deferred {
		do()
	}
	switch {
	case c.conn == nil:
		if c.w.now >= c.retryAt {
			c.connect()
		}
	case !c.connected && c.w.now > c.since+c.timeout/3, c.connected && c.w.now > c.heard+c.timeout*2/3:
		c.leave()
	case c.connected && c.w.now > c.sent+c.timeout/4:
		c.send(wire.XidPing, wire.OpPing, nil)
	}
}

// connect opens a connection to some server.
func (c *client) connect() {
	s := c.choose()
	if !s.up || c.cut[int(s.id)] > 0 {
		c.retryAt = c.w.now + c.w.setup.Tick/4
		return
	}
	c.w.connections++
	c.conn = newClientConn(c.w.connections, c, s)
	c.conn.closed = c.w.oracle.judge.Model.Closed(c.session)
	c.connected, c.since, c.heard = false, c.w.now, c.w.now
	c.watches.Moved()
	if c.w.setup.XidsRestart {
		c.xid = 0
	}
	req := wire.ConnectRequest{LastZxidSeen: c.lastZxid, Timeout: int32(c.timeout.Milliseconds()), SessionID: c.session, Password: c.password}
	if c.session == 0 {
		req.Password = wire.NoPassword()
	}
	c.conn.connect(req)
}

// roams tells whether a client changes its server now without need, as clients do that
// balance their load. It does so more often on a new connection, whose requests a server
// might mix up with those of the connection before, and while there is a deposed leader
// that may not know what the client has seen elsewhere.
func (c *client) roams() bool {
	if !c.w.setup.Wide {
		return false
	}
	return c.rng.IntN(60) == 0 || c.xid <= 4 && c.rng.IntN(8) == 0 || c.deposedLeader() != nil
}

// deposedLeader is a leader of an epoch before the newest that does not know of the newer
// one; nil if the client has not seen anything of the newest epoch.
func (c *client) deposedLeader() *server {
	newest := c.w.oracle.newest
	for _, s := range c.w.servers {
		if s.up && s.status.Serving && s.status.Role == zab.Leading && s.status.Epoch < newest && c.lastZxid.Epoch() == newest {
			return s
		}
	}
	return nil
}

func (c *client) choose() *server {
	any := c.w.servers[c.rng.IntN(len(c.w.servers))]
	if c.w.setup.Wide {
		if deposed := c.deposedLeader(); deposed != nil && c.rng.IntN(2) == 0 {
			return deposed
		}
	}
	return any
}

// leave closes the connection.
func (c *client) leave() {
	if c.conn != nil {
		c.conn.leave()
		c.lost()
	}
}

// lost forgets a connection that has ended. The outcome of the requests in flight stays
// unknown.
func (c *client) lost() {
	c.w.recording.lost(c)
	c.conn, c.connected = nil, false
	c.inFlight = nil
	c.retryAt = c.w.now + time.Duration(c.rng.Int64N(int64(c.w.setup.Tick/2)))
}

func (c *client) send(xid int32, op wire.OpCode, body []byte) {
	c.sent = c.w.now
	c.w.recording.sent(c, xid, op, body)
	c.conn.request(xid, op, body)
}

// ask sends a request that is answered in order.
func (c *client) ask(op *clientOp) {
	c.xid++
	op.Client, op.Session, op.Conn, op.Server, op.Xid = c.id, c.session, int(c.conn.id), int64(c.conn.s.id), c.xid
	op.Invoke = int64(c.w.now)
	op.attempts++
	ends := c.w.oracle.judge.Ends
	op.behindClose = ends.Requested(c.session)
	switch op.Code {
	case wire.OpCloseSession:
		ends.Request(c.session)
	case wire.OpSync:
		op.floor, op.epoch = c.w.oracle.tip, c.w.oracle.newest
	}
	c.inFlight = append(c.inFlight, op)
	c.send(op.Xid, op.Code, op.Request)
}

// work sends the next request, or moves to another server.
func (c *client) work() {
	if c.gone {
		return
	}
	c.w.after(c.think(), c.work)
	if !c.connected || c.w.now < c.awake || c.w.calm || len(c.inFlight) >= c.w.setup.Pipeline {
		return
	}
	if c.roams() {
		c.leave()
		c.connect()
		return
	}
	if c.w.setup.Farewells && c.rng.IntN(20) == 0 {
		c.closeBehindRequests()
		return
	}
	c.ask(c.randomRequest())
}

// closeBehindRequests sends requests of any kind and a closeSession directly after them.
func (c *client) closeBehindRequests() {
	for range 1 + c.rng.IntN(6) {
		if op := c.randomRequest(); op.Code != wire.OpCloseSession {
			c.ask(op)
		}
	}
	c.ask(newOp(wire.OpCloseSession, "", nil))
}

// received gets what the server has sent; a client that is asleep handles it later.
func (c *client) received(conn *clientConn, r reply) {
	if c.gone || conn != c.conn {
		return
	}
	if c.w.now < c.awake || len(c.deferred) > 0 {
		c.deferred = append(c.deferred, func() { c.handle(conn, r) })
		return
	}
	c.handle(conn, r)
}

func (c *client) handle(conn *clientConn, r reply) {
	if conn != c.conn || c.w.violation != nil {
		return
	}
	c.heard = c.w.now
	switch {
	case r.end:
		conn.over = true
		c.lost()
	case r.connect != nil:
		c.handleConnect(r.connect, r.epoch)
	case r.event != nil:
		if c.w.tracing() {
			c.w.note("client %d: event %v %s of %v", c.id, r.event.Type, r.event.Path, r.eventZxid)
		}
		event := history.Event{Client: c.id, Conn: int(conn.id), At: int64(c.w.now), Zxid: r.eventZxid, WatcherEvent: *r.event}
		c.w.recording.event(event)
		c.watches.Event(event)
	default:
		c.answered(r)
	}
}

func (c *client) handleConnect(r *wire.ConnectResponse, epoch int64) {
	if r.SessionID == 0 {
		c.w.note("client %d: session %x is over", c.id, uint64(c.session))
		c.w.oracle.judge.Refused(c.comesBack(epoch))
		c.w.recording.link(c, history.Expired)
		c.conn.over = true
		c.lost()
		c.forget()
		return
	}
	if c.session != 0 && c.session != r.SessionID {
		c.w.fail(history.SessionsHold, "client %d had session %x and gets %x", c.id, uint64(c.session), uint64(r.SessionID))
	}
	c.w.oracle.judge.Confirmed(c.comesBack(epoch))
	c.w.note("client %d: session %x on server %d", c.id, uint64(r.SessionID), c.conn.s.id)
	kind := history.Connected
	if c.session != 0 {
		kind = history.Resumed
	}
	c.session, c.password, c.connected = r.SessionID, r.Password, true
	c.timeout = milliseconds(r.Timeout)
	c.w.recording.link(c, kind)
	if set := c.watches.Restore(c.lastZxid); set != nil {
		code := wire.OpSetWatches
		if set.V2 {
			code = wire.OpSetWatches2
		}
		c.send(wire.XidSetWatches, code, wire.Marshal(set))
	}
	if c.last != nil && !c.last.done {
		c.ask(c.last)
	}
}

// comesBack is what the judge must know of a client that a server confirms or refuses.
func (c *client) comesBack(epoch int64) history.Return {
	return history.Return{
		Client: c.id, Server: int64(c.conn.s.id), Session: c.session, Last: c.lastZxid,
		Epoch: epoch, Newest: c.w.oracle.newest, Closed: c.conn.closed,
	}
}

func (c *client) answered(r reply) {
	h := r.header
	switch h.Xid {
	case wire.XidPing:
		c.w.recording.answered(c, r)
		c.saw(h.Zxid)
		c.watches.Check(h.Zxid)
		return
	case wire.XidSetWatches:
		c.w.recording.answered(c, r)
		c.saw(h.Zxid)
		c.watches.Restored(&history.Op{Client: c.id, Session: c.session, Code: wire.OpSetWatches, Err: h.Err, Zxid: h.Zxid}, r.epoch)
		return
	}
	if len(c.inFlight) == 0 || c.inFlight[0].Xid != h.Xid {
		c.w.recording.link(c, history.Stray)
		c.w.fail(history.FIFO, "client %d gets the answer to request %d out of order", c.id, h.Xid)
		return
	}
	op := c.inFlight[0]
	c.inFlight = c.inFlight[1:]
	op.done = true
	op.Return, op.Outcome, op.Err, op.Zxid, op.Reply = int64(c.w.now), history.OK, h.Err, h.Zxid, r.body
	c.w.recording.op(op.Op)
	if c.w.tracing() {
		c.w.note("client %d: %v %s -> %v at %v", c.id, op.Code, op.Path, h.Err, h.Zxid)
	}
	c.saw(h.Zxid)
	c.watches.Check(h.Zxid)
	c.w.oracle.answered(c, op, r)
	switch {
	case op.Code == wire.OpAddWatch:
		c.watches.Add(&op.Op, r.epoch)
	case op.Code == wire.OpRemoveWatches:
		c.watches.Remove(&op.Op, r.epoch)
	case op.Watch:
		c.watches.Set(&op.Op)
	}
	if op.Code == wire.OpCloseSession {
		if h.Err == wire.OK {
			c.w.recording.link(c, history.Closed)
		}
		c.conn.over = true
		c.lost()
		c.forget()
	}
	if op == c.last {
		c.checkLast(op)
	}
}

// checkLast checks the answer to the write that must succeed.
func (c *client) checkLast(op *clientOp) {
	switch {
	case op.Err == wire.OK, op.Err == wire.ErrNodeExists && op.attempts > 1:
	case op.Err == wire.ErrSessionExpired, op.Err == wire.ErrSessionMoved:
		op.done = false // sent again, in another session or to another server
		c.leave()
	default:
		c.w.fail(invLiveness, "client %d: %v %s fails in a healed ensemble: %v", c.id, op.Code, op.Path, op.Err)
	}
}

// saw notes the zxid of an answer.
func (c *client) saw(z wire.Zxid) {
	c.w.oracle.judge.Saw(c.id, int64(c.conn.s.id), c.lastZxid, z)
	c.lastZxid = max(c.lastZxid, z)
}

// finish sends, after healing, the write that must succeed.
func (c *client) finish() {
	if c.gone {
		return
	}
	path := fmt.Sprintf("/last-%d", c.id)
	c.last = newOp(wire.OpCreate2, path, &wire.CreateRequest{Path: path, Data: c.data(), ACL: wire.OpenACL()})
	if c.connected {
		c.ask(c.last)
	}
}
