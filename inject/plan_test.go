package inject

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zkctl/inject/link"
)

var both = link.Channels()

// network says which member hears which, as a plain set of cut lanes. The tests
// check the planners against it.
type network struct {
	ids []int64
	cut map[link.Lane]bool
}

func newNetwork(ids []int64, lanes []link.Lane) network {
	cut := make(map[link.Lane]bool)
	for _, lane := range lanes {
		cut[lane] = true
	}
	return network{ids: ids, cut: cut}
}

// hears reports whether bytes from a reach b on both channels.
func (n network) hears(b, a int64) bool {
	return a == b || !n.cut[link.Lane{From: a, To: b, Channel: link.Quorum}] &&
		!n.cut[link.Lane{From: a, To: b, Channel: link.Election}]
}

// sees lists the members that a hears and that hear a.
func (n network) sees(a int64) []int64 {
	var seen []int64
	for _, b := range n.ids {
		if n.hears(a, b) && n.hears(b, a) {
			seen = append(seen, b)
		}
	}
	return seen
}

// reaches reports whether bytes could get from a to b over any number of
// members that pass them on.
func (n network) reaches(a, b int64) bool {
	reached := []int64{a}
	for i := 0; i < len(reached); i++ {
		for _, next := range n.ids {
			if n.hears(next, reached[i]) && !slices.Contains(reached, next) {
				reached = append(reached, next)
			}
		}
	}
	return slices.Contains(reached, b)
}

func ids(n int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i + 1)
	}
	return all
}

// randomGroups splits 1..n into up to four groups.
func randomGroups(n int, rng *rand.Rand) [][]int64 {
	groups := make([][]int64, 1+rng.IntN(4))
	for _, id := range ids(n) {
		i := rng.IntN(len(groups))
		groups[i] = append(groups[i], id)
	}
	return groups
}

func groupOf(groups [][]int64, id int64) int {
	return slices.IndexFunc(groups, func(group []int64) bool { return slices.Contains(group, id) })
}

func TestPlanGroupsSeparates(t *testing.T) {
	for seed := range uint64(200) {
		rng := seeded(seed)
		n := 1 + rng.IntN(9)
		groups := randomGroups(n, rng)
		net := newNetwork(ids(n), PlanGroups(groups, both))
		for _, a := range ids(n) {
			for _, b := range ids(n) {
				together := groupOf(groups, a) == groupOf(groups, b)
				if net.reaches(a, b) != together || net.hears(b, a) != together {
					t.Fatalf("groups %v: %d reaches %d: %v, directly: %v", groups, a, b, net.reaches(a, b), net.hears(b, a))
				}
			}
		}
	}
}

func TestPlanOneWayIsOneWay(t *testing.T) {
	for seed := range uint64(200) {
		rng := seeded(seed)
		n := 1 + rng.IntN(9)
		groups := randomGroups(n, rng)
		net := newNetwork(ids(n), PlanOneWay(groups, both))
		for _, a := range ids(n) {
			for _, b := range ids(n) {
				want := groupOf(groups, a) >= groupOf(groups, b)
				if net.hears(b, a) != want || net.reaches(a, b) != want {
					t.Fatalf("groups %v one way: %d reaches %d: want %v", groups, a, b, want)
				}
			}
		}
	}
}

func TestPlanRing(t *testing.T) {
	for n := range 16 {
		ring := ids(n)
		shuffle(ring, seeded(uint64(n)))
		lanes := PlanRing(ring, both)
		if n < 3 {
			if lanes != nil {
				t.Errorf("ring of %d: got %v, want nothing", n, lanes)
			}
			continue
		}
		net := newNetwork(ids(n), lanes)
		views := make(map[string]int64)
		for _, a := range ids(n) {
			seen := net.sees(a)
			// A symmetric ring has an odd number on it, so it is a bare
			// majority or one more.
			if majority := n/2 + 1; len(seen) < majority || len(seen) > majority+1 {
				t.Errorf("ring of %d: %d sees %v, want a bare majority", n, a, seen)
			}
			if other, ok := views[joinIDs(seen)]; ok {
				t.Errorf("ring of %d: %d and %d see the same: %v", n, a, other, seen)
			}
			views[joinIDs(seen)] = a
			for _, b := range ids(n) {
				if net.hears(a, b) != net.hears(b, a) {
					t.Errorf("ring of %d: between %d and %d it is one way", n, a, b)
				}
			}
		}
	}
}

func TestPlansInWords(t *testing.T) {
	for _, test := range []struct {
		name  string
		lanes []link.Lane
		want  string
	}{
		{"1,2|3", PlanGroups([][]int64{{1, 2}, {3}}, both), "1>3 2>3 3>1 3>2"},
		{"one channel", PlanGroups([][]int64{{1}, {2}}, []link.Channel{link.Election}), "1>2/election 2>1/election"},
		{"one way", PlanOneWay([][]int64{{3}, {1, 2}}, both), "3>1 3>2"},
		{"one way, three", PlanOneWay([][]int64{{3}, {2}, {1}}, both), "2>1 3>1 3>2"},
		{"ring of 3", PlanRing([]int64{2, 1, 3}, both), "2>3 3>2"},
		{"ring of 4", PlanRing([]int64{1, 2, 3, 4}, both), "1>3 2>4 3>1 4>2"},
		{"links", PlanLinks([]int64{1, 2}, []int64{2, 3}, both), "1>2 1>3 2>3"},
		{"nobody else", PlanGroups([][]int64{{1, 2}}, both), ""},
	} {
		if got := strings.Join(Lanes(test.lanes).Strings(), " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func ExamplePlanRing() {
	lanes := PlanRing([]int64{1, 2, 3, 4, 5}, []link.Channel{link.Quorum, link.Election})
	fmt.Println(Lanes(lanes).Strings())
	// Output: [1>3 1>4 2>4 2>5 3>1 3>5 4>1 4>2 5>2 5>3]
}
