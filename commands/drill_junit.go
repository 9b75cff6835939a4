package commands

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"

	"zkctl/inject/drill"
)

// The JUnit document of a drill has a test case for each promise, each fault, each reason against a verdict, and each
// limit. What is violated or missed is a failure, and what is unknown an error.
type (
	junitSuite struct {
		XMLName    xml.Name        `xml:"testsuite"`
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Output     string          `xml:"system-out"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Failure *junitText `xml:"failure,omitempty"`
		Error   *junitText `xml:"error,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func (s *junitSuite) add(class, name, verdict, message, text string) {
	c := junitCase{Class: s.Name + "." + class, Name: name}
	switch verdict {
	case "violated":
		c.Failure = &junitText{message, text}
		s.Failures++
	case "unknown":
		c.Error = &junitText{message, text}
		s.Errors++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

func newJUnit(d drill.Document, again string) *junitSuite {
	s := &junitSuite{Name: d.Scenario, Output: again, Properties: []junitProperty{
		{"seed", fmt.Sprint(d.Seed)}, {"world", d.World}, {"version", buildVersion().Zkctl},
	}}
	for _, c := range d.Checks {
		var evidence []string
		for _, e := range c.Evidence {
			evidence = append(evidence, fmt.Sprintf("%.3f s: %s", e.At, e.Text))
		}
		message := c.Why
		if c.Verdict == "violated" {
			message = fmt.Sprintf("violated %d times", c.Found)
		}
		s.add("promise", c.Name, c.Verdict, message, strings.Join(evidence, "\n"))
	}
	for _, f := range d.Faults {
		verdict := "ok"
		if !f.Effect {
			verdict = "unknown"
		}
		s.add("fault", fmt.Sprintf("%s at %.1f s took effect", f.Line, f.At), verdict, f.Why, "")
	}
	for _, l := range d.Limits {
		switch {
		case l.Value == nil:
			s.add("limit", l.Limit, "unknown", "there was nothing to measure", "")
		case l.Holds:
			s.add("limit", l.Limit, "ok", "", "")
		default:
			s.add("limit", l.Limit, "violated", fmt.Sprintf("it is %.3f", *l.Value), "")
		}
	}
	verdict := "ok"
	if len(d.Reasons) > 0 {
		verdict = "unknown"
	}
	s.add("drill", "the drill suffices for a verdict", verdict, strings.Join(d.Reasons, "; "), "")
	return s
}

func writeJUnit(path string, r *drill.Result, again string) error {
	text, err := xml.MarshalIndent(newJUnit(drill.NewDocument(r), again), "", "  ")
	if err == nil {
		err = os.WriteFile(path, []byte(xml.Header+string(text)+"\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}
