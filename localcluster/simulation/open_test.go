package simulation

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOpenFindings runs the schedules that fail and are not mended yet, so that
// nobody forgets one: testdata/open is empty when there is none. A schedule that
// no longer fails belongs into the corpus, with how it was mended.
func TestOpenFindings(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("left out by -short")
	}
	files, err := filepath.Glob("testdata/open/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		schedule, err := ParseSchedule(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		r := Run(schedule)
		if r.Violation == nil {
			t.Errorf("%s: no violation any more: when it is mended, move it to testdata/corpus", path)
			continue
		}
		t.Logf("%s: open: %v", path, r.Violation)
	}
}
