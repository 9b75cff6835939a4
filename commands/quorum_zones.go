package commands

import (
	"fmt"
	"slices"
	"strings"

	"zkctl/quorum"
)

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
		return o.needsAvailability("--zone-availability")
	}
	a, err := quorum.AvailableWithZones(s.system, up, zones)
	if err != nil {
		return err
	}
	z.Availability = newAvailabilityDoc(a, perNode(s, up))
	return nil
}

// shownPlacements is how many placements are ranked in the output.
const shownPlacements = 10

func (o *quorumOptions) addPlacements(d *ensembleDoc, s *subject, up func(id int64) quorum.Probability) error {
	if s.kind != "majority" {
		return usagef("--place ranks placements of majorities: with groups and weights, give --zones")
	}
	if up == nil {
		return o.needsAvailability("--place")
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
