package quorum

import (
	"cmp"
	"slices"
)

// Placement is a way to spread the voters of a majority over zones.
type Placement struct {
	Sizes        []int // voters in each zone, in the order of the zones given
	SurvivesAny  bool  // any single zone can be lost
	Further      int   // failures still tolerated after the worst zone is lost; -1: none is
	Availability Availability
}

// maxPlacements bounds what Place ranks, counted with the sets of zones that each may lose.
const maxPlacements = 1 << 20

// Place ranks the ways to put n equal voters, counted by majority, on the given zones: the most
// available first. With zones that are all alike, sizes that are permutations of each other are
// listed once, largest first. Members of the zones are ignored.
//
// Which zones are lost decides how many voters are left, and that how likely a majority of all
// is among them. Errors wrap ErrInvalid for n below 1, no zones or a missing probability, and
// ErrTooLarge for too many ways.
func Place(n int, zones []Zone, p Probability) ([]Placement, error) {
	if _, err := zonesOf(zones); err != nil {
		return nil, err
	}
	if _, err := MajorityOf(n); err != nil {
		return nil, err
	}
	if !p.valid() {
		return nil, invalidf("no probability for the servers")
	}
	need := n/2 + 1
	left := make([]chance, n+1) // of a quorum, by how many voters the zones leave
	for k := range left {
		items := slices.Repeat([]item{{1, p.chance()}}, k)
		var err error
		if left[k], err = gather(items, int64(need)); err != nil {
			return nil, err
		}
	}
	alike := !slices.ContainsFunc(zones, func(z Zone) bool { return z.chance() != zones[0].chance() })
	var found []Placement
	sizes := make([]int, len(zones))
	var choose func(zone, remain, most int) error
	choose = func(zone, remain, most int) error {
		if zone == len(zones)-1 {
			if remain > most {
				return nil
			}
			sizes[zone] = remain
			further := max(-1, n-slices.Max(sizes)-need)
			found = append(found, Placement{slices.Clone(sizes), further >= 0, further, Availability{placed(sizes, zones, left)}})
			if len(found)<<len(zones) > maxPlacements {
				return tooLarge("there are more than %d ways to put %d voters on %d zones: name fewer zones", len(found)-1, n, len(zones))
			}
			return nil
		}
		for size := min(remain, most); size >= 0; size-- {
			sizes[zone] = size
			limit := n
			if alike {
				limit = size
			}
			if err := choose(zone+1, remain-size, limit); err != nil {
				return err
			}
		}
		return nil
	}
	if err := choose(0, n, n); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b Placement) int {
		return cmp.Compare(a.Availability.chance.down, b.Availability.chance.down)
	})
	return found, nil
}

// placed is how likely a quorum is with so many voters in each zone.
func placed(sizes []int, zones []Zone, left []chance) chance {
	total := chance{nothing, nothing}
	var lose func(zone, alive int, ln float64)
	lose = func(zone, alive int, ln float64) {
		if zone == len(zones) {
			total.up, total.down = logAdd(total.up, ln+left[alive].up), logAdd(total.down, ln+left[alive].down)
			return
		}
		c := zones[zone].chance()
		lose(zone+1, alive, ln+c.up)
		lose(zone+1, alive-sizes[zone], ln+c.down)
	}
	lose(0, len(left)-1, 0)
	return total.balance()
}
