package member

import (
	"testing"

	"zkctl/probe/wire"
)

// The benchmarks go through everything: sockets, the event loop, the log with
// its fsync, and in an ensemble the other members. Those with many requests under way
// show the effect of group commit.
//
//	go test -run - -bench . ./localcluster/member

func BenchmarkStandalone(b *testing.B) {
	benchmarkOperations(b, standalone(b, func(c *Config) { c.ForceSync = true }))
}

func BenchmarkFollowerOfThree(b *testing.B) {
	e := startEnsemble(b, 3, 0, func(c *Config) { c.ForceSync = true })
	benchmarkOperations(b, e.members[e.followers()[0]])
}

// benchmarkOperations runs one client.
func benchmarkOperations(b *testing.B, m *running) {
	connectRaw(b, m.addr).create("/n", "")
	set := &wire.SetDataRequest{Path: "/n", Data: make([]byte, 100), Version: -1}
	get := &wire.PathWatchRequest{Path: "/n"}
	for _, bench := range []struct {
		name  string
		op    wire.OpCode
		body  wire.Record
		depth int // requests under way
	}{
		{"set/depth=1", wire.OpSetData, set, 1}, {"set/depth=100", wire.OpSetData, set, 100},
		{"get/depth=1", wire.OpGetData, get, 1}, {"get/depth=100", wire.OpGetData, get, 100},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := connectRaw(b, m.addr)
			b.ReportAllocs()
			b.ResetTimer()
			sent, received := 0, 0
			for received < b.N {
				for sent < b.N && sent-received < bench.depth {
					c.startAs(int32(sent), bench.op, bench.body)
					sent++
				}
				if f := c.reply(int32(received)); f.Err != wire.OK {
					b.Fatal(f.Err)
				}
				received++
			}
		})
	}
}
