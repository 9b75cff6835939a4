package wire

import "fmt"

// Record is a message or a part of one. Decode leaves its errors in the Decoder; a
// record whose decoding failed holds nothing of use.
type Record interface {
	Encode(*Encoder)
	Decode(*Decoder)
}

// Marshal returns the bytes of a record.
func Marshal(r Record) []byte { return AppendRecord(make([]byte, 0, recordSize), r) }

// recordSize is room for most records, so that encoding one does not grow its buffer
// step by step.
const recordSize = 192

// AppendRecord appends the bytes of a record to dst.
func AppendRecord(dst []byte, r Record) []byte {
	e := Encoder{buf: dst}
	r.Encode(&e)
	return e.buf
}

// Unmarshal decodes a record from b. Bytes beyond the record are ignored, as
// ZooKeeper ignores them: Jute records have only ever grown at their end. Buffers in
// the record are parts of b.
func Unmarshal(b []byte, r Record) error {
	d := Decoder{buf: b}
	r.Decode(&d)
	if d.err != nil {
		return fmt.Errorf("decode %T of %d bytes: %w", r, len(b), d.err)
	}
	return nil
}
