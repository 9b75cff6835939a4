package commands

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"zkctl/localcluster/simulation"
)

// A simulation that is interrupted says how far it came, and fails.
func TestSimulateInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := Run(ctx, []string{"simulate", "--seed", "1", "--runs", "1000000"}, Streams{Out: &out, Err: &errs}, func(string) string { return "" })
	if code != exitFailed || !strings.Contains(out.String(), "first seed    1") || !strings.Contains(errs.String(), "zkctl: interrupted after 0 runs") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

// What a terminal shows while runs go on fits it, changes in place, and is gone
// at the end. (simulate.txtar checks that nothing is written where there is no terminal.)
func TestTallyLine(t *testing.T) {
	many := simulation.Tally{Runs: 1_000_000_000, Simulated: 2_000_000 * time.Hour}
	for _, width := range []int{80, 20} {
		var out bytes.Buffer
		l := &tallyLine{statusLine: statusLine{out: &out, width: width}}
		l.show(many, time.Hour)
		l.show(simulation.Tally{Runs: 7}, time.Hour+tallyPause/2) // too soon
		l.show(simulation.Tally{Runs: 1}, 2*time.Hour)
		l.end()
		shown := strings.Split(out.String(), "\r")
		if len(shown) != 5 || shown[0] != "" || shown[4] != "" || strings.TrimSpace(shown[3]) != "" {
			t.Fatalf("width %d: expected two lines and an empty one, got %q", width, shown)
		}
		for i, line := range shown[1:4] {
			if len(line) >= width || strings.Contains(line, "\n") {
				t.Errorf("width %d: line %d has %d columns: %q", width, i+1, len(line), line)
			}
			if i > 0 && len(line) < len(shown[i]) && len(strings.TrimRight(shown[i], " ")) > len(line) {
				t.Errorf("width %d: %q leaves some of %q behind", width, line, shown[i])
			}
		}
		if !strings.HasPrefix(shown[1], "1000000000 runs") || !strings.HasPrefix(shown[2], "1 runs") {
			t.Errorf("width %d: %q", width, shown)
		}
	}
	silent := &tallyLine{}
	silent.show(many, time.Hour)
	silent.end()
}
