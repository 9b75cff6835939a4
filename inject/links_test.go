package inject

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zkctl/inject/link"
)

// On the channel client one end of a link is clients, whichever command is about it.
func TestClientLinks(t *testing.T) {
	for _, test := range []struct {
		target string
		named  []int64
		lanes  string
	}{
		{"leader", []int64{1}, "1>clients/client clients>1/client"},
		{"clients>2,3", []int64{2, 3}, "clients>2/client clients>3/client"},
		{"followers>clients", []int64{2, 3}, "2>clients/client 3>clients/client"},
	} {
		for _, l := range []interface {
			plannedLinks
			Validate() error
		}{Links{test.target, "client"}, Partition{Groups: test.target, Channel: "client"}} {
			if err := l.Validate(); err != nil || l.Random() {
				t.Errorf("%+v: %v, random %v", l, err, l.Random())
			}
			plan, err := l.Plan(voters(3), nil)
			lanes := Lanes(plan.Lanes)
			if got := strings.Join(sorted(lanes), " "); err != nil || got != test.lanes || !slices.Equal(plan.Members, test.named) || plan.Groups != nil {
				t.Errorf("%+v: %q of %v, %v; want %q of %v", l, got, plan.Members, err, test.lanes, test.named)
			}
			text, err := lanes.MarshalJSON()
			var back Lanes
			if err == nil {
				err = back.UnmarshalJSON(text)
			}
			if err != nil || !slices.Equal(back, lanes) {
				t.Errorf("%s reads back as %v, %v", text, back, err)
			}
		}
	}
	if !(Links{"one", "client"}).Random() {
		t.Error("one of several members is a choice")
	}
	for _, target := range []string{"", "1|2", "1>2", "clients>clients", "clients", "clients>", "x"} {
		for _, err := range []error{Links{target, "client"}.Validate(), Partition{Groups: target, Channel: "client"}.Validate()} {
			if err == nil {
				t.Errorf("%q: no error", target)
			}
		}
	}
	for _, p := range []Partition{
		{Ring: true, Channel: "client"}, {Groups: "1", OneWay: true, Channel: "client"}, {Groups: "1", Bridge: "2", Channel: "client"},
	} {
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "clients>SELECTOR") {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := (Links{"clients>9", "client"}).Plan(voters(3), nil); !errors.As(err, new(*NoMatchError)) {
		t.Errorf("member 9: %v", err)
	}
	for _, target := range []string{"clients>1", "1>clients", "clients"} {
		if err := (Links{target, "quorum"}).Validate(); err == nil {
			t.Errorf("%q between members: no error", target)
		}
	}
}

// sorted are lanes in the order of their text.
func sorted(lanes Lanes) []string {
	words := lanes.Strings()
	slices.Sort(words)
	return words
}

// What refuses is the port on which followers look for their leader, and not the one for votes.
func TestPlanRefusal(t *testing.T) {
	s, err := ParseSelector("1,2")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := PlanRefusal(voters(3), s, nil)
	want := "1>2/quorum 2>1/quorum 3>1/quorum 3>2/quorum"
	if got := strings.Join(Lanes(plan.Lanes).Strings(), " "); err != nil || got != want || !slices.Equal(plan.Members, []int64{1, 2}) {
		t.Errorf("%q of %v, %v; want %q", got, plan.Members, err, want)
	}
	if _, err := PlanRefusal(voters(1), s, nil); err == nil {
		t.Error("member 2 does not exist")
	}
	// A lane that refuses may be cut and slow, too.
	var ledger Ledger
	for _, kind := range []Kind{Refuse, Cut} {
		ledger.Add(Fault{Kind: kind, Links: plan.Lanes}, epoch, 0)
	}
	if got := ledger.Conditions()[plan.Lanes[0]]; got != (link.Condition{Cut: true, Refuse: true}) {
		t.Errorf("%+v", got)
	}
	ledger.Heal(Healing{IDs: []string{"f1"}})
	if got := ledger.Conditions()[plan.Lanes[0]]; got != (link.Condition{Cut: true}) {
		t.Errorf("after a heal of the refusal: %+v", got)
	}
}
