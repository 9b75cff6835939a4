package commands

import (
	"fmt"
	"slices"
	"strings"

	"zkctl/quorum"
)

type zonesDoc struct {
	quorum.ZoneReport
	Availability *availabilityDoc `json:"availability,omitempty"`
}

// zoneProbabilities reads --zone-availability.
func (o *quorumOptions) zoneProbabilities(zones []quorum.Zone) (probabilities, error) {
	var names []string
	for _, z := range zones {
		names = append(names, z.Name)
	}
	ps, err := parseProbabilities("zone-availability", "zone", o.zoneUp, names)
	for i, z := range zones {
		zones[i].Up, _ = ps.of(z.Name)
	}
	return ps, err
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
	for _, z := range zones {
		for _, id := range z.Members {
			if !slices.Contains(d.VoterIDs, id) && !slices.Contains(d.ObserverIDs, id) {
				return usagef("--zones: zone %s lists server %d, which does not exist", z.Name, id)
			}
			outside = slices.DeleteFunc(outside, func(other int64) bool { return other == id })
		}
	}
	r, err := quorum.Zones(d.subject.system, zones)
	if err != nil {
		return err
	}
	d.Zones = &zonesDoc{ZoneReport: r}
	d.Warnings = append(d.Warnings, quorum.LintZones(zones, r)...)
	if len(outside) > 0 {
		d.Notes = append(d.Notes, "in no zone, and so failing by themselves only: "+idText(outside))
	}
	var rows [][]string
	for _, z := range zones {
		verdict, further := d.ink.bad("no quorum"), "-"
		if r.Survives[z.Name] {
			verdict, further = d.ink.good("quorum kept"), fmt.Sprint(r.Further[z.Name])
		}
		rows = append(rows, []string{z.Name, quorum.IDList(z.Members), verdict, further})
	}
	below := ""
	if len(ps) > 0 {
		if err := o.needsAvailability(d, "--zone-availability"); err != nil {
			return err
		}
		a, err := quorum.AvailableWithZones(d.subject.system, d.up, zones)
		if err != nil {
			return err
		}
		d.Zones.Availability = newAvailabilityDoc(a, d.perNode())
		below = "Available, zones failing too: " + d.Zones.Availability.text() + "."
		d.assumed = append(d.assumed, "zones fail independently of each other and of their servers")
	}
	d.table([]column{left("zone"), left("servers").ranked(2).cut(), left("without it"), right("then tolerates").ranked(1)}, rows, below)
	return nil
}

type placementDoc struct {
	Sizes        map[string]int   `json:"sizes"`
	SurvivesAny  bool             `json:"survives_any_one"`
	WorstFurther int              `json:"worst_further_failures_tolerated"`
	Availability *availabilityDoc `json:"availability"`
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
	var columns []column
	for _, name := range strings.Split(o.place, ",") {
		zones, columns = append(zones, quorum.Zone{Name: name}), append(columns, right(name))
	}
	ps, err := o.zoneProbabilities(zones)
	if err != nil {
		return err
	}
	for _, z := range zones {
		if _, ok := ps.of(z.Name); !ok {
			return usagef("--zone-availability is missing for zone %s", z.Name)
		}
	}
	ranked, err := quorum.Place(d.Voters, zones, server)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, r := range ranked[:min(len(ranked), shownPlacements)] {
		doc := placementDoc{map[string]int{}, r.Further >= 0, r.Further, newAvailabilityDoc(r.Availability, server.Up())}
		var row []string
		for i, z := range zones {
			doc.Sizes[z.Name] = r.Sizes[i]
			row = append(row, fmt.Sprint(r.Sizes[i]))
		}
		d.Placements = append(d.Placements, doc)
		survives, further := d.ink.bad("no"), "-"
		if r.Further >= 0 {
			survives, further = d.ink.good("yes"), fmt.Sprint(r.Further)
		}
		rows = append(rows, append(row, survives, further, doc.Availability.percent, humanSeconds(doc.Availability.Downtime)))
	}
	below := "(then: further failures tolerated once the worst zone is lost)"
	if hidden := len(ranked) - len(rows); hidden > 0 {
		below += fmt.Sprintf(" (and %d worse ones)", hidden)
	}
	d.table(append(columns, left("survives any").ranked(1), right("then").ranked(3), right("available %").ranked(2), right("down/year").ranked(4)), rows, below)
	d.assumed = append(d.assumed, "zones fail independently of each other and of their servers")
	return nil
}
