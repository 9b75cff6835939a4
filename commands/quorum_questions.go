package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"zkctl/quorum"
)

const independent = "servers fail independently of each other, which servers in one rack do not; elections take no time"

type availabilityDoc struct {
	PerNode        any      `json:"per_node"` // a number, or one by server
	Ensemble       float64  `json:"ensemble"`
	Unavailability float64  `json:"unavailability"`
	Nines          *float64 `json:"nines"` // null: it cannot fail
	Downtime       float64  `json:"downtime_seconds_per_year"`

	shown string // of Ensemble
}

func newAvailabilityDoc(a quorum.Availability, perNode any) *availabilityDoc {
	return &availabilityDoc{perNode, a.Up(), digits(a.Down()), finite(digits(a.Nines())), digits(a.DowntimePerYear()), percent(a)}
}

func (a *availabilityDoc) text() string {
	if a.Nines == nil {
		return a.shown
	}
	return fmt.Sprintf("%s, %s nines; down %s a year", a.shown, significant(*a.Nines), humanSeconds(a.Downtime))
}

// perNode is a number when all voters are alike, else one by server.
func (d *ensembleDoc) perNode() any {
	byID, first := map[string]float64{}, d.up(d.VoterIDs[0])
	for _, id := range d.VoterIDs {
		byID[strconv.FormatInt(id, 10)] = d.up(id).Up()
	}
	if slices.ContainsFunc(d.VoterIDs, func(id int64) bool { return d.up(id) != first }) {
		return byID
	}
	return first.Up()
}

// addAvailability reads --availability, or derives it from --mttf and --mttr.
func (o *quorumOptions) addAvailability(d *ensembleDoc) error {
	var names []string
	for _, id := range slices.Concat(d.VoterIDs, d.ObserverIDs) {
		names = append(names, strconv.FormatInt(id, 10))
	}
	ps, err := parseProbabilities("availability", "server", o.availability, names)
	if err != nil {
		return err
	}
	switch {
	case len(ps) > 0:
		for i, id := range d.VoterIDs {
			if _, ok := ps[names[i]]; !ok {
				return usagef("--availability is missing for server %d: give one for all as well, such as 0.99", id)
			}
		}
		d.up = func(id int64) quorum.Probability { return ps[strconv.FormatInt(id, 10)] }
	case o.mttf != "" && o.mttr != "":
		p, err := o.fromRepair()
		if err != nil {
			return err
		}
		d.up = quorum.Uniform(p)
	default:
		return nil
	}
	a, err := quorum.Available(d.subject.system, d.up)
	if err != nil {
		return err
	}
	d.Availability = newAvailabilityDoc(a, d.perNode())
	d.row("available", "%s", d.Availability.text())
	d.assumed = append(d.assumed, independent)
	return nil
}

type repairDoc struct {
	MTTF       float64  `json:"mttf_seconds"`
	MTTR       float64  `json:"mttr_seconds"`
	Losses     float64  `json:"quorum_losses_per_year"` // in the long run
	MeanOutage *float64 `json:"mean_outage_seconds"`

	lasts string
}

// repairTimes reads --mttf and --mttr, in seconds.
func (o *quorumOptions) repairTimes() (mttf, mttr float64, err error) {
	if o.mttf == "" || o.mttr == "" {
		return 0, 0, usagef("--mttf and --mttr go together")
	}
	if mttf, err = parseSpan("mttf", o.mttf); err != nil {
		return 0, 0, err
	}
	if mttr, err = parseSpan("mttr", o.mttr); err == nil && (mttf == 0 || mttr == 0) {
		err = usagef("--mttf %s and --mttr %s must both be above zero", o.mttf, o.mttr)
	}
	return mttf, mttr, err
}

func (o *quorumOptions) fromRepair() (quorum.Probability, error) {
	mttf, mttr, err := o.repairTimes()
	if err != nil {
		return quorum.Probability{}, err
	}
	return quorum.FromRepair(mttf, mttr)
}

