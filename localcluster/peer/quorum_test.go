package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

// quorumPort is a Quorum on loopback that keeps a log of each learner.
type quorumPort struct {
	*Quorum
	log      *log
	learners chan *learner
}

// learner is one accepted connection.
type learner struct {
	*Conn
	*connLog
}

func openQuorum(t testing.TB, change func(*QuorumOptions)) *quorumPort {
	t.Helper()
	p := &quorumPort{log: newLog(), learners: make(chan *learner, 100)}
	opts := QuorumOptions{
		Listen:  "127.0.0.1:0",
		Refused: func(remote string, reason error) { p.log.add("refused %s: %v", remote, reason) },
		Accept: func(c *Conn) ConnHandler {
			l := &learner{Conn: c, connLog: newConnLog()}
			p.learners <- l
			return l
		},
	}
	if change != nil {
		change(&opts)
	}
	q, err := ListenQuorum(opts)
	if err != nil {
		t.Fatal(err)
	}
	p.Quorum = q
	t.Cleanup(func() { q.Close() })
	return p
}

// connect makes a learner of this port, and returns both ends.
func (p *quorumPort) connect(t testing.TB, handler ConnHandler) (learnerEnd *Conn, leaderEnd *learner) {
	t.Helper()
	c, err := p.Dial(t.Context(), p.Addr().String(), handler)
	if err != nil {
		t.Fatal(err)
	}
	c.SendPacket(followerInfo())
	select {
	case leaderEnd = <-p.learners:
	case <-time.After(patience):
		t.Fatal("the learner was never accepted")
	}
	return c, leaderEnd
}

func (p *quorumPort) call(t *testing.T, say []byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Write(say); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestQuorumCloseEndsAll(t *testing.T) {
	p := openQuorum(t, nil)
	logs := []*connLog{newConnLog(), newConnLog(), newConnLog()}
	for _, h := range logs {
		_, l := p.connect(t, h)
		logs = append(logs, l.connLog)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, h := range logs {
		if h.count("disconnected: ") != 1 {
			t.Errorf("saw %q when Close had returned, want the end told once", h.all())
		}
	}
	if _, err := p.Dial(t.Context(), p.Addr().String(), newConnLog()); err == nil {
		t.Error("dialled after Close")
	}
}

// A peer that is not a learner is hung up on, and a good connection does not notice.
func TestHostileLearners(t *testing.T) {
	hello := wire.Marshal(ptr(followerInfo()))
	after := func(b ...byte) []byte { return append(bytes.Clone(hello), b...) }
	ping := wire.Marshal(&wire.QuorumPacket{Type: wire.PacketPing})
	withLength := func(n uint32) []byte { // an ACK that claims data of this length
		b := append([]byte{0, 0, 0, 3}, make([]byte, 8)...)
		return after(binary.BigEndian.AppendUint32(b, n)...)
	}
	withIDs := append(bytes.Clone(ping[:16]), 0x7f, 0xff, 0xff, 0xff)
	tests := map[string]struct {
		say  []byte
		told string
	}{
		"HTTP":              {[]byte("GET / HTTP/1.1\r\n\r\n"), `read "GET "`},
		"nothing":           {nil, "EOF"},
		"half a type":       {[]byte{0, 0}, `read "\x00\x00"`},
		"type 0":            {make([]byte, 24), "PACKET(0)"},
		"leader's packet":   {wire.Marshal(&wire.QuorumPacket{Type: wire.PacketCommit}), "COMMIT"},
		"no first packet":   {ping, "began with PING instead of FOLLOWERINFO"},
		"SASL":              {[]byte{0xff, 0x5f, 0x24, 0x35, 1, 2, 3, 4}, `read "\xff_$5"`},
		"half first packet": {hello[:len(hello)-3], "unexpected EOF"},
		"half packet":       {after(ping[:len(ping)-1]...), "unexpected EOF"},
		"too long":          {withLength(wire.DefaultMaxField + 1), fmt.Sprint(wire.DefaultMaxField + 1)},
		"2 GiB":             {withLength(0x7fffffff), "2147483647"},
		"length -2":         {withLength(0xfffffffe), "-2"},
		"too many ids":      {after(withIDs...), "2147483647"},
		"learner's SNAP":    {after(0, 0, 0, 15), "SNAP"},
	}
	p := openQuorum(t, nil)
	h := newConnLog()
	_, good := p.connect(t, h)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := p.call(t, tt.say)
			c.(*net.TCPConn).CloseWrite()
			hungUp(t, c)
			remote := c.LocalAddr().String()
			var line string
			if bytes.HasPrefix(tt.say, hello) {
				l := <-p.learners
				line = l.ended(t).Error()
				if l.count("FOLLOWERINFO") != 1 || len(l.all()) != 2 {
					t.Errorf("delivered %q, want the first packet alone", l.all())
				}
			} else {
				line = p.log.await(t, remote)
			}
			if !strings.Contains(line, tt.told) || !strings.Contains(line, remote) {
				t.Errorf("told %q, want %q and %q in it", line, remote, tt.told)
			}
		})
	}
	good.SendPacket(packet(wire.PacketPing, 1, ""))
	h.await(t, "PING")
	if got := len(p.learners); got != 0 {
		t.Errorf("%d more connections were admitted", got)
	}
}

