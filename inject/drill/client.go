package drill

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"zkctl/inject/history"
	"zkctl/probe"
	"zkctl/probe/wire"
)

// client is one client of the workload. It works in an open loop: when its operations are due does not depend on how
// long they take, so that an outage shows as operations that come late.
//
//	new session --> operations, when they are due --> the last write, until it is answered --> the session is closed
//	    ^                 |          ^
//	    |                lost        |
//	    +-- expired <-- the next member takes it --> resumed
//
// It reconnects as ZooKeeper's own clients do, keeps the table of its watches to set them again, and judges nothing.
type client struct {
	number  int
	out     Recorder
	random  *rand.Rand // used by run alone
	members []member   // in its own order
	timeout time.Duration
	pause   time.Duration // mean time from one operation to the next
	width   int           // operations in flight at most
	actions *actions
	conns   *atomic.Int64 // the last number of a connection, of all clients
	dial    probe.DialFunc
	stop    <-chan struct{} // closed when it is time for the last write
	enough  *gateOfWrites
	end     context.CancelFunc // of the context of run

	// Used by run alone.
	session probe.Credentials // zero: none
	nth     int               // index into members
	due     int64             // of the next operation

	gate    gate
	watches watchTable
	own     own // what it knows of nodes that it made
	lock    lockState
	lastXid atomic.Int32  // of the session
	last    wire.Zxid     // of its last write; valid when run has returned
	done    chan struct{} // closed when run has returned

	mu        sync.Mutex
	current   *connection // nil: none
	abandoned bool        // a fault says that it never comes back
}

// member is a member's address for clients.
type member struct {
	id   int64
	addr string
}

// reconnectPause is the pause after a round in which no member took the client.
const reconnectPause = 20 * time.Millisecond

// maxBehind is how many operations may be due and not sent. Those beyond it are skipped and counted.
const maxBehind = 1000

// run works until stop is closed, writes once more, and closes the session. It returns early when ctx ends.
func (c *client) run(ctx context.Context) {
	defer close(c.done)
	c.due = c.after(c.out.Now())
	for {
		conn := c.connect(ctx)
		if conn == nil {
			return // ctx has ended
		}
		c.work(ctx, conn)
		finished := ctx.Err() == nil && conn.s.Err() == nil && c.finish(ctx, conn)
		c.become(nil)
		conn.s.Drop()
		c.session = conn.s.Credentials()
		if finished || ctx.Err() != nil {
			return
		}
	}
}

// finish does the last write and closes the session; false: the connection was lost before the write was answered.
func (c *client) finish(ctx context.Context, conn *connection) bool {
	zxid, err := conn.do(ctx, c.actions.last(c))
	if err != nil {
		return false
	}
	c.last = zxid
	_, _ = conn.do(ctx, closeSession()) // the history has what became of it
	return true
}

func (c *client) become(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = conn
}

// after draws when the next operation is due: they come at random, each independent of those before it.
func (c *client) after(t int64) int64 { return t + int64(c.random.ExpFloat64()*float64(c.pause)) }

// work sends operations when they are due, until the connection, the work or ctx ends.
func (c *client) work(ctx context.Context, conn *connection) {
	over := make(chan struct{})
	quit := sync.OnceFunc(func() { close(over) })
	var flying sync.WaitGroup
	defer flying.Wait()
	defer quit()
	flying.Go(func() {
		defer quit()
		select {
		case <-conn.s.Done():
		case <-c.stop:
		case <-ctx.Done():
		case <-over:
		}
	})
	slots := make(chan struct{}, c.width)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c.catchUp()
		timer.Reset(time.Duration(c.due - c.out.Now()))
		select {
		case <-timer.C:
		case <-over:
			return
		}
		select {
		case slots <- struct{}{}:
		case <-over:
			return
		}
		one := c.actions.next(c)
		one.at, c.due = c.due, c.after(c.due)
		flying.Go(func() {
			defer func() { <-slots }()
			_, err := conn.do(ctx, one)
			if one.done != nil {
				one.done(err)
			}
		})
	}
}

