package commands

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
)

type waitOptions struct {
	*program
	condition string
	timeout   time.Duration
}

func newWaitCommand(p *program) *cli.Command {
	o := &waitOptions{program: p}
	p.completeFlag("wait --for", func(context.Context) []string { return localcluster.Conditions() })
	return &cli.Command{
		Name:     "wait",
		Category: categoryEnsemble,
		Usage:    "wait until an ensemble is in a condition",
		Description: "Returns as soon as it is so, and exits 5 when it is not in time. healthy: every member serves. quorum: enough do. " +
			"leader: there is one. no-quorum: nothing is served. synced: every member has what the leader had. down: no member runs.",
		UsageText: "zkctl wait\nzkctl wait --for no-quorum --timeout 10s\nzkctl kill leader && zkctl wait --for quorum",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Usage: "`CONDITION` healthy, quorum, leader, no-quorum, synced or down", Value: "healthy", Destination: &o.condition},
			&cli.DurationFlag{Name: "timeout", Usage: "how long to wait", Value: 30 * time.Second, Destination: &o.timeout},
		},
		Action: func(c *cli.Context) error { return o.run(c.Context) },
	}
}

func (o *waitOptions) run(ctx context.Context) error {
	if err := localcluster.CheckCondition(o.condition); err != nil {
		return err
	}
	folder, _, err := o.folder()
	if err != nil {
		return err
	}
	status, err := localcluster.WaitFor(ctx, folder, localcluster.WaitRequest{For: o.condition, Timeout: o.timeout.Seconds()})
	if err != nil {
		return err
	}
	return o.print(status, func(pg *page) { drawStatus(pg, status) })
}
