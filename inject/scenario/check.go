package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	maxMembers = 99
	maxClients = 1000
	maxRate    = 1_000_000
)

// Check finds what cannot be in this ensemble: members and clients that it does not have, times
// after the end, labels that do not exist or wait for each other. Parse calls it; so must a program
// that changes a scenario that it has read. The error joins an *Error for each mistake.
func (s *Scenario) Check() error {
	if mistakes := s.mistakes(); len(mistakes) > 0 {
		return join(mistakes)
	}
	return nil
}

func (s *Scenario) mistakes() (found []*Error) {
	wrong := func(line, col int, format string, args ...any) {
		found = append(found, &Error{File: s.fileName(), Line: line, Col: col, Problem: fmt.Sprintf(format, args...)})
	}
	for _, n := range []struct {
		what            string
		is, least, most int
	}{
		{"nodes", s.Ensemble.Nodes, 1, maxMembers},
		{"observers", s.Ensemble.Observers, 0, maxMembers},
		{"clients", s.Workload.Clients, 1, maxClients},
	} {
		if n.is < n.least || n.is > n.most {
			wrong(0, 0, "%s: %d is not a number from %d to %d", n.what, n.is, n.least, n.most)
		}
	}
	if s.Duration <= 0 || s.Warmup < 0 {
		wrong(0, 0, "a duration of %v after a warmup of %v: the first must be above zero, and the second not negative", s.Duration, s.Warmup)
	}
	if !(s.Workload.Rate > 0 && s.Workload.Rate <= maxRate) {
		wrong(0, 0, "rate: %v is not operations a second, above 0 and at most %d", s.Workload.Rate, maxRate)
	}
	if len(s.Steps) == 0 {
		wrong(0, 0, "there are no faults: add at least one step, as in: faults: [at 2s kill leader --for 3s]")
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		for _, problem := range s.problems(step) {
			wrong(step.Line, step.Col, "%s", problem)
		}
	}
	return append(found, s.labelMistakes()...)
}

func (s *Scenario) fileName() string {
	if s.file != "" {
		return s.file
	}
	return s.Name
}

// problems are those of a step alone.
func (s *Scenario) problems(step *Step) (problems []string) {
	w := &step.When
	if w.Point == "" && w.Step == "" && w.At >= s.Duration {
		problems = append(problems, fmt.Sprintf("it strikes at %v, and the faults end after %v", w.At, s.Duration))
	}
	return append(problems, step.Absent(s.Ensemble.Nodes, s.Ensemble.Observers, s.Workload.Clients)...)
}

// Absent names the members and clients of a step that an ensemble of this size does not have.
func (s *Step) Absent(voters, observers, clients int) (problems []string) {
	f := &s.Fault
	selectors := []string{f.Bridge, s.When.Of, f.Forced}
	switch f.Verb {
	case Client, Expire:
		if n, err := strconv.Atoi(strings.TrimPrefix(f.Target, "client:")); err == nil && n > clients {
			problems = append(problems, fmt.Sprintf("there is no client %d: the workload has %d", n, clients))
		}
	default:
		selectors = append(selectors, f.Target)
	}
	for _, selector := range selectors {
		problems = append(problems, absent(selector, voters, voters+observers)...)
	}
	return problems
}

// absent names the ids of selectors that no member has, and sizes that are too large.
func absent(selectors string, voters, members int) (problems []string) {
	for _, part := range strings.FieldsFunc(selectors, func(r rune) bool { return strings.ContainsRune("!,|> ", r) }) {
		if count, ok := strings.CutPrefix(part, "random:"); ok {
			if n, err := strconv.Atoi(count); err == nil && n > voters {
				problems = append(problems, fmt.Sprintf("%s: there are %d voters to choose from", part, voters))
			}
			continue
		}
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		for _, id := range []string{first, last} {
			if n, err := strconv.ParseInt(id, 10, 64); err == nil && (n < 1 || n > int64(members)) {
				problems = append(problems, fmt.Sprintf("there is no member %d: the ensemble has 1 to %d", n, members))
				break
			}
		}
	}
	return problems
}

// labelMistakes finds labels that stand twice or nowhere, that never end, and that wait for each
// other.
func (s *Scenario) labelMistakes() (found []*Error) {
	wrong := func(step *Step, format string, args ...any) {
		found = append(found, &Error{File: s.fileName(), Line: step.Line, Col: step.Col, Problem: fmt.Sprintf(format, args...)})
	}
	labelled := map[string]*Step{}
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Label == "" {
			continue
		}
		if first := labelled[step.Label]; first != nil {
			wrong(step, "label %q is given twice, first to: %v", step.Label, first)
			continue
		}
		labelled[step.Label] = step
	}
	circles := map[*Step]bool{} // steps of circles that have been reported
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.When.Step == "" {
			continue
		}
		before := labelled[step.When.Step]
		switch {
		case before == nil:
			wrong(step, "on %s: no step has this label, and it is no injection point; %s", step.When.Step, labelNames(labelled))
		case step.When.Ended && before.Fault.endless():
			wrong(step, "on %s: that fault ends only when everything is healed: give it --for", step.When.Step+endedSuffix)
		case !circles[step]:
			if circle := circleOf(step, labelled); circle != nil {
				names := step.Label
				for _, x := range circle {
					circles[x] = true
					names += " -> " + x.When.Step
				}
				wrong(step, "%s: these steps wait for each other, and none ever strikes", names)
			}
		}
	}
	return found
}

// circleOf are the steps that a step waits for, itself included, if it waits for itself.
func circleOf(step *Step, labelled map[string]*Step) []*Step {
	var circle []*Step
	for x := step; x != nil && !slices.Contains(circle, x); x = labelled[x.When.Step] {
		circle = append(circle, x)
		if x.When.Step != "" && labelled[x.When.Step] == step {
			return circle
		}
	}
	return nil
}

func labelNames(labelled map[string]*Step) string {
	if len(labelled) == 0 {
		return "a step gets a label in front of it, as in: first: at 1s kill leader"
	}
	return "the labels are " + strings.Join(slices.Sorted(maps.Keys(labelled)), ", ")
}

// endless tells whether the fault lasts until everything is healed.
func (f *Fault) endless() bool {
	switch {
	case f.For != 0 || flagOf(f.Verb, "for") == nil:
		return false
	case f.Verb == Restart || f.Verb == Client && !f.Client.Sleep || f.Verb == Clock && f.Rate == 0:
		return false // it is over at once
	}
	return true
}
