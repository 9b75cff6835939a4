package simulation

import (
	"math/rand/v2"
	"time"

	"zkctl/localcluster/zab"
)

// Channel is one of the two connections between servers. Faults can hit one
// and spare the other.
type Channel int

// The channels. Both is for faults only.
const (
	Both Channel = iota
	QuorumChannel
	ElectionChannel
)

func (c Channel) String() string {
	switch c {
	case QuorumChannel:
		return "quorum"
	case ElectionChannel:
		return "election"
	}
	return "both"
}

// pair is one direction between two servers.
type pair struct{ from, to zab.ServerID }

// cable is what bytes from one server to another go through, on one channel.
type cable struct {
	pair
	channel Channel
	cuts    int // how many faults cut it now
	slow    time.Duration
	rng     *rand.Rand
}

// network has all of them, in a fixed order.
type network struct {
	w     *World
	n     int
	lines [][]cable // by channel, then from and to
	votes []*voteLink
}

func (c *network) init(w *World) {
	c.w, c.n = w, len(w.servers)
	c.lines = make([][]cable, ElectionChannel+1)
	for _, channel := range []Channel{QuorumChannel, ElectionChannel} {
		c.lines[channel] = make([]cable, c.n*c.n)
		for from := range c.n {
			for to := range c.n {
				p := pair{zab.ServerID(from + 1), zab.ServerID(to + 1)}
				line := &c.lines[channel][from*c.n+to]
				*line = cable{pair: p, channel: channel, rng: w.random()}
				if w.setup.Uneven {
					// Some cables are so slow that what they carry is long past.
					line.slow = pick[time.Duration](line.rng, 0, 0, 0, 1, 10, 30) * w.setup.Tick / 10
				}
			}
		}
	}
	for a := range c.n {
		for b := a + 1; b < c.n; b++ {
			c.votes = append(c.votes, newVoteLink(w, w.servers[a], w.servers[b]))
		}
	}
}

func (c *network) line(channel Channel, p pair) *cable {
	return &c.lines[channel][(int(p.from)-1)*c.n+int(p.to)-1]
}

// even ends the differences between cables.
func (c *network) even() {
	for _, lines := range c.lines {
		for i := range lines {
			lines[i].slow = 0
		}
	}
}

// delay is how long the next bytes take.
func (l *cable) delay(s *Setup) time.Duration {
	d := s.Latency + l.slow + 20*time.Microsecond
	if s.Jitter > 0 {
		d += time.Duration(l.rng.Int64N(int64(s.Jitter)))
	}
	return d
}

// cut stops everything in one direction, as long as the returned function was
// not called. What is under way waits, as it does in TCP.
func (w *World) cut(p pair, channel Channel) (heal func()) {
	var lines []*cable
	for _, ch := range []Channel{QuorumChannel, ElectionChannel} {
		if channel == Both || channel == ch {
			lines = append(lines, w.network.line(ch, p))
		}
	}
	for _, l := range lines {
		l.cuts++
	}
	return func() {
		for _, l := range lines {
			l.cuts--
		}
		w.resumeQuorum(p)
		w.resumeVotes(p)
	}
}
