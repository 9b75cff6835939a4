package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limit is an expectation: METRIC OP VALUE, such as write_unavailable<2s.
type Limit struct {
	Metric string // one of Metrics
	Op     string // < <= == >= >
	Value  float64
	Text   string // as written
}

// Metrics are the names of what can be limited. Those of seconds take a time as their value.
func Metrics() []string {
	var names []string
	for _, m := range metrics {
		names = append(names, m.name)
	}
	return names
}

var metrics = []struct {
	name    string
	seconds bool
}{
	{"write_unavailable", true}, {"read_unavailable", true}, {"detection", true}, {"election", true}, {"sync", true},
	{"first_write", true}, {"last_client", true}, {"p99_seconds", true}, {"stale_seconds", true},
	{"lost_acks", false}, {"sessions_lost", false}, {"unknown", false},
}

// limitOps are the operators, longer ones before those that they begin with.
var limitOps = []string{"<=", ">=", "==", "<", ">"}

// ParseLimit reads a limit. Spaces around the operator are allowed.
func ParseLimit(text string) (Limit, error) {
	l := Limit{Text: strings.TrimSpace(text)}
	const want = "want METRIC OP VALUE, such as write_unavailable<2s or lost_acks==0"
	at := strings.IndexAny(l.Text, "<>=")
	if at < 0 {
		return Limit{}, fmt.Errorf("limit %q: it has no operator; %s", text, want)
	}
	l.Metric = strings.TrimSpace(l.Text[:at])
	value := l.Text[at:]
	i := slices.IndexFunc(limitOps, func(op string) bool { return strings.HasPrefix(value, op) })
	if i < 0 {
		return Limit{}, fmt.Errorf("limit %q: the operators are <, <=, ==, >= and >; %s", text, want)
	}
	l.Op = limitOps[i]
	value = strings.TrimSpace(strings.TrimPrefix(value, l.Op))
	for _, m := range metrics {
		if m.name != l.Metric {
			continue
		}
		var err error
		if m.seconds {
			var d time.Duration
			d, err = parseTime(value)
			l.Value = d.Seconds()
		} else {
			var n uint64
			if n, err = strconv.ParseUint(value, 10, 32); err != nil {
				err = fmt.Errorf("%q is not a number from 0", value)
			}
			l.Value = float64(n)
		}
		if err != nil {
			return Limit{}, fmt.Errorf("limit %q: %w", text, err)
		}
		return l, nil
	}
	return Limit{}, fmt.Errorf("limit %q: unknown metric %q; the metrics are %s", text, l.Metric, strings.Join(Metrics(), ", "))
}

// Holds tells whether a measured value keeps the limit. Durations are in seconds.
func (l Limit) Holds(value float64) bool {
	switch l.Op {
	case "<":
		return value < l.Value
	case "<=":
		return value <= l.Value
	case "==":
		return value == l.Value
	case ">=":
		return value >= l.Value
	case ">":
		return value > l.Value
	}
	return false
}

func (l Limit) String() string { return l.Text }
