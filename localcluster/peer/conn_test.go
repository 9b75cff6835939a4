package peer

import (
	"bufio"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

func packet(t wire.PacketType, z wire.Zxid, data string) wire.QuorumPacket {
	p := wire.QuorumPacket{Type: t, Zxid: z}
	if data != "" {
		p.Data = []byte(data)
	}
	return p
}

func followerInfo() wire.QuorumPacket {
	return packet(wire.PacketFollowerInfo, 0, string(wire.Marshal(&wire.LearnerInfo{ServerID: 2, ProtocolVersion: wire.QuorumProtocolVersion})))
}

// All kinds of packets, both ways at once: what arrives is what was sent.
func TestPacketsArriveInOrder(t *testing.T) {
	const n = 5000
	check := func(what string, done chan<- struct{}) func(wire.QuorumPacket) {
		next := wire.Zxid(1)
		return func(p wire.QuorumPacket) {
			if p.Type == wire.PacketFollowerInfo {
				return
			}
			if p.Zxid != next || len(p.Data) != int(p.Zxid)%1000 {
				t.Errorf("%s got zxid %s with %d bytes, want %s with %d", what, p.Zxid, len(p.Data), next, int(next)%1000)
			}
			if next++; next == n+1 {
				close(done)
			}
		}
	}
	atLearner, atLeader := make(chan struct{}), make(chan struct{})
	p := openQuorum(t, func(o *QuorumOptions) {
		o.Accept = func(c *Conn) ConnHandler {
			go func() {
				for z := wire.Zxid(1); z <= n; z++ {
					c.SendPacket(packet(wire.PacketProposal, z, strings.Repeat("x", int(z)%1000)))
				}
			}()
			return quiet{got: check("leader", atLeader)}
		}
	})
	c, err := p.Dial(t.Context(), p.Addr().String(), quiet{got: check("learner", atLearner)})
	if err != nil {
		t.Fatal(err)
	}
	c.SendPacket(followerInfo())
	for z := wire.Zxid(1); z <= n; z++ {
		c.SendPacket(packet(wire.PacketAck, z, strings.Repeat("y", int(z)%1000)))
	}
	for _, done := range []chan struct{}{atLearner, atLeader} {
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("not all packets came")
		}
	}
}

// quiet is a handler without a log.
type quiet struct{ got func(wire.QuorumPacket) }

func (q quiet) Received(p wire.QuorumPacket)                  { q.got(p) }
func (quiet) Snapshot(wire.QuorumPacket, *bufio.Reader) error { return errors.New("no snapshot") }
func (quiet) Disconnected(error)                              {}

// Null, empty and the identities of a client stay what they are.
func TestPacketFieldsArrive(t *testing.T) {
	p := openQuorum(t, nil)
	c, l := p.connect(t, newConnLog())
	got := make(chan wire.QuorumPacket, 2)
	l.await(t, "FOLLOWERINFO")
	l.each(func(p wire.QuorumPacket) { got <- p })
	for _, want := range []wire.QuorumPacket{
		{Type: wire.PacketPing, Zxid: -1, Data: []byte{}},
		{Type: wire.PacketRequest, Zxid: -1, Data: []byte("set"), AuthInfo: []wire.ID{{Scheme: "ip", ID: "10.0.0.1"}}},
		{Type: wire.PacketAck, Zxid: 1<<32 | 7},
	} {
		c.SendPacket(want)
		if p := <-got; !reflect.DeepEqual(p, want) {
			t.Errorf("got %+v, want %+v", p, want)
		}
	}
}

// byHand makes one end of a connection a Conn and leaves the other to the test.
func byHand(t testing.TB, from side, h ConnHandler) (*Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(near, from, ConnOptions{})
	c.handler = h
	go c.run()
	t.Cleanup(func() { far.Close(); c.Close() })
	return c, far
}

// The connection to a learner that reads nothing ends when too much waits for it; it
// blocks no caller meanwhile, and other learners do not notice.
func TestSlowLearnerIsGivenUp(t *testing.T) {
	p := openQuorum(t, func(o *QuorumOptions) { o.Conn.MaxQueued = 1 << 20 })
	release := make(chan struct{})
	slow := newConnLog().each(func(wire.QuorumPacket) { <-release })
	_, toSlow := p.connect(t, slow)
	other := newConnLog()
	_, toOther := p.connect(t, other)

	big := strings.Repeat("x", 64<<10)
	for z := wire.Zxid(1); ; z++ {
		toSlow.SendPacket(packet(wire.PacketProposal, z, big)) // would hang here if it blocked
		select {
		case <-toSlow.Done():
		default:
			continue
		}
		break
	}
	if err := toSlow.ended(t); !errors.Is(err, ErrTooSlow) || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("ended with %v, want ErrTooSlow and the limit", err)
	}
	toOther.SendPacket(packet(wire.PacketPing, 1, ""))
	other.await(t, "PING")
	close(release)
	slow.ended(t)
}

