package commands

import (
	"fmt"
	"slices"

	"zkctl/quorum"
)

type zonesDoc struct {
	quorum.ZoneReport
	Availability *availabilityDoc `json:"availability,omitempty"`
}

func (o *quorumOptions) addZones(d *ensembleDoc) error {
	zones, err := parseZones(o.zones)
	if err != nil {
		return err
	}
	var names []string
	for _, z := range zones {
		names = append(names, z.Name)
	}
	ps, err := parseProbabilities("zone-availability", "zone", o.zoneUp, names)
	if err != nil {
		return err
	}
	outside := slices.Clone(d.VoterIDs)
	for i, z := range zones {
		zones[i].Up = ps[z.Name]
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
		d.Notes = append(d.Notes, "in no zone, and so failing by themselves only: "+quorum.IDList(outside))
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
		if d.up == nil {
			return usagef("--zone-availability needs --availability")
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
