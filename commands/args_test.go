package commands

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// testApp is a tree with everything that parseArgs distinguishes.
func testApp() *cli.App {
	noop := func(*cli.Context) error { return nil }
	return &cli.App{
		Name: "zkctl",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
		},
		Commands: []*cli.Command{
			{Name: "kill", ArgsUsage: "SELECTOR", Action: noop, Flags: []cli.Flag{
				&cli.StringFlag{Name: "signal"}, &cli.DurationFlag{Name: "for"}}},
			{Name: "quorum", Action: noop, Flags: []cli.Flag{&cli.IntFlag{Name: "nodes"}, &cli.Float64Flag{Name: "target"}},
				Subcommands: []*cli.Command{{Name: "plan", Action: noop, Flags: []cli.Flag{&cli.StringFlag{Name: "from"}}}}},
			{Name: "inspect", Subcommands: []*cli.Command{{Name: "log", ArgsUsage: "PATH", Action: noop}}},
		},
	}
}

func TestParseArgsPutsThingsInOrder(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"kill leader --signal TERM -q", "zkctl --quiet=true kill --signal=TERM -- leader"},
		{"-o json kill --for=10s 1,3", "zkctl --output=json kill --for=10s -- 1,3"},
		{"kill 1 --for 1d12h", "zkctl kill --for=36h0m0s -- 1"},
		{"kill 1 --for 1.5us", "zkctl kill --for=1.5µs -- 1"},
		{"quorum --nodes 010", "zkctl quorum --nodes=10 --"},
		{"kill -q=1 1", "zkctl --quiet=true kill -- 1"},
		{"kill 1 --signal=--for", "zkctl kill --signal=--for -- 1"},
		{"kill -- -x --signal y", "zkctl kill -- -x --signal y"},
		{"kill -", "zkctl kill -- -"},
		{"quorum --nodes -3", "zkctl quorum --nodes=-3 --"},
		{"quorum plan -o yaml --from a=b", "zkctl --output=yaml quorum plan --from=a=b --"},
		{"inspect -q log f", "zkctl --quiet=true inspect log -- f"},
	} {
		app := testApp()
		l, err := parseArgs(app, strings.Fields(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := strings.Join(l.canonical("zkctl"), " "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestParseArgsRefuses(t *testing.T) {
	for _, c := range []struct{ in, says string }{
		{"kil leader", `unknown command "kil"`},
		{"quorum plam", `unknown command "plam" for zkctl quorum`},
		{"quorum --nodes 3 plan", "--nodes=3 belongs to zkctl quorum"},
		{"quorum --nodes three", `--nodes wants a whole number, got "three"`},
		{"quorum --target x", `--target wants a number, got "x"`},
		{"quorum --target", `--target wants a value`},
		{"kill leader --for 10", `--for wants a duration such as 500ms, 10s, 2m, 1d or 1.5y, got "10"`},
		{"kill leader --for -1s", `--for wants a duration such as 500ms, 10s, 2m, 1d or 1.5y, zero or more, got "-1s"`},
		{"kill leader --for 300y", `--for "300y" is longer than a clock can count`},
		{"quorum --nodes=", `--nodes wants a value, and it is empty`},
		{"quorum --nodes 0x10", `--nodes wants a whole number, got "0x10"`},
		{"quorum --target NaN", `--target wants a number, got "NaN"`},
		{"quorum --target -Inf", `--target wants a number, got "-Inf"`},
		{"kill 1 --signal --for 1s", "--signal wants a value, got the flag --for"},
		{"kill leader --from x", "unknown flag --from for zkctl kill"},
		{"inspect", "zkctl inspect needs a command: one of log"},
		{"--nonsense", "unknown flag --nonsense for zkctl"},
	} {
		_, err := parseArgs(testApp(), strings.Fields(c.in))
		if exitCode(err) != exitUsage || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v (exit %d), want %q (exit 2)", c.in, err, exitCode(err), c.says)
		}
	}
}

func TestClosest(t *testing.T) {
	known := []string{"partition", "pause", "probe", "quorum", "up"}
	for word, want := range map[string]string{
		"puase": "pause", "part": "partition", "qorum": "quorum", "uo": "up", "frobnicate": "", "x": "", "": "",
		"prob": "probe", "prboe": "probe", "pasue": "pause", "ppartitoin": "partition", "stop": "", "ab": "", "pa": "partition",
	} {
		if got := closest(word, known); got != want {
			t.Errorf("closest(%q) = %q, want %q", word, got, want)
		}
	}
	if !slices.Contains(known, closest("probee", known)) {
		t.Error("one letter too many must still be recognised")
	}
}

// TestSuggestions tries words of other tools, and words that describe what a command does.
func TestSuggestions(t *testing.T) {
	known := names((&program{}).app().Commands)
	for word, want := range map[string]string{
		"stop": "down (the ensemble), kill or pause (members)", "halt": "down (the", "shutdown": "down (the", "exit": "down (the",
		"destroy": "down --purge", "delete": "down --purge", "rm": "down --purge", "purge": "down --purge", "list": "ls (", "ps": "ls (",
		"log": `"logs"`, "tail": "logs", "info": "status", "show": "status", "describe": "status", "stat": `"status"`, "health": "status",
		"run": "up", "create": "up", "launch": "up", "new": "up", "init": "up", "connect": "exec -- COMMAND", "shell": "exec", "ssh": "exec",
		"freeze": "pause", "unpause": "resume", "thaw": "resume", "continue": "resume", "cut": "partition", "net": "partition",
		"split": "partition", "isolate": "partition", "delay": "slow", "throttle": "slow", "latency": "slow", "recover": "heal",
		"repair": "heal", "fix": "heal", "undo": "heal", "crash": "kill", "reboot": "restart", "history": "events", "size": "quorum",
		"server": "serve", "await": "wait", "sim": `"simulate"`, "vers": `"version"`, "STATUS": `"status"`, "Kill": `"kill"`,
		"statsu": `"status"`, "strat": `"start"`, "klil": `"kill"`, "dwon": `"down"`, "restrat": `"restart"`, "particion": `"partition"`,
		"parttion": `"partition"`, "quorm": `"quorum"`, "event": `"events"`, "fault": `"faults"`, "hael": `"heal"`, "sl": `"slow"`,
		"wiat": `"wait"`, "evn": `"env"`, "pu": `"up"`,
		"frobnicate": "", "x": "", "zookeeper": "", "kafka": "", "make": "", "9": "",
	} {
		got := suggestCommand(word, known)
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: did you mean %s? want %s", word, got, want)
		}
	}
	for _, f := range foreign {
		for _, word := range strings.Fields(f.words) {
			if slices.Contains(known, word) || suggestCommand(word, known) == "" {
				t.Errorf("%s is a command, or %s is none", word, f.means)
			}
		}
	}
}
