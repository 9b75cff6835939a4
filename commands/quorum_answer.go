package commands

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zkctl/quorum"
)

// answer fills the document with what was asked about one ensemble.
func (o *quorumOptions) answer(doc *quorumDoc, s *subject) error {
	d, err := describe(s)
	if err != nil {
		return err
	}
	doc.ensembleDoc = d
	up, err := o.probabilitiesOf(s)
	if err != nil {
		return err
	}
	steps := []struct {
		asked bool
		do    func() error
	}{
		{up != nil, func() error { return o.addAvailability(d, s, up) }},
		{o.importance, func() error { return o.addImportance(d, s, up) }},
		{o.mttf != "" || o.mttr != "", func() error { return o.addRepair(d, s) }},
		{o.zones != "", func() error { return o.addZones(d, s, up) }},
		{o.zones == "" && o.place == "" && len(o.zoneUp) > 0, func() error {
			return usagef("--zone-availability needs --zones or --place")
		}},
		{o.failed != "", func() error { return o.addWhatIf(d, s) }},
		{o.rtt != "", func() error { return o.addLatency(d, s) }},
		{o.hasReads, func() error { return o.addThroughput(d, s) }},
		{o.bestWeights > 0, func() error { return o.addBestWeights(d, s, up) }},
		{o.place != "", func() error { return o.addPlacements(d, s, up) }},
		{o.profile, func() error { return o.addProfile(d, s) }},
		{o.list, func() error { return o.addLists(d, s) }},
	}
	for _, step := range steps {
		if step.asked {
			if err := step.do(); err != nil {
				return err
			}
		}
	}
	return nil
}

