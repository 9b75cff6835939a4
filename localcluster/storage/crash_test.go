package storage

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"

	"zkctl/probe/wire"
)

// claim is what a Store may be found to know: a story, up to a transaction between two bounds.
type claim struct {
	story    *story
	min, max wire.Zxid
}

// folders are the two ways to lay the files out.
var folders = map[string]func(*MemFS) Options{
	"one folder":  options,
	"two folders": func(m *MemFS) Options { return Options{FS: m, DataDir: dataDir, LogDir: "/log"} },
}

// life is a server's life as the scenario below tells it, with what must be true if it is cut short.
type life struct {
	disk    *MemFS
	options func(*MemFS) Options
	store   *Store
	history History

	now      *story
	claims   []claim // one of them holds
	accepted [2]int64
	current  [2]int64 // at least, at most; recovery may raise it to the epoch of the history
}

// step is one call of the Store.
type step struct {
	name string
	do   func(*life) error
}

func newLife(disk *MemFS, options func(*MemFS) Options) *life {
	l := &life{disk: disk, options: options, now: newStory()}
	l.claims = []claim{{l.now, 0, 0}}
	return l
}

func (l *life) claim() *claim { return &l.claims[0] }

func stepOpen(l *life) (err error) {
	var r *Recovered
	if l.store, r, err = Open(l.options(l.disk)); err == nil {
		l.history = r.History
	}
	return err
}

func stepAppend(epoch int64, n int) step {
	return step{fmt.Sprintf("append %d of epoch %d", n, epoch), func(l *life) error {
		batch := l.now.grow(epoch, n)
		l.claim().max = l.now.last()
		return l.store.Append(batch)
	}}
}

func stepSync(l *life) error {
	err := l.store.Sync()
	if err == nil {
		l.claim().min = l.claim().max
	}
	return err
}

func stepAccept(epoch int64) step {
	return step{fmt.Sprintf("accept epoch %d", epoch), func(l *life) error {
		l.accepted[1] = epoch
		err := l.store.SetAcceptedEpoch(epoch)
		if err == nil {
			l.accepted[0] = epoch
		}
		return err
	}}
}

func stepEnter(epoch int64) step {
	return step{fmt.Sprintf("enter epoch %d", epoch), func(l *life) error {
		l.current[1] = epoch
		err := l.store.SetCurrentEpoch(epoch)
		if err == nil {
			l.current[0] = epoch
			l.claim().min = l.claim().max
		}
		return err
	}}
}

func stepSave(l *life) error { return l.store.SaveSnapshot(l.now.tree.Snapshot(), l.history) }

// stepSaveLate saves a snapshot that the log has overtaken.
func stepSaveLate(l *life) error {
	snap := l.now.tree.Snapshot()
	if err := stepAppend(2, 3).do(l); err != nil {
		return err
	}
	if err := l.store.SaveSnapshot(snap, l.history); err != nil {
		return err
	}
	return stepSync(l)
}

func stepPurge(l *life) error { _, err := l.store.Purge(3); return err }

// stepTruncate gives up the last n transactions.
func stepTruncate(n int) step {
	return step{fmt.Sprintf("truncate %d", n), func(l *life) error {
		to := l.now.proposals[len(l.now.proposals)-n-1].Zxid
		before := *l.claim()
		l.claims = []claim{{before.story, min(to, before.min), before.max}}
		r, err := l.store.Truncate(to)
		if err != nil {
			return err
		}
		l.now = l.now.fork(to)
		l.history = r.History
		l.claims = []claim{{l.now, to, to}}
		if r.LastZxid != to {
			return fmt.Errorf("truncated to %s, not %s", r.LastZxid, to)
		}
		return l.now.verify(r)
	}}
}

// stepInstall replaces the history by one that shares the beginning with it and goes on differently.
func stepInstall(keep wire.Zxid, epoch int64, n int) step {
	return step{fmt.Sprintf("install %d of epoch %d behind %s", n, epoch, keep), func(l *life) (err error) {
		next := l.now.fork(keep)
		next.grow(epoch, n)
		before := *l.claim()
		l.claims = []claim{before, {next, next.last(), next.last()}}
		l.history, err = l.store.InstallSnapshot(next.tree.Snapshot())
		if err == nil {
			l.now = next
			l.claims = l.claims[1:]
		}
		return err
	}}
}

func stepClose(l *life) error {
	err := l.store.Close()
	if err == nil {
		l.claim().min = l.claim().max
	}
	return err
}

