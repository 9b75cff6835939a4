package simulation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/scenario"
)

// startTime is for the servers of a scenario to start and to elect their first leader. The warmup of
// the clients begins behind it, as on processes, where it waits until every member serves.
const startTime = time.Second

// timeZero is when the faults of a scenario begin to strike.
func timeZero(s *scenario.Scenario) time.Duration { return startTime + s.Warmup }

// FromScenario makes the schedule of a seed from a scenario. Its ensemble, its clients, their rate
// and its steps are those of the scenario; what a scenario leaves to the machine, such as the
// latency of links and disks, is drawn from the seed, so that a thousand runs differ. What clients
// ask for is this package's workload, whatever the mix.
//
// The steps that the simulation cannot carry out are refused, and then the schedule is of no use.
// A refusal without a step is about the ensemble or the workload.
func FromScenario(s *scenario.Scenario, seed uint64) (Schedule, []scenario.Refusal) {
	schedule := Schedule{Seed: seed, Setup: base(s.Ensemble.Nodes, s.Ensemble.Observers)}
	setup := &schedule.Setup
	r := rand.New(rand.NewPCG(seed, 4))
	setup.Latency = pick[time.Duration](r, 0, 100, 500, 2000) * time.Microsecond
	setup.Jitter = setup.Latency * pick[time.Duration](r, 0, 1, 3)
	setup.Fsync = pick[time.Duration](r, 50, 500, 2000, 10000) * time.Microsecond
	setup.Stagger = pick[time.Duration](r, 0, 3, 10, 30, 90) * time.Millisecond
	setup.Pipeline = pick(r, 1, 2, 4, 8)
	setup.Wide = r.IntN(2) == 0
	setup.Clients = s.Workload.Clients
	setup.Think = time.Duration(float64(s.Workload.Clients) / s.Workload.Rate * float64(time.Second))
	setup.Chaos = timeZero(s) + s.Duration
	if s.Ensemble.Tick != 0 {
		setup.Tick = s.Ensemble.Tick
	}

	var refused []scenario.Refusal
	refuse := func(step scenario.Step, err error) {
		if err != nil {
			refused = append(refused, scenario.Refusal{Step: step, Reason: err.Error()})
		}
	}
	refuse(scenario.Step{}, setup.settings(s.Ensemble.Settings))
	refuse(scenario.Step{}, setup.check())
	if engine, _, _ := strings.Cut(s.Ensemble.Engine, "="); engine != "" && engine != "embedded" || strings.Contains(s.Ensemble.Engine, ",") {
		refuse(scenario.Step{}, fmt.Errorf("engine %s: the simulation runs the embedded engine, and no other", s.Ensemble.Engine))
	}
	if s.Workload.Command != "" {
		refuse(scenario.Step{}, fmt.Errorf("command %q: a simulation has no processes; its clients are its own", s.Workload.Command))
	}
	for _, step := range s.Steps {
		if step.When.Point == "" && step.When.Step == "" {
			step.When.At += timeZero(s)
		}
		faults, err := compile(&step, setup)
		refuse(step, err)
		schedule.Faults = append(schedule.Faults, faults...)
	}
	return schedule, refused
}

// settings takes over those keys of zoo.cfg that the simulation knows.
func (s *Setup) settings(settings map[string]string) error {
	known := map[string]*int{
		"initLimit": &s.InitLimit, "syncLimit": &s.SyncLimit, "snapCount": &s.SnapCount, "commitLogCount": &s.History,
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		field := known[key]
		if field == nil {
			return fmt.Errorf("settings: the simulation has no %s; it has %s", key, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		n, err := strconv.Atoi(settings[key])
		if err != nil {
			return fmt.Errorf("settings: %s: %q is not a number", key, settings[key])
		}
		*field = n
	}
	return nil
}
