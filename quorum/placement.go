package quorum

import (
	"cmp"
	"slices"
)

// Placement is a way to spread the voters of a majority over zones.
type Placement struct {
	Sizes        []int // voters in each zone, in the order of the zones given
	Further      int   // failures still tolerated after the worst zone is lost; -1: none is
	Availability Availability
}

// maxPlacements bounds what Place ranks: 75 voters on three zones that are alike.
const maxPlacements = 500

// Place ranks the ways to put n equal voters, counted by majority, on the given zones: the most
// available first. With zones that are all alike, sizes that are permutations of each other are
// listed once, largest first. Members of the zones are ignored. Errors as MajorityOf and
// AvailableWithZones, and ErrTooLarge beyond maxPlacements.
func Place(n int, zones []Zone, p Probability) ([]Placement, error) {
	s, err := MajorityOf(n)
	if err != nil {
		return nil, err
	}
	if len(zones) == 0 {
		return nil, invalidf("no zones")
	}
	alike := !slices.ContainsFunc(zones, func(z Zone) bool { return z.chance() != zones[0].chance() })
	var ways [][]int
	sizes := make([]int, len(zones))
	var choose func(zone, remain, most int)
	choose = func(zone, remain, most int) {
		for size := min(remain, most); size >= 0 && len(ways) <= maxPlacements; size-- {
			sizes[zone] = size
			limit := n
			if alike {
				limit = size
			}
			if zone < len(zones)-1 {
				choose(zone+1, remain-size, limit)
			} else if size == remain {
				ways = append(ways, slices.Clone(sizes))
				return
			}
		}
	}
	choose(0, n, n)
	if len(ways) > maxPlacements {
		return nil, tooLarge("there are more than %d ways to put %d voters on %d zones", maxPlacements, n, len(zones))
	}
	var found []Placement
	for _, sizes := range ways {
		placed, ids := slices.Clone(zones), s.Voters()
		for i, size := range sizes {
			placed[i].Members, ids = ids[:size], ids[size:]
		}
		a, err := AvailableWithZones(s, Uniform(p), placed)
		if err != nil {
			return nil, err
		}
		found = append(found, Placement{sizes, max(-1, n-slices.Max(sizes)-(n/2+1)), a})
	}
	slices.SortStableFunc(found, func(a, b Placement) int {
		return cmp.Compare(a.Availability.chance.down, b.Availability.chance.down)
	})
	return found, nil
}
