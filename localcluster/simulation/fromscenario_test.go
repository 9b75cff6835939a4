package simulation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/inject/scenario"
)

func mustScenario(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFromScenario(t *testing.T) {
	s := mustScenario(t, `
ensemble: {nodes: 5, observers: 1, tick: 100ms, settings: {syncLimit: 3, initLimit: 7, snapCount: 50, commitLogCount: 9}}
workload: {clients: 4, rate: 100}
warmup: 2s
duration: 6s
faults:
  - first: at 1s kill leader --for 1s
  - every 2s from=1s pause 2 --for 1s
  - on diff after=5ms kill self
  - on first.ended after=1s kill 3
`)
	schedule, refused := FromScenario(s, 3)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	x := schedule.Setup
	if x.Voters != 5 || x.Observers != 1 || x.Tick != 100*time.Millisecond || x.SyncLimit != 3 || x.InitLimit != 7 || x.SnapCount != 50 || x.History != 9 ||
		x.Clients != 4 || x.Think != 40*time.Millisecond || x.Chaos != 9*time.Second || schedule.Seed != 3 {
		t.Errorf("the setup is %+v", x)
	}
	var lines []string
	for _, f := range schedule.Faults {
		lines = append(lines, f.step(&x).String())
	}
	want := []string{
		"first: at 4s kill leader --for 1s", "at 4s pause 2 --for 1s", "at 6s pause 2 --for 1s", "at 8s pause 2 --for 1s",
		"on diff after=5ms kill self", "on first.ended after=1s kill 3",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if back, err := ParseSchedule(schedule.String()); err != nil || back.Setup != x || !slices.Equal(back.Faults, schedule.Faults) {
		t.Errorf("the schedule does not say all: %v\n%v", err, schedule)
	}
	other, _ := FromScenario(s, 4)
	if other.Setup == x || !slices.Equal(other.Faults, schedule.Faults) {
		t.Error("another seed has the same latencies, or other faults")
	}
}

func TestRefusedScenarios(t *testing.T) {
	for text, reason := range map[string]string{
		"ensemble: {engine: apache}":                    "engine apache: the simulation runs the embedded engine",
		"ensemble: {engine: 'embedded=2,apache=1'}":     "engine embedded=2,apache=1: ",
		"ensemble: {nodes: 9}":                          "voters=9 is not between 1 and 7",
		"ensemble: {settings: {maxClientCnxns: 9}}":     "the simulation has no maxClientCnxns; it has commitLogCount, initLimit",
		"ensemble: {settings: {initLimit: ten}}":        `initLimit: "ten" is not a number`,
		"ensemble: {settings: {initLimit: 0}}":          "initlimit=0 is not between",
		"workload: {command: ./load}":                   `command "./load": a simulation has no processes`,
		"summary: a\nfaults: [at 1s damage 1 --wipe]\n": "damage: the simulation checks",
	} {
		if !strings.Contains(text, "faults") {
			text += "\nfaults: [at 1s kill leader]\n"
		}
		if _, refused := FromScenario(mustScenario(t, text), 1); len(refused) != 1 || !strings.Contains(refused[0].Reason, reason) {
			t.Errorf("%s: got %v, want a refusal: %s", text, refused, reason)
		}
	}
}

// onProcesses are the scenarios that only processes can carry out, and why.
var onProcesses = map[string]string{
	"clients-cut-off":        "the simulation has no links in front of its clients",
	"slow-clients-of-leader": "the simulation has no links in front of its clients",
}

// The other scenarios that come with zkctl run in memory, break no promise, and their faults strike.
func TestBuiltinsInMemory(t *testing.T) {
	runs := 3
	if testing.Short() || raceDetector {
		runs = 1
	}
	for _, b := range scenario.Builtins() {
		t.Run(b.Name, func(t *testing.T) {
			s := mustScenario(t, b.Source)
			_, refused := FromScenario(s, 1)
			if why, only := onProcesses[b.Name]; only {
				if len(refused) != 1 || !strings.Contains(refused[0].Reason, why) {
					t.Errorf("refused: %v, want %s", refused, why)
				}
				return
			}
			if len(refused) > 0 {
				t.Fatal(refused)
			}
			tally, failure := Campaign{First: 1, Runs: runs, Scenario: s}.Run(t.Context())
			if failure != nil {
				report(t, failure)
			}
			for i, n := range tally.Coverage.Faults {
				if planned, _ := FromScenario(s, 1); n == 0 && slices.ContainsFunc(planned.Faults, func(f Fault) bool { return f.Kind == FaultKinds[i] }) {
					t.Errorf("no %s has struck", FaultKinds[i])
				}
			}
		})
	}
}
