package localcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"zkctl/inject/drill"
	"zkctl/probe"
)

// Follow reads the timeline, and goes on as it grows until ctx ends.
func (e *drillEnsemble) Follow(ctx context.Context, each func(drill.Event, *drill.FaultRecord)) error {
	err := Tail(ctx, e.folder.EventsFile(), func() bool { return ctx.Err() == nil }, func(line []byte) error {
		var event Event
		if json.Unmarshal(line, &event) != nil {
			return nil // a torn line: what was lost is an event of its own
		}
		each(e.drillEvent(event))
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// drillEvent puts an event of the timeline into a drill's words. What a member has reported has the time at which it was
// so; what the supervisor has found by asking may be as old as it says.
func (e *drillEnsemble) drillEvent(from Event) (drill.Event, *drill.FaultRecord) {
	to := drill.Event{
		At: e.momentOf(from), Kind: drill.EventKind(from.Kind), Member: from.Member, Epoch: from.Epoch, Text: from.Why, Sampled: seconds(from.Sampled),
	}
	switch from.Kind {
	case EventRole:
		to.Role = from.To
		switch {
		case from.Mono != 0: // its member reports elections, too
		case from.To == probe.RoleLooking.String():
			to.Kind = drill.EventElecting
		case from.To == probe.RoleLeader.String():
			to.Kind = drill.EventElected
		}
	case EventElection:
		to.Kind = drill.EventEstablished
	case EventKind(drill.EventElected):
		if from.Peer != from.Member {
			to.Kind, to.Text = eventFollows, fmt.Sprintf("it follows member %d", from.Peer)
		}
	case EventLost:
		to.Text = fmt.Sprintf("%d events could not be written", from.Lost)
		if from.Member != 0 {
			to.Text = fmt.Sprintf("%d reports of member %d found no room", from.Lost, from.Member)
		}
	case EventFault, EventHeal:
		if from.Fault == nil {
			break
		}
		to.Text = strings.TrimSpace(from.Fault.ID + " " + from.Why)
		record := faultRecord(*from.Fault)
		if from.Kind == EventHeal {
			record.To = to.At
		}
		return to, &record
	}
	return to, nil
}

// eventFollows is a member that has learned of its leader, which knows of itself by drill.EventElected.
const eventFollows drill.EventKind = "follows"

// momentOf is when an event was, on the wall clock. The timeline may have begun before this machine did, and then its
// monotonic times mean nothing.
func (e *drillEnsemble) momentOf(from Event) int64 {
	recorded := from.Time.UnixNano()
	reported := from.Mono + e.bootAt
	if from.Mono == 0 || reported > recorded || recorded-reported > int64(time.Minute) {
		return recorded
	}
	return reported
}
