package localcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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

// drillEvent puts an event of the timeline into a drill's words. The supervisor finds roles and epochs by asking all
// members once in an interval, so that what it finds may be that much older.
func (e *drillEnsemble) drillEvent(from Event) (drill.Event, *drill.FaultRecord) {
	to := drill.Event{At: from.Time.UnixNano(), Kind: drill.EventKind(from.Kind), Member: from.Member, Epoch: from.Epoch, Text: from.Why}
	switch from.Kind {
	case EventRole:
		to.Role, to.Sampled = from.To, e.spec.askInterval()
		switch from.To {
		case probe.RoleLooking.String():
			to.Kind = drill.EventElecting
		case probe.RoleLeader.String():
			to.Kind = drill.EventElected
		}
	case EventElection:
		to.Kind, to.Sampled = drill.EventEstablished, e.spec.askInterval()
	case EventLost:
		to.Text = fmt.Sprintf("%d events could not be written", from.Lost)
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
