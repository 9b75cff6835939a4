package zab

import (
	"fmt"

	"zkctl/probe/wire"
)

// bringUpToDate sends a learner the leader's history, then NEWLEADER, then
// what is proposed but not committed; from here on it gets all that is new
// (LearnerHandler.run, syncFollower, and Leader.startForwarding).
//
// NEWLEADER goes before the outstanding proposals. ZooKeeper sends it behind
// them, and its own followers before 3.8.5 then fail on a COMMIT that comes
// before UPTODATE (ZOOKEEPER-4394); this order suits all of them.
func (n *Node) bringUpToDate(h *learnerHandler) {
	plan := n.history.plan(h.lastZxid)
	if !h.promised && h.lastZxid == 0 {
		plan = n.history.whole() // it cannot use anything else; see Node.claim
	}
	n.out.event(Event{Kind: SyncStarted, Peer: h.id, Sync: plan.mode, Zxid: plan.zxid})
	n.out.Send = append(n.out.Send, Send{
		Link: h.link, Snapshot: plan.mode == wire.PacketSnap,
		Packet: wire.QuorumPacket{Type: plan.mode, Zxid: plan.zxid},
	})
	for _, p := range plan.tail {
		n.sendTxn(h, wire.PacketProposal, p)
		n.out.send(h.link, wire.QuorumPacket{Type: wire.PacketCommit, Zxid: p.Zxid})
	}
	n.out.send(h.link, wire.QuorumPacket{
		Type: wire.PacketNewLeader, Zxid: wire.MakeZxid(n.leader.epoch, 0), Data: []byte(n.cfg.ConfigText),
	})
	h.stage = synchronized
	if h.observer {
		return
	}
	for _, p := range n.log {
		n.sendTxn(h, wire.PacketProposal, p)
	}
}

func (n *Node) sendTxn(h *learnerHandler, t wire.PacketType, p wire.Proposal) {
	h.large.sent(p)
	n.out.send(h.link, wire.QuorumPacket{Type: t, Zxid: p.Zxid, Data: p.Data})
}

// fromLearner handles a packet from a learner.
func (n *Node) fromLearner(h *learnerHandler, p wire.QuorumPacket) {
	h.heard = n.now
	switch p.Type {
	case wire.PacketAckEpoch:
		n.ackEpoch(h, p)
	case wire.PacketAck:
		n.ack(h, p.Zxid)
	case wire.PacketPing, wire.PacketRequest, wire.PacketRevalidate:
		if p.Type == wire.PacketPing {
			h.large.read(p.Zxid) // a learner sends the zxid of the ping back
		}
		n.out.Forward = append(n.out.Forward, Forward{Link: h.link, From: h.id, Packet: p})
	default:
		n.expel(h, fmt.Sprintf("unexpected packet %v", p.Type))
	}
}

// ack takes an acknowledgement: of NEWLEADER (and again of UPTODATE) when the
// counter is 0, else of a proposal. A Java follower's proposal ACKs may come
// before or between those; they count once NEWLEADER is acknowledged.
func (n *Node) ack(h *learnerHandler, z wire.Zxid) {
	if h.stage < synchronized {
		n.expel(h, fmt.Sprintf("ACK %v before it was synchronized", z))
		return
	}
	if z.Counter() != 0 {
		if z <= n.lastLogged {
			h.acked = max(h.acked, z)
			h.large.read(z)
		}
		if h.stage >= ready {
			n.commitAcked()
		}
		return
	}
	if h.stage != synchronized || z.Epoch() != n.leader.epoch {
		return // the second one, for UPTODATE
	}
	h.stage = ready
	h.large.read(n.history.last())
	if n.phase == Broadcast {
		n.serve(h)
		n.commitAcked()
		return
	}
	n.establish()
}

