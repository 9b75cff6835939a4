package history

import (
	"fmt"
	"runtime"
	"testing"

	"zkctl/probe/wire"
)

// manyOperations is a run of 8 clients without mistakes: writes and reads of 64 registers, every fifth operation
// a sequential node that is deleted later.
func manyOperations(count int) *Evidence {
	r := newRig()
	var clients []*rigClient
	for i := range 8 {
		clients = append(clients, r.client(i+1, int64(i%3+1)))
	}
	r.create(clients[0], "/r", "", wire.FlagPersistent)
	for i := range 64 {
		r.create(clients[0], fmt.Sprintf("/r/%d", i), "", wire.FlagPersistent)
	}
	r.create(clients[0], "/q", "", wire.FlagPersistent)
	var queue []string
	for i := range count {
		c, path := clients[i%8], fmt.Sprintf("/r/%d", i*7%64)
		switch i % 10 {
		case 0, 5:
			op := r.create(c, "/q/n-", "", wire.FlagPersistentSequential)
			var made wire.PathResponse
			if wire.Unmarshal(op.Reply, &made) == nil {
				queue = append(queue, made.Path)
			}
		case 1:
			r.delete(c, queue[0])
			queue = queue[1:]
		case 2, 3, 4:
			r.set(c, path, fmt.Sprint(i), -1)
		case 9:
			if i%1000 == 9 {
				r.read(c, wire.OpGetChildren, "/r", true)
				continue
			}
			r.ping(c)
		default:
			r.read(c, wire.OpGetData, path, i%20 == 7)
		}
	}
	return r.evidence()
}

// TestMillionShort checks a long run in a short form, and that its judgement takes memory in proportion: what is
// quadratic shows here already.
func TestMillionShort(t *testing.T) {
	e := manyOperations(50_000)
	checks, stats := Check(*e)
	for _, c := range checks {
		if c.Verdict != VerdictOK {
			t.Errorf("%s: %v %s %v", c.Name, c.Verdict, c.Why, c.Evidence)
		}
	}
	if stats.Ops < 45_000 {
		t.Errorf("%d operations", stats.Ops)
	}
}

// BenchmarkMillion judges a million operations. Its history is made beforehand, with each of three members having all
// of the log.
func BenchmarkMillion(b *testing.B) {
	const count = 1_000_000
	e := manyOperations(count)
	runtime.GC()
	b.ResetTimer()
	peak := uint64(0)
	for range b.N {
		checks, _ := Check(*e)
		for _, c := range checks {
			if c.Verdict != VerdictOK {
				b.Fatalf("%s: %v %s %v", c.Name, c.Verdict, c.Why, c.Evidence)
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapSys-m.HeapReleased)
	}
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64(peak)/(1<<20), "MiB")
}
