package datatree

import (
	"math"
	"slices"
	"testing"
	"time"

	"zkctl/probe/wire"
)

const (
	ms   = time.Millisecond
	tick = 2000 * ms
)

func TestDeadlines(t *testing.T) {
	for _, c := range []struct{ now, timeout, deadline time.Duration }{
		{0, 4000 * ms, 6000 * ms}, // exactly on a tick: rounded to the next one
		{1, 4000 * ms, 6000 * ms},
		{1999 * ms, 4000 * ms, 6000 * ms},
		{2000 * ms, 4000 * ms, 8000 * ms},
		{10 * ms, 1 * ms, 2000 * ms},
	} {
		s := NewSessions(tick)
		s.Add(1, c.timeout, c.now)
		if at, ok := s.NextExpiry(); !ok || at != c.deadline {
			t.Errorf("at %v with timeout %v: deadline %v, want %v", c.now, c.timeout, at, c.deadline)
		}
		if got := s.Expired(c.deadline - 1); got != nil {
			t.Errorf("at %v with timeout %v: %v expired early", c.now, c.timeout, got)
		}
		if got := s.Expired(c.deadline); !slices.Equal(got, []int64{1}) {
			t.Errorf("at %v with timeout %v: %v expired at %v", c.now, c.timeout, got, c.deadline)
		}
	}
}

func TestExpiry(t *testing.T) {
	s := NewSessions(tick)
	for _, id := range []int64{3, 1, 2, 4} {
		if !s.Add(id, 5000*ms, 0) {
			t.Errorf("session %d was there before", id)
		}
	}
	if s.Add(4, 9000*ms, 0) || s.Timeout(4) != 9000*ms {
		t.Error("adding a session again must touch it")
	}
	if !s.Touch(2, 0, 900*ms) { // same bucket: no change
		t.Error("2 is not alive")
	}
	if !s.Touch(3, 0, 4000*ms) {
		t.Error("3 is not alive")
	}
	var listed [][]int64
	s.EachDeadline(func(_ time.Duration, ids []int64) { listed = append(listed, ids) })
	if len(listed) != 2 || !slices.Equal(listed[0], []int64{1, 2}) || !slices.Equal(listed[1], []int64{3, 4}) {
		t.Errorf("deadlines of %v", listed)
	}
	if got := s.Expired(6000 * ms); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("expired %v, want 1 and 2", got)
	}
	if got := s.Expired(6000 * ms); got != nil {
		t.Errorf("expired again: %v", got)
	}
	if s.Touch(1, 0, 6000*ms) || s.Alive(1) || s.Check(1, 7) != wire.ErrSessionExpired || s.SetOwner(1, 7) != wire.ErrSessionExpired {
		t.Error("an expired session came back to life")
	}
	if s.Len() != 4 {
		t.Errorf("%d tracked, want 4: closing sessions stay until the closing is applied", s.Len())
	}
	s.Remove(1)
	s.Remove(2)
	// After a pause several deadlines have passed at once.
	if got := s.Expired(time.Hour); !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("expired %v, want 3 and 4", got)
	}
	if _, ok := s.NextExpiry(); ok {
		t.Error("a session is still to expire")
	}
}

func TestClosingSessionsDoNotExpire(t *testing.T) {
	s := NewSessions(tick)
	s.Add(1, tick, 0)
	s.MarkClosing(1)
	s.MarkClosing(1)
	s.MarkClosing(99)
	if got := s.Expired(time.Hour); got != nil {
		t.Errorf("%v expired, though its closeSession is proposed", got)
	}
	s.Remove(1)
	s.Remove(1)
	if s.Len() != 0 || s.Timeout(1) != 0 || s.Touch(1, 0, 0) {
		t.Error("a removed session is still there")
	}
}

func TestOwners(t *testing.T) {
	s := NewSessions(tick)
	s.Add(1, tick, 0)
	steps := []struct {
		name string
		got  wire.ErrCode
		want wire.ErrCode
	}{
		{"the first to ask", s.Check(1, 5), wire.OK},
		{"again", s.Check(1, 5), wire.OK},
		{"another owner", s.Check(1, 6), wire.ErrSessionMoved},
		{"moves", s.SetOwner(1, 6), wire.OK},
		{"the new owner", s.Check(1, 6), wire.OK},
		{"the former owner", s.Check(1, 5), wire.ErrSessionMoved},
		{"unknown session", s.Check(2, 5), wire.ErrSessionExpired},
		{"unknown session moves", s.SetOwner(2, 5), wire.ErrSessionExpired},
	}
	for _, c := range steps {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestRestart(t *testing.T) {
	r := newRig(t)
	s := NewSessions(tick)
	s.Add(42, tick, 0) // from an earlier leadership; closed since then
	s.Restart(r.tree, 100*time.Second)
	if s.Len() != 1 || s.Timeout(rigSession) != 30*time.Second || s.Check(rigSession, 9) != wire.OK {
		t.Errorf("%d sessions, timeout %v, want the tree's one, of 30 s and free to be owned", s.Len(), s.Timeout(rigSession))
	}
	if at, _ := s.NextExpiry(); at != 132*time.Second {
		t.Errorf("expires at %v, want a full timeout from now, rounded up", at)
	}
}

func TestSessionIDs(t *testing.T) {
	ids := NewSessionIDs(1, 0x1040f40000>>16) // the time that a captured session id was made at
	if got := ids.Next(); got != 0x100001040f40000 {
		t.Errorf("first id %#x, want 0x100001040f40000", got)
	}
	if got := ids.Next(); got != 0x100001040f40001 {
		t.Errorf("second id %#x", got)
	}
	if got := NewSessionIDs(3, math.MaxInt64).Next(); got != 0x03ffffffffff0000 {
		t.Errorf("id of server 3 at the end of time: %#x, want its time cut to 40 bits", got)
	}
	if got := NewSessionIDs(128, 0).Next(); got != containerOwner+1 {
		t.Errorf("server 128's first id %#x, want the container mark skipped", got)
	}
}
