package peer

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"zkctl/probe/wire"
)

func FuzzHello(f *testing.F) {
	f.Add(javaHello(wire.HelloV1, 5, "127.0.0.1:3888"))
	f.Add(javaHello(wire.HelloV2, 5, "127.0.0.1:3888|[::1]:3888"))
	f.Add(binary.BigEndian.AppendUint64(nil, 5))
	f.Add([]byte("GET / HTTP/1.1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		hello, err := readHello(r)
		if err != nil {
			return
		}
		if hello.ServerID < 0 || hello.Version == 0 && hello.ServerID > maxOldID {
			t.Errorf("accepted server id %d", hello.ServerID)
		}
		used := b[:len(b)-r.Len()]
		if hello.Version != 0 && !bytes.Equal(wire.Marshal(hello), used) {
			t.Errorf("read %q as %+v, which is written %q", used, hello, wire.Marshal(hello))
		}
		for _, addr := range dialable(hello.Addresses) {
			if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
				t.Errorf("would dial %q", addr)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(javaVote())
	f.Add(append(javaVote(), javaVote()[:20]...))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 8, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var again []byte
		for {
			frame, err := readFrame(r)
			if err != nil {
				break
			}
			if len(frame) == 0 || len(frame) > wire.MaxElectionFrame {
				t.Fatalf("frame of %d bytes", len(frame))
			}
			again = wire.AppendFrame(again, frame)
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("frames of %q are those of %q", b, again)
		}
	})
}
