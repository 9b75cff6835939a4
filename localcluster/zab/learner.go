package zab

import (
	"fmt"
	"time"

	"zkctl/probe/wire"
)

// protocolVersion is what FOLLOWERINFO and LEADERINFO carry since ZooKeeper 3.4.
const protocolVersion = 0x10000

// learner is a follower's or observer's side of phases 1 to 3.
//
//	Dial ── FOLLOWERINFO ──► LEADERINFO(e) ── promise e, durably ── ACKEPOCH ──►
//	──► DIFF | TRUNC | SNAP, PROPOSAL and COMMIT … ──► NEWLEADER
//	── history durable, then currentEpoch = e durable, then ACK(e) ──►
//	──► UPTODATE ── ACK(e) again, deliver, serve ──►
//	──► PROPOSAL ── durable ── ACK ──► COMMIT ── deliver ──► …
//
// An observer gets INFORM, which is PROPOSAL and COMMIT in one, and
// acknowledges nothing but NEWLEADER and UPTODATE.
type learner struct {
	leader   ServerID
	link     LinkID // 0 while waiting to dial again
	former   LinkID // the one before, until the leader has answered on link; 0: none
	attempts int
	redialAt time.Duration
	heard    time.Duration // when the leader's last packet came
	deadline time.Duration // for reaching the broadcast phase

	connected bool          // link is open
	dialUntil time.Duration // for the leader to open its port
	claimed   bool          // the leader has itself said that it leads, or votes for itself

	epoch     int64           // from LEADERINFO; 0 before
	answer    int64           // what ACKEPOCH will carry: the current epoch, or alreadyPromised
	nothing   bool            // ACKEPOCH claimed no history
	sync      wire.PacketType // DIFF, TRUNC or SNAP; 0 before
	truncTo   wire.Zxid       // what TRUNC named
	newLeader bool            // NEWLEADER came
	acked     bool            // ACK(e) left
	committed wire.Zxid       // the highest COMMIT seen; delivered only once serving
	owed      []wire.Zxid     // durable before ACK(e) left, to be acknowledged behind it
}

func (n *Node) follow(leader ServerID) {
	n.role, n.phase = Observing, Discovery
	if n.isVoter(n.cfg.ID) {
		n.role = Following
	}
	n.learner = n.newLearner(leader)
	n.early.closeAll(n)
	n.dial()
}

// newLearner is a learner that has said nothing to its leader. Half of initLimit is
// for reaching it, so that there is as much left to synchronize. A ZooKeeper server
// opens its quorum port when it has decided to lead, which is some 300 ms after
// learners that did not wait out finalizeWait, and longer on a busy machine; its own
// learners try five times, 100 ms apart (Learner.connectToLeader).
func (n *Node) newLearner(leader ServerID) *learner {
	limit := n.ticks(n.cfg.InitLimit)
	return &learner{leader: leader, heard: n.now, deadline: n.now + limit, dialUntil: n.now + limit/2}
}

func (n *Node) dial() {
	l := n.learner
	n.dials++
	l.link, l.connected = LinkID(n.dials), false
	l.attempts++
	l.heard = n.now
	n.out.Dial = append(n.out.Dial, Dial{Link: l.link, Leader: l.leader})
}

// sendFollowerInfo opens the conversation: FOLLOWERINFO or OBSERVERINFO.
func (n *Node) sendFollowerInfo() {
	kind := wire.PacketFollowerInfo
	if n.role == Observing {
		kind = wire.PacketObserverInfo
	}
	info := wire.LearnerInfo{ServerID: int64(n.cfg.ID), ProtocolVersion: protocolVersion}
	n.toLeader(wire.QuorumPacket{
		Type: kind, Zxid: wire.MakeZxid(n.acceptedEpoch, 0), Data: wire.Marshal(&info),
	})
}

func (n *Node) toLeader(p wire.QuorumPacket) { n.out.send(n.learner.link, p) }

// leaderGone handles the loss of the link to the leader. Before the leader
// has said anything it may not be ready yet, since it finishes the election by itself:
// this server dials again, unless the leader's election link broke as well.
func (n *Node) leaderGone() {
	l := n.learner
	l.link = 0
	if l.epoch == 0 && n.now < l.dialUntil && n.withinReach(l.leader) {
		l.redialAt = n.now + dialInterval
		if l.attempts == 1 {
			l.redialAt = n.now + dialInterval/5 // most often it is a matter of milliseconds
		}
		return
	}
	n.look(fmt.Sprintf("lost the leader, server %d", l.leader))
}

func (n *Node) closeFormer() {
	if l := n.learner; l.former != 0 {
		n.close(l.former)
		l.former = 0
	}
}

func (n *Node) learnerTick() {
	l := n.learner
	switch {
	case n.phase != Broadcast && n.now >= l.deadline:
		n.look(fmt.Sprintf("not synchronized with server %d within initLimit", l.leader))
	case l.epoch == 0 && !l.connected && n.now >= l.dialUntil:
		n.look(fmt.Sprintf("server %d has not opened its quorum port within half of initLimit", l.leader))
	case l.link == 0 && n.now >= l.redialAt:
		n.dial()
	case n.phase == Broadcast && n.now >= l.heard+n.ticks(n.cfg.SyncLimit):
		n.look(fmt.Sprintf("no word from the leader, server %d, within syncLimit", l.leader))
	}
}

