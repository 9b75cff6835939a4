package simulation

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The same seed tells the same story, byte for byte; another seed another one.
func TestSameSeedSameStory(t *testing.T) {
	stories := map[string]uint64{}
	for seed := uint64(1); seed <= 10; seed++ {
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

// A story that nobody reads is the same run.
func TestTracingChangesNothing(t *testing.T) {
	for seed := uint64(20); seed < 30; seed++ {
		quiet := Run(Draw(seed, 3))
		traced, _ := Trace(Draw(seed, 3), 10)
		if quiet != traced {
			t.Errorf("seed %d: %+v without a story, %+v with one", seed, quiet, traced)
		}
	}
}

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
	}
}

func TestBadSchedules(t *testing.T) {
	for _, text := range []string{
		"seed x", "setup voters=many", "setup colour=red", "setup voters=0", "at 1s", "at noon crash server=1",
		"when 1s crash server=1", "at 1s explode server=1", "at 1s crash server=none", "at 1s crash keeps=all",
		"at 1s cut channel=third", "at 1s crash colour=red", "on never crash",
	} {
		if _, err := ParseSchedule(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// TestCorpus runs the seeds that have failed once. Each line of the file is a
// seed, the number of voters asked for, and what it found.
func TestCorpus(t *testing.T) {
	text, err := os.ReadFile("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		seed, err1 := strconv.ParseUint(words[0], 10, 64)
		nodes, err2 := strconv.Atoi(words[1])
		if err1 != nil || err2 != nil {
			t.Fatalf("corpus: %q is no seed and number", line)
		}
		runs++
		if r := Run(Draw(seed, nodes)); r.Violation != nil {
			t.Errorf("seed %d, nodes %d: %v", seed, nodes, r.Violation)
		}
	}
	if runs == 0 {
		t.Fatal("the corpus is empty")
	}
}
