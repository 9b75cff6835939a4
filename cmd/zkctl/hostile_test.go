package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// nonsense is something that a port must survive, and what the member
// is to write in its log about it, beside the address that it came from.
type nonsense struct {
	name  string
	bytes []byte
	log   string
	part  bool // nothing is wrong with it until it ends
}

// These are valid beginnings of conversations.
var (
	connect = wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{Timeout: 10_000, Password: make([]byte, 16)}))
	// The id is no server's, because a connection that reports as a follower takes that follower's
	// place.
	learner  = followerInfo(wire.LearnerInfo{ServerID: 77, ProtocolVersion: wire.QuorumProtocolVersion})
	election = wire.Marshal(&wire.ElectionHello{ServerID: 77, Addresses: []string{"127.0.0.1:9"}})
)

func followerInfo(info wire.LearnerInfo) []byte {
	return wire.Marshal(&wire.QuorumPacket{Type: wire.PacketFollowerInfo, Data: wire.Marshal(&info)})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func int32Bytes(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

var http = []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

func clientNonsense() []nonsense {
	return []nonsense{
		{"HTTP", http, "1195725856", false},
		{"an oversized length", int32Bytes(math.MaxInt32), "2147483647", false},
		{"a negative length", int32Bytes(-1), "-1 bytes", false},
		{"a wrong protocol version", wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{ProtocolVersion: 9})), "protocol version 9", false},
		{"half a hello", connect[:20], "closed the connection in the middle of a frame", true},
		{"half a request", join(connect, int32Bytes(100), []byte("abc")), "closed the connection in the middle of a frame", true},
		{"an oversized request", join(connect, int32Bytes(math.MaxInt32)), "2147483647", false},
	}
}

// quorumNonsense is for every member. What follows a valid hello reaches only a leader,
// because the other members hang up on learners.
func quorumNonsense(leads bool) []nonsense {
	packet := wire.Marshal(&wire.QuorumPacket{Type: wire.PacketFollowerInfo})[:12] // type and zxid
	list := []nonsense{
		{"HTTP", http, `read \"GET \"`, false},
		{"an oversized length", join(packet, int32Bytes(math.MaxInt32)), "2147483647", false},
		{"a negative length", join(packet, int32Bytes(-2)), "-2", false},
		{"half a hello", learner[:25], "unexpected EOF", true},
		{"a leader's packet", wire.Marshal(&wire.QuorumPacket{Type: wire.PacketProposal}), "PROPOSAL", false},
	}
	if !leads {
		return list
	}
	return append(list,
		nonsense{"a wrong protocol version", followerInfo(wire.LearnerInfo{ServerID: 77, ProtocolVersion: 3}), "protocol version 0x3", false},
		nonsense{"an oversized packet", join(learner, int32Bytes(int32(wire.PacketAck)), make([]byte, 8), int32Bytes(math.MaxInt32)), "2147483647", false},
		nonsense{"HTTP after a hello", join(learner, http), `read \"GET \"`, false},
	)
}

func electionNonsense(self int64) []nonsense {
	hello := election[:16] // version and server id
	return []nonsense{
		{"HTTP", http, `read \"GET / HT\"`, false},
		{"an oversized length", join(hello, int32Bytes(math.MaxInt32)), "2147483647", false},
		{"a negative length", join(hello, int32Bytes(-2)), "-2", false},
		{"a wrong protocol version", wire.Marshal(&wire.ElectionHello{Version: -65_534, ServerID: 77, Addresses: []string{"x"}}), "version -65534", false},
		{"half a hello", election[:20], "unexpected EOF", true},
		{"the member's own id", wire.Marshal(&wire.ElectionHello{ServerID: self, Addresses: []string{"127.0.0.1:9"}}), fmt.Sprintf("own id %d", self), false},
		{"an oversized vote", join(election, int32Bytes(math.MaxInt32)), "2147483647", false},
		{"a negative vote", join(election, int32Bytes(-1)), "-1 bytes", false},
		{"a vote of nonsense", join(election, wire.AppendFrame(nil, []byte("thirty-one bytes that are no vote"))), "vote of server 77", true},
	}
}

// silence is a connection on which the client sends nothing, or too little.
type silence struct {
	member int64
	conn   net.Conn
	log    string
}

