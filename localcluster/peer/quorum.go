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

// QuorumOptions says where to listen for learners and whom to tell of them.
type QuorumOptions struct {
	Listen string // address to listen on; unused when Listener is set
	// Listener, when set, is used and closed instead of opening one.
	Listener net.Listener

	// Accept is asked for a handler when a learner has connected and sent its
	// first packet, which the handler then receives. nil refuses the learner.
	// It must not wait for Close.
	Accept func(*Conn) ConnHandler
	// Refused hears of connections that ended before that, and of trouble
	// with listening.
	Refused func(remote string, reason error)

	Conn      ConnOptions
	MaxSilent int // connections that have not said who they are

	Dial        DialFunc
	DialTimeout time.Duration
}

// Quorum is a server's presence on the quorum channel. It listens for learners
// always, not only while this server leads: a learner can then connect at
// once, and wait for the server to find out that it leads.
type Quorum struct {
	opts  QuorumOptions
	ln    net.Listener
	lobby *lobby
	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	wg    sync.WaitGroup // the listening, and every Conn

	mu     sync.Mutex
	closed bool
	conns  map[*Conn]struct{}
}

// ListenQuorum opens the quorum port.
func ListenQuorum(opts QuorumOptions) (*Quorum, error) {
	if opts.Accept == nil || opts.Refused == nil {
		return nil, errors.New("quorum port: no one to tell what happens: set Accept and Refused")
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
		opts: opts, ln: ln, lobby: newLobby(opts.MaxSilent),
		ctx: ctx, stop: stop, conns: map[*Conn]struct{}{},
	}
	q.wg.Go(func() {
		serve(ctx, ln, q.accepted, func(err error) { opts.Refused(ln.Addr().String(), err) })
	})
	return q, nil
}

// Addr is where the transport listens.
func (q *Quorum) Addr() net.Addr { return q.ln.Addr() }

// Dial connects to the server that is believed to lead. It tries once: whoever
// follows decides how often a leader may refuse before it is given up. (A
// ZooKeeper server opens its quorum port only when it has decided to lead, which
// may be a little after its followers have; its own learners try five times.)
// The handler's calls may begin before Dial returns.
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
	g := q.lobby.enter(c.fail)
	c.admit = func(c *Conn) ConnHandler {
		q.lobby.leave(g)
		return q.opts.Accept(c)
	}
	c.refused = func(c *Conn, reason error) {
		q.lobby.leave(g)
		if q.ctx.Err() == nil {
			q.opts.Refused(c.remote, reason)
		}
	}
	if !q.adopt(c) {
		q.lobby.leave(g)
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

// Close ends all connections and returns when nothing of this transport runs any
// more; handlers hear Disconnected before. It must not be called from a handler.
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
