package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// report is the document of a verb on processes, and of faults.
type report struct {
	Fault   *fault
	Faults  []fault
	Healed  []fault
	Results []struct{ Outcome string }
}

type fault struct {
	ID, Kind, Overdue string
	Members           []int64
}

func (e *ensemble) report(args ...string) report {
	e.Helper()
	var r report
	if err := json.Unmarshal([]byte(e.zkctl(append(args, "-o", "json")...)), &r); err != nil {
		e.Fatal(err)
	}
	return r
}

// TestEverySignal kills a member with every signal that ends one: it is gone when the command returns, a
// fault is on record, and the member is back when its time is up. A signal that ends no member cannot be
// undone, and is refused with a lease.
func TestEverySignal(t *testing.T) {
	e := up(t)
	deadly := strings.Fields("KILL TERM INT QUIT ILL TRAP ABRT BUS FPE SEGV SYS")
	if !signal.Ignored(syscall.SIGHUP) { // as by nohup, whose children ignore it too
		deadly = append(deadly, "HUP")
	}
	for _, signal := range deadly {
		pid := e.processes()[1]
		r := e.report("kill", "1", "--signal", signal, "--for", "200ms")
		if s := processState(pid); s != 0 && s != 'Z' {
			t.Errorf("%s: process %d is in state %c", signal, pid, s)
		}
		if r.Fault == nil || r.Fault.Kind != "kill" || len(r.Results) != 1 || r.Results[0].Outcome != "killed" {
			t.Errorf("%s: %+v", signal, r)
		}
		e.eventually("its time is up", func() error {
			if left := e.report("faults").Faults; len(left) > 0 {
				return fmt.Errorf("%+v", left)
			}
			return nil
		})
		e.wait("healthy")
	}
	for _, signal := range []string{"USR1", "USR2", "WINCH"} {
		if r := e.report("kill", "1", "--signal", signal); r.Fault != nil || r.Results[0].Outcome != "got signal "+signal {
			t.Errorf("%s: %+v", signal, r)
		}
		_, errs, code := e.run("kill", "1", "--signal", signal, "--for", "1s")
		if code != 2 || !strings.Contains(errs, "signal "+signal+" does not end member 1 (embedded)") || !strings.Contains(errs, "hint: ") {
			t.Errorf("%s with a lease: exit %d\n%s", signal, code, errs)
		}
		if r := e.report("kill", "1", "--signal", signal, "--dry-run"); r.Results[0].Outcome != "would get signal "+signal {
			t.Errorf("%s, dry: %+v", signal, r)
		}
	}
	e.wait("healthy")
}

