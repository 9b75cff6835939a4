package quorum

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func voters(ids ...int64) Membership { return Membership{Voters: ids} }

func upTo(n int) Membership {
	return Membership{Voters: oneTo(n)}
}

// describe writes a plan on a line: steps with what they tolerate during/after.
func describe(p Plan) string {
	var parts []string
	for _, s := range p.Steps {
		what := string(s.Action)
		if s.Server != nil {
			what += fmt.Sprint(" ", *s.Server)
		}
		parts = append(parts, fmt.Sprintf("%s (%d/%d)", what, s.ToleratesDuring, s.Tolerates))
	}
	if p.Refused != nil {
		parts = append(parts, "refused: "+p.Refused.Reason)
	}
	return strings.Join(parts, ", ")
}

func TestPlans(t *testing.T) {
	grouped := func(groups ...[]int64) Membership {
		var m Membership
		for i, g := range groups {
			m.Groups = append(m.Groups, Group{ID: int64(i + 1), Members: g})
			m.Voters = append(m.Voters, g...)
		}
		return m
	}
	for _, c := range []struct {
		name     string
		from, to Membership
		failed   []int64
		want     string
		lowest   int
	}{
		{"nothing to do", upTo(3), upTo(3), nil, "", 1},
		{"3 to 5", upTo(3), upTo(5), nil, "add 4 (1/1), add 5 (1/2)", 1},
		{"5 to 3", upTo(5), upTo(3), nil, "remove 4 (1/1), remove 5 (1/1)", 1},
		{"3 to 7 is stepped", upTo(3), upTo(7), nil, "add 4 (1/1), add 5 (1/2), add 6 (2/2), add 7 (2/3)", 1},
		{"3 to 2 ends without tolerance", upTo(3), upTo(2), nil, "remove 3 (0/0)", 0},
		{"all replaced, never below", voters(1, 2, 3), voters(4, 5, 6), nil,
			"add 4 (1/1), add 5 (1/2), add 6 (2/2), remove 1 (2/2), remove 2 (1/1), remove 3 (1/1)", 1},
		{"the dead leave before their replacement comes", voters(1, 2, 3), voters(1, 2, 4), []int64{3},
			"remove 3 (0/0), add 4 (0/1)", 0},
		{"no quorum to begin with", voters(1, 2, 3), voters(1, 2, 4), []int64{2, 3},
			"refused: no quorum is up now, and without one no change can be committed: bring back enough of servers 2, 3 first", -1},
		{"a vote for the dead", voters(1, 2, 3), voters(1, 2, 3, 4, 5), []int64{4},
			"add 5 (1/1), refused: server 4 is down: with a vote it would count against every quorum without ever acknowledging", 1},
		{"roles", Membership{Voters: []int64{1, 2, 3, 4}, Observers: []int64{5, 6}},
			Membership{Voters: []int64{1, 2, 3, 5}, Observers: []int64{4, 7}}, nil,
			"promote 5 (1/2), demote 4 (1/1), add-observer 7 (1/1), remove-observer 6 (1/1)", 1},
		{"a hierarchical system is replaced", grouped([]int64{1, 2, 3}, []int64{4, 5, 6}, []int64{7, 8}),
			grouped([]int64{1, 2, 3}, []int64{4, 5, 6}, []int64{7, 8, 9}), nil, "replace (2/3)", 2},
		{"from majority to groups in one step", upTo(9),
			grouped([]int64{1, 2, 3}, []int64{4, 5, 6}, []int64{7, 8, 9}), nil, "replace (3/3)", 3},
		{"voteless members go with everything at once", Membership{Voters: []int64{1, 2, 3}, Groups: []Group{{1, []int64{1, 2, 3, 4}}}, Weights: map[int64]int64{4: 1}},
			grouped([]int64{1, 2, 3}), nil, "replace (0/1)", 0},
		{"a target without tolerance is the operator's choice, a detour is not", grouped([]int64{1, 2, 3}, []int64{4, 5, 6}, []int64{7, 8, 9}),
			grouped([]int64{1, 4, 7}, []int64{2, 5, 8}, []int64{3, 6, 9}), nil, "replace (3/3)", 3},
	} {
		p, err := PlanChange(c.from, c.to, c.failed...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := describe(p); got != c.want || p.Lowest != c.lowest {
			t.Errorf("%s:\ngot  %s (lowest %d)\nwant %s (lowest %d)", c.name, got, p.Lowest, c.want, c.lowest)
		}
	}
}

func TestPlanMovesAServerAsIfItWereAway(t *testing.T) {
	from, to := upTo(3), upTo(3)
	from.Addresses = map[int64]string{1: "a", 2: "b", 3: "c"}
	to.Addresses = map[int64]string{1: "a", 2: "z", 3: "c"}
	if p, err := PlanChange(from, to); err != nil || describe(p) != "move 2 (0/1)" {
		t.Errorf("three servers: %s (%v)", describe(p), err)
	}
	p, err := PlanChange(from, to, 3)
	if want := "refused: there is no quorum while server 2 is away, with server 3 down"; err != nil || describe(p) != want {
		t.Errorf("with one down: %s (%v), want %s", describe(p), err, want)
	}
}

func TestPlanErrors(t *testing.T) {
	for _, c := range []struct {
		from, to Membership
		failed   []int64
		says     string
	}{
		{voters(), upTo(3), nil, "the configuration to start from: no voters"},
		{upTo(3), voters(1, 1), nil, "the configuration to reach: server id 1 is listed twice"},
		{upTo(3), upTo(5), []int64{9}, "failed server 9 is in neither configuration"},
	} {
		if _, err := PlanChange(c.from, c.to, c.failed...); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %q", err, c.says)
		}
	}
}

