package simulation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/inject"
	"zkctl/inject/scenario"
	"zkctl/localcluster/storage"
)

// Every kind of fault has a line that is read as the fault and written as it was.
func TestFaultsAreSteps(t *testing.T) {
	setup := base(3, 1)
	setup.Clients = 3
	kinds := map[FaultKind]bool{}
	for _, c := range []struct {
		line string
		want Fault
	}{
		{"at 1s kill 2 --for 1s", Fault{Kind: FaultCrash, At: time.Second, Server: 2, Survival: storage.KillProcess, For: time.Second}},
		{"at 0s kill 1-4 --lose some", Fault{Kind: FaultCrash, Server: All, N: 1, Survival: storage.LosePower}},
		{"at 0s kill all --lose unsynced --silent", Fault{Kind: FaultCrash, Select: "all", Survival: storage.LoseUnsynced}},
		{"at 0s kill 1,3", Fault{Kind: FaultCrash, Select: "1,3", Survival: storage.KillProcess}},
		{"at 0s kill leader", Fault{Kind: FaultCrash, Select: "leader", Survival: storage.KillProcess}},
		{"on newleader of=2 nth=3 after=1ms restart leader", Fault{Kind: FaultStop, On: AtNewLeader, Of: 2, Nth: 3, At: time.Millisecond, Server: Leader}},
		{"on synchronizing pause self --for 1s", Fault{Kind: FaultPause, On: scenario.AtSynchronizing, Nth: 1, Server: Self, For: time.Second}},
		{"on diff pause '!self'", Fault{Kind: FaultPause, On: AtDiff, Nth: 1, Select: "!self"}},
		{"a: at 0s partition 2 --channel quorum", Fault{Kind: FaultIsolate, Label: "a", Server: 2, Channel: QuorumChannel}},
		{"on a partition leader", Fault{Kind: FaultIsolate, After: "a", Select: "leader"}},
		{"on a.ended after=1s partition '!leader>leader'", Fault{Kind: FaultDeafen, After: "a", Ended: true, At: time.Second, Select: "leader"}},
		{"on diff partition '!self>self'", Fault{Kind: FaultDeafen, On: AtDiff, Nth: 1, Server: Self}},
		{"at 0s partition '2>!2' --channel election", Fault{Kind: FaultMute, Server: 2, Channel: ElectionChannel}},
		{"at 0s partition '2>3'", Fault{Kind: FaultCut, Server: 2, Peer: 3}},
		{"at 0s partition '1,3|2,4'", Fault{Kind: FaultSplit, N: 0b0101}},
		{"at 0s partition '2|1,3,4' --channel quorum", Fault{Kind: FaultSplit, N: 0b0010, Channel: QuorumChannel}},
		{"at 0s partition 1-4", Fault{Kind: FaultSplit, N: 0b1111}},
		{"at 0s partition '1|3'", Fault{Kind: FaultPartition, Partition: inject.Partition{Groups: "1|3"}}},
		{"at 0s partition minority --channel quorum", Fault{Kind: FaultPartition, Partition: inject.Partition{Groups: "minority", Channel: "quorum"}}},
		{"at 0s partition 2 --one-way", Fault{Kind: FaultPartition, Partition: inject.Partition{Groups: "2", OneWay: true}}},
		{"at 0s partition '1,2|3,4' --bridge leader", Fault{Kind: FaultPartition, Partition: inject.Partition{Groups: "1,2|3,4", Bridge: "leader"}}},
		{"at 0s partition --ring", Fault{Kind: FaultPartition, Partition: inject.Partition{Ring: true}}},
		{"at 0s reset 2", Fault{Kind: FaultBreak, Server: 2}},
		{"at 0s reset '2>3' --channel election", Fault{Kind: FaultBreak, Server: 2, Peer: 3, Channel: ElectionChannel}},
		{"at 0s slow 2 --latency 5ms", Fault{Kind: FaultLag, Server: 2, Amount: 5 * time.Millisecond}},
		{"at 0s refuse leader --for 1s", Fault{Kind: FaultShut, Select: "leader", For: time.Second}},
		{"at 0s disk 2 --fsync-latency 5ms", Fault{Kind: FaultSlowDisk, Server: 2, Amount: 5 * time.Millisecond}},
		{"at 0s disk 2 --stuck", Fault{Kind: FaultStuckDisk, Server: 2}},
		{"at 0s disk 2 --full", Fault{Kind: FaultFull, Server: 2}},
		{"at 0s disk 2 --error EIO --nth 3 --lose some", Fault{Kind: FaultSync, Server: 2, N: 3, Survival: storage.LosePower}},
		{"at 0s disk 2 --power-fails", Fault{Kind: FaultPower, Server: 2, N: 1, Survival: storage.KillProcess}},
		{"at 0s clock 2 --skew -3s", Fault{Kind: FaultClock, Server: 2, N: 100, Amount: -3 * time.Second}},
		{"at 0s clock 2 --rate 80%", Fault{Kind: FaultClock, Server: 2, N: 80}},
		{"at 0s elect 2", Fault{Kind: FaultResign, Server: 2}},
		{"at 0s elect 3 --force 1,3", Fault{Kind: FaultForceElection, Peer: 3, N: 0b101}},
		{"at 0s client 3 --sever", Fault{Kind: FaultSever, N: 3}},
		{"at 0s client half --sleep --for 1s", Fault{Kind: FaultSleep, N: HalfClients, For: time.Second}},
		{"at 0s client all --abandon", Fault{Kind: FaultAbandon, N: AllClients}},
	} {
		step, err := scenario.ParseStep(c.line)
		if err != nil {
			t.Fatal(err)
		}
		got, err := compile(&step, &setup)
		if err != nil || !slices.Equal(got, []Fault{c.want}) {
			t.Errorf("%s: got %+v (%v), want %+v", c.line, got, err, c.want)
			continue
		}
		if back := got[0].step(&setup); back.String() != c.line {
			t.Errorf("%s: is written as %s", c.line, back)
		}
		if got[0].normal(&setup) != c.want {
			t.Errorf("%s: has what it does not need: %+v", c.line, c.want)
		}
		kinds[c.want.Kind] = true
	}
	for _, kind := range FaultKinds {
		if !kinds[kind] {
			t.Errorf("no line is a %s", kind)
		}
	}
}

