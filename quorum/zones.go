package quorum

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Zone is a set of servers that fail together: a data centre, a rack, a power
// feed. Zones may overlap, as racks and feeds do; voters in no zone fail on
// their own only.
type Zone struct {
	Name    string
	Members []int64     // observers may be among them; they do not matter
	Up      Probability // of the zone itself; the zero value means Certain where availability is asked for
}

// ZoneReport says what the loss of zones does.
type ZoneReport struct {
	Survives    []bool // by zone, in the order given: a quorum is left without it
	SurvivesAny bool   // every single one can be lost
	Further     []int  // by zone: failures still tolerated, wherever they hit, once it is lost; -1: the quorum is lost with it
	Worst       int    // the least of Further
	ToBlock     int    // fewest zones whose loss together leaves no quorum; -1 when not even all of them do
}

// Zones answers what the loss of each zone, and of several, does to a quorum.
//
// Algorithm: tolerance of what is left, for each zone; for the fewest that
// block, the reachable states of "which classes of equal voters are left",
// zone by zone, which stay few unless zones overlap wildly (2^zones at worst;
// ErrTooLarge beyond 65,536 states). Errors wrap ErrInvalid for no zone, a name
// twice, a member twice in one zone.
func Zones(s System, zones []Zone) (ZoneReport, error) {
	r := ZoneReport{SurvivesAny: true, Worst: math.MaxInt, ToBlock: -1}
	if err := checkZones(zones); err != nil {
		return r, err
	}
	for _, z := range zones {
		left, err := Without(s, votersOf(s, z)...)
		if err != nil {
			return r, err
		}
		further, err := GuaranteedTolerance(left)
		if err != nil {
			return r, err
		}
		r.Survives = append(r.Survives, further >= 0)
		r.Further = append(r.Further, further)
		r.SurvivesAny = r.SurvivesAny && further >= 0
		r.Worst = min(r.Worst, further)
	}
	states, err := zoneStates(s, zones, nil)
	if err != nil {
		return r, err
	}
	for _, st := range states {
		if !st.quorum(s) && (r.ToBlock < 0 || st.zones < r.ToBlock) {
			r.ToBlock = st.zones
		}
	}
	return r, nil
}

// AvailableWithZones is Available when whole zones fail, too: independently of
// each other, of the servers, and with their own probability.
//
// Algorithm: conditioned on the states of Zones, Available for each.
// Errors as Available and Zones.
func AvailableWithZones(s System, up func(id int64) Probability, zones []Zone) (Availability, error) {
	if err := checkZones(zones); err != nil {
		return Availability{}, err
	}
	for _, id := range s.Voters() {
		if !up(id).valid() {
			return Availability{}, fmt.Errorf("%w: no probability for server %d", ErrInvalid, id)
		}
	}
	states, err := zoneStates(s, zones, up)
	if err != nil {
		return Availability{}, err
	}
	total := chance{math.Inf(-1), math.Inf(-1)}
	for _, st := range states {
		left, err := Without(s, st.dead...)
		if err != nil {
			return Availability{}, err
		}
		c, err := availability(left, up)
		if err != nil {
			return Availability{}, err
		}
		total.up = logAdd(total.up, st.chance+c.up)
		total.down = logAdd(total.down, st.chance+c.down)
	}
	return Availability{chance{min(total.up, 0), min(total.down, 0)}}, nil
}

func checkZones(zones []Zone) error {
	if len(zones) == 0 {
		return fmt.Errorf("%w: no zones", ErrInvalid)
	}
	seen := map[string]bool{}
	for _, z := range zones {
		if seen[z.Name] {
			return fmt.Errorf("%w: zone %q is given twice", ErrInvalid, z.Name)
		}
		seen[z.Name] = true
		members := slices.Sorted(slices.Values(z.Members))
		for i := 1; i < len(members); i++ {
			if members[i] == members[i-1] {
				return fmt.Errorf("%w: zone %q lists server %d twice", ErrInvalid, z.Name, members[i])
			}
		}
	}
	return nil
}

