package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject"
	"zkctl/inject/link"
	"zkctl/localcluster"
)

type partitionOptions struct {
	*program
	partition inject.Partition
	lease     time.Duration
	seed      seedFlag
	dryRun    bool
}

func newPartitionCommand(p *program) *cli.Command {
	o := &partitionOptions{program: p}
	p.completeMembers("partition", "|>")
	p.completeFlag("bridge", p.memberNames)
	p.completeFlag("channel", constant("all", "quorum", "election"))
	return &cli.Command{
		Name:      "partition",
		Category:  categoryFaults,
		Usage:     "cut links between members",
		ArgsUsage: "GROUPS",
		Description: "GROUPS is 1,2|3 (members not named form one more group together), or a selector, which is cut off from all the " +
			"rest; 1>2 names one direction of one link. Cut links are silent: what is sent is held back, and arrives after zkctl heal.\n\n" +
			"Members talk on two channels. With --channel quorum votes still get through: a leader that is cut off is elected again and " +
			"again, no member can follow it, and there is no leader until the fault ends, as with ZooKeeper's servers. With --channel " +
			"election nothing is lost until there is an election.",
		UsageText: "zkctl partition leader\nzkctl partition '1,2|3' --for 10s\nzkctl partition 1 --one-way --channel quorum\nzkctl partition --ring",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "one-way", Usage: "nothing gets from an earlier group to a later one; the other way is open", Destination: &o.partition.OneWay},
			&cli.StringFlag{Name: "bridge", Usage: "`MEMBER` a member that both sides go on seeing", Destination: &o.partition.Bridge},
			&cli.BoolFlag{Name: "ring", Usage: "every voter sees a bare majority, no two the same", Destination: &o.partition.Ring},
			&cli.StringFlag{Name: "channel", Usage: "all, quorum or election", Value: "all", Destination: &o.partition.Channel},
			&cli.DurationFlag{Name: "for", Usage: "heal it after this time", Destination: &o.lease},
			o.seed.flag(), dryRunFlag(&o.dryRun),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("partition wants one argument, GROUPS; got %d (quote a | for the shell)", c.NArg())
			}
			if err := checkLease(c, o.lease); err != nil {
				return err
			}
			o.partition.Groups = c.Args().First()
			return o.run(c.Context)
		},
	}
}

func (o *partitionOptions) run(ctx context.Context) error {
	if err := o.partition.Validate(); err != nil {
		return usagef("%w", err)
	}
	client, err := o.dial()
	if err != nil {
		return err
	}
	report, err := client.Partition(ctx, localcluster.PartitionRequest{
		Partition: o.partition, Seed: o.seed.value(), Lease: o.lease.Seconds(), DryRun: o.dryRun,
	})
	if err != nil {
		return err
	}
	return o.reportFault(report)
}

// reportFault shows a fault that began, or that would begin without --dry-run.
func (p *program) reportFault(r localcluster.FaultReport) error {
	p.tellSeed(r.Seed)
	return p.print(r, func(pg *page) {
		if len(r.Fault.Members) > 0 {
			pg.para("matched %s", idList(r.Fault.Members))
		}
		drawSides(pg, r.Sides)
		if r.DryRun {
			pg.line("would %s %s", r.Fault.Kind, strings.Join(r.Fault.Links.Strings(), " "))
			return
		}
		pg.line("fault %s", faultLine(localcluster.ActiveFault{Fault: r.Fault}))
	})
}

// drawSides shows which members are on which side of a partition.
func drawSides(pg *page, sides []localcluster.Side) {
	var words, notes []string
	named := 0
	for _, s := range sides {
		word := idList(s.Members)
		if s.Quorum {
			word += " (enough for a quorum)"
		}
		words = append(words, word)
		if s.Named {
			named++
		} else if named > 1 {
			notes = append(notes, fmt.Sprintf("member %s was not named, and is cut off from every other side", idList(s.Members)))
		}
	}
	if len(words) > 0 {
		pg.line("sides %s", strings.Join(words, " | "))
	}
	for _, n := range notes {
		pg.line("- %s", n)
	}
}

// faultLine is a fault in one line.
func faultLine(f localcluster.ActiveFault) string {
	words := []string{f.ID + ":", f.Kind.String()}
	if len(f.Links) > 0 {
		words = append(words, strings.Join(f.Links.Strings(), " "))
	} else {
		words = append(words, "member "+idList(f.Members))
	}
	if f.Shape != nil {
		words = append(words, shapeText(*f.Shape))
	}
	if f.Overdue != "" {
		words = append(words, "(overdue: "+f.Overdue+")")
	} else if f.Remaining != nil {
		words = append(words, fmt.Sprintf("(%s left)", short(*f.Remaining)))
	} else {
		words = append(words, "("+untilText(f.Fault)+")")
	}
	return strings.Join(words, " ") + overriddenText(f)
}

// overriddenText says what of a fault has no effect because of others.
func overriddenText(f localcluster.ActiveFault) string {
	text := ""
	for _, o := range f.Overridden {
		links := strings.Join(o.Links.Strings(), " ")
		if o.Aspect == "all" {
			text += fmt.Sprintf(", but %s cuts %s", o.By, links)
		} else {
			text += fmt.Sprintf(", but the %s of %s holds on %s", o.Aspect, o.By, links)
		}
	}
	return text
}

func untilText(f inject.Fault) string {
	if f.Until == nil {
		return "until healed"
	}
	return "until " + clockTime(*f.Until, time.Now())
}

