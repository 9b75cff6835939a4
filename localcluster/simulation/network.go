package simulation

import (
	"math/rand/v2"
	"time"

	"zkctl/localcluster/zab"
)

// Channel is one of the two connections between servers. A fault can strike one
// of them alone.
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

// lane is the way of bytes from one server to another, on one channel.
type lane struct {
	pair
	channel Channel
	cuts    int // how many faults cut it now
	slow    time.Duration
	rng     *rand.Rand
}

// network has all lanes, in a fixed order.
type network struct {
	w     *World
	n     int
	lines [][]lane // by channel, then from and to
	votes []*voteLink
}

func (c *network) init(w *World) {
	c.w, c.n = w, len(w.servers)
	c.lines = make([][]lane, ElectionChannel+1)
	for _, channel := range []Channel{QuorumChannel, ElectionChannel} {
		c.lines[channel] = make([]lane, c.n*c.n)
		for from := range c.n {
			for to := range c.n {
				p := pair{zab.ServerID(from + 1), zab.ServerID(to + 1)}
				line := &c.lines[channel][from*c.n+to]
				*line = lane{pair: p, channel: channel, rng: w.random()}
				if w.setup.Uneven {
					// Some lanes are so slow that votes on them come from rounds that are long over.
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

func (c *network) line(channel Channel, p pair) *lane {
	return &c.lines[channel][(int(p.from)-1)*c.n+int(p.to)-1]
}

// removeLags ends the differences between lanes.
func (c *network) removeLags() {
	for _, lines := range c.lines {
		for i := range lines {
			lines[i].slow = 0
		}
	}
}

// delay is the time that the next bytes take.
func (l *lane) delay(s *Setup) time.Duration {
	d := s.Latency + l.slow + 20*time.Microsecond
	if s.Jitter > 0 {
		d += time.Duration(l.rng.Int64N(int64(s.Jitter)))
	}
	return d
}

// cut stops everything in one direction until the returned function is called. What is
// in flight waits, as it does in TCP.
func (w *World) cut(p pair, channel Channel) (heal func()) {
	var lines []*lane
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
