package commands

import (
	"github.com/urfave/cli/v2"

	"zkctl/inject/scenario"
)

func newElectCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Elect}}
	p.completeMembers("elect", "")
	return &cli.Command{
		Name:      "elect",
		Category:  categoryFaults,
		Usage:     "make the leader step down, so that there is an election",
		ArgsUsage: "[SELECTOR]",
		Description: "The leader, or the members chosen, leave their role and vote anew; the same member may win. Apache's leader has no " +
			"command for this: it is cut off from the others until one of them leads." + selectorHelp,
		UsageText: "zkctl elect\nzkctl elect 2\nzkctl elect && zkctl wait --for leader",
		Flags:     o.flags(),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("elect wants one argument at most, SELECTOR; got %d", c.NArg())
			}
			o.fault.Target = c.Args().First()
			return o.run(c)
		},
	}
}
