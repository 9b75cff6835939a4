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
	From    endDoc      `json:"from"`
	To      endDoc      `json:"to"`
	Failed  []int64     `json:"failed"`
	Steps   []stepDoc   `json:"steps"`
	Lowest  int         `json:"lowest_tolerance"`
	Refused *refusedDoc `json:"refused"` // null: the plan is complete
	Notes   []string    `json:"notes"`
}

type endDoc struct {
	System    string  `json:"system"`
	Voters    []int64 `json:"voters"`
	Observers []int64 `json:"observers"`
	Quorum    *int    `json:"quorum"`
	Tolerates int     `json:"tolerates"` // with the failed servers down

	name string
}

type stepDoc struct {
	Step            int     `json:"step"`
	Action          string  `json:"action"`
	Server          *int64  `json:"server"` // null: all of them
	Voters          []int64 `json:"voters"` // afterwards
	Observers       []int64 `json:"observers"`
	Quorum          int     `json:"quorum"`
	ToleratesDuring int     `json:"tolerates_during"`
	Tolerates       int     `json:"tolerates"`
	Text            string  `json:"text"`
}

type refusedDoc struct {
	Step   *stepDoc `json:"step"` // null: no step could be taken at all
	Reason string   `json:"reason"`
}

func newQuorumPlanCommand(p *program) *cli.Command {
	o := &planOptions{program: p}
	return &cli.Command{
		Name:  "plan",
		Usage: "the safe order of membership changes, and what each step tolerates",
		Description: "Leads from one configuration to another one server at a time. While a step is in flight a quorum of the old " +
			"and of the new configuration are both needed, and that is what \"during\" tolerates. A step that could lose the quorum " +
			"is refused with the reason, and the command exits 3.",
		UsageText: "zkctl quorum plan --from 3 --to 5\n" +
			"zkctl quorum plan --from old.cfg --to new.cfg\n" +
			"zkctl quorum plan --from old.cfg --to new.cfg --failed 3",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "`N|FILE` the ensemble as it is", Destination: &o.from},
			&cli.StringFlag{Name: "to", Usage: "`N|FILE` the ensemble as it shall be", Destination: &o.to},
			&cli.StringFlag{Name: "failed", Usage: "`1,4` servers that are down and stay so", Destination: &o.failed},
		},
		Action: func(c *cli.Context) error {
			if err := emptyFlag(c); err != nil {
				return err
			}
			return o.run()
		},
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
	doc := planDoc{Failed: []int64{}, Steps: []stepDoc{}, Notes: []string{}}
	if o.failed != "" {
		if doc.Failed, err = parseIDs("failed", o.failed); err != nil {
			return err
		}
	}
	plan, err := quorum.PlanChange(from.membership, to.membership, doc.Failed...)
	if err != nil {
		return err
	}
	if doc.From, err = newEndDoc(from, doc.Failed); err != nil {
		return err
	}
	if doc.To, err = newEndDoc(to, doc.Failed); err != nil {
		return err
	}
	doc.Lowest = plan.Lowest
	for i, s := range plan.Steps {
		doc.Steps = append(doc.Steps, newStepDoc(i+1, s))
	}
	if plan.Refused != "" {
		doc.Refused = &refusedDoc{Reason: plan.Refused}
		if plan.Next != nil {
			next := newStepDoc(len(plan.Steps)+1, *plan.Next)
			doc.Refused.Step = &next
		}
	}
	doc.Notes = append(doc.Notes, planNotes(from, to, plan)...)
	if err := o.print(doc, doc.draw); err != nil {
		return err
	}
	if doc.Refused != nil {
		return reported(exitUnhealthy)
	}
	return nil
}

func newEndDoc(s *subject, failed []int64) (endDoc, error) {
	d := endDoc{System: s.kind, Voters: s.membership.Voters, Observers: orEmpty(s.membership.Observers), name: s.name}
	t, err := quorum.Tolerance(s.system)
	if err != nil {
		return d, err
	}
	if t.Quorum > 0 {
		d.Quorum = &t.Quorum
	}
	var down []int64
	for _, id := range failed {
		if slices.Contains(s.membership.Voters, id) {
			down = append(down, id)
		}
	}
	left, err := quorum.Without(s.system, down...)
	if err != nil {
		return d, err
	}
	d.Tolerates, err = quorum.GuaranteedTolerance(left)
	return d, err
}

func newStepDoc(number int, s quorum.Step) stepDoc {
	d := stepDoc{Step: number, Action: s.Action.String(), Voters: s.After.Voters, Observers: orEmpty(s.After.Observers),
		Quorum: s.Quorum, ToleratesDuring: s.TolerateDuring, Tolerates: s.TolerateAfter, Text: stepText(s)}
	if s.Action != quorum.Replace && s.Action != quorum.Regroup {
		d.Server = &s.Server
	}
	return d
}

