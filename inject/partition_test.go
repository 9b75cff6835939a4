package inject

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPartitionPlan(t *testing.T) {
	for _, test := range []struct {
		name      string
		partition Partition
		members   []Member
		named     []int64
		groups    [][]int64
		lanes     string
	}{
		{
			name: "two groups and the rest", partition: Partition{Groups: "1,2|3"}, members: voters(4),
			named: []int64{1, 2, 3}, groups: [][]int64{{1, 2}, {3}, {4}},
			lanes: "1>3 1>4 2>3 2>4 3>1 3>2 3>4 4>1 4>2 4>3",
		},
		{
			name: "bare selector", partition: Partition{Groups: "leader"}, members: voters(3),
			named: []int64{1}, groups: [][]int64{{1}, {2, 3}}, lanes: "1>2 1>3 2>1 3>1",
		},
		{
			name: "the rest has observers", partition: Partition{Groups: "1,2,3,4,5"}, members: five(),
			named: []int64{1, 2, 3, 4, 5}, groups: [][]int64{{1, 2, 3, 4, 5}, {6, 7}},
			lanes: "1>6 1>7 2>6 2>7 3>6 3>7 4>6 4>7 5>6 5>7 6>1 6>2 6>3 6>4 6>5 7>1 7>2 7>3 7>4 7>5",
		},
		{
			name: "a range and the others", partition: Partition{Groups: "1-2|!1-2"}, members: voters(4),
			named: []int64{1, 2, 3, 4}, groups: [][]int64{{1, 2}, {3, 4}},
			lanes: "1>3 1>4 2>3 2>4 3>1 3>2 4>1 4>2",
		},
		{
			name: "one channel", partition: Partition{Groups: "1|2", Channel: "quorum"}, members: voters(2),
			named: []int64{1, 2}, groups: [][]int64{{1}, {2}}, lanes: "1>2/quorum 2>1/quorum",
		},
		{
			name: "one way", partition: Partition{Groups: "leader", OneWay: true}, members: voters(3),
			named: []int64{1}, groups: [][]int64{{1}, {2, 3}}, lanes: "1>2 1>3",
		},
		{
			name: "arrow", partition: Partition{Groups: "1>2"}, members: voters(3),
			named: []int64{1, 2}, lanes: "1>2",
		},
		{
			name: "arrow between roles", partition: Partition{Groups: "followers>leader"}, members: voters(3),
			named: []int64{1, 2, 3}, lanes: "2>1 3>1",
		},
		{
			name: "bridge with groups", partition: Partition{Groups: "1,2|4,5", Bridge: "3"}, members: voters(5),
			named: []int64{1, 2, 3, 4, 5}, groups: [][]int64{{1, 2}, {4, 5}},
			lanes: "1>4 1>5 2>4 2>5 4>1 4>2 5>1 5>2",
		},
		{
			name: "bridge with a bare selector", partition: Partition{Groups: "2", Bridge: "leader"}, members: voters(3),
			named: []int64{1, 2}, groups: [][]int64{{2}, {3}}, lanes: "2>3 3>2",
		},
	} {
		if test.partition.Random() {
			t.Errorf("%s: Random() = true", test.name)
		}
		plan, err := test.partition.Plan(test.members, nil)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := strings.Join(Lanes(plan.Lanes).Strings(), " "); got != test.lanes {
			t.Errorf("%s: cuts %q, want %q", test.name, got, test.lanes)
		}
		if !slices.Equal(plan.Members, test.named) {
			t.Errorf("%s: members %v, want %v", test.name, plan.Members, test.named)
		}
		if !slices.EqualFunc(plan.Groups, test.groups, slices.Equal) {
			t.Errorf("%s: groups %v, want %v", test.name, plan.Groups, test.groups)
		}
	}
}

