package localcluster

import (
	"fmt"
	"testing"

	"zkctl/inject"
	"zkctl/inject/link"
	"zkctl/quorum"
)

// TestSides looks for the sides of partitions, and for those that could elect a leader. Of six members the last is
// an observer.
func TestSides(t *testing.T) {
	system, err := quorum.NewMajority(1, 2, 3, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	s := &Supervisor{system: system}
	var members []inject.Member
	for id := int64(1); id <= 6; id++ {
		members = append(members, inject.Member{ID: id, Observer: id == 6})
	}
	for _, c := range []struct {
		partition inject.Partition
		want      string
	}{
		{inject.Partition{Groups: "1,2|3,4,5"}, "[{[1 2] false true} {[3 4 5] true true} {[6] false false}]"},
		{inject.Partition{Groups: "1,2|3,4,5,6"}, "[{[1 2] false true} {[3 4 5 6] true true}]"},
		{inject.Partition{Groups: "1"}, "[{[1] false true} {[2 3 4 5 6] true false}]"},
		{inject.Partition{Groups: "1,2|4,5", Bridge: "3"}, "[{[1 2] true true} {[4 5] true true} {[6] false false}]"},
		{inject.Partition{Groups: "1>2"}, "[]"},
	} {
		plan, err := c.partition.Plan(members, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.sides(plan)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.partition, got, c.want)
		}
	}
}

// TestVotesOnly looks for the finding that only votes get through, for as long as they do.
func TestVotesOnly(t *testing.T) {
	lanes := func(channels ...link.Channel) inject.Lanes {
		return inject.PlanGroups([][]int64{{3}, {1, 2, 4}}, channels)
	}
	quorumOnly := inject.Fault{ID: "f1", Kind: inject.Cut, Links: lanes(link.Quorum)}
	for _, c := range []struct {
		name   string
		faults []inject.Fault
		want   string
	}{
		{"the quorum channel", []inject.Fault{quorumOnly}, "[1 2 3]"},
		{"both channels", []inject.Fault{{ID: "f1", Kind: inject.Cut, Links: lanes(link.Quorum, link.Election)}}, ""},
		{"the election channel", []inject.Fault{{ID: "f1", Kind: inject.Cut, Links: lanes(link.Election)}}, ""},
		{"both, by two faults", []inject.Fault{quorumOnly, {ID: "f2", Kind: inject.Cut, Links: lanes(link.Election)}}, ""},
		{"votes are slow, too", []inject.Fault{quorumOnly, {ID: "f2", Kind: inject.Slow, Links: lanes(link.Election)}}, "[1 2 3]"},
		{"one link of voters is cut whole", []inject.Fault{quorumOnly, {ID: "f2", Kind: inject.Cut, Links: lanes(link.Election)[:1]}}, "[2 3]"},
		{"an observer's link", []inject.Fault{{ID: "f1", Kind: inject.Cut, Links: inject.PlanGroups([][]int64{{3}, {4}}, []link.Channel{link.Quorum})}}, ""},
	} {
		got := ""
		for _, f := range votesOnly(c.faults, []int64{1, 2, 3}) {
			got += fmt.Sprint(f.Members)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
