package storage

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"
)

// check compares what was recovered with the expectations, and returns the history that was found.
func (l *scenarioRun) check(r *Recovered) (*testHistory, error) {
	var errs []error
	for _, c := range l.expected {
		err := c.history.verify(r)
		if err == nil && (r.LastZxid < c.min || r.LastZxid > c.max) {
			err = fmt.Errorf("recovered up to %s, expected %s to %s", r.LastZxid, c.min, c.max)
		}
		if err == nil {
			return c.history, l.checkEpochs(r)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (l *scenarioRun) checkEpochs(r *Recovered) error {
	if r.AcceptedEpoch < l.accepted[0] || r.AcceptedEpoch > l.accepted[1] {
		return fmt.Errorf("acceptedEpoch %d, expected %d", r.AcceptedEpoch, l.accepted)
	}
	atMost := max(l.current[1], r.LastZxid.Epoch())
	if r.CurrentEpoch < l.current[0] || r.CurrentEpoch > atMost || r.CurrentEpoch > r.AcceptedEpoch {
		return fmt.Errorf("currentEpoch %d, expected %d to %d", r.CurrentEpoch, l.current[0], atMost)
	}
	if r.LastZxid.Epoch() > r.CurrentEpoch {
		return fmt.Errorf("currentEpoch %d, last transaction %s", r.CurrentEpoch, r.LastZxid)
	}
	return nil
}

// reopen opens what a crash has left, checks it, and checks that the Store can go on and has left no temporary files.
func (l *scenarioRun) reopen(disk *MemFS) error {
	s, r, err := Open(l.options(disk))
	if err != nil {
		return err
	}
	st, err := l.check(r)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	// What Open returns must be durable: a killed process may have left it only in the page cache.
	disk.Crash(LoseUnsynced)
	s, again, err := Open(l.options(disk))
	if err != nil {
		return fmt.Errorf("the second time: %w", err)
	}
	if again.LastZxid != r.LastZxid || again.AcceptedEpoch != r.AcceptedEpoch || again.CurrentEpoch != r.CurrentEpoch || len(again.Notes) > 0 {
		return fmt.Errorf("the second time: at %s, was %s, epochs %d and %d, were %d and %d, notes %q", again.LastZxid, r.LastZxid,
			again.AcceptedEpoch, again.CurrentEpoch, r.AcceptedEpoch, r.CurrentEpoch, again.Notes)
	}
	for _, path := range disk.Files() {
		if strings.Contains(path, "tmp") || strings.Contains(path, installPrefix) {
			return fmt.Errorf("%s is still there", path)
		}
	}
	next := st.fork(r.LastZxid)
	if err := errors.Join(s.SetAcceptedEpoch(9), s.Append(next.grow(9, 2)), s.Close()); err != nil {
		return fmt.Errorf("going on: %w", err)
	}
	disk.Crash(LoseUnsynced)
	if _, r, err = Open(l.options(disk)); err != nil {
		return fmt.Errorf("after going on: %w", err)
	}
	if r.LastZxid != next.last() || r.CurrentEpoch != 9 {
		return fmt.Errorf("after going on: at %s in epoch %d", r.LastZxid, r.CurrentEpoch)
	}
	return next.verify(r)
}

func scenarioOps(t *testing.T, options func(*MemFS) Options) int {
	disk := NewMemFS(0)
	if err := runScenario(newScenarioRun(disk, options)); err != nil {
		t.Fatal(err)
	}
	return disk.Ops()
}

// The power is cut during each operation on the disk, and again during each operation of the recovery.
func TestPowerLossAtEveryOperation(t *testing.T) {
	for name, options := range folders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			powerLossAtEveryOperation(t, options)
		})
	}
}

func powerLossAtEveryOperation(t *testing.T, options func(*MemFS) Options) {
	ops := scenarioOps(t, options)
	t.Logf("%d operations", ops)
	seed := uint64(0)
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= ops; at += step {
		for round, how := range []Survival{LosePower, LosePower, LoseUnsynced, KillProcess} {
			seed++
			disk := NewMemFS(seed)
			disk.StopAt(at)
			l := newScenarioRun(disk, options)
			if err := runScenario(l); !errors.Is(err, ErrPowerLost) {
				t.Fatalf("operation %d: %v", at, err)
			}
			disk.Crash(how)
			left := clone(disk, seed)
			if err := l.reopen(disk); err != nil {
				t.Fatalf("operation %d, %s, seed %d: %v", at, how, seed, err)
			}
			if round > 0 {
				continue
			}
			if err := l.crashRecovery(left, how); err != nil {
				t.Fatalf("operation %d, %s, seed %d: %v", at, how, seed, err)
			}
		}
	}
}

