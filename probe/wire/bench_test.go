package wire

import (
	"bytes"
	"testing"
)

// The messages of one write on the leader, which is what the codec costs a write: the
// request comes in, a proposal goes out and into the log, acknowledgements come in.

func BenchmarkDecodeCreateRequest(b *testing.B) {
	frame := append(Marshal(&RequestHeader{7, OpCreate}), Marshal(&CreateRequest{
		Path: "/bench/node-0000000001", Data: make([]byte, 100), ACL: OpenACL(),
	})...)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		d := NewDecoder(frame)
		var h RequestHeader
		var r CreateRequest
		h.Decode(d)
		r.Decode(d)
		if d.Err() != nil {
			b.Fatal(d.Err())
		}
	}
}

func benchTxn() *Txn {
	return &Txn{
		Header: TxnHeader{ClientID: 1, Cxid: 2, Zxid: 3, Time: 4, Type: OpSetData},
		Body:   &SetDataTxn{"/bench/node", make([]byte, 100), 7},
		Digest: &TxnDigest{DigestVersion, 1},
	}
}

func BenchmarkMarshalTxn(b *testing.B) {
	txn := benchTxn()
	var e Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		txn.Encode(&e)
	}
	b.SetBytes(int64(e.Len()))
}

func BenchmarkUnmarshalTxn(b *testing.B) {
	data := benchTxn().Marshal()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := UnmarshalTxn(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeProposal(b *testing.B) {
	p := QuorumPacket{Type: PacketProposal, Zxid: 3, Data: benchTxn().Marshal()}
	var e Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		p.Encode(&e)
	}
	b.SetBytes(int64(e.Len()))
}

func BenchmarkDecodeAckStream(b *testing.B) {
	ack := Marshal(&QuorumPacket{Type: PacketAck, Zxid: 3})
	r := bytes.NewReader(ack)
	d := NewStreamDecoder(r, DefaultMaxField)
	b.SetBytes(int64(len(ack)))
	b.ReportAllocs()
	var p QuorumPacket
	for b.Loop() {
		r.Reset(ack)
		d.Begin(DefaultMaxField)
		p.Decode(d)
		if d.Err() != nil {
			b.Fatal(d.Err())
		}
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	reply := DataResponse{Data: make([]byte, 100)}
	var e Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		mark := e.BeginFrame()
		h := ReplyHeader{7, 3, OK}
		h.Encode(&e)
		reply.Encode(&e)
		e.EndFrame(mark)
	}
	b.SetBytes(int64(e.Len()))
}

// TestEncodingAllocatesNothing keeps the hot paths as they are: a reused Encoder.
func TestEncodingAllocatesNothing(t *testing.T) {
	var e Encoder
	txn := benchTxn()
	p := QuorumPacket{Type: PacketProposal, Data: txn.Marshal()}
	reply := Children2Response{Children: []string{"a", "b"}}
	if n := testing.AllocsPerRun(100, func() {
		e.Reset()
		txn.Encode(&e)
		p.Encode(&e)
		reply.Encode(&e)
	}); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}
