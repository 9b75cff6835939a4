package drill

import (
	"slices"

	"zkctl/inject"
	"zkctl/inject/history"
)

// Hit is what a fault hit at the moment when it struck.
type Hit struct {
	Leader     bool // it stopped or cut off the leader
	QuorumLeft bool // the members that it did not hit are enough for a new one
}

// hit works out what a fault hit: for one of links from the members that it cuts off from every quorum, for the others
// from the members at which it was aimed.
func hit(f FaultRecord, e history.Evidence, t Timeline) Hit {
	lost := f.Members
	if len(f.Links) > 0 {
		lost = nil
		for _, w := range e.Faults {
			if w.Cut && w.From == f.Settled {
				lost = w.Members
			}
		}
	}
	var leader int64
	for _, e := range t.Events {
		if leads := e.Kind == EventEstablished || e.Role == inject.RoleLeader.String(); leads && e.Member != 0 && e.At < f.From {
			leader = e.Member
		}
	}
	left := func(id int64) bool { return !slices.Contains(lost, id) }
	return Hit{
		Leader:     leader != 0 && !left(leader),
		QuorumLeft: e.Quorum != nil && e.Quorum(left),
	}
}
