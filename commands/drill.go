package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject/drill"
	"zkctl/inject/scenario"
	"zkctl/localcluster"
)

type drillOptions struct {
	*program
	list                     bool
	printed                  string
	duration                 time.Duration
	clients, nodes, watchers int
	rate, engine, workload   string
	seed                     uint64
	limits                   cli.StringSlice
	report, junit, bundle    string
	keep, dryRun             bool
	isSet                    func(flag string) bool
}

func newDrillCommand(p *program) *cli.Command {
	o := &drillOptions{program: p}
	p.completeArgs("drill", builtinNames)
	p.completeFlag("print", builtinNames)
	p.completeFlag("slo", limitNames)
	return &cli.Command{
		Name:      "drill",
		Category:  categoryRecovery,
		Usage:     "break an ensemble under load as a scenario says, and judge whether its promises held",
		ArgsUsage: "NAME|FILE",
		Description: "Brings up an ensemble for the drill, or takes the one that --name names; has clients work; injects the faults of the " +
			"scenario, heals them, and compares everything that the clients were answered with the transaction logs of the members. " +
			"An argument with a / or with the ending .yaml is a file, and - is standard input; others are scenarios that come with " +
			"zkctl, which --list lists and --print prints as files to edit.\n\n" +
			"Exits 0 when all promises held, 3 when one is violated or a limit is missed, and 4 when the drill does not suffice to say. " +
			"Ctrl-C ends the faults and judges what was seen; a second one only cleans up.",
		UsageText: "zkctl drill leader-crash\nzkctl drill rolling-restart --engine apache --slo 'write_unavailable<2s'\n" +
			"zkctl drill --print leader-crash > mine.yaml\nzkctl drill ./mine.yaml --seed 7 --bundle evidence",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "list the scenarios that come with zkctl", Destination: &o.list},
			&cli.StringFlag{Name: "print", Usage: "`NAME` print one of them as a file", Destination: &o.printed},
			&cli.DurationFlag{Name: "duration", Usage: "how long faults strike (default: what the scenario says)", Destination: &o.duration},
			&cli.IntFlag{Name: "clients", Usage: "how many clients work (default: what the scenario says)", Destination: &o.clients},
			&cli.StringFlag{Name: "rate", Usage: "operations a second of all clients together (default: what the scenario says)", Destination: &o.rate},
			&cli.Uint64Flag{Name: "seed", Usage: "of all that is left to chance (default: random)", Destination: &o.seed},
			&cli.IntFlag{Name: "nodes", Usage: "members that vote (default: what the scenario says)", Destination: &o.nodes},
			&cli.IntFlag{Name: "observers", Usage: "members that do not vote (default: what the scenario says)", Destination: &o.watchers},
			&cli.StringFlag{Name: "engine", Usage: "embedded, apache, or a mix such as embedded=2,apache=1 (default: what the scenario says)", Destination: &o.engine},
			&cli.StringSliceFlag{Name: "slo", Usage: "`LIMIT` a limit to keep, such as write_unavailable<2s; repeat it", Destination: &o.limits},
			&cli.StringFlag{Name: "workload", Usage: "`CMD` have this program work instead of clients: it finds the members in ZK_HOSTS, may write a history to " +
				"ZKCTL_HISTORY, gets SIGTERM at the end, and must exit with 0", Destination: &o.workload},
			&cli.StringFlag{Name: "report", Usage: "`FILE` write what happened when as a page of HTML", Destination: &o.report},
			&cli.StringFlag{Name: "junit", Usage: "`FILE` write the verdicts as JUnit XML", Destination: &o.junit},
			&cli.StringFlag{Name: "bundle", Usage: "`DIR` keep all evidence in a new directory, for zkctl verify", Destination: &o.bundle},
			&cli.BoolFlag{Name: "keep", Usage: "leave the ensemble up", Destination: &o.keep},
			dryRunFlag(&o.dryRun),
		},
		Action: func(c *cli.Context) error {
			o.isSet = c.IsSet
			switch {
			case (o.list || o.printed != "") && c.NArg() > 0, o.list && o.printed != "":
				return usagef("--list and --print take no scenario beside them")
			case o.list:
				return o.listScenarios()
			case o.printed != "":
				return o.printScenario()
			}
			var name string
			if err := oneArg(c, "NAME or FILE", &name); err != nil {
				return withHint(err, "zkctl drill --list lists the scenarios")
			}
			return o.run(c.Context, name)
		},
	}
}

