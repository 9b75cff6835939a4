package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// wrongText has, for each flag that takes text, values that no ensemble could make sense of. Empty
// ones are tried for every flag.
var wrongText = map[string][]string{
	"name":     {"../etc", "a/b", ".", "a b"},
	"output":   {"xml", "JSON", "table,json"},
	"signal":   {"NONSENSE", "0", "-9", "65", "9 9", "STOP", "CONT", "NaN"},
	"bridge":   {"zebra", "1,,2", "-1"},
	"channel":  {"air", "quorum,election", "ALL"},
	"error":    {"EBADF", "eio"},
	"skew":     {"now", "-", "+", "--", "NaN"},
	"rate":     {"fast", "0", "-1", "NaN", "Inf", "1XB", "1 MB/h", "1e30"},
	"for":      {"godot", "healthy,leader"}, // of wait; the others are durations
	"shell":    {"tcsh", "SH"},
	"engine":   {"steam", "embedded=0", "embedded=-1", "embedded=x", "embedded,apache", "embedded=1e9", "embedded=99999999999"},
	"scenario": {"no-such-scenario", "leader crash", "-"}, // standard input is empty here
	"set":      {"nonsense", "=1", "clientPort=2181", "server.1=x", "tickTime=0", "initLimit=-1", "syncLimit=NaN", "a b=c"},
	"print":    {"nonsense", "a/b"}, // of drill
	"slo":      {"nonsense", "election", "election<x", "election=2s", "nonsense<2s", "lost_acks<-1", "election<-1s"},
	// Files that are not there are a failure, not a wrong word: exit 1.
	"config": nil, "schedule": nil, "rtt": nil, "junit": nil, "report": nil, "bundle": nil, "workload": nil,
}

// wrongNumbers are wrong for every flag of a kind.
var (
	wrongDurations = []string{"-1s", "1", "0x1s", "NaN", "1x", "s", "1s2", "300y", "1e400y", "-0.1d"}
	wrongInts      = []string{"-1", "1.5", "NaN", "x", "0x10", "1e3", "99999999999999999999"}
	wrongUints     = []string{"-1", "1.5", "NaN", "x", "99999999999999999999"}
	wrongFloats    = []string{"NaN", "Inf", "-Inf", "-1", "2", "x"}
	wrongBools     = []string{"perhaps", "2", "yes"}
)

// arguments make a command line of a verb complete.
var arguments = map[string][]string{
	"kill": {"1"}, "start": {"1"}, "restart": {"1"}, "pause": {"1"}, "resume": {"1"}, "logs": {"1"}, "partition": {"1|2"},
	"slow": {"1", "--latency", "1ms"}, "completion": {"bash"}, "exec": {"--", "true"}, "serve": {"absent.cfg"},
	"drill": {"leader-crash", "--dry-run"}, "verify": {"absent"},
	"simulate": {"--runs", "1"}, "quorum": {"--nodes", "3"}, "plan": {"--from", "3", "--to", "5"},
}

// elsewhere are commands whose text flags are tested by the scripts of the calculator.
var elsewhere = []string{"quorum", "plan", "recovery", "explain"}

