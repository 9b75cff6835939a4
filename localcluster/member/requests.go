package member

import (
	"fmt"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// request is one request of a client, from its arrival until its reply.
type request struct {
	c    *conn
	xid  int32
	op   wire.OpCode
	body []byte
	at   time.Time

	zxid   wire.Zxid // of the transaction, where this server has proposed it; else 0
	done   bool      // a write or sync: the outcome is known
	answer datatree.Answer
	reply  wire.Zxid // the zxid for the reply's header
}

// request takes a request from a connection. Per connection they are answered
// in the order of arrival (conn.queue):
//
//	queue:  write* ─ read ─ write* ─ ping ─ ...      (*) on its way through Zab
//	        ▲
//	        head: the only one that is answered
//
// Writes and syncs start on their way at once, so that a client can have many
// under way. Everything else waits until it is at the head, and is then
// answered from the tree: it sees all the writes before it, and none behind it,
// because answering and applying happen on the same goroutine.
func (s *server) request(m requestRead) {
	c := m.c
	c.heard = m.at
	s.received(c)
	if c.closing {
		return
	}
	header, body := splitRequest(m.frame)
	r := &request{c: c, xid: header.Xid, op: header.Op, body: body, at: m.at}
	s.touch(c)
	switch {
	case r.op == wire.OpAuth:
		s.authenticate(r)
		return
	case r.op == wire.OpSync:
		s.submitSync(r)
	case r.goesToLeader():
		s.submit(r)
	default:
		c.queue = append(c.queue, r)
	}
	s.drain(c)
}

// goesToLeader tells the writes that a client may ask for.
func (r *request) goesToLeader() bool {
	switch r.op {
	case wire.OpCreateSession, wire.OpDeleteContainer:
		return false // the ensemble's own
	}
	return r.op.IsWrite()
}

// drain answers what is at the head of a connection's queue.
func (s *server) drain(c *conn) {
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
			s.answerHere(r)
		}
	}
}

// inFlight tells the requests that wait for the ensemble.
func (r *request) inFlight() bool { return r.op == wire.OpSync || r.goesToLeader() }

// finish gives a write or sync its outcome. The answer is sent when it is its turn.
func (s *server) finish(r *request, zxid wire.Zxid, a datatree.Answer) {
	if r.c.closing {
		return
	}
	r.done, r.reply, r.answer = true, zxid, a
	s.drain(r.c)
}

// answerHere answers what needs nobody else.
func (s *server) answerHere(r *request) {
	zxid := s.tree.LastZxid()
	switch r.op {
	case wire.OpPing:
		r.xid = wire.XidPing
		s.reply(r, zxid, datatree.Answer{})
		return
	case wire.OpSASL:
		// No SASL is configured: ZooKeeper answers a null token, and an error
		// makes some Java clients give up.
		s.reply(r, 0, datatree.Answer{Body: &wire.SASLToken{}})
		return
	case wire.OpDeleteContainer:
		s.reply(r, zxid, datatree.Answer{Err: wire.ErrBadArguments})
		return
	}
	if s.leading != nil {
		if code := s.leading.sessions.Check(r.c.session, localOwner); code != wire.OK {
			s.reply(r, zxid, datatree.Answer{Err: code})
			return
		}
	}
	answer, known := datatree.Read(s.tree, s.watches, datatree.Query{
		Op: r.op, Body: r.body, Session: r.c.session, Watcher: r.c.id, Caller: s.caller(r.c),
	})
	if !known {
		// ZooKeeper closes the connection as well. A client that is newer
		// than its server can do without one operation, but not without a
		// connection.
		answer = datatree.Answer{Err: wire.ErrUnimplemented}
	}
	s.notify(answer.Missed)
	s.reply(r, zxid, answer)
}

func (s *server) caller(c *conn) datatree.Caller {
	return datatree.Caller{IDs: c.ids, SkipACL: s.cfg.SkipACL}
}

// authenticate adds to who the client is, at once: requests that were sent
// behind the auth packet have it. The reply keeps its place in the queue.
func (s *server) authenticate(r *request) {
	var packet wire.AuthPacket
	if err := wire.Unmarshal(r.body, &packet); err != nil {
		r.done, r.answer = true, datatree.Answer{Err: wire.ErrMarshalling}
	} else {
		ids, code := datatree.AddAuth(r.c.ids, packet.Scheme, packet.Auth, s.cfg.SuperDigest)
		r.c.ids = ids
		r.done, r.answer = true, datatree.Answer{Err: code}
		if code != wire.OK {
			s.stats.authFailed++
			s.log.Warn("authentication failed", "client", r.c.remote, "scheme", fmt.Sprintf("%.32q", packet.Scheme))
		}
	}
	r.c.queue = append(r.c.queue, r)
	s.drain(r.c)
}

// reply sends a reply and does what comes with it.
func (s *server) reply(r *request, zxid wire.Zxid, a datatree.Answer) {
	c := r.c
	if a.Err == wire.ErrSessionMoved {
		// The client is elsewhere; whatever is said here could reach it
		// late, and confuse it about where it is (ZOOKEEPER-710).
		s.drop(c)
		return
	}
	mark := c.frames.BeginFrame()
	header := wire.ReplyHeader{Xid: r.xid, Zxid: zxid, Err: a.Err}
	header.Encode(&c.frames)
	if a.Err == wire.OK && a.Body != nil {
		a.Body.Encode(&c.frames)
	}
	c.frames.EndFrame(mark)
	c.answered++
	s.sent(c, c.frames.Len()-mark)
	s.countReply(r, zxid)
	s.schedule(c)
	if r.op == wire.OpCloseSession || r.op == wire.OpAuth && a.Err == wire.ErrAuthFailed {
		s.part(c)
	}
}

// notify sends watch events, each to its connection, unless the client may not
// read the node (CVE-2024-23944). Called before the replies that show what the
// events report, it keeps ZooKeeper's promise about their order.
func (s *server) notify(events []datatree.Notification) {
	for i := range events {
		n := &events[i]
		c := s.conns[n.Watcher]
		if c == nil || c.closing || !s.caller(c).May(wire.PermRead, n.ACL) {
			continue
		}
		mark := c.frames.BeginFrame()
		// ZooKeeper 3.8 sends no zxid with events.
		header := wire.ReplyHeader{Xid: wire.XidNotification, Zxid: -1}
		header.Encode(&c.frames)
		n.Event.Encode(&c.frames)
		c.frames.EndFrame(mark)
		c.events += c.frames.Len() - mark
		s.sent(c, c.frames.Len()-mark)
		s.schedule(c)
	}
}
