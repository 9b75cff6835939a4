package scenario

import (
	"math"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		text         string
		metric, op   string
		value        float64
		holds, fails float64
	}{
		{"write_unavailable<2s", "write_unavailable", "<", 2, 1.999, 2},
		{" election <= 300ms ", "election", "<=", 0.3, 0.3, 0.301},
		{"lost_acks==0", "lost_acks", "==", 0, 0, 1},
		{"unknown>=3", "unknown", ">=", 3, 3, 2},
		{"sessions_lost>0", "sessions_lost", ">", 0, 1, 0},
	} {
		l, err := ParseLimit(c.text)
		if want := (Limit{c.metric, c.op, c.value, strings.TrimSpace(c.text)}); err != nil || l != want {
			t.Errorf("%q: got %+v (%v), want %+v", c.text, l, err, want)
		}
		if !l.Holds(c.holds) || l.Holds(c.fails) || l.Holds(math.NaN()) {
			t.Errorf("%q: holds for %v, %v, NaN: %v, %v, %v", c.text, c.holds, c.fails, l.Holds(c.holds), l.Holds(c.fails), l.Holds(math.NaN()))
		}
	}
	for text, problem := range map[string]string{
		"":                      "it has no operator",
		"lost_acks":             "it has no operator",
		"lost_acks=0":           "the operators are",
		"<2s":                   `unknown metric ""; the metrics are write_unavailable, read_unavailable`,
		"speed<2s":              `unknown metric "speed"`,
		"election<2":            `"2" is not a time`,
		"election<-2s":          "negative",
		"lost_acks<1.5":         `"1.5" is not a number from 0`,
		"lost_acks<-1":          `"-1" is not a number from 0`,
		"write_unavailable<<2s": `"<2s" is not a time`,
	} {
		if l, err := ParseLimit(text); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: got %v (%v), want %s", text, l, err, problem)
		}
	}
}
