package simulation

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var corpusLuck = flag.Int("corpus.luck", 10, "with how many seeds each case of the corpus is run")

// TestCorpus runs the schedules that have failed once. They are kept as text,
// shrunk, because a seed means another run whenever the drawing changes. What
// remains of the seed is luck: how long a message takes, which half of a write
// survives. The next change of the package deals it anew, so each case is run
// with a few seeds more, and with many to show that it fails with its mutant. When
// it does not, find another schedule that does, with
//
//	go test ./localcluster/simulation -run TestMutants -mutants.match NAME -v
//
// in which the mutant hunts, or in such a zkctl (mutant.build).
//
// To add one, save the lines of the schedule that the failure printed, with a
// comment in front: what went wrong, and how it was mended.
func TestCorpus(t *testing.T) {
	luck := *corpusLuck
	if testing.Short() || raceDetector {
		luck = 1
	}
	for _, path := range corpusFiles(t) {
		t.Run(corpusName(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(text), "# Found ") {
				t.Error("it does not begin with what was found")
			}
			schedule, err := ParseSchedule(string(text))
			if err != nil {
				t.Fatal(err)
			}
			for range luck {
				if r := Run(schedule); r.Violation != nil {
					result, events := Trace(schedule, ShownEvents)
					report(t, &Failure{Seed: schedule.Seed, Schedule: schedule, Result: result, Events: events})
					return
				}
				schedule.Seed++
			}
		})
	}
}

func corpusFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/corpus/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("the corpus is empty: %v", err)
	}
	return files
}

func corpusName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txt") }
