package drill

import (
	"fmt"
	"math"
	"slices"
	"time"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

// Case is all that a verdict hangs on. A bundle has it on disk.
type Case struct {
	Seed     uint64
	World    string
	Scenario *scenario.Scenario
	Evidence history.Evidence
	Timeline Timeline
	Problems []string // what went wrong with the drill itself, so that no verdict can be ok
	Workload *WorkloadEnd
}

// WorkloadEnd is how the user's program has ended that was the workload.
type WorkloadEnd struct {
	Command string `json:"command"`
	Wrong   string `json:"wrong,omitempty"` // "": it ended in order
}

// WorkloadEnds is the promise that a user's program judges by its exit status.
const WorkloadEnds history.Promise = "the workload ends in order"

func (e *WorkloadEnd) check() history.CheckResult {
	c := history.CheckResult{Name: WorkloadEnds, Verdict: history.VerdictOK, Count: 1}
	if e.Wrong != "" {
		c.Verdict, c.Found = history.Violated, 1
		c.Evidence = []history.Finding{{Promise: WorkloadEnds, Text: fmt.Sprintf("%s: %s", e.Command, e.Wrong), Record: -1}}
	}
	return c
}

// Result is the verdict on a Case, and what was measured.
type Result struct {
	Verdict  history.Verdict
	Reasons  []string // why it is unknown
	Seed     uint64
	World    string
	Scenario *scenario.Scenario
	Checks   []history.CheckResult
	Stats    history.Stats
	Faults   []Recovery
	Limits   []LimitResult
	Missed   bool // a limit was missed
	Timeline Timeline
	History  *history.History
}

// LimitResult is what became of a limit.
type LimitResult struct {
	Limit scenario.Limit
	Value float64 // NaN: there was nothing to measure
	Holds bool
}

// Judge gives the verdict. It is a function of its arguments: a bundle has the same verdict as the run that it is of.
func Judge(c Case, o Options) *Result {
	c.Evidence.Leaders = leaders(c.Timeline)
	r := &Result{
		Seed: c.Seed, World: c.World, Scenario: c.Scenario, Timeline: c.Timeline, History: c.Evidence.History,
		Reasons: append(slices.Clone(c.Problems), gates(c)...),
	}
	r.Checks, r.Stats = history.Check(c.Evidence)
	if c.Workload != nil {
		r.Checks = append(r.Checks, c.Workload.check())
	}
	r.Faults = Analyse(c.Evidence.History, c.Timeline)
	if o.Predict != nil {
		for i := range r.Faults {
			if d, ok := o.Predict(r.Faults[i].Fault, hit(r.Faults[i].Fault, c.Evidence, c.Timeline)); ok {
				r.Faults[i].Predicted = &d
			}
		}
	}
	for _, l := range slices.Concat(c.Scenario.Expect, o.Limits) {
		one := LimitResult{Limit: l, Value: r.measure(l.Metric)}
		one.Holds = l.Holds(one.Value)
		if math.IsNaN(one.Value) {
			r.Reasons = append(r.Reasons, fmt.Sprintf("limit %s: there was nothing to measure", l))
		} else if !one.Holds {
			r.Missed = true
		}
		r.Limits = append(r.Limits, one)
	}
	verdicts := []history.Verdict{history.VerdictOK}
	for _, check := range r.Checks {
		verdicts = append(verdicts, check.Verdict)
		if check.Verdict == history.VerdictUnknown {
			r.Reasons = append(r.Reasons, fmt.Sprintf("%s: %s", check.Name, check.Why))
		}
	}
	if len(r.Reasons) > 0 {
		verdicts = append(verdicts, history.VerdictUnknown)
	}
	r.Verdict = history.Worst(verdicts...)
	return r
}

// gates are the conditions without which nothing was tested.
func gates(c Case) []string {
	var reasons []string
	struck := make([]bool, len(c.Scenario.Steps))
	for _, f := range c.Timeline.Faults {
		if f.Step >= 0 && f.Step < len(struck) {
			struck[f.Step] = true
		}
		if !f.Effect {
			reasons = append(reasons, fmt.Sprintf("%s at %v had no effect: %s", f.Line, c.Timeline.sinceFaults(f.From), f.Why))
		}
	}
	if _, _, injected := c.Timeline.Phase(Injecting); injected {
		for i, s := range c.Scenario.Steps {
			if !struck[i] {
				reasons = append(reasons, fmt.Sprintf("the step `%s` did not strike", s))
			}
		}
	}
	for _, e := range c.Timeline.Events {
		if e.Kind == EventLost {
			reasons = append(reasons, "events are missing from the timeline: "+e.Text)
		}
	}
	return reasons
}

// sinceFaults is a moment in the time of the scenario's steps.
func (t *Timeline) sinceFaults(at int64) time.Duration {
	zero, _, _ := t.Phase(Injecting)
	return time.Duration(at - zero).Round(time.Millisecond)
}

// leaders are those that members said they were, or were seen to be. A leader is sampled by its zxid's epoch, which is
// that of an established one.
func leaders(t Timeline) []history.Leader {
	var list []history.Leader
	for _, e := range t.Events {
		if e.Kind == EventEstablished && e.Member != 0 {
			list = append(list, history.Leader{Epoch: e.Epoch, Member: e.Member, At: e.At})
		}
	}
	return list
}

// measure is the value of a metric over the whole run: of what each fault has, the worst. NaN: there is none.
func (r *Result) measure(metric string) float64 {
	switch metric {
	case "lost_acks":
		return float64(r.Stats.LostAcks)
	case "sessions_lost":
		return float64(r.Stats.SessionsLost)
	case "unknown":
		return float64(r.Stats.Unknown)
	case "stale_seconds":
		return r.Stats.StaleMax.Seconds()
	case "p99_seconds":
		return percentile(r.History, 0.99)
	}
	worst := math.NaN()
	for _, f := range r.Faults {
		var d *time.Duration
		switch metric {
		case "write_unavailable":
			d = &f.WriteOutage
		case "read_unavailable":
			d = &f.ReadOutage
		case "detection":
			d = f.Detection
		case "election":
			d = f.Election
		case "sync":
			d = f.Sync
		case "first_write":
			d = f.FirstWrite
		case "last_client":
			d = f.LastClient
		}
		if d != nil && !(d.Seconds() <= worst) {
			worst = d.Seconds()
		}
	}
	return worst
}

// percentile is how long the operations took that were answered, from when each was due, so that those which had to
// wait for others count for as long as their caller would have waited.
func percentile(h *history.History, p float64) float64 {
	var took []int64
	for _, r := range h.Records {
		if r.Op != nil && r.Op.Outcome == history.OK && !isHousekeeping(r.Op.Code) {
			took = append(took, r.Op.Return-r.Op.Intend)
		}
	}
	if len(took) == 0 {
		return math.NaN()
	}
	slices.Sort(took)
	return time.Duration(took[int(math.Ceil(p*float64(len(took))))-1]).Seconds()
}
