package history

import (
	"time"

	"zkctl/probe/wire"
)

// Evidence is all that a run leaves for the judge.
type Evidence struct {
	History *History
	Logs    []MemberLog
	Trees   map[int64]View // of members after the run
	Leaders []Leader
	Faults  []Window
	Quorum  func(has func(member int64) bool) bool
	Tick    time.Duration
	// Found is what the world has seen to be broken from inside, where no history can look.
	Found   []Finding
	Foreign bool // the ensemble was in use before: its logs begin before the history, and others write too
}

// MemberLog is what one member has on its disk after the run.
type MemberLog struct {
	Member   int64
	Voter    bool
	Txns     []Txn     // ascending; what the member has truncated is not in it
	Snapshot wire.Zxid // the newest valid one; 0: none
	// Snapshots are all that it has, by the zxids in their names, ascending.
	Snapshots []wire.Zxid
	Problem   string // why the log could not be read to its end; "": it was
}

// Txn is a transaction as a member's log has it.
type Txn struct {
	Zxid wire.Zxid
	Data []byte // header, body and digest: wire.UnmarshalTxn reads it
}

// View is a member's tree.
type View interface {
	// Node is one node; false: there is none.
	Node(path string) (data []byte, stat wire.Stat, acl []wire.ACL, found bool)
	// Nodes is how many there are, the root included and /zookeeper and all below left out.
	Nodes() int
	// Session is the timeout of a session in milliseconds; false: it does not exist.
	Session(id int64) (timeout int32, found bool)
	Sessions() int
}

// Leader is a leader that has established its epoch, as it reported it itself.
type Leader struct {
	Epoch, Member int64
	At            int64
}

// Window is a time in which a fault had its effect, for checks that hold only without one.
type Window struct {
	From, To int64
	Members  []int64 // empty: all
	// Cut is set when the members reach no quorum: they must not acknowledge a write.
	Cut bool
	// Clock is set when the members' clocks are wrong: what depends on wall clocks is not judged.
	Clock bool
}
