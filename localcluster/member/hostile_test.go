package member

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// Nonsense on the client port ends only its own connection, the log says why, and
// another client does not notice.
func TestHostileClients(t *testing.T) {
	m := standalone(t)
	good := connectRaw(t, m.addr)
	good.create("/n", "")
	hello := wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{Timeout: 10000}))
	length := func(n int32, rest ...byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(n)), rest...)
	}
	for _, test := range []struct {
		name  string
		bytes []byte
		want  string // in the log; "" for no line
	}{
		{"oversized first frame", length(1 << 30), "unreasonable length"},
		{"negative first frame", length(-1), "unreasonable length"},
		{"http", []byte("GET / HTTP/1.1\r\n\r\n"), "unreasonable length"},
		{"unknown word", []byte("what"), "unreasonable length"},
		{"empty first frame", length(0), "not a ConnectRequest"},
		{"short ConnectRequest", length(10, make([]byte, 10)...), "not a ConnectRequest"},
		{"huge password", length(28, append(make([]byte, 24), 0x7f, 0xff, 0xff, 0xff)...), "not a ConnectRequest"},
		{"wrong protocol version", wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{ProtocolVersion: 9})), "protocol version 9"},
		{"half a ConnectRequest", hello[:20], "in the middle of a frame"},
		{"half a length", hello[:2], ""},
		{"nothing", nil, ""},
		{"oversized request", append(bytes.Clone(hello), length(1<<30)...), "unreasonable length"},
		{"negative request", append(bytes.Clone(hello), length(-7)...), "unreasonable length"},
		{"request without a header", append(bytes.Clone(hello), length(3, 1, 2, 3)...), "too short for its header"},
		{"half a request", append(bytes.Clone(hello), length(100, 1, 2, 3)...), "in the middle of a frame"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, m.addr)
			if _, err := c.Write(test.bytes); err != nil {
				t.Fatal(err)
			}
			if test.want == "" || strings.HasPrefix(test.name, "half") {
				// Nothing is wrong with it until it ends.
				c.(*net.TCPConn).CloseWrite()
			}
			if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
				t.Errorf("the server did not close the connection: %v", err)
			}
			if test.want != "" {
				m.log.await(1, "closing a client connection", "client="+c.LocalAddr().String(), test.want)
			}
			good.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/n", Version: -1}, nil)
		})
	}
}

func isReset(err error) bool { return strings.Contains(err.Error(), "reset by peer") }

func TestRandomBytesOnTheClientPort(t *testing.T) {
	m := standalone(t)
	good := connectRaw(t, m.addr)
	good.create("/n", "")
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range 300 {
		var c net.Conn
		if i%2 == 0 {
			c = dial(t, m.addr)
		} else {
			c = connectRaw(t, m.addr).c
		}
		// Frames of a believable length get past the first check.
		junk := make([]byte, random.IntN(200))
		for j := range junk {
			junk[j] = byte(random.Uint32())
		}
		if random.IntN(2) == 0 {
			junk = wire.AppendFrame(nil, junk)
		}
		c.Write(junk)
		c.Close()
		if i%10 == 0 {
			good.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/n", Version: -1}, nil)
		}
	}
	good.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: "/n"}, nil)
}

