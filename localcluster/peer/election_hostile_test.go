package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

// Nonsense ends its connection and is reported, and a good link does not notice.
func TestHostileCallers(t *testing.T) {
	u32 := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	hello5 := javaHello(wire.HelloV1, 7, "127.0.0.1:3887")
	tests := map[string]struct {
		say  []byte
		told string // part of what is reported about it
	}{
		"own id":             {javaHello(wire.HelloV1, 3, "127.0.0.1:3888"), "own id 3"},
		"negative id":        {javaHello(wire.HelloV1, -4, "127.0.0.1:3888"), "-4 is not a server id"},
		"unknown version":    {javaHello(-65534, 5, "127.0.0.1:3888"), "version -65534"},
		"HTTP":               {[]byte("GET / HTTP/1.1\r\n\r\n"), `read "GET / HT"`},
		"TLS":                {[]byte("\x96\x03\x01\x02\x00\x01\x00\x01\xfc"), `read "\x96\x03\x01\x02\x00\x01\x00\x01"`},
		"address too long":   {append(javaHello(wire.HelloV1, 5, "")[:16], u32(2049)...), "2049"},
		"negative length":    {append(javaHello(wire.HelloV1, 5, "")[:16], u32(1<<31)...), "-2147483648"},
		"no address":         {javaHello(wire.HelloV1, 5, ""), "unreasonable length"},
		"nowhere to dial":    {javaHello(wire.HelloV1, 1, "0.0.0.0:3888"), "its hello has no address to dial back"},
		"ancient stranger":   {binary.BigEndian.AppendUint64(nil, 1), "its hello has no address to dial back"},
		"address cut short":  {javaHello(wire.HelloV1, 5, "127.0.0.1:3888")[:25], "unexpected EOF"},
		"nothing":            {nil, "EOF"},
		"frame of 0 bytes":   {append(bytes.Clone(hello5), u32(0)...), "frame of 0 bytes"},
		"frame too long":     {append(bytes.Clone(hello5), u32(wire.MaxElectionFrame+1)...), "524289"},
		"frame of -1 bytes":  {append(bytes.Clone(hello5), u32(0xffffffff)...), "-1"},
		"frame cut short":    {append(append(bytes.Clone(hello5), u32(100)...), "abc"...), "unexpected EOF"},
		"HTTP after a hello": {append(bytes.Clone(hello5), "GET / HTTP/1.1\r\n\r\n"...), "1195725856"},
	}
	p := openPort(t, nil)
	good := p.call(t, javaHello(wire.HelloV1, 5, "127.0.0.1:3885"))
	p.log.await(t, "up 5")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := p.call(t, tt.say)
			remote := c.LocalAddr().String()
			c.(*net.TCPConn).CloseWrite()
			hungUp(t, c)
			line := p.log.await(t, remote)
			if !strings.Contains(line, tt.told) {
				t.Errorf("told %q, want %q in it", line, tt.told)
			}
		})
	}
	if err := p.Send(5, vote(1)); err != nil {
		t.Fatal(err)
	}
	if got := readVote(t, good); got.Zxid != 1 {
		t.Errorf("read %+v on the good link, want zxid 0x1", got)
	}
	if got := p.log.count("down 5"); got != 0 {
		t.Error("the good link was down")
	}
}

// More silent connections than fit: the oldest goes, and a server gets in.
func TestSilentConnectionsDoNotLockServersOut(t *testing.T) {
	p := openPort(t, func(o *ElectionOptions) { o.MaxPending = 3 })
	var silent []net.Conn
	for range 5 {
		silent = append(silent, p.call(t))
	}
	hungUp(t, silent[0])
	hungUp(t, silent[1])
	p.log.await(t, "sent nothing while 3 other connections came")
	p.call(t, javaHello(wire.HelloV1, 5, "127.0.0.1:3885"))
	p.log.await(t, "up 5")
}

func TestSilentConnectionIsDroppedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newEnsemble(1, 2)
		e := s.start(t, 1)
		c, err := s.net.dial(t.Context(), "mem", s.peers[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte{0xff, 0xff, 0xff}); err != nil { // and never the rest
			t.Fatal(err)
		}
		began := time.Now()
		hungUp(t, c)
		if got := time.Since(began); got != defaultHandshakeTimeout {
			t.Errorf("hung up after %s, want %s", got, defaultHandshakeTimeout)
		}
		synctest.Wait()
		if line := s.logs[1].await(t, "refused caller1"); !strings.Contains(line, `read "\xff\xff\xff"`) {
			t.Errorf("told %q, want what was read", line)
		}
		e.Close()
		c.Close()
		s.close()
	})
}

// A caller can invent ids, so the number of unknown servers has a limit.
func TestTooManyStrangers(t *testing.T) {
	p := openPort(t, func(o *ElectionOptions) { o.MaxUnconfigured = 2 })
	for id := range int64(2) {
		p.call(t, javaHello(wire.HelloV1, 100+id, "127.0.0.1:9"))
		p.log.await(t, fmt.Sprintf("up %d", 100+id))
	}
	c := p.call(t, javaHello(wire.HelloV1, 102, "127.0.0.1:9"))
	hungUp(t, c)
	p.log.await(t, "server 102 is not in the configuration, and 2 others that are not in it are connected already")
	p.call(t, javaHello(wire.HelloV1, 5, "127.0.0.1:9"))
	p.log.await(t, "up 5")
}
