package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"zkctl/quorum"
)

// quorumOptions are the questions of "zkctl quorum".
type quorumOptions struct {
	*program
	source sourceOptions

	next         string   // a reconfiguration in flight
	zones        string   // a=1,2;b=3,4
	availability []string // 0.99, or 1=0.999
	zoneUp       []string // 0.999, or a=0.9999
	importance   bool
	bestWeights  int
	mttf, mttr   string
	repair       string
	failed       string
	rtt          string
	reads        float64
	hasReads     bool
	compare      string
	target       string
	place        string
	list         bool
	profile      bool
}

func newQuorumCommand(p *program) *cli.Command {
	o := &quorumOptions{program: p}
	var availability, zoneUp cli.StringSlice
	p.completeFlag("repair", constant("parallel", "one-crew"))
	return &cli.Command{
		Name:     "quorum",
		Category: categorySizing,
		Usage:    "size an ensemble: quorum, tolerance, availability, zones, cost",
		Description: "Says how many servers make a quorum, which failures an ensemble survives, and what that costs, " +
			"exactly, for whatever ZooKeeper can be configured to: majorities, weights, groups, observers. " +
			"The rules are those by which zkctl's own engine counts votes." +
			"\n\n" +
			"Describe the ensemble by --nodes (with --observers, --groups, --weights), by --config or by --hosts; then ask. " +
			"What ZooKeeper would refuse exits 3 with the reason; what it accepts although it hurts is a warning." +
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
		Flags: slices.Concat(sourceFlags(&o.source), []cli.Flag{
			&cli.StringFlag{Name: "next", Usage: "`N|FILE` a quorum of this is needed, too: a reconfiguration in flight", Destination: &o.next},
			&cli.StringFlag{Name: "compare", Usage: "`3,4,5,7` majorities of these sizes side by side", Destination: &o.compare},
			&cli.StringFlag{Name: "failed", Usage: "`1,4` what if these servers are down", Destination: &o.failed},
			&cli.StringSliceFlag{Name: "availability", Usage: "`P` probability that a server is up: 0.99, 99%; again as 1=0.999 for single ones", Destination: &availability},
			&cli.StringFlag{Name: "target", Usage: "`P` the smallest ensemble with this availability", Destination: &o.target},
			&cli.StringFlag{Name: "zones", Usage: "`a=1,2;b=3` servers that fail together; zones may overlap", Destination: &o.zones},
			&cli.StringSliceFlag{Name: "zone-availability", Usage: "`P` probability that a zone is up; again as a=0.9999 for single ones", Destination: &zoneUp},
			&cli.StringFlag{Name: "place", Usage: "`a,b,c` rank the ways to place the voters on these zones", Destination: &o.place},
			&cli.StringFlag{Name: "mttf", Usage: "`D` mean time to failure of a server: 1000h, 90d", Destination: &o.mttf},
			&cli.StringFlag{Name: "mttr", Usage: "`D` mean time to repair it: 4h", Destination: &o.mttr},
			&cli.StringFlag{Name: "repair", Value: "parallel", Usage: "failed servers are repaired in parallel, or by one-crew", Destination: &o.repair},
			&cli.StringFlag{Name: "rtt", Usage: "`FILE` commit latency from a table of round trips and fsync times", Destination: &o.rtt},
			&cli.Float64Flag{Name: "reads", Usage: "`R` estimate throughput for this share of reads, 0 to 1", Destination: &o.reads},
			&cli.BoolFlag{Name: "importance", Usage: "how much each server matters to availability", Destination: &o.importance},
			&cli.IntFlag{Name: "best-weights", Usage: "`N` the best weights from 0 to N for servers of unequal availability", Destination: &o.bestWeights},
			&cli.BoolFlag{Name: "profile", Usage: "how many of all sets of 1, 2, … servers are fatal", Destination: &o.profile},
			&cli.BoolFlag{Name: "list", Usage: "list the minimal quorums and blocking sets", Destination: &o.list},
		}),
		Subcommands: []*cli.Command{newQuorumPlanCommand(p), newQuorumRecoveryCommand(p), newQuorumExplainCommand(p)},
		Action: func(c *cli.Context) error {
			if err := emptyFlag(c); err != nil {
				return err
			}
			o.source.hasNodes = c.IsSet("nodes")
			o.hasReads = c.IsSet("reads")
			o.availability, o.zoneUp = availability.Value(), zoneUp.Value()
			if c.IsSet("best-weights") && o.bestWeights < 1 {
				return usagef("--best-weights %d: the largest weight must be 1 or more", o.bestWeights)
			}
			return o.run(c.Context)
		},
	}
}

