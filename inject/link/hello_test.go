package link

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// electionHello builds what a ZooKeeper server sends first on an election port.
func electionHello(version, sid int64, text string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(version))
	b = binary.BigEndian.AppendUint64(b, uint64(sid))
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

const callBack = "127.0.0.1:4001"

func TestRewrite(t *testing.T) {
	notification := []byte{0, 0, 0, 4, 1, 2, 3, 4}
	long := strings.Repeat("h", maxHelloText-5)
	tooLong := electionHello(helloV1, 3, long+"x:3888")
	negative := electionHello(helloV1, 3, "")
	binary.BigEndian.PutUint32(negative[16:], 1<<31)
	tests := []struct {
		name     string
		in, want []byte
	}{
		{"V1", electionHello(helloV1, 3, "127.0.0.1:3888"), electionHello(helloV1, 3, callBack)},
		{"V1, a name", electionHello(helloV1, 3, "zk-3.example:3888"), electionHello(helloV1, 3, callBack)},
		{"V1, IPv6", electionHello(helloV1, 3, "[::1]:3888"), electionHello(helloV1, 3, callBack)},
		{"V1, any address", electionHello(helloV1, 3, "0.0.0.0:3888"), electionHello(helloV1, 3, callBack)},
		{"V1, the longest", electionHello(helloV1, 3, long+":3888"), electionHello(helloV1, 3, callBack)},
		{"V2, one", electionHello(helloV2, 3, "127.0.0.1:3888"), electionHello(helloV2, 3, callBack)},
		{"V2, several", electionHello(helloV2, 3, "a:3888|b:3889|[::1]:3890"), electionHello(helloV2, 3, callBack)},
		{"an observer without an id", electionHello(helloV1, 1<<63-1, "a:1"), electionHello(helloV1, 1<<63-1, callBack)},
		{"before 3.5: an id and no address", binary.BigEndian.AppendUint64(nil, 3), nil},
		{"another version", electionHello(-65534, 3, "127.0.0.1:3888"), nil},
		{"no text", electionHello(helloV1, 3, ""), nil},
		{"a negative length", negative, nil},
		{"a text too long", tooLong, nil},
		{"no port", electionHello(helloV1, 3, "127.0.0.1"), nil},
		{"a bad port", electionHello(helloV1, 3, "127.0.0.1:x"), nil},
		{"no host", electionHello(helloV1, 3, ":3888"), nil},
		{"one bad address of two", electionHello(helloV2, 3, "a:1|b"), nil},
		{"an empty address of two", electionHello(helloV2, 3, "a:1|"), nil},
		{"TLS", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil},
		{"a four-letter word", []byte("ruok"), nil},
		{"nothing", []byte{}, nil},
		{"cut short in the version", electionHello(helloV1, 3, "a:1")[:7], nil},
		{"cut short in the id", electionHello(helloV1, 3, "a:1")[:12], nil},
		{"cut short in the text", electionHello(helloV1, 3, "a:1")[:21], nil},
	}
	for _, test := range tests {
		want := test.want
		if want == nil {
			want = test.in // passes as it is
		}
		for name, tail := range map[string][]byte{"alone": nil, "with a notification": notification} {
			if tail != nil && strings.HasPrefix(test.name, "cut short") {
				continue
			}
			in, want := slices.Concat(test.in, tail), slices.Concat(want, tail)
			// In one piece, in two at every place, and byte by byte.
			for cut := range len(in) + 1 {
				if got := bytes.Join(feedAll(in[:cut], in[cut:]), nil); !bytes.Equal(got, want) {
					t.Errorf("%s, %s, split at %d: got %q, want %q", test.name, name, cut, got, want)
				}
			}
			if got := bytes.Join(feedAll(slices.Collect(slices.Chunk(in, 1))...), nil); !bytes.Equal(got, want) {
				t.Errorf("%s, %s, byte by byte: got %q, want %q", test.name, name, got, want)
			}
		}
	}
}

// feedAll feeds pieces and the end, and returns what came out each time.
func feedAll(pieces ...[]byte) [][]byte {
	r := newRewriter(callBack)
	var out [][]byte
	for _, piece := range append(slices.Clone(pieces), nil) {
		if piece != nil && len(piece) == 0 {
			continue // a read never is empty
		}
		if passed := r.feed(piece); len(passed) > 0 {
			out = append(out, slices.Clone(passed))
		}
	}
	return out
}

// However a hello arrives, it leaves in one piece.
func TestRewriteInOnePiece(t *testing.T) {
	in := electionHello(helloV1, 3, "127.0.0.1:3888")
	out := feedAll(slices.Collect(slices.Chunk(in, 3))...)
	if len(out) != 1 || !bytes.Equal(out[0], electionHello(helloV1, 3, callBack)) {
		t.Errorf("got %q", out)
	}
}

// What is not a hello is not kept waiting longer than its first odd byte.
func TestRewritePassesAtOnce(t *testing.T) {
	r := newRewriter(callBack)
	if got := r.feed([]byte("r")); string(got) != "r" {
		t.Errorf(`"r" is no hello, but %q was passed on`, got)
	}
	r = newRewriter(callBack)
	if got := r.feed([]byte{0xff}); got != nil {
		t.Errorf("0xff may become a hello, but %q was passed on", got)
	}
	if got := r.feed([]byte{0x01}); !bytes.Equal(got, []byte{0xff, 0x01}) {
		t.Errorf("0xff 0x01 is no hello, but only %q was passed on", got)
	}
}

// The result does not depend on where the bytes were split; it is the input
// but for the address; and nothing is lost.
func FuzzRewrite(f *testing.F) {
	f.Add(electionHello(helloV1, 3, "127.0.0.1:3888"), 5, 20)
	f.Add(electionHello(helloV2, 3, "a:1|b:2"), 0, 8)
	f.Add(append(electionHello(helloV1, 3, "a:1"), "rest"...), 16, 24)
	f.Add([]byte("ruok"), 1, 2)
	f.Fuzz(func(t *testing.T, in []byte, i, j int) {
		i = max(0, min(i, len(in)))
		j = max(i, min(j, len(in)))
		whole := bytes.Join(feedAll(in), nil)
		pieces := feedAll(in[:i], in[i:j], in[j:])
		if split := bytes.Join(pieces, nil); !bytes.Equal(whole, split) {
			t.Fatalf("%q: in one piece %q, split at %d and %d %q", in, whole, i, j, split)
		}
		if bytes.Equal(whole, in) {
			return
		}
		want := electionHello(int64(binary.BigEndian.Uint64(in)), int64(binary.BigEndian.Uint64(in[8:])), callBack)
		if len(pieces) == 0 || !bytes.HasPrefix(pieces[0], want) {
			t.Fatalf("%q: the first piece passed on is %q, want one that begins with %q", in, pieces[0], want)
		}
		rest := in[helloHeader+binary.BigEndian.Uint32(in[16:]):]
		if !bytes.Equal(whole[len(want):], rest) {
			t.Fatalf("%q: %q follows the hello, want %q", in, whole[len(want):], rest)
		}
	})
}
