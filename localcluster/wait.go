package localcluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"zkctl/probe"
	"zkctl/probe/wire"
)

// condition is something to wait for.
type condition struct {
	name string
	met  func(w *waiting, s Status) bool
}

// waiting is one wait under way.
type waiting struct {
	condition condition
	// target is what the members must have reached to be synced: the leader's position when the wait
	// began. Comparing positions of one moment would never be equal under load.
	target wire.Zxid
}

var conditions = []condition{
	{"healthy", func(_ *waiting, s Status) bool { return s.Health == probe.HealthHealthy }},
	{"quorum", func(_ *waiting, s Status) bool { return s.Health >= probe.HealthDegraded }},
	{"leader", func(_ *waiting, s Status) bool { return s.Leader != nil }},
	{"no-quorum", func(_ *waiting, s Status) bool { return s.Health <= probe.HealthNoQuorum }},
	{"synced", (*waiting).synced},
	{"down", func(_ *waiting, s Status) bool { return s.Health == probe.HealthDown }},
}

// Conditions names what can be waited for.
func Conditions() []string {
	var names []string
	for _, c := range conditions {
		names = append(names, c.name)
	}
	return names
}

// CheckCondition refuses a name that is no condition's.
func CheckCondition(name string) error {
	_, err := findCondition(name)
	return err
}

func findCondition(name string) (condition, error) {
	for _, c := range conditions {
		if c.name == name {
			return c, nil
		}
	}
	return condition{}, fail(CodeUsage, "one of "+strings.Join(Conditions(), ", "), "%q cannot be waited for", name)
}

// synced tells whether every member serves and has reached the target. A leader that has not written
// in its epoch yet is at the epoch's first zxid, which no learner ever reaches; serving is enough then,
// because a learner serves only after it has synchronized.
func (w *waiting) synced(s Status) bool {
	if s.Health != probe.HealthHealthy {
		return false
	}
	positions := map[int64]wire.Zxid{}
	for _, m := range s.Members {
		zxid, err := wire.ParseZxid(m.Zxid)
		if err != nil {
			return false
		}
		positions[m.ID] = zxid
	}
	if w.target == 0 {
		w.target = positions[*s.Leader]
	}
	for _, zxid := range positions {
		if zxid < w.target && w.target.Counter() != 0 {
			return false
		}
	}
	return true
}

// The intervals at which a wait polls: short at first, because most waits are short.
const (
	shortInterval = 5 * time.Millisecond
	longInterval  = 50 * time.Millisecond
)

// Wait returns when the ensemble is in a condition.
func (s *Supervisor) Wait(ctx context.Context, r WaitRequest) (Status, error) {
	c, err := findCondition(r.For)
	if err != nil {
		return Status{}, err
	}
	w := &waiting{condition: c}
	began := time.Now()
	for {
		status, err := s.Status(ctx)
		if err != nil || c.met(w, status) {
			return status, err
		}
		if r.Fragile {
			if err := s.died(); err != nil {
				return status, err
			}
		}
		waited := time.Since(began)
		if waited >= seconds(r.Timeout) {
			return status, notInTime(r, status)
		}
		pause := shortInterval
		if waited > 3*time.Second {
			pause = longInterval
		}
		select {
		case <-time.After(min(pause, seconds(r.Timeout)-waited)):
		case <-ctx.Done():
			return status, ctx.Err()
		case <-s.stopping:
			return status, fail(CodeMissing, "", "the ensemble %s is being stopped", s.spec.Name)
		}
	}
}

// died is the error for a member that ended without being asked to, with the end of its log.
func (s *Supervisor) died() error {
	for _, m := range s.members {
		s.mu.Lock()
		dead, how, why := m.state == stateStopped && m.process != nil && !m.expected, "", m.reason
		if dead {
			how = m.process.how.String()
		}
		s.mu.Unlock()
		if !dead {
			continue
		}
		text := fmt.Sprintf("member %d died (%s)", m.spec.ID, how)
		if why != "" {
			text += ": " + why
		}
		if tail := tailOf(m.folder.LogFile(), 20); tail != "" && tail != why {
			text += "\nthe end of its log:\n" + tail
		}
		return fail(CodeFailed, "", "%s", text)
	}
	return nil
}

// notInTime is the error for a wait whose time is up, with the reasons of the status.
func notInTime(r WaitRequest, s Status) error {
	text := fmt.Sprintf("%s is %s; timed out waiting for %s, after %s", s.Name, s.Health, r.For, seconds(r.Timeout))
	for _, f := range s.Reasons {
		text += "\n  " + f.Text
	}
	return fail(CodeTimedOut, "`zkctl status` and `zkctl logs` may show why", "%s", text)
}
