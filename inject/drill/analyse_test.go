package drill

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"zkctl/inject/history"
	"zkctl/probe/wire"
)

const ms = int64(time.Millisecond)

// synthetic is a history in which client 1 writes and client 2 reads every ten milliseconds for ten seconds, each answered
// two milliseconds later, but that nothing sent from..to is answered. What is sent then has an unknown outcome.
func synthetic(from, to int64) *history.History {
	h := &history.History{}
	for at := int64(0); at < 10_000*ms; at += 10 * ms {
		for client, code := range map[int]wire.OpCode{1: wire.OpSetData, 2: wire.OpGetData} { // their order does not matter
			op := &history.Op{Client: client, Code: code, Intend: at, Invoke: at, Return: at + 2*ms, Outcome: history.OK}
			if code == wire.OpSetData && at >= from && at < to {
				op.Outcome, op.Return = history.Unknown, history.Never
			}
			h.Records = append(h.Records, history.Record{Op: op})
		}
	}
	return h
}

// show is a recovery in one line.
func show(r Recovery) string {
	text := func(name string, d *time.Duration) string {
		if d == nil {
			return name + " -"
		}
		return fmt.Sprintf("%s %v", name, *d)
	}
	return strings.Join([]string{
		text("detection", r.Detection), text("election", r.Election), text("sync", r.Sync), text("first write", r.FirstWrite),
		text("last client", r.LastClient), text("throughput", r.Throughput), text("no writes", &r.WriteOutage), text("no reads", &r.ReadOutage),
		fmt.Sprintf("lost %.3f, %d unknown, within %v", r.LostWork, r.Unknown, r.Sampled),
	}, ", ")
}

// TestAnalyse takes synthetic runs apart.
func TestAnalyse(t *testing.T) {
	crash := FaultRecord{ID: "f1", Members: []int64{3}, From: 4000 * ms, To: 7000 * ms}
	events := []Event{
		{At: 1 * ms, Kind: EventEstablished, Member: 3, Epoch: 1},
		{At: 4001 * ms, Kind: EventExited, Member: 3},
		{At: 4100 * ms, Kind: EventElecting, Member: 1},
		{At: 4150 * ms, Kind: EventElecting, Member: 2},
		{At: 4300 * ms, Kind: EventElected, Member: 2},
		{At: 4450 * ms, Kind: EventEstablished, Member: 2, Epoch: 2},
	}
	for name, c := range map[string]struct {
		history  *history.History
		timeline Timeline
		want     []string
	}{
		"the leader dies": {
			synthetic(4000*ms, 4500*ms), Timeline{Events: events, Faults: []FaultRecord{crash}},
			[]string{"detection 100ms, election 200ms, sync 150ms, first write 502ms, last client 502ms, throughput 950ms, no writes 502ms, no reads 10ms, lost 0.250, 50 unknown, within 0s"},
		},
		"a follower dies, and nothing is noticed": {
			synthetic(0, 0), Timeline{Events: events[:2], Faults: []FaultRecord{crash}},
			[]string{"detection -, election -, sync -, first write 2ms, last client 2ms, throughput 500ms, no writes 10ms, no reads 10ms, lost 0.000, 0 unknown, within 0s"},
		},
		"writes never come back": {
			synthetic(4000*ms, 10_000*ms), Timeline{Events: events[:4], Faults: []FaultRecord{crash}, Phases: []Mark{{Injecting, 0}, {Verifying, 9000 * ms}}},
			[]string{"detection 100ms, election -, sync -, first write -, last client -, throughput -, no writes 5s, no reads 10ms, lost 2.500, 500 unknown, within 0s"},
		},
		"it counts up to the next fault": {
			synthetic(4000*ms, 4500*ms), Timeline{Events: events, Faults: []FaultRecord{crash, {ID: "f2", Members: []int64{2}, From: 4200 * ms}}},
			[]string{
				"detection 100ms, election -, sync -, first write -, last client -, throughput -, no writes 200ms, no reads 10ms, lost 0.100, 20 unknown, within 0s",
				"detection -, election -, sync -, first write 302ms, last client 302ms, throughput 750ms, no writes 302ms, no reads 10ms, lost 0.118, 50 unknown, within 0s",
			},
		},
		"what was sampled says so": {
			synthetic(4000*ms, 4500*ms), Timeline{Events: sampled(events, 50*time.Millisecond), Faults: []FaultRecord{crash}},
			[]string{"detection 100ms, election 200ms, sync 150ms, first write 502ms, last client 502ms, throughput 950ms, no writes 502ms, no reads 10ms, lost 0.250, 50 unknown, within 50ms"},
		},
		"nothing was done": {
			&history.History{}, Timeline{Faults: []FaultRecord{crash}},
			[]string{"detection -, election -, sync -, first write -, last client -, throughput -, no writes 0s, no reads 0s, lost 0.000, 0 unknown, within 0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Analyse(c.history, c.timeline)
			if len(got) != len(c.want) {
				t.Fatalf("%d recoveries, want %d", len(got), len(c.want))
			}
			for i, r := range got {
				if show(r) != c.want[i] {
					t.Errorf("fault %d:\n  %s, want\n  %s", i, show(r), c.want[i])
				}
			}
		})
	}
}

func sampled(events []Event, by time.Duration) []Event {
	var list []Event
	for _, e := range events {
		e.Sampled = by
		list = append(list, e)
	}
	return list
}

// TestCutOff: who cannot acknowledge a write while lanes are cut.
func TestCutOff(t *testing.T) {
	for links, want := range map[string]string{
		"":                                  "[]",
		"1>2 2>1 1>3 3>1":                   "[1]",
		"1>2 1>3":                           "[1]", // one direction suffices
		"1>2/quorum 2>1/quorum 1>3/quorum":  "[1]",
		"1>2/election 1>3/election":         "[]",
		"1>2 2>1":                           "[]", // both reach 3, which may lead
		"1>2 2>1 1>3 3>1 2>3 3>2":           "[1 2 3]",
		"clients>1/client 1>clients/client": "[]",
	} {
		if got := fmt.Sprint(cutOff([]int64{1, 2, 3}, strings.Fields(links), majority)); got != want {
			t.Errorf("%s: %s, want %s", links, got, want)
		}
	}
}
