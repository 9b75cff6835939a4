package commands

import (
	"github.com/urfave/cli/v2"

	"zkctl/inject/scenario"
	"zkctl/localcluster"
)

// faultOptions are what the commands have in common that break something other than processes.
type faultOptions struct {
	*program
	fault  scenario.Fault
	seed   seedFlag
	dryRun bool
}

// flags are those that every fault has, behind its own.
func (o *faultOptions) flags(own ...cli.Flag) []cli.Flag {
	return append(own, o.seed.flag(), dryRunFlag(&o.dryRun))
}

func (o *faultOptions) lease() cli.Flag {
	return &cli.DurationFlag{Name: "for", Usage: "heal it after this time", Destination: &o.fault.For}
}

func (o *faultOptions) channel() cli.Flag {
	o.completeFlag("channel", constant("all", "quorum", "election", "client"))
	return &cli.StringFlag{Name: "channel", Usage: "all (between members), quorum, election or client", Value: "all", Destination: &o.fault.Channel}
}

// channelHelp says what the channels are about.
const channelHelp = "\n\nWith --channel client it is about the clients that connect through the links in front of the members (client_link in zkctl " +
	"status -o json): a selector, or clients>1 and 1>clients for one direction. Clients on the members' own ports are not concerned."

// run causes the fault. What makes no sense is refused whether or not there is an ensemble.
func (o *faultOptions) run(c *cli.Context) error {
	if err := checkLease(c, o.fault.For); err != nil {
		return err
	}
	if o.fault.Channel == "all" {
		o.fault.Channel = "" // the default
	}
	if err := o.fault.Validate(); err != nil {
		return usagef("%w", err)
	}
	client, err := o.dial()
	if err != nil {
		return err
	}
	report, err := client.Inject(c.Context, localcluster.InjectRequest{Line: o.fault.String(), Seed: o.seed.value(), DryRun: o.dryRun})
	if err != nil {
		return err
	}
	return o.reportFault(report)
}

func newPartitionCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Partition}}
	p.completeMembers("partition", "|>")
	p.completeFlag("bridge", p.memberNames)
	return &cli.Command{
		Name:      "partition",
		Category:  categoryFaults,
		Usage:     "cut links between members, or between members and clients",
		ArgsUsage: "GROUPS",
		Description: "GROUPS is 1,2|3 (members not named form one more group together), or a selector, which is cut off from all the " +
			"rest; 1>2 names one direction of one link. Cut links are silent: what is sent is held back, and arrives after zkctl heal.\n\n" +
			"Members talk on two channels. With --channel quorum votes still get through: a leader that is cut off is elected again and " +
			"again, no member can follow it, and there is no leader until the fault ends, as with ZooKeeper's servers. With --channel " +
			"election nothing is lost until there is an election." + channelHelp,
		UsageText: "zkctl partition leader\nzkctl partition '1,2|3' --for 10s\nzkctl partition 1 --one-way --channel quorum\nzkctl partition --ring\n" +
			"zkctl partition leader --channel client",
		Flags: o.flags(
			&cli.BoolFlag{Name: "one-way", Usage: "nothing gets from an earlier group to a later one; the other way is open", Destination: &o.fault.OneWay},
			&cli.StringFlag{Name: "bridge", Usage: "`MEMBER` a member that both sides go on seeing", Destination: &o.fault.Bridge},
			&cli.BoolFlag{Name: "ring", Usage: "every voter sees a bare majority, no two the same", Destination: &o.fault.Ring},
			o.channel(), o.lease(),
		),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("partition wants one argument, GROUPS; got %d (quote a | for the shell)", c.NArg())
			}
			o.fault.Target = c.Args().First()
			return o.run(c)
		},
	}
}

func newSlowCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Slow}}
	var rate string
	p.completeMembers("slow", ">")
	p.completeFlag("rate", constant("64kB", "1MB", "10MB"))
	return &cli.Command{
		Name:      "slow",
		Category:  categoryFaults,
		Usage:     "delay or throttle links between members, or between members and clients",
		ArgsUsage: "LINKS",
		Description: "LINKS is 1>2 for one direction between two members, or a selector for all links of the members chosen. Where several " +
			"faults slow a link, the newest latency and the newest rate hold, and the end of one brings back what the others say: " +
			"zkctl faults shows which are in force." + channelHelp,
		UsageText: "zkctl slow leader --latency 50ms --jitter 10ms\nzkctl slow '1>2' --rate 1MB --for 30s\nzkctl slow all --latency 5ms",
		Flags: o.flags(
			&cli.DurationFlag{Name: "latency", Usage: "delay every byte by this much", Destination: &o.fault.Shape.Latency},
			&cli.DurationFlag{Name: "jitter", Usage: "vary the latency by up to this much", Destination: &o.fault.Shape.Jitter},
			&cli.StringFlag{Name: "rate", Usage: "bytes a second, such as 64kB or 1MB", Destination: &rate},
			o.channel(), o.lease(),
		),
		Action: func(c *cli.Context) (err error) {
			if err := oneArg(c, "LINKS", &o.fault.Target); err != nil {
				return err
			}
			if rate != "" {
				if o.fault.Shape.Rate, err = scenario.ParseRate(rate); err != nil {
					return usagef("--rate: %w", err)
				}
			}
			return o.run(c)
		},
	}
}

func newResetCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Reset}}
	p.completeMembers("reset", ">")
	return &cli.Command{
		Name:      "reset",
		Category:  categoryFaults,
		Usage:     "break the connections of links",
		ArgsUsage: "LINKS",
		Description: "Both ends of every connection see a reset, and what was on its way is lost. Nothing is left to heal: members and clients " +
			"connect again. LINKS is 1>2 for the connections between two members, or a selector for all of the members chosen." + channelHelp,
		UsageText: "zkctl reset leader\nzkctl reset '1>2' --channel quorum\nzkctl reset all --channel client",
		Flags:     o.flags(o.channel()),
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "LINKS", &o.fault.Target); err != nil {
				return err
			}
			return o.run(c)
		},
	}
}

func newRefuseCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Refuse}}
	p.completeMembers("refuse", "")
	return &cli.Command{
		Name:      "refuse",
		Category:  categoryFaults,
		Usage:     "have members' quorum ports refuse new connections",
		ArgsUsage: "SELECTOR",
		Description: "The other members cannot connect to the quorum port of the members chosen, as if these led no ensemble. Connections that " +
			"exist go on, and so do votes." + selectorHelp,
		UsageText: "zkctl refuse leader --for 5s\nzkctl refuse 1,2",
		Flags:     o.flags(o.lease()),
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "SELECTOR", &o.fault.Target); err != nil {
				return err
			}
			return o.run(c)
		},
	}
}
