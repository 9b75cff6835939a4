package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

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

	watches watchBook
	last    *clientOp // of a calm run: what must succeed
	expired int
}

// clientOp is a request, as its client sees it.
type clientOp struct {
	xid   int32
	op    wire.OpCode
	path  string
	watch bool
	body  []byte
	done  bool
	err   wire.ErrCode
	at    time.Duration
	floor wire.Zxid // of a sync: what was committed when it was sent
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
	s := c.w.servers[c.rng.IntN(len(c.w.servers))]
	if !s.up || c.cut[int(s.id)] > 0 {
		c.retryAt = c.w.now + c.w.setup.Tick/4
		return
	}
	c.w.watchers++
	c.conn = newClientConn(c.w.watchers, c, s)
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
	if op.op == wire.OpSync {
		op.floor = c.w.oracle.tip
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
	c.ask(c.invent())
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
		c.welcomed(r.connect)
	case r.event != nil:
		c.watches.event(c, r)
	default:
		c.answered(r)
	}
}

func (c *client) welcomed(r *wire.ConnectResponse) {
	if r.SessionID == 0 {
		c.w.note("client %d: session %x is over", c.id, uint64(c.session))
		c.expired++
		c.conn.over = true
		c.lost()
		c.forget()
		return
	}
	if c.session != 0 && c.session != r.SessionID {
		c.w.fail(invSession, "client %d had session %x and gets %x", c.id, uint64(c.session), uint64(r.SessionID))
	}
	c.w.note("client %d: session %x on server %d", c.id, uint64(r.SessionID), c.conn.s.id)
	c.session, c.password, c.connected = r.SessionID, r.Password, true
	c.timeout = milliseconds(r.Timeout)
	if set := c.watches.restore(c.lastZxid); set != nil {
		c.send(wire.XidSetWatches, wire.OpSetWatches, wire.Marshal(set))
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
		c.watches.restored(c, h.Zxid)
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
	c.w.oracle.answered(c, op, r)
	if op.watch {
		c.watches.set(op, h)
	}
	if op.op == wire.OpCloseSession {
		c.conn.over = true
		c.lost()
		c.forget()
	}
}

// saw checks that time never goes back for a client.
func (c *client) saw(z wire.Zxid) {
	if z < c.lastZxid {
		c.w.fail(invOneImage, "client %d has seen %v and is answered at %v by server %d", c.id, c.lastZxid, z, c.conn.s.id)
	}
	c.lastZxid = max(c.lastZxid, z)
}

var topNames = []string{"/a", "/b", "/c", "/d"}

func (c *client) path() string {
	p := topNames[c.rng.IntN(len(topNames))]
	if c.rng.IntN(2) == 0 {
		p = join(p, string(rune('k'+c.rng.IntN(4))))
	}
	return p
}

func (c *client) data() []byte {
	c.made++
	return fmt.Appendf(nil, "c%d.%d", c.id, c.made)
}

// invent makes up a request. Few names, so that requests meet.
func (c *client) invent() *clientOp {
	watch := c.rng.IntN(3) == 0
	switch c.rng.IntN(20) {
	case 0, 1, 2, 3, 4:
		op, record := c.newCreate()
		return write(op, record.Path, record)
	case 5, 6, 7:
		path := c.path()
		return write(wire.OpSetData, path, &wire.SetDataRequest{Path: path, Data: c.data(), Version: c.version(path)})
	case 8, 9:
		path := c.path()
		return write(wire.OpDelete, path, &wire.DeleteRequest{Path: path, Version: c.version(path)})
	case 10, 11:
		return c.newMulti()
	case 12, 13:
		return readOf(wire.OpGetData, c.path(), watch)
	case 14, 15:
		return readOf(wire.OpExists, c.path(), watch)
	case 16, 17:
		path := c.path()
		if c.rng.IntN(3) == 0 {
			path = "/"
		}
		return readOf(pick(c.rng, wire.OpGetChildren, wire.OpGetChildren2), path, watch)
	case 18:
		path := c.path()
		return &clientOp{op: wire.OpSync, path: path, body: wire.Marshal(&wire.PathRequest{Path: path})}
	}
	if c.rng.IntN(10) == 0 {
		return &clientOp{op: wire.OpCloseSession}
	}
	return readOf(wire.OpGetData, c.path(), true)
}

func write(op wire.OpCode, path string, record wire.Record) *clientOp {
	return &clientOp{op: op, path: path, body: wire.Marshal(record)}
}

func readOf(op wire.OpCode, path string, watch bool) *clientOp {
	return &clientOp{op: op, path: path, watch: watch, body: wire.Marshal(&wire.PathWatchRequest{Path: path, Watch: watch})}
}

// version expected: any, or a guess.
func (c *client) version(path string) int32 {
	if c.rng.IntN(2) == 0 {
		return -1
	}
	if n := c.w.oracle.model.get(path); n != nil {
		return n.version - int32(c.rng.IntN(2))
	}
	return 0
}

func (c *client) newCreate() (wire.OpCode, *wire.CreateRequest) {
	path := c.path()
	flags := pick(c.rng, wire.FlagPersistent, wire.FlagPersistent, wire.FlagEphemeral, wire.FlagEphemeral,
		wire.FlagPersistentSequential, wire.FlagEphemeralSequential)
	op := pick(c.rng, wire.OpCreate, wire.OpCreate2)
	if c.rng.IntN(10) == 0 {
		op, flags = wire.OpCreateContainer, wire.FlagContainer
	}
	return op, &wire.CreateRequest{Path: path, Data: c.data(), ACL: wire.OpenACL(), Flags: flags}
}

func (c *client) newMulti() *clientOp {
	m := &wire.MultiRequest{}
	for range 1 + c.rng.IntN(3) {
		path := c.path()
		switch c.rng.IntN(4) {
		case 0:
			op, record := c.newCreate()
			m.Ops = append(m.Ops, wire.MultiOp{Op: op, Request: record})
		case 1:
			m.Ops = append(m.Ops, wire.MultiOp{Op: wire.OpSetData, Request: &wire.SetDataRequest{Path: path, Data: c.data(), Version: c.version(path)}})
		case 2:
			m.Ops = append(m.Ops, wire.MultiOp{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: path, Version: c.version(path)}})
		default:
			m.Ops = append(m.Ops, wire.MultiOp{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: path, Version: c.version(path)}})
		}
	}
	return write(wire.OpMulti, "", m)
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
