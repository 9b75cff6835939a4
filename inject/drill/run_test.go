package drill

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/probe/wire"
)

// parsed is a scenario with these steps, which last eight seconds.
func parsed(t testing.TB, steps ...string) *scenario.Scenario {
	t.Helper()
	text := "name: test\nduration: 8s\nfaults:\n"
	for _, s := range steps {
		text += "  - " + s + "\n"
	}
	s, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drilled runs steps on a fake in virtual time.
func drilled(t *testing.T, change func(*fake, *scenario.Scenario), steps ...string) (r *Result, f *fake) {
	t.Helper()
	s := parsed(t, steps...)
	synctest.Test(t, func(t *testing.T) {
		f = newFake(t)
		if change != nil {
			change(f, s)
		}
		var err error
		if r, err = Run(t.Context(), f.target(), s, Options{Seed: 7}); err != nil {
			t.Fatal(err)
		}
	})
	return r, f
}

func (r *Result) check(t *testing.T, want history.Verdict, reason string) {
	t.Helper()
	all := strings.Join(r.Reasons, "\n")
	if r.Verdict != want || !strings.Contains(all, reason) || (reason == "") != (all == "") {
		t.Errorf("verdict %v, reasons %q; want %v and %q", r.Verdict, r.Reasons, want, reason)
	}
	for _, c := range r.Checks {
		for _, e := range c.Evidence {
			t.Logf("%s: %s", c.Name, e.Text)
		}
	}
}

// TestRun: the leader of an ensemble that keeps its promises dies, and the verdict is ok.
func TestRun(t *testing.T) {
	r, f := drilled(t, nil, "at 2s kill leader --for 3s")
	r.check(t, history.VerdictOK, "")
	if want := []string{"heal", "healthy", "synced", "close keep=false"}; !slices.Equal(f.healed, want) {
		t.Errorf("the ensemble was asked for %q, want %q", f.healed, want)
	}
	if len(r.Faults) != 1 || !slices.Equal(r.Faults[0].Fault.Members, []int64{3}) || r.Faults[0].FirstWrite == nil {
		t.Fatalf("faults: %+v", r.Faults)
	}
	fault := r.Faults[0].Fault
	if at := r.Timeline.sinceFaults(fault.From); at != 2*time.Second {
		t.Errorf("the fault struck at %v", at)
	}
	if took := time.Duration(fault.To - fault.From); took != 3*time.Second {
		t.Errorf("the fault lasted %v", took)
	}
	counts := map[wire.OpCode]int{}
	kinds := map[history.LinkKind]int{}
	released, taken := 0, 0
	for _, one := range r.History.Records {
		switch {
		case one.Op != nil:
			counts[one.Op.Code]++
			if one.Op.Code == wire.OpDelete && one.Op.Err == wire.OK {
				released += strings.Count(one.Op.Path, "/l/")
				taken += strings.Count(one.Op.Path, "/q/")
			}
		case one.Link != nil:
			kinds[one.Link.Kind]++
		}
	}
	for _, op := range []wire.OpCode{wire.OpCreate, wire.OpDelete, wire.OpSetData, wire.OpGetData, wire.OpExists, wire.OpGetChildren2, wire.OpMulti, wire.OpSync, wire.OpAddWatch} {
		if counts[op] == 0 {
			t.Errorf("the clients sent no %v", op)
		}
	}
	if released < 5 || taken < 5 {
		t.Errorf("%d locks were released, and %d nodes taken from the queue", released, taken)
	}
	if kinds[history.Resumed] == 0 || kinds[history.Expired] != 0 || kinds[history.Closed] != 6 {
		t.Errorf("links: %v", kinds)
	}
}

// TestSteps: steps strike when they should, in virtual time.
func TestSteps(t *testing.T) {
	r, _ := drilled(t, nil,
		"first: at 1s kill 1 --for 1s",
		"on first.ended after=500ms pause 2 --for 200ms",
		"on first after=100ms client 1 --sever",
		"every 2s from=3s times=2 kill 3 --for 100ms")
	r.check(t, history.VerdictOK, "")
	var got []string
	for _, f := range r.Faults {
		got = append(got, r.Timeline.sinceFaults(f.Fault.From).String()+" "+f.Fault.Line)
	}
	want := []string{"1s kill 1 --for 1s", "1.1s client 1 --sever", "2.5s pause 2 --for 200ms", "3s kill 3 --for 100ms", "5s kill 3 --for 100ms"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestGates: what makes a drill worthless makes its verdict unknown.
func TestGates(t *testing.T) {
	for name, c := range map[string]struct {
		steps  []string
		change func(*fake, *scenario.Scenario)
		reason string
	}{
		"no member matches": {[]string{"at 1s kill observers"}, nil, "kill observers at 1s had no effect"},
		"a fault fails": {[]string{"at 1s kill 1"}, func(f *fake, _ *scenario.Scenario) {
			f.failed[scenario.Kill] = errors.New("not today")
		}, "kill 1 at 1s had no effect: not today"},
		"a step waits in vain": {[]string{"first: at 7s kill 1 --for 5s", "on first.ended kill 2"}, nil, "the step `on first.ended kill 2` did not strike"},
		"too few writes": {[]string{"at 1s kill 1"}, func(_ *fake, s *scenario.Scenario) {
			s.Workload.MinAcked = 1_000_000
		}, "did not write enough in time"},
		"nothing but the setup is written": {[]string{"at 1s kill 1"}, func(_ *fake, s *scenario.Scenario) {
			s.Workload.Mix = map[string]int{"get": 1}
		}, "did not write enough in time"},
		"a member does not come back": {[]string{"at 1s kill 1"}, func(f *fake, _ *scenario.Scenario) {
			f.wait = func(condition string) error {
				if condition == "healthy" {
					return errors.New("member 1 is down")
				}
				return nil
			}
		}, "heal: not every member serves after the faults were healed: member 1 is down"},
		"events are lost": {[]string{"at 1s kill 1"}, func(f *fake, _ *scenario.Scenario) {
			f.add(Event{Kind: EventLost, Text: "3 events"}, nil)
		}, "events are missing from the timeline: 3 events"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := drilled(t, c.change, c.steps...)
			r.check(t, history.VerdictUnknown, c.reason)
		})
	}
}

// TestLastWrite: a client whose last write is not answered leaves the verdict unknown.
func TestLastWrite(t *testing.T) {
	r, _ := drilled(t, func(f *fake, _ *scenario.Scenario) {
		f.wait = func(condition string) error {
			if condition == "healthy" {
				f.down[1], f.down[2], f.down[3] = EventPaused, EventPaused, EventPaused
			}
			return nil
		}
	}, "at 1s kill 1 --for 1s")
	r.check(t, history.VerdictUnknown, "verify: the last write of client 1, 2, 3, 4, 5 was not answered within 30s")
}

// TestInterrupted: what was begun is healed, verified and closed, and the verdict says why it is unknown.
func TestInterrupted(t *testing.T) {
	s := parsed(t, "at 2s kill leader")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(4*time.Second, cancel)
		r, err := Run(ctx, f.target(), s, Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		r.check(t, history.VerdictUnknown, "interrupted")
		if want := []string{"heal", "healthy", "synced", "close keep=false"}; !slices.Equal(f.healed, want) {
			t.Errorf("the ensemble was asked for %q, want %q", f.healed, want)
		}
	})
}

// TestAbort: a second interrupt only ends what was begun.
func TestAbort(t *testing.T) {
	s := parsed(t, "at 2s kill leader")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(4*time.Second, cancel)
		abort, again := context.WithCancel(context.Background())
		f.wait = func(string) error { again(); return abort.Err() }
		r, err := Run(ctx, f.target(), s, Options{Seed: 7, Abort: abort, Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		r.check(t, history.VerdictUnknown, "interrupted twice")
		if last := f.healed[len(f.healed)-1]; last != "close keep=true" {
			t.Errorf("the ensemble was asked for %q", f.healed)
		}
	})
}

// TestRefused: a world that cannot carry out a step starts nothing.
func TestRefused(t *testing.T) {
	s := parsed(t, "at 2s kill leader")
	p := Processes("nothing", func(s *scenario.Scenario) []scenario.Refusal {
		return []scenario.Refusal{{Step: s.Steps[0], Reason: "there is no leader"}}
	}, func(context.Context, *scenario.Scenario) (Ensemble, error) {
		t.Error("it was started")
		return nil, errors.ErrUnsupported
	})
	_, err := Run(t.Context(), p, s, Options{})
	if err == nil || err.Error() != "nothing cannot carry out: at 2s kill leader: there is no leader" {
		t.Errorf("%v", err)
	}
}

// TestLimits: a limit is missed, kept, or has nothing to measure.
func TestLimits(t *testing.T) {
	s := parsed(t, "at 2s kill 1 --for 3s")
	for _, text := range []string{"write_unavailable<1us", "write_unavailable<8s", "election<5s"} {
		l, err := scenario.ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Expect = append(s.Expect, l)
	}
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), newFake(t).target(), s, Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		r.check(t, history.VerdictUnknown, "limit election<5s: there was nothing to measure")
		if !r.Missed || r.Limits[0].Holds || !r.Limits[1].Holds {
			t.Errorf("limits: %+v", r.Limits)
		}
	})
}

