package simulation

import (
	"slices"

	"zkctl/localcluster/zab"
)

// Census counts what happened in a run, or in many: a swarm that never comes to
// the places where such systems fail proves nothing, however many runs it has.
type Census struct {
	Faults  [len(FaultKinds)]int // that had an effect: something was up, connected, or written, to be struck
	Moments [len(Moments)]int
	// Deaths of servers, whatever killed them, by their last moment; for one
	// that failed to start that is its last death. Those in an overlap are
	// counted there as well.
	Deaths [len(Moments)]int
	// Relapses are deaths of servers that had died before and had not come as
	// far as to serve again.
	Relapses int
}

func (c *Census) add(o *Census, times int) {
	for i, n := range o.Faults {
		c.Faults[i] += n * times
	}
	for i := range o.Moments {
		c.Moments[i] += o.Moments[i] * times
		c.Deaths[i] += o.Deaths[i] * times
	}
	c.Relapses += o.Relapses * times
}

func (c *Census) struck(k FaultKind) { c.Faults[slices.Index(FaultKinds[:], k)]++ }

// course is how far a server has come since it last died.
type course struct {
	last   Moment
	served bool
	fell   bool // it has died before
}

// passed notes a moment.
func (p *plan) passed(s *server, m Moment) {
	p.census.Moments[slices.Index(Moments[:], m)]++
	c := &p.courses[s.id-1]
	if m != MomentOverlap { // which is no place in the life of one server
		c.last = m
	}
	c.served = c.served || m == MomentSynchronized || m == MomentEstablished
}

// died notes the end of a process.
func (p *plan) died(s *server) {
	if p.w.calm {
		return // it is the end of the run
	}
	c := &p.courses[s.id-1]
	if c.last != "" {
		p.census.Deaths[slices.Index(Moments[:], c.last)]++
	}
	if p.leadersWith(s) > 1 {
		p.census.Deaths[slices.Index(Moments[:], MomentOverlap)]++
	}
	if c.fell && !c.served {
		p.census.Relapses++
	}
	*c = course{fell: true}
	p.happened(s, MomentDied)
}

// leadersWith is how many servers lead, or believe so, s among them although it
// has just died.
func (p *plan) leadersWith(s *server) int {
	n := 0
	for _, x := range p.w.servers {
		if (x.up || x == s) && x.status.Role == zab.Leading && x.status.Phase == zab.Broadcast {
			n++
		}
	}
	return n
}
