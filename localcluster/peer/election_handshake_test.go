package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

// javaHello is the hello of an Apache ZooKeeper server, put together by hand.
func javaHello(version, sid int64, addr string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(version))
	b = binary.BigEndian.AppendUint64(b, uint64(sid))
	b = binary.BigEndian.AppendUint32(b, uint32(len(addr)))
	return append(b, addr...)
}

// javaVote is a framed LOOKING vote of server 5 for itself, zxid 0x100000002, as
// 3.8 sends it.
func javaVote() []byte {
	config := "server.5=127.0.0.1:2888:3888:participant\nversion=0"
	b, _ := hex.DecodeString("00000000" + // LOOKING
		"0000000000000005" + "0000000100000002" + // leader, zxid
		"0000000000000001" + "0000000000000001" + // election epoch, peer epoch
		"00000002") // version
	b = binary.BigEndian.AppendUint32(b, uint32(len(config)))
	b = append(b, config...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// port is an Election of server 3 on loopback, beside servers 2 and 5 that
// tests play by hand.
type port struct {
	*Election
	log *electionLog
	two net.Listener // listens at the configured address of server 2
}

func openPort(t *testing.T, change func(*ElectionOptions)) *port {
	t.Helper()
	two, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := newElectionLog(t)
	opts := ElectionOptions{
		Self: 3, Listen: "127.0.0.1:0", Advertise: "127.0.0.1:3888",
		Peers:  map[int64]string{2: two.Addr().String(), 5: "127.0.0.1:1"},
		Events: log,
	}
	if change != nil {
		change(&opts)
	}
	e, err := ListenElection(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(); two.Close() })
	return &port{Election: e, log: log, two: two}
}

func (p *port) call(t *testing.T, say ...[]byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, b := range say {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// accept waits to be dialled, and returns what the first read brings.
func accept(t *testing.T, ln net.Listener) (net.Conn, []byte) {
	t.Helper()
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return c, buf[:n]
}

func readVote(t *testing.T, c net.Conn) wire.Notification {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	frame, err := wire.ReadFrame(c, wire.MaxElectionFrame)
	if err != nil {
		t.Fatal(err)
	}
	var n wire.Notification
	if err := wire.Unmarshal(frame, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// hungUp reads to the end.
func hungUp(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(c); len(b) != 0 || isTimeout(err) {
		t.Errorf("read %q, %v; want the end of the connection", b, err)
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// A larger Java server calls: its connection is the link.
func TestLargerJavaServerCalls(t *testing.T) {
	for name, hello := range map[string][]byte{
		"V1":      javaHello(wire.HelloV1, 5, "127.0.0.1:3885"),
		"V2":      javaHello(wire.HelloV2, 5, "127.0.0.1:3885|127.0.0.1:3886"),
		"ancient": binary.BigEndian.AppendUint64(nil, 5),
	} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, nil)
			// Hello and vote in one segment: what follows the hello is not lost.
			c := p.call(t, append(bytes.Clone(hello), javaVote()...))
			p.log.await(t, "up 5")
			p.log.await(t, `vote 5 zxid 0x100000002 config "server.5=127.0.0.1:2888:3888:participant\nversion=0"`)
			if err := p.Send(5, vote(8)); err != nil {
				t.Fatal(err)
			}
			if got := readVote(t, c); got.Zxid != 8 {
				t.Errorf("the Java server read %+v, want zxid 0x8", got)
			}
			c.Close()
			p.log.await(t, "down 5: "+c.LocalAddr().String()+" closed the connection")
		})
	}
}

// Votes of older servers are shorter, in two ways, and count. A vote that is too short
// is dropped, and the link stays.
func TestOldAndBrokenVotes(t *testing.T) {
	p := openPort(t, nil)
	old := javaVote()[4:]
	frame := func(b []byte) []byte { return wire.AppendFrame(nil, b) }
	p.call(t, javaHello(wire.HelloV1, 5, "127.0.0.1:3885"),
		frame(old[:11]), frame(old[:13]), frame(old[:28]))
	p.log.await(t, "vote 5 zxid 0x100000002")
	if got := p.log.count("refused "); got != 1 {
		t.Errorf("saw %q, want the first broken vote told, once", p.log.all())
	}
	if got := p.log.count("down"); got != 0 {
		t.Errorf("saw %q, want the link up", p.log.all())
	}
}

// A smaller Java server calls and hangs up: it is dialled back at its
// configured address, whatever it says, and with the hello in one segment.
func TestSmallerJavaServerIsDialledBack(t *testing.T) {
	p := openPort(t, nil)
	caller := p.call(t, javaHello(wire.HelloV1, 2, "127.0.0.1:9"))
	hungUp(t, caller)
	c, hello := accept(t, p.two)
	if want := javaHello(wire.HelloV1, 3, "127.0.0.1:3888"); !bytes.Equal(hello, want) {
		t.Errorf("dialled back with %q, want %q", hello, want)
	}
	p.log.await(t, "up 2")
	if _, err := c.Write(javaVote()); err != nil {
		t.Fatal(err)
	}
	p.log.await(t, "vote 2 ")
}

// A smaller server that is not configured is dialled at the address in its
// hello, can be answered while its link lasts, and is forgotten afterwards.
func TestStrangerIsDialledWhereItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(3)
		p := s.start(t, 3)
		defer s.close()
		one := s.net.listen("one:3888")
		hello := javaHello(wire.HelloV2, 1, "0.0.0.0:3888|nowhere:3888|one:3888")
		caller, err := s.net.dial(t.Context(), "mem", s.peers[3])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := caller.Write(hello); err != nil {
			t.Fatal(err)
		}
		caller.Close()

		c, err := one.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if h, err := readHello(c); err != nil || h.ServerID != 3 {
			t.Fatalf("dialled back with %+v, %v", h, err)
		}
		s.logs[3].await(t, "up 1")
		if err := p.Send(1, vote(6)); err != nil {
			t.Fatal(err)
		}
		if got := readVote(t, c); got.Zxid != 6 {
			t.Errorf("the stranger read %+v, want zxid 0x6", got)
		}
		c.Close()
		synctest.Wait()
		s.logs[3].await(t, "down 1")
		if err := p.Send(1, vote(7)); err == nil {
			t.Error("the stranger is still known")
		}
	})
}

