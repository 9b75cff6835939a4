package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// memNet is a network in memory, for tests under testing/synctest: sockets
// would leave the bubble in which time is virtual. Bytes take a while in it,
// and it counts the connections that are open.
type memNet struct {
	latency func() time.Duration // one way; nil: none

	wg sync.WaitGroup // the goroutines that carry bytes

	mu        sync.Mutex
	listeners map[string]*memListener
	dialled   int // running number of connections
	open      map[*memConn]bool
}

func newMemNet() *memNet {
	return &memNet{listeners: map[string]*memListener{}, open: map[*memConn]bool{}}
}

func (n *memNet) delay() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.latency == nil {
		return 0
	}
	return n.latency()
}

func (n *memNet) openConns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.open)
}

type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }

type memListener struct {
	n      *memNet
	addr   string
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (n *memNet) listen(addr string) *memListener {
	l := &memListener{n: n, addr: addr, queue: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[addr] = l
	return l
}

func (l *memListener) Addr() net.Addr { return memAddr(l.addr) }

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		if l.n.listeners[l.addr] == l {
			delete(l.n.listeners, l.addr)
		}
	})
	return nil
}

// dial takes a round trip, as a TCP connection does.
func (n *memNet) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	if err := pass(ctx, 2*n.delay()); err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.listeners[addr]
	n.dialled++
	name := fmt.Sprintf("caller%d", n.dialled)
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", addr, syscall.ECONNREFUSED)
	}
	near, far := n.pair(name, addr)
	select {
	case l.queue <- far:
		return near, nil
	case <-l.closed:
	case <-ctx.Done():
	}
	near.Close()
	far.Close()
	return nil, fmt.Errorf("dial %s: %w", addr, syscall.ECONNREFUSED)
}

// pass lets virtual time pass.
func pass(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// memConn is one end of a connection.
type memConn struct {
	net.Conn
	n             *memNet
	local, remote memAddr
}

func (c *memConn) LocalAddr() net.Addr  { return c.local }
func (c *memConn) RemoteAddr() net.Addr { return c.remote }

func (c *memConn) Close() error {
	c.n.mu.Lock()
	delete(c.n.open, c)
	c.n.mu.Unlock()
	return c.Conn.Close()
}

// pair makes a connection: two pipes, and goroutines between them that carry the bytes
// and, at last, the news that one end was closed.
func (n *memNet) pair(near, far string) (a, b *memConn) {
	aPipe, aWire := net.Pipe()
	bPipe, bWire := net.Pipe()
	a = &memConn{Conn: aPipe, n: n, local: memAddr(near), remote: memAddr(far)}
	b = &memConn{Conn: bPipe, n: n, local: memAddr(far), remote: memAddr(near)}
	n.mu.Lock()
	n.open[a], n.open[b] = true, true
	n.mu.Unlock()
	n.wg.Go(func() { n.carry(aWire, bWire) })
	n.wg.Go(func() { n.carry(bWire, aWire) })
	return a, b
}

type parcel struct {
	bytes []byte
	due   time.Time
}

// carry takes bytes from one pipe to the other, in order, each some time later.
func (n *memNet) carry(from, to net.Conn) {
	parcels := make(chan parcel, 4096)
	n.wg.Go(func() {
		defer to.Close()
		for p := range parcels {
			pass(context.Background(), time.Until(p.due))
			if p.bytes == nil {
				return
			}
			if _, err := to.Write(p.bytes); err != nil {
				from.Close()
				for range parcels { // what is under way is lost
				}
				return
			}
		}
	})
	defer close(parcels)
	var last time.Time
	buf := make([]byte, 64<<10)
	for {
		k, err := from.Read(buf)
		due := time.Now().Add(n.delay())
		if due.Before(last) {
			due = last
		}
		last = due
		if k > 0 {
			parcels <- parcel{bytes: append([]byte(nil), buf[:k]...), due: due}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				parcels <- parcel{due: due} // the end takes as long as a byte
			}
			return
		}
	}
}