// TestHostileConnections sends nonsense to every port of every member while a client of each
// keeps writing. Nonsense ends only the connection on which it arrives.
func TestHostileConnections(t *testing.T) {
	// syncLimit is long, so that a busy machine causes no election: only the nonsense could.
	e := up(t, "--set", "syncLimit=50")
	before := e.status()
	logs := e.logs()
	scribes := e.scribes(before)

	var silent []silence
	for _, m := range before.Members {
		leads := m.ID == *before.Leader
		for _, port := range []struct {
			address string
			list    []nonsense
			half    []byte
			silent  string
		}{
			{m.Client, clientNonsense(), connect[:10], "within 10s"},
			{loopback(m.QuorumPort), quorumNonsense(leads), learner[:10], "no whole packet within 5s"},
			{loopback(m.ElectionPort), electionNonsense(m.ID), election[:10], "limit 10s"},
		} {
			for _, said := range [][]byte{nil, port.half} {
				silent = append(silent, silence{m.ID, say(t, port.address, said), port.silent})
			}
			for _, n := range port.list {
				conn := say(t, port.address, n.bytes)
				if n.part {
					_ = conn.(*net.TCPConn).CloseWrite()
				}
				hungUp(t, conn)
				logs.await(m.ID, conn.LocalAddr().String(), n.log)
			}
		}
	}
	for _, s := range silent {
		hungUp(t, s.conn)
		logs.await(s.member, s.conn.LocalAddr().String(), s.log)
	}
	flood(t, before)

	for i, s := range scribes {
		if lost := s.end(); len(lost) > 0 {
			t.Errorf("the client of member %d: %+v", before.Members[i].ID, lost)
		}
		for _, m := range before.Members {
			s.check(m.Client)
		}
		t.Logf("%d writes acknowledged by member %d", len(s.written), before.Members[i].ID)
	}
	after := e.status()
	if *after.Leader != *before.Leader || after.Epoch != before.Epoch || after.Health != "healthy" {
		t.Errorf("leader %d of epoch %d became %v of epoch %d, %s", *before.Leader, before.Epoch, after.Leader, after.Epoch, after.Health)
	}
	for _, m := range after.Members {
		if lost := logs.of(m.ID, "not serving clients any more"); len(lost) > 0 {
			t.Errorf("member %d: %q", m.ID, lost)
		}
		// 50 lines at once and 5 a second, for each message.
		count, span := logs.rates(m.ID)
		for message, n := range count {
			if limit := 50 + 5*int(span/time.Second+1); n > limit {
				t.Errorf("member %d wrote %d lines %s in %s", m.ID, n, message, span)
			}
		}
		if len(logs.of(m.ID, "leaving some out")) == 0 {
			t.Errorf("member %d got %d connections of nonsense and says nothing of leaving lines out", m.ID, 3*floodSize)
		}
	}
}

// floodSize is the number of hostile connections to each port, which is more than a log
// has lines for.
const floodSize = 150

// flood sends random bytes to all ports at once, some behind a valid hello.
func flood(t *testing.T, s status) {
	seed := testSeed(t)
	var all sync.WaitGroup
	for i, m := range s.Members {
		// A hello in another member's name replaces its link, which is then built anew.
		impostor := wire.Marshal(&wire.ElectionHello{ServerID: s.Members[(i+1)%3].ID, Addresses: []string{"127.0.0.1:9"}})
		for j, port := range []struct {
			address string
			hellos  [][]byte
		}{
			{m.Client, [][]byte{connect}},
			{loopback(m.QuorumPort), [][]byte{int32Bytes(int32(wire.PacketFollowerInfo)), learner}},
			{loopback(m.ElectionPort), [][]byte{election, impostor}},
		} {
			random := rand.New(rand.NewPCG(seed, uint64(3*i+j)))
			all.Go(func() {
				for range floodSize {
					conn := say(t, port.address, randomTalk(random, port.hellos))
					_ = conn.(*net.TCPConn).CloseWrite()
					hungUp(t, conn)
				}
			})
		}
	}
	all.Wait()
}

// testSeed is the seed of a test's random bytes, and says how to repeat them.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("ZKCTL_TEST_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ZKCTL_TEST_SEED: %v", err)
		}
		seed = given
	}
	t.Logf("random bytes of seed %d: repeat them with ZKCTL_TEST_SEED=%d", seed, seed)
	return seed
}

// randomTalk is random bytes, in a frame or not, behind a hello or not.
func randomTalk(random *rand.Rand, hellos [][]byte) []byte {
	talk := make([]byte, random.IntN(300))
	for i := range talk {
		talk[i] = byte(random.Uint32())
	}
	if random.IntN(2) == 0 {
		talk = wire.AppendFrame(nil, talk)
	}
	if random.IntN(3) > 0 {
		talk = join(hellos[random.IntN(len(hellos))], talk)
	}
	return talk
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// say connects and sends bytes. It is no failure if the other side hangs up meanwhile.
func say(t *testing.T, address string, what []byte) net.Conn {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Errorf("a port is not open any more: %v", err)
		runtime.Goexit() // as t.FailNow, and in other goroutines than the test's as well
	}
	_, _ = conn.Write(what)
	return conn
}

// hungUp waits until the other side has hung up.
func hungUp(t *testing.T, conn net.Conn) {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: the member does not hang up: %v", conn.RemoteAddr(), err)
	}
}
