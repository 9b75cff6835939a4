package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zkctl/inject"
)

// Step is one line: when, and what.
type Step struct {
	Label     string // "" unless the line begins with "label:"
	When      When
	Fault     Fault
	Line, Col int // in the file, for errors; 1,1 without a file
}

// When is when a step strikes: at a time, again and again, at a point of the protocol, or when the
// fault of another step begins or ends. Exactly one of Every, Point and Step is set, or none.
type When struct {
	// At is the time since the faults begin; with Every that of the first one; with Point or Step
	// since that moment.
	At    time.Duration
	Every time.Duration
	Times int    // of Every; 0: until the faults end
	Point Point  // "on POINT"
	Of    string // of Point: the selector of the member that reaches it; "" is any
	Nth   int    // of Point: which time that it is reached, from 1
	Step  string // "on LABEL": when that step's fault has begun
	Ended bool   // "on LABEL.ended": when it has ended
}

// ParseStep reads one line. The error is an *Error in line 1.
func ParseStep(line string) (Step, error) {
	step, m := parseStep(line)
	if m != nil {
		return Step{}, m.in(line, 1, 1)
	}
	return step, nil
}

// String is the canonical line, which ParseStep reads.
func (s Step) String() string {
	line := s.When.String() + " " + s.Fault.String()
	if s.Label != "" {
		line = s.Label + ": " + line
	}
	return line
}

func (w When) String() string {
	var words []string
	add := func(present bool, format string, args ...any) {
		if present {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case w.Every != 0:
		add(true, "every %v", w.Every)
		add(w.At != w.Every, "from=%v", w.At)
		add(w.Times != 0, "times=%d", w.Times)
	case w.Point != "":
		add(true, "on %s", w.Point)
		add(w.Of != "", "of=%s", quote(w.Of))
		add(w.Nth > 1, "nth=%d", w.Nth)
		add(w.At != 0, "after=%v", w.At)
	case w.Step != "":
		ended := ""
		if w.Ended {
			ended = endedSuffix
		}
		add(true, "on %s%s", w.Step, ended)
		add(w.At != 0, "after=%v", w.At)
	default:
		add(true, "at %v", w.At)
	}
	return strings.Join(words, " ")
}

const endedSuffix = ".ended"

func parseStep(line string) (Step, *mistake) {
	s := Step{Line: 1, Col: 1}
	words, m := splitWords(line)
	if m != nil {
		return s, m
	}
	if len(words) > 0 {
		if label, ok := strings.CutSuffix(words[0].text, ":"); ok {
			if m := checkLabel(label, words[0].at); m != nil {
				return s, m
			}
			s.Label, words = label, words[1:]
		}
	}
	rest, m := s.When.parse(words, len(line))
	if m != nil {
		return s, m
	}
	if s.Fault, m = parseFault(rest, len(line)); m != nil {
		return s, m
	}
	if s.When.Point == "" && s.Fault.UsesSelf() {
		return s, mistaken(rest[0].at, "self is the member at an injection point, and this step has none: begin with on POINT, or name a member")
	}
	return s, nil
}

// checkLabel refuses what could be taken for another word of a step.
func checkLabel(label string, at int) *mistake {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	switch {
	case label == "" || strings.ContainsFunc(label, func(r rune) bool { return !plain(r) }):
		return mistaken(at, "label %q: want letters, digits, - and _", label)
	case slices.Contains(Points(), Point(label)):
		return mistaken(at, "label %q is the name of an injection point: choose another", label)
	}
	return nil
}

// parse reads the words of a When, and returns those behind it.
func (w *When) parse(words []word, end int) (rest []word, m *mistake) {
	const want = "at TIME, every TIME, on POINT or on LABEL"
	if len(words) == 0 {
		return nil, mistaken(end, "the step is empty: begin with %s", want)
	}
	kind := words[0]
	if kind.text != "at" && kind.text != "every" && kind.text != "on" {
		return nil, mistaken(kind.at, "a step begins with %s, and not with %q", want, kind.text)
	}
	if len(words) == 1 {
		return nil, mistaken(end, "%s what? begin with %s", kind.text, want)
	}
	what := words[1]
	var err error
	var fields []string
	switch kind.text {
	case "at":
		w.At, err = parseTime(what.text)
	case "every":
		fields = []string{"from", "times"}
		if w.Every, err = parseTime(what.text); err == nil && w.Every == 0 {
			err = fmt.Errorf("every %s: the time between two faults is zero", what.text)
		}
		w.At = w.Every
	case "on":
		if slices.Contains(Points(), Point(what.text)) {
			w.Point, w.Nth = Point(what.text), 1
			fields = []string{"of", "nth", "after"}
			break
		}
		fields = []string{"after"}
		w.Step, w.Ended = strings.CutSuffix(what.text, endedSuffix)
		if m := checkLabel(w.Step, what.at); m != nil {
			return nil, mistaken(what.at, "on %q: neither an injection point nor a label; the points are %s", what.text, pointNames())
		}
	}
	if err != nil {
		return nil, mistaken(what.at, "%v", err)
	}
	return w.parseFields(words[2:], fields)
}

// parseFields reads name=value words up to the verb.
func (w *When) parseFields(words []word, allowed []string) (rest []word, m *mistake) {
	given := map[string]bool{}
	for ; len(words) > 0; words = words[1:] {
		name, value, ok := strings.Cut(words[0].text, "=")
		if !ok || strings.HasPrefix(name, "-") {
			break
		}
		at := words[0].at
		switch {
		case len(allowed) == 0:
			return nil, mistaken(at, "%s=: a step that begins with at takes no such field", name)
		case !slices.Contains(allowed, name):
			return nil, mistaken(at, "%s=: unknown here; want %s=", name, strings.Join(allowed, "=, "))
		case given[name]:
			return nil, mistaken(at, "%s= is given twice", name)
		}
		given[name] = true
		var err error
		switch name {
		case "from", "after":
			w.At, err = parseTime(value)
		case "times":
			w.Times, err = parseCount(value)
		case "nth":
			w.Nth, err = parseCount(value)
		case "of":
			w.Of = value
			_, err = inject.ParseSelector(value)
		}
		if err != nil {
			return nil, mistaken(at, "%s=: %v", name, err)
		}
	}
	return words, nil
}

// parseTime reads a time that has a beginning, and so is not negative.
func parseTime(text string) (time.Duration, error) {
	d, err := parseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%v: the time is negative", d)
	}
	return d, err
}
