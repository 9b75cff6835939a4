package quorum

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPlacementsAgreeWithZones works the tolerance of every placement out again by the general
// rule for zones, and counts that none is missing.
func TestPlacementsAgreeWithZones(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		n, z := 1+r.IntN(7), 1+r.IntN(4)
		alike := r.IntN(2) == 0
		zones := make([]Zone, z)
		for i := range zones {
			zones[i] = Zone{Name: string(rune('a' + i)), Up: prob(t, "0.999")}
			if !alike {
				zones[i].Up = []Probability{prob(t, "0.3"), prob(t, "0.99"), Certain, {}}[r.IntN(4)]
			}
		}
		p := []Probability{prob(t, "0.99"), prob(t, "0.4"), prob(t, "1"), prob(t, "0")}[r.IntN(4)]
		ranked, err := Place(n, zones, p)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := MajorityOf(n)
		seen := map[string]bool{}
		for i, got := range ranked {
			report, err := Zones(m, spread(got.Sizes, Certain))
			if err != nil || got.Further != report.Worst {
				t.Errorf("n=%d %v: %+v, want %+v (%v)", n, got.Sizes, got, report, err)
			}
			if i > 0 && got.Availability.LogDown() < ranked[i-1].Availability.LogDown() {
				t.Errorf("n=%d: rank %d is better than the one before", n, i)
			}
			seen[fmt.Sprint(got.Sizes)] = true
		}
		if want := waysToPlace(n, zones); len(seen) != want || len(ranked) != want {
			t.Errorf("n=%d on %d zones: %d placements, want %d", n, z, len(ranked), want)
		}
	}
}

// waysToPlace counts them by brute force: every zone for every voter.
func waysToPlace(n int, zones []Zone) int {
	up := func(z Zone) Probability {
		if z.Up == (Probability{}) {
			return Certain
		}
		return z.Up
	}
	alike := !slices.ContainsFunc(zones, func(z Zone) bool { return up(z) != up(zones[0]) })
	all := map[string]bool{}
	choice := make([]int, n)
	for {
		sizes := make([]int, len(zones))
		for _, z := range choice {
			sizes[z]++
		}
		if alike {
			slices.Sort(sizes)
		}
		all[fmt.Sprint(sizes)] = true
		k := 0
		for ; k < n && choice[k] == len(zones)-1; k++ {
			choice[k] = 0
		}
		if k == n {
			return len(all)
		}
		choice[k]++
	}
}
