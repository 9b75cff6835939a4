package scenario

import "strings"

// Point is a moment of the protocol that a member reaches, and at which a fault can be planted.
type Point string

// The points: places where such systems fail, and that a fault at some time hardly ever hits.
const (
	AtElected      Point = "elected"      // knows its leader
	AtPromise      Point = "promise"      // is about to write acceptedEpoch
	AtHistory      Point = "history"      // leader: its history is the epoch's initial history, currentEpoch is about to be written
	AtSyncSent     Point = "sync-sent"    // leader: DIFF or TRUNC is on its way
	AtSnapSent     Point = "snap-sent"    // leader: SNAP is on its way
	AtDiff         Point = "diff"         // learner: DIFF came
	AtTrunc        Point = "trunc"        // learner: TRUNC came
	AtSnap         Point = "snap"         // learner: a whole SNAP came
	AtTornSnap     Point = "torn-snap"    // learner: a SNAP broke off
	AtFirstAppend  Point = "first-append" // learner: the first transaction of a synchronization is about to be logged
	AtNewLeader    Point = "newleader"    // learner: NEWLEADER came, currentEpoch is about to be written
	AtSynchronized Point = "synchronized" // learner: UPTODATE came
	AtEstablished  Point = "established"  // leader
	AtOverlap      Point = "overlap"      // leader: established while another server still believes that it is
	AtProposed     Point = "proposed"     // leader: a transaction is on its way
	AtResigned     Point = "resigned"     // left a role
	AtDied         Point = "died"         // a fault of its disk strikes when it starts

	// AtSynchronizing is sync-sent or snap-sent.
	AtSynchronizing Point = "synchronizing"
)

// Points lists them all: first those that a server reports, in the order of the protocol.
func Points() []Point {
	return []Point{
		AtElected, AtPromise, AtHistory, AtSyncSent, AtSnapSent, AtDiff, AtTrunc, AtSnap, AtTornSnap,
		AtFirstAppend, AtNewLeader, AtSynchronized, AtEstablished, AtOverlap, AtProposed, AtResigned, AtDied,
		AtSynchronizing,
	}
}

// Includes tells whether a server that reaches reported has reached p.
func (p Point) Includes(reported Point) bool {
	return p == reported || p == AtSynchronizing && (reported == AtSyncSent || reported == AtSnapSent)
}

func pointNames() string {
	var names []string
	for _, p := range Points() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}
