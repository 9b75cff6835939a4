package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
)

type upOptions struct {
	*program
	nodes, observers, basePort int
	engine, config             string
	tick, wait                 time.Duration
	settings                   cli.StringSlice
	foreground, dryRun         bool
}

func newUpCommand(p *program) *cli.Command {
	o := &upOptions{program: p}
	p.completeFlag("nodes", constant("1", "3", "5", "7"))
	p.completeFlag("observers", constant("0", "1", "2"))
	p.completeFlag("engine", constant("embedded", "apache", "embedded=2,apache=1"))
	return &cli.Command{
		Name:     "up",
		Category: categoryEnsemble,
		Usage:    "start a local ensemble, or resume a stopped one",
		Description: "Starts an ensemble of ZooKeeper servers on this machine, each a process of its own, and returns when every " +
			"member serves. An ensemble that exists keeps its members, its ports and its data; one that runs already is left " +
			"as it is, but for members that are down, which are started.",
		UsageText: "zkctl up\nzkctl up --nodes 5 --observers 1 --name test\nzkctl up --engine embedded=2,apache=1 --set snapCount=1000",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "nodes", Usage: "members that vote (3 for a new ensemble)", Destination: &o.nodes},
			&cli.IntFlag{Name: "observers", Usage: "members that do not vote (none for a new ensemble)", Destination: &o.observers},
			&cli.StringFlag{Name: "engine", Usage: "embedded, apache, or a mix such as embedded=2,apache=1 (embedded for a new ensemble)", Destination: &o.engine},
			&cli.DurationFlag{Name: "wait", Usage: "how long to wait until every member serves; 0 is not at all", Value: 30 * time.Second, Destination: &o.wait},
			&cli.IntFlag{Name: "base-port", Usage: "the first of the ensemble's ports (free ones are chosen)", Destination: &o.basePort},
			&cli.DurationFlag{Name: "tick", Usage: "tickTime (200ms for a new ensemble)", Destination: &o.tick},
			&cli.StringSliceFlag{Name: "set", Usage: "`KEY=VALUE` a key of zoo.cfg for every member; repeat it", Destination: &o.settings},
			&cli.StringFlag{Name: "config", Usage: "`FILE` a zoo.cfg to copy members and settings from; - is stdin", Destination: &o.config},
			&cli.BoolFlag{Name: "foreground", Usage: "stay, and stop the ensemble on Ctrl-C", Destination: &o.foreground},
			dryRunFlag(&o.dryRun),
		},
		Action: func(c *cli.Context) error {
			switch {
			case c.IsSet("nodes") && o.nodes < 1:
				return usagef("--nodes %d: an ensemble has at least one voter", o.nodes)
			case o.observers < 0:
				return usagef("--observers %d: expected zero or more", o.observers)
			case c.IsSet("base-port") && o.basePort < 1:
				return usagef("--base-port %d: expected a port", o.basePort)
			case c.IsSet("tick") && o.tick == 0:
				return usagef("--tick 0s: expected at least 1ms")
			}
			return o.run(c.Context)
		},
	}
}

// request turns the flags into what the ensemble is asked to be.
func (o *upOptions) request() (localcluster.Request, error) {
	r := localcluster.Request{
		Nodes: o.nodes, Observers: o.observers, BasePort: o.basePort, Tick: o.tick, Settings: o.settings.Value(), ConfigAs: inputName(o.config),
	}
	var err error
	if o.engine != "" {
		if r.Engines, err = localcluster.ParseEngineMix(o.engine); err != nil {
			return r, err
		}
	}
	if o.config != "" {
		r.Config, err = o.readInput(o.config)
	}
	if err != nil {
		return r, fmt.Errorf("--config: %w", err) // the words are right, the file is not there: a failure, as in quorum
	}
	return r, nil
}

func (o *upOptions) run(ctx context.Context) error {
	home, name, err := o.pick()
	if err != nil {
		return err
	}
	request, err := o.request()
	if err != nil {
		return err
	}
	up := localcluster.UpOptions{
		Home: home, Name: name, Request: request, Wait: o.wait, Program: programName(),
		Progress: func(step string) { o.progress("%s: %s …", name, step) },
	}
	switch {
	case o.dryRun:
		return o.plan(up)
	case o.foreground:
		return localcluster.UpForeground(ctx, up, func(r localcluster.UpResult) error { return o.report(r) })
	}
	result, err := localcluster.Up(ctx, up)
	if err != nil {
		return err
	}
	return o.report(result)
}

// upDoc is the document of "zkctl up": the status, and what up had to do for it.
type upDoc struct {
	localcluster.Status
	Already bool    `json:"already_running"`
	Created bool    `json:"created"`
	Started []int64 `json:"started"` // of an ensemble that was running: the members that were not
}

func (o *upOptions) report(r localcluster.UpResult) error {
	doc := upDoc{Status: r.Status, Already: r.Already, Created: r.Created, Started: append([]int64{}, r.Started...)}
	err := o.printDone("up", false, doc, func(pg *page) {
		if r.Already {
			pg.para("%s is already running.", r.Status.Name)
		}
		drawStatus(pg, r.Status)
	})
	if err == nil && r.Created {
		o.hint(`eval "$(zkctl env)" tells clients where it is; zkctl kill leader breaks it; zkctl down stops it`)
	}
	return err
}

// upPlan is the document of "zkctl up --dry-run".
type upPlan struct {
	Name   string   `json:"name"`
	DryRun bool     `json:"dry_run"`
	Steps  []string `json:"steps"`
}

func (o *upOptions) plan(up localcluster.UpOptions) error {
	steps, err := localcluster.PlanUp(up)
	if err != nil {
		return err
	}
	return o.print(upPlan{up.Name, true, steps}, func(pg *page) { drawSteps(pg, steps) })
}

// drawSteps shows what a dry run would do.
func drawSteps(pg *page, steps []string) {
	for _, s := range steps {
		pg.line("- would %s", s)
	}
}
