package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// ServerCnxn is one connection of a client, on the server's side.
//
//	NewServerCnxn ──► Connect: ConnectRequest ──► Client.Connected ──► Request … ──► closing
type ServerCnxn struct {
	id     int64
	client Client

	hasReadOnly bool // whether the client's ConnectRequest has the field readOnly
	session     int64
	timeout     int32     // milliseconds, as granted
	ids         []wire.ID // the client's identities
	queue       []*Request
	closing     bool // no more requests are answered
}

// NewServerCnxn returns a new connection. Its id, under which its watches are kept,
// must never be used again. ids are the identities that the client has without an auth
// packet (IPAuthenticationProvider).
func NewServerCnxn(id int64, client Client, ids []wire.ID) *ServerCnxn {
	return &ServerCnxn{id: id, client: client, ids: ids}
}

// Session is the connection's session, or the one that it asks for; 0 before a
// ConnectRequest.
func (c *ServerCnxn) Session() int64 { return c.session }

// Timeout is the session's, in milliseconds.
func (c *ServerCnxn) Timeout() int32 { return c.timeout }

// Closing reports whether the server no longer answers on the connection.
func (c *ServerCnxn) Closing() bool { return c.closing }

// pop removes the head of the queue. A queue that has become empty keeps its memory for
// the next request.
func (c *ServerCnxn) pop() {
	c.queue[0] = nil
	if len(c.queue) == 1 {
		c.queue = c.queue[:0]
		return
	}
	c.queue = c.queue[1:]
}

// Queued is the number of unanswered requests.
func (c *ServerCnxn) Queued() int { return len(c.queue) }

func (s *Server) caller(ids []wire.ID) datatree.Caller {
	return datatree.Caller{IDs: ids, SkipACL: s.o.SkipACL}
}

// bind makes c the connection of its session, and closes the former one.
func (s *Server) bind(c *ServerCnxn) {
	if old := s.bySession[c.session]; old != nil && old != c {
		s.shell.Info("a session has come back on another connection", "session", SessionName(c.session),
			"from", old.client, "to", c.client)
		s.CloseNow(old)
	}
	s.bySession[c.session] = c
}

// closeAfterReplies closes a connection once everything sent on it is written.
func (s *Server) closeAfterReplies(c *ServerCnxn) {
	s.Closed(c)
	c.client.CloseAfterReplies()
}

// CloseNow closes a connection at once; replies that are not written are dropped.
func (s *Server) CloseNow(c *ServerCnxn) {
	s.Closed(c)
	c.client.CloseNow()
}

// Closed removes a connection that has ended. Its session, if it had one, lives until
// it expires or is closed.
func (s *Server) Closed(c *ServerCnxn) {
	c.closing = true
	c.queue = nil
	s.watches.RemoveWatcher(c.id)
	delete(s.conns, c.id)
	if s.bySession[c.session] == c {
		delete(s.bySession, c.session)
	}
}
