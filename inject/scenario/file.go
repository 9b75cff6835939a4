package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Defaults of a file that does not say more.
const (
	defaultNodes    = 3
	defaultClients  = 5
	defaultRate     = 200
	defaultSession  = 6 * time.Second
	defaultWarmup   = time.Second
	defaultDuration = 10 * time.Second
	defaultMinAcked = 20
)

// Parse reads a file. What the text does not say has its default. The error joins all mistakes,
// each an *Error with its place.
func Parse(name string, text []byte) (*Scenario, error) {
	r := &reader{file: name, lines: strings.Split(string(text), "\n")}
	s := &Scenario{
		Name:     strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yaml"), ".yml"),
		Ensemble: Ensemble{Nodes: defaultNodes},
		Workload: Workload{Clients: defaultClients, Rate: defaultRate, Session: defaultSession, MinAcked: defaultMinAcked},
		Warmup:   defaultWarmup, Duration: defaultDuration,
		file: name,
	}
	if root := r.document(text); root != nil {
		r.scenario(s, root)
	}
	if len(r.mistakes) == 0 {
		r.mistakes = s.mistakes()
	}
	if len(r.mistakes) > 0 {
		return nil, join(r.mistakes)
	}
	return s, nil
}

// join makes one error of mistakes, in the order of the file.
func join(mistakes []*Error) error {
	slices.SortStableFunc(mistakes, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	var all []error
	for _, e := range mistakes {
		all = append(all, e)
	}
	return errors.Join(all...)
}

// reader walks the nodes of a YAML text and collects what is wrong with them.
type reader struct {
	file     string
	lines    []string
	mistakes []*Error
}

func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, &Error{File: r.file, Line: n.Line, Col: n.Column, Problem: fmt.Sprintf(format, args...)})
}

var (
	yamlLine   = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
	yamlParser = regexp.MustCompile(`^did not find expected (<|node content|'-' indicator|key|',' or)|^found (undefined|duplicate|incompatible)`)
)

// yamlError takes the line out of an error of package yaml. Its scanner counts lines from 1 and its
// parser from 0, where it leaves out line 0, and the end of the text may be a line too far.
func (r *reader) yamlError(err error) (line int, problem string) {
	problem = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		line, _ = strconv.Atoi(m[1])
		problem = problem[len(m[0]):]
	}
	if yamlParser.MatchString(problem) {
		line++
	}
	last := len(r.lines)
	for last > 1 && strings.TrimSpace(r.lines[last-1]) == "" {
		last--
	}
	return min(max(line, 1), last), problem
}

// document returns the one mapping of a text, or nil.
func (r *reader) document(text []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := decoder.Decode(&doc)
	if err == nil {
		err = decoder.Decode(&more)
		if err == nil {
			r.wrong(&more, "a second document begins; a file is one scenario")
			return nil
		}
	} else if errors.Is(err, io.EOF) {
		r.wrong(&yaml.Node{Line: 1, Column: 1}, "the file is empty; a scenario has at least faults")
		return nil
	}
	if !errors.Is(err, io.EOF) {
		line, problem := r.yamlError(err)
		r.wrong(&yaml.Node{Line: line}, "this is not YAML: %s", problem)
		return nil
	}
	return doc.Content[0]
}

// fields reads a mapping. Each key must be one of known, and none may stand twice.
func (r *reader) fields(what string, n *yaml.Node, known map[string]func(*yaml.Node)) {
	r.pairs(what, n, func(key, value *yaml.Node) {
		read, ok := known[key.Value]
		if !ok {
			r.wrong(key, "%s has no field %q; its fields are %s", what, key.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			return
		}
		read(value)
	})
}

func (r *reader) pairs(what string, n *yaml.Node, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "%s: want fields, as in name: value; got %s", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			r.wrong(key, "%s: want the name of a field, got %s", what, kindOf(key))
		case seen[key.Value]:
			r.wrong(key, "%s: %q is given twice", what, key.Value)
		default:
			seen[key.Value] = true
			each(key, n.Content[i+1])
		}
	}
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "fields"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return fmt.Sprintf("the alias *%s, and a scenario has no aliases", n.Value)
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// scalar returns the text of a value. ok is false for what is none, which has been reported.
func (r *reader) scalar(what string, n *yaml.Node) (value string, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.wrong(n, "%s: want a value, got %s", what, kindOf(n))
		return "", false
	}
	return n.Value, true
}

func (r *reader) text(what string, to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if value, ok := r.scalar(what, n); ok {
			*to = value
		}
	}
}

func (r *reader) integer(what string, to *int, least, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		value, ok := r.scalar(what, n)
		if !ok {
			return
		}
		i, err := strconv.Atoi(value)
		if err != nil || i < least || i > most {
			r.wrong(n, "%s: %q is not a number from %d to %d", what, value, least, most)
			return
		}
		*to = i
	}
}

func (r *reader) time(what string, to *time.Duration, least, most time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		value, ok := r.scalar(what, n)
		if !ok {
			return
		}
		d, err := parseDuration(value)
		switch {
		case err != nil:
			r.wrong(n, "%s: %v", what, err)
		case d < least || d > most:
			r.wrong(n, "%s: %v is not between %v and %v", what, d, least, most)
		default:
			*to = d
		}
	}
}

