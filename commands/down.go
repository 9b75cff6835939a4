package commands

import (
	"context"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
)

type downOptions struct {
	*program
	purge, dryRun bool
}

func newDownCommand(p *program) *cli.Command {
	o := &downOptions{program: p}
	return &cli.Command{
		Name:     "down",
		Category: categoryEnsemble,
		Usage:    "stop a local ensemble",
		Description: "Ends the ensemble's processes and keeps its data: zkctl up resumes it on the same ports. With --purge the data is " +
			"deleted, too. That there is no such ensemble is fine.",
		UsageText: "zkctl down\nzkctl down --purge\nzkctl down --name test --dry-run",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "purge", Usage: "delete the ensemble with all its data", Destination: &o.purge},
			dryRunFlag(&o.dryRun),
		},
		Action: func(c *cli.Context) error { return o.run(c.Context) },
	}
}

// downDoc is the document of "zkctl down".
type downDoc struct {
	Name    string `json:"name"`
	Existed bool   `json:"existed"`
	Stopped bool   `json:"stopped"`          // it was running
	Forced  string `json:"forced,omitempty"` // why its supervisor had to be killed
	Purged  bool   `json:"purged"`
	DryRun  bool   `json:"dry_run,omitempty"`
}

func (o *downOptions) run(ctx context.Context) error {
	home, name, err := o.pick()
	if err != nil {
		return err
	}
	result, err := localcluster.Down(ctx, home, name, o.purge, o.dryRun)
	if err != nil {
		return err
	}
	if result.Forced != "" {
		o.hint("the supervisor of %s was killed, and its members with it: %s", name, result.Forced)
	}
	doc := downDoc{Name: name, Existed: result.Existed, Stopped: result.Running, Forced: result.Forced, Purged: result.Purged, DryRun: o.dryRun}
	return o.printDone("down", o.dryRun, doc, func(pg *page) {
		switch {
		case !result.Existed:
			pg.para("There is no ensemble %s.", name)
			return
		case o.dryRun:
			var steps []string
			if result.Running {
				steps = append(steps, "stop the members and the supervisor of "+name)
			}
			if o.purge {
				steps = append(steps, "delete "+string(home.Folder(name)))
			}
			if len(steps) == 0 {
				pg.para("%s is not running: there is nothing to stop.", name)
			}
			drawSteps(pg, steps)
			return
		case result.Running:
			pg.para("%s is stopped.", name)
		default:
			pg.para("%s was not running.", name)
		}
		if result.Purged {
			pg.line("Its data is deleted.")
		}
	})
}
