package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zkctl/probe/peers"
)

// guard bounds every command of the matrix, so that none hangs. It is far above what the contract allows,
// five seconds beyond a command's own time, which TestDeadlines checks.
const guard = 40 * time.Second

// answer is what a command must do: its exit code, and a pattern of what it prints.
type answer struct {
	code int
	says string
}

// matrix is every command that talks to a supervisor, in an order in which they can follow each other.
var matrix = []string{
	"status", "ls", "faults", "wait --timeout 100ms", "wait --for down --timeout 100ms", "env", "exec -- true",
	"logs 1", "logs leader", "events", "kill 1 --dry-run", "partition 1 --dry-run", "heal --all --dry-run",
	"up --wait 1s --dry-run", "down --dry-run",
	"reset 1 --dry-run", "refuse 1 --dry-run", "elect --dry-run", "expire 0x1 --dry-run", "disk 1 --stuck --dry-run",
	"clock 1 --skew 1s --dry-run", "reset 1", "refuse 1", "clock 1 --skew 1s",
	"kill 1", "start 1", "pause 1", "resume 1", "restart 1", "partition 1", "slow 1 --latency 1ms", "heal", "heal --all",
	"up --wait 1s", "down",
}

// alone are the commands that change what the others see: they come last, one after the other.
var alone = map[string]bool{"up --wait 1s": true, "down": true}

// state is a state that a supervisor can be in.
type state struct {
	name string
	// home is where the ensemble is; nil is a directory of the test's own.
	home func(t *testing.T) string
	// make brings a running ensemble of the test's own into the state.
	make func(e *ensemble)
	// others is the answer of every command that is not in answers.
	others  answer
	answers map[string]answer
	// inTurn has the commands follow each other: the ensemble answers, and each needs what the one before did.
	inTurn bool
}

