package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// forwarded handles the packets of the quorum channel that are not part of Zab:
//
//	learner ── REQUEST: a client's write, or sync ──► leader ──► proposal, or SYNC
//	learner ── REVALIDATE: is this session alive? ──► leader ──► REVALIDATE
//	learner ── PING: these sessions were active ─────► leader
func (s *Server) forwarded(f zab.Forward) {
	switch {
	case s.leading != nil:
		s.fromLearner(f)
	case s.learning != nil && s.learning.link == f.Link:
		s.fromLeader(f.Packet)
	}
}

func (s *Server) fromLearner(f zab.Forward) {
	var err error
	switch f.Packet.Type {
	case wire.PacketRequest:
		var r wire.ForwardedRequest
		if err = wire.Unmarshal(f.Packet.Data, &r); err == nil {
			s.requestFromLearner(f, r)
		}
	case wire.PacketRevalidate:
		var r wire.Revalidate
		if err = wire.Unmarshal(f.Packet.Data, &r); err == nil {
			s.revalidateForLearner(f, r)
		}
	case wire.PacketPing:
		var table wire.TouchTable
		if err = wire.Unmarshal(f.Packet.Data, &table); err == nil {
			for _, t := range table {
				s.leading.touch(t.SessionID, t.Timeout, s.shell.Now())
			}
		}
	}
	if err != nil {
		s.shell.Warn("a learner's packet cannot be read: closing its connection", "peer", int64(f.From),
			"packet", f.Packet.Type, "error", err)
		s.shell.CloseLink(f.Link)
		s.Step(zab.Disconnected{Link: f.Link})
	}
}

// requestFromLearner proposes the request of a learner's client. The learner answers
// it when the transaction is delivered there.
func (s *Server) requestFromLearner(f zab.Forward, r wire.ForwardedRequest) {
	owner := ownerOf(f.Link)
	switch r.Op {
	case wire.OpSync:
		s.sendAfterOutstanding(f.Link, wire.QuorumPacket{Type: wire.PacketSync})
		return
	case wire.OpDeleteContainer:
		return // this is the leader's own request; no client may send it
	case wire.OpCreateSession:
		d := wire.NewDecoder(r.Body)
		s.leading.track(r.SessionID, d.Int32(), owner, s.shell.Now())
	default:
		// A request shows that the session is active, and may come before the next PING.
		s.leading.touch(r.SessionID, 0, s.shell.Now())
	}
	s.Propose(datatree.Request{
		Session: r.SessionID, Cxid: r.Cxid, Op: r.Op, Body: r.Body, Auth: f.Packet.AuthInfo, Owner: owner,
	})
}

// revalidateForLearner moves a session to a learner. From here on requests through its
// former owner are refused, but those proposed before are still delivered. The answer
// waits for them: the learner matches requests by xid alone, and must not match one of
// them to a request with the same xid on the client's new connection.
func (s *Server) revalidateForLearner(f zab.Forward, r wire.Revalidate) {
	alive := s.leading.setOwner(r.SessionID, r.Timeout, ownerOf(f.Link), s.shell.Now())
	if c := s.bySession[r.SessionID]; alive && c != nil {
		s.shell.Info("a session has moved to another server: closing its connection", "session", SessionName(r.SessionID),
			"client", c.client, "to", int64(f.From))
		s.CloseNow(c) // the client has left this connection, or two clients share the session
	}
	s.sendAfterOutstanding(f.Link, wire.QuorumPacket{
		Type: wire.PacketRevalidate, Zxid: -1,
		Data: wire.Marshal(&wire.RevalidateReply{SessionID: r.SessionID, Valid: alive}),
	})
}