// TestPlansAreWhatTheyClaim replays random plans with brute force: each step
// changes one server, keeps a quorum of old and new among the living, tolerates what
// it says, and the last one arrives.
func TestPlansAreWhatTheyClaim(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	some := func(chance int) []int64 {
		var ids []int64
		for id := int64(1); id <= 8; id++ {
			if r.IntN(chance) == 0 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	complete := 0
	for range 300 {
		from, to := voters(some(2)...), voters(some(2)...)
		if len(from.Voters) == 0 || len(to.Voters) == 0 {
			continue
		}
		failed := slices.DeleteFunc(some(6), func(id int64) bool { return !slices.Contains(slices.Concat(from.Voters, to.Voters), id) })
		p, err := PlanChange(from, to, failed...)
		if err != nil {
			t.Fatal(err)
		}
		now := from
		for _, s := range p.Steps {
			if d := difference(now.Voters, s.Voters); d != 1 {
				t.Fatalf("%v -> %v: step %+v changes %d servers", from.Voters, to.Voters, s, d)
			}
			for k, systems := range [][]Membership{{now, s.Membership}, {s.Membership}} {
				want := bruteTolerance(systems, failed)
				if got := []int{s.ToleratesDuring, s.Tolerates}[k]; got != want || got < 0 {
					t.Fatalf("%v -> %v failed %v: step %+v tolerates %d, brute force says %d", from.Voters, to.Voters, failed, s, got, want)
				}
			}
			now = s.Membership
		}
		if p.Refused == nil {
			complete++
			if !slices.Equal(now.Voters, to.Voters) {
				t.Fatalf("%v -> %v ends at %v", from.Voters, to.Voters, now.Voters)
			}
		}
	}
	if complete < 50 {
		t.Errorf("only %d plans were complete: the test sees too little", complete)
	}
}

func difference(a, b []int64) int {
	n := 0
	for id := int64(1); id <= 8; id++ {
		if slices.Contains(a, id) != slices.Contains(b, id) {
			n++
		}
	}
	return n
}

// bruteTolerance is the largest f such that any f of the living may fail, too,
// and all systems keep more than half of their voters; -1 without any failure.
func bruteTolerance(systems []Membership, failed []int64) int {
	worst := 99
	for set := range 1 << 8 {
		size := 0
		dead := slices.Clone(failed)
		for id := int64(1); id <= 8; id++ {
			member := slices.ContainsFunc(systems, func(m Membership) bool { return slices.Contains(m.Voters, id) })
			if set>>(id-1)&1 == 1 && member && !slices.Contains(failed, id) {
				dead = append(dead, id)
				size++
			}
		}
		for _, m := range systems {
			up := 0
			for _, id := range m.Voters {
				if !slices.Contains(dead, id) {
					up++
				}
			}
			if 2*up <= len(m.Voters) {
				worst = min(worst, size-1)
			}
		}
	}
	return worst
}