// A random choice has the shape that was asked for.
func TestPartitionRandom(t *testing.T) {
	for seed := range uint64(100) {
		for n := 3; n <= 7; n++ {
			members := append(voters(n), Member{ID: 50, Observer: true, Role: RoleObserver})
			everyone := Rest(members)

			ring := mustPlan(t, Partition{Ring: true}, members, seed)
			net := newNetwork(everyone, ring.Lanes)
			if len(ring.Members) != n || len(net.sees(50)) != n+1 {
				t.Errorf("ring of %d: takes in %v; the observer sees %v", n, ring.Members, net.sees(50))
			}

			bridge := mustPlan(t, Partition{Bridge: "one"}, members, seed)
			net = newNetwork(everyone, bridge.Lanes)
			if seen := net.sees(bridge.Members[0]); len(bridge.Members) != 1 || len(seen) != n+1 {
				t.Errorf("bridge %v sees %v, want all of %v", bridge.Members, seen, everyone)
			}
			a, b := bridge.Groups[0], bridge.Groups[1]
			if d := len(idsOf(members, isVoter)) - 1; abs(countVoters(a)-countVoters(b)) > d%2 {
				t.Errorf("bridge of %d: halves %v and %v are not even", n, a, b)
			}
			for _, x := range a {
				for _, y := range b {
					if net.hears(x, y) || net.hears(y, x) {
						t.Errorf("bridge: %d and %d hear each other", x, y)
					}
				}
			}

			pair := mustPlan(t, Partition{Groups: "one|one"}, members, seed)
			if len(pair.Members) != 2 || len(pair.Groups) != 3 {
				t.Errorf("one|one of %d: %v, %v", n, pair.Members, pair.Groups)
			}
			beside := mustPlan(t, Partition{Groups: "one|leader"}, members, seed)
			if !slices.Equal(beside.Groups[1], []int64{1}) || beside.Groups[0][0] == 1 {
				t.Errorf("one|leader of %d: %v", n, beside.Groups)
			}
			// What one group names by id or role is never chosen for the other.
			for _, groups := range []string{"follower|2", "2|follower", "2,follower|one"} {
				named := mustPlan(t, Partition{Groups: groups}, members, seed)
				if len(slices.Compact(slices.Sorted(slices.Values(slices.Concat(named.Groups...))))) != n+1 {
					t.Errorf("%s of %d: %v", groups, n, named.Groups)
				}
			}
			arrow := mustPlan(t, Partition{Groups: "one>one"}, members, seed)
			if len(arrow.Lanes) != 2 {
				t.Errorf("one>one of %d: %v", n, arrow.Lanes)
			}
		}
	}
}

func countVoters(ids []int64) int {
	n := 0
	for _, id := range ids {
		if id < 50 {
			n++
		}
	}
	return n
}

func mustPlan(t *testing.T, p Partition, members []Member, seed uint64) Plan {
	t.Helper()
	if !p.Random() {
		t.Errorf("%+v: Random() = false", p)
	}
	plan, err := p.Plan(members, seeded(seed))
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	again, err := p.Plan(members, seeded(seed))
	if err != nil || !slices.Equal(plan.Lanes, again.Lanes) {
		t.Fatalf("%+v, seed %d: first %v, then %v, %v", p, seed, plan.Lanes, again.Lanes, err)
	}
	return plan
}

func TestPartitionWrongUsage(t *testing.T) {
	for _, test := range []struct {
		partition Partition
		want      string
	}{
		{Partition{}, "partition of what"},
		{Partition{Groups: "1|"}, `"1|"`},
		{Partition{Groups: "1||2"}, `"1||2"`},
		{Partition{Groups: "1,2|2,3"}, "member 2 is in two groups"},
		{Partition{Groups: "1-3|2"}, "member 2 is in two groups"},
		{Partition{Groups: "6,1-3|3-5"}, "member 3 is in two groups"},
		{Partition{Groups: "1>"}, `"1>"`},
		{Partition{Groups: "1>2>3"}, `"1>2>3"`},
		{Partition{Groups: "1>2|3"}, `"1>2|3"`},
		{Partition{Groups: "nobody"}, "cut off from all the rest"},
		{Partition{Groups: "1", Channel: "air"}, `channel "air"`},
		{Partition{Groups: "1", Ring: true}, "ring"},
		{Partition{Ring: true, OneWay: true}, "ring"},
		{Partition{Ring: true, Bridge: "1"}, "ring"},
		{Partition{Groups: "1>2", Bridge: "3"}, "bridge"},
		{Partition{Bridge: "x"}, `selector "x"`},
		{Partition{Groups: "1|2,3", Bridge: "3"}, "member 3 is the bridge and in a group, too"},
	} {
		err := test.partition.Validate()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want an error with %q", test.partition, err, test.want)
			continue
		}
		if _, planErr := test.partition.Plan(voters(5), seeded(1)); planErr == nil || planErr.Error() != err.Error() {
			t.Errorf("%+v: Plan says %v, Validate %v", test.partition, planErr, err)
		}
	}
}