var states = []state{
	{
		name: "running", make: func(*ensemble) {}, inTurn: true, others: answer{0, ""},
		answers: map[string]answer{
			"wait --for down --timeout 100ms": {5, "timed out waiting for down"},
			"kill 1 --dry-run":                {0, "would be killed"},
			"heal --all --dry-run":            {0, "nothing to heal"},
			"kill 1":                          {0, "member 1: killed"},
			"start 1":                         {0, "member 1: started"},
			"down":                            {0, "is stopped"},
		},
	},
	{
		name: "stopped by a signal", make: stopSupervisor,
		others: answer{1, `supervisor of default, process \d+, is stopped \(state T\)\nhint: .kill -CONT \d+. lets it go on; .zkctl down --name default. ends it`},
		answers: map[string]answer{
			"ls":                              {1, `default +unknown +- +3 +127(.|\n)*process \d+, is stopped \(state T\)`},
			"wait --timeout 100ms":            {5, `timed out waiting for healthy: .*process \d+, is stopped \(state T\)(.|\n)*kill -CONT`},
			"wait --for down --timeout 100ms": {5, `timed out waiting for down: .*process \d+, is stopped \(state T\)(.|\n)*kill -CONT`},
			"env":                             {0, "ZOOKEEPER_CONNECT="},
			"exec -- true":                    {0, ""},
			"logs 1":                          {0, "."},
			"events":                          {0, `"kind":"up"`},
			"down --dry-run":                  {0, "would stop"},
			"down":                            {0, `killed, and its members with it: process \d+ was stopped \(state T\)`},
		},
	},
	{
		name: "killed", make: func(e *ensemble) { e.signalSupervisor(syscall.SIGKILL) },
		others: answer{6, `default is not running: its supervisor, process \d+, was killed; it was last seen at \d+-\d+-\d+ \d+:\d+:\d+\nhint: .zkctl up --name default. starts it`},
		answers: afterKill(map[string]answer{
			"up --wait 1s": {0, "healthy"},
			"down":         {0, "is stopped"},
		}),
	},
	{
		name: "starting", make: func(e *ensemble) { e.zkctl("down"); e.holdLock() },
		others:  answer{6, `default is starting or ending: its supervisor, process \d+, takes no requests\nhint: try again in a moment; if it stays so, .zkctl down --name default. ends it`},
		answers: settling,
	},
	{
		name: "ending", make: func(e *ensemble) {
			e.zkctl("down")
			e.holdLock()
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(e.home, "default", "control.sock"), Net: "unix"})
			if err != nil {
				e.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
		},
		others:  answer{6, `default is starting or ending: its supervisor, process \d+, takes no requests\nhint: try again in a moment; if it stays so, .zkctl down --name default. ends it`},
		answers: settling,
	},
	{
		name: "without its socket", inTurn: true, others: answer{0, ""},
		make: func(e *ensemble) { e.remove("control.sock") },
		answers: map[string]answer{
			"wait --for down --timeout 100ms": {5, "timed out waiting for down"},
		},
	},
	{
		name: "without its lock", inTurn: true, others: answer{0, ""},
		make: func(e *ensemble) { e.remove("lock") },
		answers: map[string]answer{
			"wait --for down --timeout 100ms": {5, "timed out waiting for down"},
			"down":                            {0, "is stopped"},
		},
	},
	{
		name: "without its spec", inTurn: true, others: answer{0, ""},
		make: func(e *ensemble) {
			e.remove("spec.json")
			e.eventually("the spec is there again", fileExists(filepath.Join(e.home, "default", "spec.json")))
		},
		answers: map[string]answer{
			"wait --for down --timeout 100ms": {5, "timed out waiting for down"},
		},
	},
	{
		name: "without its folder", make: func(e *ensemble) {
			pids := e.processes()
			e.remove("")
			e.awaitGone(pids)
		},
		others: answer{6, `there is no ensemble default\nhint: .zkctl up. makes one`},
		answers: map[string]answer{
			"ls":                     {0, "There is no ensemble in"},
			"up --wait 1s --dry-run": {0, "would make"},
			"down --dry-run":         {0, "There is no ensemble default"},
			"up --wait 1s":           {0, "healthy"},
			"down":                   {0, "is stopped"},
		},
	},
	{
		// The members write nothing meanwhile, so they run on. A member that is started has to
		// write, and says what is wrong.
		name: "with a full disk", inTurn: true, others: answer{0, ""},
		home: func(t *testing.T) string { return smallDisk(t, 4<<20) },
		make: func(e *ensemble) { fill(e, e.home) },
		answers: map[string]answer{
			"wait --for down --timeout 100ms": {5, "timed out waiting for down"},
			"kill 1":                          {0, "member 1: killed"},
			"start 1":                         {1, noRoom},
			"pause 1":                         {0, "member 1: is not running"},
			"resume 1":                        {0, "member 1: is not running"},
			"restart 1":                       {1, noRoom},
			"heal --all":                      {1, noRoom},
			"up --wait 1s":                    {1, noRoom},
			"down":                            {0, "is stopped"},
		},
	},
	{
		name: "killed, with a full disk",
		home: func(t *testing.T) string { return smallDisk(t, 4<<20) },
		make: func(e *ensemble) {
			e.signalSupervisor(syscall.SIGKILL)
			fill(e, e.home)
		},
		others: answer{6, `default is not running: its supervisor, process \d+, was killed`},
		answers: afterKill(map[string]answer{
			"up --wait 1s": {1, `no space left on device(.|\n)*hint: make room on the disk`},
			"down":         {0, "was not running"},
		}),
	},
	{
		name: "another user's", make: asNobody,
		others: answer{1, `default(: | may not be looked at: ).*permission denied`},
		answers: map[string]answer{
			"ls": {1, `default +unknown +- (.|\n)*permission denied`},
		},
	},
}

// noRoom is what a command says that cannot write a member's files.
const noRoom = `member 1: (.|\n)*no space left on device(.|\n)*hint: make room on the disk`

// afterKill adds the answers that a supervisor that was killed leaves behind, where they are not the ordinary one.
func afterKill(answers map[string]answer) map[string]answer {
	maps.Copy(answers, map[string]answer{
		"status":                          {6, `supervisor, process \d+, was killed; it was last seen`},
		"ls":                              {0, `default +stopped +down`},
		"wait --for down --timeout 100ms": {0, `was killed; it was last seen`},
		"env":                             {0, "not running"},
		"logs 1":                          {0, "."},
		"logs leader":                     {6, "has no leader now"},
		"events":                          {0, `"kind":"up"`},
		"up --wait 1s --dry-run":          {0, "would start a supervisor"},
		"down --dry-run":                  {0, "is not running: there is nothing to stop"},
	})
	return answers
}

