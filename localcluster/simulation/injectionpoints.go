package simulation

import (
	"zkctl/inject/scenario"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// InjectionPoint is a place in the protocol where a fault can be planted.
type InjectionPoint = scenario.Point

// InjectionPoints lists those that servers reach.
var InjectionPoints = [...]InjectionPoint{
	AtElected, AtPromise, AtHistory, AtSyncSent, AtSnapSent, AtDiff, AtTrunc, AtSnap, AtTornSnap,
	AtFirstAppend, AtNewLeader, AtSynchronized, AtEstablished, AtOverlap, AtProposed, AtResigned, AtDied,
}

// The injection points. Package scenario says what they are.
const (
	AtElected      = scenario.AtElected
	AtPromise      = scenario.AtPromise
	AtHistory      = scenario.AtHistory
	AtSyncSent     = scenario.AtSyncSent
	AtSnapSent     = scenario.AtSnapSent
	AtDiff         = scenario.AtDiff
	AtTrunc        = scenario.AtTrunc
	AtSnap         = scenario.AtSnap
	AtTornSnap     = scenario.AtTornSnap
	AtFirstAppend  = scenario.AtFirstAppend
	AtNewLeader    = scenario.AtNewLeader
	AtSynchronized = scenario.AtSynchronized
	AtEstablished  = scenario.AtEstablished
	AtOverlap      = scenario.AtOverlap
	AtProposed     = scenario.AtProposed
	AtResigned     = scenario.AtResigned
	AtDied         = scenario.AtDied
)

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
