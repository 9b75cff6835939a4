package simulation

import (
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Moment is a place in the protocol where a fault can be planted: where such
// systems fail, and where a fault at a random time hardly ever strikes.
type Moment string

// The moments, each of a server.
const (
	MomentElected      Moment = "elected"      // knows its leader
	MomentPromise      Moment = "promise"      // is about to write acceptedEpoch
	MomentHistory      Moment = "history"      // leader: its history is the history, currentEpoch is about to be written
	MomentSyncSent     Moment = "sync-sent"    // leader: DIFF or TRUNC is on its way
	MomentSnapSent     Moment = "snap-sent"    // leader: SNAP is on its way
	MomentDiff         Moment = "diff"         // learner: DIFF came
	MomentTrunc        Moment = "trunc"        // learner: TRUNC came
	MomentSnap         Moment = "snap"         // learner: a whole SNAP came
	MomentTornSnap     Moment = "torn-snap"    // learner: a SNAP broke off
	MomentFirstAppend  Moment = "first-append" // learner: the first transaction of a synchronization is about to be logged
	MomentNewLeader    Moment = "newleader"    // learner: NEWLEADER came, currentEpoch is about to be written
	MomentSynchronized Moment = "synchronized" // learner: UPTODATE came
	MomentEstablished  Moment = "established"  // leader
	MomentOverlap      Moment = "overlap"      // leader, established while another one still believes to be
	MomentProposed     Moment = "proposed"     // leader: a transaction is on its way
	MomentResigned     Moment = "resigned"     // left a role
	MomentDied         Moment = "died"         // what strikes its disk now strikes when it starts
)

// Moments lists them all.
var Moments = [...]Moment{
	MomentElected, MomentPromise, MomentHistory, MomentSyncSent, MomentSnapSent, MomentDiff, MomentTrunc, MomentSnap, MomentTornSnap,
	MomentFirstAppend, MomentNewLeader, MomentSynchronized, MomentEstablished, MomentOverlap, MomentProposed, MomentResigned, MomentDied,
}

// moment tells the plan.
func (w *World) moment(s *server, m Moment) { w.plan.happened(s, m) }

// events notes what a core reports, and finds the moments in it.
func (w *World) events(s *server, events []zab.Event) {
	for _, e := range events {
		if w.tracing() {
			w.note("%d: %v", s.id, e)
		}
		if w.watch != nil {
			w.watch(s, e)
		}
		switch e.Kind {
		case zab.LeaderElected:
			w.moment(s, MomentElected)
		case zab.HistoryChosen:
			w.moment(s, MomentHistory)
		case zab.SyncStarted:
			if e.Sync == wire.PacketSnap {
				w.moment(s, MomentSnapSent)
			} else {
				w.moment(s, MomentSyncSent)
			}
		case zab.SyncReceived:
			switch e.Sync {
			case wire.PacketDiff:
				w.moment(s, MomentDiff)
			case wire.PacketTrunc:
				w.moment(s, MomentTrunc)
			case wire.PacketSnap:
				w.moment(s, MomentSnap)
			}
		case zab.Synchronized:
			w.moment(s, MomentSynchronized)
		case zab.Established:
			w.moment(s, MomentEstablished)
		case zab.Resigned:
			w.moment(s, MomentResigned)
		}
	}
}

// writeMoment finds the moments in what a core wants to be durable.
func (w *World) writeMoment(s *server, write zab.Write) {
	switch {
	case write.Kind == zab.WriteAcceptedEpoch:
		w.moment(s, MomentPromise)
	case write.Kind == zab.WriteCurrentEpoch && s.status.Role != zab.Leading:
		w.moment(s, MomentNewLeader)
	case write.Kind == zab.WriteAppend && s.status.Phase == zab.Synchronization && s.status.Role != zab.Leading &&
		w.plan.courses[s.id-1].last != MomentFirstAppend:
		w.moment(s, MomentFirstAppend)
	}
}
