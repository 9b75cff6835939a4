package wire

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ServerState is what a server says of itself in an election.
type ServerState int32

// The states; a server starts Looking.
const (
	Looking   ServerState = 0
	Following ServerState = 1
	Leading   ServerState = 2
	Observing ServerState = 3
)

// String is the state's name as ZooKeeper's logs have it, or STATE(N).
func (s ServerState) String() string {
	switch s {
	case Looking:
		return "LOOKING"
	case Following:
		return "FOLLOWING"
	case Leading:
		return "LEADING"
	case Observing:
		return "OBSERVING"
	}
	return "STATE(" + strconv.Itoa(int(s)) + ")"
}

// NotificationVersion is the version of notifications that carry a configuration.
const NotificationVersion int32 = 2

// ObserverVote is what observers send for leader, zxid and peer epoch, as they have no
// vote.
const ObserverVote int64 = math.MinInt64

// Notification is the message of an election: a server's state and its vote.
//
//	offset  0 state | 4 leader | 12 zxid | 20 election epoch
//	       28 peer epoch                  absent before 3.3
//	       36 version                     absent before 3.4.6
//	       40 config length | 44 config   from version 2
type Notification struct {
	State         ServerState
	Leader        int64 // the vote: for this server, ...
	Zxid          Zxid  // ... how far its log goes, ...
	ElectionEpoch int64 // ... the round of elections it was given in, ...
	PeerEpoch     int64 // ... and the epoch of its log
	Version       int32 // NotificationVersion; 0 for the old forms
	// Config is the sender's configuration as text. It must not be empty when Version is
	// 2: the receiving thread of a Java 3.8 peer can die of that.
	Config []byte
}

const (
	notificationOldest = 28 // without peer epoch
	notificationOld    = 40 // without configuration
)

// Encode implements Record. A version below 2 writes the form without configuration.
func (n *Notification) Encode(e *Encoder) {
	e.Int32(int32(n.State))
	e.Int64(n.Leader)
	e.Zxid(n.Zxid)
	e.Int64(n.ElectionEpoch)
	e.Int64(n.PeerEpoch)
	e.Int32(n.Version)
	if n.Version >= NotificationVersion {
		e.Int32(int32(len(n.Config)))
		e.Raw(n.Config)
	}
}

// Decode implements Record; it needs a slice, as the length tells the forms apart.
func (n *Notification) Decode(d *Decoder) {
	size := d.Remaining()
	n.State = ServerState(d.Int32())
	n.Leader = d.Int64()
	n.Zxid = d.Zxid()
	n.ElectionEpoch = d.Int64()
	n.Config = nil
	if size == notificationOldest {
		n.PeerEpoch, n.Version = n.Zxid.Epoch(), 0
		d.lossy = true
		return
	}
	n.PeerEpoch = d.Int64()
	n.Version = d.Int32()
	if size == notificationOld {
		// ZooKeeper takes a message of this length for the form without a version.
		d.lossy = d.lossy || n.Version != 0
		n.Version = 0
	}
	if n.Version < NotificationVersion {
		return
	}
	length := d.Int32()
	if d.err == nil {
		n.Config = d.bytes("configuration", length)
	}
}

// The first number of a hello. A number from 0 up is the server id itself: servers
// before 3.5 send nothing else.
const (
	HelloV1 int64 = -65536 // one address
	HelloV2 int64 = -65535 // several, joined with |; needs multiAddress.enabled
)

// AnonymousObserver is the id of an observer that was configured without one.
const AnonymousObserver int64 = math.MaxInt64

// maxHelloAddress is the longest address list ZooKeeper takes.
const maxHelloAddress = 2048

// ElectionHello is what the connecting server sends first on the election port; the
// accepting one answers nothing. Write it in one call: a Java 3.8 server hangs up
// when the address does not arrive together with what is before it.
type ElectionHello struct {
	// Version is HelloV1 or HelloV2; 0 is HelloV1 when there are addresses, and the form
	// of before 3.5 when there are none.
	Version  int64
	ServerID int64
	// Addresses are the host:port where the sender listens for elections. The receiver
	// may dial them back, and refuses HelloV1 and HelloV2 without any.
	Addresses []string
}

// Encode implements Record.
func (h *ElectionHello) Encode(e *Encoder) {
	version := h.Version
	if version == 0 {
		if len(h.Addresses) == 0 {
			e.Int64(h.ServerID)
			return
		}
		version = HelloV1
	}
	e.Int64(version)
	e.Int64(h.ServerID)
	e.Text(strings.Join(h.Addresses, "|"))
}

// Decode implements Record, from a slice or from the connection.
func (h *ElectionHello) Decode(d *Decoder) {
	*h = ElectionHello{}
	first := d.Int64()
	if d.err != nil {
		return
	}
	if first >= 0 {
		h.ServerID = first
		return
	}
	if first != HelloV1 && first != HelloV2 {
		d.Fail(fmt.Errorf("election hello: unknown protocol version %d", first))
		return
	}
	h.Version = first
	h.ServerID = d.Int64()
	length := d.Int32()
	if d.err == nil && (length <= 0 || length > maxHelloAddress) {
		d.failLength("address list", length)
		return
	}
	h.Addresses = strings.Split(string(d.bytes("address list", length)), "|")
}
