package simulation

import (
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// InjectionPoint is a place in the protocol where a fault can be planted: a place where
// such systems fail and that a fault at a random time hardly ever hits.
type InjectionPoint string

// The injection points. A server reaches each of them.
const (
	AtElected      InjectionPoint = "elected"      // knows its leader
	AtPromise      InjectionPoint = "promise"      // is about to write acceptedEpoch
	AtHistory      InjectionPoint = "history"      // leader: its history is the epoch's initial history, currentEpoch is about to be written
	AtSyncSent     InjectionPoint = "sync-sent"    // leader: DIFF or TRUNC is on its way
	AtSnapSent     InjectionPoint = "snap-sent"    // leader: SNAP is on its way
	AtDiff         InjectionPoint = "diff"         // learner: DIFF came
	AtTrunc        InjectionPoint = "trunc"        // learner: TRUNC came
	AtSnap         InjectionPoint = "snap"         // learner: a whole SNAP came
	AtTornSnap     InjectionPoint = "torn-snap"    // learner: a SNAP broke off
	AtFirstAppend  InjectionPoint = "first-append" // learner: the first transaction of a synchronization is about to be logged
	AtNewLeader    InjectionPoint = "newleader"    // learner: NEWLEADER came, currentEpoch is about to be written
	AtSynchronized InjectionPoint = "synchronized" // learner: UPTODATE came
	AtEstablished  InjectionPoint = "established"  // leader
	AtOverlap      InjectionPoint = "overlap"      // leader: established while another server still believes that it is
	AtProposed     InjectionPoint = "proposed"     // leader: a transaction is on its way
	AtResigned     InjectionPoint = "resigned"     // left a role
	AtDied         InjectionPoint = "died"         // a fault of its disk strikes when it starts
)

// InjectionPoints lists them all.
var InjectionPoints = [...]InjectionPoint{
	AtElected, AtPromise, AtHistory, AtSyncSent, AtSnapSent, AtDiff, AtTrunc, AtSnap, AtTornSnap,
	AtFirstAppend, AtNewLeader, AtSynchronized, AtEstablished, AtOverlap, AtProposed, AtResigned, AtDied,
}

// reached triggers the faults that wait for an injection point.
func (w *World) reached(s *server, m InjectionPoint) { w.plan.reached(s, m) }

// events notes what a core reports, and finds the injection points in it.
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
			w.reached(s, AtElected)
		case zab.HistoryChosen:
			w.reached(s, AtHistory)
		case zab.SyncStarted:
			if e.Sync == wire.PacketSnap {
				w.reached(s, AtSnapSent)
			} else {
				w.reached(s, AtSyncSent)
			}
		case zab.SyncReceived:
			switch e.Sync {
			case wire.PacketDiff:
				w.reached(s, AtDiff)
			case wire.PacketTrunc:
				w.reached(s, AtTrunc)
			case wire.PacketSnap:
				w.reached(s, AtSnap)
			}
		case zab.Synchronized:
			w.reached(s, AtSynchronized)
		case zab.Established:
			w.reached(s, AtEstablished)
		case zab.Resigned:
			w.reached(s, AtResigned)
		}
	}
}

// writeReaches finds the injection points in what a core wants to be durable.
func (w *World) writeReaches(s *server, write zab.Write) {
	switch {
	case write.Kind == zab.WriteAcceptedEpoch:
		w.reached(s, AtPromise)
	case write.Kind == zab.WriteCurrentEpoch && s.status.Role != zab.Leading:
		w.reached(s, AtNewLeader)
	case write.Kind == zab.WriteAppend && s.status.Phase == zab.Synchronization && s.status.Role != zab.Leading &&
		w.plan.progress[s.id-1].last != AtFirstAppend:
		w.reached(s, AtFirstAppend)
	}
}
