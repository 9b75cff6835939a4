package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// client is a program that uses the ensemble as client libraries do: one
// session, one connection at a time, requests in a pipeline, heartbeats, and
// another server when this one says nothing.
type client struct {
	w   *World
	id  int
	rng *rand.Rand

	session  int64
	password []byte
	timeout  time.Duration // granted; before that, wanted
	lastZxid wire.Zxid

	conn      *clientConn
	connected bool // the session is confirmed on conn
	since     time.Duration
	heard     time.Duration
	sent      time.Duration
	retryAt   time.Duration

	xid    int32
	under  []*clientOp // under way, in order
	made   int
	awake  time.Duration // asleep until then
	missed []func()      // what came meanwhile
	gone   bool          // never comes back
	cut    map[int]int

	watches watchModel
	last    *clientOp // of a calm run: what must succeed
}

// clientOp is a request, as its client sees it.
type clientOp struct {
	xid         int32
	op          wire.OpCode
	path        string
	watch       bool
	body        []byte
	asked       int // how often
	done        bool
	err         wire.ErrCode
	at          time.Duration
	behindClose bool // the session's end had been asked for when it was sent

	floor wire.Zxid // of a sync: what was committed when it was sent, and
	epoch int64     // the newest established epoch then
	many  []wire.MultiOp
	mode  wire.AddWatchMode
}

func newClient(w *World, id int) *client {
	c := &client{w: w, id: id, rng: w.random(), cut: map[int]int{}}
	c.forget()
	return c
}

// forget begins a new life: no session, no watches.
func (c *client) forget() {
	ticks := pick(c.rng, 4, 6, 10, 20)
	c.session, c.password, c.lastZxid, c.timeout = 0, nil, 0, time.Duration(ticks)*c.w.setup.Tick
	c.xid = 0
	c.watches = newWatchBook()
}

func (c *client) start() {
	c.w.after(time.Duration(c.rng.Int64N(int64(c.w.setup.Tick))), c.wake)
	c.w.after(c.think(), c.work)
}

func (c *client) think() time.Duration {
	return time.Duration(float64(c.w.setup.Think) * c.rng.ExpFloat64())
}

