package zab

import (
	"zkctl/probe/wire"
)

// ServerID is a server's number in the configuration: the N of server.N, and
// the content of its myid file.
type ServerID int64

// LinkID names one TCP connection on the quorum channel. The shell chooses
// the ids of connections that it accepts, the core those of connections that
// it asks for (see Dial); AcceptedLink keeps the two apart. A connection that
// breaks and comes back is a new link: within one link nothing is lost,
// reordered or repeated, which is all that Zab asks of a channel (Zab paper,
// section II, "FIFO").
type LinkID uint64

// AcceptedLink turns the shell's running number of an accepted connection
// into a LinkID that can never equal one which the core has dialled.
func AcceptedLink(n uint64) LinkID { return LinkID(n | 1<<63) }

// Input is something that happened to this server: the only way in which the
// world reaches the core.
type Input interface{ input() }

type (
	// Start is the first input of a server's life.
	Start struct{}

	// Tick says that time has passed; the core looks at its deadlines. How
	// often it arrives bounds how late a deadline can be noticed and
	// nothing else.
	Tick struct{}

	// Notified is a vote that arrived on the election channel.
	Notified struct {
		From         ServerID
		Notification wire.Notification
	}

	// PeerUp says that the election channel to a server works.
	PeerUp struct{ Peer ServerID }

	// PeerDown says that it broke.
	PeerDown struct{ Peer ServerID }

	// Connected says that a quorum connection is open: one that a learner
	// opened to this server, or the answer to a Dial.
	Connected struct{ Link LinkID }

	// Received is a packet from the quorum channel. A SNAP counts as
	// received when its whole stream has arrived and been decoded; a stream
	// that breaks is a Disconnected, and the half tree is thrown away
	// (ZOOKEEPER-3642).
	Received struct {
		Link   LinkID
		Packet wire.QuorumPacket
	}

	// Disconnected says that a quorum connection broke, or that a Dial failed.
	Disconnected struct{ Link LinkID }

	// Proposed asks the leader to broadcast a transaction. Its zxid must be
	// the one that Status().NextZxid gave.
	Proposed struct{ Proposal wire.Proposal }

	// Persisted says that every Write up to and including Seq is durable.
	Persisted struct{ Seq uint64 }

	// RolledBack answers Output.Rollback: the log on disk and the tree in
	// memory now both end at Last; Recent are the newest transactions
	// that the log still holds, in order, ending with Last.
	RolledBack struct {
		Last   wire.Zxid
		Recent []wire.Proposal
	}

	// RollbackFailed answers Output.Rollback when the disk does not reach
	// back that far: its oldest snapshot is behind To, because it came from
	// a leader whose history was given up. Nothing was changed.
	RollbackFailed struct{}

	// Resign makes a leader step down, or a learner leave its leader, and
	// look for a leader again.
	Resign struct{ Reason string }
)

func (Start) input()          {}
func (Tick) input()           {}
func (Notified) input()       {}
func (PeerUp) input()         {}
func (PeerDown) input()       {}
func (Connected) input()      {}
func (Received) input()       {}
func (Disconnected) input()   {}
func (Proposed) input()       {}
func (Persisted) input()      {}
func (RolledBack) input()     {}
func (RollbackFailed) input() {}
func (Resign) input()         {}
