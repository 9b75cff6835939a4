package probe

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"zkctl/probe/wire"
)

// fake is a server on loopback that does what a test tells it to.
type fake struct {
	addr string
	// asked has the first four bytes of every connection.
	mu    sync.Mutex
	asked []string
}

// serve listens and runs script for each connection, with the four bytes that came
// first. When it returns, the connection is closed. It is over when the test is: ctx
// then ends, and so do the connections that scripts are waiting on.
func serve(t *testing.T, script func(ctx context.Context, conn net.Conn, first string)) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: listener.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				var first [4]byte
				if _, err := io.ReadFull(conn, first[:]); err != nil {
					return
				}
				f.mu.Lock()
				f.asked = append(f.asked, string(first[:]))
				f.mu.Unlock()
				script(ctx, conn, string(first[:]))
			})
		}
	})
	return f
}

func (f *fake) count(word string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, w := range f.asked {
		if w == word {
			n++
		}
	}
	return n
}

// hang waits until the client goes away or the test is over.
func hang(_ context.Context, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// says is a script that answers commands with texts, and closes on all else.
func says(texts map[string]string) func(context.Context, net.Conn, string) {
	return func(_ context.Context, conn net.Conn, word string) {
		text, ok := texts[word]
		if !ok && wire.IsFourLetterWord(word) {
			text = wire.NotWhitelistedText(word)
		}
		_, _ = io.WriteString(conn, text)
	}
}

// refused is an address on which no process listens: it was free a moment ago.
func refused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// keeper is a script that plays a server's side of a session. It grants id and answers
// what answers has, by operation; an operation that is not there ends the connection.
type keeper struct {
	id      int64
	timeout int32
	zxid    wire.Zxid
	answers map[wire.OpCode]func(body []byte) (wire.Record, wire.ErrCode)
	opened  func(wire.ConnectRequest)
	words   map[string]string // four-letter words that it knows
}

func (k *keeper) script(_ context.Context, conn net.Conn, first string) {
	if wire.IsFourLetterWord(first) {
		says(k.words)(context.Background(), conn, first)
		return
	}
	r := io.MultiReader(strings.NewReader(first), conn)
	frame, err := wire.ReadFrame(r, 1024)
	if err != nil {
		return
	}
	var request wire.ConnectRequest
	if wire.Unmarshal(frame, &request) != nil {
		return
	}
	if k.opened != nil {
		k.opened(request)
	}
	response := wire.ConnectResponse{
		Timeout: k.timeout, SessionID: k.id, Password: wire.SessionPassword(k.id), HasReadOnly: request.HasReadOnly,
	}
	if _, err := conn.Write(wire.AppendFrame(nil, wire.Marshal(&response))); err != nil {
		return
	}
	for {
		frame, err := wire.ReadFrame(r, wire.DefaultMaxBuffer)
		if err != nil {
			return
		}
		d := wire.NewDecoder(frame)
		var h wire.RequestHeader
		h.Decode(d)
		answer, ok := k.answers[h.Op]
		if h.Op == wire.OpPing || h.Op == wire.OpCloseSession {
			answer, ok = func([]byte) (wire.Record, wire.ErrCode) { return nil, wire.OK }, true
		}
		if !ok {
			return
		}
		body, code := answer(d.Rest())
		if _, err := conn.Write(reply(h.Xid, k.zxid, code, body)); err != nil || h.Op == wire.OpCloseSession {
			return
		}
	}
}

func reply(xid int32, zxid wire.Zxid, code wire.ErrCode, body wire.Record) []byte {
	var e wire.Encoder
	mark := e.BeginFrame()
	h := wire.ReplyHeader{Xid: xid, Zxid: zxid, Err: code}
	h.Encode(&e)
	if body != nil && code == wire.OK {
		body.Encode(&e)
	}
	e.EndFrame(mark)
	return e.Bytes()
}
