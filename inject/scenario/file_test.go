package scenario

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const whole = `# a comment
name: whole
summary: everything that a file can say
ensemble:
  nodes: 5
  observers: 1
  engine: embedded=3,apache=2
  tick: 100ms
  settings: {snapCount: 1000, initLimit: "7"}
workload:
  clients: 7
  rate: 12.5
  session: 2s
  mix: {set: 3, get: 1}
  command: ./load.sh
  min_acked: 1
warmup: 0s
duration: 1m
faults:
  - first: at 2s kill leader --for 3s
  - 'second: on first.ended kill 6'
  - "on newleader of=5 partition 'self|1-2'"
  - every 2s
    from=1s
    reset 1
expect: [write_unavailable<2s, lost_acks == 0]
`

func TestParse(t *testing.T) {
	s, err := Parse("dir/x.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Scenario{
		Name: "whole", Summary: "everything that a file can say",
		Ensemble: Ensemble{
			Nodes: 5, Observers: 1, Engine: "embedded=3,apache=2", Tick: 100 * time.Millisecond,
			Settings: map[string]string{"snapCount": "1000", "initLimit": "7"},
		},
		Workload: Workload{
			Clients: 7, Rate: 12.5, Session: 2 * time.Second, Mix: map[string]int{"set": 3, "get": 1}, Command: "./load.sh", MinAcked: 1,
		},
		Duration: time.Minute, file: "dir/x.yaml",
	}
	for _, l := range []struct {
		text      string
		line, col int
	}{
		{"first: at 2s kill leader --for 3s", 20, 5}, {"second: on first.ended kill 6", 21, 5},
		{"on newleader of=5 partition 'self|1-2'", 22, 5}, {"every 2s from=1s reset 1", 23, 5},
	} {
		step, err := ParseStep(l.text)
		if err != nil {
			t.Fatal(err)
		}
		step.Line, step.Col = l.line, l.col
		want.Steps = append(want.Steps, step)
	}
	for _, text := range []string{"write_unavailable<2s", "lost_acks == 0"} {
		l, err := ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		want.Expect = append(want.Expect, l)
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got\n%+v, want\n%+v", s, want)
	}
	isWritten(t, s)
}

// isWritten tests that a scenario is read from what Marshal writes.
func isWritten(t *testing.T, s *Scenario) {
	t.Helper()
	text := s.Marshal()
	back, err := Parse("dir/x.yaml", text)
	if err != nil {
		t.Fatalf("wrote\n%s\n%v", text, err)
	}
	withoutPlaces := func(s *Scenario) *Scenario {
		c := *s
		c.file, c.Steps = "", slices.Clone(s.Steps)
		for i := range c.Steps {
			c.Steps[i].Line, c.Steps[i].Col = 0, 0
		}
		if len(c.Ensemble.Settings) == 0 {
			c.Ensemble.Settings = nil
		}
		if len(c.Workload.Mix) == 0 {
			c.Workload.Mix = nil
		}
		return &c
	}
	if got, want := withoutPlaces(back), withoutPlaces(s); !reflect.DeepEqual(got, want) {
		t.Errorf("wrote\n%s\nand read\n%+v, want\n%+v", text, got, want)
	}
	if again := back.Marshal(); !bytes.Equal(again, text) {
		t.Errorf("wrote\n%s\nand then\n%s", text, again)
	}
}

