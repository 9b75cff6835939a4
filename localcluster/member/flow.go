package member

import (
	"sync/atomic"
	"time"

	"zkctl/localcluster/replica"
	"zkctl/probe/wire"
)

// What may be under way between this server and its clients. Each bound is looked
// at before the next request is read, or the next answer made, so that what is held
// can be above it by one request, or one answer. docs/limits.md has them all.
const (
	// maxUnanswered and maxUnansweredBytes bound the requests of one connection; a
	// client that pipelines more is not read from.
	maxUnanswered      = 1024
	maxUnansweredBytes = 4 << 20
	// maxServerUnanswered bounds the bytes of all requests of the server.
	maxServerUnanswered = 100 << 20

	// maxUnread bounds the answers that wait for one client to read them. Its
	// further requests wait: unanswered, and then in the socket.
	maxUnread = 1 << 20
	// maxServerUnread bounds what waits for all clients. Beyond it only clients for
	// which nothing waits get something, and of that only what is small.
	maxServerUnread = 64 << 20
	smallAnswer     = 64 << 10
	// maxOverrun is when a connection is closed: what it was to be sent has grown to
	// this, by watch events, or because nodes that it reads grew behind its requests.
	maxOverrun = 16 << 20

	// batchBytes is how much may be made for clients before it is handed on and
	// deadlines are looked at.
	batchBytes = 4 << 20
	// partingTime is how long a client may take to read what was written before a
	// connection is closed.
	partingTime = 2 * time.Second
)

// flow is what all connections of a client port have under way together.
type flow struct {
	requests atomic.Int64 // not answered
	asked    atomic.Int64 // their bytes
	unread   atomic.Int64 // bytes of answers and events that clients have not taken
}

// request brings a request to the replica once there is room for its answer; until
// then it waits, and those behind it with it.
func (s *server) request(m requestRead) {
	c := m.c
	c.heard = m.at
	s.received(c)
	header, body := splitRequest(m.frame)
	r := &replica.Request{Xid: header.Xid, Op: header.Op, Body: body, At: m.at.Sub(s.began), Size: len(m.frame)}
	if len(c.waiting) == 0 && s.admit(c, r) || c.Closing() {
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
// for it; so room is set aside for it.
func (s *server) admit(c *conn, r *replica.Request) bool {
	unread := c.box.unreadBytes()
	full := s.port.unread.Load() >= maxServerUnread
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

// admitWaiting admits requests that had to wait.
func (s *server) admitWaiting() {
	all := s.waiting
	s.waiting = nil
	for _, c := range all {
		c.box.want() // ahead of the look at what is unread, so that no progress is missed
		for len(c.waiting) > 0 && !c.Closing() && s.admit(c, c.waiting[0]) {
			c.waiting[0] = nil
			c.waiting = c.waiting[1:]
		}
		if len(c.waiting) > 0 && !c.Closing() {
			s.waiting = append(s.waiting, c)
		} else {
			c.waiting = nil
		}
	}
}

// admitSoon makes the loop call admitWaiting.
func (s *server) admitSoon() {
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// progressed says that a client has taken some of what it was sent: it is alive, and
// there may be room for more.
type progressed struct{ c *conn }

func (s *server) progressed(m progressed) {
	s.replica.Touch(m.c.ServerCnxn)
	if len(m.c.waiting) > 0 {
		s.admitSoon()
	}
}

// mayReply tells whether an answer may be made. It may, except where nodes have grown
// behind the requests that room was set aside for.
func (c *conn) mayReply() bool { return c.keepIf(c.box.unreadBytes() <= maxOverrun) }

// mayTell tells whether a watch event may be made, for which no client has asked at
// this moment, so that leaving its requests unread could not stop them.
func (c *conn) mayTell(event *wire.WatcherEvent) bool {
	full := c.server.port.unread.Load() >= maxServerUnread
	return c.keepIf(c.events+c.box.unreadEvents() <= maxOverrun && !(full && c.box.unreadBytes()+len(event.Path) > smallAnswer))
}

// keepIf closes the connection at the next flush unless ok.
func (c *conn) keepIf(ok bool) bool {
	if !ok || c.cutOff {
		c.cutOff = true
		c.server.schedule(c)
	}
	return !c.cutOff
}

// tooMuchUnread tells whether a four-letter word must go without its answer, since
// that may be long.
func (s *server) tooMuchUnread(word string) bool {
	switch word {
	case "cons", "dump", "stat", "wchc", "wchp":
		return s.port.unread.Load() >= maxServerUnread
	}
	return false
}
