//go:build unix

package localcluster_test

import (
	"os"
	"strings"
	"testing"

	"zkctl/localcluster"
)

// Three of Apache's own servers, behind the links: everything zkctl does to the embedded engine it
// does to them, too.
func TestApacheAlone(t *testing.T) {
	long(t)
	mix, err := localcluster.ParseEngineMix("apache")
	if err != nil {
		t.Fatal(err)
	}
	needApache(t)
	e := start(t, localcluster.Request{Engines: mix})
	e.create(e.session(e.leader()), "/kept", "1")
	old := e.leader().ID
	e.act("pause", "leader")
	if now := e.leader(); now.ID == old {
		t.Errorf("member %d leads, and is paused", old)
	}
	e.act("resume", "all")
	e.wait("healthy")
	e.act("kill", "majority")
	e.wait("no-quorum")
	e.act("start", "all")
	e.wait("healthy")
	if tree := e.sameTrees(); !strings.Contains(tree, "\n/kept ") {
		t.Error("data is lost")
	}
}

// needApache skips a test where the apache engine cannot run; with ZKCTL_REQUIRE_PEERS=1, as CI has
// it, that is a failure.
func needApache(t *testing.T) {
	t.Helper()
	err := localcluster.CheckApache(os.Getenv)
	if err == nil {
		return
	}
	missing := t.Skipf
	if os.Getenv("ZKCTL_REQUIRE_PEERS") == "1" {
		missing = t.Fatalf
	}
	missing("Apache ZooKeeper is not tested: %v (%s)", err, localcluster.HintOf(err))
}
