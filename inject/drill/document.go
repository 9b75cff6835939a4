package drill

import (
	"math"
	"time"

	"zkctl/inject/history"
)

// Document is a Result as programs read it: what `zkctl drill -o json` prints, and result.json of a bundle. Durations are
// in seconds; one that was not seen is null.
type Document struct {
	Verdict      string     `json:"verdict"` // ok, violated or unknown
	Seed         uint64     `json:"seed"`
	Scenario     string     `json:"scenario"`
	World        string     `json:"world"`
	Operations   int        `json:"operations"`
	Acked        int        `json:"acknowledged_writes"`
	Skipped      int        `json:"skipped"` // operations that came due and were not sent
	Unknown      unknownDoc `json:"unknown"`
	Checks       []checkDoc `json:"checks"`
	LostAcks     int        `json:"lost_acks"`
	SessionsLost int        `json:"sessions_lost"`
	Faults       []faultDoc `json:"faults"`
	Limits       []limitDoc `json:"limits"`
	Reasons      []string   `json:"reasons"`
	Bundle       string     `json:"bundle,omitempty"`
}

// unknownDoc counts the operations of unknown outcome, by what the logs say of them.
type unknownDoc struct {
	Applied int `json:"applied"`
	Not     int `json:"not"`
}

type checkDoc struct {
	Name     string        `json:"name"`
	Verdict  string        `json:"verdict"`
	Count    int           `json:"count"` // of what was judged
	Found    int           `json:"found"` // of what breaks it, of which evidence has the first
	Why      string        `json:"why,omitempty"`
	Evidence []evidenceDoc `json:"evidence"`
}

type evidenceDoc struct {
	Text   string  `json:"text"`
	At     float64 `json:"at_seconds"` // since the run began
	Zxid   string  `json:"zxid,omitempty"`
	Client int     `json:"client,omitempty"`
}

type faultDoc struct {
	Kind       string   `json:"kind"` // the verb
	Line       string   `json:"line"`
	At         float64  `json:"at"` // seconds since the faults began
	Until      float64  `json:"until"`
	Members    []int64  `json:"members"`
	Links      []string `json:"links,omitempty"`
	Effect     bool     `json:"effect"`
	Why        string   `json:"why,omitempty"`
	Detection  *float64 `json:"detection_seconds"`
	Election   *float64 `json:"election_seconds"`
	Sync       *float64 `json:"sync_seconds"`
	FirstWrite *float64 `json:"first_write_seconds"`
	LastClient *float64 `json:"last_client_seconds"`
	Throughput *float64 `json:"throughput_seconds"`
	Predicted  *float64 `json:"predicted_seconds"`
	Sampled    float64  `json:"sampled_seconds"` // how imprecise detection, election and sync are
	NoWrites   float64  `json:"write_unavailable_seconds"`
	NoReads    float64  `json:"read_unavailable_seconds"`
	LostWork   float64  `json:"lost_work_seconds"`
	Unknown    int      `json:"unknown"`
}

type limitDoc struct {
	Limit string   `json:"limit"`
	Value *float64 `json:"value"`
	Holds bool     `json:"holds"`
}

// NewDocument is a Result as a document.
func NewDocument(r *Result) Document {
	d := Document{
		Verdict: r.Verdict.String(), Seed: r.Seed, Scenario: r.Scenario.Name, World: r.World,
		Operations: r.Stats.Ops, Acked: r.Stats.Acked, LostAcks: r.Stats.LostAcks, SessionsLost: r.Stats.SessionsLost,
		Skipped: r.Timeline.Skipped, Unknown: unknownDoc{r.Stats.UnknownApplied, r.Stats.UnknownNot},
		Checks: []checkDoc{}, Faults: []faultDoc{}, Limits: []limitDoc{}, Reasons: append([]string{}, r.Reasons...),
	}
	for _, c := range r.Checks {
		d.Checks = append(d.Checks, newCheckDoc(c))
	}
	for _, f := range r.Faults {
		d.Faults = append(d.Faults, newFaultDoc(f, &r.Timeline))
	}
	for _, l := range r.Limits {
		one := limitDoc{Limit: l.Limit.String(), Holds: l.Holds}
		if !math.IsNaN(l.Value) {
			one.Value = &l.Value
		}
		d.Limits = append(d.Limits, one)
	}
	return d
}

func newCheckDoc(c history.CheckResult) checkDoc {
	d := checkDoc{
		Name: string(c.Name), Verdict: c.Verdict.String(), Count: c.Count, Found: c.Found, Why: c.Why, Evidence: []evidenceDoc{},
	}
	for _, f := range c.Evidence {
		one := evidenceDoc{Text: f.Text, At: seconds(time.Duration(f.At)), Client: f.Client}
		if f.Zxid != 0 {
			one.Zxid = f.Zxid.String()
		}
		d.Evidence = append(d.Evidence, one)
	}
	return d
}

func newFaultDoc(r Recovery, t *Timeline) faultDoc {
	f := r.Fault
	d := faultDoc{
		Kind: f.Kind(), Line: f.Line, At: seconds(t.sinceFaults(f.From)), Until: seconds(t.sinceFaults(f.To)),
		Members: append([]int64{}, f.Members...), Links: f.Links, Effect: f.Effect, Why: f.Why,
		Sampled: seconds(r.Sampled), NoWrites: seconds(r.WriteOutage), NoReads: seconds(r.ReadOutage),
		LostWork: math.Round(r.LostWork*1e3) / 1e3, Unknown: r.Unknown,
	}
	for _, one := range []struct {
		from *time.Duration
		to   **float64
	}{
		{r.Detection, &d.Detection}, {r.Election, &d.Election}, {r.Sync, &d.Sync}, {r.FirstWrite, &d.FirstWrite},
		{r.LastClient, &d.LastClient}, {r.Throughput, &d.Throughput}, {r.Predicted, &d.Predicted},
	} {
		if one.from != nil {
			s := seconds(*one.from)
			*one.to = &s
		}
	}
	return d
}

// seconds rounds to a microsecond: a duration divided once has no more digits than it means.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Second)
}
