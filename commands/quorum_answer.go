package commands

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"zkctl/quorum"
)

// quorumDoc is the document of "zkctl quorum". What was not asked is absent.
type quorumDoc struct {
	*ensembleDoc
	Compare        []*ensembleDoc     `json:"compare,omitempty"`
	Recommendation *recommendationDoc `json:"recommendation,omitempty"`
}

// ensembleDoc is what can be said of one ensemble.
type ensembleDoc struct {
	Nodes           int              `json:"nodes"`
	Voters          int              `json:"voters"`
	Observers       int              `json:"observers"`
	VoterIDs        []int64          `json:"voter_ids"`
	ObserverIDs     []int64          `json:"observer_ids"`
	System          quorum.Kind      `json:"system"`
	Quorum          *int             `json:"quorum"` // null: not even all voters are one, or see notes
	Tolerates       int              `json:"tolerates"`
	ToleratesAtBest *int             `json:"tolerates_at_best"`
	SinglePoints    []int64          `json:"single_points_of_failure"`
	NeverMatter     []int64          `json:"never_matter"`     // null: see notes, as the next two
	MinimalQuorums  *big.Int         `json:"minimal_quorums"`  // how many
	MinimalBlocking *big.Int         `json:"minimal_blocking"` // how many minimal sets are fatal
	Messages        quorum.Messages  `json:"messages_per_write"`
	Warnings        []quorum.Warning `json:"warnings"`
	Notes           []string         `json:"notes,omitempty"`

	Availability *availabilityDoc       `json:"availability,omitempty"`
	MTTQL        *float64               `json:"mean_time_to_quorum_loss_seconds,omitempty"`
	Repair       *repairDoc             `json:"repair,omitempty"`
	Zones        *zonesDoc              `json:"zones,omitempty"`
	WhatIf       *whatIfDoc             `json:"what_if,omitempty"`
	Latency      []quorum.LeaderLatency `json:"latency,omitempty"`
	Throughput   *throughputDoc         `json:"throughput,omitempty"`
	Placements   []placementDoc         `json:"placements,omitempty"`
	Profile      []quorum.Fatal         `json:"failure_profile,omitempty"`

	subject *subject
	up      func(id int64) quorum.Probability // nil: not given
	zoneSet []quorum.Zone
	placed  int // how many placements there are, those not shown included
}

type availabilityDoc struct {
	PerNode        any             `json:"per_node"` // a number, or one by server
	Ensemble       float64         `json:"ensemble"`
	Unavailability float64         `json:"unavailability"`
	Nines          *float64        `json:"nines"` // null: it cannot fail
	Downtime       float64         `json:"downtime_seconds_per_year"`
	Importance     []importanceDoc `json:"importance,omitempty"`

	exact quorum.Availability
}

type importanceDoc struct {
	Server     int64   `json:"server"`
	Importance float64 `json:"importance"`

	up float64
}

type repairDoc struct {
	MTTF       float64  `json:"mttf_seconds"`
	MTTR       float64  `json:"mttr_seconds"`
	Crew       string   `json:"crew"`
	Losses     *float64 `json:"quorum_losses_per_year"` // in the long run; null with one crew
	MeanOutage *float64 `json:"mean_outage_seconds"`
}

type zonesDoc struct {
	quorum.ZoneReport
	Availability *availabilityDoc `json:"availability,omitempty"`
}

type whatIfDoc struct {
	Failed    []int64 `json:"failed"`
	HasQuorum bool    `json:"has_quorum"`
	Further   int     `json:"further_failures_tolerated"` // -1 without a quorum
}

type throughputDoc struct {
	Model string  `json:"model"`
	Reads float64 `json:"read_ratio"`
	quorum.Throughput
}

type placementDoc struct {
	Sizes        map[string]int   `json:"sizes"`
	SurvivesAny  bool             `json:"survives_any_one"`
	WorstFurther int              `json:"worst_further_failures_tolerated"`
	Availability *availabilityDoc `json:"availability"`
}

type recommendationDoc struct {
	Nodes        int              `json:"nodes"`
	Target       float64          `json:"target"`
	Quorum       int              `json:"quorum"`
	Tolerates    int              `json:"tolerates"`
	Availability *availabilityDoc `json:"availability"`
}

