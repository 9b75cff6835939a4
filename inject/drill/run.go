package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

// Phase is a part of a run.
type Phase string

// The phases, in their order.
const (
	Starting  Phase = "start"
	Loading   Phase = "load"
	Injecting Phase = "inject"
	Healing   Phase = "heal"
	Verifying Phase = "verify"
	Judging   Phase = "judge"
)

// Options are how a scenario is run and judged.
type Options struct {
	Seed   uint64
	Limits []scenario.Limit // beside those of the scenario
	Bundle string           // the directory for all that a judge needs; "" none
	Zkctl  string           // version, for the bundle
	Keep   bool             // leave the ensemble up
	// Abort, when it ends, ends the run without healing and verifying. nil: never.
	Abort context.Context
	// Progress is called some times a second, from one goroutine.
	Progress func(Progress)
	// Predict is the worst case of how long a fault stops writes; nil: not known.
	Predict func(FaultRecord, Hit) (time.Duration, bool)
}

// Progress is how far a run is.
type Progress struct {
	Phase               Phase
	Operations, Unknown int
	Faults              int
	Left                time.Duration // of Injecting; 0 in the other phases
}

// Refused is the error of a scenario with steps that its world cannot carry out. Nothing was started.
type Refused struct {
	World    string
	Refusals []scenario.Refusal
}

func (e *Refused) Error() string {
	var lines []string
	for _, r := range e.Refusals {
		lines = append(lines, fmt.Sprintf("%s: %s", r.Step, r.Reason))
	}
	return fmt.Sprintf("%s cannot carry out: %s", e.World, strings.Join(lines, "; "))
}

// Run does a drill. A Result is there as soon as an ensemble was up, whatever came after, and also when ctx ended; the
// error is about what was to be done and could not be, such as to start, to end, or to write the bundle.
func Run(ctx context.Context, t Target, s *scenario.Scenario, o Options) (*Result, error) {
	if refusals := t.Refuse(s); len(refusals) > 0 {
		return nil, &Refused{t.Describe(), refusals}
	}
	r := &run{target: t, scenario: s, options: o, recorder: newRecorder()}
	if o.Abort == nil {
		r.options.Abort = context.WithoutCancel(ctx)
	}
	if o.Bundle != "" {
		var err error
		if r.bundle, err = createBundle(o.Bundle, Manifest{Seed: o.Seed, World: t.Describe(), Zkctl: o.Zkctl}, s); err != nil {
			return nil, err
		}
	}
	stop := r.showProgress()
	defer stop()
	r.recorder.mark(Starting)
	w, err := t.Start(ctx, s, o.Seed, r.recorder)
	if err != nil && r.bundle != nil {
		err = errors.Join(err, r.bundle.discard())
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("interrupted while %s was starting", t.Describe())
	case err != nil:
		return nil, fmt.Errorf("start %s: %w", t.Describe(), err)
	}
	if c, ok := w.(Clock); ok {
		r.recorder.use(c)
	}
	if r.bundle != nil {
		r.bundle.begin(r.recorder, w.Root())
	}
	evidence := r.phases(ctx, w)
	return r.judge(w, evidence)
}

// run is one drill under way.
type run struct {
	target   Target
	scenario *scenario.Scenario
	options  Options
	recorder *recorder
	bundle   *bundle  // nil: none
	problems []string // why the verdict is unknown, whatever the history says
}

// The times after which a phase is given up that has deadlines of its own for each thing that it waits for.
const (
	verifyTime = 2 * time.Minute
	closeTime  = time.Minute
)

// phases goes through the phases. Whatever fails, the faults are healed and what is there is collected.
func (r *run) phases(ctx context.Context, w World) history.Evidence {
	r.recorder.mark(Loading)
	err := w.Load(ctx)
	if r.problem("load", err); err == nil {
		r.recorder.mark(Injecting)
		r.problem("inject", w.Inject(ctx))
	}
	if ctx.Err() != nil {
		r.problems = []string{"interrupted"}
	}
	late, cancel := context.WithTimeout(r.options.Abort, verifyTime)
	defer cancel()
	r.recorder.mark(Healing)
	r.problem("heal", w.Heal(late))
	r.recorder.mark(Verifying)
	evidence, err := w.Verify(late)
	r.problem("verify", err)
	if r.options.Abort.Err() != nil {
		r.problems = []string{"interrupted twice: not healed and not verified"}
	}
	return evidence
}

func (r *run) problem(phase string, err error) {
	if err == nil {
		return
	}
	for _, one := range parts(err) {
		r.problems = append(r.problems, phase+": "+one.Error())
	}
}

// parts are the errors that errors.Join has joined.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// judge ends the world and judges what is known of it.
func (r *run) judge(w World, evidence history.Evidence) (*Result, error) {
	records, timeline, writing := r.recorder.take()
	if evidence.History == nil {
		evidence.History = &history.History{}
	}
	evidence.History.Began, evidence.History.Root, evidence.History.Records = timeline.Began, w.Root(), records
	c := Case{
		Seed: r.options.Seed, World: r.target.Describe(), Scenario: r.scenario, Evidence: evidence, Timeline: timeline,
		Problems: r.problems,
	}
	errs := []error{writing}
	if on, ok := w.(interface{ Workload() *WorkloadEnd }); ok {
		c.Workload = on.Workload()
	}
	if r.bundle != nil && writing == nil {
		errs = append(errs, r.bundle.collect(c, w))
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := w.Close(ctx, r.options.Keep); err != nil {
		errs = append(errs, fmt.Errorf("end %s: %w", r.target.Describe(), err))
	}
	r.recorder.mark(Judging)
	result := Judge(c, r.options)
	if r.bundle != nil && errors.Join(errs...) == nil {
		errs = append(errs, r.bundle.complete(result))
	}
	return result, errors.Join(errs...)
}

// progressPause is the time from one report of the progress to the next.
const progressPause = 200 * time.Millisecond

// showProgress reports until the returned function is called.
func (r *run) showProgress() (stop func()) {
	if r.options.Progress == nil {
		return func() {}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressPause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if p := r.recorder.progress(r.scenario.Duration); p.Phase != Starting { // whose steps the world tells itself
					r.options.Progress(p)
				}
			case <-over:
				return
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}
