package member

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(Throttled(slog.NewTextHandler(&out, nil))).With("who", "me")
		lines := func() []string {
			all := strings.Split(strings.TrimSpace(out.String()), "\n")
			out.Reset()
			return all
		}
		for i := range 1000 {
			log.Warn("nonsense", "number", i)
		}
		log.WithGroup("g").Info("something else", "number", 1)
		got := lines()
		if len(got) != throttleBurst+1 {
			t.Fatalf("%d lines", len(got))
		}
		for i, line := range got[:throttleBurst] {
			if last := i == throttleBurst-1; strings.Contains(line, "leaving some out") != last || !strings.Contains(line, "who=me") {
				t.Errorf("line %d: %s", i, line)
			}
		}
		if want := `msg="something else" who=me g.number=1`; !strings.HasSuffix(got[throttleBurst], want) {
			t.Errorf("other messages: %q, want %q", got[throttleBurst], want)
		}

		// It goes on, slowly, and says what is missing.
		time.Sleep(time.Second) // of the bubble
		for range 20 {
			log.Warn("nonsense")
		}
		if got = lines(); len(got) != throttleRate || !strings.Contains(got[0], "left_out=950") || strings.Contains(got[1], "left_out") {
			t.Errorf("a second later: %q", got)
		}
		// After a quiet time the allowance is full again.
		time.Sleep(time.Hour)
		for range throttleBurst {
			log.Warn("nonsense")
		}
		if got = lines(); len(got) != throttleBurst || !strings.Contains(got[0], "left_out=15") {
			t.Errorf("%d lines an hour later, the first %q", len(got), got[0])
		}
	})
}
