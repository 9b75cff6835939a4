package simulation

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a user sees who finds a defect: the program is built with a mutant in
// the engine, and must say how it fails, the same each time; and what it prints
// must fail in the same way when it is run again.
func TestWhatAFailurePrints(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("builds zkctl")
	}
	m := mutantNamed(t, "no-fast-forward") // does no harm without a fault
	zkctl := filepath.Join(t.TempDir(), "zkctl")
	m.build(t, "build", "-o", zkctl, "zkctl/cmd/zkctl")

	const seed = 1
	hunt := []string{"simulate", "--seed", fmt.Sprint(seed), "--runs", fmt.Sprint(m.runs)}
	page, hints := violates(t, zkctl, hunt...)
	var f printedFailure
	text, _ := violates(t, zkctl, append(hunt, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	if want := seed + uint64(f.Runs) - 1; f.Violation.Seed != want {
		t.Errorf("seed %d, in run %d from seed %d", f.Violation.Seed, f.Runs, seed)
	}
	f.onPage(t, page)
	if !strings.Contains(hints, "zkctl simulate --schedule FILE --trace") {
		t.Errorf("the hint is %q", hints)
	}
	shrunk := f.isShrunk(t)
	f.replays(t, zkctl)
	// And the engine as it is survives it: the defect was the mutant's.
	if r := Run(shrunk); r.Violation != nil {
		t.Error(r.Violation)
	}
}

// printedFailure is what zkctl simulate -o json says.
type printedFailure struct {
	Runs      int
	Violation struct {
		Seed             uint64
		Invariant, Text  string
		Schedule, Events []string
	}
}

// onPage: the page, which another process has printed, has all of it, in order.
func (f *printedFailure) onPage(t *testing.T, page string) {
	t.Helper()
	v, rest := &f.Violation, page
	for _, part := range []string{
		"violated: " + v.Invariant,
		fmt.Sprintf("\nseed %d: ", v.Seed),
		"\nThe shrunk schedule:\n" + strings.Join(v.Schedule, "\n") + "\n",
		"\nThe last events:\n" + strings.Join(v.Events, "\n") + "\n",
	} {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("expected %q in, or later in:\n%s", part, page)
		}
		rest = after
	}
}

// isShrunk: the schedule is smaller than what was drawn, and its story ends with
// the violation.
func (f *printedFailure) isShrunk(t *testing.T) Schedule {
	t.Helper()
	v := &f.Violation
	shrunk, err := ParseSchedule(strings.Join(v.Schedule, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if drawn := Draw(v.Seed, 0); len(shrunk.Faults) == 0 || len(shrunk.Faults) >= len(drawn.Faults) {
		t.Errorf("shrunk from\n%v to\n%v", drawn, shrunk)
	}
	if n := len(v.Events); n == 0 || n > ShownEvents || !strings.Contains(v.Events[n-1], "VIOLATION of "+v.Invariant) {
		t.Errorf("%d events, the last: %q", n, v.Events[max(0, n-1):])
	}
	return shrunk
}

// replays: run again from the text alone, it is the same violation, at the end of
// the whole story.
func (f *printedFailure) replays(t *testing.T, zkctl string) {
	t.Helper()
	v := &f.Violation
	file := filepath.Join(t.TempDir(), "failure.txt")
	if err := os.WriteFile(file, []byte(strings.Join(v.Schedule, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	page, story := violates(t, zkctl, "simulate", "--schedule", file, "--trace")
	if last := v.Events[len(v.Events)-1]; !strings.Contains(page, last) {
		t.Errorf("run again, the schedule ends in\n%s\nexpected %s", page, last)
	}
	lines := strings.Split(story, "\n")
	if !slices.Contains(lines, v.Events[0]) || !strings.Contains(lines[0], ": starts, zxid 0x0") {
		t.Errorf("--trace tells %d lines, from %q", len(lines), lines[0])
	}
}

// violates runs a command that must exit 3.
func violates(t *testing.T, program string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("%v: %v, expected exit 3\n%s%s", args, err, out.String(), errs.String())
	}
	return out.String(), errs.String()
}
