package zab

import (
	"time"

	"zkctl/probe/wire"
)

// notificationVersion says that a notification carries a configuration.
const notificationVersion = 2

// election is Fast Leader Election, Zab's phase 0: find a server whose
// history is as new as that of any server in some quorum.
//
//	              ┌────────── better vote, or a later round: adopt, tell all
//	              ▼                                   │
//	LOOKING ── tell all ── collect votes of the round ┤
//	              ▲                                   │ a quorum votes alike
//	              │ no answer: again                  ▼
//	              └── (interval doubles)      all voters within reach do too, or
//	                                          finalizeWait passes without a better one
//	                                                  │
//	  a quorum that has decided, its   ───────────────┤
//	  leader among them, names a leader               ▼
//	                                       LEADING, FOLLOWING or OBSERVING
//
// Safety does not rest on it (discovery does that): a wrong guess costs time.
// So a server that sees every voter within reach agree decides at once, where
// ZooKeeper waits out its 200 ms. Votes of a round only get better, so where all
// voters have voted alike none of them can change its mind: an election in which
// all take part cannot split. One that goes on without some voters can, and a
// server that finds out leaves what it has decided (reconsider.go).
type election struct {
	round    int64 // logical clock; 0 at process start, in memory only
	proposal vote  // while looking: the candidate; later: the vote that decided

	recvset       map[ServerID]vote // votes of this round
	ahead         map[ServerID]vote // votes of looking servers that came while this one followed or led: for its next round
	outOfElection map[ServerID]vote // votes of servers that are not looking ("outofelection")
	decideAt      time.Duration     // when finalizeWait ends; 0 while there is no quorum
	resendAt      time.Duration
	interval      time.Duration

	// A server that has failed to join a leader would otherwise try again at once, and
	// fail again, as fast as the network allows. So it ignores votes of servers that
	// have decided on that leader until patience, and until hurryAt it waits out
	// finalizeWait in an election.
	failed   ServerID
	patience time.Duration
	hurryAt  time.Duration
}

// reach is what this server knows of the way to another one.
type reach struct {
	linked bool // the election channel is up
	heard  bool // it has sent a vote: it was there
}

// withinReach tells whether a voter's vote is worth waiting for. A port that refuses
// while servers start may open at the next moment, so it proves nothing. Out of reach
// is a voter that was there and whose link broke, or one that has not come within
// finalizeWait of this server's start. (A link that came up proves less
// than a vote: it may end at a proxy.)
func (n *Node) withinReach(id ServerID) bool {
	r := n.reach[id]
	return r.linked || !r.heard && n.now < n.expectUntil
}

// lookForLeader begins a new round.
func (n *Node) lookForLeader() {
	e := &n.election
	e.round++
	e.recvset, e.outOfElection = map[ServerID]vote{}, map[ServerID]vote{}
	e.interval = notificationInterval
	n.role, n.phase = Looking, Election
	n.out.event(Event{Kind: ElectionStarted, Round: e.round, Epoch: n.currentEpoch, Zxid: n.lastLogged})
	n.propose(n.ownVote())
	n.count()
	n.countVotesAhead()
}

// countVotesAhead counts the votes of servers that began this round first. They are not
// repeated: their senders have told this server all that they know.
func (n *Node) countVotesAhead() {
	ahead := n.election.ahead
	n.election.ahead = map[ServerID]vote{}
	for _, id := range n.voters {
		if v, ok := ahead[id]; ok && n.role == Looking {
			n.lookingVote(id, v)
		}
	}
}

// ownVote is a vote for this server; observers have none.
func (n *Node) ownVote() vote {
	if !n.isVoter(n.cfg.ID) {
		v := noVote
		v.round, v.state = n.election.round, wire.Looking
		return v
	}
	return vote{
		leader: n.cfg.ID, zxid: n.lastLogged, round: n.election.round,
		peerEpoch: n.currentEpoch, state: wire.Looking,
	}
}

