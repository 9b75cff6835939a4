package link

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Channel is one of the ports of a ZooKeeper server. On two of them servers talk to each other, on the third clients
// talk to a server.
type Channel uint8

const (
	// Quorum carries Zab: synchronisation, proposals, commits, pings.
	Quorum Channel = iota + 1
	// Election carries the votes of Fast Leader Election.
	Election
	// Client carries what clients ask and are answered.
	Client
)

// Channels lists the channels between members, in the order used everywhere for output.
func Channels() []Channel { return []Channel{Quorum, Election} }

func (c Channel) String() string {
	switch c {
	case Quorum:
		return "quorum"
	case Election:
		return "election"
	case Client:
		return "client"
	}
	return fmt.Sprintf("channel(%d)", uint8(c))
}

// ParseChannels reads "quorum", "election", "client", or "all", which is the two between members.
func ParseChannels(s string) ([]Channel, error) {
	switch s {
	case "all":
		return Channels(), nil
	case "quorum":
		return []Channel{Quorum}, nil
	case "election":
		return []Channel{Election}, nil
	case "client":
		return []Channel{Client}, nil
	}
	return nil, fmt.Errorf("channel %q: want all, quorum, election or client", s)
}

// Clients stands for all clients at one end of a lane of the channel Client. No member has this id.
const Clients int64 = 0

// clientsWord is how a lane names them.
const clientsWord = "clients"

// Lane names the bytes that flow from one member to another on one channel,
// whichever of the two opened the connection. On the channel Client one end is Clients.
type Lane struct {
	From, To int64
	Channel  Channel
}

// String is the form "1>2/quorum" or "clients>2/client"; ParseLane reads it back.
func (l Lane) String() string {
	return fmt.Sprintf("%s>%s/%s", endText(l.From), endText(l.To), l.Channel)
}

func endText(id int64) string {
	if id == Clients {
		return clientsWord
	}
	return strconv.FormatInt(id, 10)
}

func parseEnd(text string) (int64, error) {
	if text == clientsWord {
		return Clients, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err == nil && id == Clients {
		err = strconv.ErrRange
	}
	return id, err
}

// ParseLane reads what Lane.String wrote.
func ParseLane(s string) (Lane, error) {
	pair, channel, ok1 := strings.Cut(s, "/")
	from, to, ok2 := strings.Cut(pair, ">")
	f, err1 := parseEnd(from)
	t, err2 := parseEnd(to)
	channels, err3 := ParseChannels(channel)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || err3 != nil || len(channels) != 1 || (f == Clients || t == Clients) != (channels[0] == Client) {
		return Lane{}, fmt.Errorf("lane %q: want FROM>TO/quorum, FROM>TO/election, clients>TO/client or FROM>clients/client", s)
	}
	return Lane{From: f, To: t, Channel: channels[0]}, nil
}

// Compare orders lanes by sender, receiver and channel.
func (l Lane) Compare(other Lane) int {
	return cmp.Or(
		cmp.Compare(l.From, other.From),
		cmp.Compare(l.To, other.To),
		cmp.Compare(l.Channel, other.Channel),
	)
}

// Shape is how slow a lane is. The zero Shape is as fast as the machine.
type Shape struct {
	// Latency delays every byte on its way.
	Latency time.Duration
	// Jitter varies the latency by up to this much, both ways, uniformly.
	// Bytes of one connection are never reordered by it.
	Jitter time.Duration
	// Rate limits the lane, all its connections together, to so many bytes a
	// second. 0 is unlimited.
	Rate int64
}

// Validate says what is wrong with a shape that came from outside.
func (s Shape) Validate() error {
	switch {
	case s.Latency < 0:
		return fmt.Errorf("latency %v: must not be negative", s.Latency)
	case s.Jitter < 0:
		return fmt.Errorf("jitter %v: must not be negative", s.Jitter)
	case s.Jitter > s.Latency:
		return fmt.Errorf("jitter %v: must not exceed the latency %v it varies", s.Jitter, s.Latency)
	case s.Rate < 0:
		return fmt.Errorf("rate %d: must not be negative", s.Rate)
	}
	return nil
}

// shapeJSON has durations in seconds, as everything zkctl prints.
type shapeJSON struct {
	Latency float64 `json:"latency_seconds"`
	Jitter  float64 `json:"jitter_seconds"`
	Rate    int64   `json:"rate_bytes_per_second"`
}

// MarshalJSON writes durations as seconds.
func (s Shape) MarshalJSON() ([]byte, error) {
	return json.Marshal(shapeJSON{s.Latency.Seconds(), s.Jitter.Seconds(), s.Rate})
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses what is not valid.
func (s *Shape) UnmarshalJSON(data []byte) error {
	var read shapeJSON
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("shape: %w", err)
	}
	*s = Shape{Latency: fromSeconds(read.Latency), Jitter: fromSeconds(read.Jitter), Rate: read.Rate}
	return s.Validate()
}

func fromSeconds(s float64) time.Duration {
	return time.Duration(math.Round(s * float64(time.Second)))
}

// Condition is everything that can be wrong with a lane. The zero Condition is
// a healthy lane.
type Condition struct {
	Cut   bool
	Shape Shape
	// Refuse resets the connections that From of the lane opens to To. Those that exist go on.
	Refuse bool
}
