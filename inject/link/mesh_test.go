package link

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests use real TCP. They wait by reading, which ends when the bytes,
// the end or the reset arrive.

// station is where a member listens on one channel.
type station struct {
	t        *testing.T
	listener net.Listener
}

func newStation(t *testing.T) *station {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &station{t: t, listener: listener}
}

func (s *station) address() string { return s.listener.Addr().String() }

func (s *station) accept() *net.TCPConn {
	s.t.Helper()
	conn, err := s.listener.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

func dialMember(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

func receive(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("waiting for %d bytes: %v", n, err)
	}
	return string(b)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// testMesh is a mesh of the members 1 to n, with all their stations.
func testMesh(t *testing.T, n int) (*Mesh, map[int64]*station, map[int64]*station) {
	t.Helper()
	quorum, election := make(map[int64]*station), make(map[int64]*station)
	var peers []Peer
	for id := int64(1); id <= int64(n); id++ {
		quorum[id], election[id] = newStation(t), newStation(t)
		peers = append(peers, Peer{ID: id, Quorum: quorum[id].address(), Election: election[id].address()})
	}
	m, err := NewMesh(MeshOptions{Peers: peers, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, m) })
	return m, quorum, election
}

func TestMeshConnectsAllMembers(t *testing.T) {
	m, quorum, election := testMesh(t, 3)
	if got := len(m.Lanes()); got != 3*2*2 {
		t.Fatalf("%d lanes between 3 members, want 12", got)
	}
	seen := make(map[string]bool)
	for _, lane := range m.Lanes() {
		address := m.Address(lane.From, lane.To, lane.Channel)
		if seen[address] {
			t.Errorf("%s shares its address %s", lane, address)
		}
		seen[address] = true
		near := dialMember(t, address)
		send(t, near, lane.String())
		far := quorum[lane.To]
		if lane.Channel == Election {
			far = election[lane.To]
		}
		conn := far.accept()
		if got := receive(t, conn, len(lane.String())); got != lane.String() {
			t.Errorf("%s: %q arrived", lane, got)
		}
		send(t, conn, "back")
		receive(t, near, 4)
	}
	if got := m.Address(2, 2, Election); got != election[2].address() {
		t.Errorf("member 2 finds itself at %s, not at %s", got, election[2].address())
	}
	if got := m.Address(1, 9, Quorum); got != "" {
		t.Errorf("a member that does not exist is found at %s", got)
	}
}

// A lane is one direction of two links: of the one that its sender dials, and
// of the one that its receiver dials.
func TestMeshLaneGovernsBothLinks(t *testing.T) {
	m, _, _ := testMesh(t, 3)
	for _, lane := range m.Lanes() {
		d := m.lanes[lane]
		if m.links[lane].Forward() != d || m.links[lane.reverse()].Backward() != d {
			t.Errorf("%s: its links have other directions", lane)
		}
		if err := m.Cut(lane.From, lane.To, lane.Channel); err != nil {
			t.Fatal(err)
		}
		if got, want := m.Conditions(), map[Lane]Condition{lane: {Cut: true}}; !maps.Equal(got, want) {
			t.Errorf("after cutting %s: %v", lane, got)
		}
		if err := m.Heal(lane.From, lane.To, lane.Channel); err != nil {
			t.Fatal(err)
		}
	}
}

// Clients have a link of their own in front of each member, with a lane either way.
func TestMeshClientLinks(t *testing.T) {
	server := newStation(t)
	m, err := NewMesh(MeshOptions{Peers: []Peer{
		{ID: 1, Quorum: newStation(t).address(), Election: newStation(t).address(), Client: server.address()},
		{ID: 2, Quorum: newStation(t).address(), Election: newStation(t).address()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, m) })
	in, out := Lane{Clients, 1, Client}, Lane{1, Clients, Client}
	if lanes := m.Lanes(); len(lanes) != 6 || !slices.Contains(lanes, in) || !slices.Contains(lanes, out) {
		t.Fatalf("lanes %v", lanes)
	}
	if got := m.Address(Clients, 2, Client); got != "" {
		t.Errorf("member 2 has a link for clients at %s", got)
	}
	near := dialMember(t, m.Address(Clients, 1, Client))
	far := server.accept()
	send(t, near, "connect")
	receive(t, far, 7)
	// What the server answers is held, and what the client sends is not.
	if err := m.Apply(map[Lane]Condition{out: {Cut: true}}); err != nil {
		t.Fatal(err)
	}
	send(t, far, "answer")
	send(t, near, "more")
	receive(t, far, 4)
	if got := m.Conditions(); len(got) != 1 || !got[out].Cut {
		t.Errorf("conditions %v", got)
	}
	if err := m.Apply(nil); err != nil {
		t.Fatal(err)
	}
	receive(t, near, 6)
}

// A reset breaks the connections that carry a lane, whichever end has dialled, at both ends, and no others.
func TestMeshReset(t *testing.T) {
	m, quorum, election := testMesh(t, 3)
	near12, far12 := dialMember(t, m.Address(1, 2, Quorum)), quorum[2].accept()
	near21, far21 := dialMember(t, m.Address(2, 1, Quorum)), quorum[1].accept()
	near13, far13 := dialMember(t, m.Address(1, 3, Quorum)), quorum[3].accept()
	votes, voted := dialMember(t, m.Address(1, 2, Election)), election[2].accept()
	if err := m.Cut(1, 2, Quorum); err != nil { // silence does not keep a reset back
		t.Fatal(err)
	}
	// Both lanes between two members name the same connections.
	broken, err := m.Reset([]Lane{{1, 2, Quorum}, {2, 1, Quorum}})
	if err != nil || broken != 2 {
		t.Errorf("%d connections broken, %v", broken, err)
	}
	for _, c := range []net.Conn{near12, far12, near21, far21} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v, want a reset", err)
		}
	}
	for _, pair := range [][2]net.Conn{{near13, far13}, {votes, voted}} {
		send(t, pair[0], "still")
		receive(t, pair[1], 5)
	}
	if broken, err := m.Reset([]Lane{{1, 2, Quorum}}); err != nil || broken != 0 {
		t.Errorf("again: %d connections broken, %v", broken, err)
	}
	if _, err := m.Reset([]Lane{{1, 9, Quorum}}); err == nil {
		t.Error("a lane that does not exist was reset")
	}
}

