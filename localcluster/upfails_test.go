//go:build unix

package localcluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zkctl/localcluster"
)

// An up that fails names what is wrong, and leaves nothing behind.
func TestUpThatFails(t *testing.T) {
	t.Parallel()
	up := func(home localcluster.Home, r localcluster.Request) error {
		_, err := localcluster.Up(t.Context(), localcluster.UpOptions{
			Home: home, Name: "test", Request: r, Wait: patience, Program: "zkctl", Progress: func(string) {},
		})
		return err
	}
	t.Run("a member dies", func(t *testing.T) {
		if err := localcluster.CheckApache(os.Getenv); err != nil {
			t.Skip(err) // the embedded engine's settings are judged before one is started
		}
		apache, err := localcluster.ParseEngineMix("apache")
		if err != nil {
			t.Fatal(err)
		}
		home := localcluster.Home(t.TempDir())
		err = up(home, localcluster.Request{Engines: apache, Settings: []string{"maxSessionTimeout=nonsense"}})
		if err == nil || !strings.Contains(err.Error(), "died (exit code ") {
			t.Errorf("%v", err)
		}
		if left := leftIn(t, home); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("a member dies in an ensemble that exists", func(t *testing.T) {
		e := start(t, localcluster.Request{})
		e.create(e.session(e.leader()), "/kept", "1")
		if _, err := localcluster.Down(e.ctx, e.home, "test", false, false); err != nil {
			t.Fatal(err)
		}
		if err := up(e.home, localcluster.Request{Settings: []string{"maxSessionTimeout=nonsense"}}); localcluster.CodeOf(err) != localcluster.CodeUsage {
			t.Error(err)
		}
		epoch := filepath.Join(e.folder.Member(1).DataDir(), "version-2", "currentEpoch")
		was, err := os.ReadFile(epoch)
		if err == nil {
			err = os.WriteFile(epoch, []byte("nonsense"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		err = up(e.home, localcluster.Request{})
		if err == nil || !strings.Contains(err.Error(), "member 1 died (exit code 1)") || !strings.Contains(err.Error(), "currentEpoch") {
			t.Errorf("%v", err)
		}
		if err := os.WriteFile(epoch, was, 0o600); err != nil {
			t.Fatal(err)
		}
		if e.folder.Running() {
			t.Error("the supervisor is still there")
		}
		e.up(localcluster.Request{}) // with the settings from before
		if tree := e.sameTrees(); !strings.Contains(tree, "\n/kept ") {
			t.Error("data is lost")
		}
	})
	t.Run("another member's data", func(t *testing.T) {
		e := start(t, localcluster.Request{})
		if _, err := localcluster.Down(e.ctx, e.home, "test", false, false); err != nil {
			t.Fatal(err)
		}
		myid := filepath.Join(e.folder.Member(2).DataDir(), "myid")
		if err := os.WriteFile(myid, []byte("3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := up(e.home, localcluster.Request{})
		if err == nil || !strings.Contains(err.Error(), myid+` says "3", but this is member 2`) {
			t.Errorf("%v", err)
		}
		if e.folder.Running() {
			t.Error("the supervisor is still there")
		}
	})
	t.Run("the home is a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "home")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		err := up(localcluster.Home(file), localcluster.Request{})
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(localcluster.HintOf(err), "ZKCTL_HOME") {
			t.Errorf("%v (%s)", err, localcluster.HintOf(err))
		}
	})
}

// leftIn lists what is in a home.
func leftIn(t *testing.T, home localcluster.Home) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(string(home))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
