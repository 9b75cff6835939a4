package simulation

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

var (
	mutantDrills   = flag.Bool("drills", false, "run drills against engines with mutants in them, as processes")
	mutantScenario = flag.String("mutant.scenario", "", "used by the tests of mutants: the file of the scenario to hunt in")
)

// drilledMutants are mutants that a drill on processes must find, and the promise that it must name. A
// drill sees less than the oracle, only answers and logs, and has one run instead of hundreds.
//
// In memory the oracle may stop at another promise: of those that it knows it names the first that is broken.
var drilledMutants = []struct {
	mutant   string
	scenario string // that comes with zkctl, or a text
	want     history.Promise
	inMemory history.Promise // "": the same
}{
	{"learner-ignores-trunc", "leader-isolated", history.SameHistory, ""},
	{"reads-overtake-writes", "leader-crash", history.FIFO, ""},
	{"reply-is-sent-twice", "leader-crash", history.FIFO, ""},
	{"commit-without-quorum", "leader-isolated", history.QuorumAcks, invDurable},
	{"restored-watches-miss", "connection-reset", history.WatchesFire, ""},
	{"events-behind-replies", "leader-crash", history.WatchesFire, ""},
	{"multi-is-not-undone", "leader-crash", history.ReadAtZxid, history.Digest},
	{"sequence-counts-living-children", "leader-crash", history.Result, ""},
	{"sync-ahead-of-commits", "slow-follower", history.OneImage, ""},
	{"closing-a-session-leaves-nodes", deadClients, history.Ephemerals, history.Digest},
	{"sessions-expire-a-tick-early", deadClients, history.SessionsHold, ""},
}

const deadClients = `
name: dead-clients
workload: {clients: 8, rate: 400, session: 1s}
warmup: 1s
duration: 5s
faults:
  - at 1s client half --abandon
`

// TestMutantsInDrills builds zkctl with a mutant in it, and has it drill itself: its members are
// processes of the same program. All of them take some five minutes:
//
//	go test ./localcluster/simulation -run TestMutantsInDrills -drills -v -timeout 30m
func TestMutantsInDrills(t *testing.T) {
	if !*mutantDrills {
		t.Skip("starts ensembles of processes; -drills does")
	}
	for _, c := range drilledMutants {
		if !strings.Contains(c.mutant, *mutantsMatch) {
			continue
		}
		t.Run(c.mutant, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "zkctl")
			mutantNamed(t, c.mutant).build(t, "build", "-o", program, "zkctl/cmd/zkctl")
			for seed := 1; seed <= 3; seed++ {
				found := drillWith(t, program, c.scenario, seed)
				t.Logf("seed %d: %v", seed, found)
				if slices.Contains(found, string(c.want)) {
					return
				}
			}
			t.Errorf("no drill names %q", c.want)
		})
	}
}

// drillWith runs a drill and returns the promises that it finds broken.
func drillWith(t *testing.T, program, name string, seed int) (violated []string) {
	t.Helper()
	drill := exec.CommandContext(t.Context(), program, "drill", scenarioFile(t, name), "--seed", strconv.Itoa(seed), "-o", "json", "-q")
	drill.Env = append(os.Environ(), "ZKCTL_HOME="+t.TempDir())
	out, err := drill.Output()
	var doc struct {
		Checks []struct{ Name, Verdict string }
	}
	if len(out) == 0 || json.Unmarshal(out, &doc) != nil || len(doc.Checks) == 0 {
		t.Fatalf("the drill has no verdicts (%v): %s", err, out)
	}
	for _, c := range doc.Checks {
		if c.Verdict == "violated" {
			violated = append(violated, c.Name)
		}
	}
	return violated
}

// scenarioFile is what names a scenario on a command line.
func scenarioFile(t *testing.T, name string) string {
	t.Helper()
	if !strings.Contains(name, "\n") {
		return name
	}
	file := filepath.Join(t.TempDir(), "scenario.yaml")
	writeFile(t, file, []byte(name))
	return file
}

// TestMutantsInScenarios hunts the same mutants in memory, in the same scenarios. go test tries none of
// them; the flags of TestMutants choose.
func TestMutantsInScenarios(t *testing.T) {
	if !*allMutants && *mutantsMatch == "" && *mutantsThird == 0 {
		t.Skip("builds the engine once for each mutant; -mutants does")
	}
	for i, c := range drilledMutants {
		if !mutantNamed(t, c.mutant).chosen(i) {
			continue
		}
		t.Run(c.mutant, func(t *testing.T) {
			source := c.scenario
			if i := slices.IndexFunc(scenario.Builtins(), func(b scenario.Builtin) bool { return b.Name == source }); i >= 0 {
				source = scenario.Builtins()[i].Source
			}
			file := filepath.Join(t.TempDir(), "scenario.yaml")
			writeFile(t, file, []byte(source))
			program := filepath.Join(t.TempDir(), "hunt.test")
			mutantNamed(t, c.mutant).build(t, "test", "-c", "-vet=off", "-o", program, ".")
			out, err := exec.CommandContext(t.Context(), program, "-test.run", "^TestHunt$", "-test.v", "-mutant.runs", "200", "-mutant.scenario", file).CombinedOutput()
			want := c.want
			if c.inMemory != "" {
				want = c.inMemory
			}
			at := strings.Index(string(out), "FOUND ")
			if err == nil || at < 0 || !strings.Contains(string(out), ": "+string(want)+" violated") {
				t.Fatalf("200 runs do not find that %q is violated:\n%s", want, out)
			}
			line, _, _ := strings.Cut(string(out)[at:], "\n")
			t.Logf("%.250s", line)
		})
	}
}
