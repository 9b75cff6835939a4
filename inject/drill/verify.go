package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/probe/wire"
)

const (
	// lastWriteTime is how long the clients have for their last write.
	lastWriteTime = 30 * time.Second
	// diskTime is how long the members have to have on their disks what the clients were answered.
	diskTime  = 10 * time.Second
	diskPause = 100 * time.Millisecond
)

// Verify implements World. The Evidence lacks the records of the history, which the Recorder has.
func (w *processWorld) Verify(ctx context.Context) (history.Evidence, error) {
	last, problem := w.finish(ctx)
	problems := []error{problem}
	if w.command != nil {
		if w.command.over() {
			problems = append(problems, errors.New("the workload had ended before the drill was over: nothing shows what the ensemble did under load behind that"))
		}
		w.workload = &WorkloadEnd{Command: w.scenario.Workload.Command, Wrong: w.command.stop(ctx)}
		problems = append(problems, w.command.records(w.out))
	}
	if err := w.synced(ctx); err != nil {
		problems = append(problems, fmt.Errorf("the members did not reach the same transaction: %w", err))
	}
	logs, trees, err := w.disks(ctx, last)
	w.checkEffects()
	problems = append(problems, err)
	return history.Evidence{
		History: &history.History{Root: w.root}, Logs: logs, Trees: trees, Faults: w.windows(sortedIDs(trees)),
		Quorum: w.ensemble.Quorum, Tick: w.ensemble.Tick(), Foreign: w.ensemble.Foreign(),
	}, errors.Join(problems...)
}

// finish has every client write once more and go. It returns the newest of these writes.
func (w *processWorld) finish(ctx context.Context) (wire.Zxid, error) {
	close(w.stop)
	limit, cancel := context.WithTimeout(ctx, lastWriteTime)
	defer cancel()
	var last wire.Zxid
	var silent []string
	for _, c := range w.clients {
		select {
		case <-c.done:
		case <-limit.Done():
			c.quit()
		}
		switch {
		case c.last != 0:
			last = max(last, c.last)
		case !c.abandoned:
			silent = append(silent, strconv.Itoa(c.number))
		}
	}
	if len(silent) > 0 {
		return last, fmt.Errorf("the last write of client %s was not answered within %v", strings.Join(silent, ", "), lastWriteTime)
	}
	return last, nil
}

func (w *processWorld) synced(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, diskTime)
	defer cancel()
	return w.ensemble.Wait(ctx, "synced")
}

// disks reads what the members have on their disks, once it includes what the clients were answered: a member may apply
// a transaction before it has synced its own log. What is there when the time is up is taken as it is.
func (w *processWorld) disks(ctx context.Context, last wire.Zxid) ([]history.MemberLog, map[int64]history.View, error) {
	limit, cancel := context.WithTimeout(ctx, diskTime)
	defer cancel()
	for {
		logs, trees, err := w.ensemble.Disks(ctx)
		if err != nil {
			return logs, trees, fmt.Errorf("read the members' disks: %w", err)
		}
		behind := slices.ContainsFunc(logs, func(l history.MemberLog) bool {
			n := len(l.Txns)
			return l.Problem == "" && (n == 0 || l.Txns[n-1].Zxid < last) && l.Snapshot < last
		})
		if !behind {
			return logs, trees, nil
		}
		select {
		case <-time.After(diskPause):
		case <-limit.Done():
			return logs, trees, nil
		}
	}
}

// checkEffects takes the effect from faults that left no mark on the members' processes although they should have.
func (w *processWorld) checkEffects() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(w.faults)) {
		f := w.faults[id]
		kind := EventExited
		switch w.scenario.Steps[f.Step].Fault.Verb {
		case scenario.Kill, scenario.Restart:
		case scenario.Pause:
			kind = EventPaused
		default:
			continue
		}
		for _, m := range f.Members {
			seen := slices.ContainsFunc(w.marks, func(e Event) bool {
				return e.Kind == kind && e.Member == m && e.At >= f.From-int64(time.Second) && e.At <= f.To
			})
			if f.Effect && !seen {
				f.Effect, f.Why = false, fmt.Sprintf("member %d was not seen to be %s", m, kind)
				w.out.Fault(*f)
			}
		}
	}
}
