//go:build unix

package localcluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"zkctl/probe"
	"zkctl/probe/wire"
)

// load is a number of clients that create nodes one after the other, each at any member that gives it a
// session, and remember which writes were acknowledged and of which the outcome is unknown.
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

// client writes until it is stopped. When a write fails it goes on at the next member.
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
		// The server has refused it: the node was not created.
	default:
		l.unknown[path] = data
	}
}

// progress returns when `more` further writes have been acknowledged.
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
			l.e.Fatalf("%d writes acknowledged, want %d", have, goal)
		}
	}
}

// end stops the clients.
func (l *load) end() {
	l.stop()
	l.all.Wait()
}

// check requires that a tree holds every node whose creation was acknowledged, and no node that no client created.
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