// crashRecovery cuts the power during each operation of opening what is left.
func (l *scenarioRun) crashRecovery(left *MemFS, how Survival) error {
	for at := 1; ; at++ {
		disk := clone(left, uint64(at))
		disk.StopAt(at)
		s, _, err := Open(l.options(disk))
		if err == nil {
			if err := s.Close(); !errors.Is(err, ErrPowerLost) {
				return err
			}
			return nil
		}
		if !errors.Is(err, ErrPowerLost) {
			return fmt.Errorf("recovery: %w", err)
		}
		disk.Crash(how)
		if err := l.reopen(disk); err != nil {
			return fmt.Errorf("operation %d of the recovery: %w", at, err)
		}
	}
}

// Each operation fails once. A Store either goes on and has lost nothing, or it never writes again.
func TestErrorAtEveryOperation(t *testing.T) {
	ops := scenarioOps(t, options)
	final := 0
	for at := 1; at <= ops; at++ {
		for _, how := range []Survival{KillProcess, LoseUnsynced} {
			disk := NewMemFS(uint64(at))
			disk.SetFault(func(op Op) error {
				if op.Index == at {
					return syscall.EIO
				}
				return nil
			})
			l := newScenarioRun(disk, options)
			if runPastErrors(t, l, at) {
				final++
			}
			disk.Crash(how)
			if err := l.reopen(disk); err != nil {
				t.Fatalf("operation %d, %s: %v", at, how, err)
			}
		}
	}
	if final < ops {
		t.Errorf("%d of %d failures were final: expected most to be", final, 2*ops)
	}
}

// runPastErrors runs the scenario past errors that the Store survives, and reports whether one was final.
func runPastErrors(t *testing.T, l *scenarioRun, at int) (final bool) {
	for _, s := range scenario() {
		err := s.do(l)
		if err == nil {
			continue
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("operation %d: %s: %v", at, s.name, err)
		}
		if l.store == nil || l.store.Err() == nil {
			if s.name == "save" || s.name == "purge" {
				continue // nothing was lost
			}
			if s.name == "open" {
				return false
			}
			t.Fatalf("operation %d: %s failed and the store goes on: %v", at, s.name, err)
		}
		checkFailed(t, l, s.name)
		return true
	}
	return false
}

// checkFailed calls every method of a failed Store: each must return the failure, and none touch the disk.
func checkFailed(t *testing.T, l *scenarioRun, after string) {
	t.Helper()
	ops := l.disk.Ops()
	calls := map[string]func() error{
		"Append":           func() error { return l.store.Append(l.now.fork(l.now.last()).grow(8, 1)) },
		"Sync":             l.store.Sync,
		"SetAcceptedEpoch": func() error { return l.store.SetAcceptedEpoch(math.MaxInt32) },
		"SetCurrentEpoch":  func() error { return l.store.SetCurrentEpoch(math.MaxInt32) },
		"Truncate":         func() error { _, err := l.store.Truncate(0); return err },
		"InstallSnapshot":  func() error { _, err := l.store.InstallSnapshot(l.now.tree.Snapshot()); return err },
		"SaveSnapshot":     func() error { return l.store.SaveSnapshot(l.now.tree.Snapshot(), l.history) },
		"Purge":            func() error { _, err := l.store.Purge(3); return err },
		"Err":              l.store.Err,
		"Close":            l.store.Close,
	}
	for _, name := range []string{"Append", "Sync", "SetAcceptedEpoch", "SetCurrentEpoch", "Truncate", "InstallSnapshot",
		"SaveSnapshot", "Purge", "Err", "Close"} {
		if after == "close" { // a Store is closed even if Close fails
			break
		}
		if err := calls[name](); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Fatalf("%s after a failed %s: %v", name, after, err)
		}
	}
	if l.disk.Ops() != ops {
		t.Fatalf("%d operations after a failed %s", l.disk.Ops()-ops, after)
	}
}
