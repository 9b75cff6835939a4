package probe

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zkctl/probe/wire"
)

type answer = func(body []byte) (wire.Record, wire.ErrCode)

// always answers the same.
func always(r wire.Record, code wire.ErrCode) answer {
	return func([]byte) (wire.Record, wire.ErrCode) { return r, code }
}

func open(t *testing.T, k *keeper, opts Options) *Session {
	t.Helper()
	s, err := Dial(context.Background(), serve(t, k.script).addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Drop)
	return s
}

func TestSession(t *testing.T) {
	stat := wire.Stat{Version: 3, Mzxid: 5}
	var created wire.CreateRequest
	var deleted wire.DeleteRequest
	var synced wire.PathRequest
	var auth wire.AuthPacket
	k := &keeper{id: 0x100001040f40000, timeout: 8000, zxid: 0x100000007, answers: map[wire.OpCode]answer{
		wire.OpCreate: func(b []byte) (wire.Record, wire.ErrCode) {
			if err := wire.Unmarshal(b, &created); err != nil {
				t.Error(err)
			}
			return &wire.PathResponse{Path: created.Path + "0000000004"}, wire.OK
		},
		wire.OpGetData:      always(&wire.DataResponse{Data: []byte("hello"), Stat: stat}, wire.OK),
		wire.OpExists:       always(&wire.StatResponse{Stat: stat}, wire.OK),
		wire.OpSetData:      always(nil, wire.ErrBadVersion),
		wire.OpGetChildren2: always(&wire.Children2Response{Children: []string{"a", "b"}, Stat: stat}, wire.OK),
		wire.OpDelete: func(b []byte) (wire.Record, wire.ErrCode) {
			return nil, code(wire.Unmarshal(b, &deleted))
		},
		wire.OpSync: func(b []byte) (wire.Record, wire.ErrCode) {
			return &wire.PathResponse{Path: "/"}, code(wire.Unmarshal(b, &synced))
		},
		wire.OpAuth: func(b []byte) (wire.Record, wire.ErrCode) { return nil, code(wire.Unmarshal(b, &auth)) },
	}}
	s := open(t, k, Options{})
	ctx := context.Background()
	if s.ID() != k.id || s.Timeout() != 8*time.Second || s.ReadOnly() {
		t.Errorf("session %#x, timeout %s, read-only %t", s.ID(), s.Timeout(), s.ReadOnly())
	}
	path, zxid, err := s.Create(ctx, "/n-", []byte("x"), wire.FlagEphemeralSequential)
	if path != "/n-0000000004" || zxid != k.zxid || err != nil || created.Flags != wire.FlagEphemeralSequential || string(created.Data) != "x" {
		t.Errorf("create: %q, %s, %v, asked %+v", path, zxid, err, created)
	}
	data, got, zxid, err := s.Get(ctx, "/n")
	if string(data) != "hello" || got != stat || zxid != k.zxid || err != nil {
		t.Errorf("get: %q, %+v, %s, %v", data, got, zxid, err)
	}
	if found, got, zxid, err := s.Exists(ctx, "/n"); !found || got != stat || zxid != k.zxid || err != nil {
		t.Errorf("exists: %t, %+v, %s, %v", found, got, zxid, err)
	}
	// A write that fails is a transaction, too.
	if _, zxid, err := s.Set(ctx, "/n", nil, 2); !errors.Is(err, wire.ErrBadVersion) || errors.Is(err, ErrUnknownOutcome) || zxid != k.zxid {
		t.Errorf("set: %s, %v", zxid, err)
	}
	if names, _, zxid, err := s.Children(ctx, "/"); !slices.Equal(names, []string{"a", "b"}) || zxid != k.zxid || err != nil {
		t.Errorf("children: %v, %s, %v", names, zxid, err)
	}
	if zxid, err := s.Delete(ctx, "/n", 7); zxid != k.zxid || err != nil || deleted != (wire.DeleteRequest{Path: "/n", Version: 7}) {
		t.Errorf("delete: %s, %v, asked %+v", zxid, err, deleted)
	}
	if zxid, err := s.Sync(ctx, "/"); zxid != k.zxid || err != nil || synced.Path != "/" {
		t.Errorf("sync: %s, %v", zxid, err)
	}
	if zxid, err := s.Ping(ctx); zxid != k.zxid || err != nil {
		t.Errorf("ping: %s, %v", zxid, err)
	}
	if err := s.Auth(ctx, "digest", "u:p"); err != nil || auth.Scheme != "digest" || string(auth.Auth) != "u:p" {
		t.Errorf("auth: %v, asked %+v", err, auth)
	}
	c := s.Credentials()
	if c.ID != k.id || c.LastZxid != k.zxid || hex.EncodeToString(c.Password) != "2e4f4652233c10e2bcd83549a47898f7" {
		t.Errorf("credentials %+v", c)
	}
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := s.Ping(ctx); err == nil || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("ping after close: %v", err)
	}
}

