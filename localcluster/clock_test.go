//go:build unix

package localcluster_test

import (
	"testing"
	"time"

	"zkctl/localcluster"
)

// A leader's wall clock is in the times of nodes; it jumps when it is told to, also of a member that is started again, and
// is right when the fault has ended.
func TestClock(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{Nodes: 1})
	e.wait("healthy")
	off := func(path string) time.Duration {
		t.Helper()
		s := e.session(e.leader())
		e.create(s, path, "")
		_, stat, _, err := s.Get(e.ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(time.UnixMilli(stat.Ctime)).Round(10 * time.Minute)
	}
	if by := off("/before"); by != 0 {
		t.Fatalf("the clock is off by %v", by)
	}
	e.inject("clock 1 --skew 2h")
	e.inject("clock 1 --rate 50%") // leaves the skew
	if by := off("/ahead"); by != 2*time.Hour {
		t.Errorf("the clock is off by %v, want 2h", by)
	}
	e.inject("clock leader --skew -3h")
	if by := off("/behind"); by != -3*time.Hour {
		t.Errorf("the clock is off by %v, want -3h", by)
	}
	e.act("restart", "1")
	e.wait("healthy")
	if by := off("/restarted"); by != -3*time.Hour {
		t.Errorf("after a restart the clock is off by %v, want -3h", by)
	}
	e.heal()
	if by := off("/after"); by != 0 {
		t.Errorf("after the fault the clock is off by %v", by)
	}
}

// Members whose clocks run too fast or too slow go on to serve, and agree.
func TestClockRate(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	e.wait("healthy")
	s := e.session(e.leader())
	e.create(s, "/before", "")
	e.inject("clock all --rate 200%")
	e.create(s, "/fast", "")
	e.inject("clock all --rate 50%")
	e.create(s, "/slow", "")
	e.heal()
	e.create(s, "/after", "")
	e.wait("healthy")
	e.sameTrees()
}
