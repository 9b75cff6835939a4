package simulation

import (
	"slices"

	"zkctl/localcluster/zab"
)

// Coverage counts what happened in a run, or in many: a swarm that never comes to
// the places where such systems fail proves nothing, however many runs it has.
type Coverage struct {
	Faults          [len(FaultKinds)]int // that had an effect: something was up, connected, or written, to be struck
	InjectionPoints [len(InjectionPoints)]int
	// Deaths of servers, whatever killed them, by their last injection point; for one
	// that failed to start that is its last death. Those in an overlap are
	// counted there as well.
	Deaths [len(InjectionPoints)]int
	// Relapses are deaths of servers that had died before and had not come as
	// far as to serve again.
	Relapses int
	// EpochsUsedUp are epochs whose last transaction was proposed.
	EpochsUsedUp int
}

func (c *Coverage) add(o *Coverage, times int) {
	for i, n := range o.Faults {
		c.Faults[i] += n * times
	}
	for i := range o.InjectionPoints {
		c.InjectionPoints[i] += o.InjectionPoints[i] * times
		c.Deaths[i] += o.Deaths[i] * times
	}
	c.Relapses += o.Relapses * times
	c.EpochsUsedUp += o.EpochsUsedUp * times
}

func (c *Coverage) struck(k FaultKind) { c.Faults[slices.Index(FaultKinds[:], k)]++ }

// course is how far a server has come since it last died.
type course struct {
	last   InjectionPoint
	served bool
	fell   bool // it has died before
}

// passed notes an injection point.
func (p *plan) passed(s *server, m InjectionPoint) {
	p.coverage.InjectionPoints[slices.Index(InjectionPoints[:], m)]++
	c := &p.courses[s.id-1]
	if m != AtOverlap { // which is no place in the life of one server
		c.last = m
	}
	c.served = c.served || m == AtSynchronized || m == AtEstablished
}

// died notes the end of a process.
func (p *plan) died(s *server) {
	if p.w.calm {
		return // it is the end of the run
	}
	c := &p.courses[s.id-1]
	if c.last != "" {
		p.coverage.Deaths[slices.Index(InjectionPoints[:], c.last)]++
	}
	if p.leadersWith(s) > 1 {
		p.coverage.Deaths[slices.Index(InjectionPoints[:], AtOverlap)]++
	}
	if c.fell && !c.served {
		p.coverage.Relapses++
	}
	*c = course{fell: true}
	p.happened(s, AtDied)
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
