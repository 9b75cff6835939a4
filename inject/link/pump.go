package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	maxChunk = 32 << 10
	minChunk = 512
	// maxHeld bounds what one direction of one connection may hold. It plays
	// the part of the TCP window: with 50 ms of latency it allows 20 MB/s.
	maxHeld = 1 << 20
)

// end is how a stream of bytes ends.
type end uint8

const (
	// open is a stream that goes on.
	open end = iota
	// fin is an orderly end: the sender will send no more, but may still read.
	fin
	// rst is an abrupt end: the process is gone.
	rst
)

func (e end) String() string {
	switch e {
	case open:
		return "open"
	case fin:
		return "fin"
	case rst:
		return "rst"
	}
	return fmt.Sprintf("end(%d)", uint8(e))
}

// segment is a piece of the stream on its way.
type segment struct {
	data []byte
	end  end
	// due is when it arrives; the zero time is at once.
	due time.Time
}

// pump carries one direction of one connection:
//
//	src --fill--> [ queue, at most maxHeld bytes ] --drain--> dst
//	               each segment with its due time    asks the Direction
//
// Two goroutines, because a read must go on while bytes are delayed: the
// delay would otherwise become a rate limit.
type pump struct {
	dir  *Direction
	done <-chan struct{}

	// dst is set by start and never changes after.
	dst net.Conn
	// interrupted is guarded by dir.mu: dst's write deadline lies in the past.
	interrupted bool

	mu sync.Mutex
	// started is false while there is no connection yet: what is queued then
	// has not been sent, so it has no due time.
	started bool
	queue   []segment
	held    int       // bytes in queue; held <= maxHeld + maxChunk
	shaped  uint64    // the shape under which queue was scheduled
	last    time.Time // due of the last segment queued; dues never decrease
	ended   end       // the strongest end queued

	// Signals, not messages: each has room for one.
	filled chan struct{}
	room   chan struct{}
}

func newPump(dir *Direction, done <-chan struct{}) *pump {
	return &pump{
		dir:    dir,
		done:   done,
		filled: make(chan struct{}, 1),
		room:   make(chan struct{}, 1),
	}
}

// start lets the pump deliver to dst. What was queued before is sent now.
func (p *pump) start(dst net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dst, p.started = dst, true
	p.shaped = p.dir.shapes()
	p.reschedule()
}

// fill reads src into the queue until it ends. filter, when not nil, may
// replace bytes or keep them back; nil is its input at the end.
func (p *pump) fill(src net.Conn, filter func([]byte) []byte) {
	buf := make([]byte, maxChunk)
	for p.awaitRoom() {
		n, err := src.Read(buf[:p.dir.chunk()])
		data := buf[:n]
		if filter != nil && n > 0 {
			data = filter(data)
		}
		p.push(data, open)
		if err == nil {
			continue
		}
		if filter != nil {
			p.push(filter(nil), open)
		}
		if errors.Is(err, io.EOF) {
			p.push(nil, fin)
		} else {
			p.push(nil, rst)
		}
		return
	}
}

// awaitRoom blocks while the queue is full; that is the backpressure. It is
// false when the connection is over.
func (p *pump) awaitRoom() bool {
	for {
		p.mu.Lock()
		full := p.held >= maxHeld
		p.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-p.room:
		case <-p.done:
			return false
		}
	}
}

// push queues a copy of data, or an end. Nothing follows an end except a
// reset behind an orderly one.
func (p *pump) push(data []byte, e end) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e == open && (len(data) == 0 || p.ended != open) || e != open && e <= p.ended {
		return
	}
	p.refresh()
	p.enqueue(segment{data: append([]byte(nil), data...), end: e})
	p.held += len(data)
	p.ended = max(p.ended, e)
	signal(p.filled)
}

