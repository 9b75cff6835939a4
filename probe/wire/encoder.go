package wire

import (
	"encoding/binary"
	"slices"
)

// Encoder appends Jute values to a byte slice. Its zero value is ready.
//
// One Encoder serves many messages: take Bytes, send them, Reset. A server that
// keeps an Encoder per connection therefore allocates nothing per reply once the
// slice has grown to the size of its largest message.
type Encoder struct {
	buf []byte
}

// NewEncoder returns an Encoder that appends to dst, which may be nil.
func NewEncoder(dst []byte) *Encoder { return &Encoder{buf: dst} }

// Bytes returns what was encoded so far. It is valid until the next write or Reset.
func (e *Encoder) Bytes() []byte { return e.buf }

// Len is the number of bytes encoded so far.
func (e *Encoder) Len() int { return len(e.buf) }

// Reset empties the Encoder and keeps its memory.
func (e *Encoder) Reset() { e.buf = e.buf[:0] }

// grow makes room for n more bytes, so that a record of many large fields is not moved
// once for each of them.
func (e *Encoder) grow(n int) { e.buf = slices.Grow(e.buf, n) }

// Bool appends one byte, 1 or 0.
func (e *Encoder) Bool(v bool) {
	if v {
		e.buf = append(e.buf, 1)
		return
	}
	e.buf = append(e.buf, 0)
}

// Byte appends one byte.
func (e *Encoder) Byte(v byte) { e.buf = append(e.buf, v) }

// Int32 appends four bytes, most significant first.
func (e *Encoder) Int32(v int32) { e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(v)) }

// Int64 appends eight bytes, most significant first.
func (e *Encoder) Int64(v int64) { e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(v)) }

// Zxid appends a transaction id as an Int64.
func (e *Encoder) Zxid(v Zxid) { e.Int64(int64(v)) }

// Buffer appends a length and the bytes. A nil slice is Jute's null, length -1;
// an empty one has length 0. ZooKeeper keeps the two apart all the way to disk, so
// that data created as null is read back as null.
func (e *Encoder) Buffer(v []byte) {
	if v == nil {
		e.Int32(-1)
		return
	}
	e.Int32(int32(len(v)))
	e.buf = append(e.buf, v...)
}

// Text appends a length and the bytes of v, which should be UTF-8.
func (e *Encoder) Text(v string) {
	e.Int32(int32(len(v)))
	e.buf = append(e.buf, v...)
}

// NullText is Text for the few fields where Java clients send null on purpose.
func (e *Encoder) NullText(v *string) {
	if v == nil {
		e.Int32(-1)
		return
	}
	e.Text(*v)
}

// Raw appends bytes as they are, without a length.
func (e *Encoder) Raw(v []byte) { e.buf = append(e.buf, v...) }

// BeginFrame leaves room for a frame's length and returns a mark for EndFrame.
// Filling the length in afterwards saves the copy that encoding the payload into
// a buffer of its own would cost.
func (e *Encoder) BeginFrame() (mark int) {
	mark = len(e.buf)
	e.Int32(0)
	return mark
}

// EndFrame writes the length of everything appended since BeginFrame returned mark.
func (e *Encoder) EndFrame(mark int) {
	binary.BigEndian.PutUint32(e.buf[mark:], uint32(len(e.buf)-mark-frameHeader))
}

// texts appends a vector of strings. Nil is written as an empty vector: the
// vectors of strings in the protocol are children, paths and watches, and the Java
// client dereferences them without looking for null.
func (e *Encoder) texts(v []string) {
	size := 4
	for _, s := range v {
		size += 4 + len(s)
	}
	e.grow(size)
	e.Int32(int32(len(v)))
	for _, s := range v {
		e.Text(s)
	}
}