func TestObserverWithoutId(t *testing.T) {
	p := openPort(t, nil)
	for i := range 2 {
		c := p.call(t, javaHello(wire.HelloV1, wire.AnonymousObserver, "127.0.0.1:9"), javaVote())
		id := int64(-1 - i)
		p.log.await(t, fmt.Sprintf("vote %d ", id))
		if err := p.Send(id, vote(2)); err != nil {
			t.Fatal(err)
		}
		if got := readVote(t, c); got.Zxid != 2 {
			t.Errorf("observer %d read %+v, want zxid 0x2", id, got)
		}
	}
}

// A second connection from a larger server takes the place of the first, which may be
// dead: this side cannot know. The server was never down.
func TestNewerConnectionReplacesOlder(t *testing.T) {
	p := openPort(t, nil)
	first := p.call(t, javaHello(wire.HelloV1, 5, "127.0.0.1:3885"), javaVote())
	p.log.await(t, "vote 5 ")
	second := p.call(t, javaHello(wire.HelloV1, 5, "127.0.0.1:3885"))
	hungUp(t, first)
	if err := p.Send(5, vote(3)); err != nil {
		t.Fatal(err)
	}
	if got := readVote(t, second); got.Zxid != 3 {
		t.Errorf("read %+v on the second connection, want zxid 0x3", got)
	}
	if up, down := p.log.count("up 5"), p.log.count("down 5"); up != 1 || down != 0 {
		t.Errorf("saw %q, want server 5 up once and never down", p.log.all())
	}
}

// Hellos may be read in another order than the connections were opened in. The
// caller counts on the connection that it opened last.
func TestOlderConnectionDoesNotReplaceNewer(t *testing.T) {
	p := openPort(t, nil)
	hello := javaHello(wire.HelloV1, 5, "127.0.0.1:3885")
	older, newer := p.call(t), p.call(t, hello, javaVote())
	p.log.await(t, "vote 5 ")
	if _, err := older.Write(hello); err != nil {
		t.Fatal(err)
	}
	hungUp(t, older)
	if err := p.Send(5, vote(3)); err != nil {
		t.Fatal(err)
	}
	if got := readVote(t, newer); got.Zxid != 3 {
		t.Errorf("read %+v on the newer connection, want zxid 0x3", got)
	}
	if up, down := p.log.count("up 5"), p.log.count("down 5"); up != 1 || down != 0 {
		t.Errorf("saw %q, want server 5 up once and never down", p.log.all())
	}
}

// A smaller server called, and was dialled before its hello was read: the link
// is newer than the hello and stays.
func TestStaleHelloLeavesTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		e := s.start(t, 2)
		defer s.close()
		one := s.net.listen(s.peers[1])
		caller, err := s.net.dial(t.Context(), "mem", s.peers[2])
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // accepted, and waited for
		if err := e.Send(1, vote(4)); err != nil {
			t.Fatal(err)
		}
		link, err := one.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readHello(link); err != nil {
			t.Fatal(err)
		}
		readVote(t, link)
		if _, err := caller.Write(javaHello(wire.HelloV1, 1, "x:3888")); err != nil {
			t.Fatal(err)
		}
		hungUp(t, caller)
		synctest.Wait()
		if got := s.net.dialled; got != 2 {
			t.Errorf("%d connections were opened, want the caller's and the link", got)
		}
		if err := e.Send(1, vote(5)); err != nil {
			t.Fatal(err)
		}
		if got := readVote(t, link); got.Zxid != 5 {
			t.Errorf("read %+v on the link, want zxid 0x5", got)
		}
		if got := s.logs[2].count("down"); got != 0 {
			t.Errorf("saw %q, want no link lost", s.logs[2].all())
		}
		caller.Close()
		link.Close()
	})
}
