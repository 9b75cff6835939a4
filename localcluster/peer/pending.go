package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// defaultMaxPending is the number of pending connections on a port: an ensemble has a
// handful of servers, and each sends its hello or first packet at once.
const defaultMaxPending = 64

// pendingConns holds the connections of one port that have not sent a whole hello or
// first packet yet. When it is full, the oldest connection is closed rather than the
// newest: a program that opens connections and sends nothing can fill it, but cannot
// keep a server out, which sends at once.
type pendingConns struct {
	mu      sync.Mutex
	max     int
	waiting []*pendingConn // in the order of arrival; len <= max
}

// pendingConn is one of them. evict closes it and must not block.
type pendingConn struct{ evict func(error) }

func newPendingConns(limit int) *pendingConns {
	if limit <= 0 {
		limit = defaultMaxPending
	}
	return &pendingConns{max: limit}
}

func (l *pendingConns) add(evict func(error)) *pendingConn {
	c := &pendingConn{evict: evict}
	var oldest *pendingConn
	l.mu.Lock()
	if len(l.waiting) >= l.max {
		oldest = l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	l.waiting = append(l.waiting, c)
	l.mu.Unlock()
	if oldest != nil {
		oldest.evict(fmt.Errorf("sent nothing while %d other connections came", l.max))
	}
	return c
}

// remove does nothing for a connection that was evicted.
func (l *pendingConns) remove(c *pendingConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, c); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
}

// serve accepts connections until ctx ends. An error of accept(2), such as too
// many open files, is temporary; a server that stopped listening because of one
// would stay in the ensemble and be unreachable (ZOOKEEPER-4203). So serve reports
// it, waits a little and goes on.
func serve(ctx context.Context, ln net.Listener, handle func(net.Conn), failed func(error)) {
	const minWait, maxWait = 5 * time.Millisecond, time.Second
	wait := minWait
	for {
		conn, err := ln.Accept()
		if err == nil {
			wait = minWait
			handle(conn)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failed(fmt.Errorf("accept on %s: %w", ln.Addr(), err))
		if errors.Is(err, net.ErrClosed) {
			return
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		wait = min(2*wait, maxWait)
	}
}

// DialFunc opens a connection, as (*net.Dialer).DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func defaultDial(d DialFunc) DialFunc {
	if d == nil {
		return (&net.Dialer{}).DialContext
	}
	return d
}

// noDelay sends small packets at once. Votes and acknowledgements are small, and another
// server waits for each; the writers gather packets themselves.
func noDelay(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// It fails only on a socket that is broken already; the next read
		// reports that.
		_ = tcp.SetNoDelay(true)
	}
}
