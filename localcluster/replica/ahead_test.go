package replica

import (
	"testing"
	"time"

	"zkctl/probe/wire"
)

// TestClientsAhead counts the clients, not their attempts, that come again within a minute although
// they have seen a later history; what came once may have come to a server that lags.
func TestClientsAhead(t *testing.T) {
	w := alone(t)
	come := func(at time.Duration, session int64, seen wire.Zxid) {
		w.now = at
		l := &listener{w: w, name: "client"}
		w.Connect(NewServerCnxn(int64(at), l, nil), wire.ConnectRequest{SessionID: session, LastZxidSeen: seen, Timeout: 1000, Password: wire.NoPassword()})
		w.sync()
	}
	later := wire.MakeZxid(7, 1)
	for _, step := range []struct {
		at      time.Duration
		session int64
		seen    wire.Zxid
		want    int
	}{
		{1 * time.Second, 11, later, 0},
		{2 * time.Second, 12, later, 0},
		{3 * time.Second, 11, later, 1},
		{4 * time.Second, 11, later, 1},
		{5 * time.Second, 12, later, 2},
		{6 * time.Second, 13, 0, 2}, // a client that is let in
		{63 * time.Second, 0, 0, 1}, // 12 came at 5 s, and once only within the minute: 2 s is too long ago
		{64 * time.Second, 0, 0, 0}, // and 3 s, at which 11 came
		{66 * time.Second, 12, later, 0},
		{67 * time.Second, 12, later, 1},
	} {
		come(step.at, step.session, step.seen)
		if got := w.ClientsAhead(); got != step.want {
			t.Errorf("at %v: %d clients ahead, want %d", step.at, got, step.want)
		}
	}
	for i := range 3 * rememberedRefusals {
		come(2*time.Minute, int64(i), later)
	}
	if len(w.ahead) != rememberedRefusals {
		t.Errorf("%d refusals are remembered, want %d", len(w.ahead), rememberedRefusals)
	}
}
