package quorum

import (
	"cmp"
	"fmt"
	"slices"
)

// Placement is a way to spread the voters of a majority over zones.
type Placement struct {
	Sizes        []int // voters in each zone, in the order of the zones given
	SurvivesAny  bool  // any single zone can be lost
	Further      int   // failures still tolerated after the worst zone is lost; -1: none is
	Availability Availability
}

// maxPlacements bounds what Place ranks.
const maxPlacements = 20_000

// Place ranks the ways to put n equal voters, counted by majority, on the given
// zones: the most available first. With zones that are all alike, sizes that
// are permutations of each other are listed once, largest first. Members of the zones are
// ignored.
//
// Algorithm: all partitions (or, when the zones differ, all distributions), each as
// AvailableWithZones; the source is enumeration. ErrTooLarge beyond 20,000 of them; ErrInvalid for n < 1, no
// zones or a missing probability.
func Place(n int, zones []Zone, p Probability) ([]Placement, error) {
	if err := checkZones(zones); err != nil {
		return nil, err
	}
	m, err := MajorityOf(n)
	if err != nil {
		return nil, err
	}
	equal := true
	for _, z := range zones {
		equal = equal && z.Up == zones[0].Up
	}
	sizes, err := distributions(n, len(zones), equal)
	if err != nil {
		return nil, err
	}
	placements := make([]Placement, 0, len(sizes))
	for _, size := range sizes {
		placed := make([]Zone, len(zones))
		next := int64(1)
		for i, z := range zones {
			placed[i] = Zone{Name: z.Name, Up: z.Up}
			for range size[i] {
				placed[i].Members = append(placed[i].Members, next)
				next++
			}
		}
		report, err := Zones(m, placed)
		if err != nil {
			return nil, err
		}
		a, err := AvailableWithZones(m, Uniform(p), placed)
		if err != nil {
			return nil, err
		}
		placements = append(placements, Placement{size, report.SurvivesAny, report.Worst, a})
	}
	slices.SortStableFunc(placements, func(a, b Placement) int {
		return cmp.Compare(a.Availability.LogDown(), b.Availability.LogDown())
	})
	return placements, nil
}

// distributions lists the ways to put n voters on z zones; unordered ones once
// when the zones are equal.
func distributions(n, z int, equal bool) ([][]int, error) {
	var all [][]int
	current := make([]int, z)
	var place func(zone, left, most int) bool
	place = func(zone, left, most int) bool {
		if zone == z-1 {
			if left > most {
				return true
			}
			current[zone] = left
			all = append(all, slices.Clone(current))
			return len(all) <= maxPlacements
		}
		for k := min(left, most); k >= 0; k-- {
			if equal && k*(z-zone) < left {
				break // the rest cannot hold what is left without exceeding k
			}
			current[zone] = k
			limit := n
			if equal {
				limit = k
			}
			if !place(zone+1, left-k, limit) {
				return false
			}
		}
		return true
	}
	if !place(0, n, n) {
		return nil, fmt.Errorf("%w: more than %d ways to put %d voters on %d zones", ErrTooLarge, maxPlacements, n, z)
	}
	return all, nil
}
