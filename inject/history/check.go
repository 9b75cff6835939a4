package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// Promises are those that Check looks after, in the order of its results.
func Promises() []Promise {
	return []Promise{
		AckedSurvive, SameHistory, Linearizable, Result, ReadAtZxid, FIFO, OneImage, Sync, Atomic,
		SessionsHold, Ephemerals, WatchesFire, Digest, OneLeader, QuorumAcks,
	}
}

// Check judges a run.
//
//	logs --> order --> model, with every version of every node
//	                     |
//	history -------------+--> judge: each record in turn
//	     '----> checks that need no order
//	trees ---> compared with each other and with the model
//
// Where the order has a gap the model is of no use: what hangs on it is unknown then, and never
// violated.
func Check(e Evidence) ([]CheckResult, Stats) {
	c := newChecker(e)
	c.merge()
	c.acknowledged()
	c.writesInTime()
	c.commit()
	c.replay()
	c.trees()
	c.leaders()
	c.minorities()
	c.sessionEnds()
	for _, f := range e.Found {
		c.find(f)
	}
	return c.report(), c.stats
}

// checker is one judgement.
type checker struct {
	Evidence
	results map[Promise]*CheckResult
	others  []Promise // in results and not in Promises
	here    Finding   // where findings of the judge are, and the promise left out

	sessions map[int64]*ops
	newest   map[int64]wire.Zxid // the newest zxid of each epoch at which a client was answered
	order    Order
	doubt    string                  // why the model says nothing; "": it does
	applied  map[*Op]wire.Zxid       // of operations whose client got no answer
	failed   map[wire.Zxid]bool      // multis that failed
	paths    map[string]bool         // that some transaction names
	owned    map[string]bool         // paths at which some session made an ephemeral node
	closing  map[int64]closedSession // by session
	judge    *Judge
	clients  map[int]*observer
	floors   floors // of all answers
	writes   floors // of writes
	stats    Stats
}

// closedSession is the transaction that ended a session.
type closedSession struct {
	zxid wire.Zxid
	at   int64 // nanoseconds since the history began, by the clock of the leader
	cxid int32 // 0: the session has expired
}

func newChecker(e Evidence) *checker {
	if e.History == nil {
		e.History = &History{}
	}
	if e.Quorum == nil {
		e.Quorum = majority(e.Logs)
	}
	c := &checker{
		Evidence: e, results: map[Promise]*CheckResult{}, sessions: map[int64]*ops{}, newest: map[int64]wire.Zxid{},
		applied: map[*Op]wire.Zxid{}, failed: map[wire.Zxid]bool{}, paths: map[string]bool{}, owned: map[string]bool{},
		closing: map[int64]closedSession{}, clients: map[int]*observer{},
	}
	for _, p := range Promises() {
		c.results[p] = &CheckResult{Name: p}
	}
	for _, r := range e.History.Records {
		op := r.Op
		if op == nil {
			continue
		}
		if op.Xid > 0 {
			if c.sessions[op.Session] == nil {
				c.sessions[op.Session] = new(ops)
			}
			c.sessions[op.Session].add(op)
		}
		if op.Outcome == OK {
			c.newest[op.Zxid.Epoch()] = max(c.newest[op.Zxid.Epoch()], op.Zxid)
		}
	}
	c.floors = newFloors(e.History.Records, func(*Op) bool { return true })
	c.judge = NewJudge(c.fail)
	// What a leader has decided and not committed before it died is in no log.
	c.judge.Model.over = func(int64, int64) bool { return true }
	if e.Foreign {
		c.judge.Model.SetForeign(e.History.Root)
		if e.History.Root == "/" {
			c.doubtful("the ensemble was in use before, and the history is about all of it: what was there at first is not known")
		}
	}
	return c
}

// majority is the quorum where the evidence names none.
func majority(logs []MemberLog) func(has func(member int64) bool) bool {
	return func(has func(member int64) bool) bool {
		voters, with := 0, 0
		for i := range logs {
			if !logs[i].Voter {
				continue
			}
			voters++
			if has(logs[i].Member) {
				with++
			}
		}
		return with > voters/2
	}
}

// fail is the judge's: it notes a finding at the place that is judged now.
func (c *checker) fail(p Promise, format string, args ...any) {
	f := c.here
	f.Promise, f.Text = p, fmt.Sprintf(format, args...)
	c.find(f)
}

func (c *checker) find(f Finding) {
	r := c.results[f.Promise]
	if r == nil { // what a world has found may be a promise that Check does not look after
		r = &CheckResult{Name: f.Promise}
		c.results[f.Promise] = r
		c.others = append(c.others, f.Promise)
	}
	r.Found++
	if len(r.Evidence) < MaxEvidence {
		r.Evidence = append(r.Evidence, f)
	}
}

// at is where findings about a record are.
func at(record int, op *Op) Finding {
	f := Finding{At: op.Invoke, Client: op.Client, Record: record, Zxid: op.Zxid}
	if op.Outcome == OK {
		f.At = op.Return
	}
	return f
}

// unknown says why a promise could not be judged, or not fully.
func (c *checker) unknown(p Promise, format string, args ...any) {
	if r := c.results[p]; r.Why == "" {
		r.Why, r.Verdict = fmt.Sprintf(format, args...), VerdictUnknown
	}
}

func (c *checker) count(p Promise) { c.results[p].Count++ }

// report gives each promise its verdict.
func (c *checker) report() []CheckResult {
	var all []CheckResult
	for _, p := range append(Promises(), c.others...) {
		result := c.results[p]
		switch {
		case result.Found > 0:
			result.Verdict = Violated
		case result.Verdict == VerdictUnknown:
		default:
			result.Verdict = VerdictOK
			if result.Count == 0 {
				result.Why = "nothing to judge"
			}
		}
		slices.SortStableFunc(result.Evidence, func(a, b Finding) int { return cmp.Compare(a.At, b.At) })
		all = append(all, *result)
	}
	return all
}

// merge works out the order.
func (c *checker) merge() {
	for i := range c.Logs {
		l := &c.Logs[i]
		c.results[SameHistory].Count += len(l.Txns)
		if l.Problem != "" {
			c.unknown(SameHistory, "the log of member %d cannot be read to its end: %s", l.Member, l.Problem)
		}
	}
	var findings []Finding
	c.order, findings = Merge(c.Logs, c.Quorum, func(z wire.Zxid) bool { return z <= c.newest[z.Epoch()] }, c.Foreign)
	for _, f := range findings {
		c.find(f)
	}
	switch {
	case len(c.Logs) == 0:
		c.doubt = "there are no logs"
	case c.order.Gap != 0:
		c.doubt = fmt.Sprintf("the logs lack %v", c.order.Gap)
	case len(c.order.Txns) > 0 && c.seenBefore(c.order.Txns[0].Zxid):
		c.doubt = fmt.Sprintf("the logs begin at %v, behind what clients were answered: older ones were purged", c.order.Txns[0].Zxid)
	}
}

// seenBefore tells whether a client was answered at a transaction before one.
func (c *checker) seenBefore(first wire.Zxid) bool {
	for _, z := range c.newest { // in any order: one suffices
		if z.Counter() != 0 && z < first {
			return true
		}
	}
	return false
}

// nanoseconds is a wall clock in milliseconds as time since the history began.
func (c *checker) nanoseconds(millis int64) int64 {
	return millis*int64(time.Millisecond) - c.History.Began.UnixNano()
}
