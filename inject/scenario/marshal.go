package scenario

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// document is the form of a file, for writing.
type document struct {
	Name     string `yaml:"name"`
	Summary  string `yaml:"summary,omitempty"`
	Ensemble struct {
		Nodes     int               `yaml:"nodes"`
		Observers int               `yaml:"observers,omitempty"`
		Engine    string            `yaml:"engine,omitempty"`
		Tick      string            `yaml:"tick,omitempty"`
		Settings  map[string]string `yaml:"settings,omitempty"`
	} `yaml:"ensemble"`
	Workload struct {
		Clients  int            `yaml:"clients"`
		Rate     float64        `yaml:"rate"`
		Session  string         `yaml:"session"`
		Mix      map[string]int `yaml:"mix,omitempty"`
		Command  string         `yaml:"command,omitempty"`
		MinAcked int            `yaml:"min_acked"`
	} `yaml:"workload"`
	Warmup   string   `yaml:"warmup"`
	Duration string   `yaml:"duration"`
	Faults   []string `yaml:"faults"`
	Expect   []string `yaml:"expect,omitempty"`
}

// Marshal writes the scenario as a file that Parse reads as the same: with what was left to
// defaults, and without comments.
func (s *Scenario) Marshal() []byte {
	d := document{Name: s.Name, Summary: s.Summary, Warmup: s.Warmup.String(), Duration: s.Duration.String()}
	e, w := s.Ensemble, s.Workload
	d.Ensemble.Nodes, d.Ensemble.Observers, d.Ensemble.Engine = e.Nodes, e.Observers, e.Engine
	d.Ensemble.Tick, d.Ensemble.Settings = durationText(e.Tick), e.Settings
	d.Workload.Clients, d.Workload.Rate, d.Workload.Session = w.Clients, w.Rate, w.Session.String()
	d.Workload.Mix, d.Workload.Command, d.Workload.MinAcked = w.Mix, w.Command, w.MinAcked
	for _, step := range s.Steps {
		d.Faults = append(d.Faults, step.String())
	}
	for _, l := range s.Expect {
		d.Expect = append(d.Expect, l.Text)
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(d); err != nil {
		panic(fmt.Sprintf("a scenario cannot be written as YAML: %v", err)) // it has nothing but text, numbers and lists
	}
	return b.Bytes()
}