// establish begins phase 3 once a quorum has the leader's history: all of it
// is committed thereby (Zab paper, phase 2, "commit"; ZooKeeper's tree holds
// it since start).
func (n *Node) establish() {
	l := n.leader
	if !l.historyReady || n.phase == Broadcast || !n.quorumOf(ready) {
		return
	}
	n.phase = Broadcast
	n.committed = n.applied
	l.checkAt = n.now + n.cfg.Tick
	n.updateElectionVote(l.epoch)
	n.out.event(Event{Kind: Established, Peer: n.cfg.ID, Epoch: l.epoch, Zxid: n.lastLogged})
	for _, h := range l.order {
		if h.stage == ready {
			n.serve(h)
		}
	}
}

// serve lets a learner serve. From here on it must be heard from: before, while a
// quorum gathers, it is asked nothing.
func (n *Node) serve(h *learnerHandler) {
	h.stage, h.heard = serving, n.now
	n.out.send(h.link, wire.QuorumPacket{Type: wire.PacketUpToDate, Zxid: -1})
}

// nextZxid numbers the transactions of an epoch from 1 without a gap; it is 0
// when the epoch has no number left. Standalone servers go on from whatever the
// log ends with.
func (n *Node) nextZxid() wire.Zxid {
	switch {
	case n.cfg.Standalone:
		return n.lastLogged + 1
	case n.epochUsedUp():
		return 0
	case n.lastLogged.Epoch() == n.leader.epoch:
		return n.lastLogged + 1
	}
	return wire.MakeZxid(n.leader.epoch, 1)
}

// epochUsedUp tells whether the last transaction that this leader's epoch can have
// is proposed. One more would carry into the epoch's own bits. The leader steps
// down for a new epoch once that transaction is committed (leaderTick), so that
// all that it has proposed is answered. (ZooKeeper's leader steps down when it is
// asked for one more, with its proposals under way: Leader.propose,
// ZOOKEEPER-1277.)
func (n *Node) epochUsedUp() bool {
	return n.lastLogged.Epoch() == n.leader.epoch && n.lastLogged.Counter() >= n.cfg.LastCounter
}

// proposed broadcasts a transaction: log it here and send it to all who are
// synchronized.
func (n *Node) proposed(p wire.Proposal) {
	if n.role != Leading || n.phase != Broadcast || p.Zxid == 0 || p.Zxid != n.nextZxid() {
		n.out.event(Event{Kind: ProposalRefused, Zxid: p.Zxid, Reason: fmt.Sprintf("%v in %v", n.role, n.phase)})
		return
	}
	n.appendToLog(p)
	if n.cfg.Standalone {
		return
	}
	for _, h := range n.leader.order {
		if h.stage >= synchronized && !h.observer {
			n.sendTxn(h, wire.PacketProposal, p)
		}
	}
}

// commitAcked commits, in the order of zxids, what a quorum has logged. The
// leader's own log counts like any other; it need not be among the quorum.
func (n *Node) commitAcked() {
	count := 0
	for count < len(n.log) && n.loggedByQuorum(n.log[count].Zxid) {
		count++
	}
	if count == 0 {
		return
	}
	committed := n.log[:count]
	n.deliver(count)
	for _, h := range n.leader.order {
		if h.stage < synchronized {
			continue
		}
		for _, p := range committed {
			if h.observer {
				n.sendTxn(h, wire.PacketInform, p)
			} else {
				n.out.send(h.link, wire.QuorumPacket{Type: wire.PacketCommit, Zxid: p.Zxid})
			}
		}
	}
}

func (n *Node) loggedByQuorum(z wire.Zxid) bool {
	l := n.leader
	if n.cfg.Standalone {
		return z <= l.ownAck
	}
	return n.cfg.Voters.IsQuorum(func(voter int64) bool {
		id := ServerID(voter)
		if id == n.cfg.ID {
			return z <= l.ownAck
		}
		h := l.byID[id]
		return h != nil && !h.observer && h.stage >= ready && z <= h.acked
	})
}
