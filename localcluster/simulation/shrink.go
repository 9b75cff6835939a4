package simulation

import "slices"

// shrinkRuns bounds the runs that Shrink spends.
const shrinkRuns = 400

// Shrink looks for a smaller schedule that violates the same invariant: fewer
// faults, then a simpler ensemble. The schedule that it returns fails, but need not be
// the smallest one that does.
func Shrink(s Schedule, v *Violation) (Schedule, Result) {
	x := &shrinker{best: s, want: v.Invariant, left: shrinkRuns}
	x.found = Run(s)
	x.faults()
	x.setup()
	x.faults()
	return x.best, x.found
}

type shrinker struct {
	best  Schedule
	found Result // of best
	want  string
	left  int
}

// try keeps a schedule if it fails in the same way.
func (x *shrinker) try(s Schedule) bool {
	if x.left == 0 {
		return false
	}
	x.left--
	r := Run(s)
	if r.Violation == nil || r.Violation.Invariant != x.want {
		return false
	}
	x.best, x.found = s, r
	return true
}

// faults takes away halves, quarters and so on of the faults (Zeller's ddmin).
func (x *shrinker) faults() {
	for size := len(x.best.Faults); size > 0; size /= 2 {
		for at := 0; at < len(x.best.Faults); {
			s := x.best
			s.Faults = slices.Delete(slices.Clone(s.Faults), at, min(at+size, len(s.Faults)))
			s.prune() // what waited for them can no longer strike
			if !x.try(s) {
				at += size
			}
		}
	}
}

// setup simplifies the ensemble, one field at a time.
func (x *shrinker) setup() {
	for _, simpler := range []func(*Setup){
		func(s *Setup) { s.Chaos = min(s.Chaos, x.found.Violation.At) },
		func(s *Setup) { s.Observers = 0 },
		func(s *Setup) { s.Groups = false },
		func(s *Setup) { s.Voters = 3 },
		func(s *Setup) { s.Clients = 1 },
		func(s *Setup) { s.Clients = min(s.Clients, 2) },
		func(s *Setup) { s.Pipeline = 1 },
		func(s *Setup) { s.XidsRestart = false },
		func(s *Setup) { s.Wide = false },
		func(s *Setup) { s.Farewells = false },
		func(s *Setup) { s.EpochEnd = 0 },
		func(s *Setup) { s.SnapCount = 100000 },
		func(s *Setup) { s.History = 500 },
		func(s *Setup) { s.Jitter = 0 },
	} {
		s := x.best
		simpler(&s.Setup)
		s.prune()
		if s.Setup != x.best.Setup {
			x.try(s)
		}
	}
}
