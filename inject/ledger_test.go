package inject

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zkctl/inject/link"
)

var epoch = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

func faultIDs(faults []Fault) string {
	var ids []string
	for _, f := range faults {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, " ")
}

func TestLedgerLeases(t *testing.T) {
	var l Ledger
	l.Add(Fault{Kind: Cut}, at(0), 10*time.Second)  // f1
	l.Add(Fault{Kind: Slow}, at(0), 0)              // f2
	l.Add(Fault{Kind: Pause}, at(3), 2*time.Second) // f3
	for _, step := range []struct {
		now    time.Time
		ended  string
		active string
		next   time.Time
	}{
		{at(4), "", "f1 f2 f3", at(5)},
		{at(5).Add(-1), "", "f1 f2 f3", at(5)},
		{at(5), "f3", "f1 f2", at(10)},
		{at(5), "", "f1 f2", at(10)},
		{at(60), "f1", "f2", time.Time{}},
		{at(1e6), "", "f2", time.Time{}},
	} {
		if got := faultIDs(l.Expire(step.now)); got != step.ended {
			t.Errorf("at %v: %q ended, want %q", step.now, got, step.ended)
		}
		if got := faultIDs(l.Active()); got != step.active {
			t.Errorf("at %v: %q active, want %q", step.now, got, step.active)
		}
		if next, ok := l.Next(); !next.Equal(step.next) || ok == step.next.IsZero() {
			t.Errorf("at %v: next is %v, %v; want %v", step.now, next, ok, step.next)
		}
	}
	if f := l.Add(Fault{Kind: Cut}, at(61), 0); f.ID != "f4" {
		t.Errorf("an id was used again: %s", f.ID)
	}
}

func TestLedgerHeal(t *testing.T) {
	for _, test := range []struct {
		name    string
		healing Healing
		ended   string
		unknown []string
		active  string
	}{
		{"what a heal is about", Healing{}, "f1 f3 f4 f6", nil, "f2 f5"},
		{"links, of some members", Healing{Members: []int64{2, 9}}, "f3 f4", nil, "f1 f2 f5 f6"},
		{"all, of one member", Healing{Members: []int64{3}, Processes: true}, "f5 f6", nil, "f1 f2 f3 f4"},
		{"everything", Healing{Processes: true}, "f1 f2 f3 f4 f5 f6", nil, ""},
		{"one", Healing{IDs: []string{"f3"}}, "f3", nil, "f1 f2 f4 f5 f6"},
		{"a process, by id", Healing{IDs: []string{"f2", "f4"}}, "f2 f4", nil, "f1 f3 f5 f6"},
		{"unknown", Healing{IDs: []string{"f8", "f1", "x", "f0", "f01", "F2", "f"}}, "f1",
			[]string{"f8", "x", "f0", "f01", "F2", "f"}, "f2 f3 f4 f5 f6"},
		{"ended before", Healing{IDs: []string{"f7"}}, "", nil, "f1 f2 f3 f4 f5 f6"},
	} {
		var l Ledger
		for i, kind := range []Kind{Cut, Kill, Slow, Cut, Pause, Slow} {
			l.Add(Fault{Kind: kind, Members: []int64{1 + int64(i/2), 4}}, at(0), 0)
		}
		l.Add(Fault{Kind: Cut}, at(0), time.Second) // f7
		l.Expire(at(1))

		ended, unknown := l.Heal(test.healing)
		if faultIDs(ended) != test.ended || !slices.Equal(unknown, test.unknown) || faultIDs(l.Active()) != test.active {
			t.Errorf("%s: ended %q, unknown %v, active %q; want %q, %v, %q", test.name,
				faultIDs(ended), unknown, faultIDs(l.Active()), test.ended, test.unknown, test.active)
		}
		if again, _ := l.Heal(test.healing); len(again) != 0 {
			t.Errorf("%s: healed %q twice", test.name, faultIDs(again))
		}
	}
}

