package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// ServerCnxn is one connection of a client.
//
//	NewServerCnxn ──► Connect: ConnectRequest ──► Client.Connected ──► Request … ──► closing
type ServerCnxn struct {
	id     int64
	client Client

	hasReadOnly bool // how the client words its handshake
	session     int64
	timeout     int32     // milliseconds, as granted
	ids         []wire.ID // who the client is
	queue       []*Request
	closing     bool // nothing more will be answered
}

// NewServerCnxn begins a connection. The id is never used again; the watches of the
// connection go by it. Of the client are known, without any auth packet, these
// identities (IPAuthenticationProvider).
func NewServerCnxn(id int64, client Client, ids []wire.ID) *ServerCnxn {
	return &ServerCnxn{id: id, client: client, ids: ids}
}

// Session is the connection's session, or the one that it asks for; 0 before.
func (c *ServerCnxn) Session() int64 { return c.session }

// Timeout is the session's, in milliseconds.
func (c *ServerCnxn) Timeout() int32 { return c.timeout }

// Closing tells that nothing more will be answered.
func (c *ServerCnxn) Closing() bool { return c.closing }

// Queued is how many requests are not answered.
func (c *ServerCnxn) Queued() int { return len(c.queue) }

func (s *Server) caller(ids []wire.ID) datatree.Caller {
	return datatree.Caller{IDs: ids, SkipACL: s.o.SkipACL}
}

// bind makes c the connection of its session, and closes the one before.
func (s *Server) bind(c *ServerCnxn) {
	if old := s.bySession[c.session]; old != nil && old != c {
		s.shell.Info("a session has come back on another connection", "session", SessionName(c.session),
			"from", old.client, "to", c.client)
		s.CloseNow(old)
	}
	s.bySession[c.session] = c
}

// closeAfterReplies closes a connection behind everything that was said on it.
func (s *Server) closeAfterReplies(c *ServerCnxn) {
	s.Closed(c)
	c.client.CloseAfterReplies()
}

// CloseNow closes a connection without another word.
func (s *Server) CloseNow(c *ServerCnxn) {
	s.Closed(c)
	c.client.CloseNow()
}

// Closed makes sure that nothing more is done for a connection that has ended. The
// session, if there was one, lives on until it expires or is closed.
func (s *Server) Closed(c *ServerCnxn) {
	c.closing = true
	c.queue = nil
	s.watches.RemoveWatcher(c.id)
	delete(s.conns, c.id)
	if s.bySession[c.session] == c {
		delete(s.bySession, c.session)
	}
}
