package commands

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject"
	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/link"
	"zkctl/inject/scenario"
	"zkctl/localcluster"
	"zkctl/localcluster/simulation"
	"zkctl/probe"
)

// widths are the terminals that pages are drawn for; 0 is a pipe, where tables have all columns.
var widths = []int{0, 40, 60, 80, 120}

// everyPage draws each kind of page that has a table, for a terminal of a width.
func everyPage(t *testing.T, width int) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for name, draw := range map[string]func(*page){
		"status":   func(pg *page) { drawStatus(pg, largeStatus()) },
		"ls":       func(pg *page) { drawSummaries(pg, largeSummaries()) },
		"faults":   func(pg *page) { drawFaults(pg, largeFaults()) },
		"simulate": func(pg *page) { drawSimulated(pg, document(1<<47, simulation.Tally{Runs: 1 << 20, Steps: 1 << 40})) },
		"drill":    func(pg *page) { drawVerdict(pg, drill.NewDocument(largeResult()), nil) },
	} {
		pg := &page{width: width, edge: width}
		if width == 0 {
			pg.width = textWidth
		}
		draw(pg)
		pages[name] = pg.buf.String()
	}
	rtt := filepath.Join(t.TempDir(), "rtt")
	if err := os.WriteFile(rtt, []byte("server fsync 1 2 3\n1 1ms 0 120 80\n2 1ms 120 0 60\n3 1ms 80 60 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"drill --list",
		"quorum --nodes 5 --availability 0.99 --availability 1=0.9",
		"quorum --nodes 6 --zones amsterdam-1=1,2;frankfurt-2=3,4;paris-3=5,6 --availability 0.99 --zone-availability 0.999",
		"quorum --nodes 3 --rtt RTT",
		"quorum --compare 3,4,5,7,9 --availability 0.99 --mttf 90d --mttr 1h --rtt RTT",
		"quorum plan --from 3 --to 7",
		"quorum recovery",
	} {
		columns := ""
		if width > 0 {
			columns = strconv.Itoa(width)
		}
		pages[line] = runIn(t, columns, strings.Fields(strings.ReplaceAll(line, "RTT", rtt))...)
	}
	return pages
}