// Random bodies behind every opcode: each request gets one reply, or ends the connection where that is the answer.
func TestRandomRequests(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		const seed = 11
		random := rand.New(rand.NewPCG(seed, seed))
		c := connectRaw(t, m.addr)
		for op := wire.OpCode(-12); op < 110; op++ {
			if op == wire.OpCloseSession {
				continue
			}
			for range 3 {
				body := make([]byte, random.IntN(40))
				for j := range body {
					body[j] = byte(random.IntN(3)) // small numbers make lengths that fit
				}
				c.xid++
				payload := wire.Marshal(&wire.RequestHeader{Xid: c.xid, Op: op})
				c.send(append(payload, body...))
				f, err := c.tryNext()
				for err == nil && f.Xid == wire.XidNotification {
					f, err = c.tryNext()
				}
				want := c.xid
				if op == wire.OpPing {
					want = wire.XidPing
				}
				if err != nil && (op == wire.OpAuth || op == wire.OpSASL) {
					c.close() // unreadable
					c = connectRaw(t, m.addr)
					continue
				}
				if err != nil || f.Xid != want {
					t.Fatalf("op %v with %x: reply to %d instead of %d (%v)", op, body, f.Xid, want, err)
				}
				if f.Err == wire.ErrAuthFailed || f.Err == wire.ErrUnimplemented && f.Zxid == -1 {
					c.awaitEnd()
					c.close()
					c = connectRaw(t, m.addr)
				}
			}
		}
	})
}

// A connection that sends nothing disturbs no client, and is closed.
func TestSilentConnections(t *testing.T) {
	m := standalone(t, func(c *Config) { c.SessionlessTimeout = 50 * time.Millisecond })
	silent, half := dial(t, m.addr), dial(t, m.addr)
	half.Write([]byte{0, 0, 0, 44, 0, 0})
	c := connectRaw(t, m.addr)
	c.create("/n", "")
	for name, conn := range map[string]net.Conn{"sent nothing": silent, "did not send a whole ConnectRequest": half} {
		if _, err := io.Copy(io.Discard, conn); err != nil && !isReset(err) {
			t.Errorf("%s: %v", name, err)
		}
		m.log.await(1, "closing a client connection", "client="+conn.LocalAddr().String(), name)
	}
	c.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/n", Version: -1}, nil) // c may be silent: it has a session
}

func TestTooManyConnectionsFromOneAddress(t *testing.T) {
	m := standalone(t, func(c *Config) { c.MaxClientConnections = 3 })
	first, second, third := connectRaw(t, m.addr), connectRaw(t, m.addr), connectRaw(t, m.addr)
	fourth := dial(t, m.addr)
	if n, err := fourth.Read(make([]byte, 1)); err == nil {
		t.Errorf("a fourth connection read %d bytes", n)
	}
	m.log.await(1, "too many connections from one address", "maxClientCnxns=3")
	for _, c := range []*rawClient{first, second, third} {
		c.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/"}, nil)
	}
	first.mustCall(wire.OpCloseSession, nil, nil)
	first.close()
	// Its place is free once the server has noticed.
	for {
		c := &rawClient{t: t, c: dial(t, m.addr)}
		c.c.Write(wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{Timeout: 10000})))
		if _, err := c.read(); err == nil {
			return
		}
	}
}

// The socket for four-letter words answers all of them when clients have taken every connection and the client
// port answers none, takes no client's place, and serves no client.
func TestWordSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "words.sock")
	m := standalone(t, func(c *Config) {
		c.MaxClientConnections, c.WordSocket, c.Commands = 1, socket, ParseWhitelist("")
	})
	say := func(text string) string {
		t.Helper()
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil && !isReset(err) {
			t.Fatal(err)
		}
		return string(answer)
	}
	open, err := net.Dial("unix", socket) // asks nothing yet
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	c := connectRaw(t, m.addr)
	for word, want := range map[string]string{"srvr": "Connections: 1\n", "mntr": "zk_server_state", "ruok": "imok"} {
		if answer := say(word); !strings.Contains(answer, want) {
			t.Errorf("%s: %q", word, answer)
		}
	}
	connect := wire.AppendFrame(nil, wire.Marshal(&wire.ConnectRequest{Timeout: 10000}))
	if answer := say(string(connect)); answer != "" {
		t.Errorf("it serves a client: %q", answer)
	}
	m.log.await(1, "no four-letter word")
	c.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/"}, nil)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// The server stops reading from clients that do not read their answers; they do not delay
