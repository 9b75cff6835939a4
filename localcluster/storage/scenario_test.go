package storage

import (
	"fmt"

	"zkctl/probe/wire"
)

// expectation is what may be recovered: a history, up to a transaction between two bounds.
type expectation struct {
	history  *testHistory
	min, max wire.Zxid
}

// folders are the two ways to lay the files out.
var folders = map[string]func(*MemFS) Options{
	"one folder":  options,
	"two folders": func(m *MemFS) Options { return Options{FS: m, DataDir: dataDir, LogDir: "/log"} },
}

// scenarioRun is one run of the scenario below, with what must be recovered if it is interrupted.
type scenarioRun struct {
	disk    *MemFS
	options func(*MemFS) Options
	store   *Store
	history History

	now      *testHistory
	expected []expectation // one of them must hold
	accepted [2]int64
	current  [2]int64 // at least, at most; recovery may raise it to the epoch of the history
}

// step is one call of the Store.
type step struct {
	name string
	do   func(*scenarioRun) error
}

func newScenarioRun(disk *MemFS, options func(*MemFS) Options) *scenarioRun {
	l := &scenarioRun{disk: disk, options: options, now: newTestHistory()}
	l.expected = []expectation{{l.now, 0, 0}}
	return l
}

func (l *scenarioRun) expect() *expectation { return &l.expected[0] }

func stepOpen(l *scenarioRun) (err error) {
	var r *Recovered
	if l.store, r, err = Open(l.options(l.disk)); err == nil {
		l.history = r.History
	}
	return err
}

func stepAppend(epoch int64, n int) step {
	return step{fmt.Sprintf("append %d of epoch %d", n, epoch), func(l *scenarioRun) error {
		batch := l.now.grow(epoch, n)
		l.expect().max = l.now.last()
		return l.store.Append(batch)
	}}
}

func stepSync(l *scenarioRun) error {
	err := l.store.Sync()
	if err == nil {
		l.expect().min = l.expect().max
	}
	return err
}

func stepAccept(epoch int64) step {
	return step{fmt.Sprintf("accept epoch %d", epoch), func(l *scenarioRun) error {
		l.accepted[1] = epoch
		err := l.store.SetAcceptedEpoch(epoch)
		if err == nil {
			l.accepted[0] = epoch
		}
		return err
	}}
}

func stepEnter(epoch int64) step {
	return step{fmt.Sprintf("enter epoch %d", epoch), func(l *scenarioRun) error {
		l.current[1] = epoch
		err := l.store.SetCurrentEpoch(epoch)
		if err == nil {
			l.current[0] = epoch
			l.expect().min = l.expect().max
		}
		return err
	}}
}

func stepSave(l *scenarioRun) error { return l.store.SaveSnapshot(l.now.tree.Snapshot(), l.history) }

// stepSaveLate saves a snapshot of a tree after more was appended.
func stepSaveLate(l *scenarioRun) error {
	snap := l.now.tree.Snapshot()
	if err := stepAppend(2, 3).do(l); err != nil {
		return err
	}
	if err := l.store.SaveSnapshot(snap, l.history); err != nil {
		return err
	}
	return stepSync(l)
}

func stepPurge(l *scenarioRun) error { _, err := l.store.Purge(3); return err }

// stepTruncate removes the last n transactions.
func stepTruncate(n int) step {
	return step{fmt.Sprintf("truncate %d", n), func(l *scenarioRun) error {
		to := l.now.proposals[len(l.now.proposals)-n-1].Zxid
		before := *l.expect()
		l.expected = []expectation{{before.history, min(to, before.min), before.max}}
		r, err := l.store.Truncate(to)
		if err != nil {
			return err
		}
		l.now = l.now.fork(to)
		l.history = r.History
		l.expected = []expectation{{l.now, to, to}}
		if r.LastZxid != to {
			return fmt.Errorf("truncated to %s, not %s", r.LastZxid, to)
		}
		return l.now.verify(r)
	}}
}

// stepInstall replaces the history by one that shares the beginning with it and goes on differently.
func stepInstall(keep wire.Zxid, epoch int64, n int) step {
	return step{fmt.Sprintf("install %d of epoch %d after %s", n, epoch, keep), func(l *scenarioRun) (err error) {
		next := l.now.fork(keep)
		next.grow(epoch, n)
		before := *l.expect()
		l.expected = []expectation{before, {next, next.last(), next.last()}}
		l.history, err = l.store.InstallSnapshot(next.tree.Snapshot())
		if err == nil {
			l.now = next
			l.expected = l.expected[1:]
		}
		return err
	}}
}

func stepClose(l *scenarioRun) error {
	err := l.store.Close()
	if err == nil {
		l.expect().min = l.expect().max
	}
	return err
}

// scenario calls every method of a Store at least once, and those that change the history beside each kind of
// file that they must remove.
func scenario() []step {
	plain := func(name string, do func(*scenarioRun) error) step { return step{name, do} }
	steps := []step{
		plain("open", stepOpen), stepAccept(1), stepAppend(1, 3), plain("sync", stepSync), stepEnter(1),
	}
	for range 4 {
		steps = append(steps, plain("save", stepSave), stepAppend(1, 3), stepAppend(1, 2), plain("sync", stepSync))
	}
	steps = append(steps,
		plain("purge", stepPurge), stepAppend(1, 2),
		// The history of an epoch, then its currentEpoch.
		stepAccept(2), stepTruncate(9), stepAppend(2, 3), stepEnter(2), stepAppend(2, 1),
		step{"save", stepSaveLate}, stepAppend(2, 2), plain("sync", stepSync))
	// Several logs with no snapshot between them: a truncation must remove them in the right order.
	for range 3 {
		steps = append(steps, plain("close", stepClose), plain("open", stepOpen), stepAppend(2, 2))
	}
	steps = append(steps, stepTruncate(5), stepAppend(2, 2), plain("sync", stepSync), stepAppend(2, 1),
		// The leader's tree ends before this log and this snapshot do: what they have beyond it must not come
		// back.
		plain("save", stepSave), stepAppend(2, 1), plain("sync", stepSync),
		stepAccept(3), stepInstall(wire.MakeZxid(2, 4), 2, 0), stepEnter(3), stepAppend(3, 2), plain("sync", stepSync),
		plain("save", stepSave), stepAppend(3, 1), plain("sync", stepSync), stepTruncate(2),
		// The leader's history branches off early; the second one arrives before anything is appended to the first.
		stepAccept(4), stepInstall(wire.MakeZxid(1, 5), 4, 7), stepInstall(wire.MakeZxid(4, 2), 4, 6), stepEnter(4),
		stepAppend(4, 2), plain("close", stepClose), plain("open", stepOpen), plain("close", stepClose),
	)
	return steps
}

// runScenario runs the scenario until a step fails, and returns that step's error.
func runScenario(l *scenarioRun) error {
	for i, s := range scenario() {
		if err := s.do(l); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.name, err)
		}
	}
	return nil
}
