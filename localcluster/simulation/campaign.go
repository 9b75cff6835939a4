package simulation

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"zkctl/inject/scenario"
)

// Campaign is many runs, on all cores.
type Campaign struct {
	First uint64 // seed of the first run; each next run has the next seed
	Runs  int    // 0: until the context ends
	Nodes int    // voters; 0: drawn

	// Scenario is what the runs are of, instead of drawn schedules. FromScenario must refuse nothing of it.
	Scenario *scenario.Scenario

	AsFound bool // do not shrink a schedule that fails

	// Progress is called after every run, by one goroutine at a time.
	Progress func(Tally)
}

// Tally is the sum of the results of some runs.
type Tally struct {
	Runs      int
	Steps     int
	Simulated time.Duration
	Commits   int
	Leaders   int
	Coverage  Coverage
}

// add counts a run; with times -1 it takes a counted run back.
func (t *Tally) add(r *Result, times int) {
	t.Runs += times
	t.Steps += r.Steps * times
	t.Simulated += r.Simulated * time.Duration(times)
	t.Commits += r.Commits * times
	t.Leaders += r.Leaders * times
	t.Coverage.add(&r.Coverage, times)
}

// Failure is a schedule that violates an invariant.
type Failure struct {
	Seed     uint64
	Schedule Schedule // shrunk
	Result   Result   // of the shrunk one
	Events   []string // the last lines of its event log
}

// ShownEvents is the number of lines in Failure.Events.
const ShownEvents = 100

// Run runs schedules until all are done, the context ends, or one fails. The
// failure that it returns is that of the smallest seed, and the tally counts
// the runs up to it, so that both are the same however many cores there are.
func (c Campaign) Run(ctx context.Context) (Tally, *Failure) {
	// A run takes milliseconds and leaves a few megabytes of garbage.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	e := &workers{campaign: c, running: map[uint64]bool{}, results: map[uint64]Result{}, next: c.First}
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { e.work(ctx) })
	}
	all.Wait()
	if e.failed == nil {
		return e.tally, nil
	}
	return e.exact(), e.explain()
}

// Schedule is what the campaign runs for a seed.
func (c Campaign) Schedule(seed uint64) Schedule {
	if c.Scenario == nil {
		return Draw(seed, c.Nodes)
	}
	schedule, _ := FromScenario(c.Scenario, seed)
	return schedule
}

// workers is the state that the workers of a campaign share.
type workers struct {
	campaign Campaign

	mu      sync.Mutex
	next    uint64
	tally   Tally
	running map[uint64]bool
	results map[uint64]Result // of seeds above the smallest that is running
	failed  *Violation        // of the smallest seed that failed so far
	seed    uint64
}

func (e *workers) work(ctx context.Context) {
	for ctx.Err() == nil {
		seed, ok := e.nextSeed()
		if !ok {
			return
		}
		e.done(seed, Run(e.campaign.Schedule(seed)))
	}
}

func (e *workers) nextSeed() (seed uint64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil || e.campaign.Runs > 0 && e.next >= e.campaign.First+uint64(e.campaign.Runs) {
		return 0, false
	}
	seed = e.next
	e.next++
	e.running[seed] = true
	return seed, true
}

func (e *workers) done(seed uint64, r Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := r.Violation
	r.Violation = nil
	delete(e.running, seed)
	e.results[seed] = r
	e.tally.add(&r, 1)
	if v != nil && (e.failed == nil || seed < e.seed) {
		e.failed, e.seed = v, seed
	}
	e.forget()
	if e.campaign.Progress != nil {
		e.campaign.Progress(e.tally)
	}
}

// forget drops the results that exact cannot need any more.
func (e *workers) forget() {
	oldest := e.next
	for seed := range e.running {
		oldest = min(oldest, seed)
	}
	if e.failed != nil {
		oldest = min(oldest, e.seed)
	}
	for seed := range e.results {
		if seed < oldest {
			delete(e.results, seed)
		}
	}
}

// exact is the tally of the runs up to the failure.
func (e *workers) exact() Tally {
	t := e.tally
	for seed, r := range e.results {
		if seed > e.seed {
			t.add(&r, -1)
		}
	}
	return t
}

func (e *workers) explain() *Failure {
	schedule := e.campaign.Schedule(e.seed)
	if !e.campaign.AsFound {
		schedule, _ = Shrink(schedule, e.failed)
	}
	result, events := Trace(schedule, ShownEvents)
	return &Failure{Seed: e.seed, Schedule: schedule, Result: result, Events: events}
}
