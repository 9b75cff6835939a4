package simulation

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Schedule is everything that decides a run: the seed, the ensemble, and what
// goes wrong. As text it is what a failure prints and what can be run again:
//
//	seed 37
//	setup voters=5 observers=0 tick=200ms …
//	at 1.3s power server=5 n=3 keeps=process for=4s
//	on newleader of=2 crash keeps=synced for=100ms
//
// Lines that begin with # are comments.
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
	return s
}

// Lines is the schedule as text.
func (s Schedule) Lines() []string {
	lines := []string{fmt.Sprintf("seed %d", s.Seed), "setup " + s.Setup.String()}
	for _, f := range s.Faults {
		lines = append(lines, f.String())
	}
	return lines
}

func (s Schedule) String() string { return strings.Join(s.Lines(), "\n") + "\n" }

// ParseSchedule reads what String writes.
func ParseSchedule(text string) (Schedule, error) {
	s := Schedule{Setup: base(3, 0)}
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.parseLine(line); err != nil {
			return s, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if _, err := s.Setup.system(); err != nil {
		return s, fmt.Errorf("setup: %w", err)
	}
	return s, lines.Err()
}

func (s *Schedule) parseLine(line string) (err error) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "seed":
		s.Seed, err = strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
	case "setup":
		err = s.Setup.parse(rest)
	default:
		var f Fault
		if f, err = ParseFault(line); err == nil {
			s.Faults = append(s.Faults, f)
		}
	}
	return err
}

// String gives every field of the setup as name=value.
func (s Setup) String() string {
	var b strings.Builder
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%v", strings.ToLower(v.Type().Field(i).Name), v.Field(i).Interface())
	}
	return b.String()
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
			return fmt.Errorf("setup: %w", err)
		}
	}
	return nil
}