func code(err error) wire.ErrCode {
	if err != nil {
		return wire.ErrMarshalling
	}
	return wire.OK
}

func TestExistsNot(t *testing.T) {
	s := open(t, &keeper{id: 1, timeout: 4000, zxid: 9, answers: map[wire.OpCode]answer{
		wire.OpExists: always(nil, wire.ErrNoNode),
	}}, Options{})
	if found, _, zxid, err := s.Exists(context.Background(), "/n"); found || zxid != 9 || err != nil {
		t.Errorf("%t, %s, %v", found, zxid, err)
	}
}

func TestResume(t *testing.T) {
	asked := make(chan wire.ConnectRequest, 1)
	k := &keeper{id: 77, timeout: 4000, opened: func(r wire.ConnectRequest) { asked <- r }}
	want := Credentials{ID: 77, Password: wire.SessionPassword(77), LastZxid: 0x500000001}
	s := open(t, k, Options{Resume: &want, Timeout: 3 * time.Second, ReadOnly: true})
	r := <-asked
	if r.SessionID != 77 || r.LastZxidSeen != want.LastZxid || !slices.Equal(r.Password, want.Password) || r.Timeout != 3000 || !r.ReadOnly {
		t.Errorf("asked for %+v", r)
	}
	if got := s.Credentials(); got.LastZxid != want.LastZxid {
		t.Errorf("credentials afterwards %+v", got)
	}
}

