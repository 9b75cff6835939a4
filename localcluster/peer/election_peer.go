package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// fastRetries is how many refused dials are followed by the shortest
	// pause. Servers that are started together refuse each other for as long
	// as a process takes to start; a pause that grew from the first refusal
	// would add as much again.
	fastRetries = 20
	// giveUpFlaps is how many links in a row may break early before a message
	// that went out on one of them, and was never answered, is let go.
	giveUpFlaps = 3
	// complainFlaps is how many hellos in a row are left unanswered before
	// that is worth telling.
	complainFlaps = 5
)

var errNoDialBack = errors.New("takes this server's hello but does not dial back; " +
	"check the election address that it has for this server")

// peer is what is known about one other server. All fields are guarded by
// Election.mu except where said otherwise.
//
// Who opens the link depends on the ids alone (see the package comment). For
// this server, whose id is self, that makes
//
//	id < self:  dial ── connected ──▶ link          and dial whenever it says hello
//	id > self:  dial ── connected ──▶ hello, hang up, wait for it to dial back
//
// A server is dialled while it has no link and there is something to tell it; one
// that is not in the configuration only when it says hello, once each time.
type peer struct {
	id    int64
	known bool     // in the configuration; others are forgotten when their link ends
	addrs []string // where to dial, first the best; a known server's configured address

	next []byte // newest frame, not yet taken by a link; nil when there is none
	last []byte // frame taken most recently
	// unanswered: nothing was heard since last was taken, so it may be lost.
	unanswered bool
	// wanted: the server said hello and waits for being dialled back.
	wanted bool

	link    *link
	arrival uint64          // number of the newest accepted connection that became a link
	tail    <-chan struct{} // closed when the events of the newest link are over; nil before the first
	dialing bool            // a goroutine runs dialUntilLinked
	nudge   chan struct{}   // cap 1: ends a pause between two attempts

	tried   time.Time // end of the last attempt, or of the last link
	refused int       // dials in a row that failed
	flaps   int       // attempts in a row that connected and did not lead to a link that lasts
	failed  bool      // the last attempt was refused: says which of the two counts
	mourned bool      // Unreachable was said since the last link

	up bool // PeerUp was said and PeerDown was not; belongs to the newest link's goroutine
}

func newPeer(id int64, known bool, addrs ...string) *peer {
	return &peer{id: id, known: known, addrs: addrs, nudge: make(chan struct{}, 1)}
}

// wantsDial says whether there is a reason to dial.
func (p *peer) wantsDial() bool {
	if p.wanted {
		return true // even with a link: the server says that it has none
	}
	if !p.known {
		return false // it knows us and will say hello again, if it is still there
	}
	return p.link == nil && (p.next != nil || p.unanswered && p.flaps <= giveUpFlaps)
}

// heed forgets a hello that is being answered.
func (p *peer) heed() {
	p.wanted = false
	select {
	case <-p.nudge:
	default:
	}
}

// pause is how long to wait before the next attempt.
//
// After a refusal: short at first, because the server is probably starting.
// After a link that broke or a hello: the larger of the two servers goes first.
// The smaller one leaves it time to dial back, since each further hello makes
// the larger one drop the link it has just made; the time grows, so that it
// comes to exceed any round trip.
func (p *peer) pause(self int64, shortest, longest time.Duration) time.Duration {
	switch {
	case p.failed:
		return grow(shortest, p.refused-fastRetries, longest)
	case p.flaps == 0:
		return 0
	case p.id > self:
		return grow(10*shortest, p.flaps-1, longest)
	default:
		return grow(shortest, p.flaps-1, longest)
	}
}

// grow doubles d as often as said, up to a limit.
func grow(d time.Duration, doublings int, limit time.Duration) time.Duration {
	for ; doublings > 0 && d < limit; doublings-- {
		d *= 2
	}
	return min(d, limit)
}

