package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrLength reports a length or count that no honest peer sends: negative other
// than -1, longer than the input, or longer than the limit the reader was given.
// Nothing was allocated for it.
var ErrLength = errors.New("unreasonable length")

// streamChunk is how much a stream decoder allocates before the bytes arrive. A peer
// that announces a large buffer has to send it before the memory is spent.
const streamChunk = 64 << 10

// Decoder reads Jute values from a byte slice or from a stream.
//
// The error is sticky: after the first failure every method returns a zero value,
// so a record is decoded field after field and Err is asked once at the end.
//
//	d := NewDecoder(frame)
//	header.Decode(d)
//	request.Decode(d)
//	if err := d.Err(); err != nil { ... }
//
// Lengths come from the network and are checked before they are used: against what
// is left of the slice, or a stream's limits.
type Decoder struct {
	buf []byte
	off int // 0 <= off <= len(buf)

	// Of a stream only; r is nil for a slice.
	r       io.Reader
	max     int   // the largest buffer or text
	budget  int64 // bytes this record may still take
	begun   bool  // whether a byte of this record was read
	scratch [8]byte

	err error
	// lossy says that something was read that is not written back the same way, such
	// as a null text or a bool of 7. The identity tests exempt such inputs.
	lossy bool
	// nulls says that a text, or a vector of texts, was null; see UnmarshalRequest.
	nulls bool
}

// NewDecoder reads from b. Buffers that it returns are parts of b, not copies, so b
// must not be changed while they are in use.
func NewDecoder(b []byte) *Decoder { return &Decoder{buf: b} }

// NewStreamDecoder reads from r exactly the bytes it decodes, so others may read on
// from r between records; give it a bufio.Reader, because it reads field by field.
// No single buffer or text may be longer than maxBuffer. Buffers that it returns
// are fresh memory.
func NewStreamDecoder(r io.Reader, maxBuffer int) *Decoder {
	return &Decoder{r: r, max: maxBuffer, budget: math.MaxInt64}
}

// Begin starts a record of a stream, of at most limit bytes in all (0: no limit). It
// makes the two ends of a stream distinguishable: Err is io.EOF when the stream ends
// before the record's first byte, and io.ErrUnexpectedEOF when it ends inside it.
func (d *Decoder) Begin(limit int64) {
	if limit <= 0 {
		limit = math.MaxInt64
	}
	d.budget, d.begun = limit, false
}

// Err returns the first error, or nil.
func (d *Decoder) Err() error { return d.err }

// Remaining is the number of bytes left of a slice. It is 0 for a stream, where that
// is not known, and after an error.
func (d *Decoder) Remaining() int {
	if d.err != nil {
		return 0
	}
	return len(d.buf) - d.off
}

// Fail makes err the decoder's error unless it has one, for checks that a record
// makes on what it read.
func (d *Decoder) Fail(err error) {
	if d.err == nil && err != nil {
		d.err = err
	}
}

func (d *Decoder) failLength(what string, n int32) {
	d.Fail(fmt.Errorf("%w: %s of %d", ErrLength, what, n))
}

// fixed returns the next n <= 8 bytes, or nil after an error. They are valid until
// the next call.
func (d *Decoder) fixed(n int) []byte {
	if d.err != nil {
		return nil
	}
	if d.r == nil {
		if len(d.buf)-d.off < n {
			d.err = io.ErrUnexpectedEOF
			return nil
		}
		b := d.buf[d.off : d.off+n]
		d.off += n
		return b
	}
	b := d.scratch[:n]
	if !d.readStream(b) {
		return nil
	}
	return b
}

// readStream fills b from the stream within the record's budget.
func (d *Decoder) readStream(b []byte) bool {
	if int64(len(b)) > d.budget {
		d.Fail(fmt.Errorf("%w: record longer than its limit", ErrLength))
		return false
	}
	n, err := io.ReadFull(d.r, b)
	if err == io.EOF && d.begun {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		d.err = err
		return false
	}
	d.budget -= int64(n)
	d.begun = true
	return true
}

// Bool reads one byte; anything but 0 is true, as in Java.
func (d *Decoder) Bool() bool {
	v := d.Byte()
	if v > 1 {
		d.lossy = true
	}
	return v != 0
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if b := d.fixed(1); b != nil {
		return b[0]
	}
	return 0
}

// Int32 reads four bytes.
func (d *Decoder) Int32() int32 {
	if b := d.fixed(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads eight bytes.
func (d *Decoder) Int64() int64 {
	if b := d.fixed(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Zxid reads a transaction id.
func (d *Decoder) Zxid() Zxid { return Zxid(d.Int64()) }

// Buffer reads a length and that many bytes: nil for null, empty for length 0.
func (d *Decoder) Buffer() []byte {
	n := d.Int32()
	if d.err != nil || n == -1 {
		return nil
	}
	return d.bytes("buffer", n)
}

// Text reads a length and that many bytes as a string; null reads as "".
func (d *Decoder) Text() string {
	n := d.Int32()
	if d.err == nil && n == -1 {
		d.lossy, d.nulls = true, true
		return ""
	}
	return string(d.bytes("text", n))
}

// NullText is Text for fields where null has a meaning of its own.
func (d *Decoder) NullText() *string {
	n := d.Int32()
	if d.err != nil || n == -1 {
		return nil
	}
	s := string(d.bytes("text", n))
	return &s
}

// Rest returns everything left of a slice; it is not for streams.
func (d *Decoder) Rest() []byte {
	if d.err != nil {
		return nil
	}
	b := d.buf[d.off:len(d.buf):len(d.buf)]
	d.off = len(d.buf)
	return b
}

// bytes returns the next n bytes of a value whose length was just read.
func (d *Decoder) bytes(what string, n int32) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 {
		d.failLength(what, n)
		return nil
	}
	if d.r != nil {
		return d.streamBytes(what, n)
	}
	if int(n) > len(d.buf)-d.off {
		d.failLength(what, n)
		return nil
	}
	end := d.off + int(n)
	// The capacity is cut off too: appending to a value must not write over its neighbour.
	b := d.buf[d.off:end:end]
	d.off = end
	return b
}

func (d *Decoder) streamBytes(what string, n int32) []byte {
	if int(n) > d.max || int64(n) > d.budget {
		d.failLength(what, n)
		return nil
	}
	b := make([]byte, min(int(n), streamChunk))
	for filled := 0; ; {
		if !d.readStream(b[filled:]) {
			return nil
		}
		if filled = len(b); filled == int(n) {
			return b
		}
		grown := make([]byte, min(int(n), 4*filled))
		copy(grown, b)
		b = grown
	}
}

// Count reads the length of a vector whose elements take at least minSize > 0 bytes
// each: -1 for null. A count that could not fit in what is left is refused, so a
// caller may allocate for the result.
func (d *Decoder) Count(minSize int) int {
	n := d.Int32()
	if d.err != nil {
		return 0
	}
	if n == -1 {
		return -1
	}
	room := int64(len(d.buf) - d.off)
	if d.r != nil {
		room = min(int64(d.max), d.budget)
	}
	if n < 0 || int64(n)*int64(minSize) > room {
		d.failLength("vector", n)
		return 0
	}
	return int(n)
}

// texts reads a vector of strings; a null vector reads as nil.
func (d *Decoder) texts() []string {
	n := d.Count(4)
	if n < 0 {
		d.lossy, d.nulls = true, true
		return nil
	}
	if d.err != nil || n == 0 {
		return nil
	}
	v := make([]string, 0, min(n, 1024))
	for range n {
		v = append(v, d.Text())
		if d.err != nil {
			return nil
		}
	}
	return v
}
