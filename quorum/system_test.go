package quorum

import (
	"errors"
	"strings"
	"testing"
)

func TestMajorityCounts(t *testing.T) {
	// n/2 rounded down, plus one: never half.
	want := map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4, 9: 5, 255: 128}
	for n, size := range want {
		m, err := MajorityOf(n)
		if err != nil {
			t.Fatal(err)
		}
		for up := 0; up <= n; up++ {
			got := m.IsQuorum(func(id int64) bool { return id <= int64(up) })
			if got != (up >= size) {
				t.Errorf("majority of %d with %d up: %v", n, up, got)
			}
		}
	}
}

func TestIsQuorumAllocatesNothing(t *testing.T) {
	m, _ := MajorityOf(9)
	h, err := NewHierarchical(m.Voters(), []Group{{1, []int64{1, 2, 3}}, {2, []int64{4, 5, 6}}, {3, []int64{7, 8, 9}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	acks := map[int64]bool{1: true, 2: true, 4: true, 5: true, 9: true}
	up := func(id int64) bool { return acks[id] }
	for _, s := range []*System{m, h} {
		if !s.IsQuorum(up) {
			t.Errorf("%T: acks %v should be a quorum", s, acks)
		}
		if n := testing.AllocsPerRun(100, func() { s.IsQuorum(up) }); n != 0 {
			t.Errorf("%T.IsQuorum allocates %v times", s, n)
		}
	}
}

func TestInvalidSystems(t *testing.T) {
	groups := func(members ...[]int64) []Group {
		var gs []Group
		for i, m := range members {
			gs = append(gs, Group{int64(i + 1), m})
		}
		return gs
	}
	hier := func(voters []int64, gs []Group, w map[int64]int64) error {
		_, err := NewHierarchical(voters, gs, w)
		return err
	}
	maj := func(ids ...int64) error { _, err := NewMajority(ids...); return err }
	v3 := []int64{1, 2, 3}
	for _, c := range []struct {
		name    string
		err     error
		refused bool
		says    string
	}{
		{"no voters", maj(), false, "no voters"},
		{"twice", maj(1, 2, 1), false, "server id 1 is listed twice"},
		{"negative id", maj(1, -4), false, "server id -4"},
		{"voter in no group", hier(v3, groups([]int64{1, 2}), nil), true, "server 3 is not in a group"},
		{"weights without groups", hier(v3, nil, map[int64]int64{1: 2}), true, "server 1 is not in a group"},
		{"two groups", hier(v3, groups([]int64{1, 2}, []int64{2, 3}), nil), true, "server 2 is in multiple groups (1 and 2)"},
		{"non-voter without weight", hier(v3, groups([]int64{1, 2, 3, 9}), nil), true, "server 9"},
		{"negative weight", hier(v3, groups(v3), map[int64]int64{2: -1}), false, "weight -1 of server 2"},
		{"overflow", hier(v3, groups(v3), map[int64]int64{1: 1 << 62, 2: 1 << 62}), false, "beyond 64 bits at server 2"},
		{"group twice", hier(v3, []Group{{1, []int64{1, 2}}, {1, []int64{3}}}, nil), false, "group 1 is declared twice"},
	} {
		if c.err == nil || !errors.Is(c.err, ErrInvalid) || errors.Is(c.err, ErrRefused) != c.refused || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: got %v; want refused=%v and %q", c.name, c.err, c.refused, c.says)
		}
	}
	if _, err := MajorityOf(0); !errors.Is(err, ErrInvalid) {
		t.Errorf("MajorityOf(0): %v", err)
	}
	for _, n := range []int{256, 1 << 40} {
		if _, err := MajorityOf(n); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "more than 255 voters") {
			t.Errorf("MajorityOf(%d): %v", n, err)
		}
	}
}

func TestWeightZeroVotesButNeverLeads(t *testing.T) {
	h, err := NewHierarchical([]int64{1, 2, 3, 4}, []Group{{1, []int64{1, 2, 3, 4}}}, map[int64]int64{4: 0})
	if err != nil {
		t.Fatal(err)
	}
	if h.CanLead(4) || !h.CanLead(3) || h.CanLead(9) {
		t.Error("only voters that weigh something may lead")
	}
	if h.Has(1, 4) || !h.Has(1, 2) {
		t.Error("a weight of zero must not count")
	}
	m, _ := NewMajority(7, 8)
	if !m.CanLead(7) || m.CanLead(1) {
		t.Error("under a majority every voter may lead, and no other server")
	}
}

// An empty group counts in ZooKeeper, unlike one whose members weigh nothing:
// its own class says so.
func TestEmptyGroupCounts(t *testing.T) {
	voters := []int64{1, 2, 3}
	two, err := NewHierarchical(voters, []Group{{1, voters}, {2, nil}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if two.Has(1, 2, 3) {
		t.Error("one of two groups is no majority of them")
	}
	three, err := NewHierarchical(voters, []Group{{1, []int64{1, 2}}, {2, nil}, {3, []int64{3}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !three.Has(1, 2, 3) || three.Has(1, 2) || three.Has(1, 3) {
		t.Error("of three groups with an empty one, both others are needed")
	}
}