// other clients.
func TestBackPressure(t *testing.T) {
	m := standalone(t, func(c *Config) { c.GlobalOutstanding = 10 })
	good := connectRaw(t, m.addr)
	// It must not expire while the server does not read from it.
	greedy := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 60000, Password: wire.NoPassword(), HasReadOnly: true})
	good.create("/big", strings.Repeat("x", 500_000))
	// The greedy client asks for 150 MB and reads nothing; its requests are small
	// enough for the sockets to take them all.
	const requests = 300
	go func() {
		for i := range requests {
			payload := wire.Marshal(&wire.RequestHeader{Xid: int32(i), Op: wire.OpGetData})
			payload = wire.AppendRecord(payload, &wire.PathWatchRequest{Path: "/big"})
			if _, err := greedy.c.Write(wire.AppendFrame(nil, payload)); err != nil {
				return
			}
		}
	}()
	for i := range 100 {
		good.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/", Data: []byte(fmt.Sprint(i)), Version: -1}, nil)
	}
	received, err := strconv.Atoi(m.stat("zk_packets_received"))
	if err != nil || received > 100+requests/2 {
		t.Errorf("%d packets were read (%v), most of them from a client that reads no answers", received, err)
	}
	// It gets them all, in order, once it reads.
	for i := range requests {
		if f := greedy.reply(int32(i)); f.Err != wire.OK {
			t.Fatalf("request %d: %v", i, f.Err)
		}
	}
	if outstanding := m.stat("zk_outstanding_requests"); outstanding != "0" {
		t.Errorf("%s requests are outstanding when all are answered", outstanding)
	}
}

func TestOversizedRequestsFollowJuteMaxbuffer(t *testing.T) {
	m := standalone(t, func(c *Config) { c.MaxBuffer = 4096 })
	c := connectRaw(t, m.addr)
	c.create("/fits", strings.Repeat("x", 3900))
	c.start(wire.OpCreate, &wire.CreateRequest{Path: "/toobig", Data: make([]byte, 5000), ACL: wire.OpenACL()})
	c.awaitEnd()
	m.log.await(1, "closing a client connection", "limit 4096", "jute.maxbuffer")
}

func TestWhitelist(t *testing.T) {
	m := standalone(t, func(c *Config) { c.Commands = ParseWhitelist("srvr, ruok") })
	if got := ask(t, m.addr, "ruok"); got != "imok" {
		t.Errorf("ruok: %q", got)
	}
	if got, want := ask(t, m.addr, "mntr"), "mntr is not executed because it is not in the whitelist.\n"; got != want {
		t.Errorf("mntr: %q, want %q", got, want)
	}
	if got := ask(t, m.addr, "srvr"); !strings.Contains(got, "Mode: standalone") {
		t.Errorf("srvr: %q", got)
	}
	// As `echo ruok | nc` sends it: with a newline, and hanging up behind it.
	c := dial(t, m.addr)
	io.WriteString(c, "ruok\n")
	c.(*net.TCPConn).CloseWrite()
	if text, err := io.ReadAll(c); string(text) != "imok" || err != nil {
		t.Errorf("ruok with a newline: %q, %v", text, err)
	}
}

func TestHostilePeers(t *testing.T) {
	e := startEnsemble(t, 3, 0)
	leader := e.members[e.leader()]
	own, _ := ownServer(&leader.cfg)
	c := connectRaw(t, leader.addr)
	c.create("/n", "")
	for _, port := range []int{own.Addresses[0].QuorumPort, own.Addresses[0].ElectionPort} {
		for _, junk := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x0b\xff\xff", strings.Repeat("\xff", 4096), ""} {
			bad, err := net.Dial("tcp", address(own, port))
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(bad, junk)
			bad.Close()
			c.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/n", Version: -1}, nil)
		}
	}
	if strings.Contains(leader.log.text(), "not serving clients any more") {
		t.Error("the leader lost its role")
	}
}
