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

	// Of the shell: when it came, by Clock.Now, its bytes, and those that are set
	// aside for the answer.
	At         time.Duration
	Size, Room int

	c *ServerCnxn
	// What the request is judged by is as it was when the request came, whatever
	// comes behind it before its turn: a closeSession, or an auth packet.
	ids        []wire.ID    // who the client was
	sessionErr wire.ErrCode // of a read, on a leader: whether the session may ask

	zxid   wire.Zxid // of the transaction, where this server has proposed it; else 0
	done   bool      // a write or sync: the outcome is known
	answer datatree.Answer
	reply  wire.Zxid // the zxid for the reply's header
}

// Request takes a request from a connection. Per connection they are answered in
// the order of arrival (Conn.queue):
//
//	queue:  write* ─ read ─ write* ─ ping ─ ...      (*) on its way through Zab
//	        ▲
//	        head: the only one that is answered
//
// Writes and syncs start on their way at once, so that a client can have many
// under way. Everything else waits until it is at the head, and is then
// answered from the tree: it sees all the writes before it, and none behind it,
// because answering and applying do not overlap.
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

// checkSession is PrepRequestProcessor's, which looks at a request when it comes.
// A learner leaves that to the leader, which sees no reads.
func (s *Server) checkSession(c *ServerCnxn) wire.ErrCode {
	if s.leading == nil {
		return wire.OK
	}
	return s.leading.sessions.Check(c.session, LocalOwner)
}

// AnswerSize is about how many bytes the answer to a request will have that is
// answered from the tree; 0 for those that wait for the ensemble.
func (s *Server) AnswerSize(c *ServerCnxn, r *Request) int {
	if r.inFlight() {
		return 0
	}
	return datatree.AnswerSize(s.tree, datatree.Query{Op: r.Op, Body: r.Body, Session: c.session})
}

// goesToLeader tells the writes that a client may ask for.
func (r *Request) goesToLeader() bool {
	switch r.Op {
	case wire.OpCreateSession, wire.OpDeleteContainer:
		return false // the ensemble's own
	}
	return r.Op.IsWrite()
}

// inFlight tells the requests that wait for the ensemble.
func (r *Request) inFlight() bool { return r.Op == wire.OpSync || r.goesToLeader() }

// drain answers what is at the head of a connection's queue.
func (s *Server) drain(c *ServerCnxn) {
	for len(c.queue) > 0 && !c.closing {
		r := c.queue[0]
		if r.inFlight() && !r.done {
			return
		}
		c.queue[0] = nil
		c.queue = c.queue[1:]
		if r.done {
			s.reply(r, r.reply, r.answer)
		} else {
			s.answerLocally(r)
		}
	}
}

// finish gives a write or sync its outcome. The answer is sent when it is its turn.
func (s *Server) finish(r *Request, zxid wire.Zxid, a datatree.Answer) {
	if r.c.closing {
		return
	}
	r.done, r.reply, r.answer = true, zxid, a
	s.drain(r.c)
}

// answerLocally answers what needs nobody else.
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

// answerSASL: no SASL is configured, so ZooKeeper answers a null token; an error makes
// some Java clients give up.
func (s *Server) answerSASL(r *Request) {
	var request wire.SASLToken
	if wire.Unmarshal(r.Body, &request) != nil || request.Token == nil {
		s.closeUnreadable(r)
		return
	}
	s.reply(r, 0, datatree.Answer{Body: &wire.SASLToken{}})
}

// authenticate adds to who the client is, at once: requests that were sent
// behind the auth packet have it. The reply keeps its place in the queue.
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

// closeUnreadable ends the connection of a client that cannot say who it is. Java reads these two
// requests on the connection itself, and knows no answer to what it cannot read.
func (s *Server) closeUnreadable(r *Request) {
	s.shell.Warn("a request cannot be read: closing the connection", "client", r.c.client, "op", r.Op, "bytes", len(r.Body))
	s.CloseNow(r.c)
}

// reply sends a reply and does what comes with it.
func (s *Server) reply(r *Request, zxid wire.Zxid, a datatree.Answer) {
	c := r.c
	if a.Err == wire.ErrSessionMoved {
		// The client is elsewhere; whatever is said here could reach it
		// late, and confuse it about where it is (ZOOKEEPER-710).
		s.shell.Info("a request is refused, since its session has gone to another server: closing the connection",
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

// notify sends watch events, each to its connection, unless the client may not
// read the node (CVE-2024-23944). Called before the replies that show what the
// events report, it keeps ZooKeeper's promise about their order.
func (s *Server) notify(events []datatree.Notification) {
	for i := range events {
		n := &events[i]
		if c := s.conns[n.Watcher]; c != nil && s.caller(c.ids).May(wire.PermRead, n.ACL) {
			c.client.Event(&n.Event, n.Zxid)
		}
	}
}
