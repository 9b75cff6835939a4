package peer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zkctl/probe/peers"
	"zkctl/probe/wire"
)

// javaServer is Apache ZooKeeper as server 2 of an ensemble of three whose
// other servers a test plays.
type javaServer struct {
	config   string // the servers as a text, which votes carry
	election map[int64]string
	quorum   string // of server 2
}

func startJava(t *testing.T) *javaServer {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	dir := t.TempDir()
	s := &javaServer{election: map[int64]string{}}
	var lines []string
	for id := int64(1); id <= 3; id++ {
		q, e := freePort(t), freePort(t)
		s.election[id] = fmt.Sprintf("127.0.0.1:%d", e)
		if id == 2 {
			s.quorum = fmt.Sprintf("127.0.0.1:%d", q)
		}
		lines = append(lines, fmt.Sprintf("server.%d=127.0.0.1:%d:%d:participant", id, q, e))
	}
	s.config = strings.Join(lines, "\n") + "\nversion=0"
	cfg := fmt.Sprintf("tickTime=500\ninitLimit=20\nsyncLimit=10\ndataDir=%s\nclientPort=%d\n%s\n", dir, freePort(t), strings.Join(lines, "\n"))
	for name, text := range map[string]string{"zoo.cfg": cfg, "myid": "2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := peers.Java(context.Background(), t, "-XX:TieredStopAtLevel=1", "-Xmx128m",
		"-Dzookeeper.admin.enableServer=false", "-Dzookeeper.forceSnapshotSync=true",
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", filepath.Join(dir, "zoo.cfg"))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("Apache ZooKeeper said:\n%s", said.String())
		}
	})
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// A server with a smaller and one with a larger id than Apache ZooKeeper elect it,
// whichever side has to open the link; then one of them is synchronized by it.
func TestWithApacheZooKeeper(t *testing.T) {
	s := startJava(t)
	ours := map[int64]*Election{}
	logs := map[int64]*electionLog{}
	for _, id := range []int64{1, 3} {
		logs[id] = newElectionLog(t)
		e, err := ListenElection(ElectionOptions{Self: id, Listen: s.election[id], Peers: s.election, Events: logs[id]})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		ours[id] = e
		// Sent before the JVM listens: it must arrive all the same.
		if err := e.Send(2, wire.Notification{State: wire.Looking, Leader: 2, ElectionEpoch: 1,
			Version: wire.NotificationVersion, Config: []byte(s.config)}); err != nil {
			t.Fatal(err)
		}
	}
	for id := range ours {
		line := logs[id].await(t, "LOOKING for 2")
		if !strings.Contains(line, "server.2=127.0.0.1:") {
			t.Errorf("server %d heard %q, want a configuration in it", id, line)
		}
	}
	followJava(t, s.quorum)
	for id, log := range logs {
		if got := log.count("down 2"); got != 0 {
			t.Errorf("server %d lost its link: %q", id, log.all())
		}
	}
}

// followJava is a follower's part in discovery and synchronisation.
func followJava(t *testing.T, addr string) {
	t.Helper()
	q := openQuorum(t, func(o *QuorumOptions) { o.Dial, o.DialTimeout = dialPatiently, patience })
	h := newConnLog()
	h.read = readJavaTree(h)
	c, err := q.Dial(t.Context(), addr, h)
	if err != nil {
		t.Fatal(err)
	}
	c.SendPacket(packet(wire.PacketFollowerInfo, 0, string(wire.Marshal(&wire.LearnerInfo{ServerID: 3, ProtocolVersion: wire.QuorumProtocolVersion}))))
	h.await(t, "LEADERINFO 0x100000000")
	c.SendPacket(packet(wire.PacketAckEpoch, 0, string(wire.EncodeInt32(0))))
	h.await(t, "NEWLEADER 0x100000000")
	c.SendPacket(packet(wire.PacketAck, 1<<32, ""))
	h.await(t, "UPTODATE")
	c.SendPacket(packet(wire.PacketAck, 1<<32, ""))
	h.await(t, "PING")
	order := strings.Join(h.all(), "\n")
	for _, text := range []string{"LEADERINFO", "node /zookeeper/config", "SNAP", "NEWLEADER", "UPTODATE", "PING"} {
		at := strings.Index(order, text)
		if at < 0 {
			t.Fatalf("saw\n%s\nwant %s behind what comes before it", strings.Join(h.all(), "\n"), text)
		}
		order = order[at:]
	}
}

// dialPatiently repeats a dial that is refused: ZooKeeper opens its quorum port
// when it has decided to lead, and sends no notice of it.
func dialPatiently(ctx context.Context, network, addr string) (net.Conn, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			return c, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// readJavaTree reads the stream behind a SNAP: sessions, access lists, nodes.
func readJavaTree(h *connLog) func(wire.QuorumPacket, *bufio.Reader) error {
	return func(_ wire.QuorumPacket, r *bufio.Reader) error {
		d := wire.NewStreamDecoder(r, 1<<20)
		for range d.Int32() { // sessions
			d.Int64()
			d.Int32()
		}
		for range d.Int32() { // access lists
			d.Int64()
			for range d.Int32() {
				d.Int32()
				d.Text()
				d.Text()
			}
		}
		for d.Err() == nil {
			path := d.Text()
			if path == "/" {
				break
			}
			h.add("node %s", path)
			d.Buffer()
			d.Int64()
			for range 60 / 4 { // StatPersisted
				d.Int32()
			}
		}
		return d.Err()
	}
}
