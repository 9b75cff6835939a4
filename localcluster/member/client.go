package member

import (
	"time"

	"zkctl/localcluster/replica"
	"zkctl/probe/wire"
)

// A conn is the replica.Client of its connection: answers gather in frames, and
// flush hands them to the replyQueue.
var _ replica.Client = (*conn)(nil)

// frame appends one frame and counts it. Either part may be nil.
func (c *conn) frame(header *wire.ReplyHeader, body wire.Record) (size int) {
	mark := c.frames.BeginFrame()
	if header != nil {
		header.Encode(&c.frames)
	}
	if body != nil {
		body.Encode(&c.frames)
	}
	c.frames.EndFrame(mark)
	size = c.frames.Len() - mark
	c.server.made += size
	c.server.sent(c, size)
	c.server.schedule(c)
	return size
}

// Connected implements replica.Client.
func (c *conn) Connected(r wire.ConnectResponse) {
	c.frame(nil, &r)
	if r.SessionID != 0 {
		c.open = true
		c.replies.start(time.Duration(r.Timeout) * time.Millisecond)
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
	if c.mayNotify(event) {
		c.events += c.frame(&wire.ReplyHeader{Xid: wire.XidNotification, Zxid: -1}, event)
	}
}

// Done implements replica.Client: it counts what
// ServerCnxn.updateStatsForResponse counts.
func (c *conn) Done(r *replica.Request, zxid wire.Zxid, err wire.ErrCode) {
	s := c.server
	c.asked += r.Size
	c.room -= r.Room
	now := s.Now()
	took := now - r.At
	s.stats.latency.add(took)
	st := &c.stats
	st.latency.add(took)
	st.lastLatency = took.Milliseconds()
	st.lastOp = abbreviate(r.Op)
	st.lastZxid = zxid
	st.lastResponse = now.Milliseconds()
	if r.Xid >= 0 { // not pings, auth and setWatches
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
	c.replies.part()
}

// CloseNow implements replica.Client.
func (c *conn) CloseNow() {
	c.open = false
	c.replies.abandon()
}

// String implements replica.Client.
func (c *conn) String() string { return c.remote.String() }

// connect hands a ConnectRequest to the replica.
func (s *server) connect(m connectRead) {
	m.c.heard = time.Now()
	s.received(m.c)
	s.replica.Connect(m.c.ServerCnxn, m.req)
}

// gone removes a connection whose reader has ended.
func (s *server) gone(c *conn, err error) {
	if err != nil && !c.Closing() {
		s.log.Warn("closing a client connection", "client", c.remote, "session", replica.SessionName(c.Session()), "reason", err)
	}
	s.flushConn(c) // also if the connection is closed; settle counts the rest
	s.replica.Closed(c.ServerCnxn)
	c.open = false
	c.replies.part()
	c.replies.settle()
	delete(s.conns, c.id)
}
