package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// hostile returns b with its four bytes at offset made the largest length there is.
func hostile(b []byte, offset int) []byte {
	h := bytes.Clone(b)
	binary.BigEndian.PutUint32(h[offset:], math.MaxInt32)
	return h
}

// TestHostileLengths puts 2^31-1 at every place of every record where it fits, that is
// in every length and count there is, and expects that nothing is allocated for it.
func TestHostileLengths(t *testing.T) {
	const limit = 1 << 20
	tries := 0
	for _, v := range captured(t) {
		for offset := 0; offset+4 <= len(v.bytes); offset++ {
			b := hostile(v.bytes, offset)
			tries++
			if got := allocated(func() {
				d := NewDecoder(b)
				for _, r := range v.parts(t) {
					r.Decode(d)
				}
			}); got > limit {
				t.Fatalf("%s %s with a length of 2^31-1 at %d: %d bytes allocated", v.kind, v.name, offset, got)
			}
		}
	}
	if tries < 1000 {
		t.Fatalf("only %d tries", tries)
	}
}

// TestHostileStreams: a stream may claim what it likes; memory follows what it sends.
func TestHostileStreams(t *testing.T) {
	packet := Marshal(&QuorumPacket{Type: PacketProposal, Data: []byte("x"), AuthInfo: []ID{{"ip", "::1"}}})
	for name, offset := range map[string]int{"data": 12, "authinfo": 17, "scheme": 21} {
		b := hostile(packet, offset)
		var err error
		if got := allocated(func() {
			d := NewStreamDecoder(bytes.NewReader(b), math.MaxInt32)
			new(QuorumPacket).Decode(d)
			err = d.Err()
		}); got > 1<<20 || err == nil {
			t.Errorf("%s of 2^31-1 bytes, limit 2^31-1: %d bytes allocated, error %v", name, got, err)
		}
		d := NewStreamDecoder(bytes.NewReader(b), DefaultMaxField)
		if new(QuorumPacket).Decode(d); !errors.Is(d.Err(), ErrLength) {
			t.Errorf("%s of 2^31-1 bytes: %v", name, d.Err())
		}
	}
	frame := hostile(AppendFrame(nil, []byte("abc")), 0)
	if got := allocated(func() { _, _ = ReadFrame(bytes.NewReader(frame), math.MaxInt32) }); got > 1<<20 {
		t.Errorf("frame of 2^31-1 bytes: %d bytes allocated", got)
	}
}

func TestNegativeLengths(t *testing.T) {
	for _, n := range []int32{-2, math.MinInt32} {
		var e Encoder
		e.Int32(n)
		for name, read := range map[string]func(*Decoder){
			"buffer": func(d *Decoder) { d.Buffer() },
			"text":   func(d *Decoder) { d.Text() },
			"count":  func(d *Decoder) { d.Count(1) },
		} {
			d := NewDecoder(e.Bytes())
			if read(d); !errors.Is(d.Err(), ErrLength) {
				t.Errorf("%s of length %d: %v", name, n, d.Err())
			}
		}
		if _, err := ReadFrame(bytes.NewReader(e.Bytes()), 100); !errors.Is(err, ErrLength) {
			t.Errorf("frame of length %d: %v", n, err)
		}
	}
}

// TestNullAndEmpty: ZooKeeper keeps null data and empty data apart.
func TestNullAndEmpty(t *testing.T) {
	var e Encoder
	e.Buffer(nil)
	e.Buffer([]byte{})
	EncodeACLs(&e, nil)
	EncodeACLs(&e, []ACL{})
	if want := hexBytes("ffffffff" + "00000000" + "ffffffff" + "00000000"); !bytes.Equal(e.Bytes(), want) {
		t.Fatalf("null and empty as %x, want %x", e.Bytes(), want)
	}
	d := NewDecoder(e.Bytes())
	if b := d.Buffer(); b != nil {
		t.Errorf("null buffer reads as %v", b)
	}
	if b := d.Buffer(); b == nil || len(b) != 0 {
		t.Errorf("empty buffer reads as %v", b)
	}
	if a := DecodeACLs(d); a != nil {
		t.Errorf("null vector reads as %v", a)
	}
	if a := DecodeACLs(d); a == nil || len(a) != 0 {
		t.Errorf("empty vector reads as %v", a)
	}
	// No vector of strings is ever null to a Java client.
	if b := Marshal(&ChildrenResponse{}); !bytes.Equal(b, hexBytes("00000000")) {
		t.Errorf("no children as %x", b)
	}
}

// TestBuffersAreCutOff: appending to a decoded buffer must not write into the message.
func TestBuffersAreCutOff(t *testing.T) {
	b := Marshal(&SetDataRequest{"/a", []byte("xy"), 7})
	var r SetDataRequest
	if err := Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	_ = append(r.Data, 0xff, 0xff, 0xff, 0xff)
	if err := Unmarshal(b, &r); err != nil || r.Version != 7 {
		t.Errorf("appending to the data changed the version to %d, %v", r.Version, err)
	}
}

