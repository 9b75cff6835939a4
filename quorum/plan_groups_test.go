package quorum

import (
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPlansWithGroups(t *testing.T) {
	weighted := func(weights map[int64]int64, ids ...int64) Membership {
		return Membership{Voters: ids, Groups: []Group{{1, ids}}, Weights: weights}
	}
	for _, c := range []struct {
		name     string
		from, to Membership
		want     string
	}{
		{"more voters, other weights", weighted(nil, 1, 2, 3), weighted(map[int64]int64{1: 2, 2: 2}, 1, 2, 3, 4, 5), "replace (1/1)"},
		{"the weights change, and no server comes or goes", weighted(nil, 1, 2, 3), weighted(map[int64]int64{1: 2}, 1, 2, 3), "replace (0/0)"},
		{"from weights to a majority that is larger", weighted(map[int64]int64{1: 2}, 1, 2, 3), upTo(5), "replace (0/2)"},
		{"to groups, without those who leave", upTo(4), weighted(nil, 1, 2, 3), "replace (1/1)"},
		{"the same groups, another observer", weighted(nil, 1, 2, 3), func() Membership {
			m := weighted(nil, 1, 2, 3)
			m.Observers = []int64{4}
			return m
		}(), "add-observer 4 (1/1)"},
	} {
		p, err := PlanChange(c.from, c.to)
		if err != nil || describe(p) != c.want {
			t.Errorf("%s:\ngot  %s (%v)\nwant %s", c.name, describe(p), err, c.want)
		}
	}
}

// randomMembership is a majority, or groups with weights, of some of 1..7.
func randomMembership(r *rand.Rand) Membership {
	var m Membership
	grouped := r.IntN(3) > 0
	groups := make([]Group, 1+r.IntN(3))
	for id := int64(1); id <= 7; id++ {
		if r.IntN(3) == 0 {
			continue
		}
		m.Voters = append(m.Voters, id)
		g := &groups[r.IntN(len(groups))]
		g.Members = append(g.Members, id)
	}
	if !grouped {
		return m
	}
	m.Weights = map[int64]int64{}
	for i, g := range groups {
		if len(g.Members) > 0 {
			m.Groups = append(m.Groups, Group{int64(i + 1), g.Members})
		}
	}
	for _, id := range m.Voters {
		m.Weights[id] = r.Int64N(4)
	}
	return m
}

// has is ZooKeeper's rule for a membership, said as the Java classes do.
func (m Membership) has(acks map[int64]bool) bool {
	if len(m.Groups) > 0 {
		return containsQuorum(m.Groups, m.Weights)(acks)
	}
	n := 0
	for _, id := range m.Voters {
		if acks[id] {
			n++
		}
	}
	return n > len(m.Voters)/2
}

// bruteFurther is how many more of the living may fail, whichever they are,
// while all memberships keep their quorum; -1 when they have none.
func bruteFurther(systems []Membership, failed []int64) int {
	worst := -1
	var members []int64
	for _, m := range systems {
		members = append(members, m.Voters...)
	}
	slices.Sort(members)
	members = slices.DeleteFunc(slices.Compact(members), func(id int64) bool { return slices.Contains(failed, id) })
	worst = len(members)
	for set := range 1 << len(members) {
		up := map[int64]bool{}
		for i, id := range members {
			if set>>i&1 == 0 {
				up[id] = true
			}
		}
		for _, m := range systems {
			if !m.has(up) {
				worst = min(worst, bits.OnesCount(uint(set))-1)
			}
		}
	}
	return worst
}

// TestGroupedPlansAreWhatTheyClaim replays random plans between random
// configurations by brute force: what each step says it tolerates, it
// tolerates; a complete plan arrives; and none is worse than replacing everything at once.
func TestGroupedPlansAreWhatTheyClaim(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	complete, stepwise := 0, 0
	for range 600 {
		from, to := randomMembership(r), randomMembership(r)
		if len(from.Voters) == 0 || len(to.Voters) == 0 {
			continue
		}
		var failed []int64
		if r.IntN(2) == 0 {
			failed = []int64{from.Voters[r.IntN(len(from.Voters))]}
		}
		p, err := PlanChange(from, to, failed...)
		if err != nil {
			t.Fatalf("%+v -> %+v: %v", from, to, err)
		}
		now := from
		for _, s := range p.Steps {
			for k, systems := range [][]Membership{{now, s.Membership}, {s.Membership}} {
				want := bruteFurther(systems, failed)
				if got := []int{s.ToleratesDuring, s.Tolerates}[k]; got != want || got < 0 {
					t.Fatalf("%+v -> %+v failed %v: %+v tolerates %d, brute force says %d", from, to, failed, s, got, want)
				}
			}
			now = s.Membership
		}
		atOnce := bruteFurther([]Membership{from, to}, failed)
		if p.Refused != nil {
			if atOnce >= 0 && p.Refused.Step != nil && p.Refused.Step.Action != Replace && p.Refused.Step.Action != AddVoter {
				t.Fatalf("%+v -> %+v failed %v: %s, though everything at once tolerates %d", from, to, failed, describe(p), atOnce)
			}
			continue
		}
		complete++
		if len(p.Steps) > 1 {
			stepwise++
		}
		if !slices.Equal(now.Voters, to.Voters) || !maps.Equal(now.places(), to.places()) {
			t.Fatalf("%+v -> %+v ends at %+v", from, to, now)
		}
		if p.Lowest < atOnce {
			t.Fatalf("%+v -> %+v failed %v: %s tolerates less than %d at once", from, to, failed, describe(p), atOnce)
		}
	}
	if complete < 100 || stepwise < 20 {
		t.Errorf("%d plans were complete, %d in several steps: the test sees too little", complete, stepwise)
	}
}
