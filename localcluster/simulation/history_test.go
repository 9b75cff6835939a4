package simulation

import (
	"bytes"
	"slices"
	"testing"

	"zkctl/inject/history"
	"zkctl/probe/wire"
)

// recorded runs a schedule and returns it as package history gets it, from a file. spoil changes the
// records on their way there.
func recorded(t *testing.T, s Schedule, spoil func(*history.Record)) history.Evidence {
	t.Helper()
	w, err := newWorld(s.Seed, s.Setup, nil)
	if err != nil {
		t.Fatal(err)
	}
	any := mustScenario(t, "faults:\n  - at 1s kill leader\n") // its steps have no part in this run
	out := newTape()
	d := &drilled{w: w, scenario: any, schedule: s, recording: newRecording(w, any, out)}
	w.begin(s.Faults)
	w.run(s.Setup.Chaos)
	_ = d.Heal(t.Context())
	e, err := d.Verify(t.Context())
	if err != nil || w.violation != nil {
		t.Fatalf("seed %d: %v, %v", s.Seed, err, w.violation)
	}
	clock := slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Kind == FaultClock })
	e.Faults = []history.Window{{To: int64(s.Setup.Chaos), Clock: clock}}
	var file bytes.Buffer
	writer := history.NewWriter(&file, e.History.Began, e.History.Root)
	for _, r := range out.records {
		if spoil != nil {
			spoil(&r)
		}
		if err := writer.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if e.History, err = history.Read(&file); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestOnlineAgreesWithFile judges runs of the swarm, which has faults and requests that no drill has, twice: the
// oracle while they happen, and package history from what their clients have seen and what is on the
// disks. Neither may find anything.
func TestOnlineAgreesWithFile(t *testing.T) {
	runs := uint64(50)
	if testing.Short() {
		runs = 10
	}
	judged := map[history.Promise]int{}
	for seed := uint64(1); seed <= runs; seed++ {
		checks, _ := history.Check(recorded(t, Draw(seed, 0), nil))
		for _, c := range checks {
			judged[c.Name] += c.Count
			if c.Verdict == history.VerdictOK {
				continue
			}
			t.Errorf("seed %d: %s: %v %s", seed, c.Name, c.Verdict, c.Why)
			for _, f := range c.Evidence[:min(3, len(c.Evidence))] {
				t.Logf("  %s", f.Text)
			}
		}
	}
	for _, p := range history.Promises() {
		if judged[p] == 0 && p != history.QuorumAcks {
			t.Errorf("%s: nothing was judged in %d runs", p, runs)
		}
	}
}

// TestFileIsJudged spoils what clients have seen on its way into the file: the promise that is broken
// there is the one that the oracle would name.
func TestFileIsJudged(t *testing.T) {
	seen := map[int64]wire.Zxid{} // by session
	for _, c := range []struct {
		name  string
		spoil func(*history.Record) bool
		want  history.Promise
	}{
		{"a read shows other data", func(r *history.Record) bool {
			is := r.Op != nil && r.Op.Code == wire.OpGetData && r.Op.Err == wire.OK && r.Op.Outcome == history.OK
			if is {
				r.Op.Reply = wire.Marshal(&wire.DataResponse{Data: []byte("other")})
			}
			return is
		}, history.ReadAtZxid},
		{"an answer is of long ago", func(r *history.Record) bool {
			if r.Op == nil || r.Op.Outcome != history.OK {
				return false
			}
			is := r.Op.Code == wire.OpPing && seen[r.Op.Session] > wire.MakeZxid(1, 1)
			if is {
				r.Op.Zxid = wire.MakeZxid(1, 1)
			}
			seen[r.Op.Session] = r.Op.Zxid
			return is
		}, history.OneImage},
		{"a write is answered with another result", func(r *history.Record) bool {
			is := r.Op != nil && r.Op.Code == wire.OpSetData && r.Op.Err == wire.OK && r.Op.Outcome == history.OK
			if is {
				r.Op.Err, r.Op.Reply = wire.ErrBadVersion, nil
			}
			return is
		}, history.Result},
		{"an event is of another kind", func(r *history.Record) bool {
			is := r.Event != nil && r.Event.Type == wire.EventDataChanged
			if is {
				r.Event.Type = wire.EventDeleted
			}
			return is
		}, history.WatchesFire},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e history.Evidence
			for seed, spoiled := uint64(1), false; !spoiled; seed++ {
				if seed > 20 {
					t.Fatal("no run has anything to spoil")
				}
				e = recorded(t, Draw(seed, 0), func(r *history.Record) { spoiled = spoiled || c.spoil(r) })
			}
			checks, _ := history.Check(e)
			for _, check := range checks {
				if (check.Verdict == history.Violated) != (check.Name == c.want) {
					t.Errorf("%s: %v %v", check.Name, check.Verdict, check.Evidence)
				}
			}
		})
	}
}
