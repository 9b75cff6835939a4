package zab

import (
	"slices"
	"time"

	"zkctl/probe/wire"
)

// earlyLearners are learners that reported before this server knew that it leads:
// servers finish an election at different times. ZooKeeper's leader does not listen yet
// at this time, and its learners connect again.
//
// Invariant: there are none unless this server is Looking and votes for itself; each
// link is there once; at most earlyLearnersLimit of them, since any process can connect.
type earlyLearners struct {
	pending []pendingLearner // in order of arrival
}

// pendingLearner is a learner whose first packet has come.
type pendingLearner struct {
	link     LinkID
	id       ServerID
	info     wire.QuorumPacket // FOLLOWERINFO or OBSERVERINFO
	deadline time.Duration     // for this server to become a leader
}

const earlyLearnersLimit = 64

// firstPacket handles the first packet on a link that a learner opened.
func (n *Node) firstPacket(link LinkID, p wire.QuorumPacket) {
	isInfo := p.Type == wire.PacketFollowerInfo || p.Type == wire.PacketObserverInfo
	switch {
	case n.early.has(link):
		// ZooKeeper takes the second packet for the ACKEPOCH that must come next,
		// and hangs up (LearnerHandler.run).
		n.out.event(Event{Kind: PeerMisbehaved, Reason: p.Type.String() + " before LEADERINFO was sent"})
		n.early.remove(link)
		n.close(link)
	case !isInfo:
		n.out.event(Event{Kind: PeerMisbehaved, Reason: "first packet on a quorum connection was " + p.Type.String()})
		n.close(link)
	case n.role == Leading && !n.cfg.Standalone:
		n.admit(link, p)
	case n.role == Looking && n.election.proposal.leader == n.cfg.ID && len(n.early.pending) < earlyLearnersLimit:
		n.holdEarly(link, p)
	default:
		n.close(link)
	}
}

// holdEarly keeps a learner until this server leads, and asks it for its vote: only the
// vote tells whether the learner has decided in this round, or follows this server
// because of an earlier one.
func (n *Node) holdEarly(link LinkID, p wire.QuorumPacket) {
	info, problem := readLearnerInfo(p)
	if problem != "" {
		n.out.event(Event{Kind: PeerMisbehaved, Reason: problem})
		n.close(link)
		return
	}
	id := ServerID(info.ServerID)
	n.early.pending = append(n.early.pending, pendingLearner{link, id, p, n.now + n.ticks(n.cfg.InitLimit)})
	if n.isVoter(id) || slices.Contains(n.cfg.Observers, id) {
		n.notify(id)
	}
}

// dropEarlyOfOtherRound closes the links of an early learner that has decided for this
// server in another round than the present one. This server has stopped leading since,
// or was started anew: the learner's vote elects it no more (leaderKnown), and a
// ZooKeeper server would wait for LEADERINFO until its initLimit is over.
func (n *Node) dropEarlyOfOtherRound(from ServerID, v vote) {
	if n.role != Looking || v.state == wire.Looking || v.leader != n.cfg.ID || v.round == n.election.round {
		return
	}
	for _, p := range slices.Clone(n.early.pending) {
		if p.id == from {
			n.early.remove(p.link)
			n.close(p.link)
		}
	}
}

func (e *earlyLearners) has(link LinkID) bool {
	return slices.ContainsFunc(e.pending, func(p pendingLearner) bool { return p.link == link })
}

func (e *earlyLearners) remove(link LinkID) {
	e.pending = slices.DeleteFunc(e.pending, func(p pendingLearner) bool { return p.link == link })
}

func (e *earlyLearners) closeAll(n *Node) {
	for _, p := range e.takeAll() {
		n.close(p.link)
	}
}

// takeAll empties the list; a leader registers them.
func (e *earlyLearners) takeAll() []pendingLearner {
	pending := e.pending
	e.pending = nil
	return pending
}

func (n *Node) earlyLearnersTick() {
	for len(n.early.pending) > 0 && n.now >= n.early.pending[0].deadline {
		n.close(n.early.pending[0].link)
		n.early.pending = n.early.pending[1:]
	}
}
