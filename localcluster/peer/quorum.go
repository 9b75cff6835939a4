package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// QuorumOptions has the address of the quorum port and the callbacks for learners.
type QuorumOptions struct {
	Listen string // address to listen on; unused when Listener is set
	// Listener, when set, is used and closed instead of opening one.
	Listener net.Listener

	// Accept returns the handler of a learner that has connected and sent its
	// first packet, which the handler then receives. nil refuses the learner.
	// It must not wait for Close.
	Accept func(*Conn) ConnHandler
	// Refused is called for connections that ended before that, and for errors
	// of listening.
	Refused func(remote string, reason error)

	Conn       ConnOptions
	MaxPending int // connections without a whole first packet

	Dial        DialFunc
	DialTimeout time.Duration
}

// Quorum is a server's end of the quorum channel. It always listens for learners, not
// only while this server leads, so that a learner can connect at once and wait until
// this server knows that it leads.
type Quorum struct {
	opts    QuorumOptions
	ln      net.Listener
	pending *pendingConns
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	wg      sync.WaitGroup // the listening, and every Conn

	mu     sync.Mutex
	closed bool
	conns  map[*Conn]struct{}
}

// ListenQuorum opens the quorum port.
func ListenQuorum(opts QuorumOptions) (*Quorum, error) {
	if opts.Accept == nil || opts.Refused == nil {
		return nil, errors.New("quorum port: the callbacks are missing: set Accept and Refused")
	}
	opts.DialTimeout = cmp.Or(opts.DialTimeout, defaultDialTimeout)
	opts.Dial = defaultDial(opts.Dial)
	ln := opts.Listener
	if ln == nil {
		var err error
		if ln, err = net.Listen("tcp", opts.Listen); err != nil {
			return nil, fmt.Errorf("quorum port: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	q := &Quorum{
		opts: opts, ln: ln, pending: newPendingConns(opts.MaxPending),
		ctx: ctx, stop: stop, conns: map[*Conn]struct{}{},
	}
	q.wg.Go(func() {
		serve(ctx, ln, q.accepted, func(err error) { opts.Refused(ln.Addr().String(), err) })
	})
	return q, nil
}

// Addr is where the transport listens.
func (q *Quorum) Addr() net.Addr { return q.ln.Addr() }

// Dial connects to the server that is believed to lead. It tries once: the follower
// decides how often to try again. (A ZooKeeper server opens its quorum port only when it
// has decided to lead, which may be a little later than its followers have decided to
// follow it; its own learners try five times.) The handler's calls may begin before
// Dial returns.
func (q *Quorum) Dial(ctx context.Context, addr string, handler ConnHandler) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, q.opts.DialTimeout)
	defer cancel()
	defer context.AfterFunc(q.ctx, cancel)()
	nc, err := q.opts.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial the leader's quorum address %s: %w", addr, err)
	}
	c := newConn(nc, leaderSide, q.opts.Conn)
	c.handler = handler
	if !q.adopt(c) {
		nc.Close()
		return nil, ErrClosed
	}
	return c, nil
}

// accepted takes a connection from the quorum port.
func (q *Quorum) accepted(nc net.Conn) {
	c := newConn(nc, learnerSide, q.opts.Conn)
	p := q.pending.add(c.fail)
	c.admit = func(c *Conn) ConnHandler {
		q.pending.remove(p)
		return q.opts.Accept(c)
	}
	c.refused = func(c *Conn, reason error) {
		q.pending.remove(p)
		if q.ctx.Err() == nil {
			q.opts.Refused(c.remote, reason)
		}
	}
	if !q.adopt(c) {
		q.pending.remove(p)
		nc.Close()
	}
}

// adopt runs a connection, and makes Close wait for its end.
func (q *Quorum) adopt(c *Conn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.conns[c] = struct{}{}
	q.wg.Go(func() {
		c.run()
		q.mu.Lock()
		delete(q.conns, c)
		q.mu.Unlock()
	})
	return true
}

// Close ends all connections and returns when all goroutines of this transport have
// ended; handlers get their Disconnected before. It must not be called from a handler.
func (q *Quorum) Close() error {
	q.mu.Lock()
	q.closed = true
	conns := make([]*Conn, 0, len(q.conns))
	for c := range q.conns {
		conns = append(conns, c)
	}
	q.mu.Unlock()
	q.stop()
	err := q.ln.Close()
	for _, c := range conns {
		c.Hangup(0)
	}
	q.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // closed before
	}
	return err
}
