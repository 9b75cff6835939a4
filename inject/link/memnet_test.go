package link

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The network of the tests: TCP in memory, so that testing/synctest sees when
// everything is at rest. net.Pipe would not do: it has no buffers, no
// half-close and no reset, and those are what a link is about.

// memBuffer is how much a stream holds that is written and not yet read.
const memBuffer = 64 << 10

// stream is one direction of a connection.
type stream struct {
	mu   sync.Mutex
	cond *sync.Cond
	data []byte
	// writes are the sizes of the writes, as a receiver of small messages
	// would see them on a quiet machine.
	writes   []int
	eof      bool // the writer has ended in order
	broken   bool // the connection was reset
	deaf     bool // the reader has gone: writes are answered by a reset
	deadline time.Time
}

func newStream() *stream {
	s := &stream{}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *stream) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.cond.Broadcast()
}

func (s *stream) Write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.eof:
			return n, net.ErrClosed
		case s.broken || s.deaf:
			return n, syscall.EPIPE
		// Only deadlines that have passed already are ever set.
		case !s.deadline.IsZero():
			return n, os.ErrDeadlineExceeded
		}
		fits := min(memBuffer-len(s.data), len(b)-n)
		if fits > 0 || len(b) == 0 {
			s.data = append(s.data, b[n:n+fits]...)
			s.writes = append(s.writes, fits)
			n += fits
			s.cond.Broadcast()
		}
		if n == len(b) {
			return n, nil
		}
		s.cond.Wait()
	}
}

func (s *stream) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.deaf:
			return 0, net.ErrClosed
		case len(s.data) > 0:
			n := copy(b, s.data)
			s.data = s.data[n:]
			s.cond.Broadcast()
			return n, nil
		case s.broken:
			return 0, syscall.ECONNRESET
		case s.eof:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

// memConn is one end of a connection. As of a net.TCPConn, several goroutines may use
// it, and nothing that is done after Close has an effect.
type memConn struct {
	net.Conn // nil: what a link does not use must not be called
	in, out  *stream
	abort    atomic.Bool // Close sends a reset
	closed   atomic.Bool
}

func memPair() (*memConn, *memConn) {
	a, b := newStream(), newStream()
	return &memConn{in: a, out: b}, &memConn{in: b, out: a}
}

func (c *memConn) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *memConn) Write(b []byte) (int, error) { return c.out.Write(b) }

func (c *memConn) SetLinger(int) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	c.abort.Store(true)
	return nil
}

func (c *memConn) CloseWrite() error {
	c.out.set(func() { c.out.eof = true })
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.set(func() { c.out.deadline = t })
	return nil
}

func (c *memConn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.in.set(func() { c.in.deaf = true })
	c.out.set(func() {
		c.out.broken = c.out.broken || c.abort.Load()
		c.out.eof = true
	})
	return nil
}

// kill is what the kernel does for a process that ended with data unread.
func (c *memConn) kill() {
	c.abort.Store(true)
	_ = c.Close()
}

// memListener is a listener whose dials come from the test.
type memListener struct {
	conns chan net.Conn
	once  sync.Once
	over  chan struct{}
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn, 256), over: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error   { l.once.Do(func() { close(l.over) }); return nil }
func (l *memListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4001} }

func (l *memListener) dial() *memConn {
	near, accepted := memPair()
	l.conns <- accepted
	return near
}

// rig is a link between a dialler and a target that the test plays.
type rig struct {
	*Link
	listener *memListener
	// target receives the far end of each connection the link has made.
	target chan *memConn
	// down makes the target refuse.
	down bool
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := &rig{listener: newMemListener(), target: make(chan *memConn, 256)}
	o.Listener = r.listener
	o.Dial = func(context.Context) (net.Conn, error) {
		if r.down {
			return nil, syscall.ECONNREFUSED
		}
		ours, theirs := memPair()
		r.target <- theirs
		return ours, nil
	}
	r.Link = New(o)
	return r
}

// connect dials through the link and returns both ends.
func (r *rig) connect() (near, far *memConn) {
	near = r.listener.dial()
	return near, <-r.target
}

// has reports what has arrived at c and was not read, without waiting.
func (c *memConn) has() string {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return string(c.in.data)
}

// take is has, and reads it.
func (c *memConn) take() string {
	s := c.has()
	c.in.set(func() { c.in.data = c.in.data[len(s):] })
	return s
}

// fate is how the stream towards c stands: open, or how it ended.
func (c *memConn) fate() end {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	switch {
	case c.in.broken:
		return rst
	case c.in.eof:
		return fin
	}
	return open
}

func say(t *testing.T, c *memConn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatalf("writing %.20q: %v", text, err)
	}
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("close: %v", err)
	}
}
