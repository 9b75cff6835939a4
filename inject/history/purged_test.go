package history

import (
	"slices"
	"strings"
	"testing"
)

// Members delete old logs. Where whole epochs are gone that clients saw, nothing that hangs on the order can be judged, and
// nothing is violated.
func TestPurgedEpochs(t *testing.T) {
	e, _ := good(t)
	for i := range e.Logs {
		l := &e.Logs[i]
		first := l.Txns[0].Zxid.Epoch()
		n := slices.IndexFunc(l.Txns, func(t Txn) bool { return t.Zxid.Epoch() > first })
		if n < 1 {
			t.Fatal("the run has one epoch only")
		}
		l.Snapshot = l.Txns[n-1].Zxid
		l.Snapshots = append(l.Snapshots, l.Snapshot)
		l.Txns = l.Txns[n:]
	}
	checks, _ := Check(*e)
	unknown := false
	for _, c := range checks {
		if c.Verdict == Violated {
			t.Errorf("%s: %v", c.Name, c.Evidence)
		}
		unknown = unknown || c.Verdict == VerdictUnknown && strings.Contains(c.Why, "purged")
	}
	if !unknown {
		t.Error("no check says that logs were purged")
	}
}
