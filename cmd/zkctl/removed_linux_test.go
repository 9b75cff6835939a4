package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	exited := func(x event) bool { return x.Kind == "exited" && x.Member == 2 && x.Expected }
	if !slices.ContainsFunc(events, exited) {
		t.Errorf("the member that was killed then has not exited: %+v", events)
	}
	if out := e.zkctl("events"); strings.Contains(out, `"0001-`) {
		t.Errorf("an event has no time:\n%s", out)
	}
	e.remove("events.jsonl")
	e.zkctl("down")
	e.zkctl("up")
	if id := e.report("partition", "1").Fault.ID; id == first || id == "f2" {
		t.Errorf("fault %s is there twice", id)
	}
}

// TestDataFoldersThatAreGone removes the members' data under a running ensemble: status and the timeline say so,
// and no member is started empty without a word. A data folder that is made by hand is one that may be empty.
func TestDataFoldersThatAreGone(t *testing.T) {
	e := up(t)
	for _, id := range []string{"1", "2", "3"} {
		e.remove("members/" + id + "/data")
	}
	e.expect("status", answer{3, `degraded(.|\n)*server 1 has lost its data folder`})
	e.eventually("the timeline says so", func() error {
		if said := strings.Count(fmt.Sprint(e.events()), "{data-gone "); said != 3 {
			return fmt.Errorf("of %d members", said)
		}
		return nil
	})
	e.expect("restart all", answer{1, `member 1: its data folder .*members/1/data is gone(.|\n)*hint: (.|\n)*mkdir`})
	for _, m := range e.status().Members {
		if m.PID == 0 {
			t.Errorf("member %d was ended by a restart that was refused", m.ID)
		}
	}
	e.zkctl("down")
	e.expect("up", answer{1, `its data folder .* is gone(.|\n)*hint: (.|\n)*mkdir`})
	for _, id := range []string{"1", "2", "3"} {
		if err := os.Mkdir(filepath.Join(e.home, "default", "members", id, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	e.up()
}