// TestExpired: a client whose session has expired gets a new one, begins its xids anew, and sets no watch of the old one.
func TestExpired(t *testing.T) {
	s := parsed(t, "at 1s client 2 --sever")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		time.AfterFunc(3*time.Second, func() { f.expire() })
		r, err := Run(t.Context(), f.target(), s, Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []history.LinkKind
		var first *history.Op
		for _, one := range r.History.Records {
			if one.Link != nil && one.Link.Client == 1 {
				kinds = append(kinds, one.Link.Kind)
			}
			if one.Op != nil && one.Op.Client == 1 && slices.Contains(kinds, history.Expired) && first == nil {
				first = one.Op
			}
		}
		if want := []history.LinkKind{history.Connected, history.Lost, history.Expired, history.Connected, history.Closed}; !slices.Equal(kinds, want) {
			t.Errorf("links of client 1: %v, want %v", kinds, want)
		}
		if first == nil || first.Xid != 1 || first.Code == wire.OpSetWatches || first.Code == wire.OpSetWatches2 {
			t.Errorf("the first operation of the new session: %+v", first)
		}
		if r.Stats.SessionsLost != 5 {
			t.Errorf("%d sessions lost", r.Stats.SessionsLost)
		}
	})
}

// TestExpireClient: a fault names the client of the workload whose session ends; the others keep theirs.
func TestExpireClient(t *testing.T) {
	r, _ := drilled(t, nil, "at 1s expire client:2", "at 2s expire client:3")
	if len(r.Faults) != 2 {
		t.Fatalf("%d faults", len(r.Faults))
	}
	for _, f := range r.Faults {
		if !f.Fault.Effect || f.Fault.To != f.Fault.From || !strings.HasPrefix(f.Fault.Line, "expire client:") {
			t.Errorf("%+v", f.Fault)
		}
	}
	var expired []int
	for _, one := range r.History.Records {
		if one.Link != nil && one.Link.Kind == history.Expired {
			expired = append(expired, one.Link.Client)
		}
	}
	if !slices.Equal(expired, []int{2, 3}) || r.Stats.SessionsLost != 2 {
		t.Errorf("the sessions of clients %v expired, and %d were lost", expired, r.Stats.SessionsLost)
	}
}