func TestLedgerRecover(t *testing.T) {
	var l Ledger
	l.Add(Fault{Kind: Kill, Members: []int64{3, 1}}, at(0), 0) // f1
	l.Add(Fault{Kind: Pause, Members: []int64{1}}, at(0), 0)   // f2
	l.Add(Fault{Kind: Kill, Members: []int64{1}}, at(0), 0)    // f3
	l.Add(Fault{Kind: Cut, Members: []int64{1, 2}}, at(0), 0)  // f4
	if got := faultIDs(l.Recover(Kill, 1)); got != "f3" {
		t.Errorf("member 1 was started: %q ended, want f3", got)
	}
	if active := l.Active(); faultIDs(active) != "f1 f2 f4" || !slices.Equal(active[0].Members, []int64{3}) {
		t.Errorf("member 1 was started: active %+v", active)
	}
	if got := faultIDs(l.Recover(Kill, 2)); got != "" {
		t.Errorf("member 2 was started, which nobody had killed: %q ended", got)
	}
	if got := faultIDs(l.Recover(Kill, 3)); got != "f1" {
		t.Errorf("member 3 was started: %q ended, want f1", got)
	}
}

// TestOverlap names what each lane gets, and what of each fault has no effect, while faults overlap
// and one after the other ends.
func TestOverlap(t *testing.T) {
	shape := func(latency, jitter time.Duration, rate int64) *link.Shape {
		return &link.Shape{Latency: latency, Jitter: jitter, Rate: rate}
	}
	ms := time.Millisecond
	lanes := func(text string) Lanes {
		var l Lanes
		if err := json.Unmarshal([]byte(`["`+strings.ReplaceAll(text, " ", `","`)+`"]`), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	var l Ledger
	l.Add(Fault{Kind: Slow, Links: lanes("1>2 2>1"), Shape: shape(50*ms, 10*ms, 0)}, at(0), 0) // f1
	l.Add(Fault{Kind: Slow, Links: lanes("1>2"), Shape: shape(0, 0, 1000)}, at(0), 0)          // f2
	l.Add(Fault{Kind: Slow, Links: lanes("1>2"), Shape: shape(5*ms, 0, 0)}, at(0), 0)          // f3
	l.Add(Fault{Kind: Slow, Links: lanes("1>2 1>3"), Shape: shape(7*ms, 0, 2000)}, at(0), 0)   // f4
	l.Add(Fault{Kind: Cut, Links: lanes("1>2/election 2>1")}, at(0), 0)                        // f5, two ways
	l.Add(Fault{Kind: Cut, Links: lanes("2>1")}, at(0), 0)                                     // f6, one way
	for _, step := range []struct {
		heal       string
		conditions string // of 1>2/quorum, 1>2/election, 2>1/quorum
		overridden string
	}{
		{"", "7ms 2000; cut 7ms 2000; cut 50ms±10ms",
			"f1: latency by f4 on 1>2/quorum, all by f5 on 1>2/election 2>1; f2: rate by f4 on 1>2/quorum, all by f5 on 1>2/election; " +
				"f3: latency by f4 on 1>2/quorum, all by f5 on 1>2/election; f4: all by f5 on 1>2/election"},
		{"f5", "7ms 2000; 7ms 2000; cut 50ms±10ms",
			"f1: latency by f4 on 1>2, all by f6 on 2>1; f2: rate by f4 on 1>2; f3: latency by f4 on 1>2"},
		{"f6", "7ms 2000; 7ms 2000; 50ms±10ms", "f1: latency by f4 on 1>2; f2: rate by f4 on 1>2; f3: latency by f4 on 1>2"},
		{"f4", "5ms 1000; 5ms 1000; 50ms±10ms", "f1: latency by f3 on 1>2"},
		{"f3", "50ms±10ms 1000; 50ms±10ms 1000; 50ms±10ms", ""},
		{"f2", "50ms±10ms; 50ms±10ms; 50ms±10ms", ""},
		{"f1", "; ; ", ""},
	} {
		if step.heal != "" {
			l.Heal(Healing{IDs: []string{step.heal}})
		}
		var conditions, overridden []string
		for _, lane := range []string{"1>2/quorum", "1>2/election", "2>1/quorum"} {
			c := l.Conditions()[lanes(lane)[0]]
			var words []string
			if c.Cut {
				words = append(words, "cut")
			}
			if c.Shape.Latency > 0 {
				text := c.Shape.Latency.String()
				if c.Shape.Jitter > 0 {
					text += "±" + c.Shape.Jitter.String()
				}
				words = append(words, text)
			}
			if c.Shape.Rate > 0 {
				words = append(words, strconv.FormatInt(c.Shape.Rate, 10))
			}
			conditions = append(conditions, strings.Join(words, " "))
		}
		for i, f := range l.Active() {
			var words []string
			for _, o := range Overrides(l.Active(), i) {
				words = append(words, o.Aspect+" by "+o.By+" on "+strings.Join(o.Links.Strings(), " "))
			}
			if len(words) > 0 {
				overridden = append(overridden, f.ID+": "+strings.Join(words, ", "))
			}
		}
		if got := strings.Join(conditions, "; "); got != step.conditions {
			t.Errorf("without %s: lanes %q, want %q", step.heal, got, step.conditions)
		}
		if got := strings.Join(overridden, "; "); got != step.overridden {
			t.Errorf("without %s: overridden\n%s\nwant\n%s", step.heal, got, step.overridden)
		}
	}
}

// A lane stays cut until the last fault that cuts it has ended.
func TestLedgerConditions(t *testing.T) {
	lane := func(from, to int64) link.Lane { return link.Lane{From: from, To: to, Channel: link.Quorum} }
	far, near := link.Shape{Latency: time.Second}, link.Shape{Latency: time.Millisecond}
	var l Ledger
	l.Add(Fault{Kind: Cut, Links: Lanes{lane(1, 2), lane(2, 1)}}, at(0), 0)               // f1
	l.Add(Fault{Kind: Cut, Links: Lanes{lane(1, 2)}}, at(0), 0)                           // f2
	l.Add(Fault{Kind: Slow, Links: Lanes{lane(1, 2), lane(1, 3)}, Shape: &far}, at(0), 0) // f3
	l.Add(Fault{Kind: Slow, Links: Lanes{lane(1, 3)}, Shape: &near}, at(0), 0)            // f4
	l.Add(Fault{Kind: Kill, Members: []int64{1}}, at(0), 0)                               // f5
	for _, step := range []struct {
		heal string
		want map[link.Lane]link.Condition
	}{
		{"f5", map[link.Lane]link.Condition{lane(1, 2): {Cut: true, Shape: far}, lane(2, 1): {Cut: true}, lane(1, 3): {Shape: near}}},
		{"f1", map[link.Lane]link.Condition{lane(1, 2): {Cut: true, Shape: far}, lane(1, 3): {Shape: near}}},
		{"f4", map[link.Lane]link.Condition{lane(1, 2): {Cut: true, Shape: far}, lane(1, 3): {Shape: far}}},
		{"f2", map[link.Lane]link.Condition{lane(1, 2): {Shape: far}, lane(1, 3): {Shape: far}}},
		{"f3", map[link.Lane]link.Condition{}},
	} {
		l.Heal(Healing{IDs: []string{step.heal}})
		if got := l.Conditions(); !reflect.DeepEqual(got, step.want) {
			t.Errorf("without %s: %v, want %v", step.heal, got, step.want)
		}
	}
}

// The ledger copies: later changes of what was passed in or returned do not
// change its records.
func TestLedgerKeepsItsRecords(t *testing.T) {
	var l Ledger
	shape := link.Shape{Latency: time.Second}
	f := Fault{Kind: Slow, Members: []int64{2, 1}, Links: Lanes{{From: 1, To: 2, Channel: link.Quorum}}, Shape: &shape}
	out := l.Add(f, at(0), time.Second)
	want := l.Active()[0]
	f.Members[0], f.Links[0].From, shape.Latency = 9, 9, 9
	out.Members[0], out.Links[0].From, out.Shape.Latency, *out.Until = 8, 8, 8, at(99)
	if got := l.Active()[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("the record changed: %+v, want %+v", got, want)
	}
}

func TestFaultJSON(t *testing.T) {
	until := at(10)
	for _, test := range []struct {
		fault Fault
		want  string
	}{
		{
			Fault{ID: "f1", Kind: Cut, Members: []int64{1}, Since: at(0), Until: &until,
				Links: PlanGroups([][]int64{{1}, {2}}, both)},
			`{"id":"f1","kind":"partition","members":[1],"links":["1>2","2>1"],` +
				`"since":"2025-01-02T03:04:05Z","until":"2025-01-02T03:04:15Z"}`,
		},
		{
			Fault{ID: "f2", Kind: Slow, Members: []int64{}, Since: at(0), Links: PlanLinks([]int64{1}, []int64{2}, both[1:]),
				Shape: &link.Shape{Latency: 50 * time.Millisecond, Jitter: 10 * time.Millisecond, Rate: 1e6}},
			`{"id":"f2","kind":"slow","members":[],"links":["1>2/election"],"since":"2025-01-02T03:04:05Z","until":null,` +
				`"shape":{"latency_seconds":0.05,"jitter_seconds":0.01,"rate_bytes_per_second":1000000}}`,
		},
		{
			Fault{ID: "f3", Kind: Kill, Members: []int64{3}, Since: at(0), Links: Lanes{}, Detail: "signal TERM"},
			`{"id":"f3","kind":"kill","members":[3],"links":[],"since":"2025-01-02T03:04:05Z","until":null,"detail":"signal TERM"}`,
		},
	} {
		var got bytes.Buffer
		encoder := json.NewEncoder(&got)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(test.fault); err != nil || got.String() != test.want+"\n" {
			t.Errorf("%s: wrote %s, %v\nwant %s", test.fault.ID, &got, err, test.want)
		}
		var back Fault
		if err := json.Unmarshal(got.Bytes(), &back); err != nil || !reflect.DeepEqual(back, test.fault) {
			t.Errorf("%s: read back %+v, %v\nwant %+v", test.fault.ID, back, err, test.fault)
		}
	}
}

func TestFaultJSONRefuses(t *testing.T) {
	for _, text := range []string{
		`{"kind":"earthquake"}`, `{"kind":""}`, `{"kind":1}`, `{"links":["1-2"]}`, `{"links":["1>2/client"]}`,
		`{"links":[">"]}`, `{"shape":{"latency_seconds":-1}}`, `{"shape":{"jitter_seconds":1}}`,
	} {
		var f Fault
		if err := json.Unmarshal([]byte(text), &f); err == nil {
			t.Errorf("%s: accepted as %+v", text, f)
		}
	}
	if text, err := json.Marshal(Fault{ID: "f1"}); err == nil {
		t.Errorf("a fault without a kind was written: %s", text)
	}
}

// A fault that could not be ended stays on record with the reason, is tried again later, and ends member by member.
func TestLedgerPostpone(t *testing.T) {
	var l Ledger
	l.Add(Fault{Kind: Kill, Members: []int64{1, 2}}, at(0), time.Second) // f1
	l.Add(Fault{Kind: Kill, Members: []int64{3}}, at(0), 0)              // f2
	copied := l
	if due := faultIDs(copied.Expire(at(1))); due != "f1" || faultIDs(l.Active()) != "f1 f2" {
		t.Fatalf("%s is due, and %s is left in the ledger that was copied", due, faultIDs(l.Active()))
	}
	for i, first := range []bool{true, false} {
		if late, f := l.Postpone("f1", at(5), "no room"); f != first || late.Overdue != "no room" {
			t.Errorf("postponed for the %d. time: %+v, %v", i+1, late, f)
		}
	}
	if next, ok := l.Next(); !ok || !next.Equal(at(5)) {
		t.Errorf("next is %v", next)
	}
	if _, ok := l.End("f1", []int64{1}); ok {
		t.Error("f1 has ended with a member that is not whole")
	}
	if due := l.Expire(at(4)); len(due) != 0 {
		t.Errorf("%+v is due too early", due)
	}
	if f := l.Active()[0]; !slices.Equal(f.Members, []int64{2}) || f.Overdue != "no room" {
		t.Errorf("%+v", f)
	}
	if ended, ok := l.End("f1", []int64{2}); !ok || ended.ID != "f1" || faultIDs(l.Active()) != "f2" {
		t.Errorf("%+v, %v; %s is left", ended, ok, faultIDs(l.Active()))
	}
	if _, ok := l.End("f1", []int64{2}); ok {
		t.Error("f1 has ended twice")
	}
}
