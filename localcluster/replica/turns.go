package replica

import (
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// postponed is what the core has handed on and this server has not done yet: a committed
// transaction to apply, or a packet that is not part of Zab.
//
//	Step: Deliver, Forward ─► [ oldest … newest ] ─► apply, answer, propose
//
// One multi can take as long as ten thousand writes. So the queue is worked off in turns,
// with a look at the clock after each of its elements: CarryOn begins a turn, Step goes on
// with it, and what is left when its time is over waits for the next. Pings do not wait
// here: the other servers hear from a server that is behind, and it hears from them. Its
// tree is merely as old as if the commits had come later.
//
// The order of the queue is that of the core: a learner answers a sync after the
// transactions before it and before those behind it.
type postponed struct {
	proposal wire.Proposal
	forward  *zab.Forward // instead of a proposal
}

// Behind tells whether CarryOn has something to do.
func (s *Server) Behind() bool { return len(s.postponed) > 0 }

// CarryOn begins a turn, and works off what was left by the last one, at least one element.
// The shell calls it before it handles a message or a batch of them, and without any for as
// long as the server is behind.
func (s *Server) CarryOn() {
	s.turnEnd = s.shell.Now() + TickInterval(s.o.Zab.Tick)
	if len(s.postponed) > 0 && s.carryOn(true) && s.broken == nil {
		s.snapshotIfDue()
	}
}

// carryOn works off the queue until the turn is over, and reports whether it has applied a
// transaction. Within itself it does nothing: a forwarded request calls Step.
func (s *Server) carryOn(atLeastOne bool) (applied bool) {
	if s.carrying {
		return false
	}
	s.carrying = true
	for len(s.postponed) > 0 && s.broken == nil && (atLeastOne || s.shell.Now() <= s.turnEnd) {
		atLeastOne = false
		p := s.postponed[0]
		s.postponed[0] = postponed{}
		if s.postponed = s.postponed[1:]; len(s.postponed) == 0 {
			s.postponed = nil
		}
		if p.forward != nil {
			s.forwarded(*p.forward)
		} else {
			s.deliver(p.proposal)
			applied = true
		}
	}
	s.carrying = false
	return applied
}

// applyAll applies every transaction in the queue now: the tree must be at the core's
// applied transaction when it is sent, replaced, or used in another role. Packets stay.
func (s *Server) applyAll() {
	queue := s.postponed
	s.postponed = nil
	for _, p := range queue {
		if p.forward != nil {
			s.postponed = append(s.postponed, p)
		} else {
			s.deliver(p.proposal)
		}
	}
}

// postpone queues a packet. A PING is handled at once: it says which sessions are alive.
func (s *Server) postpone(f zab.Forward) {
	if f.Packet.Type == wire.PacketPing {
		s.forwarded(f)
		return
	}
	s.postponed = append(s.postponed, postponed{forward: &f})
}

// dropForwards drops the packets that came through a link, as if the link had ended before
// they came; 0 drops all.
func (s *Server) dropForwards(link zab.LinkID) {
	var kept []postponed
	for _, p := range s.postponed {
		if p.forward == nil || link != 0 && p.forward.Link != link {
			kept = append(kept, p)
		}
	}
	s.postponed = kept
}