// Lines that have another canonical form here.
func TestWhatStepsBecome(t *testing.T) {
	setup := base(3, 0)
	setup.Clients, setup.Chaos = 1, 5*time.Second
	for line, want := range map[string]string{
		"at 1s elect":                          "at 1s elect leader",
		"on diff elect":                        "on diff elect leader",
		"at 1s partition 1,3":                  "at 1s partition '1,3|2'",
		"at 1s client 1 --sever --for 1s":      "at 1s client 1 --sever",
		"every 2s kill 1":                      "at 2s kill 1; at 4s kill 1",
		"a: every 1s from=0s times=2 kill 1-3": "a: at 0s kill 1-3; a: at 1s kill 1-3",
	} {
		step, err := scenario.ParseStep(line)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := compile(&step, &setup)
		var lines []string
		for _, f := range faults {
			lines = append(lines, f.step(&setup).String())
		}
		if got := strings.Join(lines, "; "); err != nil || got != want {
			t.Errorf("%s: got %s (%v), want %s", line, got, err, want)
		}
	}
}

func TestRefusedSteps(t *testing.T) {
	setup := base(3, 0)
	for line, reason := range map[string]string{
		"at 1s kill 1 --signal TERM":                "knows no signals",
		"at 1s kill 1 --wipe":                       "loses its disk",
		"at 1s slow 1 --latency 1s --jitter 1ms":    "neither --jitter nor --rate",
		"at 1s slow 1 --rate 1MB":                   "neither --jitter nor --rate",
		"at 1s slow '1>2' --latency 1s":             "slow in both directions",
		"at 1s reset '1>follower'":                  "wants an id behind the >",
		"at 1s disk 1 --torn-write":                 "use --power-fails --lose some",
		"at 1s disk 1 --bit-flip":                   "use --power-fails --lose some",
		"at 1s elect 1 --force 1,4":                 "these are not all voters, which are 1 to 3",
		"at 1s expire 0x1":                          "client N --sleep",
		"at 1s damage 1 --wipe":                     "does not edit them",
		"on diff of=follower kill self --for 100ms": "given by its id",
	} {
		step, err := scenario.ParseStep(line)
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := compile(&step, &setup); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: got %v (%v), want a refusal: %s", line, faults, err, reason)
		}
	}
}

// traceOf is the log of a run with these steps, all of which must strike and none of which may break
// a promise.
func traceOf(t *testing.T, setup Setup, lines ...string) (Result, []string) {
	t.Helper()
	s := Schedule{Seed: 7, Setup: setup}
	text := s.String() + strings.Join(lines, "\n") + "\n"
	s, err := ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	result, events := Trace(s, 0)
	if result.Violation != nil {
		t.Fatal(result.Violation)
	}
	return result, events
}

// faultsIn are the lines of a log that say what struck.
func faultsIn(events []string) (struck []string) {
	for _, e := range events {
		if strings.Contains(e, "  FAULT") {
			struck = append(struck, strings.TrimSpace(e))
		}
	}
	return struck
}

