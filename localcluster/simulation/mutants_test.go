package simulation

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var (
	allMutants   = flag.Bool("mutants", false, "try all mutants, not only the first few")
	mutantsMatch = flag.String("mutants.match", "", "try the mutants whose name contains this")
	mutantRuns   = flag.Int("mutant.runs", 0, "used by the tests of mutants: hunt for a violation in this many runs")
)

// mutant is a small fault put into the engine. The simulation must find it: one
// that survives means that an invariant is missing, or a fault of the world.
type mutant struct {
	name     string
	file     string // below localcluster
	old, new string
	runs     int    // within which the swarm must find it; 0: a script does
	script   string // a test that must fail with it
}

// TestMutants rewrites the source, one mutant at a time, builds this package
// against it, and lets it hunt.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the engine once for each mutant")
	}
	tried, found := 0, 0
	for i, m := range mutants {
		if !*allMutants && *mutantsMatch == "" && i >= 3 || !strings.Contains(m.name, *mutantsMatch) {
			continue
		}
		tried++
		t.Run(m.name, func(t *testing.T) {
			if m.hunt(t) {
				found++
			}
		})
	}
	t.Logf("found %d of %d mutants", found, tried)
}

func (m *mutant) hunt(t *testing.T) bool {
	program := filepath.Join(t.TempDir(), "hunt.test")
	m.build(t, "test", "-c", "-vet=off", "-o", program, ".")
	found := m.script == "" || m.failsScript(t, program)
	return (m.runs == 0 || m.failsSwarm(t, program)) && found
}

// build runs the go command in a world where the mutant is in the source.
func (m *mutant) build(t *testing.T, command string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	path, text := m.applied(t)
	changed, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{changed: []byte(text), overlay: replace} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{command, "-overlay", overlay}, args...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// applied is the source with the mutant in it.
func (m *mutant) applied(t *testing.T) (path, text string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", filepath.FromSlash(m.file)))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		t.Fatalf("%s: %s has this text %d times, expected once:\n%s", m.name, m.file, n, m.old)
	}
	return path, strings.Replace(string(source), m.old, m.new, 1)
}

// failsScript runs the script that brings the defect about.
func (m *mutant) failsScript(t *testing.T, program string) bool {
	out, err := exec.Command(program, "-test.run", "^"+m.script+"$").CombinedOutput()
	if err == nil || strings.Contains(string(out), "no tests to run") {
		t.Errorf("%s passes", m.script)
		return false
	}
	t.Logf("%s fails", m.script)
	return true
}

func (m *mutant) failsSwarm(t *testing.T, program string) bool {
	out, err := exec.Command(program, "-test.run", "^TestHunt$", "-test.v", "-mutant.runs", strconv.Itoa(m.runs)).CombinedOutput()
	text := string(out)
	at := strings.Index(text, "FOUND ")
	if err == nil || at < 0 {
		t.Errorf("survived %d runs\n%s", m.runs, text)
		return false
	}
	line, _, _ := strings.Cut(text[at:], "\n")
	t.Logf("%.250s", line)
	return true
}

// TestHunt is what a mutant's program runs.
func TestHunt(t *testing.T) {
	if *mutantRuns == 0 {
		t.Skip("for TestMutants")
	}
	tally, failure := Campaign{First: 1, Runs: *mutantRuns, AsFound: true}.Run(t.Context())
	if failure != nil {
		t.Fatalf("FOUND in run %d: %v", tally.Runs, failure.Result.Violation)
	}
}
