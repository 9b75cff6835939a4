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

// defaultMaxSilent is how many connections may be open on a port without
// having said who they are: an ensemble has a handful of servers, each of
// which speaks at once.
const defaultMaxSilent = 64

// lobby holds the connections of one port that have not yet said who they
// are. A full lobby turns the longest waiting out rather than the newcomer:
// somebody who opens connections and says nothing can then fill it, but not
// keep a server out, which speaks as soon as it is in.
type lobby struct {
	mu      sync.Mutex
	max     int
	waiting []*guest // in the order of arrival; len <= max
}

// guest is one waiting connection. turnOut closes it and must not block.
type guest struct{ turnOut func(error) }

func newLobby(limit int) *lobby {
	if limit <= 0 {
		limit = defaultMaxSilent
	}
	return &lobby{max: limit}
}

func (l *lobby) enter(turnOut func(error)) *guest {
	g := &guest{turnOut: turnOut}
	var oldest *guest
	l.mu.Lock()
	if len(l.waiting) >= l.max {
		oldest = l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	l.waiting = append(l.waiting, g)
	l.mu.Unlock()
	if oldest != nil {
		oldest.turnOut(fmt.Errorf("said nothing while %d others came", l.max))
	}
	return g
}

// leave is harmless for a guest who was turned out.
func (l *lobby) leave(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, g); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
}

// serve accepts connections until ctx ends. An error of accept(2), such as too
// many open files, passes; a server that stopped listening because of one
// would stay in the ensemble and be deaf (ZOOKEEPER-4203). So serve reports
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

// noDelay sends small packets at once. Votes and acknowledgements are small,
// and somebody waits for each; writes are batched by hand instead.
func noDelay(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// It fails only on a socket that is broken already, as the next
		// read will say.
		_ = tcp.SetNoDelay(true)
	}
}