// What was queued before a hangup with linger arrives, whatever the other side
// is sending meanwhile.
func TestHangupWithLinger(t *testing.T) {
	const n = 2000
	p := openQuorum(t, nil)
	var got int
	var back *Conn
	ready := make(chan struct{})
	h := newConnLog()
	c, err := p.Dial(t.Context(), p.Addr().String(), &lingering{connLog: h, got: func(pkt wire.QuorumPacket) {
		<-ready
		if got++; pkt.Zxid != wire.Zxid(got) {
			t.Errorf("got %s, want 0x%x", pkt.Zxid, got)
		}
		back.SendPacket(packet(wire.PacketAck, pkt.Zxid, "")) // the other side has hung up
	}})
	if err != nil {
		t.Fatal(err)
	}
	back = c
	c.SendPacket(followerInfo())
	l := <-p.learners
	for z := wire.Zxid(1); z <= n; z++ {
		l.SendPacket(packet(wire.PacketProposal, z, strings.Repeat("z", 500)))
	}
	l.Hangup(patience)
	l.SendPacket(packet(wire.PacketProposal, n+1, "")) // too late
	close(ready)
	if err := h.ended(t); !errors.Is(err, io.EOF) {
		t.Errorf("the learner ended with %v, want EOF between two packets", err)
	}
	if got != n {
		t.Errorf("%d packets arrived, want %d", got, n)
	}
	if err := l.ended(t); !errors.Is(err, ErrClosed) {
		t.Errorf("the leader ended with %v, want ErrClosed", err)
	}
	if acks := l.count("ACK"); acks != 0 {
		t.Errorf("%d packets were delivered after the hangup", acks)
	}
}

type lingering struct {
	*connLog
	got func(wire.QuorumPacket)
}

func (l *lingering) Received(p wire.QuorumPacket) { l.got(p) }

// Linger is a limit: a peer that does not read is left after it.
func TestLingerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		h := newConnLog()
		c := newConn(near, leaderSide, ConnOptions{})
		c.handler = h
		go c.run()
		c.SendPacket(packet(wire.PacketRequest, 1, "x"))
		began := time.Now()
		c.Hangup(3 * time.Second)
		<-c.Done()
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("lingered %s, want 3s", got)
		}
		if err := h.ended(t); !errors.Is(err, ErrClosed) {
			t.Errorf("ended with %v, want ErrClosed", err)
		}
	})
}

// Hangup may be called by the handler; Close waits for the last call.
func TestHangupFromTheHandler(t *testing.T) {
	p := openQuorum(t, nil)
	h := newConnLog()
	c, l := p.connect(t, h)
	h.each(func(wire.QuorumPacket) { c.Hangup(0) })
	l.SendPacket(packet(wire.PacketUpToDate, -1, ""))
	l.SendPacket(packet(wire.PacketUpToDate, -1, ""))
	if err := h.ended(t); !errors.Is(err, ErrClosed) {
		t.Errorf("ended with %v, want ErrClosed", err)
	}
	c.Close()
	c.Close()
	if got := h.count("UPTODATE"); got != 1 {
		t.Errorf("saw %q, want one packet", h.all())
	}
	l.ended(t)
}

// Packets that are queued while the writer is busy leave together.
func TestPacketsShareWrites(t *testing.T) {
	near, far := net.Pipe()
	counted := &countingConn{Conn: near, gate: make(chan struct{})}
	c := newConn(counted, leaderSide, ConnOptions{})
	c.handler = newConnLog()
	go c.run()
	defer c.Close()
	defer far.Close()
	const n = 1000
	for range n {
		c.SendPacket(packet(wire.PacketAck, 1, ""))
	}
	close(counted.gate)
	size := len(wire.Marshal(ptr(packet(wire.PacketAck, 1, ""))))
	if _, err := io.CopyN(io.Discard, far, int64(n*size)); err != nil {
		t.Fatal(err)
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if counted.writes > 3 {
		t.Errorf("%d packets took %d writes, want at most 3", n, counted.writes)
	}
}

type countingConn struct {
	net.Conn
	gate   chan struct{} // the first write waits for it
	mu     sync.Mutex
	writes int
}

func (c *countingConn) Write(b []byte) (int, error) {
	<-c.gate
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(b)
}
