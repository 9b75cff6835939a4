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
	if testing.Short() {
		t.Skip("builds zkctl")
	}
	m := mutantNamed(t, "ack-newleader-before-history")
	zkctl := filepath.Join(t.TempDir(), "zkctl")
	m.build(t, "build", "-o", zkctl, "zkctl/cmd/zkctl")

	const seed = 1
	hunt := []string{"simulate", "--seed", fmt.Sprint(seed), "--runs", fmt.Sprint(m.runs)}
	page, hints := violates(t, zkctl, hunt...)
	var doc struct {
		Runs      int
		Violation struct {
			Seed             uint64
			Invariant, Text  string
			Schedule, Events []string
		}
	}
	text, _ := violates(t, zkctl, append(hunt, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	v := doc.Violation
	if want := seed + uint64(doc.Runs) - 1; v.Seed != want {
		t.Errorf("seed %d, in run %d from seed %d", v.Seed, doc.Runs, seed)
	}

	// The page, which another process has printed, has all of it, in this order.
	order := []string{
		"violated: " + v.Invariant, fmt.Sprintf("\nseed %d: ", v.Seed), "\nThe shrunk schedule:\n" + strings.Join(v.Schedule, "\n") + "\n",
		"\nThe last events:\n" + strings.Join(v.Events, "\n") + "\n",
	}
	rest := page
	for _, part := range order {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("expected %q in, or later in:\n%s", part, page)
		}
		rest = after
	}
	if !strings.Contains(hints, "zkctl simulate --schedule FILE --trace") {
		t.Errorf("the hint is %q", hints)
	}

	// The schedule is smaller than what was drawn, and the story ends with the violation.
	shrunk, err := ParseSchedule(strings.Join(v.Schedule, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if drawn := Draw(v.Seed, 0); len(shrunk.Faults) > len(drawn.Faults) || shrunk.String() == drawn.String() {
		t.Errorf("shrunk from\n%v to\n%v", drawn, shrunk)
	}
	if n := len(v.Events); n == 0 || n > ShownEvents || !strings.Contains(v.Events[n-1], "VIOLATION of "+v.Invariant) {
		t.Errorf("%d events, the last: %q", n, v.Events[max(0, n-1):])
	}

	// Run again from the text alone: the same violation, at the end of the whole story.
	file := filepath.Join(t.TempDir(), "failure.txt")
	if err := os.WriteFile(file, []byte(strings.Join(v.Schedule, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	page, story := violates(t, zkctl, "simulate", "--schedule", file, "--trace")
	if !strings.Contains(page, v.Events[len(v.Events)-1]) {
		t.Errorf("run again, the schedule ends in\n%s\nexpected %s", page, v.Events[len(v.Events)-1])
	}
	if lines := strings.Split(strings.TrimRight(story, "\n"), "\n"); !slices.Contains(lines, v.Events[0]) || !strings.Contains(lines[0], "0.000000") {
		t.Errorf("--trace tells %d lines, from %q", len(lines), lines[0])
	}

	// And the engine as it is survives it: the defect was the mutant's.
	if r := Run(shrunk); r.Violation != nil {
		t.Error(r.Violation)
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

func mutantNamed(t *testing.T, name string) *mutant {
	t.Helper()
	i := slices.IndexFunc(mutants, func(m mutant) bool { return m.name == name })
	if i < 0 {
		t.Fatalf("no mutant %s", name)
	}
	return &mutants[i]
}