// describe says what is always said.
func describe(s *subject) (*ensembleDoc, error) {
	t, err := quorum.Tolerance(s.system)
	if err != nil {
		return nil, err
	}
	d := &ensembleDoc{
		Nodes: len(s.membership.Voters) + len(s.membership.Observers), Voters: len(s.membership.Voters),
		Observers: len(s.membership.Observers), VoterIDs: s.membership.Voters, ObserverIDs: orEmpty(s.membership.Observers),
		System: s.kind, name: s.name, Tolerates: t.Guaranteed, SinglePoints: orEmpty(quorum.SinglePoints(s.system)),
	}
	if t.Quorum > 0 {
		d.Quorum, d.ToleratesAtBest = &t.Quorum, &t.AtBest
	}
	// These two are hard for some weights. They are not worth failing for: the
	// field is null and a note says why.
	n, err := quorum.CountMinimalQuorums(s.system)
	if err := d.noteIfTooLarge(err, "minimal quorums are not counted"); err != nil {
		return nil, err
	} else if n != nil {
		raw := rawNumber(n)
		d.MinimalQuorums = &raw
	}
	d.NeverMatter, err = quorum.Dummies(s.system)
	if err := d.noteIfTooLarge(err, "members that never matter are not known"); err != nil {
		return nil, err
	}
	if err == nil {
		d.NeverMatter = orEmpty(d.NeverMatter)
	}
	m, err := quorum.MessagesPerWrite(d.Voters, d.Observers)
	if err != nil {
		return nil, err
	}
	d.Messages = messagesDoc(m)
	warnings, err := quorum.Lint(s.system)
	if err != nil {
		return nil, err
	}
	d.Warnings = orEmpty(warnings)
	if s.oracle != "" {
		if err := d.addOracle(s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *ensembleDoc) noteIfTooLarge(err error, what string) error {
	if errors.Is(err, quorum.ErrTooLarge) {
		d.Notes = append(d.Notes, what+": "+err.Error())
		return nil
	}
	return err
}

// addOracle says what the two-server oracle changes.
func (d *ensembleDoc) addOracle(s *subject) error {
	oracle, err := quorum.NewOracle(s.membership.Voters...)
	if err != nil {
		return err
	}
	t, err := quorum.Tolerance(oracle)
	if err != nil {
		return err
	}
	d.Oracle = &oracleDoc{Asked: oracle.Asked(), Tolerates: t.Guaranteed}
	if oracle.Asked() {
		d.Notes = append(d.Notes, "with oraclePath, a leader left alone goes on while the oracle's file begins with 1; "+
			"the numbers above hold without it, and if it ever says 1 to both servers they decide differently")
	} else {
		d.Notes = append(d.Notes, "oraclePath has no effect: the oracle is asked with exactly two voters; it also overrides groups and weights")
	}
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

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
	if o.mttf == "" || o.mttr == "" {
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
		return usagef("--importance needs --availability")
	}
	values, err := quorum.Importance(s.system, up)
	if err != nil {
		return err
	}
	for i, id := range s.system.Voters() {
		d.Availability.Importance = append(d.Availability.Importance, importanceDoc{id, values[i]})
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
	d.MTTQL = finite(r.MeanTimeToLoss)
	d.Repair = &repairDoc{MTTF: mttf, MTTR: mttr, Crew: crew.String(), Availability: r.Availability.Up(),
		Losses: r.LossesPerTime * quorum.SecondsPerYear, MeanOutage: finite(r.MeanOutage),
		timeToLoss: r.MeanTimeToLoss, exact: r.Availability}
	return nil
}

// zonesOf reads --zones and --zone-availability, and checks the members.
func (o *quorumOptions) zonesOf(s *subject) (zones []quorum.Zone, fail bool, err error) {
	zones, err = parseZones(o.zones)
	if err != nil {
		return nil, false, err
	}
	ps, err := parseProbabilities("zone-availability", o.zoneUp)
	if err != nil {
		return nil, false, err
	}
	known := slices.Concat(s.membership.Voters, s.membership.Observers)
	for i, z := range zones {
		for _, id := range z.Members {
			if !slices.Contains(known, id) {
				return nil, false, usagef("--zones: zone %s lists server %d, which does not exist", z.Name, id)
			}
		}
		if p, ok := ps.of(z.Name); ok {
			zones[i].Up, fail = p, true
		}
	}
	for name := range ps.each {
		if !slices.ContainsFunc(zones, func(z quorum.Zone) bool { return z.Name == name }) {
			return nil, false, usagef("--zone-availability %s=…: there is no zone %s", name, name)
		}
	}
	return zones, fail, nil
}

func (o *quorumOptions) addZones(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	zones, fail, err := o.zonesOf(s)
	if err != nil {
		return err
	}
	r, err := quorum.Zones(s.system, zones)
	if err != nil {
		return err
	}
	z := &zonesDoc{SurvivesAny: r.SurvivesAny, Survives: map[string]bool{}, Further: map[string]int{}, WorstFurther: r.Worst}
	if r.ToBlock >= 0 {
		z.MinToBlock = &r.ToBlock
	}
	covered := map[int64]bool{}
	for i, zone := range zones {
		z.Survives[zone.Name], z.Further[zone.Name] = r.Survives[i], r.Further[i]
		for _, id := range zone.Members {
			covered[id] = true
		}
	}
	var outside []int64
	for _, id := range s.membership.Voters {
		if !covered[id] {
			outside = append(outside, id)
		}
	}
	if len(outside) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("in no zone, and so failing by themselves only: %s", idText(outside)))
	}
	d.Warnings = append(d.Warnings, quorum.LintZones(zones, r)...)
	d.Zones, d.zoneSet = z, zones
	if !fail {
		return nil
	}
	if up == nil {
		return usagef("--zone-availability needs --availability, too")
	}
	a, err := quorum.AvailableWithZones(s.system, up, zones)
	if err != nil {
		return err
	}
	z.Availability = newAvailabilityDoc(a, perNode(s, up))
	return nil
}

func (o *quorumOptions) addWhatIf(d *ensembleDoc, s *subject) error {
	failed, err := parseIDs("failed", o.failed)
	if err != nil {
		return err
	}
	voters, err := splitFailed(s, failed)
	if err != nil {
		return err
	}
	left, err := quorum.Without(s.system, voters...)
	if err != nil {
		return err
	}
	further, err := quorum.GuaranteedTolerance(left)
	if err != nil {
		return err
	}
	d.WhatIf = &whatIfDoc{Failed: failed, HasQuorum: further >= 0, Further: further}
	return nil
}

// splitFailed returns the voters among the failed; observers do not matter, and
// others are an error.
func splitFailed(s *subject, failed []int64) ([]int64, error) {
	var voters []int64
	for _, id := range failed {
		switch {
		case slices.Contains(s.membership.Voters, id):
			voters = append(voters, id)
		case !slices.Contains(s.membership.Observers, id):
			return nil, usagef("--failed %d: there is no server %d", id, id)
		}
	}
	return voters, nil
}

func (o *quorumOptions) addLatency(d *ensembleDoc, s *subject) error {
	text, err := o.readInput(o.rtt)
	if err != nil {
		return fmt.Errorf("--rtt: %w", err)
	}
	network, err := parseNetwork(string(text))
	if err != nil {
		return usagef("--rtt %s: %w", o.rtt, err)
	}
	var failed []int64
	if o.failed != "" {
		if failed, err = parseIDs("failed", o.failed); err != nil {
			return err
		}
	}
	all, err := quorum.Latencies(s.system, network, failed...)
	if err != nil {
		return usagef("--rtt %s: %w", o.rtt, err)
	}
	for _, l := range all {
		doc := latencyDoc{Leader: l.Leader, Acks: []int64{}, Writes: []writeDoc{}}
		if l.Committed {
			seconds := l.Commit.After.Seconds()
			doc.Commit, doc.Acks = &seconds, l.Commit.Acks
		}
		for _, w := range l.Write {
			doc.Writes = append(doc.Writes, writeDoc{w.ID, w.Time.Seconds()})
		}
		d.Latency = append(d.Latency, doc)
	}
	return nil
}

// throughputModel names the model that every estimate comes from.
const throughputModel = "ZooKeeper as measured at USENIX ATC 2010 (1 KB operations, 250 clients, hardware of that time); " +
	"reads and writes mixed by the share of time they take; good for comparing sizes, not for capacity"

func (o *quorumOptions) addThroughput(d *ensembleDoc, s *subject) error {
	t, err := quorum.EstimateThroughput(len(s.membership.Voters), o.reads)
	if err != nil {
		return usagef("--reads: %w", err)
	}
	d.Throughput = &throughputDoc{Model: throughputModel, Reads: o.reads, Ops: t.Ops, ReadsPS: t.Reads, WritesPS: t.Writes, Basis: t.Basis.String()}
	return nil
}

func (o *quorumOptions) addBestWeights(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	if up == nil {
		return usagef("--best-weights needs --availability")
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

// shownPlacements is how many placements are ranked in the output.
const shownPlacements = 10

func (o *quorumOptions) addPlacements(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	if s.kind != "majority" {
		return usagef("--place ranks placements of majorities: with groups and weights, give --zones")
	}
	if up == nil {
		return usagef("--place needs --availability, and --zone-availability: they decide what is best")
	}
	ps, err := parseProbabilities("zone-availability", o.zoneUp)
	if err != nil {
		return err
	}
	first := up(s.membership.Voters[0])
	for _, id := range s.membership.Voters {
		if up(id) != first {
			return usagef("--place needs servers that are alike: one --availability for all")
		}
	}
	var zones []quorum.Zone
	for _, name := range strings.Split(o.place, ",") {
		p, ok := ps.of(name)
		if !ok {
			return usagef("--zone-availability is missing for zone %s", name)
		}
		zones = append(zones, quorum.Zone{Name: name, Up: p})
	}
	for name := range ps.each {
		if !slices.ContainsFunc(zones, func(z quorum.Zone) bool { return z.Name == name }) {
			return usagef("--zone-availability %s=…: there is no zone %s", name, name)
		}
	}
	ranked, err := quorum.Place(len(s.membership.Voters), zones, first)
	if err != nil {
		return err
	}
	d.placed = len(ranked)
	d.zoneSet = zones
	for _, r := range ranked[:min(len(ranked), shownPlacements)] {
		doc := placementDoc{Sizes: map[string]int{}, SurvivesAny: r.SurvivesAny, WorstFurther: r.Further,
			Availability: newAvailabilityDoc(r.Availability, first.Up()), sizes: r.Sizes}
		for i, z := range zones {
			doc.Sizes[z.Name] = r.Sizes[i]
		}
		d.Placements = append(d.Placements, doc)
	}
	return nil
}

func (o *quorumOptions) addProfile(d *ensembleDoc, s *subject) error {
	profile, err := quorum.FailureProfile(s.system)
	if err != nil {
		return err
	}
	for _, row := range profile {
		d.Profile = append(d.Profile, profileDoc{row.Failures, rawNumber(row.Fatal), rawNumber(row.Total), row.Fatal, row.Total})
	}
	return nil
}

// listLimit is how many sets --list writes out before it says that they are too
// many.
const listLimit = 1000

func (o *quorumOptions) addLists(d *ensembleDoc, s *subject) error {
	var err error
	if d.Quorums, err = quorum.MinimalQuorums(s.system, listLimit); err != nil {
		return fmt.Errorf("--list: %w", err)
	}
	if d.Blocking, err = quorum.MinimalBlocking(s.system, listLimit); err != nil {
		return fmt.Errorf("--list: %w", err)
	}
	return nil
}

// compareSizes answers the same for majorities of several sizes.
func (o *quorumOptions) compareSizes(doc *quorumDoc) error {
	sizes, err := parseSizes("compare", o.compare)
	if err != nil {
		return err
	}
	for _, n := range sizes {
		s, err := flagSubject(sourceOptions{nodes: n, hasNodes: true, observers: o.source.observers})
		if err != nil {
			return err
		}
		d, err := describe(s)
		if err != nil {
			return err
		}
		up, err := o.probabilitiesOf(s)
		if err != nil {
			return err
		}
		if up != nil {
			if err := o.addAvailability(d, s, up); err != nil {
				return err
			}
		}
		if o.mttf != "" || o.mttr != "" {
			if err := o.addRepair(d, s); err != nil {
				return err
			}
		}
		if o.hasReads {
			if err := o.addThroughput(d, s); err != nil {
				return err
			}
		}
		doc.Compare = append(doc.Compare, d)
	}
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
