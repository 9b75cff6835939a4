package replica

import (
	"fmt"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// Request is one request of a client, from its arrival until its reply.
type Request struct {
	Xid  int32
	Op   wire.OpCode
	Body []byte

	// The shell sets these: when the request came, by Clock.Now; its size in bytes;
	// and the bytes that are reserved for the answer.
	At         time.Duration
	Size, Room int

	c *ServerCnxn
	// These are as they were when the request came: a closeSession or an auth packet
	// that comes after it does not affect it.
	ids        []wire.ID    // the client's identities
	sessionErr wire.ErrCode // for a read on a leader: the result of checkSession

	zxid   wire.Zxid // the transaction's, if this server has proposed it; otherwise 0
	done   bool      // whether the outcome of a write or sync is known
	answer datatree.Answer
	reply  wire.Zxid // the zxid for the reply's header
}

// Request handles a request of a connection. The requests of a connection are answered
// in the order of arrival (ServerCnxn.queue):
//
//	queue:  write* ─ read ─ write* ─ ping ─ ...      (*) passing through Zab
//	        ▲
//	        head: the only one that is answered
//
// Writes and syncs are proposed or forwarded at once, so that a client can have many
// in flight. Any other request waits until it is at the head, and is then answered
// from the tree: it sees all writes before it and none after it, because answering and
// applying do not overlap.
func (s *Server) Request(c *ServerCnxn, r *Request) {
	if c.closing {
		return
	}
	r.c, r.ids = c, c.ids
	s.touch(c)
	switch {
	case r.Op == wire.OpAuth:
		s.authenticate(r)
		return
	case r.Op == wire.OpSync:
		s.submitSync(r)
	case r.goesToLeader():
		s.submit(r)
	default:
		r.sessionErr = s.checkSession(c)
		c.queue = append(c.queue, r)
	}
	s.drain(c)
}

// checkSession checks the session when a request comes (PrepRequestProcessor). On a
// learner the leader checks the sessions of writes, and reads are not checked.
func (s *Server) checkSession(c *ServerCnxn) wire.ErrCode {
	if s.leading == nil {
		return wire.OK
	}
	return s.leading.sessions.Check(c.session, LocalOwner)
}

// AnswerSize estimates the size in bytes of an answer from the tree. It is 0 for
// requests that wait for the ensemble.
func (s *Server) AnswerSize(c *ServerCnxn, r *Request) int {
	if r.inFlight() {
		return 0
	}
	return datatree.AnswerSize(s.tree, datatree.Query{Op: r.Op, Body: r.Body, Session: c.session})
}

// goesToLeader reports whether the request is a write that a client may send.
func (r *Request) goesToLeader() bool {
	switch r.Op {
	case wire.OpCreateSession, wire.OpDeleteContainer:
		return false // only servers send these
	}
	return r.Op.IsWrite()
}

// inFlight reports whether the request waits for the ensemble.
func (r *Request) inFlight() bool { return r.Op == wire.OpSync || r.goesToLeader() }

// drain answers requests from the head of a connection's queue until one must wait.
func (s *Server) drain(c *ServerCnxn) {
	for len(c.queue) > 0 && !c.closing {
		r := c.queue[0]
		if r.inFlight() && !r.done {
			return
		}
		c.pop()
		if r.done {
			s.reply(r, r.reply, r.answer)
		} else {
			s.answerLocally(r)
		}
	}
}

// finish sets the outcome of a write or sync. The answer is sent when the request is at
// the head of its queue.
func (s *Server) finish(r *Request, zxid wire.Zxid, a datatree.Answer) {
	if r.c.closing {
		return
	}
	r.done, r.reply, r.answer = true, zxid, a
	s.drain(r.c)
}

// answerLocally answers a request that needs no other server.
func (s *Server) answerLocally(r *Request) {
	zxid := s.tree.LastZxid()
	switch r.Op {
	case wire.OpPing:
		r.Xid = wire.XidPing
		s.reply(r, zxid, datatree.Answer{})
		return
	case wire.OpSASL:
		s.answerSASL(r)
		return
	case wire.OpDeleteContainer:
		s.reply(r, zxid, datatree.Answer{Err: wire.ErrBadArguments})
		return
	}
	if r.sessionErr != wire.OK {
		s.reply(r, zxid, datatree.Answer{Err: r.sessionErr})
		return
	}
	answer, known := datatree.Read(s.tree, s.watches, datatree.Query{
		Op: r.Op, Body: r.Body, Session: r.c.session, Watcher: r.c.id, Caller: s.caller(r.ids),
	})
	if !known {
		s.reply(r, -1, datatree.Answer{Err: wire.ErrUnimplemented})
		s.closeAfterReplies(r.c)
		return
	}
	s.notify(answer.Missed)
	s.reply(r, zxid, answer)
}

// answerSASL answers a null token, as ZooKeeper without SASL does; an error makes some
// Java clients give up.
func (s *Server) answerSASL(r *Request) {
	var request wire.SASLToken
	if wire.Unmarshal(r.Body, &request) != nil || request.Token == nil {
		s.closeUnreadable(r)
		return
	}
	s.reply(r, 0, datatree.Answer{Body: &wire.SASLToken{}})
}

// authenticate adds an identity to the connection at once, so that requests after the
// auth packet have it. The reply keeps its place in the queue.
func (s *Server) authenticate(r *Request) {
	var packet wire.AuthPacket
	if err := wire.Unmarshal(r.Body, &packet); err != nil {
		s.closeUnreadable(r)
		return
	}
	ids, code := datatree.AddAuth(r.c.ids, packet.Scheme, packet.Auth, s.o.SuperDigest)
	r.c.ids = ids
	r.done, r.answer = true, datatree.Answer{Err: code}
	if code != wire.OK {
		s.shell.Warn("authentication failed: closing the connection", "client", r.c.client, "scheme", fmt.Sprintf("%.32q", packet.Scheme))
	}
	r.c.queue = append(r.c.queue, r)
	s.drain(r.c)
}

// closeUnreadable closes the connection of a client whose auth or sasl packet cannot be read. Java
// decodes these two while it reads the connection, and has no answer to an unreadable one.
func (s *Server) closeUnreadable(r *Request) {
	s.shell.Warn("a request cannot be read: closing the connection", "client", r.c.client, "op", r.Op, "bytes", len(r.Body))
	s.CloseNow(r.c)
}

// reply sends a reply and closes the connection after the replies that end it.
func (s *Server) reply(r *Request, zxid wire.Zxid, a datatree.Answer) {
	c := r.c
	if a.Err == wire.ErrSessionMoved {
		// The client has moved to another server; a late reply from here could make
		// it believe that it has not (ZOOKEEPER-710).
		s.shell.Info("a request is refused, since its session has moved to another server: closing the connection",
			"session", SessionName(c.session), "client", c.client, "op", r.Op)
		s.CloseNow(c)
		return
	}
	if a.Err == wire.ErrSessionExpired {
		s.shell.Info("a request is refused, since its session is over", "session", SessionName(c.session), "client", c.client,
			"op", r.Op, "reason", s.whySessionEnded(c.session))
	}
	c.client.Reply(wire.ReplyHeader{Xid: r.Xid, Zxid: zxid, Err: a.Err}, a.Body)
	c.client.Done(r, zxid, a.Err)
	if r.Op == wire.OpCloseSession || r.Op == wire.OpAuth && a.Err == wire.ErrAuthFailed {
		s.closeAfterReplies(c)
	}
}

// notify sends watch events, each to its connection, unless the client may not read the
// node (CVE-2024-23944). ZooKeeper guarantees that an event comes before a reply that
// shows the change, so it is called before those replies.
func (s *Server) notify(events []datatree.Notification) {
	for i := range events {
		n := &events[i]
		if c := s.conns[n.Watcher]; c != nil && s.caller(c.ids).May(wire.PermRead, n.ACL) {
			c.client.Event(&n.Event, n.Zxid)
		}
	}
}
