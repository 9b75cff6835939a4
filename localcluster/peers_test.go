//go:build unix

package localcluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"zkctl/localcluster"
	"zkctl/probe"
)

// missing skips a test whose peer is not installed; with ZKCTL_REQUIRE_PEERS=1, as CI has it, that is
// a failure.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("ZKCTL_REQUIRE_PEERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Apache ZooKeeper in one ensemble with two embedded members, behind the same links: it follows, it
// leads, it is killed and rejoins, and what is written through any member is read through the others,
// to the last field of every node.
func TestApacheAmongEmbedded(t *testing.T) {
	long(t)
	mix, err := localcluster.ParseEngineMix("embedded=2,apache=1")
	if err != nil {
		t.Fatal(err)
	}
	needApache(t)
	e := start(t, localcluster.Request{Engines: mix})
	const apache = 3

	// It follows: the embedded members have elected one of them long before the JVM is up.
	if leader := e.leader(); leader.ID == apache {
		t.Fatal("the JVM was faster than everybody; nothing is shown about following")
	}
	e.throughEach("follows")

	// It leads: of the two that are left it has the larger id, and nobody has the longer history.
	e.act("kill", "leader")
	if leader := e.leader(); leader.ID != apache {
		t.Fatalf("member %d leads", leader.ID)
	}
	e.throughEach("leads")
	e.act("start", "all")
	e.wait("healthy")
	e.throughEach("is followed")
	if leader := e.leader(); leader.ID != apache {
		t.Fatalf("member %d leads", leader.ID)
	}

	// It is killed, an embedded member takes over, and it rejoins with what it missed.
	e.act("kill", fmt.Sprint(apache))
	if leader := e.leader(); leader.ID == apache {
		t.Fatal("a dead member leads")
	}
	e.throughEach("is dead")
	e.act("start", fmt.Sprint(apache))
	e.wait("healthy")
	e.throughEach("is back")
	if tree := e.sameTrees(); strings.Count(tree, "\n/by-") != 3+2+3+2+3 {
		t.Errorf("not all that was written is there:\n%s", tree)
	}
}

// needApache skips the test where the apache engine cannot run.
func needApache(t *testing.T) {
	t.Helper()
	if err := localcluster.CheckApache(os.Getenv); err != nil {
		missing(t, "Apache ZooKeeper is not tested: %v (%s)", err, localcluster.HintOf(err))
	}
}

// throughEach writes through every member that serves, and reads what was written through all others.
func (e *ensemble) throughEach(when string) {
	e.Helper()
	status, err := e.Status(e.ctx)
	if err != nil {
		e.Fatal(err)
	}
	when = strings.ReplaceAll(when, " ", "-")
	paths := map[string]int64{}
	sessions := map[int64]*probe.Session{}
	for _, m := range status.Members {
		if m.Role == "down" {
			continue
		}
		sessions[m.ID] = e.session(m)
		path := fmt.Sprintf("/by-%d-when-apache-%s", m.ID, when)
		e.create(sessions[m.ID], path, path)
		paths[path] = m.ID
	}
	for id, s := range sessions {
		if _, err := s.Sync(e.ctx, "/"); err != nil {
			e.Fatalf("sync through member %d: %v", id, err)
		}
		for path, by := range paths {
			data, _, _, err := s.Get(e.ctx, path)
			if err != nil || string(data) != path {
				e.Errorf("written through member %d, read through member %d: %q, %v", by, id, data, err)
			}
		}
		s.Drop()
	}
}

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

func TestKazoo(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, which is the one that Debian's kazoo is for
	if out, err := exec.Command(python, "-c", "import kazoo").CombinedOutput(); err != nil {
		missing(t, "kazoo is not tested: install python3-kazoo (%v, %s)", err, out)
	}
	e := start(t, localcluster.Request{})
	ctx, cancel := context.WithTimeout(e.ctx, 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "testdata/kazoo_client.py")
	cmd.Env = append(os.Environ(), "ZK_HOSTS="+e.wait("healthy").Connect)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "kazoo is content") {
		t.Errorf("%v\n%s", err, out)
	}
}

// ZooKeeper's C client, as its own command line program.
func TestCClient(t *testing.T) {
	t.Parallel()
	const program = "/usr/lib/zookeeper/bin/cli_mt"
	if _, err := os.Stat(program); err != nil {
		missing(t, "ZooKeeper's C client is not tested: install zookeeper-bin (%v)", err)
	}
	e := start(t, localcluster.Request{})
	hosts := e.wait("healthy").Connect
	run := func(command, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(e.ctx, patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, program, "-h", hosts, "-c", command).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, want %q:\n%s", command, err, want, out)
		}
	}
	run("create /c", "[/c]: rc = 0")
	run("create /c", "[/c]: rc = -110")
	run("create +s /c/s-", "name = /c/s-0000000000")
	run("create +e /c/gone", "name = /c/gone")
	run("set /c data", "version=1")
	run("sync /c", "[/c]: rc = 0")
	run("get /c", "value_len = 4\ndata")
	run("ls /c", "s-0000000000")
	run("delete /c", "/c: rc = -111")
	run("delete /c/s-0000000000", "/c/s-0000000000: rc = 0")
	if tree := e.sameTrees(); strings.Contains(tree, "/c/gone") {
		t.Error("an ephemeral node outlived its session")
	}
}

// go-zookeeper/zk keeps one session over the death of the leader and of its own server.
func TestGoClient(t *testing.T) {
	t.Parallel()
	e := start(t, localcluster.Request{})
	hosts := strings.Split(e.wait("healthy").Connect, ",")
	conn, states, err := zk.Connect(hosts, 20*time.Second, zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		for range states { // the client blocks without a reader
		}
	}()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = conn.Create("/g", []byte("0"), 0, zk.WorldACL(zk.PermAll))
	must(err)
	_, err = conn.Create("/g/mine", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	must(err)
	lock := zk.NewLock(conn, "/g/lock", zk.WorldACL(zk.PermAll))
	must(lock.Lock())
	_, _, changed, err := conn.GetW("/g")
	must(err)
	_, err = conn.Multi(&zk.CheckVersionRequest{Path: "/g", Version: 0}, &zk.SetDataRequest{Path: "/g", Data: []byte("1"), Version: 0})
	must(err)
	if event := <-changed; event.Type != zk.EventNodeDataChanged || event.Path != "/g" {
		t.Errorf("%+v", event)
	}
	session := conn.SessionID()

	e.act("kill", "leader")
	e.wait("quorum")
	retry(t, func() error { _, err := conn.Set("/g", []byte("2"), -1); return err })
	e.act("start", "all")
	e.wait("healthy")
	e.act("restart", "followers")
	e.wait("healthy")
	retry(t, func() error { _, err := conn.Sync("/g"); return err })
	retry(t, func() error {
		data, stat, err := conn.Get("/g/mine")
		if err == nil && stat.EphemeralOwner != session {
			t.Errorf("the ephemeral node belongs to %x, not to session %x: %q", stat.EphemeralOwner, session, data)
		}
		return err
	})
	if conn.SessionID() != session {
		t.Errorf("session %x became %x", session, conn.SessionID())
	}
	retry(t, lock.Unlock)
}

// retry repeats what failed because a connection did, as users of this client must.
func retry(t *testing.T, do func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := do()
		if err == nil {
			return
		}
		if !errors.Is(err, zk.ErrConnectionClosed) && !errors.Is(err, zk.ErrNoServer) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// quiet drops what the client prints about lost connections, which this test brings about.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
