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
at 1s crash server=1 keeps=process for=1s
on newleader of=2 after=1ms sever n=2
`

func TestBadSchedules(t *testing.T) {
	if s, err := ParseSchedule(goodSchedule); err != nil || len(s.Faults) != 2 {
		t.Fatalf("%v, %v", s, err)
	}
	for _, c := range []struct{ line, complaint string }{
		{"seed x", `line 7: seed: "x" is not a number of 64 bits`},
		{"setup voters=many", `line 7: setup: voters=many: `},
		{"setup colour=red", `line 7: setup: unknown field "colour"`},
		{"setup voters", `line 7: setup: voters: `},
		{"setup voters=0", "setup: voters=0 is not between 1 and 7"},
		{"setup voters=8", "setup: voters=8 is not between 1 and 7"},
		{"setup tick=0s", "setup: tick=0s is not between 1ms and 1m0s"},
		{"setup think=0s", "setup: think=0s"},
		{"setup voters=1", "setup has no such server"},
		{"setup clients=1", "setup has no such server or client"},
		{"at 1s", "expected a time or an injection point"},
		{"at noon stop server=1", "noon"},
		{"at -1s stop server=1", "a time is negative"},
		{"when 1s stop server=1", `begins with "when"`},
		{"at 1s explode server=1", `unknown kind "explode"`},
		{"at 1s stop server", `unknown kind "server"`},
		{"at 1s server=1 for=1s", `unknown kind ""`},
		{"at 1s stop server=none", "server=none"},
		{"at 1s stop server=4", "no such server"},
		{"at 1s stop server=-3", "no such server"},
		{"at 1s cut server=1 peer=4", "no such server"},
		{"at 1s crash server=1 keeps=all", "keeps=all is not one of process, some, synced"},
		{"at 1s crash server=1", "crash needs keeps="},
		{"at 1s cut server=1 channel=third", "channel=third is not one of"},
		{"at 1s stop colour=red", "unknown field colour"},
		{"at 1s slow-disk server=1 amount=-1s", "amount is negative"},
		{"at 1s clock server=1 n=0", "n=0: the clock's rate"},
		{"at 1s sever", "n=0 is not a client"},
		{"at 1s sever server=1", "n=0 is not a client"},
		{"on never stop server=1", `unknown injection point "never"`},
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
