package zab

import (
	"fmt"

	"zkctl/probe/wire"
)

// EventKind names a step of the protocol that someone outside may want to
// see: a log, a test, the timeline of a drill.
type EventKind int

// The zero kind is invalid.
const (
	ElectionStarted EventKind = iota + 1 // LOOKING; Round says which
	VoteChanged                          // a better candidate was seen
	LeaderElected                        // this server knows its leader; phase 0 is over
	EpochProposed                        // leader: a quorum reported; NEWEPOCH is chosen
	EpochAccepted                        // learner: promised the epoch
	HistoryChosen                        // leader: a quorum acknowledged the epoch; its history is the history
	SyncStarted                          // leader: DIFF, TRUNC or SNAP to Peer, from its Zxid
	SyncReceived                         // learner: which of them came
	Established                          // leader: a quorum acknowledged NEWLEADER
	Synchronized                         // learner: UPTODATE; it serves now
	LearnerJoined                        // leader: a learner reported
	LearnerLost                          // leader: its connection is gone
	Resigned                             // left a role; Reason says why
	PeerMisbehaved                       // a peer broke the protocol; its link was closed
	ProposalRefused                      // a Proposed that could not be taken
)

var eventNames = map[EventKind]string{
	ElectionStarted: "election-started", VoteChanged: "vote-changed", LeaderElected: "leader-elected",
	EpochProposed: "epoch-proposed", EpochAccepted: "epoch-accepted", HistoryChosen: "history-chosen",
	SyncStarted: "sync-started", SyncReceived: "sync-received", Established: "established",
	Synchronized: "synchronized", LearnerJoined: "learner-joined", LearnerLost: "learner-lost",
	Resigned: "resigned", PeerMisbehaved: "peer-misbehaved", ProposalRefused: "proposal-refused",
}

func (k EventKind) String() string {
	if s, ok := eventNames[k]; ok {
		return s
	}
	return fmt.Sprintf("EventKind(%d)", int(k))
}

// Event is a structured log line. Only the fields that its kind needs are set.
type Event struct {
	Kind   EventKind
	Peer   ServerID // the other server, or the leader
	Round  int64    // election round (logical clock)
	Epoch  int64
	Zxid   wire.Zxid
	Sync   wire.PacketType // DIFF, TRUNC or SNAP
	Reason string
}

// String gives the event as one line, `kind key=value …`, without what is not set.
func (e Event) String() string {
	s := e.Kind.String()
	if e.Peer != 0 {
		s += fmt.Sprintf(" peer=%d", e.Peer)
	}
	if e.Round != 0 {
		s += fmt.Sprintf(" round=%d", e.Round)
	}
	if e.Epoch != 0 {
		s += fmt.Sprintf(" epoch=%d", e.Epoch)
	}
	if e.Sync != 0 {
		s += fmt.Sprintf(" sync=%v", e.Sync)
	}
	if e.Zxid != 0 || e.Sync != 0 {
		s += fmt.Sprintf(" zxid=%v", e.Zxid)
	}
	if e.Reason != "" {
		s += fmt.Sprintf(" reason=%q", e.Reason)
	}
	return s
}
