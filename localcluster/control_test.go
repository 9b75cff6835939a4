package localcluster

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/inject"
)

// A request that Client would not send is answered with an error that names what is wrong, and changes
// nothing.
func TestControlRefuses(t *testing.T) {
	s := &Supervisor{spec: mustSpec(t, Request{})}
	server := httptest.NewServer(s.routes())
	defer server.Close()
	for _, c := range []struct {
		method, path, body string
		status             int
		code               Code
		says               string
	}{
		{"GET", "/", "", 400, CodeUsage, "knows no GET /"},
		{"GET", "/v2/status", "", 400, CodeUsage, "zkctl down"},
		{"GET", "/v1/act", "", 400, CodeUsage, "knows no GET /v1/act"},
		{"POST", "/v1/act", "", 400, CodeUsage, "request act cannot be read"},
		{"POST", "/v1/act", "nonsense", 400, CodeUsage, "request act cannot be read"},
		{"POST", "/v1/act", `{"verb":1}`, 400, CodeUsage, "verb"},
		{"POST", "/v1/act", `{"verb":"eat"}`, 400, CodeUsage, `"eat" is no verb`},
		{"POST", "/v1/act", `{"verb":"kill","selector":"zebra"}`, 400, CodeUsage, "want ids"},
		{"POST", "/v1/act", `{"verb":"kill","selector":"1","signal":"STOP"}`, 400, CodeUsage, "zkctl pause"},
		{"POST", "/v1/act", `{"verb":"kill","selector":"1","signal":"HELLO"}`, 400, CodeUsage, "HELLO"},
		{"POST", "/v1/act", `{"verb":"kill","selector":"1","lease_seconds":-1}`, 400, CodeUsage, "cannot last -1s"},
		{"POST", "/v1/inject", `{"line":"partition 1 --for -1s"}`, 400, CodeUsage, "--for"},
		{"POST", "/v1/inject", `{"fault":{"kind":"kill","members":[1]}}`, 400, CodeUsage, "a fault is missing"},
		{"POST", "/v1/inject", `{"line":"kill 1"}`, 400, CodeUsage, "kill is no fault that the supervisor causes by this request"},
		{"POST", "/v1/inject", `{"line":"partition self"}`, 400, CodeUsage, "self is"},
		{"POST", "/v1/partition", `{"groups":"1"}`, 400, CodeUsage, "knows no POST /v1/partition"},
		{"POST", "/v1/wait", `{"for":"godot"}`, 400, CodeUsage, "no-quorum"},
		{"POST", "/v1/inject", `{"line":"partition '1|'"}`, 400, CodeUsage, "SELECTOR"},
		{"POST", "/v1/inject", `{"line":"partition 1 --channel air"}`, 400, CodeUsage, "air"},
		{"POST", "/v1/inject", `{"line":"partition '1|2' --channel client"}`, 400, CodeUsage, "clients>SELECTOR"},
		{"POST", "/v1/inject", `{"line":"slow '1>2'"}`, 400, CodeUsage, "by how much"},
		{"POST", "/v1/inject", `{"line":"slow '1>2' --channel air --latency 1s"}`, 400, CodeUsage, "air"},
		{"POST", "/v1/inject", `{"line":"slow '1>2' --latency -1s"}`, 400, CodeUsage, "latency"},
		{"POST", "/v1/inject", `{"line":"reset '1>2' --for 1s"}`, 400, CodeUsage, "no flag --for"},
		{"POST", "/v1/heal", `{"ids":["f1"]}`, 404, CodeMissing, "has never been a fault f1"},
		{"POST", "/v1/act", strings.Repeat(" ", maxRequest+1) + "{}", 400, CodeUsage, "cannot be read"},
	} {
		request, err := http.NewRequest(c.method, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var e Error
		err = json.NewDecoder(response.Body).Decode(&e)
		response.Body.Close()
		if err != nil || response.StatusCode != c.status || e.Code != c.code || !strings.Contains(e.Text+e.Hint, c.says) {
			t.Errorf("%s %s %.80s: %d %+v (%v), want %d, %s and %q", c.method, c.path, c.body, response.StatusCode, e, err, c.status, c.code, c.says)
		}
	}
	if faults := s.Faults(); len(faults) != 0 {
		t.Errorf("faults: %+v", faults)
	}
}

// A supervisor that an older zkctl has started uses other names for the results; they are read, too.
func TestReportsOfAnOlderSupervisor(t *testing.T) {
	want := []Result{{1, "killed"}, {2, "is stopped already"}}
	for _, text := range []string{
		`{"verb":"kill","members":[1,2],"results":[{"member":1,"outcome":"killed"},{"member":2,"outcome":"is stopped already"}],"fault":null}`,
		`{"verb":"kill","members":[1,2],"deeds":[{"member":1,"did":"killed"},{"member":2,"did":"is stopped already"}],"fault":null}`,
	} {
		var act ActReport
		if err := json.Unmarshal([]byte(text), &act); err != nil || act.Verb != "kill" || !slices.Equal(act.Results, want) {
			t.Errorf("%s: %+v, %v", text, act, err)
		}
		var heal HealReport
		if err := json.Unmarshal([]byte(text), &heal); err != nil || !slices.Equal(heal.Results, want) {
			t.Errorf("%s: %+v, %v", text, heal, err)
		}
	}
	written, err := json.Marshal(ActReport{Results: want})
	if err != nil || !strings.Contains(string(written), `"results":[{"member":1,"outcome":"killed"}`) || strings.Contains(string(written), "deeds") {
		t.Errorf("%s, %v", written, err)
	}
}

// The next supervisor closes the timeline that a killed one left, and goes on counting faults.
func TestTimelineOfAKilledSupervisorIsClosed(t *testing.T) {
	fault := func(id string) *inject.Fault { return &inject.Fault{ID: id, Kind: inject.Cut} }
	left := findOpen([]Event{
		{Kind: EventUp},
		{Kind: EventStarted, Member: 1, PID: 11}, {Kind: EventStarted, Member: 2, PID: 12}, {Kind: EventStarted, Member: 3, PID: 13},
		{Kind: EventFault, Fault: fault("f1")}, {Kind: EventExited, Member: 2, PID: 12}, {Kind: EventFault, Fault: fault("f2")},
		{Kind: EventHeal, Fault: fault("f1")}, {Kind: EventExited, Member: 3, PID: 13}, {Kind: EventStarted, Member: 3, PID: 23},
	})
	var added []string
	left.close(func(e Event) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		added = append(added, string(text))
	}, supervisorDied)
	want := []string{`"kind":"exited","member":1,"pid":11,"signal":"KILL"`, `"kind":"exited","member":3,"pid":23`, `"kind":"heal","fault":{"id":"f2"`}
	if len(added) != len(want) || left.issued != 2 {
		t.Fatalf("%d faults issued; %q", left.issued, added)
	}
	for i := range want {
		if !strings.Contains(added[i], want[i]) {
			t.Errorf("%s, want %s", added[i], want[i])
		}
	}
	var ledger inject.Ledger
	ledger.Resume(left.issued)
	if next := ledger.Add(*fault(""), time.Time{}, 0); next.ID != "f3" {
		t.Errorf("the next fault is %s", next.ID)
	}
}
