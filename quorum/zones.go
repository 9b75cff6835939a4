package quorum

import (
	"math/bits"
	"slices"
)

// Zone is a set of servers that fail together: a data centre, a rack, a power feed. Zones may
// overlap, as racks and feeds do; voters in no zone fail on their own only.
type Zone struct {
	Name    string
	Members []int64     // observers may be among them; they do not matter
	Up      Probability // of the zone itself; the zero value means Certain where availability is asked for
}

// ZoneReport says what the loss of zones does.
type ZoneReport struct {
	SurvivesAny bool            `json:"survives_any_one"`                 // every single one can be lost
	Survives    map[string]bool `json:"survives"`                         // a quorum is left without it
	ToBlock     *int            `json:"min_zones_to_block"`               // fewest whose loss together leaves no quorum; nil when not even all do
	Further     map[string]int  `json:"further_failures_tolerated"`       // wherever they hit, once it is lost; -1: the quorum is lost with it
	Worst       int             `json:"worst_further_failures_tolerated"` // the least of Further
}

// maxZones is how many zones there are at most: every set of them is looked at.
const maxZones = 16

// Zones answers what the loss of each zone, and of several, does to a quorum. Errors wrap
// ErrInvalid for no zone, a name twice, or a member twice in one zone, and ErrTooLarge beyond
// maxZones. Source: conditioning on common causes.
func Zones(s *System, zones []Zone) (ZoneReport, error) {
	r := ZoneReport{SurvivesAny: true, Survives: map[string]bool{}, Further: map[string]int{}, Worst: len(s.voters)}
	lostWith, err := zonesOf(zones)
	if err != nil {
		return r, err
	}
	for _, zone := range zones {
		further := GuaranteedTolerance(Without(s, zone.Members...))
		r.Survives[zone.Name], r.Further[zone.Name] = further >= 0, further
		r.SurvivesAny, r.Worst = r.SurvivesAny && further >= 0, min(r.Worst, further)
	}
	for lost := range uint(1) << len(zones) {
		if n := bits.OnesCount(lost); (r.ToBlock == nil || n < *r.ToBlock) && !s.IsQuorum(func(id int64) bool { return lostWith[id]&lost == 0 }) {
			r.ToBlock = &n
		}
	}
	return r, nil
}

// AvailableWithZones is Available when whole zones fail, too: independently of each other and
// of the servers, with their own probability. Errors as Available and Zones.
func AvailableWithZones(s *System, up func(id int64) Probability, zones []Zone) (Availability, error) {
	lostWith, err := zonesOf(zones)
	if err != nil {
		return Availability{}, err
	}
	chances, err := chancesOf(s, up)
	if err != nil {
		return Availability{}, err
	}
	total := chance{nothing, nothing}
	for lost := range uint(1) << len(zones) {
		ln := 0.0
		for z, zone := range zones {
			if lost>>z&1 == 1 {
				ln += zone.chance().down
			} else {
				ln += zone.chance().up
			}
		}
		if ln == nothing {
			continue
		}
		c, err := s.available(func(id int64) chance {
			if lostWith[id]&lost != 0 {
				return dead
			}
			return chances(id)
		})
		if err != nil {
			return Availability{}, err
		}
		total.up, total.down = logAdd(total.up, ln+c.up), logAdd(total.down, ln+c.down)
	}
	return Availability{total.balance()}, nil
}

func (z Zone) chance() chance {
	if !z.Up.valid() {
		return Certain.chance()
	}
	return z.Up.chance()
}

// zonesOf checks the zones, and returns for each server the set of those that it is in.
func zonesOf(zones []Zone) (map[int64]uint, error) {
	switch {
	case len(zones) == 0:
		return nil, invalidf("no zones")
	case len(zones) > maxZones:
		return nil, tooLarge("%d zones: the loss of every set of zones is looked at, of at most %d", len(zones), maxZones)
	}
	lostWith := map[int64]uint{}
	for i, z := range zones {
		if slices.ContainsFunc(zones[:i], func(other Zone) bool { return other.Name == z.Name }) {
			return nil, invalidf("zone %q is given twice", z.Name)
		}
		for _, id := range z.Members {
			if lostWith[id]>>i&1 == 1 {
				return nil, invalidf("zone %q lists server %d twice", z.Name, id)
			}
			lostWith[id] |= 1 << i
		}
	}
	return lostWith, nil
}
