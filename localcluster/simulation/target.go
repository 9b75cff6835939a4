package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/localcluster/datatree"
)

// NewTarget is the simulation as a world for drills. A run in it is the run of the same seed in a
// campaign with the scenario, and in the same order as on processes: Load runs the warmup, Inject
// the faults, and Verify is the proof. All times are virtual.
//
// A violation that the world sees itself is part of the evidence, as it looks into the servers,
// where no history can.
func NewTarget() drill.Target { return target{} }

type target struct{}

func (target) Describe() string { return "simulated servers of the embedded engine" }

func (target) Refuse(s *scenario.Scenario) []scenario.Refusal {
	_, refused := FromScenario(s, 0)
	return refused
}

func (target) Start(_ context.Context, s *scenario.Scenario, seed uint64, out drill.Recorder) (drill.World, error) {
	schedule, refused := FromScenario(s, seed)
	if len(refused) > 0 {
		return nil, errors.New(refused[0].Reason)
	}
	w, err := newWorld(seed, schedule.Setup, nil)
	if err != nil {
		return nil, err
	}
	return &drilled{w: w, scenario: s, schedule: schedule, recording: newRecording(w, s, out)}, nil
}

// drilled is a World in the hands of a drill.
type drilled struct {
	w         *World
	scenario  *scenario.Scenario
	schedule  Schedule
	recording *recording
	now       atomic.Int64 // the virtual time at the last look, for other goroutines
}

// Began implements drill.Clock.
func (d *drilled) Began() time.Time { return time.UnixMilli(epochMillis) }

// Now implements drill.Clock.
func (d *drilled) Now() int64 { return d.now.Load() }

func (d *drilled) Root() string { return "/" }

// slice is how much virtual time passes between two looks at the context.
const slice = 100 * time.Millisecond

// pass lets time pass. After a violation nothing does any more.
func (d *drilled) pass(ctx context.Context, t time.Duration) error {
	defer d.w.recover()
	for ; t > 0 && d.w.violation == nil; t -= slice {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.w.run(min(t, slice))
		d.now.Store(int64(d.w.now))
	}
	return nil
}

func (d *drilled) Load(ctx context.Context) error {
	d.w.begin(d.schedule.Faults)
	d.number()
	if err := d.pass(ctx, timeZero(d.scenario)); err != nil {
		return err
	}
	if least, n := d.scenario.Workload.MinAcked, d.recording.acked; n < least && d.w.violation == nil {
		return fmt.Errorf("%d writes of %d in a warmup of %v: the clients did not write enough", n, least, d.scenario.Warmup)
	}
	return nil
}

// number tells each fault of which step it is.
func (d *drilled) number() {
	at := 0
	for i, step := range d.scenario.Steps {
		if step.When.Point == "" && step.When.Step == "" {
			step.When.At += timeZero(d.scenario)
		}
		faults, _ := compile(&step, &d.schedule.Setup)
		for range faults {
			d.w.plan.faults[at].step = i
			at++
		}
	}
}

func (d *drilled) Inject(ctx context.Context) error { return d.pass(ctx, d.scenario.Duration) }

func (d *drilled) Heal(context.Context) error {
	defer d.w.recover()
	if d.w.violation == nil {
		d.w.plan.heal()
	}
	return nil
}

func (d *drilled) Verify(context.Context) (history.Evidence, error) {
	d.proof()
	d.recording.close()
	d.now.Store(int64(d.w.now))
	w := d.w
	e := history.Evidence{
		History: &history.History{Began: d.Began(), Root: d.Root()},
		Trees:   map[int64]history.View{}, Leaders: d.recording.leaders, Faults: d.recording.windows(),
		Quorum: w.system.IsQuorum, Tick: w.setup.Tick,
	}
	for _, s := range w.servers {
		log := history.MemberLog{Member: int64(s.id), Voter: int(s.id) <= w.setup.Voters, Txns: w.oracle.log(s)}
		e.Logs = append(e.Logs, log)
		if s.tree != nil && w.violation == nil {
			e.Trees[int64(s.id)] = datatree.View{Tree: s.tree}
		}
	}
	if v := w.violation; v != nil {
		e.Found = []history.Finding{{Promise: history.Promise(v.Invariant), Text: v.Text, At: int64(v.At), Record: -1}}
	}
	return e, nil
}

func (d *drilled) proof() {
	defer d.w.recover()
	if d.w.violation == nil {
		d.w.prove()
	}
}

func (d *drilled) Close(context.Context, bool) error { return nil }

// log is the history that a server has on its disk. The proof has compared the disk with it.
func (o *oracle) log(s *server) (txns []history.Txn) {
	for z := o.view(s).onDisk; z != 0; {
		r := o.records[z]
		if r == nil {
			break
		}
		txns = append(txns, history.Txn{Zxid: z, Data: r.data})
		z = r.prev
	}
	slices.Reverse(txns)
	return txns
}
