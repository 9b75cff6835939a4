package commands

import (
	"context"
	"regexp"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject"
	"zkctl/localcluster"
)

type healOptions struct {
	*program
	ids         []string
	selector    string
	all, dryRun bool
}

// faultID matches the name of a fault; an argument that it does not match is a selector.
var faultID = regexp.MustCompile(`^f\d+$`)

func newHealCommand(p *program) *cli.Command {
	o := &healOptions{program: p}
	p.completeMembers("heal", "")
	p.completeArgs("heal", func(ctx context.Context) []string { return append(p.faultIDs(ctx), p.memberNames(ctx)...) })
	return &cli.Command{
		Name:      "heal",
		Category:  categoryFaults,
		Usage:     "end faults",
		ArgsUsage: "[FAULT…|SELECTOR]",
		Description: "Ends all faults but those of members that were killed or paused, or just those that were aimed at the members of SELECTOR, or just the faults named, of " +
			"whatever kind. With --all it also resumes and starts members, so that the ensemble is whole again. That there is nothing " +
			"to heal is fine." + selectorHelp,
		UsageText: "zkctl heal\nzkctl heal f3\nzkctl heal leader\nzkctl heal --all",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "also resume and start members", Destination: &o.all},
			dryRunFlag(&o.dryRun),
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if o.all && len(args) > 0 {
				return usagef("heal wants either faults, a selector or --all; zkctl start and zkctl resume bring single members back")
			}
			if o.ids, o.selector = args, ""; len(args) == 1 && !faultID.MatchString(args[0]) {
				o.ids, o.selector = nil, args[0]
				if _, err := inject.ParseSelector(o.selector); err != nil {
					return usagef("%w", err)
				}
			}
			return o.run(c.Context)
		},
	}
}

func (o *healOptions) run(ctx context.Context) error {
	client, err := o.dial()
	if err != nil {
		return err
	}
	report, err := client.Heal(ctx, localcluster.HealRequest{
		Healing: inject.Healing{IDs: o.ids, Processes: o.all}, Selector: o.selector, DryRun: o.dryRun,
	})
	if err != nil {
		return err
	}
	return o.printDone("heal", o.dryRun, report, func(pg *page) {
		if len(report.Healed) == 0 && len(report.Results) == 0 {
			pg.para("There was nothing to heal.")
		}
		done := "healed"
		if report.DryRun {
			done = "would heal"
		}
		for _, f := range report.Healed {
			pg.line("- %s %s: %s %s", done, f.ID, f.Kind, faultTarget(f))
		}
		for _, r := range report.Results {
			pg.line("- member %d: %s", r.Member, r.Outcome)
		}
		drawLeft(pg, report.Left)
	})
}

// drawLeft says which members a heal has not touched, and what would bring them back.
func drawLeft(pg *page, left []localcluster.LeftMember) {
	for _, kind := range []struct{ state, verb string }{{"stopped", "start"}, {"paused", "resume"}} {
		var ids []int64
		for _, m := range left {
			if m.State == kind.state {
				ids = append(ids, m.Member)
			}
		}
		if len(ids) > 0 {
			pg.line("- member %s: still %s; zkctl %s %s or zkctl heal --all brings it back", idList(ids), kind.state, kind.verb, idList(ids))
		}
	}
}

// faultIDs completes the arguments of heal.
func (p *program) faultIDs(ctx context.Context) []string {
	client, err := p.dial()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	answer, err := client.Faults(ctx)
	if err != nil {
		return nil
	}
	var ids []string
	for _, f := range answer.Faults {
		ids = append(ids, f.ID)
	}
	return ids
}
