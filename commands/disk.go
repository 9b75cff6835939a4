package commands

import (
	"github.com/urfave/cli/v2"

	"zkctl/inject/scenario"
)

func newDiskCommand(p *program) *cli.Command {
	o := &faultOptions{program: p, fault: scenario.Fault{Verb: scenario.Disk}}
	p.completeMembers("disk", "")
	p.completeFlag("error", constant("EIO"))
	return &cli.Command{
		Name:      "disk",
		Category:  categoryFaults,
		Usage:     "make members' disks slow, full or faulty",
		ArgsUsage: "SELECTOR",
		Description: "For members of the embedded engine, which do it to themselves; a member that is started again meanwhile has the fault, too. " +
			"As with ZooKeeper, a server ends when its disk is full, or fails a write or a sync: zkctl start or zkctl heal --all starts it " +
			"again." + selectorHelp,
		UsageText: "zkctl disk leader --fsync-latency 200ms\nzkctl disk 2 --stuck --for 5s\nzkctl disk one --full --for 10s\nzkctl disk 3 --error EIO --nth 100",
		Flags: o.flags(
			&cli.DurationFlag{Name: "fsync-latency", Usage: "every sync takes so much longer", Destination: &o.fault.Disk.Latency},
			&cli.BoolFlag{Name: "stuck", Usage: "a sync does not return as long as the fault lasts", Destination: &o.fault.Disk.Stuck},
			&cli.BoolFlag{Name: "full", Usage: "nothing more can be written", Destination: &o.fault.Disk.Full},
			&cli.StringFlag{Name: "error", Usage: "a sync fails with this error, which is EIO", Destination: &o.fault.Disk.Error},
			&cli.BoolFlag{Name: "torn-write", Usage: "a write is written in part, and fails", Destination: &o.fault.Disk.Torn},
			&cli.IntFlag{Name: "nth", Usage: "with --error and --torn-write: which sync or write from now, from 1", Destination: &o.fault.Disk.Nth},
			o.lease(),
		),
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "SELECTOR", &o.fault.Target); err != nil {
				return err
			}
			if o.fault.Disk == (scenario.DiskFault{Nth: o.fault.Disk.Nth}) {
				return usagef("disk takes one of --fsync-latency, --stuck, --full, --error and --torn-write")
			}
			if c.IsSet("nth") && o.fault.Disk.Nth < 1 {
				return usagef("--nth %d: want a number from 1", o.fault.Disk.Nth)
			}
			return o.run(c)
		},
	}
}