// catchUp skips what is too far behind.
func (c *client) catchUp() {
	limit := c.out.Now() - int64(maxBehind*c.pause)
	skipped := 0
	for ; c.due < limit; skipped++ {
		c.due = c.after(c.due)
	}
	if skipped > 0 {
		c.out.Skipped(skipped)
	}
}

// answered is called with every operation that was answered, in the order of the connection.
func (c *client) answered(op *history.Op) {
	c.watches.answered(op)
	if op.Err == wire.OK && isWrite(op.Code) {
		c.enough.acked()
	}
}

// connect goes through the members until one takes the client, and sets the watches again on a session that goes on.
// It returns nil when ctx ends.
func (c *client) connect(ctx context.Context) *connection {
	for tried := 1; ; tried++ {
		conn, err := c.try(ctx, c.members[c.nth])
		if conn != nil {
			c.become(conn)
			return conn
		}
		if ctx.Err() != nil {
			return nil
		}
		if probe.ReasonOf(err) == probe.ReasonSessionRefused && c.session.ID != 0 {
			c.expired(c.members[c.nth].id)
			continue // with a new session, on the same member
		}
		c.nth = (c.nth + 1) % len(c.members)
		if tried%len(c.members) == 0 {
			select {
			case <-time.After(reconnectPause):
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func (c *client) expired(server int64) {
	c.out.Record(history.Record{Link: &history.Link{
		Client: c.number, Session: c.session.ID, Server: server, At: c.out.Now(), Kind: history.Expired,
		Why: "the server says so",
	}})
	c.session = probe.Credentials{}
	c.lastXid.Store(0)
	c.watches.forget()
	c.lock.forget()
}

// try connects to one member.
func (c *client) try(ctx context.Context, m member) (*connection, error) {
	limit, cancel := context.WithTimeout(ctx, max(c.timeout/time.Duration(len(c.members)), 200*time.Millisecond))
	defer cancel()
	conn := &connection{client: c, number: int(c.conns.Add(1)), server: m.id, resumes: c.session.ID}
	options := probe.Options{Timeout: c.timeout, Observe: conn.opened, FirstXid: c.lastXid.Load(), Dial: c.gated}
	if c.session.ID != 0 {
		options.Resume = &c.session
	}
	s, err := probe.Dial(limit, m.addr, options)
	if err != nil {
		return nil, err
	}
	again := c.watches.restore(c.session.LastZxid)
	c.session = s.Credentials()
	if again == nil {
		return conn, nil
	}
	if _, err := conn.do(ctx, request{op: setWatchesCode(again), body: again}); err != nil {
		s.Drop()
		c.session = s.Credentials()
		return nil, err
	}
	return conn, nil
}

func setWatchesCode(s *wire.SetWatches) wire.OpCode {
	if s.V2 {
		return wire.OpSetWatches2
	}
	return wire.OpSetWatches
}

// gated dials through the client's gate.
func (c *client) gated(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := c.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &gatedConn{conn, &c.gate}, nil
}

// up reports whether the client is connected.
func (c *client) up() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current != nil
}

// sever breaks the connection; the client does not know why, and comes back.
func (c *client) sever() {
	c.mu.Lock()
	conn := c.current
	c.mu.Unlock()
	if conn != nil {
		conn.s.Drop()
	}
}

// sessionID is the session of the client's connection; 0: it has none.
func (c *client) sessionID() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return 0
	}
	return c.current.session
}

// abandon stops the client for good, without a word to the server: its session lives on until it expires.
func (c *client) abandon() {
	c.mu.Lock()
	c.abandoned = true
	c.mu.Unlock()
	c.quit()
}

// quit ends the client's work now.
func (c *client) quit() {
	c.end()
	<-c.done
}
