package simulation

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	allMutants   = flag.Bool("mutants", false, "try all mutants, not only that of the day")
	mutantsMatch = flag.String("mutants.match", "", "try the mutants whose name contains this")
	mutantsThird = flag.Int("mutants.third", 0, "try every third mutant; which third, 1 to 3")
	mutantRuns   = flag.Int("mutant.runs", 0, "used by the tests of mutants: hunt for a violation in this many runs")
)

// mutant is a small defect put into the engine. The simulation must find it: if one
// survives, an invariant is missing, or a kind of fault.
//
// Some changes look like mutants but cannot be found, because other code prevents
// their effect:
//
//   - a leader that chooses its epoch from its own promise alone: servers that have
//     promised a later one refuse it, and it tries the next;
//   - a learner that would truncate what it knows to be committed: no leader asks;
//   - TRUNC to an end in another epoch, as in ZooKeeper: an established leader of a
//     later epoch has synchronized with a quorum, so that what precedes a learner's
//     orphans is in its history;
//   - settled votes for a leader that does not say itself that it leads: the
//     follower finds its quorum port closed, and looks for a leader again;
//   - counting observers among a quorum's members: package quorum asks for voters.
type mutant struct {
	name     string
	file     string // below localcluster
	old, new string // a text that occurs once in the file, and its replacement
	// The swarm, from seed 1, must find it within this many runs: some five
	// times what it needs today. 0: the swarm cannot reach it.
	runs  int
	tests []string // known defects and cases of the corpus that must fail with it
	with  string   // another mutant without which this one has no effect
}

// mutants of all layers: most of them are real defects of ZooKeeper or other systems.
var mutants = slices.Concat(zabMutants, storageMutants, datatreeMutants, servingMutants, worldMutants)

// TestMutants rewrites the source, one mutant at a time, builds this package
// against it, and lets it hunt. go test tries two, CI every third, another third
// each day; all of them, in some six minutes, are
//
//	go test ./localcluster/simulation -run TestMutants -mutants -v -timeout 60m
func TestMutants(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("builds the engine once for each mutant")
	}
	tried, found := 0, 0
	for i := range mutants {
		m := &mutants[i]
		if !m.chosen(i) {
			continue
		}
		tried++
		if t.Run(m.name, m.hunt) {
			found++
		}
	}
	if tried == 0 {
		t.Errorf("no mutant has a name like %q", *mutantsMatch)
	}
	t.Logf("found %d of %d mutants", found, tried)
}

// chosen tells what the flags ask for; without any, the first two.
func (m *mutant) chosen(i int) bool {
	switch {
	case *mutantsMatch != "":
		return strings.Contains(m.name, *mutantsMatch)
	case *mutantsThird > 0:
		return i%3 == *mutantsThird%3
	}
	return *allMutants || i < 2
}

func (m *mutant) hunt(t *testing.T) {
	if m.runs == 0 && len(m.tests) == 0 {
		t.Fatal("nothing is expected to find it")
	}
	program := filepath.Join(t.TempDir(), "hunt.test")
	m.build(t, "test", "-c", "-vet=off", "-o", program, ".")
	for _, test := range m.tests {
		m.fails(t, program, test)
	}
	if m.runs > 0 {
		m.failsSwarm(t, program)
	}
}

// build runs the go command in a world where the mutant is in the source.
func (m *mutant) build(t *testing.T, command string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for i, part := range []*mutant{m, mutantNamed(t, m.with)} {
		if part == nil {
			continue
		}
		path, text := part.applied(t)
		if replace[path] != "" {
			t.Fatalf("%s and %s change the same file", m.name, m.with)
		}
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		writeFile(t, replace[path], []byte(text))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	writeFile(t, file, overlay)
	args = append([]string{command, "-overlay", file}, args...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// mutantNamed finds a mutant; none has no name.
func mutantNamed(t *testing.T, name string) *mutant {
	t.Helper()
	if name == "" {
		return nil
	}
	i := slices.IndexFunc(mutants, func(m mutant) bool { return m.name == name })
	if i < 0 {
		t.Fatalf("there is no mutant %s", name)
	}
	return &mutants[i]
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

// fails runs a test that must notice the mutant.
func (m *mutant) fails(t *testing.T, program, test string) {
	pattern := "^" + strings.ReplaceAll(test, "/", "$/^") + "$"
	out, err := exec.Command(program, "-test.v", "-test.timeout", "5m", "-test.run", pattern, "-corpus.luck", "2000").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: "+test+" ") {
		t.Errorf("%s does not fail (%v)", test, err)
		return
	}
	t.Logf("%s fails", test)
}

// failsSwarm looks for a violation in random runs. The engine without the mutant must not
// have it in the same run.
func (m *mutant) failsSwarm(t *testing.T, program string) {
	out, err := exec.Command(program, "-test.run", "^TestHunt$", "-test.v", "-mutant.runs", strconv.Itoa(m.runs)).CombinedOutput()
	text := string(out)
	at := strings.Index(text, "FOUND ")
	if err == nil || at < 0 {
		t.Errorf("survived %d runs\n%s", m.runs, text)
		return
	}
	line, _, _ := strings.Cut(text[at:], "\n")
	t.Logf("%.250s", line)
	var seed uint64
	if _, err := fmt.Sscanf(line, "FOUND seed %d ", &seed); err != nil {
		t.Fatal(err)
	}
	if r := Run(Draw(seed, 0)); r.Violation != nil {
		t.Errorf("seed %d fails without the mutant: %v", seed, r.Violation)
	}
}

// TestHunt is what a mutant's program runs.
func TestHunt(t *testing.T) {
	if *mutantRuns == 0 {
		t.Skip("for TestMutants")
	}
	hunt := Campaign{First: 1, Runs: *mutantRuns, AsFound: true}
	if *mutantScenario != "" {
		text, err := os.ReadFile(*mutantScenario)
		if err != nil {
			t.Fatal(err)
		}
		hunt.Scenario = mustScenario(t, string(text))
	}
	tally, failure := hunt.Run(t.Context())
	if failure != nil {
		t.Fatalf("FOUND seed %d in run %d of %d: %v", failure.Seed, tally.Runs, *mutantRuns, failure.Result.Violation)
	}
}
