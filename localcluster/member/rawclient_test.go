package member

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// dial opens a connection that ends with the test, and on which nothing takes
// longer than patience.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a four-letter word and reads the whole answer.
func ask(t testing.TB, addr, word string) string {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, word); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%s: %v after %q", word, err, text)
	}
	return string(text)
}

// rawClient speaks the protocol without any library in between.
type rawClient struct {
	t        testing.TB
	c        net.Conn
	response wire.ConnectResponse
	xid      int32
	events   []wire.WatcherEvent // read and not yet asked for
	last     wire.Zxid
}

// frame is a reply.
type frame struct {
	wire.ReplyHeader
	body []byte
}

func connectRaw(t testing.TB, addr string) *rawClient {
	t.Helper()
	r := openRaw(t, addr, wire.ConnectRequest{Timeout: 10000, Password: wire.NoPassword(), HasReadOnly: true})
	if r.response.SessionID == 0 {
		t.Fatalf("no session: %+v", r.response)
	}
	return r
}

// openRaw connects with this request.
func openRaw(t testing.TB, addr string, req wire.ConnectRequest) *rawClient {
	t.Helper()
	r := &rawClient{t: t, c: dial(t, addr)}
	r.send(wire.Marshal(&req))
	body, err := r.read()
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	if err := wire.Unmarshal(body, &r.response); err != nil {
		t.Fatal(err)
	}
	return r
}

// resume connects to a server with the session of r. The server may not have what r has
// seen yet, and would refuse it. So another session is created there first: once the
// server has that, it has everything before it, too.
func (r *rawClient) resume(addr string) *rawClient {
	r.t.Helper()
	connectRaw(r.t, addr).close()
	return openRaw(r.t, addr, wire.ConnectRequest{
		LastZxidSeen: r.last, Timeout: r.response.Timeout, SessionID: r.response.SessionID,
		Password: r.response.Password, HasReadOnly: true,
	})
}

func (r *rawClient) send(payload []byte) {
	r.t.Helper()
	if _, err := r.c.Write(wire.AppendFrame(nil, payload)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rawClient) read() ([]byte, error) { return wire.ReadFrame(r.c, 64<<20) }

// start sends a request and does not wait.
func (r *rawClient) start(op wire.OpCode, body wire.Record) int32 {
	r.t.Helper()
	r.xid++
	r.startAs(r.xid, op, body)
	return r.xid
}

func (r *rawClient) startAs(xid int32, op wire.OpCode, body wire.Record) {
	r.t.Helper()
	payload := wire.Marshal(&wire.RequestHeader{Xid: xid, Op: op})
	if body != nil {
		payload = wire.AppendRecord(payload, body)
	}
	r.send(payload)
}

// next reads the next frame, whatever it is.
func (r *rawClient) next() frame {
	r.t.Helper()
	f, err := r.tryNext()
	if err != nil {
		r.t.Fatalf("read a reply: %v", err)
	}
	return f
}

func (r *rawClient) tryNext() (frame, error) {
	payload, err := r.read()
	if err != nil {
		return frame{}, err
	}
	var f frame
	d := wire.NewDecoder(payload)
	f.ReplyHeader.Decode(d)
	f.body = d.Rest()
	if f.Xid == wire.XidNotification {
		return f, d.Err()
	}
	if f.Zxid > 0 && f.Zxid < r.last {
		r.t.Errorf("zxid went back from %v to %v", r.last, f.Zxid)
	}
	r.last = max(r.last, f.Zxid)
	return f, d.Err()
}

// reply reads the reply to xid, which must be the next but for events.
func (r *rawClient) reply(xid int32) frame {
	r.t.Helper()
	for {
		f := r.next()
		if f.Xid != wire.XidNotification {
			if f.Xid != xid {
				r.t.Fatalf("reply to %d came instead of the one to %d", f.Xid, xid)
			}
			return f
		}
		var e wire.WatcherEvent
		if err := wire.Unmarshal(f.body, &e); err != nil {
			r.t.Fatal(err)
		}
		r.events = append(r.events, e)
	}
}

// call sends a request and returns its reply; a reply that says OK is decoded
// into response, which may be nil.
func (r *rawClient) call(op wire.OpCode, body, response wire.Record) wire.ErrCode {
	r.t.Helper()
	f := r.reply(r.start(op, body))
	if f.Err == wire.OK && response != nil {
		if err := wire.Unmarshal(f.body, response); err != nil {
			r.t.Fatalf("%v: %v", op, err)
		}
	}
	return f.Err
}

func (r *rawClient) mustCall(op wire.OpCode, body, response wire.Record) {
	r.t.Helper()
	if code := r.call(op, body, response); code != wire.OK {
		r.t.Fatalf("%v %+v: %v", op, body, code)
	}
}

func (r *rawClient) create(path, data string) {
	r.t.Helper()
	r.mustCall(wire.OpCreate, &wire.CreateRequest{Path: path, Data: []byte(data), ACL: wire.OpenACL()}, &wire.PathResponse{})
}

func (r *rawClient) data(path string) string {
	r.t.Helper()
	var d wire.DataResponse
	r.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: path}, &d)
	return string(d.Data)
}

// awaitEnd reads until the server closes the connection.
func (r *rawClient) awaitEnd() {
	r.t.Helper()
	for {
		_, err := r.tryNext()
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			r.t.Fatal("the server did not close the connection")
		default:
			return
		}
	}
}

func (r *rawClient) close() { r.c.Close() }
