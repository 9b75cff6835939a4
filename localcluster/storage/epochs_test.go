package storage

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

func TestEpochsAtStart(t *testing.T) {
	const none = "-"
	tests := []struct {
		name                      string
		accepted, current         string // the files; "-" for none
		acceptedTemp, currentTemp string
		wantAccepted, wantCurrent int64
		notes                     int
		refused                   string
	}{
		{name: "as it should be", accepted: "5", current: "5", wantAccepted: 5, wantCurrent: 5},
		{name: "promised more", accepted: "7", current: "5", wantAccepted: 7, wantCurrent: 5},
		{name: "history is older", accepted: "9", current: "8", wantAccepted: 9, wantCurrent: 8},
		{name: "edited by hand", accepted: "5\n", current: " 5\n", wantAccepted: 5, wantCurrent: 5},
		{name: "both missing", accepted: none, current: none, wantAccepted: 5, wantCurrent: 5, notes: 2},
		{name: "current missing", accepted: "6", current: none, wantAccepted: 6, wantCurrent: 5, notes: 1},
		{name: "accepted missing", accepted: none, current: "5", wantAccepted: 5, wantCurrent: 5, notes: 1},
		{name: "accepted missing, current ahead", accepted: none, current: "6", wantAccepted: 6, wantCurrent: 6, notes: 1},
		{name: "stopped before current was written (2354)", accepted: "5", current: "4", wantAccepted: 5, wantCurrent: 5, notes: 1},
		{name: "stopped while current was written", accepted: "5", current: "4", currentTemp: "5", wantAccepted: 5, wantCurrent: 5, notes: 2},
		{name: "stopped while accepted was written", accepted: "5", current: "5", acceptedTemp: "6", wantAccepted: 5, wantCurrent: 5, notes: 1},
		{name: "half an accepted was written", accepted: "5", current: "5", acceptedTemp: "", currentTemp: "?", wantAccepted: 5, wantCurrent: 5, notes: 1},
		{name: "accepted behind, its successor unfinished (2307, 4269)", accepted: "4", current: "5", acceptedTemp: "5",
			wantAccepted: 5, wantCurrent: 5, notes: 2},
		{name: "accepted missing, its successor unfinished", accepted: none, current: "5", acceptedTemp: "7",
			wantAccepted: 7, wantCurrent: 5, notes: 2},
		{name: "accepted behind current", accepted: "5", current: "6", refused: "at least 6"},
		{name: "accepted behind current, unfinished no better", accepted: "4", current: "6", acceptedTemp: "5", refused: "at least 6"},
		{name: "history ahead of accepted", accepted: "4", current: "4", refused: "at least 5, the epoch of the last transaction 0x500000003"},
		{name: "not a number", accepted: "five", current: "5", refused: `found "five"`},
		{name: "empty", accepted: "5", current: "", refused: `found ""`},
		{name: "negative", accepted: "5", current: "-1", refused: `found "-1"`},
		{name: "too large", accepted: "4294967296", current: "5", refused: `found "4294967296"`},
	}
	st := newTestHistory()
	st.grow(5, 3)
	base := onDisk(t, st)
	file := func(name string) string { return dataDir + "/version-2/" + name }
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := clone(base, 1)
			put := func(name, text string) {
				if text != none {
					m.WriteFile(file(name), []byte(text))
				} else if err := m.Remove(file(name)); err != nil {
					t.Fatal(err)
				}
			}
			put("acceptedEpoch", test.accepted)
			put("currentEpoch", test.current)
			if test.acceptedTemp != "" {
				put("acceptedEpoch.tmp", test.acceptedTemp)
			}
			if test.currentTemp != "" {
				put("currentEpoch.tmp", test.currentTemp)
			}
			s, r, err := Open(options(m))
			if test.refused != "" {
				if !isDamage(err) || !strings.Contains(err.Error(), test.refused) {
					t.Fatalf("%v\nexpected it to say %q", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.AcceptedEpoch != test.wantAccepted || r.CurrentEpoch != test.wantCurrent || len(r.Notes) != test.notes {
				t.Errorf("accepted %d, current %d, notes %q", r.AcceptedEpoch, r.CurrentEpoch, r.Notes)
			}
			if s.AcceptedEpoch() != r.AcceptedEpoch || s.CurrentEpoch() != r.CurrentEpoch {
				t.Errorf("the store says %d, %d", s.AcceptedEpoch(), s.CurrentEpoch())
			}
			mustClose(t, s)
			m.Crash(LoseUnsynced)
			_, again := mustOpen(t, options(m))
			if len(again.Notes) != 0 || again.AcceptedEpoch != r.AcceptedEpoch || again.CurrentEpoch != r.CurrentEpoch {
				t.Errorf("the second time: accepted %d, current %d, notes %q", again.AcceptedEpoch, again.CurrentEpoch, again.Notes)
			}
		})
	}
}

