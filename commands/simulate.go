package commands

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"zkctl/localcluster/simulation"
)

type simulateOptions struct {
	*program
	seed     uint64
	seeded   bool
	runs     int
	duration time.Duration
	nodes    int
	schedule string
	trace    bool
}

func newSimulateCommand(p *program) *cli.Command {
	o := &simulateOptions{program: p}
	return &cli.Command{
		Name:     "simulate",
		Category: categoryRecovery,
		Usage:    "run whole ensembles in memory under random faults, and check every promise",
		Description: "Runs seeded simulations of the embedded engine on all cores: servers that crash, disks that forget, links that break, clocks that drift. " +
			"After every step the invariants of Zab and the promises of ZooKeeper are checked; once everything is healed, the ensemble must recover. " +
			"Exits 0 when no run violates one, 3 when one does: then the seed, a shrunk schedule and the last events are printed. " +
			"--schedule runs such a schedule again.",
		UsageText: "zkctl simulate\nzkctl simulate --for 10m --nodes 5\nzkctl simulate --seed 42 --runs 1\nzkctl simulate --schedule failure.txt --trace",
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Usage: "seed of the first run; the next run has the next (default: random)", Destination: &o.seed},
			&cli.IntFlag{Name: "runs", Usage: "how many runs (default: as many as --for allows)", Destination: &o.runs},
			&cli.DurationFlag{Name: "for", Usage: "how long to go on, when --runs is not given", Value: 60 * time.Second, Destination: &o.duration},
			&cli.IntFlag{Name: "nodes", Usage: "voters, 1 to 7 (default: drawn for each run)", Destination: &o.nodes},
			&cli.StringFlag{Name: "schedule", Usage: "run the schedule in this file instead", Destination: &o.schedule},
			&cli.BoolFlag{Name: "trace", Usage: "with --schedule, or --seed and --runs 1: print the whole story of the run on stderr", Destination: &o.trace},
		},
		Action: func(c *cli.Context) error {
			o.seeded = c.IsSet("seed")
			return o.run(c.Context)
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
}

type simulatedViolation struct {
	Seed      uint64   `json:"seed"`
	Invariant string   `json:"invariant"`
	Text      string   `json:"text"`
	Schedule  []string `json:"schedule"`
	Events    []string `json:"events"`
}

func (o *simulateOptions) run(ctx context.Context) error {
	switch {
	case o.runs < 0:
		return usagef("--runs %d: expected a number of runs, or 0 to go by --for", o.runs)
	case o.duration <= 0:
		return usagef("--for %v: expected a duration above zero", o.duration)
	case o.nodes < 0 || o.nodes > simulation.MaxVoters:
		return usagef("--nodes %d: expected 1 to %d", o.nodes, simulation.MaxVoters)
	}
	if o.schedule != "" {
		return o.replay()
	}
	if !o.seeded {
		o.seed = rand.Uint64() >> 16 // short enough to type
	}
	if o.trace && o.runs == 1 {
		return o.one(simulation.Draw(o.seed, o.nodes))
	}
	return o.campaign(ctx)
}

func (o *simulateOptions) campaign(ctx context.Context) error {
	if o.runs == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	o.progress("seed %d", o.seed)
	line := o.progressLine()
	began := time.Now()
	tally, failure := simulation.Campaign{
		First: o.seed, Runs: o.runs, Nodes: o.nodes,
		Progress: func(t simulation.Tally) { line.show(t, time.Since(began)) },
	}.Run(ctx)
	line.end()
	doc := document(o.seed, tally)
	if failure == nil {
		return o.print(doc, func(pg *page) { drawSimulated(pg, doc) })
	}
	doc.Violation = &simulatedViolation{
		Seed: failure.Seed, Invariant: failure.Result.Violation.Invariant, Text: failure.Result.Violation.Text,
		Schedule: failure.Schedule.Lines(), Events: failure.Events,
	}
	return o.violated(doc)
}

// replay runs one schedule from a file.
func (o *simulateOptions) replay() error {
	text, err := os.ReadFile(o.schedule)
	if err != nil {
		return usagef("--schedule: %w", err)
	}
	schedule, err := simulation.ParseSchedule(string(text))
	if err != nil {
		return usagef("--schedule %s: %w", o.schedule, err)
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
	return simulated{
		Runs: t.Runs, Steps: t.Steps, SimulatedSeconds: t.Simulated.Seconds(), Commits: t.Commits, Leaders: t.Leaders, FirstSeed: first,
	}
}

func drawSimulated(pg *page, doc simulated) {
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
	)
	if v := doc.Violation; v != nil {
		pg.para("seed %d: %s", v.Seed, v.Text)
		pg.para("The shrunk schedule:")
		pg.raw(strings.Join(v.Schedule, "\n") + "\n")
		pg.para("The last events:")
		pg.raw(strings.Join(v.Events, "\n") + "\n")
	}
}

// progressLine is one line on stderr: it changes in place on a terminal, and
// is written anew every ten seconds elsewhere.
func (o *simulateOptions) progressLine() *simulateProgress {
	f, ok := o.Err.(*os.File)
	return &simulateProgress{o: o, live: ok && term.IsTerminal(int(f.Fd()))}
}

type simulateProgress struct {
	o     *simulateOptions
	live  bool
	shown time.Duration
	width int
}

func (l *simulateProgress) show(t simulation.Tally, elapsed time.Duration) {
	pause := 10 * time.Second
	if l.live {
		pause = 200 * time.Millisecond
	}
	if l.o.quiet || elapsed < l.shown+pause {
		return
	}
	l.shown = elapsed
	text := fmt.Sprintf("%d runs, %v simulated, %.0f runs a minute", t.Runs, t.Simulated.Round(time.Second), float64(t.Runs)/elapsed.Minutes())
	if !l.live {
		l.o.progress("%s", text)
		return
	}
	fmt.Fprintf(l.o.Err, "\r%-*s", l.width, text)
	l.width = len(text)
}

func (l *simulateProgress) end() {
	if l.width > 0 {
		fmt.Fprintf(l.o.Err, "\r%s\r", strings.Repeat(" ", l.width))
	}
}