// A lane that refuses resets what is dialled, and leaves what is connected alone.
func TestMeshRefuse(t *testing.T) {
	m, quorum, _ := testMesh(t, 2)
	near, far := dialMember(t, m.Address(1, 2, Quorum)), quorum[2].accept()
	if err := m.Apply(map[Lane]Condition{{1, 2, Quorum}: {Refuse: true}}); err != nil {
		t.Fatal(err)
	}
	refused, err := net.Dial("tcp", m.Address(1, 2, Quorum)) // the reset may come while it dials
	if err == nil {
		defer refused.Close()
		_, err = refused.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
	send(t, near, "still")
	receive(t, far, 5)
	back := dialMember(t, m.Address(2, 1, Quorum)) // the other direction of dialling
	send(t, back, "open")
	receive(t, quorum[1].accept(), 4)
	if err := m.Apply(nil); err != nil {
		t.Fatal(err)
	}
	send(t, dialMember(t, m.Address(1, 2, Quorum)), "again")
	receive(t, quorum[2].accept(), 5)
}

func TestMeshHoldsAndHeals(t *testing.T) {
	m, quorum, _ := testMesh(t, 2)
	near := dialMember(t, m.Address(1, 2, Quorum))
	far := quorum[2].accept()
	send(t, near, "before")
	receive(t, far, 6)
	if err := m.Cut(1, 2, Quorum); err != nil {
		t.Fatal(err)
	}
	send(t, near, "held")
	send(t, far, "back") // the other direction is not cut
	receive(t, near, 4)
	if err := m.Slow(1, 2, Quorum, Shape{Latency: time.Microsecond}); err != nil {
		t.Fatal(err)
	}
	if got := m.Conditions()[Lane{1, 2, Quorum}]; !got.Cut {
		t.Error("slowing a lane has healed its cut")
	}
	if err := m.Heal(1, 2, Quorum); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, far, 4); got != "held" {
		t.Errorf("%q arrived at the heal", got)
	}
}

