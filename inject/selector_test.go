package inject

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// five is an ensemble with five voters, of which 2 leads and 5 is down, and
// two observers, of which 7 is down.
func five() []Member {
	return []Member{
		{ID: 3, Role: RoleFollower},
		{ID: 1, Role: RoleFollower},
		{ID: 2, Role: RoleLeader},
		{ID: 4, Role: RoleFollower},
		{ID: 5},
		{ID: 6, Observer: true, Role: RoleObserver},
		{ID: 7, Observer: true},
	}
}

// voters returns n voters with the ids 1 to n; 1 leads.
func voters(n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{ID: int64(i + 1), Role: RoleFollower}
	}
	if n > 0 {
		members[0].Role = RoleLeader
	}
	return members
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func TestResolveNames(t *testing.T) {
	for _, test := range []struct {
		selector string
		want     []int64
	}{
		{"2", []int64{2}},
		{"3,1", []int64{1, 3}},
		{" 1 , 3 ", []int64{1, 3}},
		{"1,1", []int64{1}},
		{"leader", []int64{2}},
		{"followers", []int64{1, 3, 4}},
		{"observers", []int64{6, 7}},
		{"leader,5", []int64{2, 5}},
		{"leader,followers,2", []int64{1, 2, 3, 4}},
		{"all", []int64{1, 2, 3, 4, 5}},
		{"7", []int64{7}},
		{"1-3", []int64{1, 2, 3}},
		{"4-99", []int64{4, 5, 6, 7}},
		{"0-2,6,2-2", []int64{1, 2, 6}},
		{"!leader", []int64{1, 3, 4, 5, 6, 7}},
		{"! 2 , 4-6", []int64{1, 3, 7}},
		{"!observers", []int64{1, 2, 3, 4, 5}},
	} {
		s, err := ParseSelector(test.selector)
		if err != nil {
			t.Errorf("%s: %v", test.selector, err)
			continue
		}
		if s.Random() {
			t.Errorf("%s: Random() = true, but it leaves nothing open", test.selector)
		}
		got, err := s.Resolve(five(), nil)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, %v; want %v", test.selector, got, err, test.want)
		}
	}
}

// A size is right for every ensemble, and over many seeds it hits every voter
// and never an observer.
func TestResolveSizes(t *testing.T) {
	sizes := map[string]func(n int) int{
		"one":      func(n int) int { return min(n, 1) },
		"minority": func(n int) int { return max(n-1, 0) / 2 },
		"majority": func(n int) int { return n/2 + 1 },
		"all":      func(n int) int { return n },
		"random:2": func(int) int { return 2 },
	}
	for word, size := range sizes {
		s, err := ParseSelector(word)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			members := append(voters(n), Member{ID: 100, Observer: true, Role: RoleObserver})
			want := size(n)
			hit := make(map[int64]bool)
			for seed := range uint64(100) {
				ids, err := s.Resolve(members, seeded(seed))
				if want == 0 || want > n {
					var none *NoMatchError
					if !errors.As(err, &none) {
						t.Fatalf("%s of %d voters: got %v, %v; want a NoMatchError", word, n, ids, err)
					}
					continue
				}
				if err != nil || len(ids) != want || !slices.IsSorted(ids) || slices.Max(ids) > int64(n) {
					t.Fatalf("%s of %d voters, seed %d: got %v, %v; want %d of them", word, n, seed, ids, err, want)
				}
				if len(slices.Compact(slices.Clone(ids))) != want {
					t.Fatalf("%s of %d voters, seed %d: %v names one twice", word, n, seed, ids)
				}
				for _, id := range ids {
					hit[id] = true
				}
			}
			if 0 < want && want <= n && len(hit) != n {
				t.Errorf("%s of %d voters: 100 seeds hit only %d of them", word, n, len(hit))
			}
		}
	}
}

// A role in the singular is one member of that role, over many seeds each of
// them, and first one on which the action is not wasted.
func TestResolveOneOfARole(t *testing.T) {
	spared := five()
	for i := range spared {
		spared[i].Spared = spared[i].ID == 3 || spared[i].ID == 7
	}
	for _, test := range []struct {
		selector string
		members  []Member
		want     string // what is chosen by some seed
	}{
		{"follower", five(), "1 3 4"},
		{"observer", five(), "6 7"},
		{"follower", spared, "1 4"},
		{"observer", spared, "6"},
		{"leader,follower", five(), "1,2 2,3 2,4"},
		{"1,follower", five(), "1,3 1,4"},
		{"follower,follower", five(), "1,3 1,4 3,4"},
		{"!follower", five(), "1,2,3,5,6,7 1,2,4,5,6,7 2,3,4,5,6,7"},
		{"!follower,5-7", five(), "1,2,3 1,2,4 2,3,4"},
	} {
		s, err := ParseSelector(test.selector)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Random() {
			t.Errorf("%s: Random() = false, but it leaves a choice", test.selector)
		}
		var seen []string
		for seed := range uint64(100) {
			ids, err := s.Resolve(test.members, seeded(seed))
			if err != nil {
				t.Fatalf("%s: %v", test.selector, err)
			}
			seen = append(seen, joinIDs(ids))
		}
		slices.Sort(seen)
		if got := strings.Join(slices.Compact(seen), " "); got != test.want {
			t.Errorf("%s: 100 seeds choose %s, want %s", test.selector, got, test.want)
		}
	}
}

