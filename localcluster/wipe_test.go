//go:build unix

package localcluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zkctl/localcluster"
)

// A member whose data was removed with it starts with nothing, and gets all from the leader.
func TestKillWipes(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	follower := e.follower()
	e.create(e.session(e.leader()), "/kept", "1")
	report, err := e.Act(e.ctx, localcluster.ActRequest{Verb: "kill", Selector: fmt.Sprint(follower), Wipe: true})
	if err != nil || report.Fault == nil {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := os.Stat(filepath.Join(e.folder.Member(follower).DataDir(), "version-2")); !os.IsNotExist(err) {
		t.Errorf("its data: %v", err)
	}
	e.heal()
	e.wait("healthy")
	if tree := e.sameTrees(); !strings.Contains(tree, "/kept ") {
		t.Errorf("lost: %s", tree)
	}
	if _, err := e.Act(e.ctx, localcluster.ActRequest{Verb: "pause", Selector: "1", Wipe: true}); localcluster.CodeOf(err) != localcluster.CodeUsage {
		t.Errorf("a pause that removes data: %v", err)
	}
}
