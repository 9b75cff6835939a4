package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options describe one link.
type Options struct {
	// Listener is where the dialler connects. The link owns it from now on.
	Listener net.Listener
	// Dial connects to the target.
	Dial func(context.Context) (net.Conn, error)
	// CallBack, when not empty, is the address under which the target reaches
	// the dialler; it replaces the one in an election hello.
	CallBack string
	// Forward and Backward are shared with the link of the opposite pair.
	// When nil the link makes its own.
	Forward, Backward *Direction
	// Clock is the wall clock when nil.
	Clock Clock
}

// Link forwards the connections of one dialler to one target on one channel.
type Link struct {
	listener          net.Listener
	dial              func(context.Context) (net.Conn, error)
	callBack          string
	forward, backward *Direction
	clock             Clock

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	refusing atomic.Bool

	mu      sync.Mutex
	closed  bool
	conns   map[*conn]struct{}
	givenUp *conn // the newest dial given up while held, if any
}

// Listen opens a link on address (such as "127.0.0.1:0") that forwards to
// target.
func Listen(address, target string) (*Link, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", target, err)
	}
	return New(Options{Listener: listener, Dial: dialTCP(target)}), nil
}

// New starts a link.
func New(o Options) *Link {
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	if o.Forward == nil {
		o.Forward = newDirection(o.Clock, 0, 1)
	}
	if o.Backward == nil {
		o.Backward = newDirection(o.Clock, 0, 2)
	}
	l := &Link{
		listener: o.Listener,
		dial:     o.Dial,
		callBack: o.CallBack,
		forward:  o.Forward,
		backward: o.Backward,
		clock:    o.Clock,
		conns:    make(map[*conn]struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Go(l.accept)
	return l
}

// Addr is where the dialler connects.
func (l *Link) Addr() net.Addr { return l.listener.Addr() }

// Forward is the direction from the dialler to the target.
func (l *Link) Forward() *Direction { return l.forward }

// Backward is the direction from the target to the dialler.
func (l *Link) Backward() *Direction { return l.backward }

// Close stops listening, closes every connection, and returns when every
// goroutine has ended.
func (l *Link) Close() error {
	l.mu.Lock()
	l.closed = true
	conns := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()

	l.cancel()
	err := l.listener.Close()
	for _, c := range conns {
		c.close()
	}
	l.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil // closed before; Close may be called again
	}
	return err
}

// Reset breaks every connection, so that both ends see a reset, and returns how many
// there were. A dial that is held by a cut is none: the target knows nothing of it yet.
func (l *Link) Reset() (broken int) {
	l.mu.Lock()
	conns := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range conns {
		if c.reset() {
			broken++
		}
	}
	return broken
}

// Refuse has the link reset each new connection at once, as the port of a process does
// that does not listen. Connections that exist go on.
func (l *Link) Refuse(refuse bool) { l.refusing.Store(refuse) }

// acceptPause is how long the link waits after an Accept that failed because the
// process has no file descriptor left: connections that end free some.
const acceptPause = 10 * time.Millisecond

func (l *Link) accept() {
	for {
		near, err := l.listener.Accept()
		if err == nil {
			l.start(near)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case <-l.clock.After(acceptPause):
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *Link) start(near net.Conn) {
	if l.refusing.Load() {
		reset(near)
		return
	}
	c := newConn(l, near)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = near.Close()
		return
	}
	l.conns[c] = struct{}{}
	l.wg.Go(func() {
		c.run()
		l.forget(c)
	})
}

func (l *Link) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// noteGivenUp keeps c and drops the dial that was given up before it; doc.go
// says why.
func (l *Link) noteGivenUp(c *conn) {
	l.mu.Lock()
	older := l.givenUp
	l.givenUp = c
	l.mu.Unlock()
	if older != nil && older != c {
		older.close()
	}
}

// noteReleased forgets a dial that is no longer held: it is about to be made,
// given up or not.
func (l *Link) noteReleased(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.givenUp == c {
		l.givenUp = nil
	}
}

// helloFilter returns the filter for the first bytes of a connection.
func (l *Link) helloFilter() func([]byte) []byte {
	if l.callBack == "" {
		return nil
	}
	r := newRewriter(l.callBack)
	return r.feed
}

func dialTCP(target string) func(context.Context) (net.Conn, error) {
	var d net.Dialer
	return func(ctx context.Context) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", target)
	}
}