func ptr[T any](v T) *T { return &v }

func TestLearnerNotAdmitted(t *testing.T) {
	p := openQuorum(t, func(o *QuorumOptions) { o.Accept = func(*Conn) ConnHandler { return nil } })
	h := newConnLog()
	c, err := p.Dial(t.Context(), p.Addr().String(), h)
	if err != nil {
		t.Fatal(err)
	}
	c.SendPacket(followerInfo())
	h.ended(t)
	p.log.await(t, "not admitted")
}

func TestSilentLearnersDoNotLockOthersOut(t *testing.T) {
	p := openQuorum(t, func(o *QuorumOptions) { o.MaxPending = 2 })
	var silent []net.Conn
	for range 4 {
		silent = append(silent, p.call(t, []byte{0, 0}))
	}
	hungUp(t, silent[0])
	hungUp(t, silent[1])
	p.log.await(t, "sent nothing while 2 other connections came")
	p.connect(t, newConnLog())
}

func TestSilentLearnerIsDroppedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		log := newLog()
		q, err := ListenQuorum(QuorumOptions{
			Listener: n.listen("leader"), Dial: n.dial,
			Accept:  func(*Conn) ConnHandler { return newConnLog() },
			Refused: func(remote string, reason error) { log.add("refused %s: %v", remote, reason) },
		})
		if err != nil {
			t.Fatal(err)
		}
		silent, err := n.dial(t.Context(), "mem", "leader")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		hungUp(t, silent)
		if got := time.Since(began); got != defaultFirstPacketTimeout {
			t.Errorf("hung up after %s, want %s", got, defaultFirstPacketTimeout)
		}
		log.await(t, "no whole packet within 5s")

		// A learner that has sent something may be silent for as long as the protocol allows.
		h := newConnLog()
		c, err := q.Dial(t.Context(), "leader", h)
		if err != nil {
			t.Fatal(err)
		}
		c.SendPacket(followerInfo())
		pass(t.Context(), time.Hour)
		if got := h.all(); len(got) != 0 {
			t.Errorf("after an hour of silence: %q", got)
		}
		silent.Close()
		q.Close()
		n.wg.Wait()
	})
}

// A dial that fails says so at once; one that hangs ends with its context.
func TestDialErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		q, err := ListenQuorum(QuorumOptions{
			Listener: n.listen("follower"), Dial: n.dial,
			Accept:  func(*Conn) ConnHandler { return nil },
			Refused: func(string, error) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = q.Dial(t.Context(), "nowhere", newConnLog())
		if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("gave up with %v, want where and why", err)
		}
		if got := time.Since(began); got != 0 {
			t.Errorf("gave up after %s, want at once", got)
		}

		n.listen("busy") // and never accept
		if _, err := q.Dial(t.Context(), "busy", newConnLog()); err == nil {
			t.Error("connected to a server that does not accept")
		}
		if got := time.Since(began); got != defaultDialTimeout {
			t.Errorf("gave up after %s, want %s", got, defaultDialTimeout)
		}

		ended := make(chan error)
		go func() {
			_, err := q.Dial(t.Context(), "busy", newConnLog())
			ended <- err
		}()
		synctest.Wait()
		q.Close()
		if err := <-ended; err == nil {
			t.Error("Close left a dial going")
		}
		n.wg.Wait()
	})
}
