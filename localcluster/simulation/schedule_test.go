package simulation

import (
	"slices"
	"strings"
	"testing"
)

// The schedule that a failure prints decides the whole run.
func TestSchedulesAreText(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		s := Draw(seed, 0)
		back, err := ParseSchedule(s.String())
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, s)
		}
		if back.Seed != s.Seed || back.Setup != s.Setup || !slices.Equal(back.Faults, s.Faults) {
			t.Fatalf("seed %d: wrote\n%v, read\n%v", seed, s, back)
		}
		for _, line := range s.Setup.lines() {
			if len(line) > setupColumns {
				t.Errorf("seed %d: %d columns: %s", seed, len(line), line)
			}
		}
	}
	s := Draw(4, 0)
	back, _ := ParseSchedule(s.String())
	_, drawn := Trace(s, 0)
	_, read := Trace(back, 0)
	if !slices.Equal(drawn, read) {
		t.Errorf("seed 4 tells another story when its text is read:\n%v", s)
	}
}

const goodSchedule = `# a comment

seed 37
setup voters=3 clients=2
at 1s kill 1 --for 1s
down: on newleader of=2 after=1ms client 2 --sever
on down.ended kill 1
`

func TestBadSchedules(t *testing.T) {
	if s, err := ParseSchedule(goodSchedule); err != nil || len(s.Faults) != 3 {
		t.Fatalf("%v, %v", s, err)
	}
	for _, c := range []struct{ line, complaint string }{
		{"seed x", `line 8: seed: "x" is not a number of 64 bits`},
		{"setup voters=many", `line 8: setup: voters=many: `},
		{"setup colour=red", `line 8: setup: unknown field "colour"`},
		{"setup voters", `line 8: setup: voters: `},
		{"setup voters=0", "setup: voters=0 is not between 1 and 7"},
		{"setup voters=8", "setup: voters=8 is not between 1 and 7"},
		{"setup tick=0s", "setup: tick=0s is not between 1ms and 1m0s"},
		{"setup think=0s", "setup: think=0s"},
		{"setup voters=1", "line 6: there is no member 2: the ensemble has 1 to 1"},
		{"setup clients=1", "line 6: there is no client 2: the workload has 1"},
		{"at 1s", "line 8: column 6: a fault is missing"},
		{"at -1s restart 1", "line 8: column 4: -1s: the time is negative"},
		{"at 1s explode 1", `line 8: column 7: "explode" is not a verb`},
		{"at 1s restart 4", "line 8: there is no member 4"},
		{"at 1s partition '1>4'", "line 8: there is no member 4"},
		{"on never kill 1", `no fault has the label "never"`},
		{"on diff of=leader kill self", "line 8: of=leader: the simulation watches the injection points of one server"},
		{"every 1ns kill 1", "line 8: every 1ns: that is more than 10000 times in 1s"},
	} {
		_, err := ParseSchedule(goodSchedule + c.line + "\n")
		if err == nil || !strings.Contains(err.Error(), c.complaint) {
			t.Errorf("%q: expected a complaint of %q, got %v", c.line, c.complaint, err)
		}
	}
	for text, complaint := range map[string]string{
		"":                          "no line begins with seed",
		"seed 1\n":                  "no line begins with setup",
		"setup voters=3\n":          "no line begins with seed",
		strings.Repeat("x", 1<<20):  "cannot read the schedule",
		"\x7fELF\x02\x01\x01\x00\n": "line 1: ",
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%.20q: expected a complaint of %q, got %v", text, complaint, err)
		}
	}
}

// A schedule that is read can be written and read again.
func FuzzParseSchedule(f *testing.F) {
	f.Add(goodSchedule)
	for seed := uint64(1); seed <= 5; seed++ {
		f.Add(Draw(seed, 0).String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		back, err := ParseSchedule(s.String())
		if err != nil || back.Seed != s.Seed || back.Setup != s.Setup || !slices.Equal(back.Faults, s.Faults) {
			t.Fatalf("read\n%v, wrote that and read\n%v: %v", s, back, err)
		}
	})
}

// Every size of ensemble is drawn, and groups where they can be.
func TestDrawsEverySize(t *testing.T) {
	voters, observers, groups := map[int]int{}, map[int]int{}, map[bool]int{}
	for seed := range uint64(1000) {
		setup := Draw(seed, 0).Setup
		voters[setup.Voters]++
		observers[setup.Observers]++
		groups[setup.Groups]++
	}
	for n := 1; n <= MaxVoters; n++ {
		if voters[n] < 50 {
			t.Errorf("%d of 1000 ensembles have %d voters", voters[n], n)
		}
	}
	if observers[0] < 50 || observers[1] < 50 || observers[2] < 50 || groups[true] < 50 {
		t.Errorf("by observers %v, with groups %d", observers, groups[true])
	}
}
