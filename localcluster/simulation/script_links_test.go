package simulation

import (
	"slices"

	"zkctl/probe/wire"
)

// toLearner is what a leader has under way to one of its learners.
func (s *script) toLearner(leader *server, learner int) *quorumConn {
	for _, c := range s.conns {
		if c.ends[0].s == s.at(learner) && c.ends[0].alive() && c.ends[1].s == leader {
			return c
		}
	}
	return nil
}

// breakBefore lets the connection of a learner break in front of a packet that
// its leader is about to send.
func (s *script) breakBefore(leader *server, learner int, t wire.PacketType) {
	s.after(0, func() {
		c := s.toLearner(leader, learner)
		if c == nil {
			return
		}
		f := &c.flow[0]
		if i := slices.IndexFunc(f.frames, func(f frame) bool { return f.packet.Type == t }); i >= 0 {
			f.frames = f.frames[:i:i]
			s.push(c, 0, frame{end: true})
		}
	})
}

// tearSnap lets the connection of a learner break in the middle of a SNAP that
// its leader is about to send.
func (s *script) tearSnap(leader *server, learner int) {
	s.after(0, func() {
		c := s.toLearner(leader, learner)
		if c == nil || len(c.flow[0].frames) == 0 || c.flow[0].frames[0].packet.Type != wire.PacketSnap {
			s.t.Error("there is no SNAP to tear")
			return
		}
		f := &c.flow[0]
		f.frames = f.frames[:1:1]
		f.frames[0].torn = true
		s.push(c, 0, frame{end: true})
	})
}

// newLeaderLast moves the NEWLEADER that a leader is about to send behind the
// proposals that follow it: the order of Java's leaders.
func (s *script) newLeaderLast(leader *server) {
	s.after(0, func() {
		moved := false
		for _, c := range s.conns {
			frames := c.flow[0].frames
			if c.ends[1].s != leader {
				continue
			}
			for i := 0; i+1 < len(frames); i++ {
				if frames[i].packet.Type == wire.PacketNewLeader && frames[i+1].packet.Type == wire.PacketProposal {
					frames[i].packet, frames[i+1].packet = frames[i+1].packet, frames[i].packet
					moved = true
				}
			}
		}
		if !moved {
			s.t.Error("no proposal comes behind NEWLEADER")
		}
	})
}
