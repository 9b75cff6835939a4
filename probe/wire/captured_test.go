package wire

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// vector is one line of testdata/captured.txt.
type vector struct {
	kind, name, note string
	bytes            []byte
}

// captured reads the bytes that real servers and clients sent.
func captured(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/captured.txt")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 4 {
			t.Fatalf("line %.60q: want four fields", line)
		}
		b, err := hex.DecodeString(strings.TrimSpace(f[3]))
		if err != nil {
			t.Fatalf("line %.60q: %v", line, err)
		}
		vectors = append(vectors, vector{strings.TrimSpace(f[0]), strings.TrimSpace(f[1]), strings.TrimSpace(f[2]), b})
	}
	if len(vectors) < 100 {
		t.Fatalf("only %d vectors in testdata/captured.txt", len(vectors))
	}
	return vectors
}

// find returns the nth vector of a kind and name.
func find(t testing.TB, kind, name string, nth int) []byte {
	t.Helper()
	for _, v := range captured(t) {
		if v.kind == kind && (v.name == name || v.kind+" "+v.note == kind+" "+name) {
			if nth == 0 {
				return v.bytes
			}
			nth--
		}
	}
	t.Fatalf("no vector %s %s", kind, name)
	return nil
}

func opNamed(t testing.TB, name string) OpCode {
	t.Helper()
	for op, n := range opNames {
		if n == name {
			return op
		}
	}
	t.Fatalf("no operation %q", name)
	return 0
}

// parts are the records of which a captured message consists.
func (v vector) parts(t testing.TB) []Record {
	t.Helper()
	var body Record
	var ok bool
	switch v.kind {
	case "connect-request":
		return []Record{new(ConnectRequest)}
	case "connect-response":
		return []Record{new(ConnectResponse)}
	case "request":
		if body, ok = NewRequest(opNamed(t, v.name)); !ok {
			t.Fatalf("no request for %s", v.name)
		}
		return parts(new(RequestHeader), body)
	case "reply":
		if body, ok = NewResponse(opNamed(t, v.name)); !ok {
			t.Fatalf("no response for %s", v.name)
		}
		return parts(new(ReplyHeader), body)
	case "error":
		return []Record{new(ReplyHeader)}
	case "event":
		return []Record{new(ReplyHeader), new(WatcherEvent)}
	case "txn":
		return []Record{new(Txn)}
	case "hello":
		return []Record{new(ElectionHello)}
	case "notification":
		return []Record{new(Notification)}
	case "packet":
		return []Record{new(QuorumPacket)}
	case "snapstream":
		return []Record{new(snapStream)}
	}
	t.Fatalf("unknown kind %q", v.kind)
	return nil
}

func parts(header, body Record) []Record {
	if body == nil {
		return []Record{header}
	}
	return []Record{header, body}
}

// TestCapturedIdentity: every message of a real ensemble decodes without a rest and
// encodes to the same bytes.
func TestCapturedIdentity(t *testing.T) {
	for _, v := range captured(t) {
		d := NewDecoder(v.bytes)
		var e Encoder
		for _, r := range v.parts(t) {
			r.Decode(d)
			if d.Err() != nil {
				break
			}
			r.Encode(&e)
		}
		if d.Err() != nil || d.Remaining() > 0 {
			t.Errorf("%s %s: %v, %d bytes left of %x", v.kind, v.name, d.Err(), d.Remaining(), v.bytes)
			continue
		}
		if !bytes.Equal(e.Bytes(), v.bytes) {
			t.Errorf("%s %s:\nread  %x\nwrote %x", v.kind, v.name, v.bytes, e.Bytes())
		}
	}
}

