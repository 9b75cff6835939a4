//go:build unix

package localcluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zkctl/localcluster"
	"zkctl/probe"
)

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

// tree is everything that one member holds, a line a node, as a client sees it after a sync. What is
// below /zookeeper differs: the configuration there names each member's own links to the others.
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
