package inject

import (
	"slices"

	"zkctl/inject/link"
)

// The planners turn a shape of partition into the lanes that must be cut. Their
// results are sorted and without duplicates.

// PlanGroups cuts every member off from the members of all other groups.
//
//	1,2 | 3:   1 <-> 2     3
func PlanGroups(groups [][]int64, channels []link.Channel) []link.Lane {
	var lanes []link.Lane
	for i, a := range groups {
		for j, b := range groups {
			if i != j {
				lanes = append(lanes, cross(a, b, channels)...)
			}
		}
	}
	return normalLanes(lanes)
}

// PlanOneWay cuts what an earlier group sends to a later one, and leaves the
// other direction: with 1 | 2,3 member 1 hears 2 and 3, and they do not hear it.
func PlanOneWay(groups [][]int64, channels []link.Channel) []link.Lane {
	var lanes []link.Lane
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			lanes = append(lanes, cross(a, b, channels)...)
		}
	}
	return normalLanes(lanes)
}

// PlanRing lets each member see only its neighbours on a ring, as many on either
// side as it needs for a majority. No two members see the same majority.
//
//	    1                 of 5, each sees 3:
//	  /   \               1 sees 5,1,2; 2 sees 1,2,3; ...
//	5       2
//	 \     /
//	  4---3
//
// In a ring of three each member would see all, so the ring is opened at one
// place, and the member in the middle sees both ends. For fewer than three the
// result is nil.
func PlanRing(ring []int64, channels []link.Channel) []link.Lane {
	n := len(ring)
	if n < 3 {
		return nil
	}
	majority := n/2 + 1
	reach := majority / 2 // on either side: 2*reach+1 >= majority
	var lanes []link.Lane
	for i, from := range ring {
		for j, to := range ring {
			apart := abs(i - j)
			if n > 3 {
				apart = min(apart, n-apart)
			}
			if apart > reach {
				lanes = append(lanes, cross([]int64{from}, []int64{to}, channels)...)
			}
		}
	}
	return normalLanes(lanes)
}

// PlanLinks names every lane from one of a to one of b.
func PlanLinks(a, b []int64, channels []link.Channel) []link.Lane {
	return normalLanes(cross(a, b, channels))
}

// cross pairs each of a with each of b, a member never with itself.
func cross(a, b []int64, channels []link.Channel) []link.Lane {
	var lanes []link.Lane
	for _, from := range a {
		for _, to := range b {
			if from == to {
				continue
			}
			for _, channel := range channels {
				lanes = append(lanes, link.Lane{From: from, To: to, Channel: channel})
			}
		}
	}
	return lanes
}

func normalLanes(lanes []link.Lane) []link.Lane {
	slices.SortFunc(lanes, link.Lane.Compare)
	return slices.Compact(lanes)
}

func abs(n int) int { return max(n, -n) }
