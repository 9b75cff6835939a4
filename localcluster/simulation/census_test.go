package simulation

import (
	"slices"
	"testing"
)

// TestCensus holds the swarm to what it is for: in a few hundred runs that nobody
// has chosen, all kinds of faults strike, all moments come, and servers die in
// the places where such systems fail. The least numbers are about a fifth of
// what there is today.
func TestCensus(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("needs some hundred runs")
	}
	tally, failure := Campaign{First: 1, Runs: 600}.Run(t.Context())
	if failure != nil {
		report(t, failure)
		return
	}
	c := &tally.Census
	atLeast := func(least, n int, what string, of any) {
		t.Helper()
		t.Logf("%6d × %s %v", n, what, of)
		if n < least {
			t.Errorf("%s %v: %d in %d runs, expected %d", what, of, n, tally.Runs, least)
		}
	}
	for i, kind := range FaultKinds {
		atLeast(15, c.Faults[i], "fault", kind)
	}
	for i, m := range Moments {
		atLeast(3, c.Moments[i], "moment", m)
	}
	for _, place := range []struct {
		what    string
		least   int
		moments []Moment
	}{
		{"between the epoch files and the first sync", 50, []Moment{MomentPromise, MomentHistory}},
		{"during DIFF", 6, []Moment{MomentDiff, MomentFirstAppend}},
		{"during SNAP", 8, []Moment{MomentSnapSent, MomentSnap, MomentTornSnap}},
		{"during TRUNC", 1, []Moment{MomentTrunc}},
		{"behind NEWLEADER", 20, []Moment{MomentNewLeader}},
		{"while two leaders overlap", 5, []Moment{MomentOverlap}},
		{"while recovering from a death", 20, []Moment{MomentDied}},
	} {
		n := 0
		for _, m := range place.moments {
			n += c.Deaths[slices.Index(Moments[:], m)]
		}
		atLeast(place.least, n, "deaths", place.what)
	}
	atLeast(60, c.Relapses, "deaths", "twice in a row")
}
