package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// forwarded handles the packets of the quorum channel that are no part of Zab:
//
//	learner ── REQUEST: a client's write, or sync ──► leader ──► proposal, or SYNC
//	learner ── REVALIDATE: is this session alive? ──► leader ──► REVALIDATE
//	learner ── PING: these sessions were heard from ─► leader
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

// requestFromLearner proposes what a client of a learner asks for. The learner
// answers it when the transaction comes back.
func (s *Server) requestFromLearner(f zab.Forward, r wire.ForwardedRequest) {
	owner := ownerOf(f.Link)
	switch r.Op {
	case wire.OpSync:
		s.sendAfterOutstanding(f.Link, wire.QuorumPacket{Type: wire.PacketSync})
		return
	case wire.OpDeleteContainer:
		return // only a leader asks for this; no client may
	case wire.OpCreateSession:
		d := wire.NewDecoder(r.Body)
		s.leading.track(r.SessionID, d.Int32(), owner, s.shell.Now())
	default:
		// A request is a sign of life, and may overtake the next PING.
		s.leading.touch(r.SessionID, 0, s.shell.Now())
	}
	s.Propose(datatree.Request{
		Session: r.SessionID, Cxid: r.Cxid, Op: r.Op, Body: r.Body, Auth: f.Packet.AuthInfo, Owner: owner,
	})
}

// revalidateForLearner moves a session to a learner. From here on requests through
// its former owner are refused; those proposed before still come. The answer
// waits for them, so that the learner, which knows its client's requests by
// their xids alone, cannot take one for another with the same xid that the
// client sends on its new connection.
func (s *Server) revalidateForLearner(f zab.Forward, r wire.Revalidate) {
	alive := s.leading.setOwner(r.SessionID, r.Timeout, ownerOf(f.Link), s.shell.Now())
	if c := s.bySession[r.SessionID]; alive && c != nil {
		s.shell.Info("a session has gone to another server: closing its connection", "session", SessionName(r.SessionID),
			"client", c.client, "to", int64(f.From))
		s.CloseNow(c) // the client has left it, or is two clients
	}
	s.sendAfterOutstanding(f.Link, wire.QuorumPacket{
		Type: wire.PacketRevalidate, Zxid: -1,
		Data: wire.Marshal(&wire.RevalidateReply{SessionID: r.SessionID, Valid: alive}),
	})
}