// list calls each for the elements of a list.
func (r *reader) list(what string, each func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			r.wrong(n, "%s: want a list, as in - element; got %s", what, kindOf(n))
			return
		}
		for _, element := range n.Content {
			each(element)
		}
	}
}

func (r *reader) scenario(s *Scenario, root *yaml.Node) {
	r.fields("a scenario", root, map[string]func(*yaml.Node){
		"name":     r.text("name", &s.Name),
		"summary":  r.text("summary", &s.Summary),
		"ensemble": func(n *yaml.Node) { r.ensemble(&s.Ensemble, n) },
		"workload": func(n *yaml.Node) { r.workload(&s.Workload, n) },
		"warmup":   r.time("warmup", &s.Warmup, 0, time.Hour),
		"duration": r.time("duration", &s.Duration, time.Millisecond, 30*24*time.Hour),
		"faults":   r.list("faults", func(n *yaml.Node) { r.step(s, n) }),
		"expect":   r.list("expect", func(n *yaml.Node) { r.limit(s, n) }),
	})
}

func (r *reader) ensemble(e *Ensemble, n *yaml.Node) {
	r.fields("ensemble", n, map[string]func(*yaml.Node){
		"nodes":     r.integer("nodes", &e.Nodes, 1, maxMembers),
		"observers": r.integer("observers", &e.Observers, 0, maxMembers),
		"engine":    r.text("engine", &e.Engine),
		"tick":      r.time("tick", &e.Tick, time.Millisecond, time.Minute),
		"settings": func(n *yaml.Node) {
			e.Settings = map[string]string{}
			r.pairs("settings", n, func(key, value *yaml.Node) {
				if text, ok := r.scalar(key.Value, value); ok {
					e.Settings[key.Value] = text
				}
			})
		},
	})
}

func (r *reader) workload(w *Workload, n *yaml.Node) {
	r.fields("workload", n, map[string]func(*yaml.Node){
		"clients": r.integer("clients", &w.Clients, 1, maxClients),
		"rate": func(n *yaml.Node) {
			value, ok := r.scalar("rate", n)
			if !ok {
				return
			}
			rate, err := strconv.ParseFloat(value, 64)
			if err != nil || !(rate > 0 && rate <= maxRate) { // NaN is neither
				r.wrong(n, "rate: %q is not operations a second, above 0 and at most %d", value, maxRate)
				return
			}
			w.Rate = rate
		},
		"session":   r.time("session", &w.Session, 100*time.Millisecond, time.Hour),
		"command":   r.text("command", &w.Command),
		"min_acked": r.integer("min_acked", &w.MinAcked, 0, 1<<30),
		"mix": func(n *yaml.Node) {
			w.Mix = map[string]int{}
			r.pairs("mix", n, func(key, value *yaml.Node) {
				if !slices.Contains(Actions(), key.Value) {
					r.wrong(key, "mix: unknown action %q; the actions are %s", key.Value, strings.Join(Actions(), ", "))
					return
				}
				weight := 0
				r.integer(key.Value, &weight, 1, 1000)(value)
				w.Mix[key.Value] = weight
			})
		},
	})
}

// step reads a line. YAML takes one with a label for a mapping of the label to the rest.
func (r *reader) step(s *Scenario, n *yaml.Node) {
	place, label := n, ""
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode {
		label, n = n.Content[0].Value+": ", n.Content[1]
	}
	line, ok := r.scalar("a fault", n)
	if !ok {
		return
	}
	step, m := parseStep(label + line)
	if m == nil {
		step.Line, step.Col = place.Line, place.Column
		s.Steps = append(s.Steps, step)
		return
	}
	if m.offset < len(label) {
		r.wrong(place, "%s", m.problem)
		return
	}
	m.offset -= len(label)
	e := m.in(line, n.Line, n.Column+r.textBegins(n, line[:m.offset]))
	e.File = r.file
	r.mistakes = append(r.mistakes, e)
}

// textBegins is how many characters of a scalar stand before its text, which is the quote if
// there is one. Where the file does not have this beginning of the text as it is, because of an
// escape or a line break, the result makes up for its length: only the scalar's place is known.
func (r *reader) textBegins(n *yaml.Node, beginning string) int {
	unknown := -utf8.RuneCountInString(beginning)
	if n.Line < 1 || n.Line > len(r.lines) {
		return unknown
	}
	line := []rune(r.lines[n.Line-1])
	quotes := 0
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		quotes = 1
	}
	if n.Column < 1 || n.Column-1+quotes > len(line) || !strings.HasPrefix(string(line[n.Column-1+quotes:]), beginning) {
		return unknown
	}
	return quotes
}

func (r *reader) limit(s *Scenario, n *yaml.Node) {
	if text, ok := r.scalar("a limit", n); ok {
		l, err := ParseLimit(text)
		if err != nil {
			r.wrong(n, "%v", err)
			return
		}
		s.Expect = append(s.Expect, l)
	}
}
