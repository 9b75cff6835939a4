package zab

import (
	"fmt"

	"zkctl/probe/wire"
)

// reconsider hears a vote while this server has decided and its leader is not
// established yet. Servers finish an election at different times, and one that went
// on without some voters may have been wrong:
//
//	LEADING, no quorum has come ── a voter votes in this round for a better server,
//	                               or looks in a later round ───────────────────────► Election
//	FOLLOWING ── the leader itself votes for another server, or looks again ────────► Election
//	either ── a quorum names another leader, which says so too ─────────────────────► that leader
//
// To sit it out costs initLimit. (ZooKeeper waits finalizeWait in every election,
// and its leader opens its port when it has decided, so that a follower of any other
// server finds a closed door; but it sits out the rest.) It tells whether this server
// has left.
func (n *Node) reconsider(from ServerID, v vote) (left bool) {
	e := &n.election
	if n.role == Looking || n.phase == Broadcast || !n.isVoter(v.leader) {
		return false
	}
	if v.state == wire.Looking {
		delete(e.outOfElection, from)
		e.ahead[from] = v
	} else {
		e.outOfElection[from] = v
		delete(e.ahead, from)
	}
	switch {
	case n.role == Leading && v.state == wire.Looking && n.outvoted(v) && !n.quorumOf(sentFollowerInfo):
		n.startOver(fmt.Sprintf("server %d votes for server %d in round %d, and no quorum has come to this server", from, v.leader, v.round))
		return true
	case n.learner != nil && from == n.learner.leader && n.disclaims(v):
		n.startOver(fmt.Sprintf("server %d does not lead: it is %v and votes for server %d in round %d", from, v.state, v.leader, v.round))
		return true
	case v.state == wire.Looking || v.leader == n.cfg.ID || n.impatient(v.leader) || n.learner != nil && v.leader == n.learner.leader:
		return false
	case n.supported(e.outOfElection, v) && n.leaderKnown(e.outOfElection, v):
		n.leave(fmt.Sprintf("a quorum names server %d as its leader", v.leader))
		e.round = v.round
		n.decide(v)
		return true
	}
	return false
}

// outvoted tells whether a vote of a server that looks for a leader shows that the
// election in which this server decided has gone on.
func (n *Node) outvoted(v vote) bool {
	e := &n.election
	return v.round > e.round || v.round == e.round && n.better(v, e.proposal)
}

// disclaims tells whether the server that this one follows says that it does not
// lead. It may only be late, or what it says may be older than what others have said
// of it: then it has not voted for itself yet, as far as this server has heard. Once
// it has, the order of the link makes everything else that it says newer.
func (n *Node) disclaims(v vote) bool {
	l := n.learner
	if v.leader == l.leader && (v.state == wire.Leading || v.round == n.election.round) {
		l.claimed = true
		return false
	}
	return l.claimed || n.outvoted(v)
}

// startOver looks for a leader because an election was decided too early. That is
// no failure of any leader: there is nothing to wait for.
func (n *Node) startOver(reason string) {
	n.leave(reason)
	n.lookForLeader()
}