// settling are the answers while the lock is held and nothing listens, where they are not the ordinary one.
var settling = map[string]answer{
	"ls":                              {1, `default +unknown +- (.|\n)*is starting or ending`},
	"wait --timeout 100ms":            {5, `timed out waiting for healthy: .*is starting or ending`},
	"wait --for down --timeout 100ms": {5, `timed out waiting for down: .*is starting or ending`},
	"env":                             {0, "ZOOKEEPER_CONNECT="},
	"logs 1":                          {0, "."},
	"events":                          {0, `"kind":"up"`},
	"down --dry-run":                  {0, "would stop"},
	"up --wait 1s --dry-run":          {5, `is starting or ending: its supervisor, process \d+`},
	"up --wait 1s":                    {5, `is starting or ending: its supervisor, process \d+`},
	"down":                            {0, `killed, and its members with it: .*process \d+, takes no requests`},
}

// TestEveryCommandInEveryState brings an ensemble's supervisor into every state, and runs every command that
// talks to it: each says what is the matter, names the process and what to do next, has the right exit code,
// and ends.
func TestEveryCommandInEveryState(t *testing.T) {
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			home := ""
			if s.home != nil {
				home = s.home(t)
			} else {
				home = t.TempDir()
			}
			// Other users must reach the ensemble, so that the ensemble itself refuses them.
			if err := os.Chmod(filepath.Dir(home), 0o755); err != nil {
				t.Fatal(err)
			}
			e := at(t, home)
			e.up("--tick", "100ms")
			s.make(e)
			var all sync.WaitGroup
			for _, command := range matrix {
				want, ok := s.answers[command]
				if !ok {
					want = s.others
				}
				if s.inTurn || alone[command] {
					all.Wait()
					e.expect(command, want)
					continue
				}
				all.Go(func() { e.expect(command, want) })
			}
			all.Wait()
		})
	}
}

// TestPurgeEndsTheMembersFirst removes the lock and the socket of a supervisor that is stopped and cannot make
// them anew: down --purge still ends it and its members before it deletes their data.
func TestPurgeEndsTheMembersFirst(t *testing.T) {
	e := up(t)
	processes := e.processes()
	stopSupervisor(e)
	e.remove("lock")
	e.remove("control.sock")
	e.expect("down --purge", answer{0, `was killed, and its members with it: (.|\n)*data is deleted`})
	for _, pid := range processes {
		if s := processState(pid); s != 0 && s != 'Z' {
			t.Errorf("process %d still runs, in state %c, and its data is deleted", pid, s)
		}
	}
	if left := e.glob("default"); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

// TestLockAndSocketComeBack removes both while all runs: the supervisor makes them again, and they are its own.
func TestLockAndSocketComeBack(t *testing.T) {
	e := up(t)
	before := e.processes()
	e.remove("lock")
	e.remove("control.sock")
	e.eventually("the lock is there again", func() error {
		if pid := e.supervisor(); pid != before[0] {
			return fmt.Errorf("the lock says %d", pid)
		}
		return nil
	})
	e.eventually("it answers", func() error {
		if _, errs, code := e.run("status"); code != 0 {
			return errors.New(errs)
		}
		return nil
	})
	if after := e.processes(); !slices.Equal(before, after) {
		t.Errorf("processes %v became %v", before, after)
	}
}

// TestUpsThatDiffer starts two ups of one name at once that want different ensembles: one makes its own, the
// other says that there is one already, and what it is.
func TestUpsThatDiffer(t *testing.T) {
	for _, flags := range [][2]string{{"--nodes 1", "--nodes 3"}, {"--set snapCount=1000", "--set snapCount=2000"}} {
		e := at(t, t.TempDir())
		type result struct {
			flags, out string
			code       int
		}
		results := make(chan result)
		for _, f := range flags {
			go func() {
				out, errs, code := e.run(append([]string{"up", "--wait", patience.String()}, strings.Fields(f)...)...)
				results <- result{f, out + errs, code}
			}()
		}
		won, lost := <-results, <-results
		if won.code != 0 {
			won, lost = lost, won
		}
		if won.code != 0 || lost.code != 2 || !strings.Contains(lost.out, "hint: ") {
			t.Errorf("up %s: exit %d; up %s: exit %d\n%s", won.flags, won.code, lost.flags, lost.code, lost.out)
		}
		e.zkctl(append([]string{"up"}, strings.Fields(won.flags)...)...) // it is what the winner wanted
	}
}

// expect runs a command within the guard, and compares.
func (e *ensemble) expect(command string, want answer) {
	ctx, cancel := context.WithTimeout(e.ctx, guard)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, e.self(), strings.Fields(command)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = e.env, &out, &out
	cmd.WaitDelay = time.Second
	if e.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: e.uid, Gid: e.uid}}
	}
	err := cmd.Run()
	code := 0
	var exit *exec.ExitError
	if ctx.Err() != nil {
		e.Errorf("%s: has not ended after %s\n%s", command, guard, out.String())
		return
	} else if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		e.Errorf("%s: %v", command, err)
		return
	}
	if code != want.code || !regexp.MustCompile(want.says).MatchString(out.String()) {
		e.Errorf("%s: exit %d, want %d and %q\n%s", command, code, want.code, want.says, out.String())
	}
}

