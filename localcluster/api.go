package localcluster

import (
	"cmp"
	"encoding/json"
	"time"

	"zkctl/inject"
)

// The control protocol: HTTP with JSON bodies over the ensemble's unix socket, which only its owner
// may open. Requests and answers are the types of this file.
//
//	GET  /v1/status                 -> Status
//	POST /v1/wait       WaitRequest      -> Status           when it is so, or the error timed-out
//	GET  /v1/members                -> MembersAnswer    for selectors and drills
//	POST /v1/act        ActRequest       -> ActReport        kill, start, restart, pause, resume
//	POST /v1/inject     InjectRequest    -> FaultReport      every fault but those of act
//	POST /v1/heal       HealRequest      -> HealReport
//	GET  /v1/faults                 -> FaultsAnswer
//	POST /v1/stop                   -> nothing, when all members have ended
//
// An answer that is not 200 has an Error as its body. The version is in the path: within /v1 fields
// are added and never change their meaning, and a newer protocol is served beside it.
const apiRoot = "/v1/"

// WaitRequest asks for the moment at which the ensemble is in a condition.
type WaitRequest struct {
	For     string  `json:"for"` // see Conditions
	Timeout float64 `json:"timeout_seconds"`
	// Fragile has the wait fail as soon as a member dies by itself, with the end of its log. `up` sets it:
	// no other command would start the member again before the time is up.
	Fragile bool `json:"fragile,omitempty"`
}

// MembersAnswer lists the members and what each is doing.
type MembersAnswer struct {
	Members []inject.Member `json:"members"`
}

// ActRequest is a verb on the processes of the members that a selector chooses.
type ActRequest struct {
	Verb     string  `json:"verb"` // kill, start, restart, pause or resume
	Selector string  `json:"selector"`
	Seed     *uint64 `json:"seed,omitempty"` // chosen when nil
	Signal   string  `json:"signal,omitempty"`
	Wipe     bool    `json:"wipe,omitempty"`          // of kill: remove the data of the members that it ends
	Lease    float64 `json:"lease_seconds,omitempty"` // of kill and pause
	DryRun   bool    `json:"dry_run,omitempty"`
}

// ActReport says which members the selector matched, and what was done to each.
type ActReport struct {
	Verb     string         `json:"verb"`
	Selector string         `json:"selector"`
	Seed     *uint64        `json:"seed,omitempty"` // when there was a choice
	DryRun   bool           `json:"dry_run,omitempty"`
	Members  []int64        `json:"members"`
	Results  []Result       `json:"results"`
	Fault    *inject.Fault  `json:"fault"` // null when nothing began
	Healed   []inject.Fault `json:"healed,omitempty"`
}

// Result is what happened, or with a dry run would happen, to one member.
type Result struct {
	Member  int64  `json:"member"`
	Outcome string `json:"outcome"`
}

// An answer of a supervisor that was started by an older zkctl has these under their former names, "deeds" and
// "did". The methods below read both.

// UnmarshalJSON reads a report, under the names of either version.
func (r *ActReport) UnmarshalJSON(text []byte) error {
	type plain ActReport
	return unmarshalResults(text, (*plain)(r), &r.Results)
}

// UnmarshalJSON reads a report, under the names of either version.
func (r *HealReport) UnmarshalJSON(text []byte) error {
	type plain HealReport
	return unmarshalResults(text, (*plain)(r), &r.Results)
}

func unmarshalResults(text []byte, report any, results *[]Result) error {
	if err := json.Unmarshal(text, report); err != nil || *results != nil {
		return err
	}
	var former struct{ Deeds []Result }
	err := json.Unmarshal(text, &former)
	*results = former.Deeds
	return err
}

// UnmarshalJSON reads a result, under the names of either version.
func (r *Result) UnmarshalJSON(text []byte) error {
	var either struct {
		Member       int64
		Outcome, Did string
	}
	err := json.Unmarshal(text, &either)
	*r = Result{either.Member, cmp.Or(either.Outcome, either.Did)}
	return err
}

// InjectRequest asks for a fault that is not about processes.
type InjectRequest struct {
	// Line is the fault as one types it: scenario.Fault.String writes it, and scenario.ParseFault reads it.
	Line   string  `json:"line"`
	Seed   *uint64 `json:"seed,omitempty"` // chosen when nil
	DryRun bool    `json:"dry_run,omitempty"`
}

// FaultReport is a fault that began, or with a dry run would begin.
type FaultReport struct {
	Fault  inject.Fault `json:"fault"`
	Groups [][]int64    `json:"groups,omitempty"` // the sides of a partition
	Sides  []Side       `json:"sides,omitempty"`  // and what each of them is
	// Broken is how many connections a reset broke.
	Broken *int    `json:"broken,omitempty"`
	Seed   *uint64 `json:"seed,omitempty"`
	DryRun bool    `json:"dry_run,omitempty"`
}

// HealRequest asks for faults to end. A selector takes the place of Healing.Members.
type HealRequest struct {
	inject.Healing
	Selector string `json:"selector,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

// HealReport lists the faults that ended, and what else was done to members.
type HealReport struct {
	Healed  []inject.Fault `json:"healed"`
	Left    []LeftMember   `json:"left"` // members that a heal without processes leaves as they are
	Results []Result       `json:"results,omitempty"`
	DryRun  bool           `json:"dry_run,omitempty"`
}

// LeftMember is a member whose process does not run.
type LeftMember struct {
	Member int64  `json:"member"`
	State  string `json:"state"` // "stopped" or "paused"
}

// FaultsAnswer lists the active faults.
type FaultsAnswer struct {
	Faults []ActiveFault `json:"faults"`
}

// ActiveFault is a fault with the time that it has left; nil means that it lasts until it is healed.
type ActiveFault struct {
	inject.Fault
	Remaining  *float64          `json:"remaining_seconds"`
	Overridden []inject.Override `json:"overridden"` // the parts without effect while other faults hold
}

func active(faults []inject.Fault, now time.Time) []ActiveFault {
	list := []ActiveFault{}
	for i, f := range faults {
		a := ActiveFault{Fault: f, Overridden: inject.Overrides(faults, i)}
		if f.Until != nil {
			left := max(f.Until.Sub(now).Seconds(), 0)
			a.Remaining = &left
		}
		list = append(list, a)
	}
	return list
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
