package history

import (
	"fmt"
	"math"
	"time"

	"zkctl/probe/wire"
)

// History is what the clients of one run saw. Its records are in the order in which they
// were seen; those of one connection are in the order of that connection.
type History struct {
	Began   time.Time // wall clock at nanosecond 0
	Root    string    // all paths are at or below this node
	Records []Record
}

// Record is one line of a history. Exactly one field is set.
type Record struct {
	Op    *Op
	Event *Event
	Link  *Link
}

// Op is one operation. It stands in the history where its answer came, or where its client
// gave up waiting. Times are nanoseconds on the recorder's clock since History.Began.
//
// Pings and the setWatches of a new connection are operations like all others: their answers
// carry zxids.
type Op struct {
	Client  int   // from 1
	Session int64 // that sent it
	Conn    int   // number of the connection, from 1, across all clients
	Server  int64 // id of the member that the connection goes to; 0: not known
	Xid     int32
	Code    wire.OpCode
	Path    string // "" where there is none, as for a multi
	Watch   bool   // a read that leaves a watch
	Request []byte // body, as sent
	Intend  int64  // when it was due; not after Invoke
	Invoke  int64  // when it was sent
	Return  int64  // when the answer came; Never without one
	Outcome Outcome
	Err     wire.ErrCode // of the answer
	Zxid    wire.Zxid    // of the answer
	Reply   []byte       // body of the answer; nil: it has none, or it was not recorded
}

// Never is the Return of an operation without an answer.
const Never int64 = math.MaxInt64

// Outcome of an operation, as its client saw it.
type Outcome uint8

const (
	OK      Outcome = iota + 1 // answered, perhaps with an error code
	Failed                     // not sent: it has not happened
	Unknown                    // sent and not answered: it may have happened, or may still happen
)

var outcomeNames = []string{OK: "ok", Failed: "failed", Unknown: "unknown"}

// String is the outcome's name in a file, or outcome(N).
func (o Outcome) String() string { return nameOf(outcomeNames, int(o), "outcome") }

// Event is a watch event, in its place among the answers of its connection.
type Event struct {
	Client int
	Conn   int
	At     int64
	Zxid   wire.Zxid // of the change; -1: the server does not say, or the change was missed while the client was away
	wire.WatcherEvent
}

// Link is a change of a client's connection or session.
type Link struct {
	Client  int
	Conn    int
	Session int64
	Server  int64
	At      int64
	Kind    LinkKind
	Timeout time.Duration // of the session, as granted with Connected and Resumed
	Why     string
}

// LinkKind says what has happened to a connection.
type LinkKind uint8

const (
	Connected LinkKind = iota + 1 // with a new session
	Resumed                       // with the session of an earlier connection
	Lost                          // the connection has ended
	Expired                       // the server says that the session is over
	Closed                        // the client has closed its session
	Stray                         // an answer to nothing, or out of order: the client gave the connection up
)

var linkNames = []string{
	Connected: "connected", Resumed: "resumed", Lost: "lost", Expired: "expired", Closed: "closed", Stray: "stray",
}

// String is the kind's name in a file, or link(N).
func (k LinkKind) String() string { return nameOf(linkNames, int(k), "link") }

// nameOf is the name of a value of an enum, whose value 0 is invalid.
func nameOf(names []string, value int, enum string) string {
	if value > 0 && value < len(names) {
		return names[value]
	}
	return fmt.Sprintf("%s(%d)", enum, value)
}