// emptyFlag refuses a flag that is given without a value, as an unset variable in a script does:
// leaving it out silently would answer another question.
func emptyFlag(c *cli.Context) error {
	for _, f := range c.Command.Flags {
		text, isText := f.(*cli.StringFlag)
		if isText && c.IsSet(text.Name) && c.String(text.Name) == "" {
			return usagef("--%s is empty", text.Name)
		}
	}
	return nil
}

// sourceFlags are the flags of sourceOptions.
func sourceFlags(o *sourceOptions) []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "nodes", Usage: "voters, with ids from 1", Destination: &o.nodes},
		&cli.IntFlag{Name: "observers", Usage: "observers, with the ids after the voters'", Destination: &o.observers},
		&cli.StringFlag{Name: "groups", Usage: "`1:2:3,4:5:6` hierarchical quorums; one group is weighted voting", Destination: &o.groups},
		&cli.StringFlag{Name: "weights", Usage: "`1=2,4=0` weights other than 1; needs --groups, as in ZooKeeper", Destination: &o.weights},
		&cli.BoolFlag{Name: "oracle", Usage: "with ZooKeeper's two-server oracle (oraclePath)", Destination: &o.oracle},
		&cli.StringFlag{Name: "config", Usage: "`FILE` a zoo.cfg or dynamic configuration, - for standard input", Destination: &o.config},
		&cli.StringFlag{Name: "hosts", Usage: "`H:P,…` ask a running ensemble for its configuration", Destination: &o.hosts},
	}
}

func (o *quorumOptions) run(ctx context.Context) error {
	doc := &quorumDoc{}
	needsOne := o.compare == "" && o.target == ""
	if o.source.describes() || needsOne || o.zones != "" {
		s, err := o.described(ctx)
		if err != nil {
			return err
		}
		if err := o.answer(doc, s); err != nil {
			return err
		}
	}
	if o.compare != "" {
		if err := o.compareSizes(doc); err != nil {
			return err
		}
	}
	if o.target != "" {
		if err := o.recommend(doc); err != nil {
			return err
		}
	}
	if err := o.print(doc, doc.draw); err != nil {
		return err
	}
	if id := doc.belief(); id != "" && o.output == formatTable {
		o.hint("zkctl quorum explain %s says why", id)
	}
	return nil
}

// belief is what the reader may have believed who is warned of this ensemble, for explain.
func (doc *quorumDoc) belief() string {
	if doc.ensembleDoc == nil {
		return ""
	}
	for _, w := range doc.Warnings {
		switch w.Code {
		case quorum.TwoGroups:
			return "two-groups"
		case quorum.ZoneFatal:
			return "two-data-centres"
		case quorum.EvenEnsemble:
			return "odd-required"
		}
	}
	return ""
}

// described is the ensemble in question; zones alone describe one, too.
func (o *quorumOptions) described(ctx context.Context) (*subject, error) {
	if !o.source.describes() {
		if o.zones == "" {
			return nil, withHint(usagef("which ensemble? give --nodes, --config, --hosts or --groups (or --compare, or --target)"),
				"zkctl quorum --nodes 3")
		}
		zones, err := parseZones(o.zones)
		if err != nil {
			return nil, err
		}
		for _, z := range zones {
			for _, id := range z.Members {
				o.source.nodes = max(o.source.nodes, int(min(id, maxNodes)))
			}
		}
		o.source.hasNodes = true
	}
	s, err := o.subject(ctx, o.source)
	if err != nil || o.next == "" {
		return s, err
	}
	next, err := o.planEnd("next", o.next)
	if err != nil {
		return nil, err
	}
	joint := newSubject(quorum.NewJoint(s.system, next.system), s.membership, "", nil)
	joint.name = fmt.Sprintf("in flight from %s to %s", s.name, next.name)
	joint.membership.Voters = joint.system.Voters()
	joint.membership.Observers = slices.DeleteFunc(joint.membership.Observers, func(id int64) bool {
		return slices.Contains(joint.membership.Voters, id)
	})
	return joint, nil
}

// planEnd reads N or a file: one end of a change.
func (p *program) planEnd(flag, text string) (*subject, error) {
	if n, err := strconv.Atoi(text); err == nil {
		s, err := flagSubject(sourceOptions{nodes: n, hasNodes: true})
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		return s, nil
	}
	s, err := p.fileSubject(text)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return s, nil
}