// runIn runs a command that must succeed, with COLUMNS set, and returns what it printed.
func runIn(t *testing.T, columns string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	getenv := func(name string) string {
		return map[string]string{"COLUMNS": columns, "ZKCTL_HOME": t.TempDir()}[name]
	}
	if code := Run(context.Background(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, getenv); code != exitOK {
		t.Fatalf("zkctl %s exits %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

func largeStatus() localcluster.Status {
	leader := int64(5)
	s := localcluster.Status{
		Name: "a-name-of-some-length", State: localcluster.StateRunning, Health: probe.HealthDegraded,
		Quorum: probe.Quorum{Size: 9, Needed: 5, Have: 8}, Leader: &leader, Epoch: 1234567, Faults: largeFaults(),
	}
	for id := int64(1); id <= 9; id++ {
		s.Members = append(s.Members, localcluster.MemberStatus{
			ID: id, Role: "follower", Engine: localcluster.Apache, Version: "3.8.0", PID: 4194303, Client: fmt.Sprintf("127.0.0.1:2700%d", id),
			Zxid: "0x12d687ffffffff", Epoch: 1234567, Connections: 60000, Uptime: 1e6,
		})
		s.Connect += fmt.Sprintf(",127.0.0.1:2700%d", id)
	}
	s.Connect = s.Connect[1:]
	return s
}

func largeSummaries() []localcluster.Summary {
	s := largeStatus()
	return []localcluster.Summary{
		{Name: "default", State: localcluster.StateRunning, Health: new(probe.HealthHealthy), Connect: s.Connect[:47], Members: 3},
		{Name: s.Name, State: localcluster.StateStopped, Health: new(probe.HealthNoQuorum), Connect: s.Connect, Members: 9},
	}
}

func largeResult() *drill.Result {
	second := 12345 * time.Millisecond
	r := &drill.Result{
		Verdict: history.Violated, Seed: 1 << 47, World: "embedded=5,apache=4, 3 observers",
		Scenario: &scenario.Scenario{Name: "leader-crash-repeatedly"},
		Reasons:  []string{"one", "two", "three", "four", "five"},
		Checks: []history.CheckResult{
			{Name: history.SameHistory, Verdict: history.VerdictOK, Count: 1e9}, {Name: history.QuorumAcks, Verdict: history.VerdictOK},
			{Name: history.Result, Verdict: history.Violated, Found: 3, Evidence: []history.Finding{{Text: "the answer is not what the order gives", At: 1e9}}},
			{Name: history.FIFO, Verdict: history.VerdictUnknown, Why: "the logs lack 0x100000001"},
		},
		Limits: []drill.LimitResult{
			{Limit: scenario.Limit{Text: "write_unavailable<2s"}, Value: 3}, {Limit: scenario.Limit{Text: "election<2s"}, Value: math.NaN()},
			{Limit: scenario.Limit{Text: "lost_acks==0"}, Holds: true},
		},
	}
	for range 8 {
		r.Faults = append(r.Faults, drill.Recovery{
			Fault:     drill.FaultRecord{Line: "partition '1,2,3,4|5,6,7,8,9' --one-way --channel quorum --for 1m30s", From: 1e12, To: 2e12, Effect: true},
			Detection: &second, Election: &second, Sync: &second, FirstWrite: &second, Predicted: &second, WriteOutage: second,
		})
	}
	return r
}

// TestVerdictFitsOneScreen: what one sees after a drill is not scrolled away when all promises held, whatever struck.
func TestVerdictFitsOneScreen(t *testing.T) {
	pg := &page{width: textWidth, edge: textWidth}
	r := largeResult()
	r.Reasons, r.Checks, r.Limits = nil, nil, r.Limits[2:]
	for _, p := range history.Promises() {
		r.Checks = append(r.Checks, history.CheckResult{Name: p, Verdict: history.VerdictOK, Count: 123456})
	}
	drawVerdict(pg, drill.NewDocument(r), []string{"zkctl drill a --seed 1", "zkctl verify b"})
	if n := strings.Count(pg.buf.String(), "\n"); n > 24 {
		t.Errorf("%d lines:\n%s", n, pg.buf.String())
	}
}

func largeFaults() []localcluster.ActiveFault {
	left, shape := 5400.0, link.Shape{Latency: 250 * time.Millisecond, Jitter: 50 * time.Millisecond, Rate: 1 << 30}
	lanes := inject.Lanes(inject.PlanGroups([][]int64{{1, 2, 3, 4}, {5, 6, 7, 8, 9}}, link.Channels()))
	return []localcluster.ActiveFault{
		{Fault: inject.Fault{ID: "f1", Kind: inject.Cut, Members: []int64{1, 2, 3, 4}, Links: lanes}},
		{Fault: inject.Fault{ID: "f12", Kind: inject.Slow, Members: []int64{1, 2}, Links: lanes, Shape: &shape}, Remaining: &left},
		{Fault: inject.Fault{ID: "f123", Kind: inject.Kill, Members: []int64{9}, Detail: "KILL"}, Remaining: &left},
	}
}

// TestTablesFitTheTerminal draws every table for terminals from narrow to wide: no line is longer than
// the terminal, but for one that is a single value, such as a connect string, which must not be broken.
func TestTablesFitTheTerminal(t *testing.T) {
	for _, width := range widths {
		for name, text := range everyPage(t, width) {
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if single := len(strings.Fields(strings.TrimPrefix(line, "connect: "))) == 1; width > 0 && visible(line) > width && !single {
					t.Errorf("%s in %d columns has a line of %d:\n%s", name, width, visible(line), line)
				}
			}
		}
	}
}

// TestEveryColumnIsTested holds everyPage to the source: each column title of this package is in one
// of its tables.
func TestEveryColumnIsTested(t *testing.T) {
	heads := ""
	for _, text := range everyPage(t, 0) {
		for line := range strings.Lines(text) {
			if line == strings.ToUpper(line) {
				heads += "  " + strings.TrimSpace(line) + "  "
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source here: %v", err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			made, isName := call.Fun.(*ast.Ident)
			literal, isLiteral := call.Args[0].(*ast.BasicLit)
			if !isName || !isLiteral || made.Name != "left" && made.Name != "right" {
				return true
			}
			title, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found++
			if !strings.Contains(heads, "  "+strings.ToUpper(title)+"  ") {
				t.Errorf("%s: no page of everyPage has the column %q", name, title)
			}
			return true
		})
	}
	if found == 0 {
		t.Error("no column was found in the source")
	}
}

// TestColumnsLeftOut names the columns that a terminal of each width has room for: what a row is about
// stays, and of the others those that tell the most.
func TestColumnsLeftOut(t *testing.T) {
	const (
		zones   = "quorum --nodes 6 --zones amsterdam-1=1,2;frankfurt-2=3,4;paris-3=5,6 --availability 0.99 --zone-availability 0.999"
		rtt     = "quorum --nodes 3 --rtt RTT"
		compare = "quorum --compare 3,4,5,7,9 --availability 0.99 --mttf 90d --mttr 1h --rtt RTT"
		plan    = "quorum plan --from 3 --to 7"
	)
	pages := map[int]map[string]string{}
	for _, width := range []int{0, 60, 40} {
		pages[width] = everyPage(t, width)
	}
	for _, c := range []struct{ page, wide, at60, at40 string }{
		{"status", "ID ROLE ENGINE ZXID EPOCH CONNS CLIENT PID UP", "ID ROLE ZXID EPOCH CLIENT", "ID ROLE EPOCH CLIENT"},
		{"ls", "NAME STATE HEALTH MEMBERS CONNECT", "NAME STATE HEALTH MEMBERS", "NAME HEALTH"},
		{"faults", "ID KIND MEMBERS LINKS LEFT DETAIL", "ID KIND MEMBERS LINKS LEFT", "ID KIND MEMBERS LINKS"},
		{zones, "ZONE SERVERS WITHOUT IT THEN TOLERATES", "ZONE SERVERS WITHOUT IT THEN TOLERATES", "ZONE WITHOUT IT THEN TOLERATES"},
		{rtt, "LEADER COMMIT ACKS OF A CLIENT'S WRITE", "LEADER COMMIT ACKS OF A CLIENT'S WRITE", "LEADER COMMIT ACKS OF"},
		{compare, "VOTERS QUORUM TOLERATES MSGS AVAILABLE % DOWN/YEAR LASTS", "VOTERS TOLERATES AVAILABLE % DOWN/YEAR LASTS", "VOTERS TOLERATES MSGS AVAILABLE %"},
		{plan, "STEP DO QUORUM DURING AFTER", "STEP DO QUORUM DURING AFTER", "STEP DO"},
		{"quorum recovery", "THE LEADER DETECT SYNC NO WRITES FOR", "THE LEADER DETECT SYNC NO WRITES FOR", "THE LEADER NO WRITES FOR"},
	} {
		for width, want := range map[int]string{0: c.wide, 60: c.at60, 40: c.at40} {
			head := ""
			for line := range strings.Lines(pages[width][c.page]) {
				if head == "" && line == strings.ToUpper(line) && line != strings.ToLower(line) {
					head = strings.Join(strings.Fields(line), " ")
				}
			}
			if head != want {
				t.Errorf("%s in %d columns: %s, want %s", c.page, width, head, want)
			}
		}
	}
}

// TestHelpFitsTheTerminal draws the help of every command: an example goes on behind a backslash.
func TestHelpFitsTheTerminal(t *testing.T) {
	commands := [][]string{{"--help"}}
	for _, c := range (&program{}).app().Commands {
		if c.Hidden {
			continue
		}
		commands = append(commands, []string{c.Name, "--help"})
		for _, s := range c.Subcommands {
			commands = append(commands, []string{c.Name, s.Name, "--help"})
		}
	}
	for _, width := range []int{40, 60, 80, 120} {
		for _, args := range commands {
			for line := range strings.Lines(runIn(t, strconv.Itoa(width), args...)) {
				line = strings.TrimSuffix(line, "\n")
				quoted := strings.HasPrefix(strings.TrimSpace(line), "'")
				if visible(line) > min(width, textWidth) && len(strings.Fields(line)) > 1 && !quoted {
					t.Errorf("zkctl %s in %d columns has a line of %d:\n%s", strings.Join(args, " "), width, visible(line), line)
				}
			}
		}
	}
}

// TestMessagesFitTheTerminal: no line on stderr is wider than the terminal, but for a single word, and
// wrapping loses no word. Off a terminal each message is one line.
func TestMessagesFitTheTerminal(t *testing.T) {
	for _, args := range [][]string{
		{"frobnicate"}, {"exec", "grep", "-q", "x"}, {"status", "--verbose"}, {"kill", ""}, {"kill", "zebra"}, {"status"},
		{"quorum", "--nodes", "3", "--weights", "1=2"}, {"simulate", "--schedule", "-"}, {"up", "--config", "-"},
		{"up", "--engine", "steam"}, {"partition", "1|1"}, {"quorum", "--nodes", "4"}, {"simulate", "--trace"},
	} {
		_, whole := stderrOf(t, "", args)
		for _, columns := range []int{40, 60} {
			lines, text := stderrOf(t, strconv.Itoa(columns), args)
			for _, line := range lines {
				if visible(line) > columns && len(strings.Fields(line)) > 1 {
					t.Errorf("zkctl %s in %d columns has a line of %d:\n%s", strings.Join(args, " "), columns, visible(line), line)
				}
			}
			if text != whole {
				t.Errorf("zkctl %s in %d columns says\n%s\nand without a terminal\n%s", strings.Join(args, " "), columns, text, whole)
			}
		}
	}
}

// stderrOf runs a command with COLUMNS set. It returns the lines on stderr, and their words.
func stderrOf(t *testing.T, columns string, args []string) (lines []string, words string) {
	t.Helper()
	var errs bytes.Buffer
	getenv := func(name string) string { return map[string]string{"COLUMNS": columns, "ZKCTL_HOME": "absent"}[name] }
	Run(context.Background(), args, Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs}, getenv)
	if errs.Len() == 0 {
		t.Fatalf("zkctl %s says nothing on stderr", strings.Join(args, " "))
	}
	return strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n"), strings.Join(strings.Fields(errs.String()), " ")
}

func TestShortened(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"1>2 1>3", 7, "1>2 1>3"},
		{"1>2 1>3", 6, "1>2 1…"},
		{"1>2 1>3", 5, "1>2…"},
		{"éééé", 3, "éé…"},
		{"\x1b[31mno quorum\x1b[0m", 5, "\x1b[31mno q…\x1b[0m"},
		{"\x1b[31mlost\x1b[0m", 4, "\x1b[31mlost\x1b[0m"},
	} {
		if got := shortened(c.text, c.width); got != c.want {
			t.Errorf("shortened(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// TestExamplesAreUnderstood reads every example of every help as a command line. The scripts test what
// it does; this test finds flags and verbs that no longer exist.
func TestExamplesAreUnderstood(t *testing.T) {
	app, read := (&program{}).app(), 0
	var walk func(commands []*cli.Command)
	walk = func(commands []*cli.Command) {
		for _, c := range commands {
			for line := range strings.Lines(c.UsageText) {
				for _, part := range strings.Split(strings.TrimSpace(line), " && ") {
					part, _, _ = strings.Cut(part, " | ")
					words := shellWords(part)
					if len(words) == 0 || words[0] != "zkctl" {
						continue
					}
					read++
					if _, err := parseArgs(app, words[1:]); err != nil {
						t.Errorf("%s: %v", part, err)
					}
				}
			}
			walk(c.Subcommands)
		}
	}
	walk(app.Commands)
	if read < 30 {
		t.Errorf("only %d examples were read", read)
	}
}

// shellWords splits a line as a shell does, single quotes only.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 0 {
			words = append(words, strings.Fields(part)...)
		} else {
			words = append(words, part)
		}
	}
	return words
}
