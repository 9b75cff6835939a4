package drill

import (
	"cmp"
	"math"
	"slices"
	"time"

	"zkctl/inject/history"
	"zkctl/probe/wire"
)

// Recovery is one fault, taken apart:
//
//	writes   w w w w           .                       w w w w w w
//	               fault   election    elected  established  |
//	                 |     started        |         |        |
//	                 |-detection-|        |         |        |
//	                             |-election         |        |
//	                                      |--sync --|        |
//	                 |------------- first write -------------|
//
// A duration is nil where it did not come to that, or where it was not seen. It counts up to the next fault only.
type Recovery struct {
	Fault      FaultRecord
	Detection  *time.Duration // from the fault until the first member looks for a leader
	Election   *time.Duration // … until a leader is chosen
	Sync       *time.Duration // … until it leads a quorum
	FirstWrite *time.Duration // from the fault until a write is acknowledged that was sent after it
	LastClient *time.Duration // from the fault until every client has had an answer to what it sent after it
	Throughput *time.Duration // from the fault until half a second with 95 % of the rate before it is over
	Predicted  *time.Duration // the worst case of the outage by calculation
	// The longest time behind the fault without the acknowledgement of a write, and without the answer to a read.
	WriteOutage, ReadOutage time.Duration
	LostWork                float64       // seconds of the rate before the fault that were not done
	Sampled                 time.Duration // how imprecise Detection, Election and Sync are
	Unknown                 int           // operations under way whose outcome the clients did not learn
}

const (
	before = 2 * time.Second        // of the rate that a fault is compared with
	window = 500 * time.Millisecond // in which the rate must be back
	back   = 0.95
)

// Analyse takes the faults of a run apart.
func Analyse(h *history.History, tl Timeline) []Recovery {
	a := newAnalysis(h, tl)
	var list []Recovery
	for i, f := range tl.Faults {
		end := a.end
		for _, next := range tl.Faults[i+1:] {
			if next.From > f.From {
				end = min(end, next.From)
				break
			}
		}
		list = append(list, a.recovery(f, end))
	}
	return list
}

// analysis has what is asked for each fault, sorted by time.
type analysis struct {
	timeline Timeline
	ops      []*history.Op // answered, by Return, without housekeeping
	writes   []int64       // when writes were acknowledged
	reads    []int64
	unknown  []*history.Op
	clients  map[int]bool
	end      int64 // of the work of the clients
}

// isHousekeeping reports whether a client sends this by itself, and not for its user.
func isHousekeeping(op wire.OpCode) bool {
	switch op {
	case wire.OpPing, wire.OpSetWatches, wire.OpSetWatches2, wire.OpCloseSession:
		return true
	}
	return false
}

// isWrite reports whether an operation is a transaction that a user has asked for.
func isWrite(op wire.OpCode) bool { return op.IsWrite() && !isHousekeeping(op) }

func newAnalysis(h *history.History, tl Timeline) *analysis {
	a := &analysis{timeline: tl, clients: map[int]bool{}}
	for _, r := range h.Records {
		switch op := r.Op; {
		case op == nil || isHousekeeping(op.Code):
		case op.Outcome == history.Unknown:
			a.unknown = append(a.unknown, op)
		case op.Outcome == history.OK:
			a.ops = append(a.ops, op)
		}
	}
	slices.SortStableFunc(a.ops, func(x, y *history.Op) int { return cmp.Compare(x.Return, y.Return) })
	for _, op := range a.ops {
		a.end = max(a.end, op.Return)
		switch {
		case !isWrite(op.Code):
			a.reads = append(a.reads, op.Return)
		case op.Err == wire.OK:
			a.writes = append(a.writes, op.Return)
		}
	}
	if at, _, found := tl.Phase(Verifying); found {
		a.end = min(a.end, at) // then the clients stop
	}
	for _, op := range a.ops {
		if op.Return <= a.end {
			a.clients[op.Client] = true
		}
	}
	return a
}

func (a *analysis) recovery(f FaultRecord, end int64) Recovery {
	r := Recovery{Fault: f, WriteOutage: outage(a.writes, f.From, end), ReadOutage: outage(a.reads, f.From, end)}
	a.election(&r, end)
	a.firsts(&r, end)
	a.rate(&r, end)
	for _, op := range a.unknown {
		if op.Invoke < end && op.Invoke >= f.From-int64(before) {
			r.Unknown++
		}
	}
	return r
}

// outage is the longest time between from and end without any of the moments.
func outage(moments []int64, from, end int64) time.Duration {
	i, _ := slices.BinarySearch(moments, from+1)
	last, longest := from, int64(0)
	for ; ; i++ {
		next := end
		if i < len(moments) {
			next = min(moments[i], end)
		}
		longest = max(longest, next-last)
		if next >= end {
			return time.Duration(longest)
		}
		last = moments[i]
	}
}

// election finds what the members said about a new leader.
func (a *analysis) election(r *Recovery, end int64) {
	from := r.Fault.From
	next := func(kind EventKind, at int64) (int64, bool) {
		for _, e := range a.timeline.Events {
			starts := kind != EventElecting || !slices.Contains(r.Fault.Members, e.Member)
			if e.Kind == kind && starts && e.At >= at && e.At < end {
				r.Sampled = max(r.Sampled, e.Sampled)
				return e.At, true
			}
		}
		return 0, false
	}
	began, ok := next(EventElecting, from)
	if !ok {
		return
	}
	r.Detection = span(from, began)
	elected, ok := next(EventElected, began)
	if !ok {
		return
	}
	r.Election = span(began, elected)
	if established, ok := next(EventEstablished, elected); ok {
		r.Sync = span(elected, established)
	}
}

// firsts finds when the clients were served again.
func (a *analysis) firsts(r *Recovery, end int64) {
	waiting := len(a.clients)
	served := map[int]bool{}
	for _, op := range a.ops {
		if op.Invoke < r.Fault.From || op.Return >= end {
			continue
		}
		if r.FirstWrite == nil && isWrite(op.Code) && op.Err == wire.OK {
			r.FirstWrite = span(r.Fault.From, op.Return)
		}
		if a.clients[op.Client] && !served[op.Client] {
			served[op.Client] = true
			if waiting--; waiting == 0 {
				r.LastClient = span(r.Fault.From, op.Return)
			}
		}
	}
}

// rate compares the rate after the fault with that before.
func (a *analysis) rate(r *Recovery, end int64) {
	count := func(from, to int64) int {
		at := func(t int64) int {
			i, _ := slices.BinarySearchFunc(a.ops, t, func(op *history.Op, t int64) int { return cmp.Compare(op.Return, t) })
			return i
		}
		return at(to) - at(from)
	}
	from := r.Fault.From
	usual := float64(count(from-int64(before), from)) / before.Seconds()
	if usual == 0 {
		return
	}
	need := int(math.Ceil(back * usual * window.Seconds()))
	const step = int64(window / 10)
	for to := from + int64(window); to <= end; to += step {
		if count(to-int64(window), to) >= need {
			r.Throughput = span(from, to)
			break
		}
	}
	until := end
	if r.Throughput != nil {
		until = from + int64(*r.Throughput)
	}
	r.LostWork = max(0, time.Duration(until-from).Seconds()-float64(count(from, until))/usual)
}

func span(from, to int64) *time.Duration {
	d := time.Duration(to - from)
	return &d
}
