package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zkctl/commands"
)

// asProgram makes this test binary behave as zkctl itself: the supervisor and
// the members that a test starts are then this very program, race detector
// included.
const asProgram = "ZKCTL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdLock); path != "" {
		holdLockFor(path)
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(commands.Run(context.Background(), os.Args[1:], commands.Stdio(), os.Getenv))
	}
	os.Exit(m.Run())
}

// holdLock makes this test binary hold an ensemble's lock as a supervisor does, and do nothing else.
const holdLock = "ZKCTL_TEST_HOLD_LOCK"

func holdLockFor(path string) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	fmt.Println(err)
	select {}
}

// patience bounds every wait of these tests, so that none hangs. The tests assert
// nothing about how long things take.
const patience = 90 * time.Second

// ensemble is a local ensemble, reached only through the command line.
type ensemble struct {
	testing.TB
	ctx  context.Context
	env  []string
	home string

	// What a test of another user's ensemble changes: the program's path, and who runs it.
	binary string
	uid    uint32
}

// up starts an ensemble that goes away with the test.
func up(t testing.TB, args ...string) *ensemble {
	t.Helper()
	e := at(t, t.TempDir())
	e.up(args...)
	return e
}

// at is an ensemble that is not there yet, in a state directory of the test's.
func at(t testing.TB, home string) *ensemble {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes; left out by -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	e := &ensemble{TB: t, ctx: ctx, home: home, env: append(os.Environ(), asProgram+"=1", "ZKCTL_HOME="+home, "ZKCTL_NAME=")}
	t.Cleanup(func() {
		if t.Failed() {
			out, _, _ := e.run("events")
			t.Logf("events:\n%s", out)
			for _, log := range e.glob("*/members/*/log") {
				text, _ := os.ReadFile(log)
				t.Logf("%s:\n%s", log, tail(text, 6000))
			}
		}
		e.run("down", "--purge")
		cancel()
	})
	return e
}

func (e *ensemble) up(args ...string) {
	e.Helper()
	e.zkctl(append([]string{"up", "--wait", patience.String()}, args...)...)
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

func (e *ensemble) glob(pattern string) []string {
	found, err := filepath.Glob(filepath.Join(e.home, pattern))
	if err != nil {
		e.Fatal(err)
	}
	return found
}

// run runs the command line and returns what it printed and its exit code.
func (e *ensemble) run(args ...string) (stdout, stderr string, code int) {
	return e.exec(e.self(), args...)
}

// self is the program that stands in for zkctl.
func (e *ensemble) self() string {
	if e.binary != "" {
		return e.binary
	}
	self, err := os.Executable()
	if err != nil {
		e.Fatal(err)
	}
	return self
}

func (e *ensemble) exec(name string, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(e.ctx, name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = e.env, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		e.Fatalf("%s: %v", name, err)
	}
	return out.String(), errs.String(), code
}

// zkctl runs a command that must succeed.
func (e *ensemble) zkctl(args ...string) string {
	e.Helper()
	out, errs, code := e.run(args...)
	if code != 0 {
		e.Fatalf("zkctl %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// wait waits for a state of the ensemble.
func (e *ensemble) wait(state string) {
	e.Helper()
	e.zkctl("wait", "--for", state, "--timeout", patience.String())
}

type status struct {
	Health  string
	Leader  *int64
	Epoch   int64
	Connect string
	Members []struct {
		ID           int64
		Role, Engine string
		Client       string
		Reason       string
		PID          int
		QuorumPort   int    `json:"quorum_port"`
		ElectionPort int    `json:"election_port"`
		DataDir      string `json:"data_dir"`
	}
}

// status asks for the status as JSON, which an unhealthy ensemble has as well.
func (e *ensemble) status() status {
	e.Helper()
	out, errs, code := e.run("status", "-o", "json")
	if code != 0 && code != 3 && code != 4 {
		e.Fatalf("zkctl status: exit %d\n%s", code, errs)
	}
	var s status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		e.Fatalf("zkctl status: %v in %s", err, out)
	}
	return s
}

// hosts lists the client addresses in the order of the members' ids.
func (e *ensemble) hosts() []string {
	var hosts []string
	for _, m := range e.status().Members {
		hosts = append(hosts, m.Client)
	}
	return hosts
}

func fileExists(path string) func() error {
	return func() error {
		_, err := os.Stat(path)
		return err
	}
}

// eventually waits until a command that asks succeeds; look must itself block
// or ask over the network, and is asked again at once.
func (e *ensemble) eventually(what string, look func() error) {
	e.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			e.Fatalf("never happened: %s: %v", what, err)
		}
	}
}
