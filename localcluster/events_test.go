package localcluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"zkctl/inject"
)

// A line that a crash or a full disk has torn is lost, and no other line.
func TestTornTimeline(t *testing.T) {
	for name, torn := range map[string]string{
		"whole": "{\"kind\":\"up\"}\n", "torn": "{\"kind\":\"up\"}\n{\"kind\":\"star", "one byte": "{",
	} {
		t.Run(name, func(t *testing.T) {
			folder := Folder(t.TempDir())
			path := folder.EventsFile()
			if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
				t.Fatal(err)
			}
			before, err := ReadEvents(folder)
			if err != nil {
				t.Fatal(err)
			}
			log, err := openEventLog(path, eventsBound, nil, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			log.add(Event{Kind: EventDown})
			log.add(Event{Kind: EventUp})
			if err := log.close(); err != nil {
				t.Fatal(err)
			}
			events, err := ReadEvents(folder)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(before); len(events) != n+2 || events[n].Kind != EventDown || events[n+1].Kind != EventUp {
				t.Errorf("the timeline reads %+v", events)
			}
		})
	}
}

// When an older file of the timeline is dropped no beginning is lost: each file begins with what is open, so that
// the next supervisor can close it and goes on counting faults.
func TestTimelineIsBounded(t *testing.T) {
	const bound = 2000
	folder := Folder(t.TempDir())
	log, err := openEventLog(folder.EventsFile(), bound, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	log.add(Event{Kind: EventStarted, Member: 1, PID: 11})
	log.add(Event{Kind: EventFault, Fault: &inject.Fault{ID: "f6", Kind: inject.Pause, Members: []int64{1}}})
	log.add(Event{Kind: EventFault, Fault: &inject.Fault{ID: "f7", Kind: inject.Pause, Members: []int64{1}}})
	log.add(Event{Kind: EventHeal, Fault: &inject.Fault{ID: "f7", Kind: inject.Pause, Members: []int64{1}}})
	for range 200 {
		log.add(Event{Kind: EventRole, Member: 2, From: "leader", To: "follower"})
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder.EventsFile(), older(folder.EventsFile())} {
		if info, err := os.Stat(path); err != nil || info.Size() > bound || info.Size() == 0 {
			t.Errorf("%s: %+v, %v", path, info, err)
		}
	}
	events, err := ReadEvents(folder)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events[1:] {
		if !events[i+1].Time.After(events[i].Time) {
			t.Errorf("event %d is not later than the one before", i+1)
		}
	}
	left := findOpen(events)
	if len(left.processes) != 1 || left.processes[1].PID != 11 || len(left.faults) != 1 || left.faults["f6"].Fault == nil || left.issued != 7 {
		t.Errorf("%+v", left)
	}
}

// Events that could not be written are counted, and their number is recorded as soon as there is room.
func TestLostEventsAreReported(t *testing.T) {
	folder := Folder(t.TempDir())
	log, err := openEventLog(folder.EventsFile(), eventsBound, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	log.add(Event{Kind: EventUp})
	good := log.file.file
	broken, err := os.Open(folder.EventsFile()) // for reading: no write succeeds
	if err != nil {
		t.Fatal(err)
	}
	log.file.file = broken
	for range 3 {
		log.add(Event{Kind: EventRole})
	}
	log.retry() // still without room
	log.file.file = good
	log.retry()
	log.add(Event{Kind: EventDown})
	log.retry() // records nothing twice
	events, err := ReadEvents(folder)
	if err != nil || len(events) != 3 || events[1].Kind != EventLost || events[1].Lost != 3 || events[2].Kind != EventDown {
		t.Errorf("%+v, %v", events, err)
	}
}

// A member's log that is removed while the member runs is made anew by the next line, and says so.
func TestALogThatIsRemovedComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := openRotating(path, logBound)
	if err != nil {
		t.Fatal(err)
	}
	out := &memberOutput{log: log}
	out.Write([]byte("before\n"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	out.Write([]byte("after\n"))
	out.Write([]byte("later\n"))
	text, err := os.ReadFile(path)
	if want := "the file of this log was removed or replaced: earlier lines are gone\nafter\nlater\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}
