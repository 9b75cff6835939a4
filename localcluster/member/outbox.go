package member

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUnanswered is how many requests of one connection are on their way
	// at a time; a client that pipelines more is simply not read from.
	maxUnanswered = 1024
	// maxUnread is how many bytes of answers may wait for a client to read
	// them before its further requests are left in the socket.
	maxUnread = 1 << 20
	// maxEventBacklog bounds what watch events may add to that. A client has
	// not asked for an event at this moment, so leaving its requests unread
	// cannot stop them; one that does not read them is cut off.
	maxEventBacklog = 16 << 20
	// partingTime is how long a client may take to read what was written
	// before a connection is closed.
	partingTime = 2 * time.Second
)

// outbox is what one client is still to be sent, and the brake on what it may
// ask meanwhile. Three goroutines meet here:
//
//	reader ── count ────►┐                     ┌── take ──► writer ──► socket
//	          awaitRoom ◄┤  unanswered, queue  │
//	event loop ──────────┴─ put ───────────────┘
//
// The event loop never waits. The reader does, in awaitRoom, and by not
// reading makes TCP tell the client.
type outbox struct {
	socket   net.Conn
	inFlight *atomic.Int64 // requests unanswered in the whole server
	limit    int64         // of inFlight: ZooKeeper's globalOutstandingLimit

	mu         sync.Mutex
	changed    sync.Cond // on mu
	queue      []byte    // frames not yet taken by the writer
	events     int       // bytes of watch events in it
	unanswered int       // requests that the loop has and has not answered
	open       bool      // the session stands: requests may be read
	parting    bool      // write the queue, then close
	broken     bool      // close without writing
}

func newOutbox(socket net.Conn, inFlight *atomic.Int64, limit int) *outbox {
	o := &outbox{socket: socket, inFlight: inFlight, limit: int64(limit)}
	o.changed.L = &o.mu
	return o
}

// awaitRoom waits until one more request may be read. It returns false when
// the connection ends.
//
// A connection with nothing on its way is always let through, so that the
// limit for the whole server slows everybody down and starves nobody
// (ZooKeeperServer.shouldThrottle).
func (o *outbox) awaitRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended() {
		read := o.open && len(o.queue) < maxUnread
		if read && (o.unanswered == 0 || o.unanswered < maxUnanswered && o.inFlight.Load() < o.limit) {
			return true
		}
		o.changed.Wait()
	}
	return false
}

// count counts a request that is handed to the event loop.
func (o *outbox) count() {
	o.mu.Lock()
	o.release(-1)
	o.mu.Unlock()
}

func (o *outbox) ended() bool { return o.parting || o.broken }

// start lets requests be read: the session stands.
func (o *outbox) start() {
	o.mu.Lock()
	o.open = true
	o.mu.Unlock()
	o.changed.Broadcast()
}

// put queues frames, which answer so many requests and of which so many bytes
// are watch events. It is false when the client has let too many events gather.
func (o *outbox) put(frames []byte, answered, events int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended() {
		o.queue = append(o.queue, frames...)
		o.events += events
	}
	o.release(answered)
	o.changed.Broadcast()
	return o.events <= maxEventBacklog
}

// release says that n requests are not on their way any more; the caller holds mu.
func (o *outbox) release(n int) {
	o.unanswered -= n
	o.inFlight.Add(-int64(n))
}

// part ends the connection once everything queued is written.
func (o *outbox) part() {
	o.mu.Lock()
	o.parting = true
	o.mu.Unlock()
	o.changed.Broadcast()
}

// abandon ends the connection now.
func (o *outbox) abandon() {
	o.mu.Lock()
	o.broken, o.queue = true, nil
	o.mu.Unlock()
	o.changed.Broadcast()
	o.socket.Close()
}

// settle counts the requests of a connection that has ended as answered. It is
// called once, when nobody will answer any more.
func (o *outbox) settle() {
	o.mu.Lock()
	o.release(o.unanswered)
	o.mu.Unlock()
}

// take waits for something to write. last says that nothing will follow;
// spare is a buffer to reuse.
func (o *outbox) take(spare []byte) (frames []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 && !o.ended() {
		o.changed.Wait()
	}
	frames, o.queue, o.events = o.queue, spare[:0], 0
	o.changed.Broadcast() // the reader may be waiting for room
	return frames, o.ended()
}

// writeAll is the writer goroutine: one write for all that has gathered.
func (o *outbox) writeAll() {
	var spare []byte
	for {
		frames, last := o.take(spare)
		if last {
			// Whoever does not read must not keep a goroutine for ever.
			o.socket.SetWriteDeadline(time.Now().Add(partingTime))
		}
		if len(frames) > 0 {
			if _, err := o.socket.Write(frames); err != nil {
				o.abandon()
				return
			}
		}
		if last {
			o.hangUp()
			return
		}
		if spare = frames; cap(spare) > maxUnread {
			spare = nil // one large answer must not cost memory for ever
		}
	}
}

// hangUp ends the sending direction, and gives the client a moment to notice.
// Closing at once, with bytes of the client unread, would make the kernel send
// a reset, which can overtake the answer that was written last: half answers
// to `echo ruok | nc`. The reader goroutine reads on until the client hangs
// up too or the time is over, and closes the socket.
func (o *outbox) hangUp() {
	o.socket.SetReadDeadline(time.Now().Add(partingTime))
	if half, ok := o.socket.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		o.socket.Close()
	}
}
