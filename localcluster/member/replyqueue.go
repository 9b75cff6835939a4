package member

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// errNotReading is the reason when a connection is closed because its client does not read.
var errNotReading = errors.New("the client does not read its answers")

// writeChunk is the size of a write: a client must take that much within
// replyQueue.stall, or within partingTime while its connection is being closed.
const writeChunk = 64 << 10

// progressEvery is how often a client that reads a long answer counts as alive.
const progressEvery = 100 * time.Millisecond

// replyQueue holds the replies and events that one client has yet to be sent, and limits
// the requests that the client may have in flight. Three goroutines use it:
//
//	reader ── count ────►┐                     ┌── next ──► writer ──► socket
//	          awaitRoom ◄┤  unanswered, queue  │
//	event loop ──────────┴─ put ───────────────┘
//
// The event loop never waits. The reader waits in awaitRoom; while it does not
// read, TCP stops the client.
type replyQueue struct {
	socket net.Conn
	all    *flow // of the whole server
	limit  int64 // of all.requests: ZooKeeper's globalOutstandingLimit

	mu         sync.Mutex
	changed    sync.Cond     // on mu
	queue      []byte        // frames not yet taken by the writer
	events     int           // bytes of watch events in queue
	writing    int           // bytes of watch events that the writer has taken
	unread     int           // bytes that were made for the client and are not written
	unanswered int           // requests that the loop has and has not answered
	asked      int           // their bytes
	open       bool          // the session is confirmed: requests may be read
	wanted     bool          // wrote must report when there is room
	parting    bool          // write the queue, then close
	broken     bool          // close without writing
	settled    bool          // unread is counted as gone
	stall      time.Duration // how long the client may take for a chunk
	deadline   time.Time     // of the chunk that is being written
}

func newReplyQueue(socket net.Conn, all *flow, limit int, stall time.Duration) *replyQueue {
	o := &replyQueue{socket: socket, all: all, limit: int64(limit), stall: stall}
	o.changed.L = &o.mu
	return o
}

// awaitRoom waits until one more request may be read. It returns false when
// the connection ends.
//
// A connection without a request in flight may always send one, so that the limit
// for the whole server slows all clients down and starves none
// (ZooKeeperServer.shouldThrottle).
func (o *replyQueue) awaitRoom() bool {
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

// mayPipeline tells whether one request more may be in flight; the caller holds mu.
func (o *replyQueue) mayPipeline() bool {
	return o.unanswered < maxUnanswered && o.asked < maxUnansweredBytes &&
		o.all.requests.Load() < o.limit && o.all.asked.Load() < maxServerUnanswered
}

// count counts a request of so many bytes that is handed to the event loop.
func (o *replyQueue) count(size int) {
	o.mu.Lock()
	o.release(-1, -size)
	o.mu.Unlock()
}

func (o *replyQueue) ended() bool { return o.parting || o.broken }

// start lets requests be read, once the session is confirmed. A client that reads nothing
// for as long as its session timeout counts as gone.
func (o *replyQueue) start(timeout time.Duration) {
	o.mu.Lock()
	o.open, o.stall = true, max(timeout, partingTime)
	o.mu.Unlock()
	o.changed.Broadcast()
}

// put queues frames. Of their bytes, events are those of watch events; they answer
// answered requests, of asked bytes. It returns true when the caller must not reuse the
// memory of frames, because the queue keeps it, or because it is too large to keep.
func (o *replyQueue) put(frames []byte, events, answered, asked int) (keeps bool) {
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

// release counts n requests of size bytes as no longer in flight; the caller holds mu.
func (o *replyQueue) release(n, size int) {
	o.unanswered -= n
	o.asked -= size
	o.all.requests.Add(-int64(n))
	o.all.asked.Add(-int64(size))
}

// made counts bytes that will be put. wrote takes them off again, once they are in the
// socket.
func (o *replyQueue) made(n int) {
	o.mu.Lock()
	o.addUnread(n)
	o.mu.Unlock()
}

// wrote returns true when the loop waits for room (want) and there is some now.
func (o *replyQueue) wrote(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addUnread(-n)
	o.changed.Broadcast() // the reader may be waiting for room
	report := o.wanted && o.unread < maxUnread
	o.wanted = o.wanted && !report
	return report
}

func (o *replyQueue) addUnread(n int) {
	if !o.settled {
		o.unread += n
		o.all.unread.Add(int64(n))
	}
}

func (o *replyQueue) unreadBytes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unread
}

func (o *replyQueue) unreadEvents() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events + o.writing
}

// want makes wrote report the next time that there is room.
func (o *replyQueue) want() {
	o.mu.Lock()
	o.wanted = true
	o.mu.Unlock()
}

// extend gives the client time for one more chunk.
func (o *replyQueue) extend() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, limit := time.Now(), o.stall
	if o.ended() {
		limit = partingTime
	}
	if o.deadline.Sub(now) < limit/2 {
		o.deadline = now.Add(limit)
		o.socket.SetWriteDeadline(o.deadline)
	}
}

// part ends the connection once everything queued is written, or after partingTime if the
// client does not read that.
func (o *replyQueue) part() {
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
func (o *replyQueue) abandon() {
	o.mu.Lock()
	o.broken, o.queue = true, nil
	o.mu.Unlock()
	o.changed.Broadcast()
	o.socket.Close()
}

// settle counts the requests of a connection that has ended as answered. It is
// called once, when the loop will answer none of them any more.
func (o *replyQueue) settle() {
	o.mu.Lock()
	o.release(o.unanswered, o.asked)
	o.mu.Unlock()
}

// settleUnread counts the unread bytes as gone. It is called once, when both goroutines
// of the connection have ended.
func (o *replyQueue) settleUnread() {
	o.mu.Lock()
	o.addUnread(-o.unread)
	o.settled = true
	o.mu.Unlock()
}

// next waits for something to write. last means that nothing will follow;
// spare is a buffer to reuse.
func (o *replyQueue) next(spare []byte) (frames []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 && !o.ended() {
		o.changed.Wait()
	}
	frames, o.queue = o.queue, spare[:0]
	o.events, o.writing = 0, o.events
	return frames, o.ended()
}

// writeAll is the writer goroutine: it writes together what has gathered. It calls
// progress when there is room again, and now and then while the client reads. It
// returns errNotReading when the client has not read for too long.
func (o *replyQueue) writeAll(progress func()) error {
	var spare []byte
	reported := time.Now()
	for {
		frames, last := o.next(spare)
		for rest := frames; len(rest) > 0; {
			o.extend()
			n, err := o.socket.Write(rest[:min(len(rest), writeChunk)])
			rest = rest[n:]
			if o.wrote(n) || len(rest) > 0 && time.Since(reported) > progressEvery {
				reported = time.Now()
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
			spare = nil // one large answer must not keep its memory for ever
		}
	}
}

// hangUp ends the sending direction, and gives the client a moment to notice.
// If it closed the socket while bytes of the client are unread, the kernel would send
// a reset, which can overtake the answer that was written last: `echo ruok | nc` would
// get half an answer. The reader goroutine reads on until the client closes its side
// or the time is over, and then closes the socket.
func (o *replyQueue) hangUp() {
	o.socket.SetReadDeadline(time.Now().Add(partingTime))
	if half, ok := o.socket.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		o.socket.Close()
	}
}
