package storage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"zkctl/localcluster/datatree"
	"zkctl/probe/peers"
	"zkctl/probe/wire"
)

// forJava writes a folder with every type of transaction, two logs and a snapshot between them.
func forJava(t *testing.T, dir string) *testHistory {
	t.Helper()
	st := newTestHistory(datatree.WithExtendedTypes(true))
	next := func() wire.Zxid { return max(st.last()+1, wire.MakeZxid(1, 1)) }
	version := int32(0)
	children := func() int32 { version++; return version }
	add := func(op wire.OpCode, body wire.Record) { st.add(next(), op, body) }
	acl := []wire.ACL{{Perms: wire.PermRead, ID: wire.ID{Scheme: "digest", ID: "u:secret"}}}
	create := func(path string, data []byte, ephemeral bool) {
		add(wire.OpCreate, &wire.CreateTxn{Path: path, Data: data, ACL: wire.OpenACL(), Ephemeral: ephemeral, ParentCVersion: children()})
	}
	add(wire.OpCreateSession, &wire.CreateSessionTxn{Timeout: 30000})
	create("/plain", []byte("data"), false)
	create("/null", nil, false)
	create("/empty", []byte{}, false)
	create("/ephemeral", []byte("e"), true)
	add(wire.OpCreateContainer, &wire.CreateContainerTxn{Path: "/container", ACL: acl, ParentCVersion: children()})
	add(wire.OpCreateTTL, &wire.CreateTTLTxn{Path: "/ttl", Data: []byte("t"), ACL: acl, ParentCVersion: children(), TTL: 3600000})
	add(wire.OpSetData, &wire.SetDataTxn{Path: "/plain", Data: []byte("changed"), Version: 1})
	add(wire.OpSetACL, &wire.SetACLTxn{Path: "/plain", ACL: acl, Version: 1})
	add(wire.OpError, &wire.ErrorTxn{Err: wire.ErrNoNode})
	add(wire.OpMulti, &wire.MultiTxn{Txns: []wire.SubTxn{
		{Type: wire.OpCreate, Data: wire.Marshal(&wire.CreateTxn{Path: "/multi", ACL: wire.OpenACL(), ParentCVersion: children()})},
		{Type: wire.OpCheck, Data: wire.Marshal(&wire.CheckVersionTxn{Path: "/plain", Version: 2})},
		{Type: wire.OpDelete, Data: wire.Marshal(&wire.DeleteTxn{Path: "/empty"})},
	}})
	s, r := mustOpen(t, Options{DataDir: dir, Tree: []datatree.Option{datatree.WithExtendedTypes(true)}})
	write(t, s, st.proposals)
	if err := errors.Join(s.SetCurrentEpoch(1), s.SaveSnapshot(st.tree.Snapshot(), r.History)); err != nil {
		t.Fatal(err)
	}
	before := len(st.proposals)
	create("/after", []byte("snapshot"), false)
	add(wire.OpDelete, &wire.DeleteTxn{Path: "/multi"})
	add(wire.OpCloseSession, &wire.CloseSessionTxn{Paths: []string{"/ephemeral"}})
	write(t, s, st.proposals[before:])
	mustClose(t, s)
	return st
}

// run runs one of ZooKeeper's tools to its end and returns its output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := peers.Java(ctx, t, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

func TestJavaReadsOurLogs(t *testing.T) {
	dir := t.TempDir()
	st := forJava(t, dir)
	logs, _, err := Files(OS(), dir, "")
	if err != nil || len(logs) != 2 {
		t.Fatalf("%d logs: %v", len(logs), err)
	}
	all := ""
	for i, n := range []int{11, len(st.proposals) - 11} {
		out := run(t, "org.apache.zookeeper.server.persistence.TxnLogToolkit", logs[i].Path)
		if want := fmt.Sprintf("EOF reached after %d txns.", n); !strings.Contains(out, want) || strings.Contains(out, "CRC ERROR") {
			t.Errorf("expected %q in\n%s", want, out)
		}
		all += out
	}
	for _, p := range st.proposals {
		if want := fmt.Sprintf("zxid %s ", p.Zxid); !strings.Contains(all, want) {
			t.Errorf("expected %q in\n%s", want, all)
		}
	}
}

func TestJavaReadsOurSnapshot(t *testing.T) {
	dir := t.TempDir()
	forJava(t, dir)
	_, snapshots, err := Files(OS(), dir, "")
	if err != nil || len(snapshots) != 2 {
		t.Fatalf("%d snapshots: %v", len(snapshots), err)
	}
	_, info, err := ReadSnapshot(OS(), snapshots[1].Path, datatree.WithExtendedTypes(true))
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, "-Dzookeeper.extendedTypesEnabled=true", "org.apache.zookeeper.server.SnapshotFormatter", "-d", snapshots[1].Path)
	for _, want := range []string{"ZNode Details (count=11)", "/plain", "/null", "/ephemeral", "/container", "/ttl", "/multi",
		"1000, 30000, 1", // session, timeout, number of ephemerals
		"Last zxid: " + info.Zxid.String()} {
		if !strings.Contains(out, want) {
			t.Errorf("expected %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "/empty") || strings.Contains(out, "/after") {
		t.Errorf("nodes that should not be there:\n%s", out)
	}
}

// A Java server starts on a folder of ours, finds every digest right, appends, and is killed. Open reads what it
// has left.
func TestJavaServesOurFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server in a JVM; left out by -short")
	}
	dir := t.TempDir()
	st := forJava(t, dir)
	output := javaServes(t, dir, func(conn *zk.Conn) error {
		if data, _, err := conn.Get("/after"); err != nil || string(data) != "snapshot" {
			t.Errorf("/after holds %q: %v", data, err)
		}
		if there, _, err := conn.Exists("/ephemeral"); err != nil || there {
			t.Errorf("/ephemeral is there: %v, %v", there, err)
		}
		_, err := conn.Create("/java", []byte("was here"), 0, zk.WorldACL(zk.PermAll))
		return err
	}, "-Dzookeeper.extendedTypesEnabled=true")
	if strings.Contains(output, "igests are not matching") || strings.Contains(output, "ERROR") {
		t.Errorf("the server complained:\n%s", output)
	}

	_, r := mustOpen(t, Options{DataDir: dir, Tree: []datatree.Option{datatree.WithExtendedTypes(true)}})
	if data, ok := r.Tree.Data("/java"); !ok || string(data) != "was here" {
		t.Errorf("/java holds %q", data)
	}
	if r.LastZxid != st.last()+2 || len(r.Notes) != 0 { // a session and a node
		t.Errorf("at %s, notes %q", r.LastZxid, r.Notes)
	}
}

