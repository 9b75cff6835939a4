package probe

import (
	"fmt"
	"strings"
)

// Health is the verdict on an ensemble.
type Health uint8

// The verdicts, from the worst. What each means is the table in the package's
// documentation.
const (
	HealthDown Health = iota
	HealthNoQuorum
	HealthUnknown
	HealthDegraded
	HealthHealthy
)

var healthNames = [...]string{
	HealthDown: "down", HealthNoQuorum: "no-quorum", HealthUnknown: "unknown", HealthDegraded: "degraded", HealthHealthy: "healthy",
}

// String is the verdict as zkctl prints it.
func (h Health) String() string {
	if int(h) < len(healthNames) {
		return healthNames[h]
	}
	return fmt.Sprintf("health(%d)", uint8(h))
}

// MarshalText makes a verdict its name in JSON.
func (h Health) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (h *Health) UnmarshalText(text []byte) error {
	for i, name := range healthNames {
		if name == string(text) {
			*h = Health(i)
			return nil
		}
	}
	return fmt.Errorf("unknown health %q", text)
}

// Quorum counts voters.
type Quorum struct {
	Size   int `json:"size"`   // voters there are
	Needed int `json:"needed"` // voters in the smallest quorum; 0 when no set of them is one
	Have   int `json:"have"`   // voters that serve: the leader and its followers
}

// Code names a finding. Codes are part of zkctl's output and do not change.
type Code string

// The findings, the ones that concern the whole ensemble first.
const (
	CodeNoVoters      Code = "no-voters"       // the ensemble has no voters
	CodeNoLeader      Code = "no-leader"       // no member leads
	CodeNotBacked     Code = "leader-alone"    // a member says that it leads, without a quorum of followers
	CodeStaleLeader   Code = "stale-leader"    // the leader's epoch is over: members are in a later one
	CodeTwoLeaders    Code = "two-leaders"     // usually a deposed leader that has not noticed yet
	CodeSplitBrain    Code = "split-brain"     // two leaders of the same epoch, which must never be
	CodeRolesHidden   Code = "roles-hidden"    // members serve, but allow no command that says their role
	CodeDown          Code = "member-down"     // does not answer, or not as ZooKeeper does
	CodeLooking       Code = "member-looking"  // runs without a quorum
	CodeUnasked       Code = "member-unasked"  // runs, and could not be asked
	CodeSession       Code = "session-failed"  // says that it serves, and a client cannot use it
	CodeStandalone    Code = "standalone"      // serves alone, though it is configured with others
	CodeUnexpected    Code = "unexpected-role" // an observer that votes, or a voter that observes
	CodeCannotLead    Code = "cannot-lead"     // leads, and is no voter or has no weight
	CodeMixedReleases Code = "mixed-releases"  // not a fault: an upgrade, or what is left of one
)

// Finding is one thing that a report has to say.
type Finding struct {
	Code    Code    `json:"code"`
	Members []int64 `json:"members"` // the members it is about; empty: all
	Text    string  `json:"text"`
}

// Report is the state of an ensemble as its members say it, each for itself and not
// at quite the same moment.
type Report struct {
	Health  Health    `json:"health"`
	Quorum  Quorum    `json:"quorum"`
	Leader  *int64    `json:"leader"` // the established one, or null
	Epoch   int64     `json:"epoch"`  // the established leader's
	Members []Member  `json:"members"`
	Reasons []Finding `json:"reasons"` // why Health is not healthy, and remarks
}

// Ready reports whether every member serves in its place and exactly one leader is
// established. It is what `zkctl up` waits for.
func (r *Report) Ready() bool { return r.Health == HealthHealthy }

// HasQuorum reports whether the ensemble as a whole accepts writes.
func (r *Report) HasQuorum() bool { return r.Health >= HealthDegraded }

// HasLeader reports whether there is an established leader.
func (r *Report) HasLeader() bool { return r.Leader != nil }

// Down reports whether no member answers at all.
func (r *Report) Down() bool { return r.Health == HealthDown }

// Synced reports whether every member serves and has the leader's zxid. While clients
// write it may say no of members that are in step, since members are not asked at the
// same moment.
//
// A member that joined before the first write of an epoch has the epoch's history but
// shows the zxid of the write before, so there is nothing to compare with until then.
func (r *Report) Synced() bool {
	if !r.Ready() || r.Leader == nil {
		return false
	}
	leader := r.Member(*r.Leader)
	for i := range r.Members {
		m := &r.Members[i]
		if m.Zxid != leader.Zxid && leader.Zxid.Counter() != 0 {
			return false
		}
	}
	return true
}

// Member returns the member with an id, or nil.
func (r *Report) Member(id int64) *Member {
	for i := range r.Members {
		if r.Members[i].ID == id {
			return &r.Members[i]
		}
	}
	return nil
}

// Has reports whether there is a finding with this code.
func (r *Report) Has(code Code) bool {
	for _, f := range r.Reasons {
		if f.Code == code {
			return true
		}
	}
	return false
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d voters serve, %d needed", r.Health, r.Quorum.Have, r.Quorum.Size, r.Quorum.Needed)
	if r.Leader != nil {
		fmt.Fprintf(&b, ", leader %d in epoch %d", *r.Leader, r.Epoch)
	}
	for _, f := range r.Reasons {
		fmt.Fprintf(&b, "; %s", f.Text)
	}
	return b.String()
}
