package peer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// A snapshot comes between the packets that were queued around it, and counts
// as received with its last byte.
func TestSnapshotBetweenPackets(t *testing.T) {
	tree := strings.Repeat("node ", 1<<20)
	var read string
	h := newConnLog()
	h.read = func(_ wire.QuorumPacket, r *bufio.Reader) error {
		d := wire.NewStreamDecoder(r, len(tree))
		read = d.Text()
		h.add("tree of %d bytes", len(read))
		return d.Err()
	}
	p := openQuorum(t, nil)
	_, l := p.connect(t, h)
	l.SendPacket(packet(wire.PacketLeaderInfo, 1<<32, ""))
	l.SendSnapshot(packet(wire.PacketSnap, 77, ""), writeText(tree))
	l.SendPacket(packet(wire.PacketNewLeader, 1<<32, "config"))
	h.await(t, "NEWLEADER")
	want := []string{
		`LEADERINFO 0x100000000 ""`, fmt.Sprintf("tree of %d bytes", len(tree)),
		`SNAP 0x4d ""`, `NEWLEADER 0x100000000 "config"`,
	}
	if got := h.all(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("saw %q, want %q", got, want)
	}
	if read != tree {
		t.Error("the tree has changed on the way")
	}
}

// A stream that is not whole is never delivered as a SNAP.
func TestBrokenSnapshot(t *testing.T) {
	snap := wire.Marshal(&wire.QuorumPacket{Type: wire.PacketSnap, Zxid: 9})
	var e wire.Encoder
	e.Text("tree")
	e.Text(snapshotSignature)
	whole := append(bytes.Clone(snap), e.Bytes()...)

	for cut := len(snap); cut <= len(whole); cut++ {
		h := newConnLog()
		h.read = text(100)
		c, far := byHand(t, leaderSide, h)
		far.Write(whole[:cut])
		far.Close()
		<-c.Done()
		if got, want := h.count(`SNAP 0x9 ""`), 0; cut < len(whole) && got != want {
			t.Errorf("a SNAP was received although the stream ended after byte %d: %q", cut, h.all())
		}
		if cut < len(whole) && errors.Is(h.ended(t), io.EOF) {
			t.Errorf("an end inside the stream is told like one between packets: %v", h.ended(t))
		}
		if cut == len(whole) && h.count(`SNAP 0x9 ""`) != 1 {
			t.Errorf("the whole stream was not received: %q", h.all())
		}
	}

	h := newConnLog()
	h.read = text(100)
	c, far := byHand(t, leaderSide, h)
	e.Reset()
	e.Text("tree")
	e.Text("BenWasGone")
	far.Write(append(bytes.Clone(snap), e.Bytes()...))
	<-c.Done()
	if got := h.all(); len(got) != 1 || !strings.Contains(got[0], `ends with "BenWasGone"`) {
		t.Errorf("saw %q, want the wrong signature told", got)
	}

	h = newConnLog() // refuses snapshots
	c, far = byHand(t, leaderSide, h)
	far.Write(whole)
	<-c.Done()
	if got := h.all(); len(got) != 1 || !strings.Contains(got[0], "unexpected snapshot 0x9") {
		t.Errorf("saw %q, want what the handler said", got)
	}
}

// When the tree cannot be written to its end, the connection must not look whole.
func TestSnapshotThatCannotBeWritten(t *testing.T) {
	h := newConnLog()
	h.read = text(100)
	p := openQuorum(t, nil)
	_, l := p.connect(t, h)
	l.SendSnapshot(packet(wire.PacketSnap, 5, ""), func(w io.Writer) error {
		if err := writeText("half a tree")(w); err != nil {
			return err
		}
		return errors.New("disk on fire")
	})
	l.SendPacket(packet(wire.PacketNewLeader, 1, ""))
	if err := l.ended(t); !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("the leader ended with %v", err)
	}
	h.ended(t)
	if got := h.count("SNAP") + h.count("NEWLEADER"); got != 0 {
		t.Errorf("the learner saw %q, want nothing but the end", h.all())
	}
}
