package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// Conn is one connection of a client.
//
//	NewConn ──► Connect: ConnectRequest ──► Client.Connected ──► Request … ──► closing
type Conn struct {
	id     int64
	client Client

	hasReadOnly bool // how the client words its handshake
	session     int64
	timeout     int32     // milliseconds, as granted
	ids         []wire.ID // who the client is
	queue       []*Request
	closing     bool // nothing more will be answered
}

// NewConn begins a connection. The id is never used again; the watches of the
// connection go by it. Of the client are known, without any auth packet, these
// identities (IPAuthenticationProvider).
func NewConn(id int64, client Client, ids []wire.ID) *Conn {
	return &Conn{id: id, client: client, ids: ids}
}

// Session is the connection's session, or the one that it asks for; 0 before.
func (c *Conn) Session() int64 { return c.session }

// Timeout is the session's, in milliseconds.
func (c *Conn) Timeout() int32 { return c.timeout }

// Closing tells that nothing more will be answered.
func (c *Conn) Closing() bool { return c.closing }

// Queued is how many requests are not answered.
func (c *Conn) Queued() int { return len(c.queue) }

func (s *Server) caller(ids []wire.ID) datatree.Caller {
	return datatree.Caller{IDs: ids, SkipACL: s.o.SkipACL}
}

// bind makes c the connection of its session, and closes the one before.
func (s *Server) bind(c *Conn) {
	if old := s.bound[c.session]; old != nil && old != c {
		s.shell.Info("a session has come back on another connection", "session", SessionName(c.session),
			"from", old.client, "to", c.client)
		s.Drop(old)
	}
	s.bound[c.session] = c
}

// part closes a connection behind everything that was said on it.
func (s *Server) part(c *Conn) {
	s.Gone(c)
	c.client.Part()
}

// Drop closes a connection without another word.
func (s *Server) Drop(c *Conn) {
	s.Gone(c)
	c.client.Drop()
}

// Gone makes sure that nothing more is done for a connection that has ended. The
// session, if there was one, lives on until it expires or is closed.
func (s *Server) Gone(c *Conn) {
	c.closing = true
	c.queue = nil
	s.watches.RemoveWatcher(c.id)
	delete(s.conns, c.id)
	if s.bound[c.session] == c {
		delete(s.bound, c.session)
	}
}
