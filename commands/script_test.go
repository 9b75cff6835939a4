package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"zkctl/localcluster"
	"zkctl/probe/peers"
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
			// What a script leaves running ends with it, also when it fails.
			home := localcluster.Home(filepath.Join(env.WorkDir, "state"))
			env.Defer(func() { downAll(t, home) })
			return nil
		},
		// [peer:NAME] is [exec:NAME] for what has to be there where peers are required.
		Condition: func(condition string) (bool, error) {
			name, ok := strings.CutPrefix(condition, "peer:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", condition)
			}
			_, err := exec.LookPath(name)
			if err != nil && peers.Required() {
				return false, fmt.Errorf("ZKCTL_REQUIRE_PEERS=1, and %s is missing: %w", name, err)
			}
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": cmdExits,
			"until": cmdUntil,
		},
	})
}

// downAll stops every ensemble of a home and deletes it.
func downAll(t *testing.T, home localcluster.Home) {
	names, err := home.Names()
	if err != nil {
		t.Error(err)
	}
	for _, name := range names {
		if _, err := localcluster.Down(context.Background(), home, name, true, false); err != nil {
			t.Errorf("down %s: %v", name, err)
		}
	}
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

// cmdUntil is "until zkctl ARG…": it runs the command again and again until it succeeds, for a
// state that another command in the background brings about.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until COMMAND [ARG...]")
	}
	for deadline := time.Now().Add(time.Minute); ts.Exec(args[0], args[1:]...) != nil; {
		if time.Now().After(deadline) {
			ts.Fatalf("%v never succeeded", args)
		}
	}
}

func exitStatus(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
