package commands

import (
	"github.com/urfave/cli/v2"

	"zkctl/inject/scenario"
)

func newExpireCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Expire}}
	return &cli.Command{
		Name:      "expire",
		Category:  categoryFaults,
		Usage:     "end a client's session, as if it had expired",
		ArgsUsage: "SESSION",
		Description: "Closes the session with this id over a connection of its own. Its client loses its connection and its ephemeral nodes, and is " +
			"told that the session has expired when it connects again. SESSION is the id as ZooKeeper prints it: clients log it, and the " +
			"four-letter word cons lists those of a member.",
		UsageText: "zkctl expire 0x100006d41b20000\nzkctl expire 0x100006d41b20000 --dry-run",
		Flags:     []cli.Flag{dryRunFlag(&o.dryRun)},
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "SESSION", &o.fault.Target); err != nil {
				return err
			}
			return o.run(c)
		},
	}
}