// ensureDialling starts the dialling of a server if there is a reason to. The
// caller holds mu.
func (e *Election) ensureDialling(p *peer) {
	if e.closed || p.dialing || len(p.addrs) == 0 || !p.wantsDial() {
		return
	}
	p.dialing = true
	e.wg.Go(func() { e.dialUntilLinked(p) })
}

// dialBack answers a hello from a smaller server: dial it now. The caller
// holds mu.
func (e *Election) dialBack(p *peer) {
	p.wanted = true
	select {
	case p.nudge <- struct{}{}:
	default:
	}
	e.ensureDialling(p)
}

func (e *Election) dialUntilLinked(p *peer) {
	for {
		addrs, ok := e.awaitTurn(p)
		if !ok {
			return
		}
		conn, err := e.dialAny(addrs)
		if err == nil {
			err = e.introduce(p, conn)
		}
		e.afterDial(p, err)
	}
}

// awaitTurn waits until the next attempt is due. It returns false, and the
// dialling ends, when there is no reason for one any more.
func (e *Election) awaitTurn(p *peer) (addrs []string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if pause := p.pause(e.opts.Self, e.opts.RetryMin, e.opts.RetryMax) - time.Since(p.tried); pause > 0 && p.wantsDial() {
		e.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.nudge:
		case <-e.ctx.Done():
		}
		timer.Stop()
		e.mu.Lock()
	}
	if e.closed || !p.wantsDial() {
		p.dialing = false
		e.forget(p)
		return nil, false
	}
	p.heed()
	return p.addrs, true
}

// dialAny tries the addresses in order. Only strangers with several network
// cards have more than one (ZOOKEEPER-3188).
func (e *Election) dialAny(addrs []string) (net.Conn, error) {
	var errs []error
	for _, addr := range addrs {
		ctx, cancel := context.WithTimeout(e.ctx, e.opts.DialTimeout)
		conn, err := e.opts.Dial(ctx, "tcp", addr)
		cancel()
		if err == nil {
			noDelay(conn)
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("dial its election address %s: %w", addr, err))
	}
	return nil, errors.Join(errs...)
}

// introduce says hello on a connection that this server opened, and keeps it
// if this server is the larger one.
func (e *Election) introduce(p *peer, conn net.Conn) error {
	if p.id > e.opts.Self && e.linked(p) {
		return conn.Close() // it was faster, and a hello would make it start again
	}
	undo := context.AfterFunc(e.ctx, func() { conn.Close() })
	defer undo()
	conn.SetWriteDeadline(time.Now().Add(e.opts.HandshakeTimeout))
	// One Write: ZooKeeper takes the address with a single read and drops the
	// connection when that falls short.
	if _, err := conn.Write(e.hello); err != nil {
		conn.Close()
		return fmt.Errorf("say hello to %s: %w", conn.RemoteAddr(), err)
	}
	if p.id > e.opts.Self {
		return conn.Close()
	}
	conn.SetWriteDeadline(time.Time{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attach(p, conn, newReader(conn))
	return nil
}

func (e *Election) linked(p *peer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return p.link != nil
}

// afterDial counts an attempt and, once per outage, tells of a failure.
func (e *Election) afterDial(p *peer, err error) {
	e.mu.Lock()
	p.tried = time.Now()
	p.failed = err != nil
	switch {
	case err != nil:
		p.refused++
	case p.id > e.opts.Self && p.link == nil:
		p.refused = 0
		if p.flaps++; p.flaps > complainFlaps {
			err = errNoDialBack
		}
	default:
		p.refused = 0
	}
	tell := err != nil && !p.mourned && !e.closed
	p.mourned = p.mourned || tell
	e.mu.Unlock()
	if tell {
		e.events.Unreachable(p.id, err)
	}
}

// forget drops a server that is not in the configuration once nothing is left
// of it. The caller holds mu.
func (e *Election) forget(p *peer) {
	if p.known || p.link != nil || p.dialing || e.peers[p.id] != p {
		return
	}
	if p.tail != nil {
		select {
		case <-p.tail:
		default:
			return // the last link will come by again
		}
	}
	delete(e.peers, p.id)
}