// stepText says what to do.
func stepText(s quorum.Step) string {
	switch s.Action {
	case quorum.AddVoter:
		return fmt.Sprintf("start server %d, let it catch up, give it a vote", s.Server)
	case quorum.Promote:
		return fmt.Sprintf("give observer %d a vote, once it has caught up", s.Server)
	case quorum.Demote:
		return fmt.Sprintf("make voter %d an observer", s.Server)
	case quorum.RemoveVoter:
		return fmt.Sprintf("take server %d out, then stop it", s.Server)
	case quorum.AddObserver:
		return fmt.Sprintf("start server %d as an observer", s.Server)
	case quorum.RemoveObserver:
		return fmt.Sprintf("take observer %d out, then stop it", s.Server)
	case quorum.Move:
		return fmt.Sprintf("give server %d its new address and restart it", s.Server)
	case quorum.Regroup:
		return "give all servers their new groups and weights, at once"
	case quorum.Replace:
		return "replace all members, groups and weights at once"
	}
	return s.Action.String()
}

// planNotes says what ZooKeeper adds to the arithmetic.
func planNotes(from, to *subject, plan quorum.Plan) []string {
	var notes []string
	if len(plan.Steps) == 0 && plan.Refused == "" {
		return []string{"nothing to do: the two are the same"}
	}
	smallest := len(from.membership.Voters)
	hierarchical := from.kind == "hierarchical" || from.kind == "weighted" || to.kind == "hierarchical" || to.kind == "weighted"
	for _, s := range plan.Steps {
		smallest = min(smallest, len(s.After.Voters))
	}
	if len(from.membership.Voters) == 1 {
		notes = append(notes, "a single server runs stand-alone and cannot be reconfigured: restart it once with standaloneEnabled=false")
	}
	if smallest < 2 && len(from.membership.Voters) > 1 {
		notes = append(notes, "zookeeper refuses to reconfigure below two voters unless standaloneEnabled=false")
	}
	if hierarchical {
		notes = append(notes, "with groups or weights zookeeper takes the full list of members at each step (reconfig -file), not single changes")
	}
	if len(plan.Steps) > 0 {
		notes = append(notes, restartNote(from.system, plan, hierarchical))
	}
	return notes
}

// restartNote says whether the steps may be made without reconfig, by restarting servers
// with new files. Then servers of the old and of the new configuration decide side by
// side, each by its own rule, and that is safe only while any two of their quorums share a
// server. One vote more or less under a majority always is.
func restartNote(from quorum.System, plan quorum.Plan, hierarchical bool) string {
	before := from
	for i, s := range plan.Steps {
		if !hierarchical {
			break
		}
		after, err := s.After.System()
		if err != nil {
			break // the plan was made of systems that exist
		}
		switch meet, err := quorum.QuorumsMeet(before, after); {
		case err != nil:
			return fmt.Sprintf("never take step %d by restarting servers with new files one by one: whether quorums before and after it always "+
				"share a server is not known for so many voters", i+1)
		case !meet:
			return fmt.Sprintf("never take step %d by restarting servers with new files one by one: quorums before and after it need not "+
				"share a server, and could decide differently", i+1)
		}
		before = after
	}
	return "without reconfig, restart every server with the new file before the next step: one step apart, any two quorums still meet"
}

// shownSteps is how many steps of a long plan a table shows, from either end.
const shownSteps = 20

func (d planDoc) draw(pg *page) {
	end := func(e endDoc) string {
		text := e.name
		if len(e.Observers) > 0 {
			text += ", " + count(len(e.Observers), "observer")
		}
		if e.Tolerates < 0 {
			return text + ": " + pg.bad("no quorum")
		}
		return fmt.Sprintf("%s: tolerates %d", text, e.Tolerates)
	}
	pg.fields([2]string{"from", end(d.From)}, [2]string{"to", end(d.To)}, [2]string{"down", listOr(d.Failed, "")})
	var rows [][]string
	row := func(s stepDoc) []string {
		return []string{fmt.Sprint(s.Step), s.Text, fmt.Sprintf("%d of %d", s.Quorum, len(s.Voters)), tolerance(pg, s.ToleratesDuring), tolerance(pg, s.Tolerates)}
	}
	for i, s := range d.Steps {
		switch hidden := len(d.Steps) - 2*shownSteps; {
		case hidden <= 1 || i < shownSteps || i >= len(d.Steps)-shownSteps:
			rows = append(rows, row(s))
		case i == shownSteps:
			rows = append(rows, []string{"…", fmt.Sprintf("(%d more; all of them with -o json)", hidden), "", "", ""})
		}
	}
	if len(rows) > 0 {
		pg.table([]column{right("step"), left("do"), right("quorum"), right("during"), right("after")}, rows)
		pg.line("(during and after: further failures tolerated; the lowest on the way is %d)", d.Lowest)
	}
	if d.Refused != nil {
		if d.Refused.Step != nil {
			pg.para("%s step %d, %s: %s.", pg.bad("refused:"), d.Refused.Step.Step, d.Refused.Step.Text, d.Refused.Reason)
		} else {
			pg.para("%s %s.", pg.bad("refused:"), d.Refused.Reason)
		}
	}
	for i, n := range d.Notes {
		if i == 0 {
			pg.block()
		}
		pg.line("- note: %s", n)
	}
}

func tolerance(pg *page, n int) string {
	switch {
	case n < 0:
		return pg.bad("lost")
	case n == 0:
		return pg.warn("0")
	}
	return fmt.Sprint(n)
}
