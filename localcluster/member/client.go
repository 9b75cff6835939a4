package member

import (
	"time"

	"zkctl/localcluster/replica"
	"zkctl/probe/wire"
)

// A conn is the replica.Client of its connection: answers gather in frames, and
// flush hands them to the outbox.
var _ replica.Client = (*conn)(nil)

// frame appends one frame and counts it.
func (c *conn) frame(records ...wire.Record) (size int) {
	mark := c.frames.BeginFrame()
	for _, r := range records {
		if r != nil {
			r.Encode(&c.frames)
		}
	}
	c.frames.EndFrame(mark)
	size = c.frames.Len() - mark
	c.box.made(size)
	c.server.made += size
	c.server.sent(c, size)
	c.server.schedule(c)
	return size
}

// Connected implements replica.Client.
func (c *conn) Connected(r wire.ConnectResponse) {
	c.frame(&r)
	if r.SessionID != 0 {
		c.open = true
		c.box.start(time.Duration(r.Timeout) * time.Millisecond)
	}
}

// Reply implements replica.Client.
func (c *conn) Reply(header wire.ReplyHeader, body wire.Record) {
	c.answered++
	if c.mayReply() {
		c.frame(&header, body)
	}
}

// Event implements replica.Client. ZooKeeper 3.8 sends no zxid with events.
func (c *conn) Event(event *wire.WatcherEvent, _ wire.Zxid) {
	if c.mayTell(event) {
		c.events += c.frame(&wire.ReplyHeader{Xid: wire.XidNotification, Zxid: -1}, event)
	}
}

// Done implements replica.Client: it counts what
// ServerCnxn.updateStatsForResponse counts.
func (c *conn) Done(r *replica.Request, zxid wire.Zxid, err wire.ErrCode) {
	s := c.server
	c.asked += r.Size
	c.room -= r.Room
	took := s.Now() - r.At
	s.stats.latency.add(took)
	st := &c.stats
	st.latency.add(took)
	st.lastLatency = took.Milliseconds()
	st.lastOp = abbreviate(r.Op)
	st.lastZxid = zxid
	st.lastResponse = s.Now().Milliseconds()
	if r.Xid >= 0 { // not pings and their like
		st.lastCxid = r.Xid
	}
	if r.Op == wire.OpAuth && err == wire.ErrAuthFailed {
		s.stats.authFailed++
	}
}

// CloseAfterReplies implements replica.Client.
func (c *conn) CloseAfterReplies() {
	c.open = false
	c.server.flushConn(c)
	c.box.part()
}

// CloseNow implements replica.Client.
func (c *conn) CloseNow() {
	c.open = false
	c.box.abandon()
}

// String implements replica.Client.
func (c *conn) String() string { return c.remote.String() }

// greet and gone are what a connection's reader brings.
func (s *server) greet(m greeted) {
	m.c.heard = time.Now()
	s.received(m.c)
	s.replica.Connect(m.c.ServerCnxn, m.req)
}

// gone ends a connection's life: its goroutines have finished reading.
func (s *server) gone(c *conn, err error) {
	if err != nil && !c.Closing() {
		s.log.Warn("closing a client connection", "client", c.remote, "session", replica.SessionName(c.Session()), "reason", err)
	}
	s.flushConn(c) // also of a connection that is closed: settle counts the rest
	s.replica.Closed(c.ServerCnxn)
	c.open = false
	c.box.part()
	c.box.settle()
	delete(s.conns, c.id)
}
