package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestReportsThatCannotBePrinted has commands print on a full disk: what they did is done, and the message says so. The
// advice for a full state directory is about another disk.
func TestReportsThatCannotBePrinted(t *testing.T) {
	e := up(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	const unwritten = "write the result to standard output: write /dev/stdout: no space left on device\n"
	for _, c := range []struct{ line, says string }{
		{"kill 1 --for 1h", "zkctl: kill 1 is done, but not its report: " + unwritten},
		{"kill 2 --dry-run", "zkctl: " + unwritten},
		{"status", "zkctl: " + unwritten},
		{"partition 2", "zkctl: the fault is done, but not its report: " + unwritten},
		{"heal --all", "zkctl: heal is done, but not its report: " + unwritten},
		{"up", "zkctl: up is done, but not its report: " + unwritten},
		{"events", "zkctl: " + unwritten},
		{"down", "zkctl: down is done, but not its report: " + unwritten},
	} {
		var errs strings.Builder
		cmd := exec.CommandContext(e.ctx, e.self(), strings.Fields(c.line)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = e.env, full, &errs
		_ = cmd.Run() // the code says how it ended
		if code := cmd.ProcessState.ExitCode(); code != 1 || errs.String() != c.says && !strings.HasSuffix(errs.String(), "\n"+c.says) {
			t.Errorf("%s: exit %d\n%s", c.line, code, errs.String())
		}
		if role := "down"; c.line == "kill 1 --for 1h" && e.status().Members[0].Role != role {
			t.Errorf("member 1 is not %s", role)
		}
	}
}
