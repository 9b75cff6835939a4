package commands

import (
	"context"

	"github.com/urfave/cli/v2"

	"zkctl/quorum"
)

// quorumOptions are the questions of "zkctl quorum".
type quorumOptions struct {
	*program
	source sourceOptions

	zones        string // a=1,2;b=3,4
	availability []string
	zoneUp       []string
	mttf, mttr   string
	failed       string
	rtt          string
	compare      string
	target       string
}

func newQuorumCommand(p *program) *cli.Command {
	o := &quorumOptions{program: p}
	var availability, zoneUp cli.StringSlice
	return &cli.Command{
		Name:     "quorum",
		Category: categorySizing,
		Usage:    "size an ensemble: quorum, tolerance, availability, zones, cost",
		Description: "Says how many servers make a quorum, which failures an ensemble survives, and what that costs, " +
			"exactly, for whatever ZooKeeper can be configured to: majorities, weights, groups, observers. " +
			"The rules are those by which zkctl's own engine counts votes." +
			"\n\n" +
			"Describe the ensemble by --nodes (with --observers, --groups, --weights), by --config or by --hosts; then ask. " +
			"What ZooKeeper would refuse exits 3 with the reason; what it accepts and what harms the ensemble is a warning. What is too large " +
			"to answer exactly is refused, or left open with a note." +
			"\n\n" +
			"The file of --config may be a zoo.cfg, a part of one, or a dynamic configuration. What a zoo.cfg names as its dynamicConfigFile " +
			"is looked for in the working directory, as ZooKeeper does, then beside the zoo.cfg." +
			"\n\n" +
			"The file of --rtt is a table of milliseconds: a line \"server fsync 1 2 3\", then one line a server with its id, its fsync time, " +
			"and its round trips to those servers (one half of the table will do; - is unknown).",
		UsageText: "zkctl quorum --nodes 5\n" +
			"zkctl quorum --compare 3,4,5,7 --availability 0.99\n" +
			"zkctl quorum --config zoo.cfg --zones 'a=1,2;b=3,4;c=5' --availability 99% --zone-availability 99.9%\n" +
			"zkctl quorum --groups 1:2:3,4:5:6,7:8:9 --failed 1,2,4\n" +
			"zkctl quorum --availability 0.99 --target 0.99999",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "nodes", Usage: "voters, with ids from 1", Destination: &o.source.nodes},
			&cli.IntFlag{Name: "observers", Usage: "observers, with the ids after the voters'", Destination: &o.source.observers},
			&cli.StringFlag{Name: "groups", Usage: "`1:2:3,4:5:6` hierarchical quorums; one group is weighted voting", Destination: &o.source.groups},
			&cli.StringFlag{Name: "weights", Usage: "`1=2,4=0` weights other than 1; needs --groups, as in ZooKeeper", Destination: &o.source.weights},
			&cli.StringFlag{Name: "config", Usage: "`FILE` a zoo.cfg or dynamic configuration, - for standard input", Destination: &o.source.config},
			&cli.StringFlag{Name: "hosts", Usage: "`H:P,…` ask a running ensemble for its configuration", Destination: &o.source.hosts},
			&cli.StringFlag{Name: "compare", Usage: "`3,4,5,7` majorities of these sizes side by side", Destination: &o.compare},
			&cli.StringFlag{Name: "failed", Usage: "`1,4` what if these servers are down", Destination: &o.failed},
			&cli.StringSliceFlag{Name: "availability", Usage: "`P` probability that a server is up: 0.99, 99%; again as 1=0.999 for single ones", Destination: &availability},
			&cli.StringFlag{Name: "target", Usage: "`P` the smallest ensemble with this availability", Destination: &o.target},
			&cli.StringFlag{Name: "zones", Usage: "`a=1,2;b=3` servers that fail together; zones may overlap", Destination: &o.zones},
			&cli.StringSliceFlag{Name: "zone-availability", Usage: "`P` probability that a zone is up; again as a=0.9999 for single ones", Destination: &zoneUp},
			&cli.StringFlag{Name: "mttf", Usage: "`D` mean time to failure of a server: 1000h, 90d", Destination: &o.mttf},
			&cli.StringFlag{Name: "mttr", Usage: "`D` mean time to repair it: 4h", Destination: &o.mttr},
			&cli.StringFlag{Name: "rtt", Usage: "`FILE` commit latency from a table of round trips and fsync times", Destination: &o.rtt},
		},
		Subcommands: []*cli.Command{newQuorumPlanCommand(p), newQuorumRecoveryCommand(p), newQuorumExplainCommand(p)},
		Action: func(c *cli.Context) error {
			o.source.hasNodes = c.IsSet("nodes")
			o.availability, o.zoneUp = availability.Value(), zoneUp.Value()
			return o.run(c.Context)
		},
	}
}

func (o *quorumOptions) run(ctx context.Context) error {
	doc := &quorumDoc{}
	if o.source.describes() || o.compare == "" && o.target == "" || o.zones != "" {
		s, err := o.described(ctx)
		if err != nil {
			return err
		}
		if doc.ensembleDoc, err = o.answer(s); err != nil {
			return err
		}
	}
	var err error
	if o.compare != "" {
		if doc.Compare, err = o.compared(); err != nil {
			return err
		}
	}
	if o.target != "" {
		if doc.Recommendation, err = o.recommended(); err != nil {
			return err
		}
	}
	if err := o.print(doc, doc.draw); err != nil {
		return err
	}
	if doc.ensembleDoc != nil && o.output == formatTable {
		for _, w := range doc.Warnings {
			if id, ok := explained[w.Code]; ok {
				o.hint("zkctl quorum explain %s says why", id)
				break
			}
		}
	}
	return nil
}

// explained names the explanation that goes with a warning.
var explained = map[quorum.Code]string{
	quorum.TwoGroups: "two-groups", quorum.ZoneFatal: "two-data-centres", quorum.EvenEnsemble: "odd-required",
}