// scenario has every operation of a Store at least once, and each of those that change the history on top of
// each kind of file that it must leave behind.
func scenario() []step {
	plain := func(name string, do func(*life) error) step { return step{name, do} }
	steps := []step{
		plain("open", stepOpen), stepAccept(1), stepAppend(1, 3), plain("sync", stepSync), stepEnter(1),
	}
	for range 4 {
		steps = append(steps, plain("save", stepSave), stepAppend(1, 3), stepAppend(1, 2), plain("sync", stepSync))
	}
	steps = append(steps,
		plain("purge", stepPurge), stepAppend(1, 2),
		// The history of an epoch, and the claim to have it.
		stepAccept(2), stepTruncate(9), stepAppend(2, 3), stepEnter(2), stepAppend(2, 1),
		step{"save", stepSaveLate}, stepAppend(2, 2), plain("sync", stepSync))
	// Logs with no snapshot between them, which a truncation must remove in the right order.
	for range 3 {
		steps = append(steps, plain("close", stepClose), plain("open", stepOpen), stepAppend(2, 2))
	}
	steps = append(steps, stepTruncate(5), stepAppend(2, 2), plain("sync", stepSync), stepAppend(2, 1),
		// The leader's tree ends before this log does, and before this snapshot: what is behind it must not
		// come back.
		plain("save", stepSave), stepAppend(2, 1),
		stepAccept(3), stepInstall(wire.MakeZxid(2, 4), 2, 0), stepEnter(3), stepAppend(3, 2), plain("sync", stepSync),
		plain("save", stepSave), stepAppend(3, 1), plain("sync", stepSync), stepTruncate(2),
		// Far behind, and nothing logged since.
		stepAccept(4), stepInstall(wire.MakeZxid(1, 5), 4, 7), stepInstall(wire.MakeZxid(4, 2), 4, 6), stepEnter(4),
		stepAppend(4, 2), plain("close", stepClose), plain("open", stepOpen), plain("close", stepClose),
	)
	return steps
}

// live goes through the scenario until a step fails, and returns that step's error.
func live(l *life) error {
	for i, s := range scenario() {
		if err := s.do(l); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.name, err)
		}
	}
	return nil
}

// check compares what was recovered with the claims, and returns the story that holds.
func (l *life) check(r *Recovered) (*story, error) {
	var errs []error
	for _, c := range l.claims {
		err := c.story.verify(r)
		if err == nil && (r.LastZxid < c.min || r.LastZxid > c.max) {
			err = fmt.Errorf("recovered up to %s, expected %s to %s", r.LastZxid, c.min, c.max)
		}
		if err == nil {
			return c.story, l.checkEpochs(r)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (l *life) checkEpochs(r *Recovered) error {
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

// reopen opens what a crash has left, checks it, and sees that it can go on and is tidy.
func (l *life) reopen(disk *MemFS) error {
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
	// What it says that it has, it has for good: not only in the page cache of a process that was killed.
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
		if strings.Contains(path, "tmp") || strings.Contains(path, suspectName) || strings.Contains(path, installPrefix) {
			return fmt.Errorf("%s is still there", path)
		}
	}
	next := st.fork(r.LastZxid)
	if err := errors.Join(s.SetAcceptedEpoch(9), s.Append(next.grow(9, 2)), s.Close()); err != nil {
		return fmt.Errorf("going on: %w", err)
	}
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
	if err := live(newLife(disk, options)); err != nil {
		t.Fatal(err)
	}
	return disk.Ops()
}

// The power is cut during each operation on the disk, and again during each operation of the recovery.
func TestPowerLossAtEveryOperation(t *testing.T) {
	for name, options := range folders {
		t.Run(name, func(t *testing.T) { powerLossAtEveryOperation(t, options) })
	}
}

func powerLossAtEveryOperation(t *testing.T, options func(*MemFS) Options) {
	ops := scenarioOps(t, options)
	t.Logf("%d operations", ops)
	seed := uint64(0)
	for at := 1; at <= ops; at++ {
		for round, how := range []Survival{LosePower, LoseUnsynced, KillProcess} {
			seed++
			disk := NewMemFS(seed)
			disk.StopAt(at)
			l := newLife(disk, options)
			if err := live(l); !errors.Is(err, ErrPowerLost) {
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
func (l *life) crashRecovery(left *MemFS, how Survival) error {
	for at := 1; ; at++ {
		disk := clone(left, uint64(at))
		disk.StopAt(at)
		s, _, err := Open(l.options(disk))
		if err == nil {
			return s.Close()
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

// Each operation fails once. A Store either goes on, having lost nothing, or never writes again.
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
			l := newLife(disk, options)
			if liveOn(t, l, at) {
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

// liveOn goes through the scenario past errors that the Store survives, and tells whether one was final.
func liveOn(t *testing.T, l *life, at int) (final bool) {
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
		checkDead(t, l, s.name)
		return true
	}
	return false
}

// checkDead calls everything on a failed Store: all must say so, and none touch the disk.
func checkDead(t *testing.T, l *life, after string) {
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
		if after == "close" { // which closes, whatever happens
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
