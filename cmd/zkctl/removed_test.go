package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// event is a line of the timeline.
type event struct {
	Kind, Why string
	Member    int64
	Expected  bool
	Open      []event
	Fault     *fault
}

// events are the timeline so far.
func (e *ensemble) events() (events []event) {
	e.Helper()
	for line := range strings.Lines(e.zkctl("events")) {
		var ev event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			e.Fatal(err)
		}
		events = append(events, ev)
	}
	return events
}

// TestTheTimelineComesBack removes the timeline under a running supervisor: it is made anew, says that what was
// before is gone, and has what is open and what comes after, so that the next supervisor goes on from it.
func TestTheTimelineComesBack(t *testing.T) {
	e := up(t)
	first := e.report("partition", "1").Fault.ID
	e.remove("events.jsonl")
	e.eventually("the timeline is there again", fileExists(filepath.Join(e.home, "default", "events.jsonl")))
	e.zkctl("kill", "2")
	events := e.events()
	if len(events) == 0 || events[0].Kind != "continued" || !strings.Contains(events[0].Why, "was removed") {
		t.Fatalf("it begins with %+v", events)
	}
	if open := fmt.Sprint(events[0].Open); strings.Count(open, "started") != 3 || strings.Count(open, "fault") != 1 {
		t.Errorf("%s is open", open)
	}
	if last := events[len(events)-1]; last.Kind != "exited" || last.Member != 2 || !last.Expected {
		t.Errorf("it ends with %+v", last)
	}
	e.remove("events.jsonl")
	e.zkctl("down")
	e.zkctl("up")
	if id := e.report("partition", "1").Fault.ID; id == first || id == "f2" {
		t.Errorf("fault %s is there twice", id)
	}
}
