package localcluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// open is what a timeline has begun and not ended: processes that were started and faults that were
// injected. After a `down` nothing is open; when a supervisor was killed, everything that it had begun
// is.
type open struct {
	processes map[int64]Event  // by member: its last start
	faults    map[string]Event // by the fault's id
	issued    int              // the highest number in a fault's id so far
}

// findOpen reads a timeline.
func findOpen(events []Event) open {
	o := open{processes: map[int64]Event{}, faults: map[string]Event{}}
	for _, e := range events {
		o.note(e)
	}
	return o
}

// note takes in one event.
func (o *open) note(e Event) {
	switch {
	case e.Kind == EventContinued:
		for _, begun := range e.Open {
			o.note(begun)
		}
		o.issued = max(o.issued, e.Issued)
	case e.Kind == EventStarted:
		o.processes[e.Member] = e
	case e.Kind == EventExited:
		delete(o.processes, e.Member)
	case e.Kind == EventFault && e.Fault != nil:
		o.faults[e.Fault.ID] = e
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Fault.ID, "f")); err == nil {
			o.issued = max(o.issued, n)
		}
	case e.Kind == EventHeal && e.Fault != nil:
		delete(o.faults, e.Fault.ID)
	}
}

// events are the beginnings of what is open.
func (o *open) events() (events []Event) {
	for _, id := range slices.Sorted(maps.Keys(o.processes)) {
		events = append(events, o.processes[id])
	}
	for _, id := range slices.Sorted(maps.Keys(o.faults)) {
		events = append(events, o.faults[id])
	}
	return events
}

// supervisorDied is why something ended that an earlier supervisor had begun.
const supervisorDied = "its supervisor died"

// close adds the ends that an earlier supervisor could not record because it was killed: the kernel has killed its
// members, and its links have closed. So every beginning in a timeline has an end.
func (o open) close(add func(Event), why string) {
	for _, id := range slices.Sorted(maps.Keys(o.processes)) {
		add(Event{Kind: EventExited, Member: id, PID: o.processes[id].PID, Signal: "KILL", Why: why})
	}
	for _, id := range slices.Sorted(maps.Keys(o.faults)) {
		add(Event{Kind: EventHeal, Fault: o.faults[id].Fault, Why: why})
	}
}