// answer is what was asked about one ensemble.
func (o *quorumOptions) answer(s *subject) (*ensembleDoc, error) {
	d, err := o.describe(s)
	if err != nil {
		return nil, err
	}
	for _, question := range []struct {
		asked  bool
		answer func(*ensembleDoc) error
	}{
		{o.importance, o.addImportance},
		{o.zones != "", o.addZones},
		{o.zones == "" && o.place == "" && len(o.zoneUp) > 0, func(*ensembleDoc) error { return usagef("--zone-availability needs --zones or --place") }},
		{o.failed != "", o.addWhatIf},
		{o.rtt != "", o.addLatency},
		{o.place != "", o.addPlacements},
		{o.profile, func(d *ensembleDoc) (err error) { d.Profile, err = quorum.FailureProfile(s.system); return err }},
	} {
		if question.asked {
			if err := question.answer(d); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// compared is what is said of one size among others.
func (o *quorumOptions) compared(n int) (*ensembleDoc, error) {
	s, err := flagSubject(sourceOptions{nodes: n, hasNodes: true, observers: o.source.observers})
	if err != nil {
		return nil, err
	}
	return o.describe(s)
}

// describe says what is always said, and what sizes are compared by.
func (o *quorumOptions) describe(s *subject) (*ensembleDoc, error) {
	m := s.membership
	d := &ensembleDoc{
		Nodes: len(m.Voters) + len(m.Observers), Voters: len(m.Voters), Observers: len(m.Observers),
		VoterIDs: m.Voters, ObserverIDs: orEmpty(m.Observers), System: s.system.Kind(),
		Tolerates: quorum.GuaranteedTolerance(s.system), SinglePoints: orEmpty(quorum.SinglePoints(s.system)),
		Warnings: orEmpty(append(quorum.Lint(s.system), s.warnings...)), Notes: s.notes, subject: s,
	}
	// What is too large is not worth failing for: the fields are null and a note says why.
	t, err := quorum.Tolerance(s.system)
	if err := d.noteIfTooLarge(err, "the smallest quorum"); err != nil {
		return nil, err
	}
	if t.Quorum > 0 {
		d.Quorum, d.ToleratesAtBest = &t.Quorum, &t.AtBest
	}
	shape, err := quorum.ShapeOf(s.system)
	if err := d.noteIfTooLarge(err, "minimal quorums, and members that never matter,"); err != nil {
		return nil, err
	}
	if err == nil {
		d.NeverMatter, d.MinimalQuorums, d.MinimalBlocking = orEmpty(shape.Dummies), shape.MinimalQuorums, shape.MinimalBlocking
	}
	if d.Messages, err = quorum.MessagesPerWrite(d.Voters, d.Observers); err != nil {
		return nil, err
	}
	if d.up, err = o.probabilitiesOf(s); err != nil {
		return nil, err
	}
	if d.up != nil {
		a, err := quorum.Available(s.system, d.up)
		if err != nil {
			return nil, err
		}
		d.Availability = d.newAvailabilityDoc(a)
	}
	if o.mttf != "" || o.mttr != "" {
		if err := o.addRepair(d); err != nil {
			return nil, err
		}
	}
	if o.hasReads {
		t, err := quorum.EstimateThroughput(d.Voters, o.reads)
		if err != nil {
			return nil, usagef("--reads: %w", err)
		}
		d.Throughput = &throughputDoc{throughputModel, o.reads, t}
	}
	return d, nil
}

// throughputModel names the model that every estimate comes from.
const throughputModel = "ZooKeeper as measured at USENIX ATC 2010 (1 KB operations, 250 clients, hardware of that time); " +
	"reads and writes mixed by the share of time they take; good for comparing sizes, not for capacity"

// noteIfTooLarge makes a note of what is not known, and why.
func (d *ensembleDoc) noteIfTooLarge(err error, what string) error {
	if !errors.Is(err, quorum.ErrTooLarge) {
		return err
	}
	d.Notes = append(slices.Clip(d.Notes), fmt.Sprintf("%s: %v", what, err))
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// probabilitiesOf reads --availability, or derives it from --mttf and --mttr; nil when neither is
// given.
func (o *quorumOptions) probabilitiesOf(s *subject) (func(id int64) quorum.Probability, error) {
	var names []string
	for _, id := range slices.Concat(s.membership.Voters, s.membership.Observers) {
		names = append(names, strconv.FormatInt(id, 10))
	}
	ps, err := parseProbabilities("availability", "server", o.availability, names)
	if err != nil {
		return nil, err
	}
	if len(ps) == 0 {
		if o.mttf == "" || o.mttr == "" || o.repair != "parallel" {
			return nil, nil
		}
		p, err := o.fromRepair()
		return quorum.Uniform(p), err
	}
	for i, id := range s.membership.Voters {
		if _, ok := ps.of(names[i]); !ok {
			return nil, usagef("--availability is missing for server %d: give one for all as well, such as 0.99", id)
		}
	}
	return func(id int64) quorum.Probability { p, _ := ps.of(strconv.FormatInt(id, 10)); return p }, nil
}

// newAvailabilityDoc gives the servers' own availability as a number when all are alike, else
// one by server.
func (d *ensembleDoc) newAvailabilityDoc(a quorum.Availability) *availabilityDoc {
	byID, common := map[string]float64{}, d.up(d.VoterIDs[0])
	alike := true
	for _, id := range d.VoterIDs {
		byID[strconv.FormatInt(id, 10)] = d.up(id).Up()
		alike = alike && d.up(id) == common
	}
	if alike {
		return availabilityOf(a, common.Up())
	}
	return availabilityOf(a, byID)
}

func availabilityOf(a quorum.Availability, perNode any) *availabilityDoc {
	return &availabilityDoc{PerNode: perNode, Ensemble: a.Up(), Unavailability: digits(a.Down()), Nines: finite(digits(a.Nines())),
		Downtime: digits(a.DowntimePerYear()), exact: a}
}

// needsAvailability is the error of a question that cannot be answered without.
func (o *quorumOptions) needsAvailability(d *ensembleDoc, flag string) error {
	switch {
	case d.up != nil:
		return nil
	case o.mttf != "":
		return usagef("%s needs --availability: under --repair one-crew servers wait for each other, and do not fail independently", flag)
	}
	return usagef("%s needs --availability", flag)
}

func (o *quorumOptions) addImportance(d *ensembleDoc) error {
	if err := o.needsAvailability(d, "--importance"); err != nil {
		return err
	}
	values, err := quorum.Importance(d.subject.system, d.up)
	if err != nil {
		return err
	}
	list := make([]importanceDoc, len(values))
	for i, id := range d.VoterIDs {
		list[i] = importanceDoc{id, digits(values[i]), d.up(id).Up()}
	}
	slices.SortStableFunc(list, func(a, b importanceDoc) int { return cmp.Compare(b.Importance, a.Importance) })
	d.Availability.Importance = list
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
	mttf, mttr, err := o.repairTimes()
	if err != nil {
		return err
	}
	if o.repair != "parallel" && o.repair != "one-crew" {
		return usagef("--repair %q is neither parallel nor one-crew", o.repair)
	}
	d.Repair = &repairDoc{MTTF: mttf, MTTR: mttr, Crew: o.repair}
	if o.repair == "parallel" {
		r, err := quorum.Repairable(d.subject.system, mttf, mttr)
		if err != nil {
			return err
		}
		losses := digits(r.LossesPerTime * quorum.SecondsPerYear)
		d.Repair.Losses, d.Repair.MeanOutage = &losses, finite(digits(r.MeanOutage))
	}
	first, err := quorum.MeanTimeToLoss(d.subject.system, mttf, mttr, o.repair == "one-crew")
	if err := d.noteIfTooLarge(err, "how long a quorum lasts from the start"); err != nil || first == 0 {
		return err
	}
	if d.MTTQL = finite(digits(first)); d.MTTQL == nil {
		d.Notes = append(d.Notes, "the mean time to quorum loss is beyond 1e308 seconds")
	}
	return nil
}

// zoneProbabilities reads --zone-availability.
func (o *quorumOptions) zoneProbabilities(zones []quorum.Zone) (probabilities, error) {
	var names []string
	for _, z := range zones {
		names = append(names, z.Name)
	}
	return parseProbabilities("zone-availability", "zone", o.zoneUp, names)
}

func (o *quorumOptions) addZones(d *ensembleDoc) error {
	zones, err := parseZones(o.zones)
	if err != nil {
		return err
	}
	ps, err := o.zoneProbabilities(zones)
	if err != nil {
		return err
	}
	outside := slices.Clone(d.VoterIDs)
	for i, z := range zones {
		for _, id := range z.Members {
			if !slices.Contains(d.VoterIDs, id) && !slices.Contains(d.ObserverIDs, id) {
				return usagef("--zones: zone %s lists server %d, which does not exist", z.Name, id)
			}
			outside = slices.DeleteFunc(outside, func(other int64) bool { return other == id })
		}
		zones[i].Up, _ = ps.of(z.Name)
	}
	r, err := quorum.Zones(d.subject.system, zones)
	if err != nil {
		return err
	}
	d.Zones, d.zoneSet = &zonesDoc{ZoneReport: r}, zones
	if len(outside) > 0 {
		d.Notes = append(d.Notes, "in no zone, and so failing by themselves only: "+idText(outside))
	}
	d.Warnings = append(d.Warnings, quorum.LintZones(zones, r)...)
	if len(ps) == 0 {
		return nil
	}
	if err := o.needsAvailability(d, "--zone-availability"); err != nil {
		return err
	}
	a, err := quorum.AvailableWithZones(d.subject.system, d.up, zones)
	if err == nil {
		d.Zones.Availability = d.newAvailabilityDoc(a)
	}
	return err
}

// shownPlacements is how many placements are ranked in the output.
const shownPlacements = 10

func (o *quorumOptions) addPlacements(d *ensembleDoc) error {
	if d.System != quorum.Majority {
		return usagef("--place ranks placements of majorities: with groups and weights, give --zones")
	}
	if err := o.needsAvailability(d, "--place"); err != nil {
		return err
	}
	server := d.up(d.VoterIDs[0])
	if slices.ContainsFunc(d.VoterIDs, func(id int64) bool { return d.up(id) != server }) {
		return usagef("--place needs servers that are alike: one --availability for all")
	}
	var zones []quorum.Zone
	for _, name := range strings.Split(o.place, ",") {
		zones = append(zones, quorum.Zone{Name: name})
	}
	ps, err := o.zoneProbabilities(zones)
	if err != nil {
		return err
	}
	for i, z := range zones {
		var ok bool
		if zones[i].Up, ok = ps.of(z.Name); !ok {
			return usagef("--zone-availability is missing for zone %s", z.Name)
		}
	}
	ranked, err := quorum.Place(d.Voters, zones, server)
	if err != nil {
		return err
	}
	d.placed, d.zoneSet = len(ranked), zones
	for _, r := range ranked[:min(len(ranked), shownPlacements)] {
		doc := placementDoc{map[string]int{}, r.SurvivesAny, r.Further, availabilityOf(r.Availability, server.Up())}
		for i, z := range zones {
			doc.Sizes[z.Name] = r.Sizes[i]
		}
		d.Placements = append(d.Placements, doc)
	}
	return nil
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
	further, err := toleranceWithout(d.subject, failed)
	d.WhatIf = &whatIfDoc{Failed: failed, HasQuorum: further >= 0, Further: further}
	return err
}

// toleranceWithout is what is tolerated once some servers have failed; only voters matter.
func toleranceWithout(s *subject, failed []int64) (int, error) {
	down := slices.DeleteFunc(slices.Clone(failed), func(id int64) bool { return !slices.Contains(s.membership.Voters, id) })
	left, err := quorum.Without(s.system, down...)
	if err != nil {
		return 0, err
	}
	return quorum.GuaranteedTolerance(left), nil
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
	return nil
}

// recommend finds the smallest ensemble for a target.
func (o *quorumOptions) recommend(doc *quorumDoc) error {
	target, err := quorum.ParseProbability(o.target)
	if err != nil {
		return usagef("--target %s: %w", o.target, err)
	}
	var p quorum.Probability
	switch {
	case len(o.availability) == 1 && !strings.Contains(o.availability[0], "="):
		p, err = quorum.ParseProbability(o.availability[0])
	case len(o.availability) == 0 && o.repair == "parallel" && (o.mttf != "" || o.mttr != ""):
		p, err = o.fromRepair()
	default:
		err = usagef("--target needs one --availability for all servers, or --mttf and --mttr")
	}
	if err != nil {
		return err
	}
	n, a, err := quorum.SmallestFor(p, target)
	if errors.Is(err, quorum.ErrUnreachable) {
		return exitf(exitUnhealthy, "--target %s: %w", o.target, err)
	}
	if err != nil {
		return err
	}
	doc.Recommendation = &recommendationDoc{n, target.Up(), n/2 + 1, (n - 1) / 2, availabilityOf(a, p.Up())}
	return nil
}
