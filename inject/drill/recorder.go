package drill

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"zkctl/inject/history"
)

// recorder keeps everything in memory, and passes each record on to the bundle's history as it comes.
type recorder struct {
	began time.Time
	now   func() int64

	mu       sync.Mutex
	closed   bool // what comes later belongs to no run: the evidence has been taken
	records  []history.Record
	timeline Timeline
	faults   map[string]int // ID -> index into timeline.Faults
	ops      int
	unknown  int
	skipped  int
	write    func(history.Record) error // nil: no bundle
	err      error                      // the first of write; nothing is written after it
}

func newRecorder() *recorder {
	began := time.Now()
	return &recorder{
		began: began, now: func() int64 { return int64(time.Since(began)) }, faults: map[string]int{}, timeline: Timeline{Began: began},
	}
}

// use takes the time from a world that has its own.
func (r *recorder) use(c Clock) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began, r.now = c.Began(), c.Now
	r.timeline.Began = r.began
}

// stream has all records from now on written as they come.
func (r *recorder) stream(write func(history.Record) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write = write
}

// Now is on the monotonic clock: a step of the wall clock during a run changes no order.
func (r *recorder) Now() int64 { return r.now() }

func (r *recorder) At(t time.Time) int64 { return int64(t.Sub(r.began)) }

func (r *recorder) Record(one history.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if one.Op != nil {
		r.ops++
		if one.Op.Outcome == history.Unknown {
			r.unknown++
		}
	}
	r.records = append(r.records, one)
	if r.write != nil && r.err == nil {
		r.err = r.write(one)
	}
}

func (r *recorder) Skipped(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped += n
}

func (r *recorder) Event(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.timeline.Events = append(r.timeline.Events, e)
	}
}

// Fault notes a fault, or with the ID of one that is known what is known now of it.
func (r *recorder) Fault(f FaultRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	i, known := r.faults[f.ID]
	if known {
		r.timeline.Faults[i] = f
		return
	}
	r.faults[f.ID] = len(r.timeline.Faults)
	r.timeline.Faults = append(r.timeline.Faults, f)
}

// mark notes that a phase begins.
func (r *recorder) mark(p Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timeline.Phases = append(r.timeline.Phases, Mark{p, r.now()})
}

// progress is how far the run is whose faults strike for so long.
func (r *recorder) progress(duration time.Duration) Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Operations: r.ops, Unknown: r.unknown, Faults: len(r.timeline.Faults)}
	if n := len(r.timeline.Phases); n > 0 {
		last := r.timeline.Phases[n-1]
		p.Phase = last.Phase
		if p.Phase == Injecting {
			p.Left = max(0, duration-time.Duration(r.now()-last.At))
		}
	}
	return p
}

// take ends the recording. Faults that were not seen to end, ended now.
func (r *recorder) take() ([]history.Record, Timeline, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	now := r.now()
	for i := range r.timeline.Faults {
		if f := &r.timeline.Faults[i]; f.To == 0 {
			f.To = now
		}
	}
	r.timeline.Skipped = r.skipped
	r.timeline.sort()
	t := r.timeline
	t.Events, t.Faults, t.Phases = slices.Clone(t.Events), slices.Clone(t.Faults), slices.Clone(t.Phases)
	return r.records, t, r.err
}

// Timeline is what happened in a run, sorted by time.
type Timeline struct {
	Began   time.Time
	Events  []Event
	Faults  []FaultRecord
	Phases  []Mark
	Skipped int // operations that came due and were not sent
}

// Mark is the begin of a phase.
type Mark struct {
	Phase Phase `json:"phase"`
	At    int64 `json:"at"`
}

func (t *Timeline) sort() {
	slices.SortStableFunc(t.Events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(t.Faults, func(a, b FaultRecord) int { return cmp.Compare(a.From, b.From) })
}

// Phase is when a phase began and when the next did; found is false for one that the run did not reach.
func (t *Timeline) Phase(p Phase) (from, to int64, found bool) {
	for i, m := range t.Phases {
		if m.Phase != p {
			continue
		}
		if i+1 < len(t.Phases) {
			return m.At, t.Phases[i+1].At, true
		}
		return m.At, math.MaxInt64, true
	}
	return 0, 0, false
}