// propose makes v this server's vote and tells every voter.
func (n *Node) propose(v vote) {
	e := &n.election
	v.round, v.state, v.version = e.round, wire.Looking, 0
	e.proposal = v
	e.decideAt = 0
	e.resendAt = n.nextResend()
	if n.isVoter(n.cfg.ID) {
		e.recvset[n.cfg.ID] = v
	}
	if v.leader != n.cfg.ID {
		n.early.closeAll(n) // it will not lead in this round
	}
	n.notifyAll()
}

// nextResend is when the vote is repeated: also as soon as all answers are
// believed again.
func (n *Node) nextResend() time.Duration {
	e := &n.election
	at := n.now + e.interval
	if e.patience > n.now {
		at = min(at, e.patience)
	}
	return at
}

func (n *Node) notifyAll() {
	for _, id := range n.voters {
		if id != n.cfg.ID {
			n.notify(id)
		}
	}
}

// notify sends this server's vote: the candidate while looking, the vote
// that decided afterwards.
func (n *Node) notify(to ServerID) {
	v := n.election.proposal
	n.out.Notify = append(n.out.Notify, Notify{To: to, Notification: wire.Notification{
		State: n.role.wireState(), Leader: int64(v.leader), Zxid: v.zxid,
		ElectionEpoch: v.round, PeerEpoch: v.peerEpoch,
		Version: notificationVersion, Config: []byte(n.cfg.ConfigText),
	}})
}

// notified handles a vote from the election channel; the first half is what
// ZooKeeper's receiver thread does, the second is the algorithm.
func (n *Node) notified(from ServerID, x wire.Notification) {
	if n.cfg.Standalone || from == n.cfg.ID {
		return
	}
	n.dropEarlyOfOtherRound(from, voteOf(x))
	if n.isVoter(from) {
		n.reach[from] = reach{linked: n.reach[from].linked, heard: true}
		if n.reconsider(from, voteOf(x)) {
			return // its vote has gone out to all
		}
	}
	if !n.isVoter(from) || n.role != Looking {
		// Observers, and servers that are late, learn of the leader from this
		// answer. Observers do not answer each other: they have no vote.
		if x.State == wire.Looking && (n.isVoter(from) || n.isVoter(n.cfg.ID)) {
			n.notify(from)
		}
		return
	}
	v := voteOf(x)
	if !n.isVoter(v.leader) {
		return // an observer's vote, or a server that this one does not know
	}
	switch x.State {
	case wire.Looking:
		n.lookingVote(from, v)
	case wire.Following, wire.Leading:
		n.outOfElectionVote(from, v)
	}
}

// lookingVote takes a vote from a server that looks for a leader too.
func (n *Node) lookingVote(from ServerID, v vote) {
	e := &n.election
	delete(e.outOfElection, from)
	if v.zxid == -1 || n.lastLogged == -1 {
		return // a database that is not initialized has no say
	}
	switch {
	case v.round < e.round:
		// The answer brings it to this round. An observer does not answer: its
		// vote does not count, and two observers would answer each other for ever.
		if n.isVoter(n.cfg.ID) {
			n.notify(from)
		}
		return
	case v.round > e.round:
		e.round = v.round
		clear(e.recvset)
		own := n.ownVote()
		if n.better(v, own) {
			n.propose(v)
		} else {
			n.propose(own)
		}
		n.out.event(Event{Kind: VoteChanged, Peer: e.proposal.leader, Round: e.round, Zxid: e.proposal.zxid})
	case n.better(v, e.proposal):
		n.propose(v)
		n.out.event(Event{Kind: VoteChanged, Peer: v.leader, Round: e.round, Zxid: v.zxid})
	}
	v.version = 0
	old, known := e.recvset[from]
	e.recvset[from] = v
	if !v.agrees(e.proposal) && !(known && old == v) && n.isVoter(n.cfg.ID) {
		// It may have begun after this server's vote went out, and would
		// otherwise learn of it only when that is repeated. It is answered once
		// for each of its votes, so that two servers that never agree stop.
		n.notify(from)
	}
	n.count()
}

