package replica

import (
	"maps"
	"slices"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// learning is the state of a follower or observer that serves. The leader tracks the
// sessions; a learner only reports which ones were active.
type learning struct {
	link         zab.LinkID
	touched      map[int64]int32         // session -> timeout, since the leader's last PING
	revalidating map[int64][]*ServerCnxn // by session: waiting for REVALIDATE, in order
	syncs        []*Request              // waiting for SYNC, in order
}

func newLearning(link zab.LinkID) *learning {
	return &learning{link: link, touched: map[int64]int32{}, revalidating: map[int64][]*ServerCnxn{}}
}

// Touch reports that a client is alive although it sends no request: it reads answers,
// and the shell holds its requests back until there is room for them.
func (s *Server) Touch(c *ServerCnxn) {
	if !c.closing && c.session != 0 {
		s.touch(c)
	}
}

// touch records that a session was active.
func (s *Server) touch(c *ServerCnxn) {
	switch {
	case s.leading != nil:
		s.leading.touch(c.session, c.timeout, s.shell.Now())
	case s.learning != nil:
		s.learning.touched[c.session] = c.timeout
	}
}

// touchTable is the answer to a PING: the sessions that were active since the last one.
// It may be empty, but not null, which a Java leader cannot read.
func (s *Server) touchTable() []byte {
	table := wire.TouchTable{}
	if s.learning != nil {
		for _, session := range slices.Sorted(maps.Keys(s.learning.touched)) {
			table = append(table, wire.SessionTouch{SessionID: session, Timeout: s.learning.touched[session]})
		}
		clear(s.learning.touched)
	}
	return wire.AppendRecord([]byte{}, &table)
}

// sendRequest forwards a write, or a sync, to the leader.
func (s *Server) sendRequest(q datatree.Request) {
	forwarded := wire.ForwardedRequest{SessionID: q.Session, Cxid: q.Cxid, Op: q.Op, Body: q.Body}
	s.shell.Send(s.learning.link, wire.QuorumPacket{
		Type: wire.PacketRequest, Zxid: -1, Data: wire.Marshal(&forwarded), AuthInfo: q.Auth,
	})
}

// revalidate asks the leader whether the session that a client asks for is alive.
func (s *Server) revalidate(c *ServerCnxn) {
	l := s.learning
	l.revalidating[c.session] = append(l.revalidating[c.session], c)
	s.shell.Send(l.link, wire.QuorumPacket{
		Type: wire.PacketRevalidate, Zxid: -1,
		Data: wire.Marshal(&wire.Revalidate{SessionID: c.session, Timeout: c.timeout}),
	})
}

// submitSync starts a sync: when it is answered, this server has applied everything
// that was committed when it was sent.
func (s *Server) submitSync(r *Request) {
	r.c.queue = append(r.c.queue, r)
	if s.leading != nil {
		s.syncAfterOutstanding(r)
		return
	}
	s.learning.syncs = append(s.learning.syncs, r)
	s.sendRequest(datatree.Request{Session: r.c.session, Cxid: r.Xid, Op: r.Op, Body: r.Body, Auth: r.c.ids})
}

func (s *Server) answerSync(r *Request) {
	request, err := wire.UnmarshalRequest(r.Op, r.Body)
	if err != nil {
		s.finish(r, s.tree.LastZxid(), datatree.Answer{Err: wire.ErrMarshalling})
		return
	}
	s.finish(r, s.tree.LastZxid(), datatree.Answer{Body: &wire.PathResponse{Path: request.(*wire.PathRequest).Path}})
}

// fromLeader handles the leader's answers to SYNC and REVALIDATE.
func (s *Server) fromLeader(p wire.QuorumPacket) {
	l := s.learning
	switch p.Type {
	case wire.PacketSync:
		if len(l.syncs) > 0 {
			r := l.syncs[0]
			l.syncs = l.syncs[1:]
			s.answerSync(r)
		}
	case wire.PacketRevalidate:
		var reply wire.RevalidateReply
		if err := wire.Unmarshal(p.Data, &reply); err != nil {
			s.shell.Warn("the leader's REVALIDATE cannot be read: the client that waits for it gets no answer", "error", err)
			return
		}
		waiting := l.revalidating[reply.SessionID]
		if len(waiting) == 0 {
			return
		}
		if len(waiting) == 1 {
			delete(l.revalidating, reply.SessionID)
		} else {
			l.revalidating[reply.SessionID] = waiting[1:]
		}
		s.finishSessionInit(waiting[0], reply.Valid)
	}
}