// supervisor is the number of the supervisor's process.
func (e *ensemble) supervisor() int {
	e.Helper()
	var pid int
	e.eventually("the lock names the supervisor", func() error {
		text, err := os.ReadFile(filepath.Join(e.home, "default", "lock"))
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err
	})
	return pid
}

// signalSupervisor sends a signal, and waits for its effect.
func (e *ensemble) signalSupervisor(signal syscall.Signal) {
	e.Helper()
	pids := e.processes()
	if err := syscall.Kill(pids[0], signal); err != nil {
		e.Fatal(err)
	}
	if signal == syscall.SIGSTOP {
		e.eventually("it is stopped", func() error {
			if s := processState(pids[0]); s != 'T' {
				return fmt.Errorf("state %c", s)
			}
			return nil
		})
		return
	}
	e.awaitGone(pids)
}

func stopSupervisor(e *ensemble) { e.signalSupervisor(syscall.SIGSTOP) }

// processes are the supervisor and the members.
func (e *ensemble) processes() []int {
	e.Helper()
	pids := []int{e.supervisor()}
	for _, m := range e.status().Members {
		pids = append(pids, m.PID)
	}
	return pids
}

// awaitGone returns when all the processes have ended.
func (e *ensemble) awaitGone(pids []int) {
	e.Helper()
	for _, pid := range pids {
		e.eventually("the process ends", func() error {
			if s := processState(pid); s != 0 && s != 'Z' {
				return fmt.Errorf("process %d is in state %c", pid, s)
			}
			return nil
		})
	}
}

// processState is the letter in /proc for what a process is doing; 0 when there is none. The first thread of
// a process that was killed can be a zombie while others still hold its files and sockets: that is x here.
func processState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	state := text[bytes.LastIndexByte(text, ')')+2]
	if threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); state == 'Z' && err == nil && len(threads) > 1 {
		return 'x'
	}
	return state
}

// remove removes a file of the ensemble's folder, or the folder. It moves the folder first: the
// supervisor makes single files again that are removed, also while the others are being removed.
func (e *ensemble) remove(name string) {
	e.Helper()
	removed := filepath.Join(e.TempDir(), "removed")
	err := os.Rename(filepath.Join(e.home, "default", name), removed)
	if err == nil {
		err = os.RemoveAll(removed)
	}
	if err != nil {
		e.Fatal(err)
	}
}

// holdLock starts a process that holds the lock.
func (e *ensemble) holdLock() {
	e.Helper()
	cmd := exec.CommandContext(e.ctx, e.self())
	cmd.Env = append(os.Environ(), holdLock+"="+filepath.Join(e.home, "default", "lock"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said := make([]byte, 100)
	if n, err := out.Read(said); err != nil || string(said[:n]) != "<nil>\n" {
		e.Fatalf("%q, %v", said[:n], err)
	}
}

// asNobody makes the test run its commands as a user who is not the ensemble's.
func asNobody(e *ensemble) {
	if os.Getuid() != 0 {
		peers.Need(e, "root, to become another user", errors.New("not root"))
	}
	// Other users cannot enter the folder in which go test puts its binary.
	text, err := os.ReadFile(e.self())
	if err == nil {
		e.binary = filepath.Join(e.home, "zkctl")
		err = os.WriteFile(e.binary, text, 0o755)
	}
	if err == nil {
		err = os.Chmod(e.home, 0o755)
	}
	if err != nil {
		e.Fatal(err)
	}
	e.uid = 65534
}