// count decides, or begins to wait, when a quorum supports the proposal.
func (n *Node) count() {
	e := &n.election
	if n.role != Looking || !n.isVoter(e.proposal.leader) || !n.supported(e.recvset, e.proposal) {
		e.decideAt = 0
		return
	}
	if e.decideAt == 0 {
		e.decideAt = n.now + n.cfg.FinalizeWait
	}
	n.decideIfUnanimous()
}

// decideIfUnanimous ends the wait early when every voter within reach votes alike.
func (n *Node) decideIfUnanimous() {
	e := &n.election
	if e.decideAt == 0 || n.now < e.hurryAt {
		return
	}
	for _, id := range n.voters {
		if id == n.cfg.ID || !n.withinReach(id) {
			continue
		}
		if v, ok := e.recvset[id]; !ok || !v.agrees(e.proposal) {
			return
		}
	}
	n.decide(e.proposal)
}

// outOfElectionVote takes a vote from a server that follows or leads.
func (n *Node) outOfElectionVote(from ServerID, v vote) {
	e := &n.election
	if n.impatient(v.leader) {
		return
	}
	if v.round == e.round {
		inRound := v
		inRound.version = 0
		e.recvset[from] = inRound
		if n.supported(e.recvset, inRound) && n.leaderKnown(e.recvset, v) {
			n.decide(v)
			return
		}
	}
	e.outOfElection[from] = v
	if n.supported(e.outOfElection, v) && n.leaderKnown(e.outOfElection, v) {
		e.round = v.round
		n.decide(v)
	}
}

// impatient tells whether it is too early to try a leader again.
func (n *Node) impatient(leader ServerID) bool {
	return leader == n.election.failed && n.now < n.election.patience
}

func (n *Node) supported(votes map[ServerID]vote, v vote) bool {
	return n.cfg.Voters.IsQuorum(func(voter int64) bool {
		w, ok := votes[ServerID(voter)]
		return ok && w.agrees(v)
	})
}

// leaderKnown guards against following a server that others still believe in
// but that has stopped leading: it must say itself that it leads
// (FastLeaderElection.checkLeader).
func (n *Node) leaderKnown(votes map[ServerID]vote, v vote) bool {
	if v.leader == n.cfg.ID {
		return v.round == n.election.round
	}
	w, ok := votes[v.leader]
	return ok && w.state == wire.Leading
}

// decide ends the election.
func (n *Node) decide(v vote) {
	e := &n.election
	e.proposal = v
	e.decideAt = 0
	votedForItself := e.recvset[v.leader].leader == v.leader || e.outOfElection[v.leader].state == wire.Leading
	e.recvset = nil
	n.out.event(Event{Kind: LeaderElected, Peer: v.leader, Round: e.round, Epoch: v.peerEpoch, Zxid: v.zxid})
	if v.leader == n.cfg.ID {
		n.lead()
		return
	}
	n.follow(v.leader)
	n.learner.claimed = votedForItself
}

func (n *Node) electionTick() {
	e := &n.election
	if e.decideAt != 0 && n.now >= e.decideAt {
		n.decide(e.proposal)
		return
	}
	n.decideIfUnanimous() // the time to expect a voter may be over
	if n.role == Looking && n.now >= e.resendAt {
		e.interval = min(2*e.interval, n.cfg.MaxNotificationInterval)
		e.resendAt = n.nextResend()
		n.notifyAll()
	}
}

// updateElectionVote makes the vote that others are told agree, among all who follow the
// same leader, once the new epoch stands. All are told at once: a voter that has
// decided otherwise asks no more (Node.reconsider), and observers, for whose votes no
// server waits, may be asking at long intervals.
func (n *Node) updateElectionVote(epoch int64) {
	n.election.proposal.peerEpoch = epoch
	n.election.outOfElection = nil
	clear(n.election.ahead)
	if n.role == Observing {
		return
	}
	n.notifyAll()
	for _, id := range n.cfg.Observers {
		if id != n.cfg.ID {
			n.notify(id)
		}
	}
}
