package commands

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"zkctl/quorum"
)

// planOptions are the two ends of a change of membership.
type planOptions struct {
	*program
	from, to, failed string
}

// planDoc is the document of "zkctl quorum plan".
type planDoc struct {
	quorum.Plan
	Notes []string `json:"notes"`

	from, to string // names
}

func newQuorumPlanCommand(p *program) *cli.Command {
	o := &planOptions{program: p}
	return &cli.Command{
		Name:  "plan",
		Usage: "the safe order of membership changes, and what each step tolerates",
		Description: "Leads from one configuration to another one server at a time. While a step is in flight a quorum of the old " +
			"and of the new configuration are both needed, and that is what \"during\" tolerates. Where groups or weights change, everything is one step. " +
			"A step that could lose the quorum is refused with the reason, and the command exits 3.",
		UsageText: "zkctl quorum plan --from 3 --to 5\n" +
			"zkctl quorum plan --from old.cfg --to new.cfg\n" +
			"zkctl quorum plan --from old.cfg --to new.cfg --failed 3",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "`N|FILE` the ensemble as it is", Destination: &o.from},
			&cli.StringFlag{Name: "to", Usage: "`N|FILE` the ensemble as it is to be", Destination: &o.to},
			&cli.StringFlag{Name: "failed", Usage: "`1,4` servers that are down and stay so", Destination: &o.failed},
		},
		Action: func(*cli.Context) error { return o.run() },
	}
}

func (o *planOptions) run() error {
	if o.from == "" || o.to == "" {
		return withHint(usagef("--from and --to are both needed: sizes, or zoo.cfg files"), "zkctl quorum plan --from 3 --to 5")
	}
	from, err := o.planEnd("from", o.from)
	if err != nil {
		return err
	}
	to, err := o.planEnd("to", o.to)
	if err != nil {
		return err
	}
	var failed []int64
	if o.failed != "" {
		if failed, err = parseIDs("failed", o.failed); err != nil {
			return err
		}
	}
	plan, err := quorum.PlanChange(from.membership, to.membership, failed...)
	if err != nil {
		return err
	}
	doc := planDoc{plan, orEmpty(planNotes(plan)), from.name, to.name}
	if err := o.print(doc, doc.draw); err != nil {
		return err
	}
	if doc.Refused != nil {
		return reported(exitUnhealthy)
	}
	return nil
}

// planNotes say what ZooKeeper adds to the arithmetic. Without reconfig, servers of the old and
// of the new configuration decide side by side while they are being restarted, each by its own
// rule, and that is safe only while any two of their quorums share a server. One vote more or
// less under a majority always is.
func planNotes(plan quorum.Plan) []string {
	if len(plan.Steps) == 0 && plan.Refused == nil {
		return []string{"nothing to do: the two are the same"}
	}
	var notes []string
	voters := len(plan.From.Voters)
	smallest := voters
	has := func(actions ...quorum.Action) bool {
		return slices.ContainsFunc(plan.Steps, func(s quorum.Step) bool { return slices.Contains(actions, s.Action) })
	}
	for _, s := range plan.Steps {
		smallest = min(smallest, len(s.Voters))
	}
	if has(quorum.AddVoter, quorum.Promote) {
		notes = append(notes, "a server catches up first, then it gets its vote")
	}
	if voters == 1 {
		notes = append(notes, "a single server runs stand-alone and cannot be reconfigured: restart it once with standaloneEnabled=false")
	} else if smallest < 2 {
		notes = append(notes, "zookeeper refuses to reconfigure below two voters unless standaloneEnabled=false")
	}
	if plan.From.Kind != quorum.Majority || plan.To.Kind != quorum.Majority {
		notes = append(notes, "with groups or weights zookeeper takes the full list of members at each step (reconfig -file), not single changes")
	}
	switch {
	case has(quorum.Replace):
		notes = append(notes, "never do it by restarting servers with new files one by one: quorums before and after need not share a server, and could decide differently")
	case len(plan.Steps) > 0:
		notes = append(notes, "without reconfig, restart every server with the new file before the next step: one step apart, any two quorums still meet")
	}
	return notes
}

func (d planDoc) draw(pg *page) {
	end := func(name string, s quorum.Stage) string {
		if len(s.Observers) > 0 {
			name += ", " + quorum.Plural(len(s.Observers), "observer")
		}
		if s.Tolerates < 0 {
			return name + ": " + pg.bad("no quorum")
		}
		return fmt.Sprintf("%s: tolerates %d", name, s.Tolerates)
	}
	tolerance := func(n int) string {
		switch {
		case n < 0:
			return pg.bad("lost")
		case n == 0:
			return pg.warn("0")
		}
		return fmt.Sprint(n)
	}
	pg.fields([2]string{"from", end(d.from, d.From)}, [2]string{"to", end(d.to, d.To)}, [2]string{"down", quorum.IDList(d.Failed)})
	var rows [][]string
	for _, s := range d.Steps {
		rows = append(rows, []string{fmt.Sprint(s.Number), s.Text, fmt.Sprintf("%d of %d", *s.Quorum, len(s.Voters)), tolerance(s.ToleratesDuring), tolerance(s.Tolerates)})
	}
	if len(rows) > 0 {
		pg.table([]column{right("step"), left("do"), right("quorum").ranked(3), right("during").ranked(1), right("after").ranked(2)}, rows)
		pg.line("(during and after: further failures tolerated; the lowest on the way is %d)", d.Lowest)
	}
	if r := d.Refused; r != nil && r.Step != nil {
		pg.para("%s step %d, %s: %s.", pg.bad("refused:"), r.Step.Number, r.Step.Text, r.Reason)
	} else if r != nil {
		pg.para("%s %s.", pg.bad("refused:"), r.Reason)
	}
	drawList(pg, "note: ", d.Notes)
}
