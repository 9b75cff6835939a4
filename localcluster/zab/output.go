package zab

import (
	"fmt"

	"zkctl/probe/wire"
)

// WriteKind says what a Write makes durable.
type WriteKind int

// The zero kind is invalid.
const (
	WriteAcceptedEpoch WriteKind = iota + 1 // the acceptedEpoch file: f.p, "promised"
	WriteCurrentEpoch                       // the currentEpoch file: f.a, "established in"
	WriteAppend                             // one transaction at the end of the log
	WriteSnapshot                           // the tree just installed, replacing snapshot and log
)

func (k WriteKind) String() string {
	switch k {
	case WriteAcceptedEpoch:
		return "acceptedEpoch"
	case WriteCurrentEpoch:
		return "currentEpoch"
	case WriteAppend:
		return "append"
	case WriteSnapshot:
		return "snapshot"
	}
	return fmt.Sprintf("WriteKind(%d)", int(k))
}

// Write is one thing to make durable. Writes form a single sequence: the
// shell carries them out in the order of Seq, may batch neighbouring appends
// into one fsync, and reports progress with Persisted. That order is what
// keeps "history, then epoch, then ACK" true (ZOOKEEPER-4643, 4646, 4785).
type Write struct {
	Seq      uint64
	Kind     WriteKind
	Epoch    int64         // for the two epoch files
	Proposal wire.Proposal // for WriteAppend
	Zxid     wire.Zxid     // for WriteSnapshot: the tree's last transaction
}

// Notify sends a vote on the election channel.
type Notify struct {
	To           ServerID
	Notification wire.Notification
}

// Dial asks for a quorum connection to a leader. The shell answers with
// Connected or Disconnected for this link.
type Dial struct {
	Link   LinkID
	Leader ServerID
}

// Send puts a packet on a quorum connection. With Snapshot set (a SNAP), the
// shell streams its tree right behind the packet: the tree as it is once this
// Output's Deliver has been applied.
type Send struct {
	Link     LinkID
	Packet   wire.QuorumPacket
	Snapshot bool
}

// Forward is a packet whose meaning is the shell's business: REQUEST,
// REVALIDATE, SYNC, and the session table in a PING.
type Forward struct {
	Link   LinkID
	From   ServerID
	Packet wire.QuorumPacket
}

// Install tells the shell to replace its tree by the one that arrived behind
// the SNAP packet on this link.
type Install struct {
	Link LinkID
	Zxid wire.Zxid
}

// Rollback tells the shell to wait for the log writer, cut the log behind To,
// rebuild the tree from disk and Step a RolledBack, or a RollbackFailed, before
// anything else; if the disk fails, the server ends. So the tree is never ahead of
// the log. What comes after TRUNC is logged like everything else (Node.accept):
// ZooKeeper has it in memory alone until NEWLEADER, and may keep it there when
// NEWLEADER never comes (ZOOKEEPER-5094).
type Rollback struct{ To wire.Zxid }

// Output is what one Step asks of the shell, which carries it out in the
// order of the fields. Nothing in it waits for anything else in it: whatever
// must come after a Write is emitted by the Step that consumes its Persisted.
type Output struct {
	Install  *Install
	Rollback *Rollback

	// FastForward are transactions that are in the log but whose fate is
	// not known. A server that leaves a role applies them, so that what it
	// claims in an election, what its log holds and what its tree holds are
	// one and the same (ZOOKEEPER-2845). No client is answered.
	FastForward []wire.Proposal

	// Deliver are transactions that are committed, in order, each once.
	Deliver []wire.Proposal

	Persist []Write
	Notify  []Notify
	Dial    []Dial
	Send    []Send
	Close   []LinkID
	Forward []Forward
	Events  []Event
}

func (o *Output) event(e Event) { o.Events = append(o.Events, e) }

func (o *Output) send(link LinkID, p wire.QuorumPacket) {
	o.Send = append(o.Send, Send{Link: link, Packet: p})
}
