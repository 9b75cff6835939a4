package commands

import (
	"strings"

	"github.com/urfave/cli/v2"

	"zkctl/inject/scenario"
)

func newClockCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Clock}}
	var skew, rate string
	p.completeMembers("clock", "")
	p.completeFlag("rate", constant("50%", "80%", "200%"))
	return &cli.Command{
		Name:      "clock",
		Category:  categoryFaults,
		Usage:     "make members' clocks wrong",
		ArgsUsage: "SELECTOR",
		Description: "For members of the embedded engine, which do it to themselves. The skew moves the time of day, which is in the times of nodes and " +
			"decides nothing else; the rate is how fast the time runs by which a server measures timeouts. When the fault ends, the clock is " +
			"right again." + selectorHelp,
		UsageText: "zkctl clock leader --skew 30s\nzkctl clock 2 --skew -1h --for 1m\nzkctl clock followers --rate 50%",
		Flags: o.flags(
			&cli.StringFlag{Name: "skew", Usage: "how far the time of day is ahead, or behind: +30s or -1h", Destination: &skew},
			&cli.StringFlag{Name: "rate", Usage: "how fast time runs, such as 50%", Destination: &rate},
			o.lease(),
		),
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "SELECTOR", &o.fault.Target); err != nil {
				return err
			}
			if err := o.setClock(skew, rate); err != nil {
				return err
			}
			return o.run(c)
		},
	}
}

// setClock reads the flags of clock; an empty one was not given.
func (o *faultOptions) setClock(skew, rate string) (err error) {
	if behind := strings.HasPrefix(skew, "-"); skew != "" {
		if o.fault.Skew, err = parseDuration("skew", strings.TrimLeft(skew, "+-")); err != nil {
			return err
		}
		if behind {
			o.fault.Skew = -o.fault.Skew
		}
	}
	if rate != "" {
		if o.fault.Rate, err = scenario.ParsePercent(rate); err != nil {
			return usagef("--rate: %w", err)
		}
		if o.fault.Rate == 0 {
			return usagef("--rate %s: a clock of this speed is right; zkctl heal ends a fault", rate)
		}
	}
	return nil
}