// TestAFaultLastsUntilItIsHealed has a member's start fail, or its process end at once: no fault is forgotten,
// by a lease or by a heal, the reason is said, and it ends once the member runs.
func TestAFaultLastsUntilItIsHealed(t *testing.T) {
	for _, c := range []struct{ name, path, says string }{
		{"the start fails", "zoo.cfg", "zoo.cfg"},
		{"the process ends at once", "data/version-2/currentEpoch", "currentEpoch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := up(t)
			path := filepath.Join(e.home, "default", "members", "1", c.path)
			obstacle := func() (remove func()) {
				aside := path + ".aside"
				err := os.Rename(path, aside)
				if err == nil {
					err = os.Mkdir(path, 0o700) // a file cannot be read or replaced where a directory is
				}
				if err != nil {
					t.Fatal(err)
				}
				return func() { // a retry may be under way
					e.eventually("the way is free", func() error { return errors.Join(os.RemoveAll(path), os.Rename(aside, path)) })
				}
			}
			// A lease.
			remove := obstacle()
			id := e.report("kill", "1", "--for", "50ms").Fault.ID
			e.eventually("it is overdue", func() error {
				left := e.report("faults").Faults
				if len(left) != 1 || left[0].ID != id {
					t.Fatalf("fault %s is forgotten: %+v", id, left)
				}
				if !strings.Contains(left[0].Overdue, c.says) {
					return errors.New(left[0].Overdue)
				}
				return nil
			})
			if out, _, code := e.run("faults"); code != 0 || !strings.Contains(out, "overdue") {
				t.Errorf("faults: exit %d\n%s", code, out)
			}
			if out, _, _ := e.run("status"); !strings.Contains(strings.Join(strings.Fields(out), " "), "(overdue: ") {
				t.Errorf("status:\n%s", out)
			}
			remove()
			e.eventually("it is tried again", func() error {
				if left := e.report("faults").Faults; len(left) != 0 {
					return fmt.Errorf("%+v", left)
				}
				return nil
			})
			e.wait("healthy")

			// A heal, and a start.
			id = e.report("kill", "1").Fault.ID
			remove = obstacle()
			for _, command := range []string{"heal --all", "start 1", "heal " + id} {
				_, errs, code := e.run(strings.Fields(command)...)
				if code != 1 || !strings.Contains(errs, c.says) {
					t.Errorf("%s: exit %d\n%s", command, code, errs)
				}
				if left := e.report("faults").Faults; len(left) != 1 || left[0].ID != id {
					t.Errorf("%s failed, and the faults are %+v", command, left)
				}
			}
			remove()
			if r := e.report("heal", "--all"); len(r.Healed) != 1 || r.Healed[0].ID != id {
				t.Errorf("%+v", r)
			}
			e.wait("healthy")
			var kinds []string
			for line := range strings.Lines(e.zkctl("events")) {
				var ev struct {
					Kind  string
					Fault *fault
				}
				if err := json.Unmarshal([]byte(line), &ev); err != nil {
					t.Fatal(err)
				}
				if ev.Fault != nil {
					kinds = append(kinds, ev.Kind)
				}
			}
			if got := strings.Join(kinds, " "); got != "fault overdue heal fault heal" {
				t.Errorf("the timeline has %s", got)
			}
		})
	}
}

// TestStoppedFromOutside stops a member with a signal that the supervisor does not send: status says so,
// and resume and heal --all let it go on. One that is continued so is not paused any more.
func TestStoppedFromOutside(t *testing.T) {
	e := up(t)
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(e.processes()[1], s); err != nil {
			t.Fatal(err)
		}
	}
	await := func(role, reason string) {
		t.Helper()
		e.eventually("member 1 is "+role, func() error {
			if m := e.status().Members[0]; m.Role != role && (role != "" || m.Role == "paused") || m.Reason != reason {
				return fmt.Errorf("%s, %s", m.Role, m.Reason)
			}
			return nil
		})
	}
	for _, way := range []string{"resume 1", "heal --all"} {
		signal(syscall.SIGSTOP)
		await("paused", "stopped from outside")
		if out, _, code := e.run("status"); code != 3 || !strings.Contains(strings.Join(strings.Fields(out), " "), "paused: stopped from outside, and `zkctl resume 1` lets it go on") {
			t.Errorf("status: exit %d\n%s", code, out)
		}
		if out := e.zkctl(append(strings.Fields(way), "--dry-run")...); !strings.Contains(out, "member 1: would be resumed") {
			t.Errorf("%s, dry: %s", way, out)
		}
		if out := e.zkctl(strings.Fields(way)...); !strings.Contains(out, "member 1: resumed") {
			t.Errorf("%s: %s", way, out)
		}
		e.wait("healthy")
	}
	e.zkctl("pause", "1", "--for", "10m")
	signal(syscall.SIGCONT)
	await("", "")
	if left := e.report("faults").Faults; len(left) != 0 {
		t.Errorf("it runs, and the faults are %+v", left)
	}
}

// TestReasonOfACrash crashes a member from outside: the reason is the line that names the crash, and no
// stack or register of what follows it.
func TestReasonOfACrash(t *testing.T) {
	e := up(t)
	for signal, says := range map[syscall.Signal]string{syscall.SIGQUIT: "SIGQUIT: quit", syscall.SIGABRT: "SIGABRT: abort"} {
		if err := syscall.Kill(e.processes()[1], signal); err != nil {
			t.Fatal(err)
		}
		e.eventually("member 1 is down", func() error {
			m := e.status().Members[0]
			if m.Role != "down" {
				return errors.New(m.Role)
			}
			if m.Reason != "exited: exit code 2: "+says {
				t.Errorf("after %s: %q", signal, m.Reason)
			}
			return nil
		})
		e.zkctl("start", "1")
		e.wait("healthy")
	}
}
