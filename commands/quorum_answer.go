package commands

import (
	"errors"
	"fmt"
	"slices"
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
	guaranteed, err := quorum.GuaranteedTolerance(s.system)
	if err != nil {
		return nil, err
	}
	d := &ensembleDoc{
		Nodes: len(s.membership.Voters) + len(s.membership.Observers), Voters: len(s.membership.Voters),
		Observers: len(s.membership.Observers), VoterIDs: s.membership.Voters, ObserverIDs: orEmpty(s.membership.Observers),
		System: s.kind, name: s.name, Tolerates: guaranteed, SinglePoints: orEmpty(quorum.SinglePoints(s.system)),
	}
	// These are hard for some systems. They are not worth failing for: the
	// field is null and a note says why.
	t, err := quorum.Tolerance(s.system)
	if err := d.noteIfTooLarge(err, "the smallest quorum is not known"); err != nil {
		return nil, err
	}
	if t.Quorum > 0 {
		d.Quorum, d.ToleratesAtBest = &t.Quorum, &t.AtBest
	}
	d.MinimalQuorums, err = quorum.CountMinimalQuorums(s.system)
	if err := d.noteIfTooLarge(err, "minimal quorums are not counted"); err != nil {
		return nil, err
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
	d.Warnings = orEmpty(append(warnings, s.warnings...))
	d.Notes = append(d.Notes, s.notes...)
	if s.oracle != "" {
		if err := d.addOracle(s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// noteIfTooLarge makes a note of what is not known, and why.
func (d *ensembleDoc) noteIfTooLarge(err error, what string) error {
	if errors.Is(err, quorum.ErrTooLarge) {
		why := ": " + strings.TrimPrefix(err.Error(), quorum.ErrTooLarge.Error()+": ")
		if n := len(d.Notes); n > 0 && strings.HasSuffix(d.Notes[n-1], why) { // one reason for both
			d.Notes[n-1] = strings.TrimSuffix(d.Notes[n-1], why) + ", " + what + why
			return nil
		}
		d.Notes = append(d.Notes, what+why)
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

func (o *quorumOptions) addProfile(d *ensembleDoc, s *subject) error {
	profile, err := quorum.FailureProfile(s.system)
	if err != nil {
		return err
	}
	for _, row := range profile {
		d.Profile = append(d.Profile, profileDoc(row))
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
