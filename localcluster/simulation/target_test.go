package simulation

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

// tape is a Recorder that keeps everything.
type tape struct {
	records []history.Record
	events  map[drill.EventKind]int
	faults  map[string]drill.FaultRecord
}

func newTape() *tape {
	return &tape{events: map[drill.EventKind]int{}, faults: map[string]drill.FaultRecord{}}
}

func (t *tape) Record(r history.Record)   { t.records = append(t.records, r) }
func (t *tape) Event(e drill.Event)       { t.events[e.Kind]++ }
func (t *tape) Fault(f drill.FaultRecord) { t.faults[f.ID] = f }
func (t *tape) Skipped(int)               {}
func (t *tape) Now() int64                { return 0 }
func (t *tape) At(time.Time) int64        { return 0 }

// drillInMemory goes through the phases of a drill.
func drillInMemory(t *testing.T, s *scenario.Scenario, seed uint64) (history.Evidence, *tape) {
	t.Helper()
	out := newTape()
	w, err := NewTarget().Start(t.Context(), s, seed, out)
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range []func(context.Context) error{w.Load, w.Inject, w.Heal} {
		if err := phase(t.Context()); err != nil {
			t.Fatalf("%s, seed %d: %v", s.Name, seed, err)
		}
	}
	e, err := w.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	e.History.Records = out.records
	return e, out
}

// The judge of files, who sees only what clients saw and what is on the disks, finds as little to
// complain about as the oracle, who sees everything while it happens; also in a history that was
// written and read.
func TestTheJudgesAgree(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() || raceDetector {
		seeds = 1
	}
	judged := map[history.Promise]int{}
	for _, b := range scenario.Builtins() {
		if _, only := onProcesses[b.Name]; only {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			s := mustScenario(t, b.Source)
			for seed := uint64(1); seed <= seeds; seed++ {
				e, out := drillInMemory(t, s, seed)
				var file bytes.Buffer
				writer := history.NewWriter(&file, e.History.Began, e.History.Root)
				for _, r := range e.History.Records {
					if err := writer.Write(r); err != nil {
						t.Fatal(err)
					}
				}
				if err := writer.Close(); err != nil {
					t.Fatal(err)
				}
				read, err := history.Read(&file)
				if err != nil {
					t.Fatal(err)
				}
				e.History = read
				results, _ := history.Check(e)
				for _, r := range results {
					judged[r.Name] += r.Count
					if r.Verdict != history.VerdictOK {
						t.Errorf("seed %d: %s is %v: %s, %+v", seed, r.Name, r.Verdict, r.Why, r.Evidence)
					}
				}
				if out.events[drill.EventEstablished] == 0 || out.events[drill.EventStarted] < s.Ensemble.Nodes || len(out.faults) < len(s.Steps) {
					t.Errorf("seed %d: these events and faults: %v, %v", seed, out.events, out.faults)
				}
				for _, f := range out.faults {
					if f.To == 0 || f.Line != s.Steps[f.Step].Fault.String() {
						t.Errorf("seed %d: fault %+v, of %v", seed, f, s.Steps[f.Step])
					}
				}
			}
		})
	}
	for _, p := range history.Promises() {
		if judged[p] == 0 && p != history.QuorumAcks { // the oracle sees what is on disks
			t.Errorf("%s: there was nothing to judge", p)
		}
	}
}

// The drill itself comes to a verdict, in virtual time.
func TestDrillsInMemory(t *testing.T) {
	for _, name := range []string{"leader-crash", "paused-leader", "bridge", "connection-reset"} {
		i := slices.IndexFunc(scenario.Builtins(), func(b scenario.Builtin) bool { return b.Name == name })
		s := mustScenario(t, scenario.Builtins()[i].Source)
		result, err := drill.Run(t.Context(), NewTarget(), s, drill.Options{Seed: 1})
		if err != nil || result.Verdict != history.VerdictOK || len(result.Reasons) > 0 {
			t.Errorf("%s: %v, %q (%v)", name, result.Verdict, result.Reasons, err)
			continue
		}
		from, to, _ := result.Timeline.Phase(drill.Injecting)
		if from != int64(timeZero(s)) || to != int64(timeZero(s)+s.Duration) || result.Faults[0].Fault.From < from {
			t.Errorf("%s: the faults strike from %v to %v, and the first is %+v", name, time.Duration(from), time.Duration(to), result.Faults[0].Fault)
		}
	}
}

// A drill in memory is the run of its seed in a campaign.
func TestADrillIsTheRunOfItsSeed(t *testing.T) {
	s := mustScenario(t, "faults:\n  - at 1s kill leader --for 1s\n")
	schedule, _ := FromScenario(s, 5)
	result := Run(schedule)
	e, _ := drillInMemory(t, s, 5)
	if n := len(e.Logs[0].Txns); n != result.Commits || result.Violation != nil {
		t.Errorf("%d transactions, and in the campaign %d (%v)", n, result.Commits, result.Violation)
	}
}

// What the world sees to be broken is evidence, although no client saw it.
func TestWhatTheWorldFindsIsEvidence(t *testing.T) {
	s := mustScenario(t, "faults:\n  - at 1s kill leader --for 1s\n")
	out := newTape()
	world, err := NewTarget().Start(t.Context(), s, 5, out)
	if err != nil {
		t.Fatal(err)
	}
	w := world.(*drilled).w
	w.after(2*time.Second, func() { w.fail(invDurable, "it is said so") })
	for _, phase := range []func(context.Context) error{world.Load, world.Inject, world.Heal} {
		if err := phase(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	e, err := world.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results, _ := history.Check(e)
	last := results[len(results)-1]
	if last.Name != invDurable || last.Verdict != history.Violated || last.Evidence[0].Text != "it is said so" || last.Evidence[0].At != int64(2*time.Second) {
		t.Errorf("the last result is %+v", last)
	}
}

func TestADrillInMemoryRefuses(t *testing.T) {
	s := mustScenario(t, "faults:\n  - at 1s damage 1 --wipe\n")
	if refused := NewTarget().Refuse(s); len(refused) != 1 || refused[0].Step.Line != 2 {
		t.Errorf("refused: %v", refused)
	}
	if _, err := NewTarget().Start(t.Context(), s, 1, newTape()); err == nil {
		t.Error("it starts what it refuses")
	}
}

// Interrupted, it stops between two events, and little was written is an error of Load.
func TestADrillInMemoryEndsEarly(t *testing.T) {
	s := mustScenario(t, "workload: {min_acked: 5000}\nwarmup: 1ms\nfaults:\n  - at 1s kill leader --for 1s\n")
	w, err := NewTarget().Start(t.Context(), s, 1, newTape())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "writes of 5000 in a warmup of 1ms: the clients did not write enough") {
		t.Errorf("Load: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	if err := w.Inject(ctx); !errors.Is(err, cause) {
		t.Errorf("Inject: %v", err)
	}
}