// TestPredicted: a prediction is asked for each fault, with what it hit.
func TestPredicted(t *testing.T) {
	s := parsed(t, "at 1s kill 1 --for 1s", "at 3s kill leader --for 1s", "at 5s kill all --for 1s")
	synctest.Test(t, func(t *testing.T) {
		var hits []Hit
		r, err := Run(t.Context(), newFake(t).target(), s, Options{Seed: 7, Predict: func(f FaultRecord, h Hit) (time.Duration, bool) {
			hits = append(hits, h)
			return time.Minute, h.Leader && h.QuorumLeft
		}})
		if err != nil {
			t.Fatal(err)
		}
		if want := []Hit{{false, true}, {true, true}, {true, false}}; !slices.Equal(hits, want) {
			t.Errorf("hits %v, want %v", hits, want)
		}
		for i, f := range r.Faults {
			if (f.Predicted != nil) != (i == 1) {
				t.Errorf("fault %d: predicted %v", i, f.Predicted)
			}
		}
	})
}

// TestInOrder: the clients' nodes stand in the order of their numbers, and not of the clients.
func TestInOrder(t *testing.T) {
	got := inOrder([]string{"c9-lock-0000000002", "c1-lock-0000000010", "c10-lock-0000000001"})
	if want := []string{"c10-lock-0000000001", "c9-lock-0000000002", "c1-lock-0000000010"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestCleanUp: an ensemble that was up before has no node more afterwards, and can be drilled again.
func TestCleanUp(t *testing.T) {
	s := parsed(t, "at 2s kill leader --for 3s")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.foreign = true
		for range 2 {
			r, err := Run(t.Context(), f.target(), s, Options{Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			r.check(t, history.VerdictOK, "")
			if names := f.tree.Children("/"); !slices.Equal(names, []string{"zookeeper"}) {
				t.Errorf("the root has %q", names)
			}
		}
	})
}

// TestProgress: what a user sees meanwhile, in the order of the phases, and how long the faults still strike.
func TestProgress(t *testing.T) {
	s := parsed(t, "at 2s kill leader --for 3s")
	synctest.Test(t, func(t *testing.T) {
		var phases []Phase
		var left []time.Duration
		_, err := Run(t.Context(), newFake(t).target(), s, Options{Seed: 7, Progress: func(p Progress) {
			if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
				phases = append(phases, p.Phase)
			}
			if p.Phase == Injecting {
				left = append(left, p.Left)
			} else if p.Left != 0 {
				t.Errorf("%v left in %s", p.Left, p.Phase)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if len(phases) < 2 || phases[0] != Loading || phases[1] != Injecting {
			t.Errorf("phases %q", phases)
		}
		if !slices.IsSortedFunc(left, func(a, b time.Duration) int { return int(b - a) }) || left[0] <= 7*time.Second || left[len(left)-1] >= time.Second {
			t.Errorf("left: %v", left)
		}
	})
}

// TestOpenLoop: operations become due during an outage as before, and are sent behind it with the time at which they were due.
func TestOpenLoop(t *testing.T) {
	r, _ := drilled(t, nil, "at 2s pause all --for 3s")
	r.check(t, history.VerdictOK, "")
	fault := r.Faults[0].Fault
	due, late := 0, time.Duration(0)
	for _, one := range r.History.Records {
		if op := one.Op; op != nil && !isHousekeeping(op.Code) && op.Intend >= fault.From && op.Intend < fault.To {
			due++
			late = max(late, time.Duration(op.Invoke-op.Intend))
		}
	}
	if due < 450 || due > 750 || late < 2*time.Second { // at 200 a second
		t.Errorf("%d operations were due in the outage, and sent up to %v later", due, late)
	}
	if r.Timeline.Skipped != 0 {
		t.Errorf("%d were skipped", r.Timeline.Skipped)
	}
}

// TestSkipped: what a client could never catch up with is not sent, and counted.
func TestSkipped(t *testing.T) {
	s := parsed(t, "at 100ms pause all --for 500ms")
	s.Workload.Rate, s.Warmup, s.Duration = 20_000, 0, time.Second
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), newFake(t).target(), s, Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		if skipped := NewDocument(r).Skipped; skipped == 0 {
			t.Error("none was skipped")
		}
	})
}

// TestStartFails: nothing is left of a drill that did not begin, the bundle included.
func TestStartFails(t *testing.T) {
	dir := t.TempDir() + "/bundle"
	p := Processes("broken", nil, func(context.Context, *scenario.Scenario) (Ensemble, error) { return nil, errors.New("no port is free") })
	for range 2 {
		r, err := Run(t.Context(), p, parsed(t, "at 2s kill leader"), Options{Bundle: dir})
		if r != nil || err == nil || err.Error() != "start broken: no port is free" {
			t.Errorf("%v, %v", r, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the bundle: %v", err)
		}
	}
}
