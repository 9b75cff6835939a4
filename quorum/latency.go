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

// CommitLatency returns the first instant at which the acknowledgements that
// have arrived form a quorum; false when they never do. ack returns when the
// acknowledgement of a voter arrives after the proposal went out, and false when
// the voter is down.
//
// The leader's own acknowledgement is one among the others: its disk may be slower than
// two followers and the network, and then the proposal commits without it
// (in ZooKeeper the leader must be of the epoch, not among the
// acknowledgements). Random times reduce to availability: P(committed by t) is
// Available with each voter's probability of having acknowledged by t.
//
// O(n log n) to sort, then n calls of IsQuorum. Source: Leader.tryToCommit.
func CommitLatency(s System, ack func(id int64) (time.Duration, bool)) (Commit, bool) {
	type arrival struct {
		id int64
		at time.Duration
	}
	var arrivals []arrival
	for _, id := range s.Voters() {
		if at, ok := ack(id); ok {
			arrivals = append(arrivals, arrival{id, at})
		}
	}
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	acked := map[int64]bool{}
	var c Commit
	for _, a := range arrivals {
		acked[a.id] = true
		c.Acks = append(c.Acks, a.id)
		if s.IsQuorum(func(id int64) bool { return acked[id] }) {
			c.After = a.at
			return c, true
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

// between returns a round trip; none is needed to oneself.
func (n Network) between(a, b int64) (time.Duration, error) {
	if a == b {
		return 0, nil
	}
	d, ok := n.RoundTrip[[2]int64{min(a, b), max(a, b)}]
	if !ok {
		return 0, invalidf("no round trip between servers %d and %d", min(a, b), max(a, b))
	}
	return d, nil
}

// LeaderLatency is the commit latency under one leader.
type LeaderLatency struct {
	Leader    int64
	Committed bool // false: there is no quorum
	Commit    Commit
	// Write is what a client sees that is connected to a server, without its own
	// way there: the server's round trip to the leader (none on the leader
	// itself) plus the commit. By server, ascending ids, down ones left out.
	Write []ServerLatency
}

// ServerLatency is a time seen at one server.
type ServerLatency struct {
	ID   int64
	Time time.Duration
}

// Latencies computes the commit latency under every server that may lead and is
// up. A follower's acknowledgement arrives after a round trip and its
// fsync; the leader's own after its fsync. failed are the servers that are
// down. Errors wrap ErrInvalid for a round trip or fsync time that is missing.
// O(n³) at most, for n leaders. Source: Leader.propose and processAck; nothing queues.
func Latencies(s System, network Network, failed ...int64) ([]LeaderLatency, error) {
	down := map[int64]bool{}
	for _, id := range failed {
		down[id] = true
	}
	var all []LeaderLatency
	for _, leader := range s.Voters() {
		if down[leader] || !CanLead(s, leader) {
			continue
		}
		l := LeaderLatency{Leader: leader}
		acks := map[int64]time.Duration{}
		for _, id := range s.Voters() {
			if down[id] {
				continue
			}
			rtt, err := network.between(leader, id)
			if err != nil {
				return nil, err
			}
			fsync, ok := network.Fsync[id]
			if !ok {
				return nil, invalidf("no fsync time for server %d", id)
			}
			acks[id] = rtt + fsync
			l.Write = append(l.Write, ServerLatency{id, rtt})
		}
		l.Commit, l.Committed = CommitLatency(s, func(id int64) (time.Duration, bool) {
			at, ok := acks[id]
			return at, ok
		})
		if l.Committed {
			for i := range l.Write {
				l.Write[i].Time += l.Commit.After
			}
		} else {
			l.Write = nil
		}
		all = append(all, l)
	}
	return all, nil
}