// clockTime is a time of day, with the date in front unless it is today.
func clockTime(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format("15:04:05.000")
}

func shapeText(s link.Shape) string {
	var words []string
	if s.Latency > 0 {
		words = append(words, s.Latency.String())
	}
	if s.Jitter > 0 {
		words = append(words, "± "+s.Jitter.String())
	}
	if s.Rate > 0 {
		words = append(words, fmt.Sprintf("%d B/s", s.Rate))
	}
	return strings.Join(words, " ")
}

type slowOptions struct {
	*program
	links, channel, rate   string
	latency, jitter, lease time.Duration
	seed                   seedFlag
	dryRun                 bool
}

func newSlowCommand(p *program) *cli.Command {
	o := &slowOptions{program: p}
	p.completeMembers("slow", ">")
	p.completeFlag("rate", constant("64kB", "1MB", "10MB"))
	return &cli.Command{
		Name:      "slow",
		Category:  categoryFaults,
		Usage:     "delay or throttle links between members",
		ArgsUsage: "LINKS",
		Description: "LINKS is 1>2 for one direction between two members, or a selector for all links of the members chosen. Where several " +
			"faults slow a link, the newest latency and the newest rate hold, and the end of one brings back what the others say: " +
			"zkctl faults shows which are in force.",
		UsageText: "zkctl slow leader --latency 50ms --jitter 10ms\nzkctl slow '1>2' --rate 1MB --for 30s\nzkctl slow all --latency 5ms",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "latency", Usage: "delay every byte by this much", Destination: &o.latency},
			&cli.DurationFlag{Name: "jitter", Usage: "vary the latency by up to this much", Destination: &o.jitter},
			&cli.StringFlag{Name: "rate", Usage: "bytes a second, such as 64kB or 1MB", Destination: &o.rate},
			&cli.StringFlag{Name: "channel", Usage: "all, quorum or election", Value: "all", Destination: &o.channel},
			&cli.DurationFlag{Name: "for", Usage: "heal it after this time", Destination: &o.lease},
			o.seed.flag(), dryRunFlag(&o.dryRun),
		},
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "LINKS", &o.links); err != nil {
				return err
			}
			if err := checkLease(c, o.lease); err != nil {
				return err
			}
			return o.run(c.Context)
		},
	}
}

func (o *slowOptions) run(ctx context.Context) error {
	shape := link.Shape{Latency: o.latency, Jitter: o.jitter}
	var err error
	if o.rate != "" {
		if shape.Rate, err = parseRate(o.rate); err != nil {
			return err
		}
	}
	if _, err := inject.ParseLinkSelector(o.links); err != nil {
		return usagef("%w", err)
	}
	if _, err := link.ParseChannels(o.channel); err != nil {
		return usagef("%w", err)
	}
	if err := shape.Validate(); err != nil {
		return usagef("%w", err)
	}
	if shape == (link.Shape{}) {
		return usagef("slow by how much? give --latency, --rate or both")
	}
	client, err := o.dial()
	if err != nil {
		return err
	}
	report, err := client.Slow(ctx, localcluster.SlowRequest{
		Links: o.links, Channel: o.channel, Shape: shape, Seed: o.seed.value(), Lease: o.lease.Seconds(), DryRun: o.dryRun,
	})
	if err != nil {
		return err
	}
	return o.reportFault(report)
}

// parseRate reads bytes a second: 500, 64kB, 1MB, 1MiB, with or without /s.
func parseRate(text string) (int64, error) {
	number, unit := strings.TrimSuffix(text, "/s"), int64(1)
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if n *= float64(unit); err != nil || !(n >= 1 && n <= 1<<50) { // NaN is neither
		return 0, usagef("--rate wants bytes a second, such as 64kB or 1MB, got %q", text)
	}
	return int64(n), nil
}

type faultsOptions struct{ *program }

func newFaultsCommand(p *program) *cli.Command {
	o := &faultsOptions{program: p}
	return &cli.Command{
		Name:        "faults",
		Category:    categoryFaults,
		Usage:       "list what is broken, and for how long still",
		Description: "Lists the faults that have not ended, oldest first. zkctl heal ends them by id.",
		UsageText:   "zkctl faults\nzkctl faults -o json",
		Action:      func(c *cli.Context) error { return o.run(c.Context) },
	}
}

func (o *faultsOptions) run(ctx context.Context) error {
	client, err := o.dial()
	if err != nil {
		return err
	}
	answer, err := client.Faults(ctx)
	if err != nil {
		return err
	}
	return o.print(answer, func(pg *page) {
		if len(answer.Faults) == 0 {
			pg.para("Nothing is broken.")
			return
		}
		drawFaults(pg, answer.Faults)
	})
}

func drawFaults(pg *page, faults []localcluster.ActiveFault) {
	var rows [][]string
	for _, f := range faults {
		left := "until healed"
		if f.Remaining != nil {
			left = short(*f.Remaining)
		}
		detail := f.Detail
		if f.Overdue != "" {
			left, detail = "overdue", f.Overdue
		}
		if f.Shape != nil {
			detail = shapeText(*f.Shape)
		}
		rows = append(rows, []string{f.ID, f.Kind.String(), idList(f.Members), strings.Join(f.Links.Strings(), " "), left, detail})
	}
	pg.table([]column{left("id"), left("kind"), left("members").cut(), left("links").cut(), left("left").ranked(1),
		left("detail").ranked(2).cut()}, rows)
	for _, f := range faults {
		if text := overriddenText(f); text != "" {
			pg.line("- %s%s", f.ID, text)
		}
	}
}
