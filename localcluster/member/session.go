package member

import (
	"crypto/subtle"
	"time"

	"zkctl/probe/wire"
)

// greet handles a ConnectRequest: a client that wants a session, a new one or
// one that it has.
//
//	session 0    ──► createSession is proposed ──► committed ──► ConnectResponse
//	session != 0 ──► password ──► alive? ──► ConnectResponse
//	                    │           │ ask the leader, or be it
//	                    └───────────┴──► refused: ConnectResponse of zeros
func (s *server) greet(c *conn, req wire.ConnectRequest) {
	c.heard = time.Now()
	s.received(c)
	switch {
	case c.closing:
		return
	case !s.status.Serving:
		s.drop(c)
		return
	case req.LastZxidSeen > s.knownZxid():
		// It has seen the future: answering would take it back in time
		// (ZooKeeperServer.processConnectRequest). It tries another server.
		s.log.Info("a client has seen a later transaction than this server: closing the connection",
			"client", c.remote, "seen", req.LastZxidSeen, "here", s.knownZxid())
		s.drop(c)
		return
	}
	c.greeting = req
	asked := time.Duration(req.Timeout) * time.Millisecond
	c.timeout = int32(min(max(asked, s.cfg.MinSessionTimeout), s.cfg.MaxSessionTimeout).Milliseconds())
	if req.SessionID == 0 {
		s.createSession(c)
		return
	}
	s.reattach(c)
}

// knownZxid is the end of the history that this server is sure to hold: its
// last transaction, or the beginning of the epoch that it has synchronized
// with, which Java servers tell to clients as if it were one.
func (s *server) knownZxid() wire.Zxid {
	if s.cfg.Standalone {
		return s.tree.LastZxid()
	}
	return max(s.tree.LastZxid(), wire.MakeZxid(s.status.Epoch, 0))
}

func (s *server) createSession(c *conn) {
	c.session = s.newSessionID()
	s.bind(c)
	body := wire.NewEncoder(nil)
	body.Int32(c.timeout)
	s.submit(&request{c: c, op: wire.OpCreateSession, body: body.Bytes(), at: time.Now()})
}

// newSessionID skips ids that are in use: the wall clock, from which they are
// made, may have been set back.
func (s *server) newSessionID() int64 {
	for {
		id := s.ids.Next()
		if _, used := s.tree.SessionTimeout(id); !used && s.bound[id] == nil {
			return id
		}
	}
}

// reattach lets a client go on with its session if it knows the password and
// the session is alive. The password is looked at before the connection which
// the session has is closed; ZooKeeper does it the other way round, so that
// whoever guesses an id can disconnect its owner.
func (s *server) reattach(c *conn) {
	session := c.greeting.SessionID
	want := wire.SessionPassword(session)
	if subtle.ConstantTimeCompare(want, c.greeting.Password) != 1 {
		s.log.Warn("a client gave a wrong session password", "client", c.remote, "session", sessionName(session))
		s.refuseSession(c)
		return
	}
	c.session = session
	s.bind(c)
	if s.leading != nil {
		s.confirmSession(c, s.leading.adopt(session, c.timeout, localOwner, s.now()))
		return
	}
	s.revalidate(c)
}

// bind makes c the connection of its session, and closes the one before.
func (s *server) bind(c *conn) {
	if old := s.bound[c.session]; old != nil && old != c {
		s.log.Info("a session has come back on another connection", "session", sessionName(c.session),
			"from", old.remote, "to", c.remote)
		s.drop(old)
	}
	s.bound[c.session] = c
}

// confirmSession ends a handshake.
func (s *server) confirmSession(c *conn, alive bool) {
	if c.closing {
		return
	}
	if !alive {
		s.refuseSession(c)
		return
	}
	c.open = true
	s.sendConnectResponse(c, wire.ConnectResponse{
		Timeout: c.timeout, SessionID: c.session, Password: wire.SessionPassword(c.session),
	})
	c.box.start()
}

// refuseSession tells a client that its session is over.
func (s *server) refuseSession(c *conn) {
	s.sendConnectResponse(c, wire.ConnectResponse{Password: wire.NoPassword()})
	s.part(c)
}

func (s *server) sendConnectResponse(c *conn, r wire.ConnectResponse) {
	r.HasReadOnly = c.greeting.HasReadOnly
	mark := c.frames.BeginFrame()
	r.Encode(&c.frames)
	c.frames.EndFrame(mark)
	s.sent(c, c.frames.Len()-mark)
	s.schedule(c)
}

// part closes a connection when everything queued for it is written.
func (s *server) part(c *conn) {
	s.flushConn(c)
	s.unbind(c)
	c.box.part()
}

// drop closes a connection without another word.
func (s *server) drop(c *conn) {
	s.unbind(c)
	c.box.abandon()
}

// unbind makes sure that nothing more is done for a connection. It stays in
// conns until its reader says that it is gone.
func (s *server) unbind(c *conn) {
	c.closing, c.open = true, false
	c.queue = nil
	s.watches.Drop(c.id)
	if s.bound[c.session] == c {
		delete(s.bound, c.session)
	}
}

// gone ends a connection's life: its goroutines have finished reading. The
// session, if there was one, lives on until it expires or is closed.
func (s *server) gone(c *conn, err error) {
	if err != nil && !c.closing {
		s.log.Warn("closing a client connection", "client", c.remote, "session", sessionName(c.session), "reason", err)
	}
	s.flushConn(c) // also of a connection that is closed: settle counts the rest
	s.unbind(c)
	c.box.part()
	c.box.settle()
	delete(s.conns, c.id)
}

// sessionEnded closes the connection of a session that was closed, or has
// expired, by a transaction.
func (s *server) sessionEnded(session int64) {
	if c := s.bound[session]; c != nil {
		s.part(c)
	}
}