// TestStreamOfPackets reads packets that follow each other without lengths, tells a
// link closed between two from one cut inside one, and holds each to its limit.
func TestStreamOfPackets(t *testing.T) {
	one := Marshal(&QuorumPacket{Type: PacketCommit, Zxid: MakeZxid(1, 1)})
	two := Marshal(&QuorumPacket{Type: PacketProposal, Zxid: MakeZxid(1, 2), Data: make([]byte, 100)})
	stream := append(append([]byte{}, one...), two...)
	d := NewStreamDecoder(bytes.NewReader(stream), 1000)
	var p QuorumPacket
	for _, want := range []PacketType{PacketCommit, PacketProposal} {
		d.Begin(1000)
		if p.Decode(d); d.Err() != nil || p.Type != want {
			t.Fatalf("packet %s, %v; want %s", p.Type, d.Err(), want)
		}
	}
	d.Begin(1000)
	if p.Decode(d); d.Err() != io.EOF {
		t.Errorf("after the last packet: %v, want EOF", d.Err())
	}

	d = NewStreamDecoder(bytes.NewReader(stream[:len(one)+5]), 1000)
	d.Begin(1000)
	p.Decode(d)
	d.Begin(1000)
	if p.Decode(d); d.Err() != io.ErrUnexpectedEOF {
		t.Errorf("inside a packet: %v, want unexpected EOF", d.Err())
	}

	d = NewStreamDecoder(bytes.NewReader(two), 1000)
	d.Begin(50)
	if p.Decode(d); !errors.Is(d.Err(), ErrLength) {
		t.Errorf("packet of %d bytes with limit 50: %v", len(two), d.Err())
	}
	d = NewStreamDecoder(bytes.NewReader(two), 99)
	if p.Decode(d); !errors.Is(d.Err(), ErrLength) {
		t.Errorf("buffer of 100 bytes with limit 99: %v", d.Err())
	}
}

// TestStreamTakesOnlyItsOwn: after a record, the next reader of the stream finds what
// follows it.
func TestStreamTakesOnlyItsOwn(t *testing.T) {
	hello := Marshal(&ElectionHello{ServerID: 3, Addresses: []string{"127.0.0.1:3888"}})
	r := bytes.NewReader(append(hello, AppendFrame(nil, []byte("next"))...))
	var h ElectionHello
	if h.Decode(NewStreamDecoder(r, 2048)); h.ServerID != 3 {
		t.Fatalf("hello %+v", h)
	}
	if frame, err := ReadFrame(r, 10); err != nil || string(frame) != "next" {
		t.Errorf("after the hello: %q, %v", frame, err)
	}
}

// TestLargeBuffer: a buffer that is larger than a stream's first chunk arrives whole.
func TestLargeBuffer(t *testing.T) {
	want := make([]byte, 5*streamChunk+3)
	for i := range want {
		want[i] = byte(i * 7)
	}
	var e Encoder
	e.Buffer(want)
	d := NewStreamDecoder(bytes.NewReader(e.Bytes()), len(want))
	if got := d.Buffer(); d.Err() != nil || !bytes.Equal(got, want) {
		t.Errorf("buffer of %d bytes came back as %d, %v", len(want), len(got), d.Err())
	}
	if got, err := ReadFrame(bytes.NewReader(e.Bytes()), len(want)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("frame of %d bytes came back as %d, %v", len(want), len(got), err)
	}
}

func TestFrames(t *testing.T) {
	var e Encoder
	mark := e.BeginFrame()
	e.Text("hello")
	e.EndFrame(mark)
	mark = e.BeginFrame()
	e.EndFrame(mark)
	var text Encoder
	text.Text("hello")
	if want := AppendFrame(AppendFrame(nil, text.Bytes()), nil); !bytes.Equal(e.Bytes(), want) {
		t.Errorf("frames encoded in place as %x, want %x", e.Bytes(), want)
	}
	r := bytes.NewReader(e.Bytes())
	for _, want := range []string{"\x00\x00\x00\x05hello", ""} {
		if got, err := ReadFrame(r, 9); err != nil || string(got) != want {
			t.Errorf("frame %q, %v; want %q", got, err, want)
		}
	}
	if _, err := ReadFrame(r, 9); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
	for n := 1; n < 13; n++ {
		if _, err := ReadFrame(bytes.NewReader(e.Bytes()[:n]), 9); err != io.ErrUnexpectedEOF {
			t.Errorf("frame cut after %d bytes: %v", n, err)
		}
	}
	if _, err := ReadFrame(bytes.NewReader(e.Bytes()), 8); !errors.Is(err, ErrLength) {
		t.Errorf("frame of 9 bytes with limit 8: %v", err)
	}
}
