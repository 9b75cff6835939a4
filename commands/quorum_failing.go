package commands

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zkctl/quorum"
)

// probabilitiesOf reads --availability, or derives it from --mttf and --mttr; nil
// when neither is given.
func (o *quorumOptions) probabilitiesOf(s *subject) (func(id int64) quorum.Probability, error) {
	ps, err := parseProbabilities("availability", o.availability)
	if err != nil {
		return nil, err
	}
	if !ps.none() {
		return ps.servers(s)
	}
	if o.mttf == "" || o.mttr == "" || o.repair == quorum.OneCrew.String() {
		return nil, nil
	}
	mttf, mttr, err := o.repairTimes()
	if err != nil {
		return nil, err
	}
	p, err := quorum.FromRepair(mttf, mttr)
	if err != nil {
		return nil, err
	}
	return quorum.Uniform(p), nil
}

// perNode is a number when all are alike, else one by server.
func perNode(s *subject, up func(id int64) quorum.Probability) any {
	first := up(s.membership.Voters[0])
	byID := map[string]float64{}
	alike := true
	for _, id := range s.membership.Voters {
		byID[strconv.FormatInt(id, 10)] = up(id).Up()
		alike = alike && up(id) == first
	}
	if alike {
		return first.Up()
	}
	return byID
}

func (o *quorumOptions) addAvailability(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	a, err := quorum.Available(s.system, up)
	if err != nil {
		return err
	}
	d.Availability = newAvailabilityDoc(a, perNode(s, up))
	return nil
}

func (o *quorumOptions) addImportance(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	if up == nil {
		return o.needsAvailability("--importance")
	}
	values, err := quorum.Importance(s.system, up)
	if err != nil {
		return err
	}
	for i, id := range s.system.Voters() {
		d.Availability.Importance = append(d.Availability.Importance, importanceDoc{id, digits(values[i])})
	}
	slices.SortStableFunc(d.Availability.Importance, func(a, b importanceDoc) int {
		switch {
		case a.Importance > b.Importance:
			return -1
		case a.Importance < b.Importance:
			return 1
		}
		return 0
	})
	return nil
}

// needsAvailability is the error of a question that cannot be answered without.
func (o *quorumOptions) needsAvailability(flag string) error {
	if o.mttf != "" && o.mttr != "" {
		return usagef("%s needs --availability: under --repair one-crew servers wait for each other, and do not fail independently", flag)
	}
	return usagef("%s needs --availability", flag)
}

// repairTimes reads --mttf and --mttr, in seconds.
func (o *quorumOptions) repairTimes() (mttf, mttr float64, err error) {
	if o.mttf == "" || o.mttr == "" {
		return 0, 0, usagef("--mttf and --mttr go together")
	}
	if mttf, err = parseSpan("mttf", o.mttf); err != nil {
		return 0, 0, err
	}
	if mttr, err = parseSpan("mttr", o.mttr); err != nil {
		return 0, 0, err
	}
	if mttf == 0 || mttr == 0 {
		return 0, 0, usagef("--mttf %s and --mttr %s must both be above zero", o.mttf, o.mttr)
	}
	return mttf, mttr, nil
}

func (o *quorumOptions) crew() (quorum.Crew, error) {
	for _, c := range []quorum.Crew{quorum.Parallel, quorum.OneCrew} {
		if o.repair == c.String() {
			return c, nil
		}
	}
	return 0, usagef("--repair %q is neither parallel nor one-crew", o.repair)
}

func (o *quorumOptions) addRepair(d *ensembleDoc, s *subject) error {
	mttf, mttr, err := o.repairTimes()
	if err != nil {
		return err
	}
	crew, err := o.crew()
	if err != nil {
		return err
	}
	r, err := quorum.Repairable(s.system, mttf, mttr, crew)
	if err != nil {
		return err
	}
	d.Repair = &repairDoc{MTTF: mttf, MTTR: mttr, Crew: crew.String(), Availability: r.Availability.Up(),
		Losses: digits(r.LossesPerTime * quorum.SecondsPerYear), MeanOutage: finite(digits(r.MeanOutage)), exact: r.Availability}
	if crew == quorum.OneCrew && len(o.availability) == 0 { // servers wait for each other: the chain says how they are
		d.Availability = newAvailabilityDoc(r.Availability, r.Server)
	}
	// How often in the long run is known for systems for which the first time is not.
	first, err := quorum.MeanTimeToLoss(s.system, mttf, mttr, crew)
	if err := d.noteIfTooLarge(err, "how long a quorum lasts from the start is not known, only how often it is lost in the long run"); err != nil {
		return err
	}
	if err == nil {
		d.Repair.timeToLoss, d.MTTQL = first, finite(digits(first))
		if d.MTTQL == nil {
			d.Notes = append(d.Notes, "the mean time to quorum loss is beyond 1e308 seconds")
		}
	}
	return nil
}

func (o *quorumOptions) addBestWeights(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	if up == nil {
		return o.needsAvailability("--best-weights")
	}
	w, err := quorum.BestWeights(s.membership.Voters, up, o.bestWeights)
	if err != nil {
		return err
	}
	doc := &weightsDoc{Weights: map[string]int64{}, Availability: newAvailabilityDoc(w.Availability, perNode(s, up)),
		Groups: strings.ReplaceAll(idText(w.IDs), ",", ":"), ids: w.IDs, weights: w.Weights}
	var parts []string
	for i, id := range w.IDs {
		doc.Weights[strconv.FormatInt(id, 10)] = w.Weights[i]
		if w.Weights[i] != 1 {
			parts = append(parts, fmt.Sprintf("%d=%d", id, w.Weights[i]))
		}
	}
	doc.Flag = strings.Join(parts, ",")
	d.BestWeights = doc
	return nil
}

// recommend finds the smallest ensemble for a target.
func (o *quorumOptions) recommend(doc *quorumDoc) error {
	target, err := quorum.ParseProbability(o.target)
	if err != nil {
		return usagef("--target %s: %w", o.target, err)
	}
	var p quorum.Probability
	ps, err := parseProbabilities("availability", o.availability)
	if err != nil {
		return err
	}
	switch {
	case ps.given && len(ps.each) == 0:
		p = ps.common
	case o.mttf != "" && o.mttr != "" && o.repair == quorum.OneCrew.String():
		return o.needsAvailability("--target")
	case o.mttf != "" || o.mttr != "":
		mttf, mttr, err := o.repairTimes()
		if err != nil {
			return err
		}
		if p, err = quorum.FromRepair(mttf, mttr); err != nil {
			return err
		}
	default:
		return usagef("--target needs one --availability for all servers, or --mttf and --mttr")
	}
	n, a, err := quorum.SmallestFor(p, target)
	if errors.Is(err, quorum.ErrUnreachable) {
		return exitf(exitUnhealthy, "--target %s: %w", o.target, err)
	}
	if err != nil {
		return err
	}
	doc.Recommendation = &recommendationDoc{Nodes: n, Target: target.Up(), Quorum: n/2 + 1, Tolerates: (n - 1) / 2,
		Availability: newAvailabilityDoc(a, p.Up())}
	return nil
}