// TestSessionRefused has the ways in which a server declines a session.
func TestSessionRefused(t *testing.T) {
	frame := func(b []byte) func(context.Context, net.Conn, string) {
		return func(ctx context.Context, conn net.Conn, _ string) {
			_, _ = conn.Write(wire.AppendFrame(nil, b))
			hang(ctx, conn)
		}
	}
	for _, c := range []struct {
		name   string
		want   Reason
		script func(context.Context, net.Conn, string)
	}{
		{"expired", ReasonSessionRefused, frame(wire.Marshal(&wire.ConnectResponse{Password: wire.NoPassword(), HasReadOnly: true}))},
		{"read-only", ReasonReadOnly, frame(wire.Marshal(&wire.ReplyHeader{Err: wire.ErrNotReadOnly}))},
		{"looking", ReasonClosed, func(context.Context, net.Conn, string) {}},
		{"silent", ReasonSilent, func(ctx context.Context, conn net.Conn, _ string) { hang(ctx, conn) }},
		{"half", ReasonHalfAnswer, func(_ context.Context, conn net.Conn, _ string) {
			_, _ = io.CopyN(io.Discard, conn, 45) // to close with the request unread would be a reset
			_, _ = conn.Write([]byte{0, 0, 0, 37, 0})
		}},
		{"web server", ReasonGarbage, func(_ context.Context, conn net.Conn, _ string) { _, _ = io.WriteString(conn, "HTTP/1.1 400\r\n") }},
		{"short", ReasonGarbage, frame([]byte{1, 2, 3})},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context.Background()
			if c.name == "silent" {
				ctx = soon(t)
			}
			s, err := Dial(ctx, serve(t, c.script).addr, Options{})
			if err == nil {
				s.Drop()
			}
			if ReasonOf(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestUnknownOutcome: the connection ends, or the caller gives up, between a request
// and its answer.
func TestUnknownOutcome(t *testing.T) {
	ctx := context.Background()
	s := open(t, &keeper{id: 1, timeout: 4000}, Options{}) // knows no create: closes
	_, _, err := s.Create(ctx, "/a", nil, wire.FlagPersistent)
	if !errors.Is(err, ErrUnknownOutcome) || ReasonOf(err) != ReasonClosed {
		t.Errorf("create that the server closed on: %v", err)
	}
	<-s.Done()
	if s.Err() == nil {
		t.Error("a session without connection has no error")
	}
	if _, _, err := s.Create(ctx, "/a", nil, 0); err == nil || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("create on a dead session, which sends nothing: %v", err)
	}

	asked, release := make(chan struct{}), make(chan struct{})
	s = open(t, &keeper{id: 2, timeout: 4000, zxid: 3, answers: map[wire.OpCode]answer{
		wire.OpCreate: func([]byte) (wire.Record, wire.ErrCode) {
			close(asked)
			<-release
			return &wire.PathResponse{Path: "/late"}, wire.OK
		},
		wire.OpGetData: always(&wire.DataResponse{Data: []byte("next")}, wire.OK),
	}}, Options{})
	short, cancel := context.WithCancel(ctx)
	go func() { <-asked; cancel() }()
	if _, _, err := s.Create(short, "/late", nil, 0); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Errorf("create given up: %v", err)
	}
	if _, _, err := s.Create(short, "/never", nil, 0); err == nil || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("create with a context that has ended: %v", err)
	}
	close(release)
	// The late answer is not taken for that of the next operation.
	if data, _, _, err := s.Get(ctx, "/"); string(data) != "next" || err != nil {
		t.Errorf("get afterwards: %q, %v", data, err)
	}
}

// TestProtocolErrors: answers that match no request end the session with an error.
func TestProtocolErrors(t *testing.T) {
	get := func(s *Session) error {
		_, _, _, err := s.Get(context.Background(), "/")
		return err
	}
	for name, bytes := range map[string][]byte{
		"wrong xid":       reply(99, 1, wire.OK, &wire.DataResponse{}),
		"short body":      reply(1, 1, wire.OK, &wire.PathResponse{Path: "/"}),
		"short header":    wire.AppendFrame(nil, []byte{0, 0}),
		"oversized":       {0x7f, 0xff, 0xff, 0xff},
		"negative length": {0xff, 0xff, 0xff, 0xfe},
		"bad event":       reply(wire.XidNotification, 1, wire.OK, nil),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, &keeper{id: 1, timeout: 4000}, Options{Dial: tampered(bytes)})
			if err := get(s); !errors.Is(err, ErrUnknownOutcome) || ReasonOf(err) != ReasonGarbage {
				t.Errorf("%v", err)
			}
			<-s.Done()
		})
	}
}

// tampered dials a connection on which, after the handshake, only these bytes come.
func tampered(bytes []byte) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialTCP(ctx, network, addr)
		return &tamperedConn{Conn: conn, instead: bytes, asked: make(chan struct{})}, err
	}
}

type tamperedConn struct {
	net.Conn
	instead []byte
	writes  int
	reads   int
	asked   chan struct{}
}