func TestMeshApply(t *testing.T) {
	m, _, _ := testMesh(t, 3)
	cut, slow := Condition{Cut: true}, Condition{Shape: Shape{Latency: time.Second}}
	for _, want := range []map[Lane]Condition{
		{{1, 2, Quorum}: cut, {2, 1, Quorum}: cut},
		{{1, 2, Quorum}: slow, {3, 1, Election}: cut},
		{},
	} {
		if err := m.Apply(want); err != nil {
			t.Fatal(err)
		}
		if got := m.Conditions(); !maps.Equal(got, want) {
			t.Errorf("conditions %v, want %v", got, want)
		}
	}
	for name, bad := range map[string]map[Lane]Condition{
		"a stranger": {{1, 2, Quorum}: cut, {1, 9, Quorum}: cut},
		"itself":     {{1, 2, Quorum}: cut, {1, 1, Quorum}: cut},
		"a shape":    {{1, 2, Quorum}: cut, {1, 3, Quorum}: {Shape: Shape{Rate: -1}}},
	} {
		if err := m.Apply(bad); err == nil || len(m.Conditions()) != 0 {
			t.Errorf("%s: error %v, and then %v", name, err, m.Conditions())
		}
	}
	for name, err := range map[string]error{
		"cut": m.Cut(1, 9, Quorum), "heal": m.Heal(9, 1, Quorum), "slow": m.Slow(1, 1, Quorum, Shape{}),
		"shape": m.Slow(1, 2, Quorum, Shape{Latency: -1}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// On the election channel, and only there, the address in the hello
// becomes that of the link by which the receiver can answer.
func TestMeshRewritesHellos(t *testing.T) {
	m, quorum, election := testMesh(t, 2)
	hello := string(electionHello(helloV1, 1, election[1].address()))
	near := dialMember(t, m.Address(1, 2, Election))
	send(t, near, hello)
	back := m.Address(2, 1, Election)
	want := electionHello(helloV1, 1, back)
	if got := receive(t, election[2].accept(), len(want)); !bytes.Equal([]byte(got), want) {
		t.Errorf("member 2 reads %q, want %q", got, want)
	}
	// That address leads to member 1.
	send(t, dialMember(t, back), "hi")
	receive(t, election[1].accept(), 2)

	send(t, dialMember(t, m.Address(1, 2, Quorum)), hello)
	if got := receive(t, quorum[2].accept(), len(hello)); got != hello {
		t.Errorf("on the quorum channel %q became %q", hello, got)
	}
}

func TestMeshEndsPass(t *testing.T) {
	m, quorum, _ := testMesh(t, 2)
	connect := func() (near, far *net.TCPConn) {
		near = dialMember(t, m.Address(1, 2, Quorum))
		return near, quorum[2].accept()
	}
	near, far := connect()
	if err := near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after a half-close the target reads %v", err)
	}
	send(t, far, "still")
	receive(t, near, 5)

	near, far = connect()
	_ = far.Close()
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the target closed the dialler reads %v", err)
	}

	near, far = connect()
	reset(far)
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the target was reset the dialler reads %v", err)
	}

	_ = quorum[2].listener.Close()
	// The reset may overtake the end of the dial, and then the dial fails.
	refused, err := net.Dial("tcp", m.Address(1, 2, Quorum))
	if err == nil {
		defer refused.Close()
		_, err = refused.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("where the target refuses the dialler gets %v", err)
	}
}

// A cut returns even while a write is blocked because its receiver does not read.
func TestMeshCutsBlockedWrite(t *testing.T) {
	m, quorum, _ := testMesh(t, 2)
	near := dialMember(t, m.Address(1, 2, Quorum))
	far := quorum[2].accept()
	const size = 16 << 20 // more than all buffers together
	sent := make(chan error, 1)
	go func() {
		_, err := near.Write(bytes.Repeat([]byte("x"), size))
		sent <- err
	}()
	receive(t, far, 1) // the link is writing
	if err := m.Cut(1, 2, Quorum); err != nil {
		t.Fatal(err)
	}
	if err := m.Heal(1, 2, Quorum); err != nil {
		t.Fatal(err)
	}
	receive(t, far, size-1)
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestMeshRefusesBadOptions(t *testing.T) {
	peers := []Peer{{ID: 1}, {ID: 2}}
	if _, err := NewMesh(MeshOptions{Peers: append(slices.Clone(peers), Peer{ID: 1})}); err == nil || !strings.Contains(err.Error(), "member 1") {
		t.Errorf("a member listed twice: %v", err)
	}
	// A port that is taken: the error says for which link, and nothing stays
	// open, so that the same ports can be tried again.
	taken := newStation(t)
	port := taken.listener.Addr().(*net.TCPAddr).Port
	free := newStation(t)
	freePort := free.listener.Addr().(*net.TCPAddr).Port
	_ = free.listener.Close()
	ports := map[Lane]int{{1, 2, Quorum}: freePort, {2, 1, Election}: port}
	options := MeshOptions{Peers: peers, Port: func(l Lane) int { return ports[l] }}
	if _, err := NewMesh(options); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "2>1/election") {
		t.Errorf("a port that is taken: %v", err)
	}
	_ = taken.listener.Close()
	m, err := NewMesh(options)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Address(1, 2, Quorum); !strings.HasSuffix(got, ":"+portText(freePort)) {
		t.Errorf("asked for port %d, got %s", freePort, got)
	}
	closed(t, m)
	closed(t, m)
	if conn, err := net.Dial("tcp", m.Address(1, 2, Quorum)); err == nil {
		_ = conn.Close()
		t.Error("a closed mesh still listens")
	}
}

func portText(port int) string { return (&net.TCPAddr{Port: port}).String()[1:] }

// The cost of a link is the difference of the two.
func BenchmarkRoundTrip(b *testing.B) {
	for _, through := range []string{"direct", "link"} {
		b.Run(through, func(b *testing.B) {
			target, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer target.Close()
			go func() {
				for {
					c, err := target.Accept()
					if err != nil {
						return
					}
					go func() { _, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }()
				}
			}()
			address := target.Addr().String()
			if through == "link" {
				l, err := Listen("127.0.0.1:0", address)
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				address = l.Addr().String()
			}
			c, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			message := make([]byte, 100)
			for b.Loop() {
				if _, err := c.Write(message); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
