package quorum

import (
	"cmp"
	"slices"
	"time"
)

// Commit is when a proposal is committed.
type Commit struct {
	After time.Duration // from the leader's sending it
	Acks  []int64       // those whose acknowledgements made the quorum, in their order of arrival
}

// CommitLatency returns the first instant at which the acknowledgements that have arrived form a
// quorum; false when they never do. ack returns when the acknowledgement of a voter arrives
// after the proposal went out, and false when the voter is down.
//
// The leader's own acknowledgement is one among the others: its disk may be slower than two
// followers and the network, and then the proposal commits without it. Random times reduce to
// availability: P(committed by t) is Available with each voter's probability of having
// acknowledged by t. Source: Leader.tryToCommit.
func CommitLatency(s *System, ack func(id int64) (time.Duration, bool)) (Commit, bool) {
	at := map[int64]time.Duration{}
	arrived := slices.DeleteFunc(s.Voters(), func(id int64) (down bool) {
		after, ok := ack(id)
		at[id] = after
		return !ok
	})
	slices.SortStableFunc(arrived, func(a, b int64) int { return cmp.Compare(at[a], at[b]) })
	for n, id := range arrived {
		if s.Has(arrived[:n+1]...) {
			return Commit{at[id], arrived[:n+1]}, true
		}
	}
	return Commit{}, false
}

// Network holds measured times between servers.
type Network struct {
	// RoundTrip is the time there and back between two servers, keyed by the
	// smaller id first.
	RoundTrip map[[2]int64]time.Duration
	// Fsync is how long a server takes to make a proposal durable.
	Fsync map[int64]time.Duration
}

// LeaderLatency is the commit latency under one leader.
type LeaderLatency struct {
	Leader int64    `json:"leader"`
	Commit *float64 `json:"commit_seconds"` // nil: there is no quorum
	Acks   []int64  `json:"acks"`           // those that made the quorum
	// Writes are what a client sees that is connected to a server, without its own way there:
	// the server's round trip to the leader plus the commit. By ids ascending, without those
	// that are down; none without a quorum.
	Writes []ServerLatency `json:"writes"`
}

// ServerLatency is a time seen at one server.
type ServerLatency struct {
	Via     int64   `json:"via"`
	Seconds float64 `json:"write_seconds"`
}

// Latencies computes the commit latency under every server that may lead and is up. A follower's
// acknowledgement arrives after a round trip and its fsync; the leader's own after its fsync.
// failed are the servers that are down. Errors wrap ErrInvalid for a round trip or fsync time
// that is missing. Source: Leader.propose and processAck; nothing queues.
func Latencies(s *System, network Network, failed ...int64) ([]LeaderLatency, error) {
	var all []LeaderLatency
	left := Without(s, failed...)
	for _, leader := range left.voters {
		if !left.CanLead(leader) {
			continue
		}
		l := LeaderLatency{Leader: leader, Acks: []int64{}, Writes: []ServerLatency{}}
		acks := map[int64]time.Duration{}
		for _, id := range left.voters {
			trip, ok := network.RoundTrip[[2]int64{min(leader, id), max(leader, id)}]
			if !ok && id != leader {
				return nil, invalidf("no round trip between servers %d and %d", min(leader, id), max(leader, id))
			}
			fsync, ok := network.Fsync[id]
			if !ok {
				return nil, invalidf("no fsync time for server %d", id)
			}
			acks[id] = trip + fsync
		}
		if c, ok := CommitLatency(left, func(id int64) (time.Duration, bool) { return acks[id], true }); ok {
			seconds := c.After.Seconds()
			l.Commit, l.Acks = &seconds, c.Acks
			for _, id := range left.voters {
				l.Writes = append(l.Writes, ServerLatency{id, (acks[id] - network.Fsync[id] + c.After).Seconds()})
			}
		}
		all = append(all, l)
	}
	return all, nil
}

// Messages counts the messages between servers that one write causes, the
// client's own and a follower's forwarding aside.
type Messages struct {
	Proposals int `json:"proposals"` // to each other voter, with the payload
	Acks      int `json:"acks"`      // from each other voter
	Commits   int `json:"commits"`   // to each other voter, a zxid only
	Informs   int `json:"informs"`   // to each observer, with the payload; they do not acknowledge
	Total     int `json:"total"`
	// Copies of the payload that leave the leader: what fills its network card.
	Copies int `json:"payload_copies"`
}

// MessagesPerWrite counts them for an ensemble with that many voters, one or more, and
// observers, as ZooKeeper's Leader sends them. Every learner gets everything,
// whatever the quorum. Source: Leader.propose, processAck, commit and inform.
func MessagesPerWrite(voters, observers int) Messages {
	others := voters - 1
	return Messages{others, others, others, observers, 3*others + observers, others + observers}
}