// Selectors are resolved when the fault strikes: the leader that dies is the one of that moment.
func TestSelectorsInMemory(t *testing.T) {
	setup := base(5, 1)
	setup.Clients, setup.Chaos = 2, 12*time.Second
	result, events := traceOf(t, setup,
		"at 3s kill leader --for 5s", "at 6s kill leader --for 1s", "at 9s kill followers --for 1s", "at 11s pause observers --for 1s")
	struck := faultsIn(events)
	if len(struck) != 7 || result.Leaders < 3 {
		t.Fatalf("%d leaders, and these faults: %q", result.Leaders, struck)
	}
	if first, second := struck[0], struck[1]; strings.Fields(first)[3] == strings.Fields(second)[3] {
		t.Errorf("the same leader was killed twice while it was down: %q", struck[:2])
	}
	if !strings.Contains(struck[6], "FAULT on 6: ") {
		t.Errorf("the observer is 6: %q", struck[6])
	}
	chosen := func() []string {
		_, events := traceOf(t, setup, "at 3s kill random:2 --for 1s", "at 6s kill random:2 --for 1s")
		return faultsIn(events)
	}
	if once, again := chosen(), chosen(); !slices.Equal(once, again) || len(once) != 4 {
		t.Errorf("random choices of one seed: %q and %q", once, again)
	}
}

// Any shape of partition is cut, and counted.
func TestPartitionsInMemory(t *testing.T) {
	setup := base(5, 0)
	setup.Clients, setup.Chaos = 2, 8*time.Second
	for _, line := range []string{
		"at 3s partition minority --for 2s", "at 3s partition --ring --for 2s", "at 3s partition --bridge follower --for 2s",
		"at 3s partition 'leader|follower' --one-way --channel quorum --for 2s", "on established after=100ms partition 'self>!self,1' --for 1s",
	} {
		result, events := traceOf(t, setup, line)
		if n := result.Coverage.Faults[slices.Index(FaultKinds[:], FaultPartition)]; n != 1 {
			t.Errorf("%s: struck %d times: %q", line, n, faultsIn(events))
		}
	}
	// A role that no server has is nothing to strike, and no error.
	result, events := traceOf(t, setup, "at 3s partition 'observers|leader'", "at 3s kill observers")
	if result.Coverage.Faults != [len(FaultKinds)]int{} || !strings.Contains(strings.Join(events, "\n"), "FAULT without effect: nothing matches \"observers\"") {
		t.Errorf("faults without a target: %v, %q", result.Coverage.Faults, faultsIn(events))
	}
}

// A fault waits for the beginning or the end of another one, however that came to strike.
func TestLabelsInMemory(t *testing.T) {
	setup := base(3, 0)
	setup.Clients, setup.Chaos = 2, 10*time.Second
	_, events := traceOf(t, setup,
		"on b.ended after=100ms client 1 --sever",
		"b: on a.ended restart 3",
		"on a after=10ms pause 2 --for 50ms",
		"a: at 3s kill 1,2 --for 1s", // pauses nothing: 2 is down
		"never: on torn-snap kill 1",
		"on never kill 1")
	got := faultsIn(events)
	want := []string{
		"3.000000  FAULT on 1: a: at 3s kill 1,2 --for 1s", "3.000000  FAULT on 2: a: at 3s kill 1,2 --for 1s",
		"3.010000  FAULT on 2: on a after=10ms pause 2 --for 50ms",
		"4.000000  FAULT on 3: b: on a.ended restart 3", "4.100000  FAULT: on b.ended after=100ms client 1 --sever",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Half of five clients are three, by a choice of the seed.
func TestHalfOfTheClientsInMemory(t *testing.T) {
	setup := base(3, 0)
	setup.Clients, setup.Chaos = 5, 4*time.Second
	w, err := newWorld(7, setup, &eventLog{})
	if err != nil {
		t.Fatal(err)
	}
	w.begin([]Fault{{Kind: FaultAbandon, At: 3 * time.Second, N: HalfClients}})
	w.run(setup.Chaos)
	gone := 0
	for _, c := range w.clients {
		if c.gone {
			gone++
		}
	}
	if w.violation != nil || gone != 3 {
		t.Errorf("%d of 5 clients are gone: %v", gone, w.violation)
	}
}

// What has no time lasts until healing.
func TestFaultsUntilHealing(t *testing.T) {
	setup := base(3, 0)
	setup.Clients, setup.Chaos = 2, 5*time.Second
	_, events := traceOf(t, setup, "at 3s kill 1", "at 3s client 1 --sleep", "at 4s partition '2>3'")
	healed := slices.IndexFunc(events, func(e string) bool { return strings.Contains(e, "all faults are healed") })
	starts := 0
	for _, e := range events[:healed] {
		if strings.Contains(e, "  1: starts") {
			starts++
		}
	}
	if starts != 1 {
		t.Errorf("server 1 starts %d times before healing, want once", starts)
	}
}
