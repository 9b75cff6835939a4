package scenario

import (
	"slices"
	"strings"
	"testing"
)

// The scenarios that come with zkctl can be read, say what they are about, and are written as
// String would write them, so that they teach one form.
func TestBuiltins(t *testing.T) {
	all := Builtins()
	if len(all) < 20 {
		t.Errorf("there are only %d", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b Builtin) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("they are not sorted by name")
	}
	for _, b := range all {
		s, err := Parse(b.Name+".yaml", []byte(b.Source))
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name != b.Name || s.Summary != b.Summary || s.Summary == "" {
			t.Errorf("%s: the file says name %q, summary %q", b.Name, s.Name, s.Summary)
		}
		rest := b.Source
		for _, word := range []string{"# happens: ", "# holds: ", "# known: "} {
			at := strings.Index(rest, word)
			if at < 0 || strings.Contains(rest[:at], "name:") {
				t.Errorf("%s: no comment %q on top, behind those before it", b.Name, word)
				break
			}
			rest = rest[at:]
		}
		for _, step := range s.Steps {
			if !strings.Contains(b.Source, "  - "+step.String()+"\n") {
				t.Errorf("%s: the file does not have the canonical line\n%v", b.Name, step)
			}
		}
		isWritten(t, s)
	}
}
