package commands

import (
	"strings"
	"testing"
	"time"
)

// TestYAMLHasTheOrderOfJSON: a document reads the same in both, the version first.
func TestYAMLHasTheOrderOfJSON(t *testing.T) {
	text := `{"version":1,"name":"z","list":[{"b":1,"a":"1.0"},[]],"empty":{},"none":null,"seed":18446744073709551615,` +
		`"half":0.5,"small":1e-9,"yes":"yes","text":"1>2: \"x\"\n"}`
	want := `version: 1
name: z
list:
- b: 1
  a: "1.0"
- []
empty: {}
none: null
seed: 18446744073709551615
half: 0.5
small: 1e-9
"yes": "yes"
text: |
  1>2: "x"
`
	got, err := toYAML([]byte(text))
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestClockTime(t *testing.T) {
	now := time.Date(2024, 12, 31, 23, 59, 0, 0, time.Local)
	for add, want := range map[time.Duration]string{
		30 * time.Second:        "23:59:30.000",
		2 * time.Minute:         "2025-01-01 00:01:00",
		100000 * time.Hour:      "2036-05-29 15:59:00",
		-24 * time.Hour:         "2024-12-30 23:59:00",
		1500 * time.Millisecond: "23:59:01.500",
	} {
		if got := clockTime(now.Add(add), now); got != want {
			t.Errorf("%v later: %q, want %q", add, got, want)
		}
	}
}

// TestDurationsOfEveryFlag: a lease can be given in the units of a time to failure.
func TestDurationsOfEveryFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "1w1d": 192 * time.Hour, "90s": 90 * time.Second, "0.1s": 100 * time.Millisecond, "1ns": 1} {
		if got, err := parseDuration("for", text); err != nil || got != want {
			t.Errorf("%s: %v (%v), want %v", text, got, err, want)
		}
	}
	if _, err := parseDuration("for", "293y"); err == nil || !strings.Contains(err.Error(), "up to 290y") {
		t.Errorf("293y: %v", err)
	}
}
