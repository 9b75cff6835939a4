package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"zkctl/probe/wire"
)

// errReplaced ends a link when the same server has opened a newer one.
var errReplaced = errors.New("replaced by a newer connection")

// link is one connection that both servers keep. Two goroutines serve it: the
// one that reads owns the link from its first event to its last, and waits for
// the one that writes.
//
// A link begins its events when those of the link before to the same server are over
// (prev), so a server's events never overlap.
type link struct {
	e     *Election
	p     *peer
	conn  net.Conn
	r     *bufio.Reader
	since time.Time
	// arrivals is the number of connections that had been accepted when this one
	// became the link: hellos on those are older than the link.
	arrivals uint64

	prev <-chan struct{} // of the link before: closed when its events are over; nil for the first
	done chan struct{}   // closed when the events of this link are over
	work chan struct{}   // cap 1: there may be something to write
	stop chan struct{}   // closed with the connection

	mu     sync.Mutex
	reason error // why it ended; set once
}

// attach makes a connection the link to p, in place of an older one. The caller
// holds mu.
func (e *Election) attach(p *peer, conn net.Conn, r *bufio.Reader) {
	if e.closed {
		conn.Close()
		return
	}
	l := &link{
		e: e, p: p, conn: conn, r: r, since: time.Now(), arrivals: e.arrivals,
		prev: p.tail, done: make(chan struct{}),
		work: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if p.link != nil {
		p.link.close(errReplaced)
	}
	p.link, p.tail = l, l.done
	p.unreachableReported = false
	p.clearWanted()
	e.wg.Go(l.run)
}

// close ends the link; the goroutine that owns it does the rest.
func (l *link) close(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == nil {
		l.reason = reason
		close(l.stop)
		l.conn.Close()
	}
}

func (l *link) run() {
	if l.prev != nil {
		<-l.prev
	}
	if !l.p.up {
		l.p.up = true
		l.e.events.PeerUp(l.p.id)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.close(l.writeFrames())
	}()
	l.close(l.readFrames())
	<-written
	l.finish()
}

// finish reports the end, unless another link has taken over.
func (l *link) finish() {
	e, p := l.e, l.p
	e.mu.Lock()
	last := p.link == l
	if last {
		p.link = nil
		p.tried = time.Now()
		switch {
		case p.tried.Sub(l.since) < e.opts.RetryMax:
			p.flaps++
		case p.id > e.opts.Self:
			p.flaps = 1 // leaves the larger server time to dial first
		default:
			p.flaps = 0
		}
		e.ensureDialling(p)
	}
	e.mu.Unlock()
	if last {
		p.up = false
		e.events.PeerDown(p.id, l.reason)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	close(l.done)
	e.forget(p)
}

// readFrames delivers votes until the link breaks.
func (l *link) readFrames() error {
	remote := l.conn.RemoteAddr()
	reported := false
	for {
		frame, err := readFrame(l.r)
		if err == io.EOF {
			return fmt.Errorf("%s closed the connection", remote)
		}
		if err != nil {
			return fmt.Errorf("read from %s: %w", remote, err)
		}
		var n wire.Notification
		if err := wire.Unmarshal(frame, &n); err != nil {
			// A vote that cannot be decoded is ignored, as in ZooKeeper.
			if !reported {
				reported = true
				l.e.events.Refused(remote.String(), fmt.Errorf("vote of server %d: %w", l.p.id, err))
			}
			continue
		}
		l.e.answered(l.p)
		l.e.events.Notified(l.p.id, n)
	}
}

// readFrame reads the bytes of one vote; a vote of 0 bytes is an error.
func readFrame(r io.Reader) ([]byte, error) {
	frame, err := wire.ReadFrame(r, wire.MaxElectionFrame)
	if err == nil && len(frame) == 0 {
		err = fmt.Errorf("%w: frame of 0 bytes", wire.ErrLength)
	}
	return frame, err
}

// answered notes that the server has sent a vote since the last one to it.
func (e *Election) answered(p *peer) {
	e.mu.Lock()
	p.unanswered = false
	e.mu.Unlock()
}

// wake makes the writer look for a message. It does not block.
func (l *link) wake() {
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// writeFrames sends the newest message whenever there is one. A new link without one
// begins with the last message sent, which may have been lost with the link before
// (ZooKeeper's SendWorker does the same). So receivers must accept stale messages.
func (l *link) writeFrames() error {
	frame := l.e.nextFrame(l, true)
	for {
		if frame != nil {
			if _, err := l.conn.Write(frame); err != nil {
				return fmt.Errorf("write to %s: %w", l.conn.RemoteAddr(), err)
			}
		} else {
			select {
			case <-l.work:
			case <-l.stop:
				return ErrClosed // unused: close has set the reason already
			}
		}
		frame = l.e.nextFrame(l, false)
	}
}

// nextFrame returns the next message of a link, or nil. A message is not lost if its link
// breaks: the next link begins with it.
func (e *Election) nextFrame(l *link, first bool) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := l.p
	if p.next != nil {
		p.last, p.next = p.next, nil
		p.unanswered = true
		return p.last
	}
	if first {
		return p.last
	}
	return nil
}
