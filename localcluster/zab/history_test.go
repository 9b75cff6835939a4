package zab

import (
	"testing"

	"zkctl/probe/wire"
)

// The window is bounded by its transactions and by their bytes, and has no gap.
func TestHistoryIsBounded(t *testing.T) {
	for _, c := range []struct{ limit, size, pushed int }{
		{limit: 500, size: 10, pushed: 3000},
		{limit: 500, size: 1 << 20, pushed: 300},
		{limit: 500, size: maxHistoryBytes + 1, pushed: 3},
		{limit: 1, size: 10, pushed: 5},
	} {
		h := history{limit: c.limit}
		data := make([]byte, c.size) // shared: only the lengths matter
		for i := range c.pushed {
			h.push(wire.Proposal{Zxid: wire.MakeZxid(1, uint32(i+1)), Data: data})
			bytes := 0
			for _, p := range h.entries {
				bytes += len(p.Data)
			}
			if len(h.entries) >= 2*c.limit || bytes > maxHistoryBytes || bytes != h.bytes {
				t.Fatalf("%+v: %d entries of %d bytes, counted as %d", c, len(h.entries), bytes, h.bytes)
			}
			if h.last() != wire.MakeZxid(1, uint32(i+1)) {
				t.Fatalf("%+v: it ends at %v", c, h.last())
			}
			if tail, ok := h.after(h.floor); !ok || len(tail) != len(h.entries) || len(tail) > 0 && !tail[0].Zxid.Follows(h.floor) {
				t.Fatalf("%+v: behind %v it has %d of %d entries", c, h.floor, len(tail), len(h.entries))
			}
		}
	}
}