func (o *quorumOptions) addRepair(d *ensembleDoc) error {
	if o.mttf == "" && o.mttr == "" {
		return nil
	}
	mttf, mttr, err := o.repairTimes()
	if err != nil {
		return err
	}
	r, err := quorum.Repairable(d.subject.system, mttf, mttr)
	if err != nil {
		return err
	}
	d.Repair = &repairDoc{mttf, mttr, digits(r.LossesPerTime * quorum.SecondsPerYear), finite(digits(r.MeanOutage)), "-"}
	first, err := quorum.MeanTimeToLoss(d.subject.system, mttf, mttr)
	if err := d.noteIfTooLarge(err, "how long a quorum lasts from the start"); err != nil {
		return err
	}
	if err == nil {
		if d.MTTQL = finite(digits(first)); d.MTTQL == nil {
			d.Notes = append(d.Notes, "the mean time to quorum loss is beyond 1e308 seconds")
		}
		d.Repair.lasts = humanSeconds(first)
		d.row("lasts", "%s until the quorum is first lost", d.Repair.lasts)
	}
	d.row("lost", "%s times a year, for %s", significant(d.Repair.Losses), humanSeconds(r.MeanOutage))
	d.assumed = append(d.assumed, "times to failure and repair are exponential; servers go on failing while there is no quorum")
	return nil
}

// percentOf writes a probability as people say it: 99.999 %.
func percentOf(p float64) string { return niceNumber(float64(int64(100*p*1e12+0.5))/1e12) + " %" }

type whatIfDoc struct {
	Failed    []int64 `json:"failed"`
	HasQuorum bool    `json:"has_quorum"`
	Further   int     `json:"further_failures_tolerated"` // -1 without a quorum
}

func (o *quorumOptions) addWhatIf(d *ensembleDoc) error {
	failed, err := parseIDs("failed", o.failed)
	if err != nil {
		return err
	}
	for _, id := range failed {
		if !slices.Contains(d.VoterIDs, id) && !slices.Contains(d.ObserverIDs, id) {
			return usagef("--failed %d: there is no server %d", id, id)
		}
	}
	further := quorum.GuaranteedTolerance(quorum.Without(d.subject.system, failed...))
	d.WhatIf = &whatIfDoc{Failed: failed, HasQuorum: further >= 0, Further: further}
	effect := d.ink.good("a quorum") + ", and tolerates " + quorum.Plural(further, "further failure")
	switch {
	case further < 0:
		effect = d.ink.bad("no quorum")
	case further == 0:
		effect = d.ink.warn("a quorum, and no further failure is tolerated")
	}
	d.row("what if", "%s down: %s", quorum.IDList(failed), effect)
	return nil
}

func (o *quorumOptions) addLatency(d *ensembleDoc) error {
	text, err := o.readInput(o.rtt)
	if err != nil {
		return fmt.Errorf("--rtt: %w", err)
	}
	network, err := parseNetwork(string(text))
	if err != nil {
		return usagef("--rtt %s: %w", o.rtt, err)
	}
	var failed []int64
	if d.WhatIf != nil {
		failed = d.WhatIf.Failed
	}
	if d.Latency, err = quorum.Latencies(d.subject.system, network, failed...); err != nil {
		return usagef("--rtt %s: %w", o.rtt, err)
	}
	var rows [][]string
	for _, l := range d.Latency {
		if l.Commit == nil {
			rows = append(rows, []string{fmt.Sprint(l.Leader), d.ink.bad("never"), "no quorum", ""})
			continue
		}
		byTime := slices.SortedStableFunc(slices.Values(l.Writes), func(a, b quorum.ServerLatency) int { return cmp.Compare(a.Seconds, b.Seconds) })
		least, most := byTime[0], byTime[len(byTime)-1]
		rows = append(rows, []string{fmt.Sprint(l.Leader), humanSeconds(*l.Commit), quorum.IDList(l.Acks),
			fmt.Sprintf("%s via %d .. %s via %d", humanSeconds(least.Seconds), least.Via, humanSeconds(most.Seconds), most.Via)})
	}
	d.table([]column{right("leader"), right("commit").ranked(1), left("acks of").ranked(3).cut(), left("a client's write").ranked(2)}, rows, "")
	d.assumed = append(d.assumed, "round trip plus fsync for each acknowledgement, the leader's own fsync for its own; nothing queues")
	return nil
}
