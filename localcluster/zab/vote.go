package zab

import (
	"math"

	"zkctl/probe/wire"
)

// vote is a candidate and the end of its history as the voter was told it, with the
// state of the voter (ZooKeeper's Vote).
type vote struct {
	leader    ServerID
	zxid      wire.Zxid
	round     int64 // election round; ZooKeeper's electionEpoch
	peerEpoch int64 // the candidate's current epoch
	state     wire.ServerState
	version   int32 // of the notification's format; 0 for votes kept in recvset
}

// noVote is what an observer votes: less than any candidate.
var noVote = vote{leader: math.MinInt64, zxid: math.MinInt64, peerEpoch: math.MinInt64}

// better tells whether v is to be preferred to w: the later epoch, then the
// longer history, then the larger id. A server of weight 0 never is
// (FastLeaderElection.totalOrderPredicate).
func (n *Node) better(v, w vote) bool {
	if !n.cfg.Voters.CanLead(int64(v.leader)) {
		return false
	}
	if v.peerEpoch != w.peerEpoch {
		return v.peerEpoch > w.peerEpoch
	}
	if v.zxid != w.zxid {
		return v.zxid > w.zxid
	}
	return v.leader > w.leader
}

// agrees is ZooKeeper's Vote.equals. Between servers that have decided, the
// zxid and round of the election are history, and only the leader and its
// epoch count: a late joiner would find no two alike otherwise
// (ZOOKEEPER-1818).
func (v vote) agrees(w vote) bool {
	if v.leader != w.leader {
		return false
	}
	if v.state == wire.Looking || w.state == wire.Looking {
		return v.zxid == w.zxid && v.round == w.round && v.peerEpoch == w.peerEpoch
	}
	if (v.version > 0) != (w.version > 0) {
		return true
	}
	return v.peerEpoch == w.peerEpoch
}

func voteOf(x wire.Notification) vote {
	return vote{
		leader: ServerID(x.Leader), zxid: x.Zxid, round: x.ElectionEpoch,
		peerEpoch: x.PeerEpoch, state: x.State, version: x.Version,
	}
}

func (r Role) wireState() wire.ServerState {
	switch r {
	case Following:
		return wire.Following
	case Leading:
		return wire.Leading
	case Observing:
		return wire.Observing
	}
	return wire.Looking
}
