package quorum

import "fmt"

// Messages counts the messages between servers that one write causes, the
// client's own and a follower's forwarding aside.
type Messages struct {
	Proposals int // to each other voter, with the payload
	Acks      int // from each other voter
	Commits   int // to each other voter, a zxid only
	Informs   int // to each observer, with the payload; they do not acknowledge
	Total     int
	// Copies of the payload that leave the leader: what fills its network card.
	Copies int
}

// MessagesPerWrite counts them for an ensemble with that many voters and
// observers, as ZooKeeper's Leader sends them. Every learner gets everything,
// whatever the quorum. Errors wrap ErrInvalid: voters below 1, observers
// below 0. O(1). Source: Leader.propose, processAck, commit and inform.
func MessagesPerWrite(voters, observers int) (Messages, error) {
	if voters < 1 || observers < 0 {
		return Messages{}, invalidf("%d voters and %d observers", voters, observers)
	}
	m := Messages{Proposals: voters - 1, Acks: voters - 1, Commits: voters - 1, Informs: observers}
	m.Total = m.Proposals + m.Acks + m.Commits + m.Informs
	m.Copies = m.Proposals + m.Informs
	return m, nil
}

// The throughput model: measurements of Hunt, Konar, Junqueira and Reed,
// "ZooKeeper: Wait-free coordination for Internet-scale systems" (USENIX ATC
// 2010), table 1; 1 KB operations, 250 clients, hardware of 2010.
const (
	// A write costs the leader writeBase + writeEach·(n-1) milliseconds: least
	// relative error over the five measured sizes, 12.7 % at most.
	writeBase = 0.02665165165165164
	writeEach = 0.007802445302445302
	// A server answers this many reads a second, the mean of the five.
	readsEach = 33397.557997557996
)

// measured are the paper's operations a second by number of servers.
var measured = []struct {
	n             int
	reads, writes float64
}{{3, 87_000, 21_000}, {5, 165_000, 18_000}, {7, 257_000, 14_000}, {9, 296_000, 12_000}, {13, 460_000, 8_000}}

// Basis says where an estimate comes from.
type Basis uint8

const (
	Measured     Basis = iota + 1 // the paper measured this size
	Interpolated                  // between two sizes that it measured
	Fitted                        // outside of them, from the fit
)

func (b Basis) String() string {
	switch b {
	case Measured:
		return "measured"
	case Interpolated:
		return "interpolated"
	case Fitted:
		return "fitted"
	}
	return fmt.Sprintf("Basis(%d)", uint8(b))
}

// Throughput is an estimate in operations a second. It is for comparing sizes
// with each other: the absolute numbers are those of the paper's machines.
type Throughput struct {
	Ops    float64 // of the mix
	Reads  float64 // with reads only
	Writes float64 // with writes only
	Basis  Basis   // of Reads and Writes
}

// EstimateThroughput mixes reads and writes for an ensemble of n voters: 1/ops = r/reads +
// (1-r)/writes, as if each operation used up its share of time. Reads and writes are the
// paper's for 3, 5, 7, 9 and 13 voters; between these, interpolated (reads a second, and
// milliseconds a write); outside, from the fit. Observers are not in the model. Operations
// a second; errors wrap ErrInvalid: n below 1, a ratio outside [0,1]. O(1). Source: the
// paper's table 1 and its mix, which puts the crossing of 3 and 5 servers at 59.4 % reads
// where the paper sees it at about 60 %.
func EstimateThroughput(n int, readRatio float64) (Throughput, error) {
	if n < 1 {
		return Throughput{}, invalidf("%d voters", n)
	}
	if !(readRatio >= 0 && readRatio <= 1) {
		return Throughput{}, invalidf("read ratio %v is not between 0 and 1", readRatio)
	}
	t := Throughput{Reads: readsEach * float64(n), Writes: FittedWrites(n), Basis: Fitted}
	for i, m := range measured {
		if m.n == n {
			t.Reads, t.Writes, t.Basis = m.reads, m.writes, Measured
		}
		if i > 0 && measured[i-1].n < n && n < m.n {
			below := measured[i-1]
			x := float64(n-below.n) / float64(m.n-below.n)
			t.Reads = below.reads + x*(m.reads-below.reads)
			t.Writes = 1 / ((1-x)/below.writes + x/m.writes)
			t.Basis = Interpolated
		}
	}
	t.Ops = 1 / (readRatio/t.Reads + (1-readRatio)/t.Writes)
	return t, nil
}

// FittedWrites is the model's writes a second with n voters, n >= 1: 1/(a + b·(n-1)). O(1). Source: a
// fit of the paper's table 1.
func FittedWrites(n int) float64 { return 1000 / (writeBase + writeEach*float64(n-1)) }

// Crossover is the share of reads, from 0 to 1, above which the ensemble of more voters has
// the higher estimated throughput; false when it never has, or always, or for sizes below 1. O(1).
// Source: EstimateThroughput, solved for the ratio.
func Crossover(fewer, more int) (float64, bool) {
	a, err := EstimateThroughput(fewer, 1)
	if err != nil {
		return 0, false
	}
	b, err := EstimateThroughput(more, 1)
	if err != nil {
		return 0, false
	}
	// r/Ra + (1-r)/Wa = r/Rb + (1-r)/Wb
	writes := 1/b.Writes - 1/a.Writes
	reads := 1/a.Reads - 1/b.Reads
	if writes+reads == 0 {
		return 0, false
	}
	r := writes / (writes + reads)
	return r, r > 0 && r < 1
}
