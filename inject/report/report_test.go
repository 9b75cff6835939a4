package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/probe/wire"
)

// result is a drill of ten seconds: the leader 2 is killed at 4 s, 3 leads from 4.5 s on, and one promise is
// broken.
func result(t *testing.T) *drill.Result {
	t.Helper()
	s, err := scenario.Parse("leader-crash.yaml", []byte("summary: the <leader> dies\nfaults:\n  - at 2s kill leader --for 2s\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(seconds float64) int64 { return int64(math.Round(seconds * float64(time.Second))) }
	kill := drill.FaultRecord{ID: "f1", Line: "kill leader --for 2s", Members: []int64{2}, From: at(4), To: at(6), Effect: true}
	r := &drill.Result{
		Verdict: history.Violated, Seed: 7, World: "embedded=3 (processes)", Scenario: s,
		Reasons: []string{"client 1: </script><b>&"},
		Checks: []history.CheckResult{
			{Name: history.AckedSurvive, Verdict: history.Violated, Count: 100, Found: 1, Evidence: []history.Finding{
				{Text: "the write at 0x100000003 is gone</script>", At: at(5), Client: 1, Zxid: 0x100000003},
			}},
			{Name: history.FIFO, Verdict: history.VerdictOK, Count: 100},
		},
		Stats:  history.Stats{Ops: 1000, Acked: 400},
		Faults: []drill.Recovery{{Fault: kill, WriteOutage: 510 * time.Millisecond}},
		Limits: []drill.LimitResult{{Limit: scenario.Limit{Text: "election<1s"}, Value: math.NaN()}, {Limit: scenario.Limit{Text: "lost_acks==0"}, Value: 1}},
		Timeline: drill.Timeline{
			Phases: []drill.Mark{{Phase: drill.Starting}, {Phase: drill.Loading, At: at(1)}, {Phase: drill.Injecting, At: at(2)}, {Phase: drill.Healing, At: at(9)}},
			Faults: []drill.FaultRecord{kill},
			Events: []drill.Event{
				{At: at(.1), Kind: drill.EventStarted, Member: 1}, {At: at(.1), Kind: drill.EventStarted, Member: 2}, {At: at(.2), Kind: drill.EventStarted, Member: 3},
				{At: at(.5), Kind: drill.EventEstablished, Member: 2, Epoch: 1}, {At: at(.5), Kind: drill.EventRole, Member: 1, Role: "follower"},
				{At: at(.5), Kind: drill.EventRole, Member: 3, Role: "follower"}, {At: at(4), Kind: drill.EventExited, Member: 2},
				{At: at(4.1), Kind: drill.EventElecting, Member: 3}, {At: at(4.5), Kind: drill.EventEstablished, Member: 3, Epoch: 2},
				{At: at(6), Kind: drill.EventStarted, Member: 2}, {At: at(10), Kind: "something-new", Member: 1},
			},
		},
		History: &history.History{},
	}
	for i := range 1000 {
		op := &history.Op{Client: 1 + i%5, Code: wire.OpGetData, Invoke: at(float64(i) / 100), Outcome: history.OK}
		if i%5 < 2 {
			op.Code = wire.OpSetData
		}
		op.Intend, op.Return = op.Invoke, op.Invoke+at(.002+.001*float64(i%7))
		if i >= 400 && i < 450 {
			op.Outcome, op.Return = history.Unknown, history.Never
		}
		r.History.Records = append(r.History.Records, history.Record{Op: op}, history.Record{Op: &history.Op{Code: wire.OpPing, Outcome: history.OK}})
	}
	return r
}

func write(t *testing.T, r *drill.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r, []string{"zkctl drill leader-crash --seed 7"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dataOf is what the script of a page draws.
func dataOf(t *testing.T, page string) (c chart) {
	t.Helper()
	m := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page has no data")
	}
	if err := json.Unmarshal([]byte(m[1]), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// What must be read is there without scripts, and text from outside cannot end a script.
func TestReport(t *testing.T) {
	page := write(t, result(t))
	for _, part := range []string{
		"<title>leader-crash: violated</title>", "the &lt;leader&gt; dies", "embedded=3 (processes) · seed 7 · 1000 operations, 400 acknowledged writes",
		"client 1: &lt;/script&gt;&lt;b&gt;&amp;", "acknowledged writes survive", "the write at 0x100000003 is gone&lt;/script&gt;", `data-at="5"`,
		"<code>kill leader --for 2s</code>", "0.510 s", "not measured", "missed", `<td class="n">1</td>`, `<td class="n">–</td>`, "at 2s kill leader --for 2s", "zkctl drill leader-crash --seed 7",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	if n := strings.Count(page, "</script>"); n != 2 {
		t.Errorf("%d scripts end, want 2", n)
	}
	if m := regexp.MustCompile(`(src|href)="[^#"]`).FindString(page); m != "" {
		t.Errorf("the page needs another file: %s", m)
	}
}

func TestChart(t *testing.T) {
	c := dataOf(t, write(t, result(t)))
	if c.End < 9.99 || c.End > 10.01 || len(c.Phases) != 4 || len(c.Faults) != 1 || c.Faults[0] != (band{"kill leader --for 2s", 4, 6}) {
		t.Errorf("end %v, phases %v, faults %v", c.End, c.Phases, c.Faults)
	}
	want := []lane{
		{1, []state{{.1, .5, "running"}, {.5, c.End, "follower"}}, []float64{}},
		{2, []state{{.1, .5, "running"}, {.5, 4, "leader"}, {4, 6, "down"}, {6, c.End, "running"}}, []float64{.5}},
		{3, []state{{.2, .5, "running"}, {.5, 4.1, "follower"}, {4.1, 4.5, "looking"}, {4.5, c.End, "leader"}}, []float64{4.5}},
	}
	for i, l := range c.Lanes {
		if i >= len(want) || l.Member != want[i].Member || !slices.Equal(l.States, want[i].States) || !slices.Equal(l.Epochs, want[i].Epochs) {
			t.Errorf("lane %d: got %+v", i, l)
		}
	}
	sum := func(all []int) (n int) {
		for _, x := range all {
			n += x
		}
		return n
	}
	x := c.Columns
	if len(c.Lanes) != 3 || sum(x.Writes) != 380 || sum(x.Reads) != 570 || sum(x.Unknown) != 50 || len(x.Reads) > Columns+1 || len(x.P99) != len(x.Reads) {
		t.Errorf("%d lanes, %d writes, %d reads, %d unknown in %d columns", len(c.Lanes), sum(x.Writes), sum(x.Reads), sum(x.Unknown), len(x.Reads))
	}
	if p := slices.Max(x.P99); p < .0079 || p > .0081 {
		t.Errorf("the slowest takes %v s, want 0.008", p)
	}
}

// A long drill makes no large file, and an empty one makes a page.
func TestSizeOfReports(t *testing.T) {
	r := result(t)
	for i := range 300_000 {
		at := int64(i) * int64(10*time.Millisecond)
		r.History.Records = append(r.History.Records, history.Record{Op: &history.Op{Code: wire.OpGetData, Intend: at, Invoke: at, Return: at + 1_234_567, Outcome: history.OK}})
	}
	if n := len(write(t, r)); n > 1<<20 {
		t.Errorf("%d bytes for 300,000 operations", n)
	}
	s, err := scenario.Parse("x.yaml", []byte("faults: [at 1s kill 1]"))
	if err != nil {
		t.Fatal(err)
	}
	c := dataOf(t, write(t, &drill.Result{Verdict: history.VerdictUnknown, Scenario: s}))
	if c.Lanes == nil || c.Faults == nil || c.Phases == nil || len(c.Columns.Reads) == 0 || c.End <= 0 {
		t.Errorf("of a run that did not begin: %+v", c)
	}
}

// In a browser the lanes and the columns are drawn, the pointer and the wheel do something, and the page is not
// wider than the window.
func TestReportInChromium(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(write(t, result(t))), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"400,800", "800,600", "1600,900"} {
		cmd := exec.CommandContext(t.Context(), chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(dir, size),
			"--window-size="+size, "--virtual-time-budget=2000", "--dump-dom", "file://"+file+"#selftest")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", size, err)
		}
		const want = "<title>lanes=3 hover=true zoom=true mark=true drawn=true fits=true errors=0</title>"
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: got %s, want %s", size, regexp.MustCompile("<title>.*?</title>").FindString(string(out)), want)
		}
	}
}