func TestSetEpochs(t *testing.T) {
	m := NewMemFS(1)
	s, r := mustOpen(t, options(m))
	if r.AcceptedEpoch != 0 || r.CurrentEpoch != 0 || len(r.Notes) != 0 {
		t.Fatalf("new: accepted %d, current %d, notes %q", r.AcceptedEpoch, r.CurrentEpoch, r.Notes)
	}
	for _, test := range []struct {
		name  string
		set   func(int64) error
		epoch int64
		ok    bool
	}{
		{"current before accepted", s.SetCurrentEpoch, 1, false},
		{"accepted", s.SetAcceptedEpoch, 3, true},
		{"accepted again", s.SetAcceptedEpoch, 3, true},
		{"accepted, lower", s.SetAcceptedEpoch, 2, false},
		{"accepted, too large", s.SetAcceptedEpoch, maxEpoch + 1, false},
		{"current", s.SetCurrentEpoch, 2, true},
		{"current, lower", s.SetCurrentEpoch, 1, false},
		{"current, beyond accepted", s.SetCurrentEpoch, 4, false},
	} {
		if err := test.set(test.epoch); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if s.Err() != nil {
		t.Errorf("a refusal is no failure: %v", s.Err())
	}
	// Java writes decimal digits and nothing else.
	for name, want := range map[string]string{"acceptedEpoch": "3", "currentEpoch": "2"} {
		if got := readFile(t, m, dataDir+"/version-2/"+name); string(got) != want {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

// A server that lost its history must not begin anew with its old currentEpoch: it would win elections.
func TestEpochWithoutHistory(t *testing.T) {
	st := newTestHistory()
	st.grow(5, 3)
	m := onDisk(t, st)
	for _, path := range []string{snapshotPath(0), logPath(st.proposals[0].Zxid)} {
		if err := m.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Open(options(m)); !isDamage(err) || !strings.Contains(err.Error(), "in epoch 5") {
		t.Fatalf("%v", err)
	}
	// The hint of the errors: remove everything except acceptedEpoch.
	if err := m.Remove(dataDir + "/version-2/currentEpoch"); err != nil {
		t.Fatal(err)
	}
	_, r := mustOpen(t, options(m))
	if r.LastZxid != 0 || r.CurrentEpoch != 0 || r.AcceptedEpoch != 5 {
		t.Errorf("at %s, accepted %d, current %d", r.LastZxid, r.AcceptedEpoch, r.CurrentEpoch)
	}
}

func TestLogWithoutSnapshot(t *testing.T) {
	st := newTestHistory()
	st.grow(0, 4) // standalone: epoch 0
	m := onDisk(t, st)
	if err := m.Remove(snapshotPath(0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(options(m)); !isDamage(err) || !strings.Contains(err.Error(), "trust.empty") {
		t.Fatalf("%v", err)
	}
	if _, err := m.ReadFile(snapshotPath(0)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("refused, and still written: %v", err)
	}
	o := options(m)
	o.TrustEmpty = true
	s, r := mustOpen(t, o)
	if err := st.verify(r); err != nil || r.LastZxid != st.last() || len(r.Notes) != 1 {
		t.Fatalf("at %s, notes %q: %v", r.LastZxid, r.Notes, err)
	}
	mustClose(t, s)
	_, r = mustOpen(t, options(m)) // the first start wrote a snapshot, so the second does not need TrustEmpty
	if err := st.verify(r); err != nil || r.LastZxid != st.last() || r.Snapshot != st.last() {
		t.Fatalf("the second time: at %s from %s: %v", r.LastZxid, r.Snapshot, err)
	}
}

func TestEpochNamesStayBelowZxids(t *testing.T) {
	if z := wire.MakeZxid(maxEpoch, 1); z < 0 || z.Epoch() != maxEpoch {
		t.Errorf("the largest epoch makes zxid %s", z)
	}
}
