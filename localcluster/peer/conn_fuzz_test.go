package peer

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

func FuzzPackets(f *testing.F) {
	f.Add(wire.Marshal(ptr(packet(wire.PacketProposal, 5, "txn"))))
	snap := wire.Marshal(ptr(packet(wire.PacketSnap, 5, "")))
	var e wire.Encoder
	e.Text("tree")
	e.Text(snapshotSignature)
	f.Add(append(snap, e.Bytes()...))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		h := newConnLog()
		h.read = text(1 << 10)
		var packets []wire.QuorumPacket
		h.each(func(p wire.QuorumPacket) { packets = append(packets, p) })
		c := newConn(near, leaderSide, ConnOptions{MaxField: 1 << 10})
		c.handler = h
		go c.run()
		far.Write(b)
		far.Close()
		<-c.Done()
		if h.count("disconnected: ") != 1 {
			t.Error("the end was not told once")
		}
		rest := b
		for _, p := range packets {
			if !sentBy(p.Type, leaderSide) || len(p.Data) > 1<<10 {
				t.Errorf("delivered %+v", p)
			}
			if p.Type == wire.PacketSnap || p.AuthInfo != nil {
				return // followed by a tree, or with null texts, which are read as empty
			}
			again := wire.Marshal(&p)
			if !bytes.HasPrefix(rest, again) {
				t.Errorf("delivered %+v, which is not what was sent", p)
			}
			rest = rest[len(again):]
		}
	})
}

// BenchmarkConn sends proposals of 100 bytes one way over loopback.
func BenchmarkConn(b *testing.B) {
	p := openQuorum(b, func(o *QuorumOptions) { o.Conn.MaxQueued = 1 << 40 })
	done := make(chan struct{})
	n := 0
	h := quiet{got: func(wire.QuorumPacket) {
		if n++; n == b.N {
			close(done)
		}
	}}
	_, l := p.connect(b, h)
	pkt := packet(wire.PacketProposal, 1, strings.Repeat("x", 100))
	b.SetBytes(int64(len(wire.Marshal(&pkt))))
	b.ResetTimer()
	for range b.N {
		l.SendPacket(pkt)
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

// BenchmarkRoundTrip is a proposal and its acknowledgement, one at a time.
func BenchmarkRoundTrip(b *testing.B) {
	p := openQuorum(b, nil)
	got := make(chan struct{}, 1)
	h := newConnLog()
	c, l := p.connect(b, h)
	h.each(func(wire.QuorumPacket) { c.SendPacket(packet(wire.PacketAck, 1, "")) })
	l.await(b, "FOLLOWERINFO")
	l.each(func(wire.QuorumPacket) { got <- struct{}{} })
	pkt := packet(wire.PacketProposal, 1, strings.Repeat("x", 100))
	for b.Loop() {
		l.SendPacket(pkt)
		<-got
	}
}
