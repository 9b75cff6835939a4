package commands

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject/drill"
	"zkctl/inject/scenario"
	"zkctl/localcluster/simulation"
)

type simulateOptions struct {
	*program
	seed     uint64
	runs     int
	duration time.Duration
	nodes    int
	schedule string
	scenario string
	report   string
	trace    bool
}

func newSimulateCommand(p *program) *cli.Command {
	o := &simulateOptions{program: p}
	p.completeFlag("scenario", builtinNames)
	return &cli.Command{
		Name:     "simulate",
		Category: categoryRecovery,
		Usage:    "run whole ensembles in memory under random faults, and check every promise",
		Description: "Runs seeded simulations of the embedded engine on all cores: servers that crash, disks that forget, links that break, clocks that drift. " +
			"After every step the invariants of Zab and the promises of ZooKeeper are checked; once all faults are healed, the ensemble must recover. " +
			"Exits 0 when no run violates one, 3 when one does: then the seed, a shrunk schedule and the last events are printed. " +
			"--schedule runs such a schedule again, from a file or, as -, from standard input. --scenario has the faults and the ensemble " +
			"of a scenario in every run, by the name of one that comes with zkctl or from a file; each seed has other latencies.",
		UsageText: "zkctl simulate\nzkctl simulate --for 10m --nodes 5\nzkctl simulate --seed 42 --runs 1\nzkctl simulate --schedule failure.txt --trace\nzkctl simulate --scenario leader-crash --runs 100",
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Usage: "seed of the first run; the next run has the next (default: random)", Destination: &o.seed},
			&cli.IntFlag{Name: "runs", Usage: "how many runs (default: as many as --for allows)", Destination: &o.runs},
			&cli.DurationFlag{Name: "for", Usage: "how long to go on, with --runs at most (default: 1m0s without --runs)", Destination: &o.duration},
			&cli.IntFlag{Name: "nodes", Usage: "voters, 1 to 7 (default: those of the scenario, or drawn for each run)", Destination: &o.nodes},
			&cli.StringFlag{Name: "scenario", Usage: "`NAME|FILE` run the faults of this scenario instead of drawn ones", Destination: &o.scenario},
			&cli.StringFlag{Name: "schedule", Usage: "`FILE` run the schedule in this file instead", Destination: &o.schedule},
			&cli.StringFlag{Name: "report", Usage: "`FILE` with --scenario and --runs 1: write what happened when as a page of HTML", Destination: &o.report},
			&cli.BoolFlag{Name: "trace", Usage: "with --schedule or --runs 1: print the whole story of the run on stderr", Destination: &o.trace},
		},
		Action: func(c *cli.Context) error {
			if err := o.check(c); err != nil {
				return err
			}
			if o.schedule != "" {
				return o.replay()
			}
			if !c.IsSet("seed") {
				o.seed = rand.Uint64() >> 16 // short enough to type
			}
			campaign := simulation.Campaign{First: o.seed, Runs: o.runs, Nodes: o.nodes}
			if o.scenario != "" {
				var err error
				if campaign.Scenario, err = o.readSteps(c.IsSet("nodes")); err != nil {
					return err
				}
			}
			if o.report != "" {
				if err := o.reportRun(c.Context, campaign.Scenario); err != nil {
					return err
				}
			}
			if o.trace {
				return o.one(campaign.Schedule(o.seed))
			}
			return o.campaign(c.Context, campaign)
		},
	}
}

// simulated is the document that the command prints.
type simulated struct {
	Runs             int                 `json:"runs"`
	Steps            int                 `json:"steps"`
	SimulatedSeconds float64             `json:"simulated_seconds"`
	Commits          int                 `json:"commits"`
	Leaders          int                 `json:"leaders"`
	FirstSeed        uint64              `json:"first_seed"`
	Violation        *simulatedViolation `json:"violation"`
	Coverage         simulatedCoverage   `json:"coverage"`
}