// The choice depends on the seed alone, not on the order of the list.
func TestResolveRepeats(t *testing.T) {
	s, err := ParseSelector("random:3")
	if err != nil {
		t.Fatal(err)
	}
	reversed := voters(9)
	slices.Reverse(reversed)
	distinct := make(map[string]bool)
	for seed := range uint64(20) {
		first, err1 := s.Resolve(voters(9), seeded(seed))
		again, err2 := s.Resolve(reversed, seeded(seed))
		if err1 != nil || err2 != nil || !slices.Equal(first, again) {
			t.Errorf("seed %d: %v (%v), then %v (%v)", seed, first, err1, again, err2)
		}
		distinct[joinIDs(first)] = true
	}
	if len(distinct) < 2 {
		t.Error("20 seeds made one and the same choice")
	}
}

// A choice falls on a member for which the action changes nothing only if there
// are no others.
func TestResolveSpares(t *testing.T) {
	members := voters(5)
	members[1].Spared, members[3].Spared = true, true
	for _, test := range []struct {
		selector string
		must     []int64 // always chosen
		never    []int64
	}{
		{"one", nil, []int64{2, 4}},
		{"majority", []int64{1, 3, 5}, []int64{2, 4}},
		{"random:4", []int64{1, 3, 5}, nil},
		{"all", []int64{1, 2, 3, 4, 5}, nil},
		{"2", []int64{2}, nil},
	} {
		s, err := ParseSelector(test.selector)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(50) {
			ids, err := s.Resolve(members, seeded(seed))
			if err != nil {
				t.Fatalf("%s: %v", test.selector, err)
			}
			for _, id := range test.must {
				if !slices.Contains(ids, id) {
					t.Errorf("%s, seed %d: %v lacks %d", test.selector, seed, ids, id)
				}
			}
			for _, id := range test.never {
				if slices.Contains(ids, id) {
					t.Errorf("%s, seed %d: %v has %d", test.selector, seed, ids, id)
				}
			}
		}
	}
}

func TestSelectorMalformed(t *testing.T) {
	for _, input := range []string{
		"", " ", ",", "1,", ",1", "1,,2", "x", "Leader", "-1", "1-", "3-1", "1-x", "1--2", "1-+2", "1-2-3", "!", "!!1", "! ", "1,!2", "!one", "!random:2", "!all", "+1", "1.5", "0x1",
		"one,2", "2,one", "all,leader", "random", "random:", "random:0", "random:-1", "random:x", "random:1,2",
		"random:2,3", "1|2", "1>2", "99999999999999999999",
	} {
		_, err := ParseSelector(input)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, want a SyntaxError", input, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, `"`+input+`"`) || !strings.Contains(text, SelectorGrammar) {
			t.Errorf("%q: the error quotes not both the input and the grammar: %s", input, text)
		}
	}
}

func TestSelectorNoMatch(t *testing.T) {
	noLeader := []Member{{ID: 1}, {ID: 2}, {ID: 3}}
	for _, test := range []struct {
		selector string
		members  []Member
		reason   string
	}{
		{"leader", noLeader, "no leader"},
		{"followers", noLeader, "no follower"},
		{"observers", noLeader, "no observer"},
		{"4", noLeader, "no member 4, only 1,2,3"},
		{"4-7", noLeader, "no member 4-7, only 1,2,3"},
		{"!leader", noLeader, "no leader"},
		{"!1-3", noLeader, "leaves no member out of 1,2,3"},
		{"follower", noLeader, "no follower"},
		{"observer", noLeader, "no observer"},
		{"leader,follower", voters(1), "no follower"},
		{"2,follower", voters(2), "asks for 1, and 0"},
		{"1,4", noLeader, "no member 4"},
		{"random:4", noLeader, "asks for 4, and 3"},
		{"minority", voters(2), "minority of 2 voters"},
		{"minority", voters(1), "minority of 1 voter"},
		{"one", nil, "asks for 1, and 0"},
		{"all", []Member{{ID: 1, Observer: true}}, "all of 0 voters"},
	} {
		s, err := ParseSelector(test.selector)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := s.Resolve(test.members, seeded(1))
		var none *NoMatchError
		if !errors.As(err, &none) {
			t.Errorf("%s: got %v, %v; want a NoMatchError", test.selector, ids, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, `"`+test.selector+`"`) || !strings.Contains(text, test.reason) {
			t.Errorf("%s: error %q lacks the selector or %q", test.selector, text, test.reason)
		}
	}
}

// A selector that can be read prints as text that reads the same, and resolves
// to members that exist.
func FuzzParseSelector(f *testing.F) {
	for _, seed := range []string{"2", "1,3", "leader", "leader,5", "followers", "observers", "one", "minority",
		"majority", "all", "random:2", "random:x", ",", "1|2", "1-3", "!leader", "!follower,2-4", "observer"} {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, input string, seed uint64) {
		s, err := ParseSelector(input)
		if err != nil {
			if syntax := new(SyntaxError); !errors.As(err, &syntax) || syntax.Input != input {
				t.Fatalf("%q: %v", input, err)
			}
			return
		}
		again, err := ParseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q printed as %q, which reads as %q, %v", input, s, again, err)
		}
		ids, err := s.Resolve(five(), seeded(seed))
		if err != nil {
			if none := new(NoMatchError); !errors.As(err, &none) {
				t.Fatalf("%q: %v", input, err)
			}
			return
		}
		if len(ids) == 0 || !slices.IsSorted(ids) || slices.Min(ids) < 1 || slices.Max(ids) > 7 {
			t.Fatalf("%q resolved to %v", input, ids)
		}
		twice, err := again.Resolve(five(), seeded(seed))
		if err != nil || !slices.Equal(ids, twice) {
			t.Fatalf("%q: %v, but %q: %v, %v", input, ids, again, twice, err)
		}
	})
}