// TestPartitionNoPlan tells a partition of members that are not there from one
// that makes no sense with those that are.
func TestPartitionNoPlan(t *testing.T) {
	for _, test := range []struct {
		partition Partition
		members   []Member
		none      bool // no such member
	}{
		{Partition{Groups: "9"}, voters(3), true},
		{Partition{Groups: "all"}, voters(3), false},
		{Partition{Groups: "1>1"}, voters(3), false},
		{Partition{Groups: "leader|1"}, voters(3), false},
		{Partition{Groups: "!1|2"}, voters(3), false},
		{Partition{Groups: "!follower|1"}, voters(3), false},
		{Partition{Groups: "majority|majority"}, voters(3), true},
		{Partition{Groups: "followers|1", Bridge: "3"}, voters(3), false},
		{Partition{Bridge: "followers"}, voters(3), false},
		{Partition{Bridge: "1"}, voters(2), false},
		{Partition{Ring: true}, voters(2), false},
		{Partition{Groups: "observers"}, voters(3), true},
	} {
		if err := test.partition.Validate(); err != nil {
			t.Errorf("%+v: %v, but nothing is wrong with the request itself", test.partition, err)
		}
		plan, err := test.partition.Plan(test.members, seeded(1))
		var none *NoMatchError
		var senseless *PlanError
		if errors.As(err, &none) != test.none || errors.As(err, &senseless) == test.none {
			t.Errorf("%+v: got %+v, %v", test.partition, plan, err)
		}
	}
}

func TestLinkSelector(t *testing.T) {
	for _, test := range []struct {
		input string
		named []int64
		lanes string
	}{
		{"1>2", []int64{1, 2}, "1>2"},
		{"2>1,3", []int64{1, 2, 3}, "2>1 2>3"},
		{"leader>all", []int64{1, 2, 3}, "1>2 1>3"},
		{"2", []int64{2}, "1>2 2>1 2>3 3>2"},
		{"all", []int64{1, 2, 3}, "1>2 1>3 2>1 2>3 3>1 3>2"},
	} {
		l, err := ParseLinkSelector(test.input)
		if err != nil {
			t.Errorf("%s: %v", test.input, err)
			continue
		}
		if l.Random() || l.String() != test.input {
			t.Errorf("%s: prints as %s, Random() = %v", test.input, l, l.Random())
		}
		plan, err := l.Plan(voters(3), both, nil)
		if err != nil {
			t.Errorf("%s: %v", test.input, err)
			continue
		}
		if got := strings.Join(Lanes(plan.Lanes).Strings(), " "); got != test.lanes || !slices.Equal(plan.Members, test.named) {
			t.Errorf("%s: got %q of %v, want %q of %v", test.input, got, plan.Members, test.lanes, test.named)
		}
	}
	for _, input := range []string{"", ">", "1>", ">1", "1>2>3", "1|2", "x"} {
		_, err := ParseLinkSelector(input)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Input != input || !strings.Contains(err.Error(), "SELECTOR>SELECTOR") {
			t.Errorf("%q: got %v, want a SyntaxError with the grammar", input, err)
		}
	}
}

// A partition that is valid leads to a plan within the ensemble, to a
// NoMatchError or to a PlanError, and never to a member cut off from itself.
func FuzzPartition(f *testing.F) {
	for _, seed := range []string{"1,2|3", "leader", "1>2", "one|one", "minority", "all>leader", "1|", "|"} {
		f.Add(seed, "", false)
		f.Add(seed, "3", true)
	}
	f.Fuzz(func(t *testing.T, groups, bridge string, oneWay bool) {
		p := Partition{Groups: groups, Bridge: bridge, OneWay: oneWay}
		plan, err := p.Plan(five(), seeded(7))
		invalid := p.Validate()
		switch none, senseless := new(NoMatchError), new(PlanError); {
		case err == nil && invalid != nil:
			t.Fatalf("%+v: planned, but Validate says %v", p, invalid)
		case err == nil, invalid != nil, errors.As(err, &none), errors.As(err, &senseless):
		default:
			t.Fatalf("%+v: %v", p, err)
		}
		if err != nil {
			return
		}
		if len(plan.Lanes) == 0 || len(plan.Members) == 0 {
			t.Fatalf("%+v: planned nothing: %+v", p, plan)
		}
		for _, lane := range plan.Lanes {
			if lane.From == lane.To || min(lane.From, lane.To) < 1 || max(lane.From, lane.To) > 7 {
				t.Fatalf("%+v: cuts %v", p, lane)
			}
		}
	})
}