// simulatedCoverage counts what happened in the runs, by name: see simulation.Coverage.
type simulatedCoverage struct {
	Faults   map[simulation.FaultKind]int      `json:"faults"`
	Points   map[simulation.InjectionPoint]int `json:"injection_points"`
	Deaths   map[simulation.InjectionPoint]int `json:"deaths"`
	Relapses int                               `json:"relapses"`
}

type simulatedViolation struct {
	Seed      uint64   `json:"seed"`
	Invariant string   `json:"invariant"`
	Text      string   `json:"text"`
	Schedule  []string `json:"schedule"`
	Events    []string `json:"events"`
}

// check refuses values and combinations that mean nothing.
func (o *simulateOptions) check(c *cli.Context) error {
	switch {
	case o.runs < 0:
		return usagef("--runs %d: expected a number of runs, or 0 to go by --for", o.runs)
	case c.IsSet("for") && o.duration <= 0:
		return usagef("--for %v: expected a duration above zero", o.duration)
	case c.IsSet("nodes") && (o.nodes < 1 || o.nodes > simulation.MaxVoters):
		return usagef("--nodes %d: expected 1 to %d", o.nodes, simulation.MaxVoters)
	case o.report != "" && (o.scenario == "" || o.runs != 1):
		return usagef("--report is about one run of a scenario: add --scenario NAME and --runs 1")
	case o.trace && o.schedule == "" && o.runs != 1:
		return usagef("--trace tells the story of one run: add --runs 1, or --schedule FILE")
	}
	if o.schedule != "" {
		for _, other := range []string{"seed", "runs", "for", "nodes", "scenario"} {
			if c.IsSet(other) {
				return usagef("--%s: a schedule is one run, and says itself what its seed and ensemble are", other)
			}
		}
	}
	return nil
}

// readSteps reads the scenario, which the simulation must be able to carry out.
func (o *simulateOptions) readSteps(otherSize bool) (*scenario.Scenario, error) {
	s, err := o.readScenario(o.scenario)
	if err != nil {
		return nil, err
	}
	if otherSize {
		s.Ensemble.Nodes = o.nodes
		if err := s.Check(); err != nil {
			return nil, usagef("%w", err)
		}
	}
	if _, refused := simulation.FromScenario(s, o.seed); len(refused) > 0 {
		var reasons []string
		for _, r := range refused {
			if r.Step.Fault.Verb != "" {
				r.Reason = fmt.Sprintf("line %d: %s", r.Step.Line, r.Reason)
			}
			reasons = append(reasons, r.Reason)
		}
		return nil, usagef("%s: %s", s.Name, strings.Join(reasons, "\n"))
	}
	return s, nil
}

// reportRun carries the run out as a drill, which is the same run with a history.
func (o *simulateOptions) reportRun(ctx context.Context, s *scenario.Scenario) error {
	result, err := drill.Run(ctx, simulation.NewTarget(), s, drill.Options{Seed: o.seed})
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	again := fmt.Sprintf("zkctl simulate --scenario %s --runs 1 --seed %d", shellQuote(o.scenario), o.seed)
	if o.nodes != 0 {
		again += fmt.Sprintf(" --nodes %d", o.nodes)
	}
	return writeReport(o.report, result, []string{again})
}

func (o *simulateOptions) campaign(ctx context.Context, campaign simulation.Campaign) error {
	limited := ctx
	if o.runs == 0 && o.duration == 0 {
		o.duration = time.Minute
	}
	if o.duration > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	o.progress("seed %d", o.seed)
	line, began := o.tallyLine(), time.Now()
	campaign.Progress = func(t simulation.Tally) { line.show(t, time.Since(began)) }
	tally, failure := campaign.Run(limited)
	line.end()
	doc := document(o.seed, tally)
	if failure == nil {
		err := o.print(doc, func(pg *page) { drawSimulated(pg, doc) })
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("interrupted after %d runs", tally.Runs)
		}
		return err
	}
	doc.Violation = &simulatedViolation{
		Seed: failure.Seed, Invariant: failure.Result.Violation.Invariant, Text: failure.Result.Violation.Text,
		Schedule: failure.Schedule.Lines(), Events: failure.Events,
	}
	return o.violated(doc)
}

