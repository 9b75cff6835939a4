package simulation

import (
	"slices"
	"testing"
)

// TestCoverage requires that in a few hundred random runs all kinds of faults strike, all
// injection points are reached, and servers die in the places where such systems fail.
// The required numbers are about a fifth of those that the swarm reaches today.
func TestCoverage(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("needs some hundred runs")
	}
	tally, failure := Campaign{First: 1, Runs: 600}.Run(t.Context())
	if failure != nil {
		report(t, failure)
		return
	}
	c := &tally.Coverage
	atLeast := func(least, n int, what string, of any) {
		t.Helper()
		t.Logf("%6d × %s %v", n, what, of)
		if n < least {
			t.Errorf("%s %v: %d in %d runs, expected %d", what, of, n, tally.Runs, least)
		}
	}
	for i, kind := range FaultKinds[:drawnKinds] {
		atLeast(15, c.Faults[i], "fault", kind)
	}
	for i, m := range InjectionPoints {
		atLeast(3, c.InjectionPoints[i], "injection point", m)
	}
	for _, place := range []struct {
		what   string
		least  int
		points []InjectionPoint
	}{
		{"between the epoch files and the first sync", 50, []InjectionPoint{AtPromise, AtHistory}},
		{"during DIFF", 6, []InjectionPoint{AtDiff, AtFirstAppend}},
		{"during SNAP", 8, []InjectionPoint{AtSnapSent, AtSnap, AtTornSnap}},
		{"during TRUNC", 1, []InjectionPoint{AtTrunc}},
		{"behind NEWLEADER", 20, []InjectionPoint{AtNewLeader}},
		{"while two leaders overlap", 5, []InjectionPoint{AtOverlap}},
		{"while recovering from a death", 20, []InjectionPoint{AtDied}},
	} {
		n := 0
		for _, m := range place.points {
			n += c.Deaths[slices.Index(InjectionPoints[:], m)]
		}
		atLeast(place.least, n, "deaths", place.what)
	}
	atLeast(60, c.Relapses, "deaths", "twice in a row")
	atLeast(40, c.EpochsUsedUp, "epochs", "used up")
}
