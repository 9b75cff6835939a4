package link

import (
	"bytes"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
)

// The hello that a dialler sends first on an election port:
//
//	offset  0  i64  protocol version: -65536 (one address)
//	                               or -65535 (several, joined with "|")
//	        8  i64  server id of the dialler
//	       16  i32  length of the text, 1..2048
//	       20       "host:port", the dialler's own election address
//
// Servers before 3.5 sent only their id, which is never negative where a
// protocol version always is. That form has no address and passes unchanged, as
// does everything else that is not a hello.
const (
	helloV1     int64 = -65536
	helloV2     int64 = -65535
	helloHeader       = 8 + 8 + 4
	// maxHelloText is ZooKeeper's own limit; a receiver drops what exceeds it.
	maxHelloText = 2048
)

// rewriter replaces the address in a hello. It sees the bytes of the
// dialler in the pieces in which they arrive, and passes on a hello in one
// piece, because ZooKeeper 3.8 and 3.9 read the address with a single
// read and hang up when that comes back short.
type rewriter struct {
	callBack string
	// pending holds bytes that may be the beginning of a hello.
	pending []byte
	// decided is true once it is known what the connection began with.
	decided bool
}

func newRewriter(callBack string) *rewriter {
	return &rewriter{callBack: callBack}
}

// feed takes the next bytes and returns what may be passed on now. nil says
// that no more will come.
func (r *rewriter) feed(data []byte) []byte {
	if r.decided {
		return data
	}
	r.pending = append(r.pending, data...)
	size, state := measureHello(r.pending)
	if state == helloUnfinished && data != nil {
		return nil
	}
	out := r.pending
	if state == helloWhole {
		out = r.rewrite(r.pending[:size], r.pending[size:])
	}
	r.decided, r.pending = true, nil
	return out
}

// rewrite exchanges the text and its length; version and id stay.
func (r *rewriter) rewrite(hello, rest []byte) []byte {
	out := append([]byte(nil), hello[:16]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(r.callBack)))
	out = append(out, r.callBack...)
	return append(out, rest...)
}

type helloState uint8

const (
	// helloUnfinished may become a hello when more bytes arrive.
	helloUnfinished helloState = iota
	// helloWhole begins with a hello of the size returned.
	helloWhole
	// helloNone is something else, and will stay so.
	helloNone
)

// measureHello decides as early as the bytes permit whether b begins with a
// hello that has an address in it.
func measureHello(b []byte) (size int, state helloState) {
	if !isVersion(b) {
		return 0, helloNone
	}
	if len(b) < helloHeader {
		return 0, helloUnfinished
	}
	length := int32(binary.BigEndian.Uint32(b[16:]))
	if length < 1 || length > maxHelloText {
		return 0, helloNone
	}
	size = helloHeader + int(length)
	if len(b) < size {
		return 0, helloUnfinished
	}
	if !isAddressList(string(b[helloHeader:size])) {
		return 0, helloNone
	}
	return size, helloWhole
}

// isVersion reports whether b begins, as far as it goes, like one of the two
// versions.
func isVersion(b []byte) bool {
	b = b[:min(len(b), 8)]
	for _, version := range []int64{helloV1, helloV2} {
		want := binary.BigEndian.AppendUint64(nil, uint64(version))
		if bytes.HasPrefix(want, b) {
			return true
		}
	}
	return false
}

func isAddressList(s string) bool {
	for address := range strings.SplitSeq(s, "|") {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" {
			return false
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	return true
}
