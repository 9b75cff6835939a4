package member

import (
	"sync/atomic"
	"time"

	"zkctl/localcluster/replica"
	"zkctl/probe/wire"
)

// The limits of requests and answers in flight between this server and its clients. Each
// is checked before the next request is read, or the next answer made, so that one
// request, or one answer, can exceed it. docs/limits.md has them all.
const (
	// maxUnanswered and maxUnansweredBytes bound the requests of one connection; the
	// server does not read from a client that pipelines more.
	maxUnanswered      = 1024
	maxUnansweredBytes = 4 << 20
	// maxServerUnanswered bounds the bytes of all requests of the server.
	maxServerUnanswered = 100 << 20

	// maxUnread bounds the answers that wait for one client to read them. Its
	// further requests wait: unanswered, and then in the socket.
	maxUnread = 1 << 20
	// maxServerUnread bounds the answers that wait for all clients. Beyond it only
	// clients that have read everything get more answers, and only small ones.
	maxServerUnread = 64 << 20
	smallAnswer     = 64 << 10
	// maxOverrun is the bound at which a connection is closed: so many bytes wait for
	// its client, as watch events, or because nodes have grown since it asked for them.
	maxOverrun = 16 << 20

	// batchBytes bounds the answers that are made before the loop hands them on and
	// checks deadlines.
	batchBytes = 4 << 20
	// partingTime is the time that a client has to read what was written before its
	// connection is closed.
	partingTime = 2 * time.Second
)

// flow counts what all connections of a client port have in flight.
type flow struct {
	requests atomic.Int64 // not answered
	asked    atomic.Int64 // their bytes
	unread   atomic.Int64 // bytes of answers and events in memory: queued, or being written
}

// request hands a request to the replica once there is room for its answer; until
// then it waits, and the requests behind it wait with it.
func (s *server) request(m *requestRead) {
	c := m.c
	c.heard = m.at
	s.received(c)
	header, body := splitRequest(m.frame)
	r := &m.request
	*r = replica.Request{Xid: header.Xid, Op: header.Op, Body: body, At: m.at.Sub(s.began), Size: len(m.frame)}
	if c.over() || len(c.waiting) == 0 && s.admit(c, r) {
		return
	}
	s.replica.Touch(c.ServerCnxn)
	if c.waiting = append(c.waiting, r); len(c.waiting) == 1 {
		s.waiting = append(s.waiting, c)
		s.admitSoon()
	}
}

// admit hands a request to the replica if there is room. A read behind a write is
// answered only when the write is done, and together with all others that wait
// for it; so admit reserves room for its answer.
func (s *server) admit(c *conn, r *replica.Request) bool {
	unread, full := c.unread(), s.full()
	if unread >= maxUnread || full && unread > 0 {
		return false
	}
	if behind := c.Queued() > 0; behind || full {
		size := s.replica.AnswerSize(c.ServerCnxn, r)
		if full && size > smallAnswer || behind && unread+c.room+size > maxUnread {
			return false
		}
		r.Room = size
		c.room += size
	}
	s.replica.Request(c.ServerCnxn, r)
	return true
}

// admitWaiting admits requests that had to wait, until the batch is full or a tick is due,
// which calls it again. The connections take turns.
func (s *server) admitWaiting() {
	turns, until := s.waiting, s.batchEnd()
	s.waiting = nil
	for len(turns) > 0 && s.inBatch(until) {
		c := turns[0]
		turns = turns[1:]
		c.replies.want() // before admit looks at what is unread, so that no progress is missed
		for len(c.waiting) > 0 && !c.over() && s.inBatch(until) && s.admit(c, c.waiting[0]) {
			c.waiting[0] = nil
			c.waiting = c.waiting[1:]
		}
		if len(c.waiting) > 0 && !c.over() {
			s.waiting = append(s.waiting, c)
		} else {
			c.waiting = nil
		}
	}
	s.waiting = append(turns, s.waiting...)
	if s.made >= batchBytes {
		s.admitSoon()
	}
}

// admitSoon makes the loop call admitWaiting.
func (s *server) admitSoon() {
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// progressed is the message that a client has read something: it is alive, and there may
// be room for more.
type progressed struct{ c *conn }

func (s *server) progressed(m progressed) {
	s.replica.Touch(m.c.ServerCnxn)
	if len(m.c.waiting) > 0 {
		s.admitSoon()
	}
}

// over tells whether nothing that is made for the connection reaches its client. The
// socket may have ended before the loop handles the message that the connection is gone;
// the replyQueue then takes and counts nothing any more.
func (c *conn) over() bool { return c.Closing() || c.replies.ended.Load() }

// unread is the number of bytes in memory that the client has not read.
func (c *conn) unread() int { return c.frames.Len() + int(c.replies.unread.Load()) }

// full tells whether as much as may waits for all clients.
func (s *server) full() bool { return s.port.unread.Load()+int64(s.made) >= maxServerUnread }

// mayReply tells whether an answer may be made. It may not if nodes have grown so much
// since room was reserved for their answers that too many bytes wait.
func (c *conn) mayReply() bool { return !c.over() && c.keepIf(c.unread() <= maxOverrun) }

// mayNotify tells whether a watch event may be made. Watch events need a limit of their
// own, since leaving the client's requests unread does not stop them.
func (c *conn) mayNotify(event *wire.WatcherEvent) bool {
	return !c.over() && c.keepIf(c.events+c.replies.unreadEvents() <= maxOverrun &&
		!(c.server.full() && c.unread()+len(event.Path) > smallAnswer))
}

// keepIf closes the connection at the next flush unless ok.
func (c *conn) keepIf(ok bool) bool {
	if !ok || c.cutOff {
		c.cutOff = true
		c.server.schedule(c)
	}
	return !c.cutOff
}

// tooMuchUnread tells whether a four-letter word with a long answer must go unanswered,
// because too much waits for other clients.
func (s *server) tooMuchUnread(word string) bool {
	switch word {
	case "cons", "dump", "stat", "wchc", "wchp":
		return s.full()
	}
	return false
}
