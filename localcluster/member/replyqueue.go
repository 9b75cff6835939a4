package member

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
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

	// The reader and the loop look at these for every request, without mu. What makes
	// room for a request is changed under mu, so that awaitRoom misses nothing.
	unanswered atomic.Int64 // requests that the loop has and has not answered
	asked      atomic.Int64 // their bytes
	unread     atomic.Int64 // bytes in memory: in queue, and with the writer until all that it took is written
	open       atomic.Bool  // the session is confirmed: requests may be read
	ended      atomic.Bool  // parting or broken: nothing more is taken

	mu      sync.Mutex
	changed sync.Cond     // on mu
	queue   []byte        // frames not yet taken by the writer
	events  int           // bytes of watch events in queue
	writing int           // bytes of watch events that the writer has taken
	wanted  bool          // wrote must report when there is room
	parting bool          // write the queue, then close
	stall   time.Duration // how long the client may take for a chunk

	deadline time.Time // of the chunk that is being written
	reported time.Time // when the writer last called progress during a write; the writer's own
}

func newReplyQueue(socket net.Conn, all *flow, limit int, stall time.Duration) *replyQueue {
	o := &replyQueue{socket: socket, all: all, limit: int64(limit), stall: stall}
	o.changed.L = &o.mu
	return o
}

// awaitRoom waits until one more request may be read. It returns false when
// the connection ends.
func (o *replyQueue) awaitRoom() bool {
	if o.mayRead() {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended.Load() {
		if o.mayRead() {
			return true
		}
		o.changed.Wait()
	}
	return false
}

// mayRead tells whether one request more may be read.
//
// A connection without a request in flight may always send one, so that the limit
// for the whole server slows all clients down and starves none
// (ZooKeeperServer.shouldThrottle).
func (o *replyQueue) mayRead() bool {
	if !o.open.Load() || o.ended.Load() || o.unread.Load() >= maxUnread {
		return false
	}
	n := o.unanswered.Load()
	return n == 0 || n < maxUnanswered && o.asked.Load() < maxUnansweredBytes &&
		o.all.requests.Load() < o.limit && o.all.asked.Load() < maxServerUnanswered
}

// count counts a request of so many bytes that is handed to the event loop.
func (o *replyQueue) count(size int) { o.release(-1, -int64(size)) }

// start lets requests be read, once the session is confirmed. A client that reads nothing
// for as long as its session timeout counts as gone.
func (o *replyQueue) start(timeout time.Duration) {
	o.mu.Lock()
	o.open.Store(true)
	o.stall = max(timeout, partingTime)
	o.mu.Unlock()
	o.changed.Broadcast()
}

// put queues frames. Of their bytes, events are those of watch events; they answer
// answered requests, of asked bytes. It returns true when the caller must not reuse the
// memory of frames, because the queue keeps it, or because it is too large to keep.
func (o *replyQueue) put(frames []byte, events, answered, asked int) (keeps bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended.Load() {
		if keeps = len(o.queue) == 0 && len(frames) > writeChunk; keeps {
			o.queue = frames
		} else {
			o.queue = append(o.queue, frames...)
		}
		o.events += events
		o.addUnread(len(frames))
	}
	o.release(int64(answered), int64(asked))
	o.changed.Broadcast()
	return keeps || cap(frames) > writeChunk
}

// release counts n requests of size bytes as no longer in flight.
func (o *replyQueue) release(n, size int64) {
	o.unanswered.Add(-n)
	o.asked.Add(-size)
	o.all.requests.Add(-n)
	o.all.asked.Add(-size)
}

// wrote counts n bytes that the writer has taken as written, or as dropped. It returns
// true when the loop waits for room (want) and there is some now.
func (o *replyQueue) wrote(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addUnread(-n)
	o.changed.Broadcast() // the reader may be waiting for room
	report := o.wanted && o.unread.Load() < maxUnread
	o.wanted = o.wanted && !report
	return report
}

func (o *replyQueue) addUnread(n int) {
	o.unread.Add(int64(n))
	o.all.unread.Add(int64(n))
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
	if o.ended.Load() {
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
		o.ended.Store(true)
		o.deadline = time.Now().Add(partingTime)
		o.socket.SetWriteDeadline(o.deadline)
	}
	o.mu.Unlock()
	o.changed.Broadcast()
}

// abandon ends the connection now.
func (o *replyQueue) abandon() {
	o.mu.Lock()
	o.ended.Store(true)
	o.addUnread(-len(o.queue))
	o.queue = nil
	o.mu.Unlock()
	o.changed.Broadcast()
	o.socket.Close()
}

// settle counts the requests of a connection that has ended as answered. It is
// called once, when the loop will answer none of them any more.
func (o *replyQueue) settle() { o.release(o.unanswered.Load(), o.asked.Load()) }

// next waits for something to write. last means that nothing will follow;
// spare is a buffer to reuse.
func (o *replyQueue) next(spare []byte) (frames []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 && !o.ended.Load() {
		o.changed.Wait()
	}
	frames, o.queue = o.queue, spare[:0]
	o.events, o.writing = 0, o.events
	return frames, o.ended.Load()
}

// writeAll is the writer goroutine: it writes together what has gathered. It calls
// progress when there is room again, and now and then while the client reads. It
// returns errNotReading when the client has not read for too long.
func (o *replyQueue) writeAll(progress func()) error {
	var spare []byte
	for {
		frames, last := o.next(spare)
		err := o.write(frames, progress)
		if o.wrote(len(frames)) {
			progress()
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errNotReading
		case err != nil:
			return nil
		case last:
			o.hangUp()
			return nil
		}
		if spare = frames; cap(spare) > writeChunk {
			spare = nil // one large answer must not keep its memory for ever
		}
	}
}

// write writes frames in chunks. After an error it has ended the connection.
func (o *replyQueue) write(frames []byte, progress func()) error {
	for len(frames) > 0 {
		o.extend()
		n, err := o.socket.Write(frames[:min(len(frames), writeChunk)])
		if err != nil {
			o.abandon()
			return err
		}
		if frames = frames[n:]; len(frames) == 0 {
			break
		}
		if now := time.Now(); now.Sub(o.reported) > progressEvery {
			o.reported = now
			progress()
		}
	}
	return nil
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
