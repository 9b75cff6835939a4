package peer

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"zkctl/probe/wire"
)

// ErrTooSlow is the reason when a connection ends because its queue has reached the
// limit: the other side reads more slowly than this one sends. A learner then connects
// again and synchronizes.
var ErrTooSlow = errors.New("the other side reads too slowly")

// ErrForeign is the reason when a connection ends because the bytes are no packet, or one
// that the other side may not send: the peer does not speak the server protocol.
var ErrForeign = errors.New("not the protocol of servers")

// ConnHandler gets the events of one connection. The calls come from one
// goroutine, one after the other. While a call waits, the connection is not read,
// which is how a busy server slows the other side down; a call must not wait for
// the end of its own connection.
type ConnHandler interface {
	// Received delivers a packet, in the order of sending. A SNAP is
	// delivered after Snapshot has read its stream and the signature at the
	// stream's end was right.
	Received(p wire.QuorumPacket)
	// Snapshot reads the tree that follows a SNAP packet: exactly the tree,
	// up to and including its terminator, not a byte more. An error ends the
	// connection. The tree is valid only once the SNAP is Received.
	Snapshot(snap wire.QuorumPacket, body *bufio.Reader) error
	// Disconnected gives the reason why the connection ended. It is the last
	// call, and it always comes.
	Disconnected(reason error)
}

// ConnOptions are limits of a connection; zero values take the defaults.
type ConnOptions struct {
	// MaxField is the longest buffer inside a packet: jute.maxbuffer and its
	// extra size.
	MaxField int
	// MaxQueued is the number of bytes that may wait to be sent.
	MaxQueued int64
	// FirstPacketTimeout is the time that a learner has for its first packet.
	FirstPacketTimeout time.Duration
}

const (
	defaultMaxQueued          = 64 << 20
	defaultFirstPacketTimeout = 5 * time.Second
)

// Conn is a connection on the quorum channel: between a learner and the server
// that it believes to lead. Both directions are FIFO: what arrives is a prefix
// of what was sent, as Zab requires of a channel.
//
//	SendPacket ─▶ packetQueue ─▶ writer ─▶ socket ─▶ reader ─▶ Received
//	(any goroutine)      (flushes when the queue is empty)     (one goroutine)
//
// The goroutine that reads owns the connection and waits for the one that
// writes. A Conn that broke stays broken; a new connection is a new Conn.
type Conn struct {
	conn   net.Conn
	remote string
	opts   ConnOptions
	from   side // the role of the other end

	handler ConnHandler             // nil until the first packet of an accepted connection
	admit   func(*Conn) ConnHandler // makes the handler
	refused func(*Conn, error)      // called instead of Disconnected, while there is no handler
	hungUp  atomic.Bool             // deliver nothing any more
	out     packetQueue
	broken  chan struct{} // closed with the socket
	done    chan struct{} // closed after the last call to the handler

	mu     sync.Mutex
	reason error // why it ended; set once
	linger *time.Timer
}

// side is an end of the quorum channel.
type side int

// The zero side is invalid.
const (
	learnerSide side = iota + 1 // dials, and sends FOLLOWERINFO or OBSERVERINFO
	leaderSide                  // accepts
)

func (s side) String() string {
	switch s {
	case learnerSide:
		return "learner"
	case leaderSide:
		return "leader"
	}
	return fmt.Sprintf("side(%d)", int(s))
}

func newConn(nc net.Conn, from side, opts ConnOptions) *Conn {
	if opts.MaxField <= 0 {
		opts.MaxField = wire.DefaultMaxField
	}
	if opts.MaxQueued <= 0 {
		opts.MaxQueued = defaultMaxQueued
	}
	if opts.FirstPacketTimeout <= 0 {
		opts.FirstPacketTimeout = defaultFirstPacketTimeout
	}
	noDelay(nc)
	return &Conn{
		conn: nc, remote: nc.RemoteAddr().String(), opts: opts, from: from,
		out:    packetQueue{limit: opts.MaxQueued, work: make(chan struct{}, 1)},
		broken: make(chan struct{}),
		done:   make(chan struct{}),
	}
}

// RemoteAddr is the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Done is closed when the connection has ended and its handler has returned from Disconnected.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Queued is the number of bytes that wait to be sent, snapshots not counted.
func (c *Conn) Queued() int64 { return c.out.size.Load() }

// SendPacket queues a packet. It never blocks; what p refers to must not change
// afterwards. On a connection that has ended, or was hung up, it does nothing, since
// Disconnected comes or has come.
func (c *Conn) SendPacket(p wire.QuorumPacket) { c.send(outgoing{packet: p}) }

// SendSnapshot queues a SNAP packet, followed by the tree that body writes. body runs
// later, on another goroutine, and must therefore write a tree that does not change. An
// error from it ends the connection, since the other side has half a tree by then.
func (c *Conn) SendSnapshot(snap wire.QuorumPacket, body BodyWriter) {
	c.send(outgoing{packet: snap, body: body})
}

func (c *Conn) send(o outgoing) {
	if err := c.out.put(o); err != nil {
		c.fail(fmt.Errorf("%s %s: %w", c.from, c.remote, err))
	}
}

// Close ends the connection, drops what is queued, and returns after the handler's
// Disconnected. It must not be called from the handler, which can call Hangup.
func (c *Conn) Close() {
	c.Hangup(0)
	<-c.done
}

// Hangup ends the connection and does not wait for that. Packets queued before
// are still sent, for as long as linger; later ones are dropped. What the other
// side still sends is not delivered, except for a packet whose delivery has begun.
func (c *Conn) Hangup(linger time.Duration) {
	c.hungUp.Store(true)
	c.out.close()
	if linger <= 0 {
		c.fail(ErrClosed)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == nil && c.linger == nil {
		c.linger = time.AfterFunc(linger, func() { c.fail(ErrClosed) })
	}
}

// fail ends the connection for a reason; the first one counts.
func (c *Conn) fail(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != nil {
		return
	}
	if c.hungUp.Load() {
		reason = ErrClosed
	}
	c.reason = reason
	if c.linger != nil {
		c.linger.Stop()
	}
	close(c.broken)
	c.out.close()
	c.conn.Close()
}

// run serves the connection until it ends.
func (c *Conn) run() {
	written := make(chan struct{})
	go func() {
		defer close(written)
		if err := c.writeAll(); err != nil {
			c.fail(fmt.Errorf("write to %s %s: %w", c.from, c.remote, err))
		}
	}()
	c.fail(fmt.Errorf("%s %s: %w", c.from, c.remote, c.readAll()))
	<-written
	if c.handler != nil {
		c.handler.Disconnected(c.reason)
	} else if c.refused != nil {
		c.refused(c, c.reason)
	}
	close(c.done)
}