func votersOf(s System, z Zone) []int64 {
	var ids []int64
	for _, id := range s.Voters() {
		if slices.Contains(z.Members, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// zoneState is a set of voters that are dead with their zones, up to
// exchanging voters that are alike.
type zoneState struct {
	dead   []int64 // ascending
	chance float64 // ln of its probability
	zones  int     // the fewest zones whose loss brings it about
}

func (st zoneState) quorum(s System) bool {
	return s.IsQuorum(func(id int64) bool {
		_, dead := slices.BinarySearch(st.dead, id)
		return !dead
	})
}

const maxZoneStates = 1 << 16

// zoneStates walks the zones, each lost or not, and merges states that only
// differ by voters that are alike: same class (see alike), and in none of the
// zones to come. Three zones of three equal servers are 4 states, not 8.
func zoneStates(s System, zones []Zone, up func(id int64) Probability) ([]zoneState, error) {
	classOf := alike(s, up)
	voters := s.Voters()
	last := map[int64]int{} // voter -> its last zone; before that it cannot be exchanged
	for i, z := range zones {
		for _, id := range z.Members {
			last[id] = i
		}
	}
	states := map[string]zoneState{"": {}}
	for i, z := range zones {
		zone := Certain.chance()
		if z.Up.valid() {
			zone = z.Up.chance()
		}
		members := votersOf(s, z)
		next := map[string]zoneState{}
		for _, key := range sortedKeys(states) {
			st := states[key]
			add(next, zoneState{dead: st.dead, chance: st.chance + zone.up, zones: st.zones}, voters, classOf, last, i)
			dead := slices.Concat(st.dead, members)
			slices.Sort(dead)
			add(next, zoneState{dead: slices.Compact(dead), chance: st.chance + zone.down, zones: st.zones + 1}, voters, classOf, last, i)
		}
		if len(next) > maxZoneStates {
			return nil, fmt.Errorf("%w: %d zones overlap or differ so much that more than %d combinations of losses must be told apart",
				ErrTooLarge, len(zones), maxZoneStates)
		}
		states = next
	}
	out := make([]zoneState, 0, len(states))
	for _, key := range sortedKeys(states) {
		out = append(out, states[key])
	}
	return out, nil
}

// add merges a state into the map under its canonical form.
func add(states map[string]zoneState, st zoneState, voters []int64, classOf map[int64]string, last map[int64]int, zone int) {
	settled := func(id int64) bool { l, zoned := last[id]; return zoned && l <= zone }
	count := map[string]int{}
	var dead []int64
	for _, id := range st.dead {
		if settled(id) {
			count[classOf[id]]++
		} else {
			dead = append(dead, id)
		}
	}
	// Of each class, the first settled voters stand for those that are dead.
	for _, id := range voters {
		if c := classOf[id]; settled(id) && count[c] > 0 {
			count[c]--
			dead = append(dead, id)
		}
	}
	slices.Sort(dead)
	st.dead = dead
	key := fmt.Sprint(dead)
	if old, ok := states[key]; ok {
		st.chance = logAdd(st.chance, old.chance)
		st.zones = min(st.zones, old.zones)
	}
	states[key] = st
}

// alike names the class of each voter: those of one class can be exchanged
// without changing which sets are quorums, or how likely. Voters of systems
// without a form are in classes of their own.
func alike(s System, up func(id int64) Probability) map[int64]string {
	classes := map[int64]string{}
	ids := s.Voters()
	parts := make([]strings.Builder, len(ids))
	f, ok := s.(former)
	var forms []form
	if ok {
		forms = f.forms()
	}
	for _, part := range forms {
		for g, group := range part.groups {
			for _, m := range group.members {
				fmt.Fprintf(&parts[m.index], "%d*%d ", g, m.weight)
			}
		}
		for i := range parts {
			parts[i].WriteByte('/')
		}
	}
	for i, id := range ids {
		classes[id] = parts[i].String()
		if len(forms) == 0 {
			classes[id] = fmt.Sprint("only ", id)
		}
		if up != nil {
			classes[id] += fmt.Sprint(up(id))
		}
	}
	return classes
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	return keys
}
