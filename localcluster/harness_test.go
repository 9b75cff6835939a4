//go:build unix

package localcluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"zkctl/inject"
	"zkctl/inject/scenario"
	"zkctl/localcluster"
	"zkctl/localcluster/member"
)

// TestMain lets this test binary stand in for zkctl: the supervisor that a test starts, and the
// members that the supervisor starts, are this program again, by the same commands as zkctl's. With arguments that
// are no flags it never runs the tests: each member would run them all, and start members that do.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch last := os.Args[len(os.Args)-1]; os.Args[1] {
	case "serve":
		var config member.Config
		if config, err = member.LoadConfig(last); err == nil {
			if os.Args[2] == "--"+localcluster.WordSocketFlag {
				config.WordSocket = os.Args[3]
			}
			if config.Control, err = member.ControlFromEnv(os.Getenv); err != nil {
				break
			}
			err = member.Run(ctx, config, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		}
	case localcluster.SuperviseCommand:
		err = localcluster.Detached(ctx, localcluster.Folder(last), "zkctl")
	default:
		err = fmt.Errorf("no such command: %s", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// patience bounds every wait of these tests, so that a test ends when the thing never happens. No test asserts how
// long things take.
const patience = 60 * time.Second

// long marks a test that -short leaves out. It runs in parallel, since most of what these tests do is wait for
// timeouts of the ensemble.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short")
	}
	t.Parallel()
}

// ensemble is an ensemble that a test brought up. It is deleted when the test is over.
type ensemble struct {
	*testing.T
	*localcluster.Client
	home   localcluster.Home
	folder localcluster.Folder
	ctx    context.Context
}

// start brings an ensemble up.
func start(t *testing.T, r localcluster.Request) *ensemble {
	t.Helper()
	home := localcluster.Home(t.TempDir())
	return startIn(t, home, "test", r)
}

func startIn(t *testing.T, home localcluster.Home, name string, r localcluster.Request) *ensemble {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	e := &ensemble{T: t, home: home, folder: home.Folder(name), ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			e.logState()
		}
		if _, err := localcluster.Down(context.Background(), home, name, true, false); err != nil {
			t.Errorf("down: %v", err)
		}
	})
	e.up(r)
	return e
}

// up brings the ensemble up, for the first time or again.
func (e *ensemble) up(r localcluster.Request) localcluster.UpResult {
	e.Helper()
	result, err := localcluster.Up(e.ctx, localcluster.UpOptions{
		Home: e.home, Name: string(e.folder)[strings.LastIndex(string(e.folder), "/")+1:], Request: r, Wait: patience, Program: "zkctl",
		Progress: func(string) {},
	})
	if err != nil {
		e.Fatalf("up: %v", err)
	}
	client, err := localcluster.Dial(e.folder)
	if err != nil {
		e.Fatal(err)
	}
	e.Client = client
	return result
}

// logState logs the members, the events and the logs of an ensemble whose test failed.
func (e *ensemble) logState() {
	if status, err := localcluster.StatusOf(context.Background(), e.folder); err == nil {
		for _, m := range status.Members {
			e.Logf("member %d: %s %s zxid %s epoch %d", m.ID, m.Role, m.Reason, m.Zxid, m.Epoch)
		}
	}
	if text, err := os.ReadFile(e.folder.EventsFile()); err == nil {
		e.Logf("events:\n%s", tail(text, 60))
	}
	spec, err := localcluster.LoadSpec(e.folder)
	if err != nil {
		return
	}
	for _, m := range spec.Members {
		if text, err := os.ReadFile(e.folder.Member(m.ID).LogFile()); err == nil {
			e.Logf("log of member %d:\n%s", m.ID, tail(text, 40))
		}
	}
}

func tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// wait waits for a condition.
func (e *ensemble) wait(condition string) localcluster.Status {
	e.Helper()
	status, err := e.Wait(e.ctx, localcluster.WaitRequest{For: condition, Timeout: patience.Seconds()})
	if err != nil {
		e.Fatal(err)
	}
	return status
}

// act does a verb to the members chosen, and returns them.
func (e *ensemble) act(verb, selector string) []int64 {
	e.Helper()
	report, err := e.Act(e.ctx, localcluster.ActRequest{Verb: verb, Selector: selector})
	if err != nil {
		e.Fatalf("%s %s: %v", verb, selector, err)
	}
	return report.Members
}

// partition cuts links.
func (e *ensemble) partition(p inject.Partition) inject.Fault {
	e.Helper()
	f := scenario.Fault{Verb: scenario.Partition, Target: p.Groups, OneWay: p.OneWay, Bridge: p.Bridge, Ring: p.Ring, Channel: p.Channel}
	return e.inject(f.String()).Fault
}

// inject causes a fault, as one types it.
func (e *ensemble) inject(line string) localcluster.FaultReport {
	e.Helper()
	report, err := e.Inject(e.ctx, localcluster.InjectRequest{Line: line})
	if err != nil {
		e.Fatalf("%s: %v", line, err)
	}
	return report
}

func (e *ensemble) heal() {
	e.Helper()
	if _, err := e.Heal(e.ctx, localcluster.HealRequest{Healing: inject.Healing{Processes: true}}); err != nil {
		e.Fatalf("heal: %v", err)
	}
}

// leader is the member that leads now; there must be one.
func (e *ensemble) leader() localcluster.MemberStatus {
	e.Helper()
	status := e.wait("leader")
	for _, m := range status.Members {
		if m.ID == *status.Leader {
			return m
		}
	}
	e.Fatalf("leader %d is no member", *status.Leader)
	return localcluster.MemberStatus{}
}

// member is one member's status.
func (e *ensemble) member(id int64) localcluster.MemberStatus {
	e.Helper()
	status, err := e.Status(e.ctx)
	if err != nil {
		e.Fatal(err)
	}
	for _, m := range status.Members {
		if m.ID == id {
			return m
		}
	}
	e.Fatalf("there is no member %d", id)
	return localcluster.MemberStatus{}
}
