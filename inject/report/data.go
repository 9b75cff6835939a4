package report

import (
	"cmp"
	"slices"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/probe/wire"
)

// Columns is how many pieces of time the operations of a run are counted in, at most.
const Columns = 2000

// data is what the page is made of. Times are seconds since the run began.
type data struct {
	Doc     drill.Document
	Summary string
	Steps   []string
	Again   []string // command lines
	Chart   chart
}

// chart is what the script draws.
type chart struct {
	End     float64 `json:"end"`
	Phases  []phase `json:"phases"`
	Faults  []band  `json:"faults"`
	Lanes   []lane  `json:"lanes"`
	Columns columns `json:"columns"`
}

type phase struct {
	Name string  `json:"name"`
	At   float64 `json:"at"`
}

type band struct {
	Line string  `json:"line"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// lane is what a member was at which time.
type lane struct {
	Member int64     `json:"member"`
	States []state   `json:"states"`
	Epochs []float64 `json:"epochs"` // it began to lead one
}

type state struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	State string  `json:"state"`
}

// columns are counts and latencies, by column.
type columns struct {
	Width   float64   `json:"width"` // seconds
	Reads   []int     `json:"reads"`
	Writes  []int     `json:"writes"`
	Unknown []int     `json:"unknown"`
	P50     []float64 `json:"p50"` // seconds from when it was due to its answer; 0 without operations
	P99     []float64 `json:"p99"`
}

func newData(r *drill.Result, again []string) data {
	d := data{Doc: drill.NewDocument(r), Summary: r.Scenario.Summary, Again: again}
	for _, s := range r.Scenario.Steps {
		d.Steps = append(d.Steps, s.String())
	}
	end := endOf(r)
	d.Chart = chart{End: seconds(end), Phases: []phase{}, Faults: []band{}, Lanes: newLanes(r.Timeline.Events, end), Columns: newColumns(r.History, end)}
	for _, p := range r.Timeline.Phases {
		d.Chart.Phases = append(d.Chart.Phases, phase{string(p.Phase), seconds(p.At)})
	}
	for _, f := range r.Timeline.Faults {
		to := f.To
		if to == 0 {
			to = end
		}
		d.Chart.Faults = append(d.Chart.Faults, band{f.Line, seconds(f.From), seconds(to)})
	}
	return d
}

func seconds(nanoseconds int64) float64 { return time.Duration(nanoseconds).Seconds() }

// endOf is the last moment that anything is known of.
func endOf(r *drill.Result) (end int64) {
	for _, e := range r.Timeline.Events {
		end = max(end, e.At)
	}
	for _, f := range r.Timeline.Faults {
		end = max(end, f.From, f.To)
	}
	for _, p := range r.Timeline.Phases {
		end = max(end, p.At)
	}
	if r.History != nil {
		for _, one := range r.History.Records {
			if op := one.Op; op != nil && op.Return != history.Never {
				end = max(end, op.Return)
			}
		}
	}
	return max(end, 1)
}

// newLanes follows the members through the events, which are sorted by time.
func newLanes(events []drill.Event, end int64) []lane {
	lanes := map[int64]*lane{}
	for _, e := range events {
		if e.Member == 0 {
			continue
		}
		l := lanes[e.Member]
		if l == nil {
			l = &lane{Member: e.Member, States: []state{}, Epochs: []float64{}}
			lanes[e.Member] = l
		}
		if e.Kind == drill.EventEstablished {
			l.Epochs = append(l.Epochs, seconds(e.At))
		}
		if word := stateOf(e); word != "" {
			l.become(word, seconds(e.At))
		}
	}
	all := []lane{}
	for _, l := range lanes {
		if n := len(l.States); n > 0 {
			l.States[n-1].To = seconds(end)
		}
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b lane) int { return cmp.Compare(a.Member, b.Member) })
	return all
}

// stateOf is what a member is after an event; "": it says nothing about that.
func stateOf(e drill.Event) string {
	switch e.Kind {
	case drill.EventStarted, drill.EventResumed:
		return "running"
	case drill.EventExited:
		return "down"
	case drill.EventPaused:
		return "paused"
	case drill.EventElecting:
		return "looking"
	case drill.EventEstablished:
		return "leader"
	case drill.EventRole:
		return e.Role
	}
	return ""
}

func (l *lane) become(word string, at float64) {
	if n := len(l.States); n > 0 {
		last := &l.States[n-1]
		if last.State == word {
			return
		}
		last.To = at
	}
	l.States = append(l.States, state{From: at, State: word})
}

// newColumns counts the operations by when their answer came, and those without one by when they
// were sent.
func newColumns(h *history.History, end int64) columns {
	width := max(end/Columns+1, int64(time.Millisecond))
	n := int(end/width) + 1
	c := columns{
		Width: seconds(width), Reads: make([]int, n), Writes: make([]int, n), Unknown: make([]int, n),
		P50: make([]float64, n), P99: make([]float64, n),
	}
	if h == nil {
		return c
	}
	took := make([][]int64, n)
	for _, one := range h.Records {
		op := one.Op
		if op == nil || op.Code == wire.OpPing || op.Code == wire.OpSetWatches || op.Code == wire.OpSetWatches2 {
			continue
		}
		switch op.Outcome {
		case history.Unknown:
			c.Unknown[column(op.Invoke, width, n)]++
		case history.OK:
			i := column(op.Return, width, n)
			took[i] = append(took[i], op.Return-op.Intend)
			if op.Code.IsWrite() {
				c.Writes[i]++
			} else {
				c.Reads[i]++
			}
		}
	}
	for i, all := range took {
		if len(all) > 0 {
			slices.Sort(all)
			c.P50[i], c.P99[i] = seconds(all[len(all)/2]), seconds(all[len(all)*99/100])
		}
	}
	return c
}

// column is the piece of time that a moment is in.
func column(at, width int64, n int) int { return min(max(int(at/width), 0), n-1) }