// fromLeader handles a packet from the leader.
func (n *Node) fromLeader(p wire.QuorumPacket) {
	l := n.learner
	l.heard = n.now
	switch p.Type {
	case wire.PacketPing:
		// A Java leader pings learners while it sends its history, and takes
		// anything but ACK(e) as the first answer for a broken learner
		// (LearnerHandler.run).
		if l.acked {
			n.toLeader(wire.QuorumPacket{Type: wire.PacketPing, Zxid: p.Zxid, Data: p.Data})
		}
	case wire.PacketRevalidate, wire.PacketSync:
		n.out.Forward = append(n.out.Forward, Forward{Link: l.link, From: l.leader, Packet: p})
	case wire.PacketLeaderInfo:
		n.newEpoch(p)
	case wire.PacketDiff, wire.PacketTrunc, wire.PacketSnap:
		n.synchronize(p)
	case wire.PacketProposal:
		n.proposal(p)
	case wire.PacketCommit, wire.PacketCommitAndActivate:
		n.commit(p.Zxid)
	case wire.PacketInform:
		n.inform(p)
	case wire.PacketNewLeader:
		n.newLeader(p)
	case wire.PacketUpToDate:
		n.upToDate()
	default:
		n.distrust("unexpected packet %v", p.Type)
	}
}

// distrust leaves a leader that broke the protocol.
func (n *Node) distrust(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	n.out.event(Event{Kind: PeerMisbehaved, Peer: n.learner.leader, Reason: reason})
	n.look("left the leader: " + reason)
}

// newEpoch answers LEADERINFO (CEPOCH answered by NEWEPOCH in the paper):
// promise to follow no leader of an earlier epoch. The ACKEPOCH waits for the
// disk, and with it for every append before it, so that the history which it
// claims is durable.
//
// An observer's promise counts for no quorum, so it does not bind the observer:
// one that promised an epoch to a leader which never came to be may follow
// the leader that did. (A voter may not; see Node.register.)
func (n *Node) newEpoch(p wire.QuorumPacket) {
	l := n.learner
	epoch := p.Zxid.Epoch()
	switch {
	case l.epoch != 0:
		n.distrust("a second LEADERINFO, for epoch %d", epoch)
		return
	case epoch < n.currentEpoch || epoch < n.acceptedEpoch && n.role == Following:
		n.distrust("epoch %d, but %d is promised", epoch, n.acceptedEpoch)
		return
	}
	l.epoch = epoch
	n.closeFormer()
	// A promise made before, to a leader that may have been another one,
	// is not made again: it does not count towards this leader's quorum.
	l.answer = n.currentEpoch
	if epoch <= n.acceptedEpoch {
		l.answer = alreadyPromised
	}
	n.acceptedEpoch = max(n.acceptedEpoch, epoch)
	n.write(Write{Kind: WriteAcceptedEpoch, Epoch: n.acceptedEpoch})
	n.out.event(Event{Kind: EpochAccepted, Peer: l.leader, Epoch: epoch, Zxid: n.lastLogged})
}

// claim is the end of the history that ACKEPOCH claims. One that could not be
// truncated as the leader asked claims none at all, and gets a SNAP. That claim is
// false, so it may stand only in an answer that makes no promise and is counted for
// no quorum. A server therefore first answers the leader of a new epoch truthfully;
// the TRUNC that it then gets shows that this leader has its quorum.
func (n *Node) claim() wire.Zxid {
	l := n.learner
	l.nothing = n.needsSnapshot && l.answer == alreadyPromised
	if l.nothing {
		return 0
	}
	return n.lastLogged
}

// alreadyPromised is what ACKEPOCH carries instead of the current epoch.
const alreadyPromised = -1

// synchronize begins phase 2 as the leader chose.
func (n *Node) synchronize(p wire.QuorumPacket) {
	l := n.learner
	if l.epoch == 0 || l.sync != 0 || l.nothing && p.Type != wire.PacketSnap {
		n.distrust("%v out of turn", p.Type)
		return
	}
	if p.Type != wire.PacketDiff && p.Zxid < n.committed {
		// A client may have been told that these are committed: keep them.
		n.distrust("%v to %v, but %v is known to be committed", p.Type, p.Zxid, n.committed)
		return
	}
	l.sync = p.Type
	n.phase = Synchronization
	n.out.event(Event{Kind: SyncReceived, Peer: l.leader, Sync: p.Type, Zxid: p.Zxid})
	switch p.Type {
	case wire.PacketTrunc:
		l.truncTo = p.Zxid
		n.out.Rollback = &Rollback{To: p.Zxid}
	case wire.PacketSnap:
		n.out.Install = &Install{Link: l.link, Zxid: p.Zxid}
		n.log = nil
		n.lastLogged, n.applied = p.Zxid, p.Zxid
		n.history.reset(p.Zxid, nil)
		n.needsSnapshot = false
		n.write(Write{Kind: WriteSnapshot, Zxid: p.Zxid})
	}
}

