package simulation

import (
	"context"
	"flag"
	"testing"
	"time"
)

var (
	swarmFirst = flag.Uint64("swarm.first", uint64(time.Now().UnixNano()>>20), "first seed; a new one every day otherwise")
	swarmRuns  = flag.Int("swarm.runs", 0, "how many schedules to run")
	swarmFor   = flag.Duration("swarm.for", 4*time.Second, "how long, when -swarm.runs is not given")
	swarmNodes = flag.Int("swarm.nodes", 0, "voters; 0: drawn")
)

// TestSwarm runs fresh seeds.
func TestSwarm(t *testing.T) {
	d := *swarmFor
	if testing.Short() {
		d = min(d, time.Second/2)
	}
	ctx := context.Background()
	if *swarmRuns == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	tally, failure := Campaign{First: *swarmFirst, Runs: *swarmRuns, Nodes: *swarmNodes}.Run(ctx)
	t.Logf("from seed %d: %d runs, %d steps, %v, %d transactions", *swarmFirst, tally.Runs, tally.Steps, tally.Simulated, tally.Commits)
	if failure != nil {
		report(t, failure)
	}
}

func report(t *testing.T, f *Failure) {
	t.Helper()
	for _, line := range f.Events {
		t.Log(line)
	}
	t.Errorf("seed %d: %v\nschedule:\n%v\nsave its lines and run it again: zkctl simulate --schedule FILE --trace",
		f.Seed, f.Result.Violation, f.Schedule)
}
