package main

import (
	"strings"
	"testing"
)

// TestStoppedWithoutLockAndSocket takes from a supervisor that is stopped what it is found by: every command
// names the process and what lets it go on, and none takes its members' ports for another program's.
func TestStoppedWithoutLockAndSocket(t *testing.T) {
	e := up(t)
	stopSupervisor(e)
	e.remove("lock")
	e.remove("control.sock")
	for _, command := range []string{"up --wait 1s", "up --dry-run", "status", "kill 1"} {
		e.expect(command, answer{1, `supervisor of default, process \d+, is stopped \(state T\)\nhint: .kill -CONT \d+. lets it go on(.|\n)*lose their quorum`})
	}
	e.expect("down", answer{0, `was killed, and its members with it`})
}

// TestDownOfAStoppedSupervisorIsAnEnd stops an ensemble whose supervisor is stopped: the timeline says that down
// ended it and why so, every beginning has its end, and status does not call it killed.
func TestDownOfAStoppedSupervisorIsAnEnd(t *testing.T) {
	e := up(t)
	e.zkctl("partition", "1")
	stopSupervisor(e)
	e.zkctl("down")
	open, last := 0, event{}
	for _, last = range e.events() {
		switch last.Kind {
		case "started", "fault":
			open++
		case "exited", "heal":
			open--
			if !strings.Contains(last.Why, "zkctl down") {
				t.Errorf("%+v", last)
			}
		}
	}
	if open != 0 || last.Kind != "down" || !strings.Contains(last.Why, "zkctl down") || !strings.Contains(last.Why, "state T") {
		t.Errorf("%d beginnings have no end, and the last event is %+v", open, last)
	}
	if out, errs, code := e.run("status"); code != 6 || strings.Contains(out+errs, "was killed") {
		t.Errorf("status: exit %d\n%s%s", code, out, errs)
	}
	e.up()
}