// refresh gives what is queued the due times of a shape that changed. Otherwise
// bytes sent under an hour of latency would still take an hour after the heal.
// The caller holds mu.
func (p *pump) refresh() {
	if shaped := p.dir.shapes(); p.started && shaped != p.shaped {
		p.shaped = shaped
		p.reschedule()
	}
}

// reschedule treats the whole queue as if it had been sent just now. The
// caller holds mu.
func (p *pump) reschedule() {
	old := p.queue
	p.queue, p.last = nil, time.Time{}
	for _, s := range old {
		p.enqueue(s)
	}
}

// enqueue gives s its due time, never before that of its predecessor: jitter
// must not reorder a stream. The caller holds mu.
func (p *pump) enqueue(s segment) {
	if p.started {
		s.due = p.dir.schedule(len(s.data))
		if s.due.Before(p.last) {
			s.due = p.last
		}
		p.last = s.due
	}
	p.queue = append(p.queue, s)
}

// drain writes the queue to dst as it falls due and the lane permits. It calls
// finished when it has passed on a fin; a reset may still follow. It returns rst
// when it has passed on a reset, and open when dst could no longer be written to
// or the connection is over.
func (p *pump) drain(finished func()) end {
	for {
		s, ok := p.next()
		if !ok || !p.deliver(s) {
			return open
		}
		p.pop()
		switch s.end {
		case fin:
			finished()
		case rst:
			return rst
		}
	}
}

// next waits for the head of the queue to fall due. It stays in the queue, so
// that what is being written counts as held.
func (p *pump) next() (segment, bool) {
	for {
		// Observing comes before looking at the queue, so that no change
		// between the two is missed.
		_, changed := p.dir.observe()
		p.mu.Lock()
		p.refresh()
		var head segment
		var due <-chan time.Time
		if len(p.queue) > 0 {
			head = p.queue[0]
			wait := time.Duration(0)
			if !head.due.IsZero() {
				wait = head.due.Sub(p.dir.clock.Now())
			}
			if wait <= 0 {
				p.mu.Unlock()
				return head, true
			}
			due = p.dir.clock.After(wait)
		}
		p.mu.Unlock()
		select {
		case <-p.filled:
		case <-due:
		case <-changed:
		case <-p.done:
			return segment{}, false
		}
	}
}

// pop forgets the head of the queue and lets fill go on.
func (p *pump) pop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held -= len(p.queue[0].data)
	p.queue[0] = segment{}
	p.queue = p.queue[1:]
	signal(p.room)
}

// deliver writes one segment, however often the lane is cut meanwhile. The
// data of a segment goes out in a single Write unless a cut interrupts it.
func (p *pump) deliver(s segment) bool {
	for {
		permitted, changed := p.dir.enter(p)
		if !permitted {
			select {
			case <-changed:
				continue
			case <-p.done:
				return false
			}
		}
		n, err := p.write(s)
		p.dir.leave(p)
		s.data = s.data[n:]
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err == nil
		}
	}
}

func (p *pump) write(s segment) (int, error) {
	switch s.end {
	case fin:
		return 0, closeWrite(p.dst)
	case rst:
		reset(p.dst)
		return 0, nil
	}
	return p.dst.Write(s.data)
}

// interrupt makes a Write under way return. The caller holds dir.mu, as it
// does for clearInterrupt.
func (p *pump) interrupt() {
	p.interrupted = true
	// Any moment in the past will do. An error means that dst is closed, and
	// then its Write returns anyway.
	_ = p.dst.SetWriteDeadline(time.Unix(1, 0))
}

func (p *pump) clearInterrupt() {
	if p.interrupted {
		p.interrupted = false
		_ = p.dst.SetWriteDeadline(time.Time{})
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// closeWrite passes on an orderly end. A connection that cannot be closed by
// halves is closed whole.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// reset closes c so that the other side sees a reset, not an orderly end. The
// process at this side is gone, so errors do not matter.
func reset(c net.Conn) {
	if lingerer, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = lingerer.SetLinger(0)
	}
	_ = c.Close()
}