func (c *tamperedConn) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		close(c.asked)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *tamperedConn) Read(b []byte) (int, error) {
	if c.reads++; c.reads <= 2 { // the length and the body of the handshake
		return c.Conn.Read(b)
	}
	<-c.asked
	n := copy(b, c.instead)
	if c.instead = c.instead[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestEvents(t *testing.T) {
	got := make(chan string, 3)
	s := open(t, &keeper{id: 1, timeout: 4000}, Options{
		Dial: tampered(slices.Concat(
			reply(wire.XidNotification, -1, wire.OK, &wire.WatcherEvent{Type: wire.EventCreated, State: wire.StateSyncConnected, Path: "/a"}),
			reply(wire.XidNotification, 8, wire.OK, &wire.WatcherEvent{Type: wire.EventDeleted, State: wire.StateSyncConnected, Path: "/b"}),
			reply(1, 9, wire.OK, &wire.DataResponse{}))),
		OnEvent: func(e wire.WatcherEvent, z wire.Zxid) { got <- fmt.Sprintf("%s %s at %d", e.Type, e.Path, int64(z)) },
	})
	if _, _, zxid, err := s.Get(context.Background(), "/a"); err != nil || zxid != 9 {
		t.Fatalf("%s, %v", zxid, err)
	}
	// Events come before the answer that was sent after them.
	for _, want := range []string{"created /a at -1", "deleted /b at 8"} {
		select {
		case e := <-got:
			if e != want {
				t.Errorf("event %q, want %q", e, want)
			}
		default:
			t.Errorf("no event %q", want)
		}
	}
}

// TestManyAtOnce: operations from many goroutines each get their own answer, and more
// of them go through in all than may be in flight.
func TestManyAtOnce(t *testing.T) {
	s := open(t, &keeper{id: 1, timeout: 30000, answers: map[wire.OpCode]answer{
		wire.OpGetData: func(b []byte) (wire.Record, wire.ErrCode) {
			var r wire.PathWatchRequest
			return &wire.DataResponse{Data: []byte(r.Path)}, code(wire.Unmarshal(b, &r))
		},
		wire.OpCreate: func(b []byte) (wire.Record, wire.ErrCode) {
			var r wire.CreateRequest
			err := wire.Unmarshal(b, &r)
			return &wire.PathResponse{Path: r.Path}, code(err)
		},
	}}, Options{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for n := range 2 * maxPending / 20 {
				want := fmt.Sprintf("/%d/%d", i, n)
				if path, _, err := s.Create(context.Background(), want, nil, 0); path != want || err != nil {
					t.Errorf("%q for %q, %v", path, want, err)
				}
				if _, err := s.Ping(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestKeepAlive: a session lives on pings alone, and ends when the server falls silent,
// in virtual time.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		k := &keeper{id: 1, timeout: 3000}
		silent := make(chan struct{})
		var served sync.WaitGroup
		served.Go(func() { k.serveUntil(server, silent) })
		s, err := Dial(t.Context(), "pipe", Options{Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil }})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour) // virtual
		if err := s.Err(); err != nil {
			t.Fatalf("after an hour of idleness: %v", err)
		}
		close(silent)
		begin := time.Now()
		<-s.Done()
		if ReasonOf(s.Err()) != ReasonSilent {
			t.Errorf("after the server fell silent: %v", s.Err())
		}
		if took := time.Since(begin); took < 1*time.Second || took > 2*time.Second {
			t.Errorf("noticed after %s of a session timeout of 3s", took)
		}
		s.Drop()
		_ = server.Close()
		served.Wait()
	})
}

// serveUntil answers like script until silent is closed, and then only reads.
func (k *keeper) serveUntil(conn net.Conn, silent <-chan struct{}) {
	r, w := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { // what the server is sent
		_, _ = io.Copy(w, conn)
		_ = w.Close()
	})
	var first [4]byte
	if _, err := io.ReadFull(r, first[:]); err == nil {
		k.script(context.Background(), &muted{Conn: conn, r: r, silent: silent}, string(first[:]))
	}
	wg.Wait()
}

// muted is a connection whose writes vanish once silent is closed.
type muted struct {
	net.Conn
	r      io.Reader
	silent <-chan struct{}
}

func (m *muted) Read(b []byte) (int, error) { return m.r.Read(b) }

func (m *muted) Write(b []byte) (int, error) {
	select {
	case <-m.silent:
		return len(b), nil
	default:
		return m.Conn.Write(b)
	}
}
