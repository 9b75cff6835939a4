package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// logbook is what `zkctl logs all -f` prints, and lets a test wait for a line.
type logbook struct {
	testing.TB

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every line
	lines   []string      // "2 | time=… level=…"
}

// logs follows the logs of all members until the test is over.
func (e *ensemble) logs() *logbook {
	e.Helper()
	self, err := os.Executable()
	if err != nil {
		e.Fatal(err)
	}
	cmd := exec.CommandContext(e.ctx, self, "logs", "all", "-f")
	cmd.Env = e.env
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.Fatal(err)
	}
	b := &logbook{TB: e.TB, changed: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			b.mu.Lock()
			b.lines = append(b.lines, lines.Text())
			close(b.changed)
			b.changed = make(chan struct{})
			b.mu.Unlock()
		}
	}()
	e.Cleanup(func() {
		_ = cmd.Process.Kill() // it follows as long as the ensemble runs
		<-read
		_ = cmd.Wait()
	})
	return b
}

// of returns a member's lines that contain all of these texts.
func (b *logbook) of(member int64, texts ...string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.search(member, texts)
}

func (b *logbook) search(member int64, texts []string) (found []string) {
	prefix := fmt.Sprintf("%d | ", member)
next:
	for _, line := range b.lines {
		own, ok := strings.CutPrefix(line, prefix)
		if !ok {
			continue
		}
		for _, text := range texts {
			if !strings.Contains(own, text) {
				continue next
			}
		}
		found = append(found, own)
	}
	return found
}

// await waits for a line of a member that contains all of these texts, and
// returns it.
func (b *logbook) await(member int64, texts ...string) string {
	b.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		found, changed := b.search(member, texts), b.changed
		b.mu.Unlock()
		if len(found) > 0 {
			return found[0]
		}
		select {
		case <-changed:
		case <-late:
			b.Fatalf("the log of member %d never says %q", member, texts)
		}
	}
}

var logLine = regexp.MustCompile(`^time=(\S+) level=\w+ msg=("(?:[^"\\]|\\.)*"|\S+)`)

// rates counts a member's lines by message, and says how much time they span.
func (b *logbook) rates(member int64) (count map[string]int, span time.Duration) {
	b.Helper()
	count = map[string]int{}
	var first, last time.Time
	for _, line := range b.of(member) {
		m := logLine.FindStringSubmatch(line)
		if m == nil {
			b.Errorf("member %d wrote %q", member, line)
			continue
		}
		at, err := time.Parse(time.RFC3339, m[1])
		if err != nil {
			b.Fatal(err)
		}
		if first.IsZero() {
			first = at
		}
		last = at
		count[m[2]]++
	}
	return count, last.Sub(first)
}

// scribe is a client of one member, or of several, that writes node after node
// and remembers which of them were acknowledged.
type scribe struct {
	testing.TB
	name string
	conn *zk.Conn

	mu   sync.Mutex
	lost []zk.Event // connections and sessions that broke

	written []string // acknowledged
	stop    chan struct{}
	done    chan struct{} // closed when keepWriting has ended
}

// scribe connects a client and makes the node below which it writes.
func (e *ensemble) scribe(name string, hosts ...string) *scribe {
	e.Helper()
	conn, events := dialGo(e.TB, hosts...)
	s := &scribe{TB: e.TB, name: name, conn: conn, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		for ev := range events {
			if ev.State == zk.StateDisconnected || ev.State == zk.StateExpired {
				s.mu.Lock()
				s.lost = append(s.lost, ev)
				s.mu.Unlock()
			}
		}
	}()
	if _, err := conn.Create("/"+name, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
		e.Fatalf("create /%s: %v", name, err)
	}
	return s
}

// scribes has a client of each member keep writing.
func (e *ensemble) scribes(before status) (scribes []*scribe) {
	e.Helper()
	for _, m := range before.Members {
		s := e.scribe(fmt.Sprintf("s%d", m.ID), m.Client)
		s.keepWriting()
		scribes = append(scribes, s)
	}
	return scribes
}

// write writes one more node. If the node exists already, an earlier attempt has made
// it and its answer was lost.
func (s *scribe) write(data string) error {
	path := fmt.Sprintf("/%s/n%d", s.name, len(s.written))
	_, err := s.conn.Create(path, []byte(data), 0, zk.WorldACL(zk.PermAll))
	if err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return fmt.Errorf("create %s: %w", path, err)
	}
	s.written = append(s.written, path)
	return nil
}

// writeMany writes so many nodes, each of which must be acknowledged.
func (s *scribe) writeMany(n int) {
	s.Helper()
	for range n {
		if err := s.write(s.name); err != nil {
			s.Fatal(err)
		}
	}
}

// keepWriting goes on writing until end, and fails the test when a write does.
func (s *scribe) keepWriting() {
	go func() {
		defer close(s.done)
		for {
			select {
			case <-s.stop:
				return
			default:
			}
			if err := s.write(s.name); err != nil {
				s.Errorf("while others misbehaved: %v", err)
				return
			}
		}
	}()
}

// end ends keepWriting, and returns what went wrong with the session meanwhile.
func (s *scribe) end() []zk.Event {
	close(s.stop)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// check requires that one member has everything that was acknowledged.
func (s *scribe) check(host string) {
	s.Helper()
	c, _ := dialGo(s.TB, host)
	defer c.Close()
	if _, err := c.Sync("/" + s.name); err != nil {
		s.Fatalf("sync through %s: %v", host, err)
	}
	children, _, err := c.Children("/" + s.name)
	if err != nil {
		s.Fatalf("read through %s: %v", host, err)
	}
	there := map[string]bool{}
	for _, child := range children {
		there["/"+s.name+"/"+child] = true
	}
	missing := 0
	for _, path := range s.written {
		if !there[path] {
			if missing++; missing <= 10 {
				s.Errorf("%s was acknowledged, and through %s it is not there", path, host)
			}
		}
	}
	if len(s.written) == 0 {
		s.Errorf("%s wrote nothing at all: the test shows nothing", s.name)
	}
}
