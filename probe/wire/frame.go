package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// frameHeader is the size of a frame's length.
const frameHeader = 4

const (
	// DefaultMaxBuffer is ZooKeeper's default jute.maxbuffer: the largest request a
	// server accepts, one byte short of a mebibyte.
	DefaultMaxBuffer = 0xfffff
	// DefaultMaxField is the largest buffer or text inside a record by default:
	// jute.maxbuffer plus its extrasize, which defaults to the same. A server may
	// write a record a little larger than the request that caused it.
	DefaultMaxField = 2 * DefaultMaxBuffer
	// DefaultMaxResponse is the largest frame a Java client accepts by default.
	DefaultMaxResponse = 4 << 20
	// MaxElectionFrame is the largest message on the election port.
	MaxElectionFrame = 512 << 10
)

// ReadFrame reads a length and that many bytes, the framing of the client port and
// of the election port. A length below 0 or above limit is ErrLength, and nothing is
// allocated for it. It returns io.EOF when the stream ends before a frame, and
// io.ErrUnexpectedEOF when it ends inside one.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(header[:]))
	if n < 0 || int(n) > limit {
		return nil, fmt.Errorf("%w: frame of %d bytes (limit %d)", ErrLength, n, limit)
	}
	if n == 0 {
		return []byte{}, nil
	}
	d := Decoder{r: r, max: limit, budget: int64(n), begun: true}
	b := d.streamBytes("frame", n)
	return b, d.err
}

// AppendFrame appends payload to dst with its length before it.
func AppendFrame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	return append(dst, payload...)
}