// TestCapturedPacketData decodes what is inside the packets of the quorum port.
func TestCapturedPacketData(t *testing.T) {
	var seen int
	for _, v := range captured(t) {
		if v.kind != "packet" {
			continue
		}
		var p QuorumPacket
		if err := Unmarshal(v.bytes, &p); err != nil {
			t.Fatal(err)
		}
		if p.Type.String() != v.name {
			t.Errorf("type %d is called %s, want %s", p.Type, p.Type, v.name)
		}
		var inner Record
		switch {
		case p.Type == PacketProposal || p.Type == PacketInform:
			inner = new(Txn)
		case p.Type == PacketRequest:
			inner = new(ForwardedRequest)
		case p.Type == PacketFollowerInfo || p.Type == PacketObserverInfo:
			inner = new(LearnerInfo)
		case p.Type == PacketPing && p.Data != nil:
			inner = new(TouchTable)
		case p.Type == PacketRevalidate && v.note == "from a learner":
			inner = new(Revalidate)
		case p.Type == PacketRevalidate:
			inner = new(RevalidateReply)
		default:
			continue
		}
		seen++
		if err := Unmarshal(p.Data, inner); err != nil {
			t.Errorf("%s: %v", v.name, err)
		} else if got := Marshal(inner); !bytes.Equal(got, p.Data) {
			t.Errorf("%s data:\nread  %x\nwrote %x", v.name, p.Data, got)
		}
		if f, ok := inner.(*ForwardedRequest); ok {
			decodeForwarded(t, f)
		}
	}
	if seen < 10 {
		t.Errorf("only %d packets with data", seen)
	}
}

// decodeForwarded checks that a forwarded body is a request as the client sent it.
func decodeForwarded(t *testing.T, f *ForwardedRequest) {
	t.Helper()
	body, ok := NewRequest(f.Op)
	if f.Op == OpCreateSession {
		body, ok = new(CreateSessionTxn), true
	}
	if !ok {
		t.Fatalf("forwarded %s", f.Op)
	}
	if body == nil {
		if len(f.Body) != 0 {
			t.Errorf("forwarded %s has a body: %x", f.Op, f.Body)
		}
		return
	}
	if err := Unmarshal(f.Body, body); err != nil {
		t.Errorf("forwarded %s: %v", f.Op, err)
	} else if got := Marshal(body); !bytes.Equal(got, f.Body) {
		t.Errorf("forwarded %s:\nread  %x\nwrote %x", f.Op, f.Body, got)
	}
}

// snapStream is what follows a SNAP packet, to check that its parts are those that
// package wire offers. The record itself belongs to the data tree.
type snapStream struct {
	sessions []SessionTouch
	acls     []int64
	lists    [][]ACL
	paths    []string
	data     [][]byte
	refs     []int64
	stats    []StatPersisted
}

func (s *snapStream) Decode(d *Decoder) {
	for n := d.Int32(); n > 0 && d.Err() == nil; n-- {
		s.sessions = append(s.sessions, SessionTouch{d.Int64(), d.Int32()})
	}
	for n := d.Int32(); n > 0 && d.Err() == nil; n-- {
		s.acls, s.lists = append(s.acls, d.Int64()), append(s.lists, DecodeACLs(d))
	}
	for path := d.Text(); path != "/" && d.Err() == nil; path = d.Text() {
		s.paths, s.data, s.refs = append(s.paths, path), append(s.data, d.Buffer()), append(s.refs, d.Int64())
		var st StatPersisted
		st.Decode(d)
		s.stats = append(s.stats, st)
	}
	if seal := d.Text(); seal != "BenWasHere" && d.Err() == nil {
		d.Fail(ErrGarbage)
	}
}

func (s *snapStream) Encode(e *Encoder) {
	e.Int32(int32(len(s.sessions)))
	for _, t := range s.sessions {
		e.Int64(t.SessionID)
		e.Int32(t.Timeout)
	}
	e.Int32(int32(len(s.acls)))
	for i := range s.acls {
		e.Int64(s.acls[i])
		EncodeACLs(e, s.lists[i])
	}
	for i, path := range s.paths {
		e.Text(path)
		e.Buffer(s.data[i])
		e.Int64(s.refs[i])
		s.stats[i].Encode(e)
	}
	e.Text("/")
	e.Text("BenWasHere")
}