// scenarioDoc is one of the scenarios that `zkctl drill --list` lists.
type scenarioDoc struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

func (o *drillOptions) listScenarios() error {
	var doc struct {
		Scenarios []scenarioDoc `json:"scenarios"`
	}
	var rows [][]string
	for _, b := range scenario.Builtins() {
		doc.Scenarios = append(doc.Scenarios, scenarioDoc{b.Name, b.Summary})
		rows = append(rows, []string{b.Name, b.Summary})
	}
	return o.print(doc, func(pg *page) { pg.table([]column{left("scenario"), left("summary").cut()}, rows) })
}

func (o *drillOptions) printScenario() error {
	b, err := builtinScenario(o.printed)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(o.Out, b.Source)
	return wrapOutput(err)
}

func limitNames(context.Context) []string {
	var names []string
	for _, m := range scenario.Metrics() {
		names = append(names, m+"<")
	}
	return names
}

// load reads the scenario and puts what the flags say in it.
func (o *drillOptions) load(name string) (*scenario.Scenario, error) {
	s, err := o.readScenario(name)
	if err != nil {
		return nil, err
	}
	if o.isSet("rate") {
		if s.Workload.Rate, err = strconv.ParseFloat(o.rate, 64); err != nil {
			return nil, usagef("--rate %q: expected operations a second", o.rate)
		}
	}
	for flag, set := range map[string]func(){
		"duration":  func() { s.Duration = o.duration },
		"clients":   func() { s.Workload.Clients = o.clients },
		"nodes":     func() { s.Ensemble.Nodes = o.nodes },
		"observers": func() { s.Ensemble.Observers = o.watchers },
		"engine":    func() { s.Ensemble.Engine = o.engine },
		"workload":  func() { s.Workload.Command = o.workload },
	} {
		if o.isSet(flag) {
			set()
		}
	}
	return s, nil
}

// ensemble is that of --name, or a new one.
func (o *drillOptions) ensemble() (localcluster.DrillOptions, error) {
	home, err := localcluster.FindHome(o.getenv)
	if err != nil {
		return localcluster.DrillOptions{}, err
	}
	e := localcluster.DrillOptions{
		Home: home, Name: o.name, Program: programName(), Progress: func(step string) { o.progress("%s …", step) },
	}
	if o.name == "" {
		e.Name, e.Fresh = fmt.Sprintf("drill-%d", o.seed), true
		return e, nil
	}
	for _, flag := range []string{"nodes", "observers", "engine"} {
		if o.isSet(flag) {
			return e, usagef("--%s: the ensemble %s is what it is; without --name there is a new one for the drill", flag, o.name)
		}
	}
	if o.keep {
		return e, usagef("--keep: the ensemble %s stays up in any case", o.name)
	}
	return e, localcluster.CheckName(o.name)
}

