package replica

import (
	"testing"
	"time"

	"zkctl/probe/wire"
)

// ClientsAhead counts clients, not their attempts. A client counts from its second refusal within a
// minute: one that was refused once may find a server that does not lag.
func TestClientsAhead(t *testing.T) {
	w := newStandalone(t)
	connectAt := func(at time.Duration, session int64, seen wire.Zxid) {
		w.now = at
		l := &fakeClient{w: w, name: "client"}
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
		{6 * time.Second, 13, 0, 2}, // a client that is accepted
		{63 * time.Second, 0, 0, 1}, // 12 was refused at 5 s, and at 2 s, which no longer counts
		{64 * time.Second, 0, 0, 0}, // 3 s, when 11 was refused, no longer counts
		{66 * time.Second, 12, later, 0},
		{67 * time.Second, 12, later, 1},
	} {
		connectAt(step.at, step.session, step.seen)
		if got := w.ClientsAhead(); got != step.want {
			t.Errorf("at %v: %d clients ahead, want %d", step.at, got, step.want)
		}
	}
	for i := range 3 * rememberedRefusals {
		connectAt(2*time.Minute, int64(i), later)
	}
	if len(w.ahead) != rememberedRefusals {
		t.Errorf("%d refusals are remembered, want %d", len(w.ahead), rememberedRefusals)
	}
}
