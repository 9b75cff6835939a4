package simulation

import (
	"slices"

	"zkctl/localcluster/zab"
)

// Coverage counts what happened in a run, or in many: a swarm that never reaches the
// places where such systems fail proves nothing, however many runs it has.
type Coverage struct {
	Faults          [len(FaultKinds)]int // that had an effect: their target was up, connected, or written to
	InjectionPoints [len(InjectionPoints)]int
	// Deaths of servers from any cause, by the last injection point that they reached;
	// for a server that failed to start that is AtDied. Deaths while two leaders overlap
	// also count for AtOverlap.
	Deaths [len(InjectionPoints)]int
	// Relapses are deaths of servers that had died before and had not served since.
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

// progress is how far a server has come since it last died.
type progress struct {
	last       InjectionPoint
	served     bool
	diedBefore bool
}

// countPoint counts an injection point that a server has reached.
func (p *plan) countPoint(s *server, m InjectionPoint) {
	p.coverage.InjectionPoints[slices.Index(InjectionPoints[:], m)]++
	c := &p.progress[s.id-1]
	if m != AtOverlap { // an overlap depends on other servers, too
		c.last = m
	}
	c.served = c.served || m == AtSynchronized || m == AtEstablished
}

// died counts the end of a process.
func (p *plan) died(s *server) {
	if p.w.calm {
		return // the proof ends processes, too
	}
	c := &p.progress[s.id-1]
	if c.last != "" {
		p.coverage.Deaths[slices.Index(InjectionPoints[:], c.last)]++
	}
	if p.leadersWith(s) > 1 {
		p.coverage.Deaths[slices.Index(InjectionPoints[:], AtOverlap)]++
	}
	if c.diedBefore && !c.served {
		p.coverage.Relapses++
	}
	*c = progress{diedBefore: true}
	p.reached(s, AtDied)
}

// leadersWith is the number of servers that believe to be established leaders. s, which
// has just died, counts if it did.
func (p *plan) leadersWith(s *server) int {
	n := 0
	for _, x := range p.w.servers {
		if (x.up || x == s) && x.status.Role == zab.Leading && x.status.Phase == zab.Broadcast {
			n++
		}
	}
	return n
}
