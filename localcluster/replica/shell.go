package replica

import (
	"errors"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Shell is what a Server needs of its surroundings. The Server calls these methods
// within its own; they must not call the Server.
type Shell interface {
	Clock
	Disk
	Network
	Log
}

// Clock is the source of time and random numbers.
type Clock interface {
	Now() time.Duration // monotonic, since this process began
	Wall() int64        // milliseconds since 1970, for transactions and for people
	Chance(n int) int   // 0 <= i < n
}

// Disk is the server's log and snapshots.
type Disk interface {
	// Persist queues writes, which must become durable in their order; the shell
	// then reports zab.Persisted. The snapshot of a zab.WriteSnapshot is
	// Server.Tree at the time of this call.
	Persist([]zab.Write)
	// Truncate waits for all queued writes, removes everything after a transaction,
	// and returns the tree and the newest remaining transactions. ErrTooFar says
	// that it cannot and has changed nothing. Any other error ends the server.
	Truncate(to wire.Zxid) (*datatree.Tree, []wire.Proposal, error)
	// Save writes a snapshot in the background, in its place among the writes.
	// The shell calls Server.Saved when it has ended, successfully or not.
	Save(*datatree.Snapshot)
}

// ErrTooFar is Disk.Truncate's error if the tree at that transaction cannot be
// rebuilt.
var ErrTooFar = errors.New("the disk does not reach back that far")

// Network is the two channels between servers. Its methods do not fail: if a link
// cannot send a packet, the shell reports zab.Disconnected. Links must accept packets
// with up to MaxField bytes.
type Network interface {
	Notify(zab.Notify)
	Dial(zab.Dial)
	Send(zab.LinkID, wire.QuorumPacket)
	SendSnapshot(zab.LinkID, wire.QuorumPacket, *datatree.Snapshot)
	CloseLink(zab.LinkID)
}

// MaxField is the largest transaction between servers, in bytes. ZooKeeper uses
// jute.maxbuffer here, but a closeSession lists all of the session's ephemeral nodes,
// and a leader loses its learners again and again over a list that is too long for
// them (ZOOKEEPER-4306).
const MaxField = 64 << 20

// Log is the server's log, for people; a *slog.Logger is one.
type Log interface {
	Info(message string, args ...any)
	Warn(message string, args ...any)
	Error(message string, args ...any)
}

// Client is the shell's side of a client's connection.
type Client interface {
	// Connected sends the ConnectResponse. Requests may follow, unless the session
	// is 0.
	Connected(wire.ConnectResponse)
	// Reply answers the oldest unanswered request. The body is nil if the reply has
	// only a header.
	Reply(header wire.ReplyHeader, body wire.Record)
	// Event sends a watch event. zxid is that of the change, -1 if it is not known;
	// as in ZooKeeper 3.8, it is not sent.
	Event(event *wire.WatcherEvent, zxid wire.Zxid)
	// Done reports that r has its outcome, at zxid, for the shell's counters. It is
	// called after Reply, and for a createSession before Connected.
	Done(r *Request, zxid wire.Zxid, err wire.ErrCode)
	// CloseAfterReplies closes the connection once all replies and events are sent,
	// CloseNow at once.
	CloseAfterReplies()
	CloseNow()
	// String is the client's address, for logs.
	String() string
}
