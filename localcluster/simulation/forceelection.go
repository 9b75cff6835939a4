package simulation

import (
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// forceElection makes the servers in set, a set of bits, believe that an election has
// chosen a leader, whatever the others have elected: Zab must be safe with any leader
// oracle, however wrong (Zab paper, section IV: phase 0). Votes that come late, twice, or
// from servers that have died since can have the same effect, but rarely do. It tells
// whether any of the servers was up.
func (w *World) forceElection(set int, leader zab.ServerID) (any bool) {
	for _, s := range w.servers[:w.setup.Voters] {
		if set&(1<<(s.id-1)) == 0 {
			continue
		}
		any = any || s.up
		s.handle(func() {
			s.step(zab.Resign{Reason: "forced"})
			for _, other := range w.servers[:w.setup.Voters] {
				if other != s && s.up && s.status.Role == zab.Looking {
					s.step(zab.Notified{From: other.id, Notification: s.forgedVote(other.id, leader)})
				}
			}
		})
	}
	return any
}

// forgedVote is a vote in the name of another server that makes s elect leader.
func (s *server) forgedVote(from, leader zab.ServerID) wire.Notification {
	n := wire.Notification{
		State: wire.Following, Leader: int64(leader), Zxid: s.status.LastLogged,
		ElectionEpoch: s.status.Round, PeerEpoch: s.status.Epoch, Version: 2,
	}
	switch {
	case s.id == leader:
		n.State = wire.Looking // they vote for it as it votes for itself
	case from == leader:
		n.State = wire.Leading
	}
	return n
}