// wake looks at the clock.
func (c *client) wake() {
	if c.gone {
		return
	}
	c.w.after(c.w.setup.Tick/4, c.wake)
	if c.w.now < c.awake {
		return
	}
	missed := c.missed
	c.missed = nil
	for _, do := range missed {
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

// connect tries some server.
func (c *client) connect() {
	s := c.choose()
	if !s.up || c.cut[int(s.id)] > 0 {
		c.retryAt = c.w.now + c.w.setup.Tick/4
		return
	}
	c.w.watchers++
	c.conn = newClientConn(c.w.watchers, c, s)
	c.conn.closed = c.w.oracle.model.closed[c.session]
	c.connected, c.since, c.heard = false, c.w.now, c.w.now
	c.watches.moved()
	if c.w.setup.XidsRestart {
		c.xid = 0
	}
	req := wire.ConnectRequest{LastZxidSeen: c.lastZxid, Timeout: int32(c.timeout.Milliseconds()), SessionID: c.session, Password: c.password}
	if c.session == 0 {
		req.Password = wire.NoPassword()
	}
	c.conn.greet(req)
}

// roams tells whether a client changes its server without need, as those do that
// balance their load; more often at first, when its requests may be taken for those
// of the connection before, and when a leader is left behind that may not know what
// the client has seen elsewhere.
func (c *client) roams() bool {
	if !c.w.setup.Wide {
		return false
	}
	return c.rng.IntN(60) == 0 || c.xid <= 4 && c.rng.IntN(8) == 0 || c.leftBehind() != nil
}

// leftBehind is a leader of an epoch before the newest that does not know so yet,
// if the client has seen something of the newest.
func (c *client) leftBehind() *server {
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
		if behind := c.leftBehind(); behind != nil && c.rng.IntN(2) == 0 {
			return behind
		}
	}
	return any
}

// leave gives the connection up.
func (c *client) leave() {
	if c.conn != nil {
		c.conn.leave()
		c.lost()
	}
}

// lost is the end of a connection: what became of the requests under way is
// not known.
func (c *client) lost() {
	c.conn, c.connected = nil, false
	c.under = nil
	c.retryAt = c.w.now + time.Duration(c.rng.Int64N(int64(c.w.setup.Tick/2)))
}

func (c *client) send(xid int32, op wire.OpCode, body []byte) {
	c.sent = c.w.now
	c.conn.request(xid, op, body)
}

// ask sends a request that is answered in order.
func (c *client) ask(op *clientOp) {
	c.xid++
	op.xid, op.at = c.xid, c.w.now
	op.asked++
	op.behindClose = c.w.oracle.ends.asked[c.session]
	switch op.op {
	case wire.OpCloseSession:
		c.w.oracle.ends.asked[c.session] = true
	case wire.OpSync:
		op.floor, op.epoch = c.w.oracle.tip, c.w.oracle.newest
	}
	c.under = append(c.under, op)
	c.send(op.xid, op.op, op.body)
}

// work asks for something new.
func (c *client) work() {
	if c.gone {
		return
	}
	c.w.after(c.think(), c.work)
	if !c.connected || c.w.now < c.awake || c.w.calm || len(c.under) >= c.w.setup.Pipeline {
		return
	}
	if c.roams() {
		c.leave()
		c.connect()
		return
	}
	if c.w.setup.Farewells && c.rng.IntN(20) == 0 {
		c.farewell()
		return
	}
	c.ask(c.invent())
}

// farewell ends the session behind requests of any kind, sent in one go.
func (c *client) farewell() {
	for range 1 + c.rng.IntN(6) {
		if op := c.invent(); op.op != wire.OpCloseSession {
			c.ask(op)
		}
	}
	c.ask(&clientOp{op: wire.OpCloseSession})
}

// received takes what its server says.
func (c *client) received(conn *clientConn, r reply) {
	if c.gone || conn != c.conn {
		return
	}
	if c.w.now < c.awake || len(c.missed) > 0 {
		c.missed = append(c.missed, func() { c.take(conn, r) })
		return
	}
	c.take(conn, r)
}

// take handles what a server said.
func (c *client) take(conn *clientConn, r reply) {
	if conn != c.conn || c.w.violation != nil {
		return
	}
	c.heard = c.w.now
	switch {
	case r.end:
		conn.over = true
		c.lost()
	case r.connect != nil:
		c.welcomed(r.connect, r.epoch)
	case r.event != nil:
		c.watches.event(c, r)
	default:
		c.answered(r)
	}
}

func (c *client) welcomed(r *wire.ConnectResponse, epoch int64) {
	if r.SessionID == 0 {
		c.w.note("client %d: session %x is over", c.id, uint64(c.session))
		c.w.oracle.refusedSession(c, epoch)
		c.conn.over = true
		c.lost()
		c.forget()
		return
	}
	if c.session != 0 && c.session != r.SessionID {
		c.w.fail(invSession, "client %d had session %x and gets %x", c.id, uint64(c.session), uint64(r.SessionID))
	}
	c.w.oracle.confirmedSession(c, epoch)
	c.w.note("client %d: session %x on server %d", c.id, uint64(r.SessionID), c.conn.s.id)
	c.session, c.password, c.connected = r.SessionID, r.Password, true
	c.timeout = milliseconds(r.Timeout)
	if set := c.watches.restore(c.lastZxid); set != nil {
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

func (c *client) answered(r reply) {
	h := r.header
	switch h.Xid {
	case wire.XidPing:
		c.saw(h.Zxid)
		c.watches.check(c, h.Zxid)
		return
	case wire.XidSetWatches:
		c.saw(h.Zxid)
		switch h.Err {
		case wire.OK:
			c.watches.restored(c, h.Zxid)
		case wire.ErrSessionExpired: // its own closeSession, from the connection before, was faster
			c.w.oracle.refusedRequest(c, wire.OpSetWatches, r.epoch)
		default:
			c.w.fail(invWatch, "client %d cannot set its watches again: %v", c.id, h.Err)
		}
		return
	}
	if len(c.under) == 0 || c.under[0].xid != h.Xid {
		c.w.fail(invFIFO, "client %d gets the answer to request %d out of turn", c.id, h.Xid)
		return
	}
	op := c.under[0]
	c.under = c.under[1:]
	op.done, op.err = true, h.Err
	if c.w.tracing() {
		c.w.note("client %d: %v %s -> %v at %v", c.id, op.op, op.path, h.Err, h.Zxid)
	}
	c.saw(h.Zxid)
	c.watches.check(c, h.Zxid)
	c.w.oracle.aheadOfClose(c, op, h)
	c.w.oracle.answered(c, op, r)
	switch {
	case op.op == wire.OpAddWatch:
		c.watches.add(c, op, r)
	case op.op == wire.OpRemoveWatches:
		c.watches.remove(c, op, r)
	case op.watch:
		c.watches.set(op, h)
	}
	if op.op == wire.OpCloseSession {
		c.conn.over = true
		c.lost()
		c.forget()
	}
	if op == c.last {
		c.wrote(op)
	}
}

// wrote looks at what became of the write that must succeed.
func (c *client) wrote(op *clientOp) {
	switch {
	case op.err == wire.OK, op.err == wire.ErrNodeExists && op.asked > 1:
	case op.err == wire.ErrSessionExpired, op.err == wire.ErrSessionMoved:
		op.done = false // to be asked again, by another session or through another server
		c.leave()
	default:
		c.w.fail(invLiveness, "client %d asks in a healed ensemble for %v %s, and is answered %v", c.id, op.op, op.path, op.err)
	}
}

// saw checks that time never goes back for a client.
func (c *client) saw(z wire.Zxid) {
	if z < c.lastZxid {
		c.w.fail(invOneImage, "client %d has seen %v and is answered at %v by server %d", c.id, c.lastZxid, z, c.conn.s.id)
	}
	c.lastZxid = max(c.lastZxid, z)
}

// finish asks, once the ensemble is well, for the write that must succeed.
func (c *client) finish() {
	if c.gone {
		return
	}
	path := fmt.Sprintf("/last-%d", c.id)
	c.last = write(wire.OpCreate2, path, &wire.CreateRequest{Path: path, Data: c.data(), ACL: wire.OpenACL()})
	if c.connected {
		c.ask(c.last)
	}
}
