package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject"
	"zkctl/localcluster"
)

// processVerb is a verb on members' processes.
type processVerb struct {
	name, usage, description, examples string
	signal, lease                      bool // takes --signal, --for
}

var processVerbs = []processVerb{
	{"kill", "end members' processes, without warning by default",
		"Sends KILL, or another signal, to the members chosen, and returns when they are gone. They are not started again unless --for says so.",
		"zkctl kill leader\nzkctl kill minority --seed 7\nzkctl kill 2 --signal TERM --for 10s", true, true},
	{"start", "start members that are not running",
		"Starts members that were killed or have died, on their old ports with their old data.",
		"zkctl start 2\nzkctl start all", false, false},
	{"restart", "end members in order and start them again",
		"Ends the members chosen with TERM, one after the other, and starts each again as soon as it has ended. What keeps a member from " +
			"starting is found before it ends, as far as possible; where one does not start, the others run on.",
		"zkctl restart leader\nzkctl restart followers", false, false},
	{"pause", "stop members' processes without killing them",
		"Sends STOP: a paused member keeps its connections and answers nothing, as a machine that hangs would.",
		"zkctl pause leader\nzkctl pause one --for 5s", false, true},
	{"resume", "let paused members go on",
		"Sends CONT to members that are paused.",
		"zkctl resume 2\nzkctl resume all", false, false},
}

func newProcessCommands(p *program) []*cli.Command {
	var list []*cli.Command
	for _, v := range processVerbs {
		list = append(list, newProcessCommand(p, v))
	}
	return list
}

// selectorHelp explains the argument of a command that chooses members.
const selectorHelp = "\n\nSELECTOR is " + inject.SelectorGrammar + "."

type processOptions struct {
	*program
	selector, signal string
	wipe             bool
	lease            time.Duration
	seed             seedFlag
	dryRun           bool
}

func newProcessCommand(p *program, v processVerb) *cli.Command {
	o := &processOptions{program: p}
	p.completeMembers(v.name, "")
	var flags []cli.Flag
	if v.lease {
		flags = append(flags, &cli.DurationFlag{Name: "for", Usage: "undo it after this time", Destination: &o.lease})
	}
	if v.signal {
		p.completeFlag("signal", constant("KILL", "TERM", "INT", "HUP", "QUIT", "ABRT", "SEGV"))
		flags = append(flags, &cli.StringFlag{Name: "signal", Usage: "the signal to send", Value: "KILL", Destination: &o.signal},
			&cli.BoolFlag{Name: "wipe", Usage: "remove the members' data, as if they came back with new disks", Destination: &o.wipe})
	}
	return &cli.Command{
		Name: v.name, Category: categoryFaults, Usage: v.usage, UsageText: v.examples,
		Description: v.description + selectorHelp,
		ArgsUsage:   "SELECTOR",
		Flags:       append(flags, o.seed.flag(), dryRunFlag(&o.dryRun)),
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "SELECTOR", &o.selector); err != nil {
				return err
			}
			if err := checkLease(c, o.lease); err != nil {
				return err
			}
			return o.run(c.Context, v.name)
		},
	}
}

func (o *processOptions) run(ctx context.Context, verb string) error {
	// A selector that cannot be read is refused whether or not there is an ensemble.
	if _, err := inject.ParseSelector(o.selector); err != nil {
		return usagef("%w", err)
	}
	if o.signal != "" {
		if _, err := localcluster.KillSignal(o.signal); err != nil {
			return err
		}
	}
	client, err := o.dial()
	if err != nil {
		return err
	}
	request := localcluster.ActRequest{
		Verb: verb, Selector: o.selector, Signal: o.signal, Wipe: o.wipe, Lease: o.lease.Seconds(), Seed: o.seed.value(), DryRun: o.dryRun,
	}
	report, err := client.Act(ctx, request)
	if err != nil {
		return err
	}
	o.tellSeed(report.Seed)
	if o.selector == "all" {
		o.tellOfObservers(verb)
	}
	return o.printDone(verb+" "+report.Selector, o.dryRun, report, func(pg *page) {
		pg.para("%s matched %s.", report.Selector, idList(report.Members))
		for _, r := range report.Results {
			pg.line("- member %d: %s", r.Member, r.Outcome)
		}
		if o.wipe && !o.dryRun && report.Fault != nil {
			pg.line("- the data of %s was removed", idList(report.Fault.Members))
		}
		if report.Fault != nil && report.Fault.Until != nil {
			pg.line("- fault %s, %s", report.Fault.ID, untilText(*report.Fault))
		}
	})
}

// tellOfObservers says which observers "all" leaves out.
func (o *processOptions) tellOfObservers(verb string) {
	_, spec, err := o.folder()
	if err != nil {
		return
	}
	var observers []int64
	for _, m := range spec.Members {
		if m.Observer {
			observers = append(observers, m.ID)
		}
	}
	if len(observers) > 0 {
		o.hint("all means every voter; for observers (%s): zkctl %s observers", idList(observers), verb)
	}
}

// checkLease refuses a fault that would end as it begins.
func checkLease(c *cli.Context, lease time.Duration) error {
	if c.IsSet("for") && lease == 0 {
		return withHint(usagef("--for 0s: a fault cannot end as it begins"), "without --for it lasts until it is healed")
	}
	return nil
}

// idList writes ids as a selector has them.
func idList(ids []int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// seedFlag is --seed: nil when it is not given, because zero is a seed, too.
type seedFlag struct {
	set  bool
	seed uint64
}

func (s *seedFlag) flag() cli.Flag {
	return &cli.Uint64Flag{
		Name: "seed", Usage: "makes a random choice, such as one, minority or follower, repeatable", Destination: &s.seed,
		Action: func(*cli.Context, uint64) error { s.set = true; return nil },
	}
}

func (s *seedFlag) value() *uint64 {
	if !s.set {
		return nil
	}
	return &s.seed
}

// tellSeed prints the seed of a random choice, so that it can be made again.
func (p *program) tellSeed(seed *uint64) {
	if seed != nil {
		p.progress("seed %d (--seed %d makes the same choice again)", *seed, *seed)
	}
}