func (o *drillOptions) run(ctx context.Context, name string) error {
	var limits []scenario.Limit
	for _, text := range o.limits.Value() {
		l, err := scenario.ParseLimit(text)
		if err != nil {
			return usagef("--slo: %w", err)
		}
		limits = append(limits, l)
	}
	if !o.isSet("seed") {
		o.seed = rand.Uint64N(1_000_000) // short enough to type
	}
	s, err := o.load(name)
	if err != nil {
		return err
	}
	ensemble, err := o.ensemble()
	if err != nil {
		return err
	}
	target, err := localcluster.NewDrillTarget(ensemble, s) // the scenario now says what the ensemble is
	if err != nil {
		return err
	}
	timing, err := localcluster.DrillTiming(ensemble, s)
	if err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return usagef("%w", err)
	}
	if o.dryRun {
		return o.plan(target, s)
	}
	o.progress("seed %d", o.seed)
	line := o.statusLine()
	abort, stop := secondInterrupt(ctx)
	defer stop()
	result, err := drill.Run(ctx, target, s, drill.Options{
		Seed: o.seed, Limits: limits, Bundle: o.bundle, Zkctl: buildVersion().Zkctl, Keep: o.keep, Abort: abort,
		Predict: predictor(timing, s.Workload.Session), Progress: func(p drill.Progress) { line.show(drillProgress(p)) },
	})
	line.end()
	var refused *drill.Refused
	if errors.As(err, &refused) {
		return usagef("%w", err)
	}
	if result == nil {
		return err
	}
	again := []string{o.again(name)}
	if o.bundle != "" && err == nil {
		again = append(again, "zkctl verify "+shellQuote(o.bundle))
	}
	err = errors.Join(err, writeReport(o.report, result, again))
	if o.junit != "" {
		err = errors.Join(err, writeJUnit(o.junit, result, o.again(name)))
	}
	doc := drill.NewDocument(result)
	doc.Bundle = o.bundle
	if printing := o.print(doc, func(pg *page) { drawVerdict(pg, doc, again) }); err == nil {
		err = printing
	}
	if err != nil {
		return err
	}
	return verdictError(result)
}

// again is the command that does the same drill.
func (o *drillOptions) again(name string) string {
	words := []string{"zkctl drill", shellQuote(name)}
	add := func(flag string, value any) {
		if o.isSet(flag) {
			words = append(words, fmt.Sprintf("--%s %v", flag, value))
		}
	}
	if o.name != "" {
		words = append(words, "--name "+o.name)
	}
	add("duration", o.duration)
	add("clients", o.clients)
	add("rate", o.rate)
	add("nodes", o.nodes)
	add("observers", o.watchers)
	add("engine", shellQuote(o.engine))
	add("workload", shellQuote(o.workload))
	return strings.Join(append(words, fmt.Sprintf("--seed %d", o.seed)), " ")
}

// secondInterrupt is a context that ends when the process is asked to stop a second time: the first time ends ctx.
func secondInterrupt(ctx context.Context) (context.Context, func()) {
	abort, cancel := context.WithCancel(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; n < 2; n++ {
			select {
			case <-signals:
			case <-abort.Done():
				return
			}
		}
		cancel()
	}()
	return abort, func() {
		signal.Stop(signals)
		cancel()
	}
}

// verdictError is the exit code of a verdict.
func verdictError(r *drill.Result) error {
	switch {
	case r.Verdict.String() == "violated", r.Missed:
		return reported(exitUnhealthy)
	case r.Verdict.String() == "unknown":
		return reported(exitUnknown)
	}
	return nil
}

// drillPlan is the document of `zkctl drill --dry-run`.
type drillPlan struct {
	Scenario string   `json:"scenario"`
	World    string   `json:"world"`
	Seed     uint64   `json:"seed"`
	DryRun   bool     `json:"dry_run"`
	Steps    []string `json:"steps"`
	Refused  []string `json:"refused"`
}

func (o *drillOptions) plan(target drill.Target, s *scenario.Scenario) error {
	doc := drillPlan{Scenario: s.Name, World: target.Describe(), Seed: o.seed, DryRun: true, Steps: []string{}, Refused: []string{}}
	refused := target.Refuse(s)
	for _, step := range s.Steps {
		doc.Steps = append(doc.Steps, step.String())
	}
	for _, r := range refused {
		doc.Refused = append(doc.Refused, fmt.Sprintf("%s: %s", r.Step, r.Reason))
	}
	err := o.print(doc, func(pg *page) {
		pg.para("%s on %s", doc.Scenario, doc.World)
		if s.Workload.Command != "" {
			pg.line("- would run %s", s.Workload.Command)
		} else {
			pg.line("- would have %d clients work, %v operations a second together", s.Workload.Clients, s.Workload.Rate)
		}
		drawSteps(pg, doc.Steps)
		pg.line("- would heal everything after %v, have every client write once more, and judge", s.Duration)
		for _, r := range doc.Refused {
			pg.line("- cannot %s", r)
		}
	})
	if err == nil && len(refused) > 0 {
		err = reported(exitUsage)
	}
	return err
}

// shellQuote is a word as a POSIX shell reads it.
func shellQuote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !safe(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
