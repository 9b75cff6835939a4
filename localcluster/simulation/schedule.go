package simulation

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/scenario"
)

// Schedule is everything that decides a run: the seed, the ensemble, and the faults. A
// failure prints it as text, and ParseSchedule reads that text to run it again:
//
//	seed 37
//	setup voters=5 observers=0 tick=200ms …
//	at 1.3s disk 5 --power-fails --nth 3 --for 4s
//	on newleader of=2 kill self --lose unsynced --for 100ms
//
// Faults are steps of a scenario. Lines that begin with # are comments. Unlike the seed alone, the text still stands for
// the same run when another version of this package draws other faults.
type Schedule struct {
	Seed   uint64
	Setup  Setup
	Faults []Fault
}

// Draw makes the schedule of a seed. nodes is the number of voters; 0: drawn.
func Draw(seed uint64, nodes int) Schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	s := Schedule{Seed: seed, Setup: draw(r, nodes)}
	s.Faults = drawFaults(r, &s.Setup)
	// From another stream, so that all else is drawn as before this field existed.
	s.Setup.Farewells = rand.New(rand.NewPCG(seed, 1)).IntN(3) == 0
	if r := rand.New(rand.NewPCG(seed, 2)); r.IntN(5) == 0 {
		s.Setup.EpochEnd = pick(r, 5, 10, 20, 50, 200)
	}
	s.Setup.Stagger = pick[time.Duration](rand.New(rand.NewPCG(seed, 3)), 0, 3, 10, 10, 30, 90, 400) * time.Millisecond
	for range pick(r, 0, 1, 1, 1, 2, 2) {
		s.Faults = append(s.Faults, sequences[r.IntN(len(sequences))](r, &s.Setup)...)
	}
	for i, f := range s.Faults {
		s.Faults[i] = f.normal(&s.Setup)
	}
	return s
}

// Lines is the schedule as text.
func (s Schedule) Lines() []string {
	lines := append([]string{fmt.Sprintf("seed %d", s.Seed)}, s.Setup.lines()...)
	for _, f := range s.Faults {
		lines = append(lines, f.step(&s.Setup).String())
	}
	return lines
}

func (s Schedule) String() string { return strings.Join(s.Lines(), "\n") + "\n" }

// ParseSchedule reads what String writes. Fields of the setup that the text lacks, because
// they are newer than it, are those of base.
func ParseSchedule(text string) (Schedule, error) {
	s := Schedule{Setup: base(3, 0)}
	seen := map[string]bool{}
	var steps []scenario.Step
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		seen[word] = true
		var err error
		switch word {
		case "seed":
			rest = strings.TrimSpace(rest)
			if s.Seed, err = strconv.ParseUint(rest, 10, 64); err != nil {
				err = fmt.Errorf("seed: %q is not a number of 64 bits", rest)
			}
		case "setup":
			err = s.Setup.parse(rest)
		default:
			var step scenario.Step
			step, err = scenario.ParseStep(line)
			step.Line = number
			steps = append(steps, step)
		}
		if err != nil {
			return s, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return s, fmt.Errorf("cannot read the schedule: %w", err)
	}
	for _, word := range []string{"seed", "setup"} {
		if !seen[word] {
			return s, fmt.Errorf("no line begins with %s", word)
		}
	}
	return s, s.compile(steps)
}

// compile refuses a setup that makes no sense or that would run for ever, and adds the faults of
// the steps. It refuses those of servers or clients that do not exist.
func (s *Schedule) compile(steps []scenario.Step) error {
	if err := s.Setup.check(); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	for _, step := range steps {
		if absent := step.Absent(s.Setup.Voters, s.Setup.Observers, s.Setup.Clients); len(absent) > 0 {
			return fmt.Errorf("line %d: %s", step.Line, absent[0])
		}
		faults, err := compile(&step, &s.Setup)
		if err != nil {
			return fmt.Errorf("line %d: %w", step.Line, err)
		}
		s.Faults = append(s.Faults, faults...)
	}
	if waits := s.dangling(); waits != "" {
		return fmt.Errorf("no fault has the label %q, for which another one waits", waits)
	}
	return nil
}

// dangling is a label for which some fault waits and that no fault has; empty: none.
func (s *Schedule) dangling() string {
	for _, f := range s.Faults {
		if f.After != "" && !slices.ContainsFunc(s.Faults, func(other Fault) bool { return other.Label == f.After }) {
			return f.After
		}
	}
	return ""
}

// prune takes away the faults that cannot strike: the setup does not have what they name, or what
// they wait for is not there.
func (s *Schedule) prune() {
	var kept []Fault
	for _, f := range s.Faults {
		if f = f.normal(&s.Setup); f.possible(&s.Setup) {
			kept = append(kept, f)
		}
	}
	s.Faults = kept
	for label := s.dangling(); label != ""; label = s.dangling() {
		s.Faults = slices.DeleteFunc(s.Faults, func(f Fault) bool { return f.After == label })
	}
}

// setupColumns is the greatest length of the lines of a setup.
const setupColumns = 79

// lines gives every field of the setup as name=value.
func (s Setup) lines() []string {
	var lines []string
	line := "setup"
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		word := fmt.Sprintf(" %s=%v", strings.ToLower(v.Type().Field(i).Name), v.Field(i).Interface())
		if len(line)+len(word) > setupColumns {
			lines = append(lines, line)
			line = "setup"
		}
		line += word
	}
	return append(lines, line)
}

func (s *Setup) parse(text string) error {
	v := reflect.ValueOf(s).Elem()
	for _, word := range strings.Fields(text) {
		name, value, _ := strings.Cut(word, "=")
		field := v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		if !field.IsValid() {
			return fmt.Errorf("setup: unknown field %q", name)
		}
		var err error
		switch field.Interface().(type) {
		case time.Duration:
			var d time.Duration
			d, err = time.ParseDuration(value)
			field.SetInt(int64(d))
		case bool:
			var b bool
			b, err = strconv.ParseBool(value)
			field.SetBool(b)
		default:
			var n int64
			n, err = strconv.ParseInt(value, 10, 32)
			field.SetInt(n)
		}
		if err != nil {
			return fmt.Errorf("setup: %s: %w", word, err)
		}
	}
	return nil
}
