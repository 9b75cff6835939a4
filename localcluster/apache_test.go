//go:build unix

package localcluster_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"zkctl/localcluster"
	"zkctl/probe/peers"
)

// Three of Apache's own servers, behind the links: zkctl does to them everything that it does to the embedded
// engine.
func TestApacheAlone(t *testing.T) {
	long(t)
	mix, err := localcluster.ParseEngineMix("apache")
	if err != nil {
		t.Fatal(err)
	}
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
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

// A Java leader records a wrong digest for a container that is made by the flags of a create. The embedded
// members that follow it count that and go on; they start again on a history with such digests in it, and have
// the quorum when the Java server is gone.
func TestDigestsThatJavaComputesWrong(t *testing.T) {
	long(t)
	mix, err := localcluster.ParseEngineMix("embedded=2,apache=1")
	if err != nil {
		t.Fatal(err)
	}
	peers.Need(t, "the apache engine", localcluster.CheckApache(os.Getenv))
	const apache = 3
	e := start(t, localcluster.Request{Engines: mix})
	for e.leader().ID != apache {
		// The largest id wins when all histories are equal.
		e.wait("synced")
		killed := e.act("kill", "leader")
		e.wait("leader")
		e.act("start", fmt.Sprint(killed[0]))
		e.wait("healthy")
	}
	s := e.session(e.leader())
	const containerFlag = 4
	for _, path := range []string{"/c1", "/c2"} {
		if _, _, err := s.Create(e.ctx, path, nil, containerFlag); err != nil {
			t.Fatal(err)
		}
	}
	e.create(s, "/plain", "data")
	e.wait("synced")
	for id := int64(1); id < apache; id++ {
		if n := e.mntr(e.member(id), "zk_digest_mismatches_count"); n == "0" {
			t.Errorf("member %d has not noticed: has this ZooKeeper no such digests?", id)
		}
	}
	e.act("kill", "1,2")
	e.act("start", "1,2")
	e.wait("healthy")
	for id := int64(1); id < apache; id++ {
		if n := e.mntr(e.member(id), "zk_digest_mismatches_count"); n == "0" {
			t.Errorf("member %d does not count what it found in its log", id)
		}
	}
	e.act("kill", fmt.Sprint(apache))
	e.create(e.session(e.leader()), "/after", "data")
	e.act("start", "all")
	e.wait("healthy")
	tree := e.sameTrees()
	for _, path := range []string{"/c1", "/c2", "/plain", "/after"} {
		if !strings.Contains(tree, "\n"+path+" ") {
			t.Errorf("%s is lost", path)
		}
	}
}

// mntr is one value of a member's mntr.
func (e *ensemble) mntr(m localcluster.MemberStatus, key string) string {
	e.Helper()
	conn, err := net.Dial("tcp", m.Client)
	if err != nil {
		e.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "mntr")
	text, err := io.ReadAll(conn)
	if err != nil {
		e.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"\t"); ok {
			return value
		}
	}
	e.Fatalf("member %d has no %s:\n%s", m.ID, key, text)
	return ""
}