// TestWrongValuesExitTwo gives every flag of every command values that make no sense. Each is refused
// with exit 2 before anything is done, whether or not there is an ensemble, and the flag is named.
func TestWrongValuesExitTwo(t *testing.T) {
	app := (&program{}).app()
	tried := 0
	var walk func(path []string, c *cli.Command)
	walk = func(path []string, c *cli.Command) {
		if c.Hidden {
			return
		}
		path = append(slices.Clone(path), c.Name)
		for _, f := range slices.Concat(c.Flags, globalFlags(app, []*cli.Command{c})) {
			if !isVisible(f) {
				continue // as hidden commands
			}
			name := f.Names()[0]
			for _, value := range append(wrongValues(t, c.Name, f), "") {
				args := slices.Concat(path, []string{"--" + name + "=" + value}, arguments[c.Name])
				if name == "nodes" || name == "runs" {
					args = append(path[:len(path):len(path)], "--"+name+"="+value) // the last value would count
				}
				out, errs, code := wrongRun(t, args)
				if code != exitUsage || out != "" || errs == "" {
					t.Errorf("zkctl %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
				}
				tried++
			}
		}
		for _, s := range c.Subcommands {
			walk(path, s)
		}
	}
	for _, c := range app.Commands {
		walk(nil, c)
	}
	if tried < 500 {
		t.Errorf("only %d values were tried", tried)
	}
}

func wrongRun(t *testing.T, args []string) (out, errs string, code int) {
	t.Helper()
	if args[0] == "up" {
		args = append(args, "--dry-run") // what is not refused must not start anything
	}
	home := t.TempDir()
	getenv := func(name string) string { return map[string]string{"ZKCTL_HOME": home}[name] }
	var o, e bytes.Buffer
	code = Run(context.Background(), args, Streams{In: strings.NewReader(""), Out: &o, Err: &e}, getenv)
	return o.String(), e.String(), code
}

func wrongValues(t *testing.T, command string, f cli.Flag) []string {
	t.Helper()
	switch f.(type) {
	case *cli.DurationFlag:
		return wrongDurations
	case *cli.IntFlag, *cli.Int64Flag:
		return wrongInts
	case *cli.UintFlag, *cli.Uint64Flag:
		return wrongUints
	case *cli.Float64Flag:
		return wrongFloats
	case *cli.BoolFlag:
		return wrongBools
	}
	values, known := wrongText[f.Names()[0]]
	if !known && !slices.Contains(elsewhere, command) {
		t.Errorf("%s --%s: say in wrongText what is wrong for it", command, f.Names()[0])
	}
	return values
}

// TestContradictionsExitTwo has flags and arguments that are right by themselves and make no sense together.
func TestContradictionsExitTwo(t *testing.T) {
	for _, line := range []string{
		"up --nodes 0", "up --nodes 51", "up --nodes 1000000000000", "up --observers 1000000000000", "up --nodes 30 --observers 30",
		"up --engine embedded=2,apache=1 --nodes 5", "up --tick 0s", "up --tick 1us", "up --tick 100y", "up --base-port 0", "up --base-port 80",
		"up --base-port 65530", "up --base-port 99999999", "up --name=a --name=",
		"kill 1 --for 0s", "pause 1 --for 0ms", "partition 1 --for 0d", "slow 1 --latency 1ms --for 0h",
		"kill", "kill 1 2", "kill 1 --name", "kill 1 --signal --for 1s", "kill ''", "start", "restart", "pause", "resume", "logs",
		"partition", "partition 1 2", "partition 1 --ring", "partition --ring --one-way", "partition --ring --bridge 1",
		"partition 1|1", "partition 1,2|3 --bridge 3", "partition 1>2 --bridge 3", "partition 1>2|3",
		"slow", "slow 1", "slow 1 --latency 0s", "slow 1 --jitter 1ms", "slow 1 --latency 1ms --jitter 2ms", "slow 1|2 --latency 1ms",
		"heal --all f1", "faults f1", "status 1", "ls x", "down x", "wait healthy", "env x", "exec", "serve", "serve a b",
		"simulate --runs 0 --for 0s", "simulate --nodes 0", "simulate --nodes 8", "simulate --trace", "simulate --schedule x --seed 1",
		"drill", "drill nonsense", "drill --list x", "drill --print leader-crash x", "drill --list --print leader-crash", "drill a b", "drill ''",
		"drill leader-crash --nodes 0", "drill leader-crash --clients 0", "drill leader-crash --duration 1s", "drill leader-crash --observers -1",
		"verify", "verify a b", "verify ''",
		"completion", "completion tcsh", "completion bash -o json", "logs 1 -o json", "logs 1 -o yaml", "events -o yaml", "events -o table",
		"exec -o json -- true", "serve -o yaml x", "version x",
		"serve ''", "exec -- ''", "exec ''", "start ''", "logs ''", "heal ''", "partition ''", "slow '' --latency 1ms", "completion ''", "quorum explain ''",
	} {
		var args []string
		for _, word := range strings.Fields(line) {
			args = append(args, strings.Trim(word, "'"))
		}
		if out, errs, code := wrongRun(t, args); code != exitUsage || out != "" || errs == "" {
			t.Errorf("zkctl %s: exit %d\n%s%s", line, code, out, errs)
		}
	}
}

// TestTheLastValueCounts: of a flag that is given twice the last value holds, as everywhere, so that
// an alias can have defaults.
func TestTheLastValueCounts(t *testing.T) {
	out, errs, code := wrongRun(t, []string{"-o", "json", "version", "-o", "table"})
	if code != exitOK || strings.Contains(out, "{") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// TestFilesThatAreMissingExitOne: the words were right, and the operation failed.
func TestFilesThatAreMissingExitOne(t *testing.T) {
	for _, line := range []string{
		"up --config absent.cfg", "quorum --config absent.cfg", "quorum --nodes 3 --rtt absent", "quorum plan --from absent.cfg --to 3",
		"quorum recovery --config absent.cfg", "simulate --schedule absent.txt", "serve absent.cfg",
		"drill ./absent.yaml", "verify absent",
	} {
		if out, errs, code := wrongRun(t, strings.Fields(line)); code != exitFailed || out != "" || !strings.Contains(errs, "absent") {
			t.Errorf("zkctl %s: exit %d\n%s%s", line, code, out, errs)
		}
	}
}

// TestEmptyConfigurations: a text without a key describes no ensemble, whether it is a file or standard input.
// Each command refuses it with the code that it has for a configuration that means nothing.
func TestEmptyConfigurations(t *testing.T) {
	empty, comment := filepath.Join(t.TempDir(), "empty.cfg"), filepath.Join(t.TempDir(), "comment.cfg")
	for name, text := range map[string]string{empty: "", comment: "# tickTime=2000\n\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line string
		code int
	}{
		{"up --config", exitUsage},
		{"quorum --config", exitUnhealthy},
		{"quorum plan --to 3 --from", exitUnhealthy},
		{"quorum plan --from 3 --to", exitUnhealthy},
		{"quorum recovery --config", exitUnhealthy},
		{"serve", exitUsage},
	} {
		for _, file := range []string{empty, comment, "-"} {
			if file == "-" && c.line == "serve" {
				continue // it reads files only
			}
			says := strings.ReplaceAll(file, "-", "standard input") + ": the configuration is empty"
			out, errs, code := wrongRun(t, append(strings.Fields(c.line), file))
			if code != c.code || out != "" || !strings.Contains(errs, says) {
				t.Errorf("zkctl %s %s: exit %d, want %d and %q\n%s%s", c.line, file, code, c.code, says, out, errs)
			}
		}
	}
}