// truncated continues after TRUNC. A log that does not hold the transaction
// which the leader named is not a prefix of the leader's history.
func (n *Node) truncated(last wire.Zxid) {
	if to := n.learner.truncTo; last != to {
		n.distrust("asked to truncate to %v, but the log holds nothing between %v and that", to, last)
	}
}

// accept checks and logs a transaction from the leader; false when it was not
// logged.
func (n *Node) accept(p wire.QuorumPacket) bool {
	l := n.learner
	switch {
	case l.sync == 0:
		n.distrust("%v %v before DIFF, TRUNC or SNAP", p.Type, p.Zxid)
		return false
	case l.sync == wire.PacketSnap && n.phase == Synchronization && p.Zxid <= n.lastLogged:
		return false // ZooKeeper queues before it takes its fuzzy snapshot: contained in it
	case p.Zxid.Epoch() > l.epoch:
		// Its counter ran over into the bits of the next epoch.
		n.distrust("%v %v of an epoch after the leader's, %d", p.Type, p.Zxid, l.epoch)
		return false
	case !p.Zxid.Follows(n.lastLogged):
		n.distrust("%v %v does not follow %v", p.Type, p.Zxid, n.lastLogged)
		return false
	}
	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})
	return true
}

func (n *Node) proposal(p wire.QuorumPacket) { n.accept(p) }

func (n *Node) inform(p wire.QuorumPacket) {
	if n.accept(p) {
		n.commit(p.Zxid)
	}
}

// commit delivers, or remembers until UPTODATE says that the epoch stands. It
// looks transactions up in what is logged and not in what is queued, so that
// a COMMIT may come before or behind NEWLEADER (ZOOKEEPER-4394).
func (n *Node) commit(z wire.Zxid) {
	l := n.learner
	if z <= n.applied {
		return // part of the snapshot
	}
	if z > n.lastLogged {
		n.distrust("COMMIT %v, but the log ends at %v", z, n.lastLogged)
		return
	}
	l.committed = max(l.committed, z)
	if n.phase == Broadcast {
		n.deliverUpTo(z)
	}
}

func (n *Node) deliverUpTo(z wire.Zxid) {
	count := 0
	for count < len(n.log) && n.log[count].Zxid <= z {
		count++
	}
	if count > 0 {
		n.deliver(count)
	}
}

// newLeader ends the leader's history (NEWLEADER): make it durable, then the
// epoch, then say so. The three are in the order of the write queue.
func (n *Node) newLeader(p wire.QuorumPacket) {
	l := n.learner
	if l.sync == 0 || l.newLeader || p.Zxid.Epoch() != l.epoch {
		n.distrust("NEWLEADER %v out of turn", p.Zxid)
		return
	}
	l.newLeader = true
	n.currentEpoch = l.epoch
	n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})
}

// upToDate begins phase 3: a quorum has acknowledged the leader's history, so
// all of it is committed.
func (n *Node) upToDate() {
	l := n.learner
	if !l.acked || n.phase == Broadcast {
		n.distrust("UPTODATE out of turn")
		return
	}
	n.phase = Broadcast
	n.committed = n.applied
	n.toLeader(wire.QuorumPacket{Type: wire.PacketAck, Zxid: wire.MakeZxid(l.epoch, 0)})
	n.deliverUpTo(l.committed)
	n.updateElectionVote(l.epoch)
	n.out.event(Event{Kind: Synchronized, Peer: l.leader, Epoch: l.epoch, Zxid: n.applied})
}

// learnerPersisted says to the leader what has become durable.
func (n *Node) learnerPersisted(w Write) {
	l := n.learner
	switch w.Kind {
	case WriteAcceptedEpoch:
		n.toLeader(wire.QuorumPacket{
			Type: wire.PacketAckEpoch, Zxid: n.claim(), Data: int32Data(int32(l.answer)),
		})
	case WriteCurrentEpoch:
		// The epoch's ACK first: a Java leader takes the first ACK that it
		// reads for it (ZOOKEEPER-4685).
		l.acked = true
		n.toLeader(wire.QuorumPacket{Type: wire.PacketAck, Zxid: wire.MakeZxid(w.Epoch, 0)})
		for _, z := range l.owed {
			n.ackProposal(z)
		}
		l.owed = nil
	case WriteAppend:
		if n.role == Observing {
			return
		}
		if !l.acked {
			l.owed = append(l.owed, w.Proposal.Zxid)
			return
		}
		n.ackProposal(w.Proposal.Zxid)
	}
}

func (n *Node) ackProposal(z wire.Zxid) {
	if n.phase != Broadcast && z <= n.learner.committed {
		return // came committed, as part of the leader's history
	}
	n.toLeader(wire.QuorumPacket{Type: wire.PacketAck, Zxid: z})
}