// replay runs one schedule from a file.
func (o *simulateOptions) replay() error {
	text, err := o.readInput(o.schedule)
	if err != nil {
		return fmt.Errorf("read the schedule: %w", err)
	}
	schedule, err := simulation.ParseSchedule(string(text))
	if err != nil {
		return withHint(usagef("%s, %w", inputName(o.schedule), err), "a schedule is the lines that a failure prints, from seed to the last fault")
	}
	return o.one(schedule)
}

func (o *simulateOptions) one(schedule simulation.Schedule) error {
	result, events := simulation.Trace(schedule, 0)
	if o.trace {
		for _, line := range events {
			fmt.Fprintln(o.Err, line)
		}
	}
	doc := document(schedule.Seed, simulation.Tally{
		Runs: 1, Steps: result.Steps, Simulated: result.Simulated, Commits: result.Commits, Leaders: result.Leaders,
		Coverage: result.Coverage,
	})
	if result.Violation == nil {
		return o.print(doc, func(pg *page) { drawSimulated(pg, doc) })
	}
	doc.Violation = &simulatedViolation{
		Seed: schedule.Seed, Invariant: result.Violation.Invariant, Text: result.Violation.Text,
		Schedule: schedule.Lines(), Events: events[max(0, len(events)-simulation.ShownEvents):],
	}
	return o.violated(doc)
}

func (o *simulateOptions) violated(doc simulated) error {
	if err := o.print(doc, func(pg *page) { drawSimulated(pg, doc) }); err != nil {
		return err
	}
	o.hint("save the lines of the schedule in a file and run it again with: zkctl simulate --schedule FILE --trace")
	return reported(exitUnhealthy)
}

func document(first uint64, t simulation.Tally) simulated {
	c := simulatedCoverage{
		Faults: map[simulation.FaultKind]int{}, Points: map[simulation.InjectionPoint]int{}, Deaths: map[simulation.InjectionPoint]int{},
		Relapses: t.Coverage.Relapses,
	}
	for i, kind := range simulation.FaultKinds {
		c.Faults[kind] = t.Coverage.Faults[i]
	}
	for i, m := range simulation.InjectionPoints {
		c.Points[m], c.Deaths[m] = t.Coverage.InjectionPoints[i], t.Coverage.Deaths[i]
	}
	return simulated{
		// One division rounds once. Duration.Seconds rounds twice, and makes 1.7307612890000001 of
		// 1.730761289.
		Runs: t.Runs, Steps: t.Steps, SimulatedSeconds: float64(t.Simulated) / float64(time.Second), Commits: t.Commits, Leaders: t.Leaders,
		FirstSeed: first, Coverage: c,
	}
}

func drawSimulated(pg *page, doc simulated) {
	faults := 0
	for _, n := range doc.Coverage.Faults {
		faults += n
	}
	verdict := pg.good("no violation")
	if doc.Violation != nil {
		verdict = pg.bad("violated: " + doc.Violation.Invariant)
	}
	pg.fields(
		[2]string{"verdict", verdict},
		[2]string{"runs", fmt.Sprint(doc.Runs)},
		[2]string{"first seed", fmt.Sprint(doc.FirstSeed)},
		[2]string{"steps", fmt.Sprint(doc.Steps)},
		[2]string{"simulated", (time.Duration(doc.SimulatedSeconds) * time.Second).String()},
		[2]string{"transactions", fmt.Sprint(doc.Commits)},
		[2]string{"leaders", fmt.Sprint(doc.Leaders)},
		[2]string{"faults", fmt.Sprint(faults)},
		[2]string{"deaths", fmt.Sprint(doc.Coverage.Points[simulation.AtDied])},
	)
	if v := doc.Violation; v != nil {
		text, stack, _ := strings.Cut(v.Text, "\n") // of a panic
		pg.para("seed %d: %s", v.Seed, text)
		pg.raw(stack)
		pg.para("The shrunk schedule:")
		pg.raw(strings.Join(v.Schedule, "\n") + "\n")
		pg.para("The last events:")
		pg.raw(strings.Join(v.Events, "\n") + "\n")
	}
}
