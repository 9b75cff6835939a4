package replica

import (
	"errors"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Shell is what a Server needs around it. Its methods are called within those of
// the Server, and must not call back, except where they say so.
type Shell interface {
	Clock
	Disk
	Network
	Log
}

// Clock gives time and chance.
type Clock interface {
	Now() time.Duration // monotonic, since this process began
	Wall() int64        // milliseconds since 1970, for transactions and for people
	Chance(n int) int   // 0 <= i < n
}

// Disk is the server's log and snapshots.
type Disk interface {
	// Persist queues writes, which are to become durable in their order;
	// zab.Persisted says when. The snapshot of a zab.WriteSnapshot is
	// Server.Tree at this moment.
	Persist([]zab.Write)
	// Truncate waits for all that is queued, cuts everything behind a
	// transaction, and returns the tree and the newest transactions that are
	// left. ErrTooFar says that it cannot, and changed nothing. Any other
	// error ends the server.
	Truncate(to wire.Zxid) (*datatree.Tree, []wire.Proposal, error)
	// Save writes a snapshot in the background, in its place among the
	// writes; Server.Saved says when that is over, well or not.
	Save(*datatree.Snapshot)
}

// ErrTooFar is Disk.Truncate's answer when the tree at that transaction cannot
// be had again.
var ErrTooFar = errors.New("the disk does not reach back that far")

// Network is the two channels between servers. Nothing of it fails: a link that
// cannot take a packet is about to be reported as zab.Disconnected. Links must
// take packets with up to MaxField bytes.
type Network interface {
	Notify(zab.Notify)
	Dial(zab.Dial)
	Send(zab.LinkID, wire.QuorumPacket)
	SendSnapshot(zab.LinkID, wire.QuorumPacket, *datatree.Snapshot)
	CloseLink(zab.LinkID)
}

// MaxField bounds one transaction between servers. It is not jute.maxbuffer,
// although ZooKeeper uses that: the closing of a session lists all of its
// ephemeral nodes, and a list that is too long for its learners makes a leader
// lose them again and again (ZOOKEEPER-4306).
const MaxField = 64 << 20

// Log takes what a person may want to read; a *slog.Logger is one.
type Log interface {
	Info(message string, args ...any)
	Warn(message string, args ...any)
	Error(message string, args ...any)
}

// Client is the shell's side of a client's connection.
type Client interface {
	// Connected answers the handshake. After it, unless the session is 0,
	// requests may come.
	Connected(wire.ConnectResponse)
	// Reply answers the oldest request that is not answered. The body is nil
	// where there is none.
	Reply(header wire.ReplyHeader, body wire.Record)
	// Event is a watch event; zxid is that of the change, -1 when it is not
	// known. Clients are not told (ZooKeeper 3.8).
	Event(event *wire.WatcherEvent, zxid wire.Zxid)
	// Done counts: r has its outcome, at zxid. It comes behind Reply, and for
	// a session that is created before Connected.
	Done(r *Request, zxid wire.Zxid, err wire.ErrCode)
	// CloseAfterReplies closes the connection once the replies and events before it are sent, CloseNow at once.
	CloseAfterReplies()
	CloseNow()
	// String is the client's address, for logs.
	String() string
}
