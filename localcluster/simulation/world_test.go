package simulation

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// The same seed gives the same event log, byte for byte; another seed gives another one.
func TestSameSeedSameStory(t *testing.T) {
	stories := map[string]uint64{}
	seeds := uint64(10)
	if testing.Short() {
		seeds = 3
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		tell := func() string {
			r, lines := Trace(Draw(seed, 0), 0)
			if r.Violation != nil {
				t.Fatalf("seed %d: %v", seed, r.Violation)
			}
			return strings.Join(lines, "\n")
		}
		first := tell()
		if second := tell(); first != second {
			t.Fatalf("seed %d tells two stories, of %d and %d bytes", seed, len(first), len(second))
		}
		if other, known := stories[first]; known {
			t.Errorf("seeds %d and %d tell the same story", seed, other)
		}
		stories[first] = seed
	}
}

// The text of a panic, too, is the same in every run of a seed.
func TestSamePanicSameStory(t *testing.T) {
	tell := func() (story string) {
		w, err := newWorld(1, base(1, 0), &eventLog{})
		if err != nil {
			t.Fatal(err)
		}
		w.after(time.Millisecond, func() { panic("by design") })
		var done sync.WaitGroup
		done.Go(func() { w.play(Schedule{Seed: 1, Setup: base(1, 0)}) })
		done.Wait()
		return w.violation.Text
	}
	first := tell()
	if !strings.HasPrefix(first, "by design\n") || !strings.Contains(first, "world_test.go:") {
		t.Errorf("the story of a panic is\n%s", first)
	}
	if second := tell(); first != second {
		t.Errorf("two stories:\n%s\n%s", first, second)
	}
}

// A run without an event log is the same run.
func TestTracingChangesNothing(t *testing.T) {
	for seed := uint64(20); seed < 30; seed++ {
		quiet := Run(Draw(seed, 3))
		traced, _ := Trace(Draw(seed, 3), 10)
		if quiet != traced {
			t.Errorf("seed %d: %+v without a story, %+v with one", seed, quiet, traced)
		}
	}
}
