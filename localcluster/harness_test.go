//go:build unix

package localcluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zkctl/inject"
	"zkctl/localcluster"
	"zkctl/localcluster/member"
	"zkctl/probe"
	"zkctl/probe/wire"
)

// TestMain lets this test binary stand in for zkctl: the supervisor that a test starts, and the
// members that the supervisor starts, are this program again, by the same commands as zkctl's.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || strings.HasPrefix(os.Args[1], "-") {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Args[1] {
	case "serve":
		var config member.Config
		if config, err = member.LoadConfig(os.Args[2]); err == nil {
			err = member.Run(ctx, config, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		}
	case localcluster.SuperviseCommand:
		err = localcluster.Detached(ctx, localcluster.Folder(os.Args[2]), "zkctl")
	default:
		err = fmt.Errorf("no such command: %s", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// patience bounds every wait of these tests. Nothing is asserted about how long things take; this is
// for what never happens.
const patience = 60 * time.Second

// long marks a test that -short leaves out. Like the others it runs beside them: most of what these
// tests do is wait for timeouts of the ensemble.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short")
	}
	t.Parallel()
}

// ensemble is one that a test brought up. It is gone when the test is over.
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
			e.tellAll()
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

// tellAll shows what there is to see of an ensemble whose test failed.
func (e *ensemble) tellAll() {
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
	report, err := e.Partition(e.ctx, localcluster.PartitionRequest{Partition: p})
	if err != nil {
		e.Fatalf("partition %+v: %v", p, err)
	}
	return report.Fault
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

// session opens a session at one member.
func (e *ensemble) session(m localcluster.MemberStatus) *probe.Session {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	s, err := probe.Dial(ctx, m.Client, probe.Options{Timeout: 30 * time.Second})
	if err != nil {
		e.Fatalf("session at member %d: %v", m.ID, err)
	}
	e.Cleanup(s.Drop)
	return s
}

// create makes a node, which must succeed.
func (e *ensemble) create(s *probe.Session, path, data string) {
	e.Helper()
	if _, _, err := s.Create(e.ctx, path, []byte(data), 0); err != nil {
		e.Fatalf("create %s: %v", path, err)
	}
}

// tree is everything that one member holds, a line a node, as a client sees it behind a sync. What is
// below /zookeeper is each server's own: the configuration there names its own ways to the others.
func (e *ensemble) tree(m localcluster.MemberStatus) string {
	e.Helper()
	s := e.session(m)
	defer s.Drop()
	if _, err := s.Sync(e.ctx, "/"); err != nil {
		e.Fatalf("sync at member %d: %v", m.ID, err)
	}
	var lines strings.Builder
	var walk func(path string)
	walk = func(path string) {
		data, stat, _, err := s.Get(e.ctx, path)
		if err != nil {
			e.Fatalf("get %s at member %d: %v", path, m.ID, err)
		}
		fmt.Fprintf(&lines, "%s %q %+v\n", path, data, stat)
		children, _, _, err := s.Children(e.ctx, path)
		if err != nil {
			e.Fatalf("children of %s at member %d: %v", path, m.ID, err)
		}
		slices.Sort(children)
		for _, c := range children {
			if child := strings.TrimSuffix(path, "/") + "/" + c; child != "/zookeeper" {
				walk(child)
			}
		}
	}
	walk("/")
	return lines.String()
}

// sameTrees requires that every member holds the same tree, and returns it.
func (e *ensemble) sameTrees() string {
	e.Helper()
	status := e.wait("synced")
	var first string
	for i, m := range status.Members {
		tree := e.tree(m)
		if i == 0 {
			first = tree
		} else if tree != first {
			e.Fatalf("members %d and %d differ: %s", status.Members[0].ID, m.ID, difference(first, tree))
		}
	}
	return first
}

// difference is the first line in which two texts differ.
func difference(a, b string) string {
	left, right := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(left), len(right)) {
		if left[i] != right[i] {
			return fmt.Sprintf("line %d:\n  %s\n  %s", i+1, left[i], right[i])
		}
	}
	return fmt.Sprintf("%d lines and %d", len(left), len(right))
}

// load is a number of clients that create nodes one after the other, each wherever it gets a session,
// and remember what was acknowledged and what may or may not have happened.
type load struct {
	e    *ensemble
	stop context.CancelFunc
	all  sync.WaitGroup

	mu      sync.Mutex
	acked   map[string]string // path -> data
	unknown map[string]string
	changed chan struct{} // closed and replaced at every acknowledgement
}

func (e *ensemble) load(clients int) *load {
	ctx, stop := context.WithCancel(e.ctx)
	l := &load{e: e, stop: stop, acked: map[string]string{}, unknown: map[string]string{}, changed: make(chan struct{})}
	status, err := e.Status(ctx)
	if err != nil {
		e.Fatal(err)
	}
	var addresses []string
	for _, m := range status.Members {
		addresses = append(addresses, m.Client)
	}
	for c := range clients {
		l.all.Go(func() { l.client(ctx, c, addresses) })
	}
	e.Cleanup(func() { l.end() })
	return l
}

// client writes until it is stopped, going on at the next member whenever one fails it.
func (l *load) client(ctx context.Context, number int, addresses []string) {
	n := 0
	for turn := number; ctx.Err() == nil; turn++ {
		s, err := probe.Dial(ctx, addresses[turn%len(addresses)], probe.Options{Timeout: 10 * time.Second})
		if err != nil {
			continue // refused, or without a quorum: Dial itself takes a while
		}
		for ctx.Err() == nil {
			path, data := fmt.Sprintf("/c%d-%06d", number, n), fmt.Sprintf("%d.%d", number, n)
			n++
			_, _, err := s.Create(ctx, path, []byte(data), 0)
			l.note(path, data, err)
			if err != nil {
				break
			}
		}
		s.Drop()
	}
}

func (l *load) note(path, data string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var refused wire.ErrCode
	switch {
	case err == nil:
		l.acked[path] = data
		close(l.changed)
		l.changed = make(chan struct{})
	case errors.As(err, &refused):
		// Answered: it did not happen.
	default:
		l.unknown[path] = data
	}
}

// progress returns when so many more writes have been acknowledged.
func (l *load) progress(more int) {
	l.e.Helper()
	l.mu.Lock()
	goal := len(l.acked) + more
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.e.ctx, patience)
	defer cancel()
	for {
		l.mu.Lock()
		have, changed := len(l.acked), l.changed
		l.mu.Unlock()
		if have >= goal {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			l.e.Fatalf("%d writes acknowledged, waited in vain for %d", have, goal)
		}
	}
}

// end stops the clients.
func (l *load) end() {
	l.stop()
	l.all.Wait()
}

// check requires of a tree that everything acknowledged is in it, and nothing that nobody asked for.
func (l *load) check(tree string) {
	l.e.Helper()
	lost := 0
	for path, data := range l.acked {
		if !strings.Contains(tree, fmt.Sprintf("%s %q ", path, data)) {
			l.e.Errorf("%s was acknowledged and is not there", path)
			if lost++; lost == 10 {
				break
			}
		}
	}
	for _, line := range strings.Split(tree, "\n") {
		path, _, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(path, "/c") {
			continue
		}
		_, acked := l.acked[path]
		_, unknown := l.unknown[path]
		if !acked && !unknown {
			l.e.Errorf("%s is there, though its creation was refused or never asked for", path)
		}
	}
	if len(l.acked) == 0 {
		l.e.Error("nothing was acknowledged at all: the test shows nothing")
	}
}
