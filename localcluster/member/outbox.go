package member

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// errNotReading is why a connection ends whose client does not read.
var errNotReading = errors.New("it does not read what it is sent")

// writeChunk is how much is written at a time: so much must a client take before
// its patience ends (outbox.stall), or while its connection is being closed.
const writeChunk = 64 << 10

// tellEvery is how often a client that takes a long answer is said to be alive.
const tellEvery = 100 * time.Millisecond

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
	socket net.Conn
	all    *flow // of the whole server
	limit  int64 // of all.requests: ZooKeeper's globalOutstandingLimit

	mu         sync.Mutex
	changed    sync.Cond     // on mu
	queue      []byte        // frames not yet taken by the writer
	events     int           // bytes of watch events in it
	writing    int           // and in what the writer has taken
	unread     int           // bytes that were made for the client and are not written
	unanswered int           // requests that the loop has and has not answered
	asked      int           // their bytes
	open       bool          // the session stands: requests may be read
	wanted     bool          // the loop wants to know when there is room
	parting    bool          // write the queue, then close
	broken     bool          // close without writing
	settled    bool          // unread counts no more
	stall      time.Duration // how long the client may take for a chunk
	deadline   time.Time     // of the chunk that is being written
}

func newOutbox(socket net.Conn, all *flow, limit int, stall time.Duration) *outbox {
	o := &outbox{socket: socket, all: all, limit: int64(limit), stall: stall}
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
		if o.open && o.unread < maxUnread && (o.unanswered == 0 || o.mayPipeline()) {
			return true
		}
		o.changed.Wait()
	}
	return false
}

// mayPipeline tells whether there may be one request more; the caller holds mu.
func (o *outbox) mayPipeline() bool {
	return o.unanswered < maxUnanswered && o.asked < maxUnansweredBytes &&
		o.all.requests.Load() < o.limit && o.all.asked.Load() < maxServerUnanswered
}

// count counts a request of so many bytes that is handed to the event loop.
func (o *outbox) count(size int) {
	o.mu.Lock()
	o.release(-1, -size)
	o.mu.Unlock()
}

func (o *outbox) ended() bool { return o.parting || o.broken }

// start lets requests be read: the session stands. A client that takes nothing for
// as long as its timeout is as good as gone.
func (o *outbox) start(timeout time.Duration) {
	o.mu.Lock()
	o.open, o.stall = true, max(timeout, partingTime)
	o.mu.Unlock()
	o.changed.Broadcast()
}

// put queues frames, of which so many bytes are watch events, and which answer so
// many requests of so many bytes. It is true when the memory of frames is not
// to be used again: it is kept here, or too large to be kept for ever.
func (o *outbox) put(frames []byte, events, answered, asked int) (keeps bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended() {
		if keeps = len(o.queue) == 0 && len(frames) > writeChunk; keeps {
			o.queue = frames
		} else {
			o.queue = append(o.queue, frames...)
		}
		o.events += events
	}
	o.release(answered, asked)
	o.changed.Broadcast()
	return keeps || cap(frames) > writeChunk
}

// release says that n requests are not on their way any more; the caller holds mu.
func (o *outbox) release(n, size int) {
	o.unanswered -= n
	o.asked -= size
	o.all.requests.Add(-int64(n))
	o.all.asked.Add(-int64(size))
}

// made counts bytes that are to be put; wrote takes them back, when the client's
// kernel has them.
func (o *outbox) made(n int) {
	o.mu.Lock()
	o.addUnread(n)
	o.mu.Unlock()
}

// wrote tells whether the loop is to be told of it.
func (o *outbox) wrote(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addUnread(-n)
	o.changed.Broadcast() // the reader may be waiting for room
	tell := o.wanted && o.unread < maxUnread
	o.wanted = o.wanted && !tell
	return tell
}

func (o *outbox) addUnread(n int) {
	if !o.settled {
		o.unread += n
		o.all.unread.Add(int64(n))
	}
}

func (o *outbox) unreadBytes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unread
}

func (o *outbox) unreadEvents() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events + o.writing
}

// want makes wrote tell of the next time that there is room.
func (o *outbox) want() {
	o.mu.Lock()
	o.wanted = true
	o.mu.Unlock()
}

// extend gives the client time for one more chunk.
func (o *outbox) extend() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, patience := time.Now(), o.stall
	if o.ended() {
		patience = partingTime
	}
	if o.deadline.Sub(now) < patience/2 {
		o.deadline = now.Add(patience)
		o.socket.SetWriteDeadline(o.deadline)
	}
}

// part ends the connection once everything queued is written, and before if the
// client does not read that.
func (o *outbox) part() {
	o.mu.Lock()
	if !o.parting {
		o.parting = true
		o.deadline = time.Now().Add(partingTime)
		o.socket.SetWriteDeadline(o.deadline)
	}
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
	o.release(o.unanswered, o.asked)
	o.mu.Unlock()
}

// settleUnread counts what was made as gone. It is called once, when both goroutines
// of the connection have ended.
func (o *outbox) settleUnread() {
	o.mu.Lock()
	o.addUnread(-o.unread)
	o.settled = true
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
	frames, o.queue = o.queue, spare[:0]
	o.events, o.writing = 0, o.events
	return frames, o.ended()
}

// writeAll is the writer goroutine: what has gathered is written together. progress
// is called when the client has taken something and the loop is to hear of that. It
// returns errNotReading when the client has not read for too long.
func (o *outbox) writeAll(progress func()) error {
	var spare []byte
	told := time.Now()
	for {
		frames, last := o.take(spare)
		for rest := frames; len(rest) > 0; {
			o.extend()
			n, err := o.socket.Write(rest[:min(len(rest), writeChunk)])
			rest = rest[n:]
			if o.wrote(n) || len(rest) > 0 && time.Since(told) > tellEvery {
				told = time.Now()
				progress()
			}
			if err != nil {
				o.abandon()
				if errors.Is(err, os.ErrDeadlineExceeded) {
					return errNotReading
				}
				return nil
			}
		}
		if last {
			o.hangUp()
			return nil
		}
		if spare = frames; cap(spare) > writeChunk {
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
