package quorum

import (
	"fmt"
	"math"
	"slices"
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
// Algorithm: tolerance of what is left, for each zone; for the fewest that block, the
// reachable states of "which classes of equal voters are left", zone by zone, which stay
// few unless zones overlap wildly (2^zones at worst; ErrTooLarge beyond 65,536 states).
// O(n log n) a zone, O(n) a state. Errors wrap ErrInvalid for no zone, a name twice, a
// member twice in one zone. Source: conditioning on common causes.
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
	states, err := zoneStates(budgetFor(s, "the number of zones to lose", aQuestion), s, zones, nil)
	if err != nil {
		return r, err
	}
	position := positions(s.Voters())
	for _, st := range states {
		quorum := s.IsQuorum(func(id int64) bool { return !st.dead[position[id]] })
		if !quorum && (r.ToBlock < 0 || st.zones < r.ToBlock) {
			r.ToBlock = st.zones
		}
	}
	return r, nil
}

// AvailableWithZones is Available when whole zones fail, too: independently of
// each other, of the servers, and with their own probability.
//
// Algorithm: conditioned on the states of Zones, Available for each; its complexity times
// their number. Errors as Available and Zones. Source: conditioning on common causes.
func AvailableWithZones(s System, up func(id int64) Probability, zones []Zone) (Availability, error) {
	if err := checkZones(zones); err != nil {
		return Availability{}, err
	}
	return availableWithZones(budgetFor(s, "the availability with zones", aQuestion), s, up, zones)
}

func availableWithZones(b *budget, s System, up func(id int64) Probability, zones []Zone) (Availability, error) {
	chances, err := chancesOf(s, up)
	if err != nil {
		return Availability{}, err
	}
	states, err := zoneStates(b, s, zones, chances)
	if err != nil {
		return Availability{}, err
	}
	total := chance{math.Inf(-1), math.Inf(-1)}
	ids := s.Voters()
	for _, st := range states {
		var lost []int64
		var alive []chance
		for i, id := range ids {
			if st.dead[i] {
				lost = append(lost, id)
			} else {
				alive = append(alive, chances[i])
			}
		}
		left, err := Without(s, lost...)
		if err != nil {
			return Availability{}, err
		}
		c, err := availability(b, left, alive)
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
		return invalidf("no zones")
	}
	seen := map[string]bool{}
	for _, z := range zones {
		if seen[z.Name] {
			return invalidf("zone %q is given twice", z.Name)
		}
		seen[z.Name] = true
		members := slices.Sorted(slices.Values(z.Members))
		for i := 1; i < len(members); i++ {
			if members[i] == members[i-1] {
				return invalidf("zone %q lists server %d twice", z.Name, members[i])
			}
		}
	}
	return nil
}

func votersOf(s System, z Zone) []int64 {
	member := make(map[int64]bool, len(z.Members))
	for _, id := range z.Members {
		member[id] = true
	}
	var ids []int64
	for _, id := range s.Voters() {
		if member[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func positions(ids []int64) map[int64]int {
	at := make(map[int64]int, len(ids))
	for i, id := range ids {
		at[id] = i
	}
	return at
}

// zoneState is a set of voters that are dead with their zones, up to
// exchanging voters that are alike.
type zoneState struct {
	dead   []bool  // by voter, in the order of Voters
	chance float64 // ln of its probability
	zones  int     // the fewest zones whose loss brings it about
}

const maxZoneStates = 1 << 16

// zoneStates walks the zones, each lost or not, and merges states that only
// differ by voters that are alike: same class (see alike), and in none of the
// zones to come. Three zones of three equal servers are 4 states, not 8.
func zoneStates(b *budget, s System, zones []Zone, chances []chance) ([]zoneState, error) {
	voters := s.Voters()
	at := positions(voters)
	classOf := classes(s, chances)
	last := make([]int, len(voters)) // of each voter's zones; before that it cannot be exchanged
	for i := range last {
		last[i] = len(zones) // in none: it does not die with any
	}
	for z, zone := range zones {
		for _, id := range votersOf(s, zone) {
			last[at[id]] = z
		}
	}
	states := []zoneState{{dead: make([]bool, len(voters))}}
	for z, zone := range zones {
		members := votersOf(s, zone)
		up := Certain.chance()
		if zone.Up.valid() {
			up = zone.Up.chance()
		}
		if err := b.spend(32 * int64(len(states)) * int64(len(voters))); err != nil {
			return nil, err
		}
		settled := func(i int) bool { return last[i] <= z }
		var next []zoneState
		index := map[string]int{}
		for _, st := range states {
			lost := zoneState{dead: slices.Clone(st.dead), chance: st.chance + up.down, zones: st.zones + 1}
			for _, id := range members {
				lost.dead[at[id]] = true
			}
			st.chance += up.up
			for _, st := range []zoneState{st, lost} {
				key := exchange(st.dead, classOf, settled)
				if i, known := index[key]; known {
					next[i].chance = logAdd(next[i].chance, st.chance)
					next[i].zones = min(next[i].zones, st.zones)
				} else {
					index[key] = len(next)
					next = append(next, st)
				}
			}
		}
		if len(next) > maxZoneStates {
			return nil, fmt.Errorf("%w: %d zones overlap or differ so much that more than %d combinations of losses must be told apart",
				ErrTooLarge, len(zones), maxZoneStates)
		}
		states = next
	}
	return states, nil
}

// exchange brings a state into its canonical form: of each class, the first settled voters
// stand for those that are dead. It returns the state's name.
func exchange(dead []bool, classOf []int, settled func(i int) bool) string {
	count := make([]int, len(dead)) // of the dead and settled, by class
	for i, is := range dead {
		if is && settled(i) {
			count[classOf[i]]++
			dead[i] = false
		}
	}
	name := make([]byte, (len(dead)+7)/8)
	for i := range dead {
		if c := classOf[i]; settled(i) && count[c] > 0 {
			count[c]--
			dead[i] = true
		}
		if dead[i] {
			name[i/8] |= 1 << (i % 8)
		}
	}
	return string(name)
}

// classes numbers the class of each voter, below the number of voters: those of one class
// can be exchanged without changing which sets are quorums, or how likely (without
// chances: all are equally likely). Voters of systems without a form are in classes of
// their own.
func classes(s System, chances []chance) []int {
	ids := s.Voters()
	names := make([][]byte, len(ids))
	var forms []form
	if f, ok := s.(former); ok {
		forms = f.forms()
	}
	for _, part := range forms {
		for g, group := range part.groups {
			for _, m := range group.members {
				names[m.index] = fmt.Append(names[m.index], g, "*", m.weight, " ")
			}
		}
		for i := range names {
			names[i] = append(names[i], '/')
		}
	}
	numbers := map[string]int{}
	classOf := make([]int, len(ids))
	for i, name := range names {
		if len(forms) == 0 {
			name = fmt.Append(name, i)
		}
		if chances != nil {
			name = fmt.Append(name, chances[i])
		}
		number, known := numbers[string(name)]
		if !known {
			number = len(numbers)
			numbers[string(name)] = number
		}
		classOf[i] = number
	}
	return classOf
}
