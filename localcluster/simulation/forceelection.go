package simulation

import (
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// forceElection makes servers believe that an election has chosen a leader, whatever
// the others think: Zab must be safe with any leader oracle, however wrong
// (Zab paper, section IV: phase 0). Votes that come late, twice, or from servers
// that have died since can do the same, but hardly ever do. It tells whether any
// of them was there.
func (w *World) forceElection(who int, leader zab.ServerID) (any bool) {
	for _, s := range w.servers[:w.setup.Voters] {
		if who&(1<<(s.id-1)) == 0 {
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

// forgedVote is the vote of another server that makes s take leader for elected.
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
