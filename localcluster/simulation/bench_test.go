package simulation

import (
	"runtime/debug"
	"testing"
	"time"
)

// BenchmarkSchedules runs ensembles of five voters under the swarm's faults, as
// zkctl simulate --nodes 5 does, on one core. Two cores should do a thousand
// schedules a minute, or 120 ms each.
func BenchmarkSchedules(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	steps, simulated, seed := 0, time.Duration(0), uint64(0)
	for b.Loop() {
		seed++
		r := Run(Draw(seed, 5))
		if r.Violation != nil {
			b.Fatalf("seed %d: %v", seed, r.Violation)
		}
		steps, simulated = steps+r.Steps, simulated+r.Simulated
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "schedules/min")
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(simulated.Hours()/b.Elapsed().Minutes(), "simulated-h/min")
}
