package commands

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary stand in for zkctl, under that name: scripts
// that say "exec zkctl …" run the real command tree in a process of its own, and
// whatever starts itself again finds zkctl in os.Executable.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"zkctl": func() { os.Exit(Run(context.Background(), os.Args[1:], Stdio(), os.Getenv)) },
	})
}

func TestScripts(t *testing.T) {
	const pattern = "testdata/script/*.txtar"
	if found, err := filepath.Glob(pattern); err != nil || len(found) == 0 {
		t.Fatalf("no scripts match %s (%v)", pattern, err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// Scripts must neither see nor touch the user's own ensembles.
			env.Setenv("ZKCTL_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("NO_COLOR", "")
			env.Setenv("ZKCTL_NAME", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": cmdExits,
		},
	})
}

// cmdExits is "exits CODE zkctl ARG…": it runs the command and requires exactly
// that exit code. (testscript's own "! exec" cannot tell 2 from 3.)
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = exitStatus(err)
	}
	if code != args[0] {
		ts.Fatalf("%v exited %s, want %s", args[1:], code, args[0])
	}
}

func exitStatus(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
