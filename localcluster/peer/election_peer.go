package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// fastRetries is the number of refused dials after which the pause is still
	// the shortest. Servers that are started together refuse each other for as long
	// as a process takes to start; a pause that grew from the first refusal on
	// would double that time.
	fastRetries = 20
	// giveUpFlaps is the number of links in a row that may break early before a
	// message that was sent on one of them, and never answered, is dropped.
	giveUpFlaps = 3
	// reportFlaps is the number of hellos in a row without a dial back after which
	// the server is reported as unreachable.
	reportFlaps = 5
)

var errNoDialBack = errors.New("accepts this server's hello but does not dial back: " +
	"check the election address that it has for this server")

// peer is the state of one other server. Election.mu guards all fields but up.
//
// The ids alone decide which server opens the link (see the package comment). For
// this server, whose id is self, that means
//
//	id < self:  dial ── connected ──▶ link          and dial after each of its hellos
//	id > self:  dial ── connected ──▶ hello, hang up, wait for it to dial back
//
// A server is dialled while it has no link and a message waits for it; one that is not
// in the configuration only after a hello, once each time.
type peer struct {
	id         int64
	configured bool     // in the configuration; others are forgotten when their link ends
	addrs      []string // to dial, in this order; a configured server has one

	next []byte // newest frame, not yet taken by a link; nil when there is none
	last []byte // frame taken most recently
	// unanswered: no vote has come since last was taken, so last may be lost.
	unanswered bool
	// wanted: the server has sent a hello and waits to be dialled back.
	wanted bool

	link    *link
	arrival uint64          // number of the newest accepted connection that became a link
	tail    <-chan struct{} // closed when the events of the newest link are over; nil before the first
	dialing bool            // a goroutine runs dialUntilLinked
	dialNow chan struct{}   // cap 1: ends a pause between two attempts

	tried   time.Time // end of the last attempt, or of the last link
	refused int       // dials in a row that failed
	flaps   int       // attempts in a row that connected and did not lead to a link that lasts
	failed  bool      // the last attempt was refused, so refused decides the pause and not flaps

	unreachableReported bool // since the last link

	up bool // PeerUp was called and PeerDown was not; belongs to the newest link's goroutine
}

func newPeer(id int64, configured bool, addrs ...string) *peer {
	return &peer{id: id, configured: configured, addrs: addrs, dialNow: make(chan struct{}, 1)}
}

// wantsDial tells whether there is a reason to dial.
func (p *peer) wantsDial() bool {
	if p.wanted {
		return true // even with a link, since the server has lost it
	}
	if !p.configured {
		return false // it has this server in its configuration and sends a hello again
	}
	return p.link == nil && (p.next != nil || p.unanswered && p.flaps <= giveUpFlaps)
}

// clearWanted is called when a hello is being answered.
func (p *peer) clearWanted() {
	p.wanted = false
	select {
	case <-p.dialNow:
	default:
	}
}

// pause is the time between the last attempt and the next one.
//
// After a refusal it is short at first, because the server is probably starting.
// After a link that broke or a hello, the larger of the two servers dials first. The
// smaller one leaves it time to dial back, since each further hello makes the larger
// one replace the link that it has just opened; the pause grows until it exceeds any
// round trip.
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

// grow doubles d so many times, up to a limit.
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
	case p.dialNow <- struct{}{}:
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
			err = e.sendHello(p, conn)
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
		case <-p.dialNow:
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
	p.clearWanted()
	return p.addrs, true
}

// dialAny tries the addresses in order. Only unconfigured servers with several network
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

// sendHello sends the hello on a connection that this server opened, and makes the
// connection the link if this server is the larger one.
func (e *Election) sendHello(p *peer, conn net.Conn) error {
	if p.id > e.opts.Self && e.linked(p) {
		return conn.Close() // it has dialled meanwhile, and a hello would make it replace the link
	}
	undo := context.AfterFunc(e.ctx, func() { conn.Close() })
	defer undo()
	conn.SetWriteDeadline(time.Now().Add(e.opts.HandshakeTimeout))
	// The hello is one Write, because ZooKeeper reads the address with a single read and
	// drops the connection when that is short.
	if _, err := conn.Write(e.hello); err != nil {
		conn.Close()
		return fmt.Errorf("send the hello to %s: %w", conn.RemoteAddr(), err)
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

// afterDial counts an attempt and, once per outage, reports a failure.
func (e *Election) afterDial(p *peer, err error) {
	e.mu.Lock()
	p.tried = time.Now()
	p.failed = err != nil
	switch {
	case err != nil:
		p.refused++
	case p.id > e.opts.Self && p.link == nil:
		p.refused = 0
		if p.flaps++; p.flaps > reportFlaps {
			err = errNoDialBack
		}
	default:
		p.refused = 0
	}
	report := err != nil && !p.unreachableReported && !e.closed
	p.unreachableReported = p.unreachableReported || report
	e.mu.Unlock()
	if report {
		e.events.Unreachable(p.id, err)
	}
}

// forget removes a server that is not in the configuration once it has neither a link
// nor a dial. The caller holds mu.
func (e *Election) forget(p *peer) {
	if p.configured || p.link != nil || p.dialing || e.peers[p.id] != p {
		return
	}
	if p.tail != nil {
		select {
		case <-p.tail:
		default:
			return // the last link calls forget again when it ends
		}
	}
	delete(e.peers, p.id)
}