// A file that says nothing but the faults has an ensemble and a workload.
func TestDefaults(t *testing.T) {
	s, err := Parse("dir/crash.yaml", []byte("faults: [at 1s kill leader]"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "crash" || s.Ensemble.Nodes != 3 || s.Workload.Clients != 5 || s.Workload.Rate != 200 || s.Duration != 10*time.Second ||
		s.Workload.MinAcked == 0 || s.Workload.Session == 0 || s.Warmup == 0 {
		t.Errorf("got %+v", s)
	}
	isWritten(t, s)
}

func TestMistakes(t *testing.T) {
	const faults = "faults:\n  - at 1s kill leader\n"
	for _, c := range []struct{ text, want string }{
		{"", "x.yaml:1:1: the file is empty"},
		{"# nothing\n", "x.yaml:1:1: the file is empty"},
		{"faults: [", "x.yaml:1: this is not YAML: did not find expected node content"},
		{"name: a\nfaults: }", "x.yaml:2: this is not YAML: did not find expected node content"},
		{"}", "x.yaml:1: this is not YAML: did not find expected node content"},
		{"name: a\nfaults: [a\n\n", "x.yaml:2: this is not YAML: did not find expected ',' or ']'"},
		{"name: a\nfaults: 'a\n", "x.yaml:2: this is not YAML: found unexpected end of stream"},
		{"name: a\n\tfaults: b\n", "x.yaml:2: this is not YAML: found a tab character"},
		{"name: a\nb\nfaults: c\n", "x.yaml:2: this is not YAML: could not find expected ':'"},
		{faults + "---\nname: b\n", "x.yaml:3:1: a second document begins"},
		{"- a\n", "x.yaml:1:1: a scenario: want fields, as in name: value; got a list"},
		{"name: a\n", "x.yaml: there are no faults: add at least one step"},
		{"faults: []\n", "x.yaml: there are no faults"},
		{"faults:\n", "x.yaml:1:8: faults: want a list, as in - element; got nothing"},
		{"faults: kill\n", `x.yaml:1:9: faults: want a list, as in - element; got "kill"`},
		{faults + "colour: red\n", `x.yaml:3:1: a scenario has no field "colour"; its fields are duration, ensemble, expect, faults, name, summary, warmup, workload`},
		{faults + "name: a\nname: b\n", `x.yaml:4:1: a scenario: "name" is given twice`},
		{faults + "name: [a]\n", "x.yaml:3:7: name: want a value, got a list"},
		{faults + "? [a]\n: b\n", "x.yaml:3:3: a scenario: want the name of a field, got a list"},
		{"name: &a b\nsummary: *a\n" + faults, "x.yaml:2:10: summary: want a value, got the alias *a, and a scenario has no aliases"},
		{faults + "<<: {name: a}\n", "x.yaml:3:1: a scenario: want the name of a field"},
		{faults + "warmup: soon\n", `x.yaml:3:9: warmup: "soon" is not a time`},
		{faults + "warmup: -1s\n", "x.yaml:3:9: warmup: -1s is not between 0s and 1h0m0s"},
		{faults + "duration: 0s\n", "x.yaml:3:11: duration: 0s is not between"},
		{faults + "ensemble: {nodes: 0}\n", `x.yaml:3:19: nodes: "0" is not a number from 1 to 99`},
		{faults + "ensemble: {nodes: three}\n", `x.yaml:3:19: nodes: "three" is not a number`},
		{faults + "ensemble: {size: 3}\n", `x.yaml:3:12: ensemble has no field "size"; its fields are engine, nodes, observers, settings, tick`},
		{faults + "ensemble: {settings: [a]}\n", "x.yaml:3:22: settings: want fields"},
		{faults + "ensemble: {settings: {a: [b]}}\n", "x.yaml:3:26: a: want a value, got a list"},
		{faults + "workload: {clients: 0}\n", `x.yaml:3:21: clients: "0" is not a number from 1`},
		{faults + "workload: {rate: 0}\n", `x.yaml:3:18: rate: "0" is not operations a second`},
		{faults + "workload: {rate: .nan}\n", `x.yaml:3:18: rate: ".nan" is not operations a second`},
		{faults + "workload: {mix: {jump: 1}}\n", `x.yaml:3:18: mix: unknown action "jump"; the actions are set, get`},
		{faults + "workload: {mix: {set: 0}}\n", `x.yaml:3:23: set: "0" is not a number from 1`},
		{faults + "expect: [speed<1]\n", `x.yaml:3:10: limit "speed<1": unknown metric "speed"`},
		{"faults:\n  - [a]\n", "x.yaml:2:5: a fault: want a value, got a list"},
		{"faults:\n  -\n", "x.yaml:2:4: a fault: want a value, got nothing"},
		// The column is that of the word that is wrong.
		{"faults:\n  - at 1s kill boss\n", `x.yaml:2:16: selector "boss"`},
		{"faults:\n  - 'at 1s kill boss'\n", `x.yaml:2:17: selector "boss"`},
		{"faults:\n  - \"at 1s kill boss\"\n", `x.yaml:2:17: selector "boss"`},
		{"faults:\n  - a:  at 1s kill boss\n", `x.yaml:2:20: selector "boss"`},
		{"faults:\n  - 'a: at 1s kill boss'\n", `x.yaml:2:20: selector "boss"`},
		{"faults:\n  - a.b: at 1s kill 1\n", `x.yaml:2:5: label "a.b"`},
		{"faults: [at 1s pause 1 --loud]\n", "x.yaml:1:24: pause has no flag --loud; usage: pause SELECTOR [--for D]"},
		{"faults:\n  - \"at 1s kill\\x20boss\"\n", `x.yaml:2:5: selector "boss"`}, // an escape: only the line's place is known
		{"faults:\n  - >\n    at 1s\n    kill boss\n", `x.yaml:2:5: selector "boss"`},
		{"name: ä\nfaults: [\"at 1s kill 'ä' ö\"]\n", `x.yaml:2:26: kill takes one SELECTOR, got "ö"`},
		// What the ensemble does not have.
		{"faults:\n  - at 1s kill 4\n", "x.yaml:2:5: there is no member 4: the ensemble has 1 to 3"},
		{"faults:\n  - at 1s kill 0\n", "x.yaml:2:5: there is no member 0"},
		{"faults:\n  - at 1s kill 2-4\n", "x.yaml:2:5: there is no member 4"},
		{"faults:\n  - at 1s partition 1|!4\n", "x.yaml:2:5: there is no member 4"},
		{"faults:\n  - at 1s partition --bridge 4\n", "x.yaml:2:5: there is no member 4"},
		{"faults:\n  - on diff of=4 kill self\n", "x.yaml:2:5: there is no member 4"},
		{"faults:\n  - at 1s elect 1 --force 1,4\n", "x.yaml:2:5: there is no member 4"},
		{"faults:\n  - at 1s kill random:4\n", "x.yaml:2:5: random:4: there are 3 voters"},
		{"faults:\n  - at 1s client 6 --sever\n", "x.yaml:2:5: there is no client 6: the workload has 5"},
		{"faults:\n  - at 1s expire client:6\n", "x.yaml:2:5: there is no client 6"},
		{"duration: 1s\nfaults:\n  - at 1s kill 1\n", "x.yaml:3:5: it strikes at 1s, and the faults end after 1s"},
		{"faults:\n  - every 1s from=10s kill 1\n", "x.yaml:2:5: it strikes at 10s"},
		// Labels.
		{"faults:\n  - on x kill 1\n", "x.yaml:2:5: on x: no step has this label, and it is no injection point; a step gets a label in front"},
		{"faults:\n  - a: at 1s kill 1\n  - on b kill 1\n", "x.yaml:3:5: on b: no step has this label, and it is no injection point; the labels are a"},
		{"faults:\n  - a: at 1s kill 1\n  - a: at 2s kill 1\n", `x.yaml:3:5: label "a" is given twice, first to: a: at 1s kill 1`},
		{"faults:\n  - a: on a kill 1\n", "x.yaml:2:5: a -> a: these steps wait for each other"},
		{"faults:\n  - a: on c kill 1\n  - b: on a kill 1\n  - c: on b kill 1\n", "x.yaml:2:5: a -> c -> b -> a: these steps wait for each other"},
		{"faults:\n  - a: at 1s kill 1\n  - on a.ended kill 2\n", "x.yaml:3:5: on a.ended: that fault ends only when everything is healed: give it --for"},
	} {
		_, err := Parse("x.yaml", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
}

// All mistakes of a file are told at once, in its order.
func TestManyMistakes(t *testing.T) {
	_, err := Parse("x.yaml", []byte("faults:\n  - at 1s kill\n  - at 2s stop 1\nname: a\nname: b\n"))
	want := "x.yaml:2:11: kill needs a SELECTOR"
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], want) || !strings.HasPrefix(lines[1], "x.yaml:3:11: ") || !strings.HasPrefix(lines[2], "x.yaml:5:1: ") {
		t.Errorf("got %q", lines)
	}
	var e *Error
	if !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("the first error is %#v", e)
	}
}

// A fault that is over at once ends.
func TestWhatEnds(t *testing.T) {
	for _, first := range []string{
		"kill 1 --for 1s", "restart 1", "reset 1", "elect", "client 1 --sever", "clock 1 --skew 1s", "expire client:1",
	} {
		if _, err := Parse("x.yaml", []byte("faults:\n  - a: at 1s "+first+"\n  - on a.ended kill 2\n")); err != nil {
			t.Error(err)
		}
	}
}

// A program that changes the ensemble learns what no longer fits.
func TestCheckAfterChanges(t *testing.T) {
	s, err := Parse("x.yaml", []byte("faults:\n  - at 1s kill 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*Scenario)
		want   string
	}{
		{func(*Scenario) {}, ""},
		{func(s *Scenario) { s.Ensemble.Nodes = 2 }, "x.yaml:2:5: there is no member 3"},
		{func(s *Scenario) { s.Ensemble.Nodes = 0 }, "x.yaml: nodes: 0 is not a number from 1 to 99"},
		{func(s *Scenario) { s.Ensemble.Observers = -1 }, "x.yaml: observers: -1"},
		{func(s *Scenario) { s.Workload.Clients = 0 }, "x.yaml: clients: 0"},
		{func(s *Scenario) { s.Workload.Rate = -1 }, "x.yaml: rate: -1"},
		{func(s *Scenario) { s.Duration = time.Second }, "x.yaml:2:5: it strikes at 1s"},
		{func(s *Scenario) { s.Duration = 0 }, "x.yaml: a duration of 0s"},
		{func(s *Scenario) { s.Steps = nil }, "x.yaml: there are no faults"},
	} {
		changed := *s
		c.change(&changed)
		if err := changed.Check(); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// Whatever can be read is written as a file that means the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	for _, b := range Builtins() {
		f.Add([]byte(b.Source))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("x.yaml", text)
		if err == nil {
			isWritten(t, s)
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Line < 0 || e.Col < 0 || e.Problem == "" {
			t.Fatalf("%q: the error %#v has no place", text, err)
		}
	})
}