// A Java server continues past the end of the counter. Open reads what it wrote, appends, and Java serves that.
func TestJavaContinuesPastCounter(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers in a JVM; left out by -short")
	}
	dir := t.TempDir()
	st := newTestHistory()
	st.tree.SetLastZxid(0x1fffffffd)
	s, _ := mustOpen(t, Options{DataDir: dir})
	accept(t, s, 1)
	if _, err := s.InstallSnapshot(st.tree.Snapshot()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	serve := func(path string) (there bool) {
		output := javaServes(t, dir, func(conn *zk.Conn) (err error) {
			there, _, err = conn.Exists("/ours")
			for i := range 4 {
				if err == nil {
					_, err = conn.Create(fmt.Sprintf("%s%d", path, i), nil, 0, zk.WorldACL(zk.PermAll))
				}
			}
			return err
		})
		if strings.Contains(output, "igests are not matching") || strings.Contains(output, "ERROR") {
			t.Errorf("the server complained:\n%s", output)
		}
		return there
	}
	serve("/java") // a session and four nodes
	s, r := mustOpen(t, Options{DataDir: dir, Standalone: true})
	if r.LastZxid != 0x200000002 || r.Mismatches.Count != 0 {
		t.Fatalf("at %s, %d mismatches, notes %q", r.LastZxid, r.Mismatches.Count, r.Notes)
	}
	st = &testHistory{tree: r.Tree, digests: map[wire.Zxid]int64{}, trees: map[wire.Zxid]*datatree.Snapshot{}}
	write(t, s, []wire.Proposal{st.add(0x200000003, wire.OpCreate, &wire.CreateTxn{Path: "/ours", ACL: wire.OpenACL(), ParentCVersion: 9})})
	mustClose(t, s)
	if !serve("/more") {
		t.Error("what we wrote after the end of the counter is missing")
	}
}

// A Java server records a wrong digest for a container that is made by the flags of a create, and logs that
// itself. Its folder opens.
func TestJavaRecordsWrongDigests(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server in a JVM; left out by -short")
	}
	dir := t.TempDir()
	const containerFlag = 4
	output := javaServes(t, dir, func(conn *zk.Conn) error {
		_, err := conn.Create("/c", []byte("kept"), containerFlag, zk.WorldACL(zk.PermAll))
		return err
	})
	if !strings.Contains(output, "igests are not matching") {
		t.Errorf("this ZooKeeper finds its digest right:\n%s", output)
	}
	_, r := mustOpen(t, Options{DataDir: dir, Standalone: true})
	if data, ok := r.Tree.Data("/c"); !ok || string(data) != "kept" || r.Mismatches.Count != 1 {
		t.Errorf("/c holds %q, %d mismatches", data, r.Mismatches.Count)
	}
}

// javaServes runs a standalone server of ZooKeeper on a folder, with options of the JVM, calls do with a client, and kills the server.
// It returns the server's output.
func javaServes(t *testing.T, dir string, do func(*zk.Conn) error, options ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	options = append(options, "-Dzookeeper.admin.enableServer=false", "org.apache.zookeeper.server.ZooKeeperServerMain", config(t, dir, port))
	cmd := peers.Java(ctx, t, options...)
	output := startServer(t, cmd)
	conn, events, err := zk.Connect([]string{address}, 10*time.Second, zk.WithLogger(noLogger{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for event := range events {
		if event.State == zk.StateHasSession {
			break
		}
	}
	if err := errors.Join(do(conn), cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	return output()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func config(t *testing.T, dir, port string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zoo.cfg")
	text := fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\n", dir, port)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startServer starts a server and returns when it serves. The function that it returns waits until the server
// has ended and returns its output.
func startServer(t *testing.T, cmd *exec.Cmd) (wait func() string) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	serving := regexp.MustCompile(`PrepRequestProcessor.*started`)
	lines := bufio.NewScanner(stderr)
	ready := false
	for !ready && lines.Scan() {
		fmt.Fprintln(&output, lines.Text())
		ready = serving.MatchString(lines.Text())
	}
	if !ready {
		_ = cmd.Wait()
		t.Fatalf("the server did not start:\n%s", output.String())
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		for lines.Scan() {
			fmt.Fprintln(&output, lines.Text())
		}
	}()
	return func() string {
		<-rest
		_ = cmd.Wait() // it was killed
		return output.String()
	}
}

// noLogger drops what the client library logs when the server ends.
type noLogger struct{}

func (noLogger) Printf(string, ...any) {}
