package replica

import (
	"crypto/subtle"
	"fmt"
	"time"

	"zkctl/probe/wire"
)

// SessionName formats a session id for logs and four-letter words.
type SessionName int64

func (n SessionName) String() string { return fmt.Sprintf("0x%x", uint64(n)) }

func milliseconds(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

// Connect handles a ConnectRequest: a client asks for a new session, or for the one
// that it has.
//
//	session 0    ──► createSession is proposed ──► committed ──► ConnectResponse
//	session != 0 ──► password ──► alive? ──► ConnectResponse
//	                    │           │ a learner asks the leader
//	                    └───────────┴──► refused: ConnectResponse of zeros
func (s *Server) Connect(c *ServerCnxn, req wire.ConnectRequest) {
	switch {
	case c.closing:
		return
	case !s.status.Serving:
		s.shell.Info("closing the connection of a client: this server is not serving", "client", c.client,
			"session", SessionName(req.SessionID))
		s.CloseNow(c)
		return
	case req.LastZxidSeen > s.knownZxid():
		// The client has seen a later transaction: it would see an older state here
		// (ZooKeeperServer.processConnectRequest). It tries another server.
		s.shell.Info("a client has seen a later transaction than this server: closing the connection",
			"client", c.client, "seen", req.LastZxidSeen, "here", s.knownZxid())
		s.noteAhead(req.SessionID)
		s.CloseNow(c)
		return
	}
	s.conns[c.id] = c
	c.hasReadOnly = req.HasReadOnly
	c.timeout = int32(min(max(milliseconds(req.Timeout), s.o.MinSessionTimeout), s.o.MaxSessionTimeout).Milliseconds())
	if req.SessionID == 0 {
		s.createSession(c)
		return
	}
	s.reopenSession(c, &req)
}

// knownZxid is the end of the history that this server has for certain: its last
// transaction, or the beginning of the epoch that it has synchronized with, which
// Java servers report to clients like a transaction.
func (s *Server) knownZxid() wire.Zxid {
	if s.o.Zab.Standalone {
		return s.tree.LastZxid()
	}
	return max(s.tree.LastZxid(), wire.MakeZxid(s.status.Epoch, 0))
}

func (s *Server) createSession(c *ServerCnxn) {
	c.session = s.newSessionID()
	s.bind(c)
	body := wire.NewEncoder(nil)
	body.Int32(c.timeout)
	s.submit(&Request{Op: wire.OpCreateSession, Body: body.Bytes(), At: s.shell.Now(), c: c})
}

// newSessionID skips ids that are in use: the wall clock, from which they are made,
// may have been set back.
func (s *Server) newSessionID() int64 {
	for {
		id := s.ids.Next()
		if _, used := s.tree.SessionTimeout(id); !used && s.bySession[id] == nil {
			return id
		}
	}
}

// reopenSession gives a client its session if the password is right and the session
// is alive. The password is checked before the session's connection is closed;
// ZooKeeper closes the connection first, so that any client that guesses an id can
// disconnect its owner.
func (s *Server) reopenSession(c *ServerCnxn, req *wire.ConnectRequest) {
	want := wire.SessionPassword(req.SessionID)
	if subtle.ConstantTimeCompare(want, req.Password) != 1 {
		s.refuseSession(c, req.SessionID, "the password is wrong")
		return
	}
	c.session = req.SessionID
	s.bind(c)
	if s.leading != nil {
		s.finishSessionInit(c, s.leading.setOwner(c.session, c.timeout, LocalOwner, s.shell.Now()))
		return
	}
	s.revalidate(c)
}

// finishSessionInit answers the ConnectRequest.
func (s *Server) finishSessionInit(c *ServerCnxn, alive bool) {
	if c.closing {
		return
	}
	if !alive {
		s.refuseSession(c, c.session, s.whySessionEnded(c.session))
		return
	}
	c.client.Connected(wire.ConnectResponse{
		Timeout: c.timeout, SessionID: c.session, Password: wire.SessionPassword(c.session), HasReadOnly: c.hasReadOnly,
	})
}

// refuseSession answers that the session has expired, and logs why.
func (s *Server) refuseSession(c *ServerCnxn, session int64, why string) {
	s.shell.Warn("a session is refused", "session", SessionName(session), "client", c.client, "reason", why)
	c.client.Connected(wire.ConnectResponse{Password: wire.NoPassword(), HasReadOnly: c.hasReadOnly})
	s.closeAfterReplies(c)
}

// closeSessionConn closes the connection of a session that a transaction has ended.
func (s *Server) closeSessionConn(session int64) {
	delete(s.pending, session)
	if c := s.bySession[session]; c != nil {
		s.shell.Info("closing the connection of a session that is over", "session", SessionName(session),
			"client", c.client, "reason", s.whySessionEnded(session))
		s.closeAfterReplies(c)
	}
}
