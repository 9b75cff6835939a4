package history

import "zkctl/probe/wire"

// Promise is the name of something that ZooKeeper guarantees. Package simulation names its
// invariants by the same texts.
type Promise string

// The promises, in the order in which reports list them.
const (
	AckedSurvive Promise = "acknowledged writes survive"
	SameHistory  Promise = "total order, agreement" // histories are prefixes of one another
	Linearizable Promise = "linearizable writes"
	Result       Promise = "results follow from the order"
	ReadAtZxid   Promise = "a read is the state at its zxid"
	FIFO         Promise = "FIFO client order"
	OneImage     Promise = "single system image"
	Sync         Promise = "a sync brings its server up to date"
	Atomic       Promise = "a multi is all or nothing"
	SessionsHold Promise = "sessions expire neither early nor late"
	Ephemerals   Promise = "no ephemeral survives its session"
	WatchesFire  Promise = "watches fire as promised"
	Digest       Promise = "digest is a function of history"
	OneLeader    Promise = "at most one established leader an epoch"
	QuorumAcks   Promise = "a write needs a quorum"
)

// Verdict on a promise or on a whole run.
type Verdict uint8

const (
	VerdictOK      Verdict = iota + 1
	Violated               // there is evidence against it
	VerdictUnknown         // the facts do not suffice
)

var verdictNames = []string{VerdictOK: "ok", Violated: "violated", VerdictUnknown: "unknown"}

// String is the verdict's name, or verdict(N).
func (v Verdict) String() string { return nameOf(verdictNames, int(v), "verdict") }

// MarshalText makes a verdict its name in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Worst is the verdict on all of them together: violated outranks unknown, and that ok.
func Worst(verdicts ...Verdict) Verdict {
	worst := VerdictOK
	for _, v := range verdicts {
		switch {
		case v == Violated:
			return Violated
		case v != VerdictOK:
			worst = VerdictUnknown
		}
	}
	return worst
}

// Finding is one piece of evidence.
type Finding struct {
	Promise Promise
	Text    string
	At      int64     // nanoseconds since History.Began, where a timeline shows it
	Client  int       // 0: it concerns no client
	Record  int       // index in History.Records; -1: none
	Zxid    wire.Zxid // 0: none
}

// CheckResult is the verdict on one promise.
type CheckResult struct {
	Name     Promise
	Verdict  Verdict
	Why      string    // of unknown, or why an ok says little
	Evidence []Finding // the first MaxEvidence
	Count    int       // of what was judged: of operations, events, members
	Found    int       // findings, of which Evidence has the first
}

// MaxEvidence is how many findings of a check are kept.
const MaxEvidence = 20
