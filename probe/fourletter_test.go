package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// status is srvr's answer of a server in some mode and at some zxid.
func status(mode string, zxid wire.Zxid) string {
	return "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC\n" +
		"Latency min/avg/max: 0/1.5/7\nReceived: 12\nSent: 11\nConnections: 3\nOutstanding: 2\nZxid: " + zxid.String() +
		"\nMode: " + mode + "\nNode count: 5\n"
}

// soon is for questions that are never answered.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// TestReasons has a server for every way not to answer srvr.
func TestReasons(t *testing.T) {
	whole := status(wire.ModeLeader, 1)
	for _, c := range []struct {
		name   string
		want   Reason
		script func(ctx context.Context, conn net.Conn, word string)
	}{
		{"silent", ReasonSilent, func(ctx context.Context, conn net.Conn, _ string) { hang(ctx, conn) }},
		{"closes", ReasonClosed, func(context.Context, net.Conn, string) {}},
		{"resets", ReasonClosed, func(_ context.Context, conn net.Conn, _ string) { _ = conn.(*net.TCPConn).SetLinger(0) }},
		{"half", ReasonHalfAnswer, says(map[string]string{"srvr": whole[:100]})},
		{"half a line", ReasonHalfAnswer, says(map[string]string{"srvr": whole[:len(whole)-3]})},
		{"half and silent", ReasonHalfAnswer, func(ctx context.Context, conn net.Conn, word string) {
			_, _ = io.WriteString(conn, whole[:100])
			hang(ctx, conn)
		}},
		{"web server", ReasonGarbage, says(map[string]string{"srvr": "HTTP/1.1 400 Bad Request\r\n\r\n"})},
		{"tls alert", ReasonGarbage, says(map[string]string{"srvr": "\x15\x03\x03\x00\x02\x02\x50"})},
		{"bad zxid", ReasonGarbage, says(map[string]string{"srvr": strings.Replace(whole, "0x1", "0xyz", 1)})},
		{"not serving", ReasonNotServing, says(map[string]string{"srvr": wire.NotServingText})},
		{"not whitelisted", ReasonNotWhitelisted, says(nil)},
		{"answers", ReasonNone, says(map[string]string{"srvr": whole})},
		{"answers and hangs", ReasonNone, func(ctx context.Context, conn net.Conn, word string) {
			_, _ = io.WriteString(conn, whole)
			hang(ctx, conn)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serve(t, c.script)
			ctx := context.Background()
			if strings.Contains(c.name, "silent") || strings.Contains(c.name, "hangs") {
				ctx = soon(t)
			}
			_, err := Srvr(ctx, server.addr)
			if got := ReasonOf(err); got != c.want || (err == nil) != (c.want == ReasonNone) {
				t.Errorf("reason %q, want %q: %v", got, c.want, err)
			}
			if err != nil && (!strings.Contains(err.Error(), server.addr) || c.want.Hint() == "") {
				t.Errorf("%q does not name the server, or %s has no hint", err, c.want)
			}
		})
	}
}

func TestConnectReasons(t *testing.T) {
	addr := refused(t)
	if _, err := Srvr(context.Background(), addr); ReasonOf(err) != ReasonRefused {
		t.Errorf("%s: %v", addr, err)
	}
	dns := func(timeout bool) DialFunc {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "zk9", IsNotFound: !timeout, IsTimeout: timeout}}
		}
	}
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	gone := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		dial DialFunc
		want Reason
	}{
		{context.Background(), dns(false), ReasonUnresolved},
		{context.Background(), dns(true), ReasonTimeout},
		{soon(t), silent, ReasonTimeout},
		{cancelled, silent, ReasonCancelled},
		{context.Background(), gone, ReasonUnreachable},
	} {
		if _, err := fourLetter(c.ctx, c.dial, "zk9:2181", "srvr"); ReasonOf(err) != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		if _, err := Dial(c.ctx, "zk9:2181", Options{Dial: c.dial}); ReasonOf(err) != c.want {
			t.Errorf("session: %v, want %s", err, c.want)
		}
	}
}

// TestHalfAnswerIsAskedAgain: once, and not for ever.
func TestHalfAnswerIsAskedAgain(t *testing.T) {
	whole := status(wire.ModeFollower, 1)
	first := make(chan struct{}, 1)
	first <- struct{}{}
	server := serve(t, func(_ context.Context, conn net.Conn, _ string) {
		select {
		case <-first:
			_, _ = io.WriteString(conn, whole[:150])
		default:
			_, _ = io.WriteString(conn, whole)
		}
	})
	if s, err := Srvr(context.Background(), server.addr); err != nil || s.Mode != wire.ModeFollower {
		t.Errorf("%+v, %v", s, err)
	}
	always := serve(t, says(map[string]string{"srvr": whole[:150]}))
	if _, err := Srvr(context.Background(), always.addr); ReasonOf(err) != ReasonHalfAnswer || always.count("srvr") != 2 {
		t.Errorf("asked %d times, %v", always.count("srvr"), err)
	}
}

// TestEndlessAnswer: an answer that does not end is not kept.
func TestEndlessAnswer(t *testing.T) {
	server := serve(t, func(_ context.Context, conn net.Conn, _ string) {
		chunk := make([]byte, 1<<20)
		for {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the machine may be busy
	defer cancel()
	text, err := FourLetter(ctx, server.addr, "wchc")
	if ReasonOf(err) != ReasonGarbage || len(text) > maxAnswer+1 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestFourLetter(t *testing.T) {
	server := serve(t, says(map[string]string{"ruok": wire.ImOK}))
	if text, err := FourLetter(context.Background(), server.addr, "ruok"); err != nil || string(text) != wire.ImOK {
		t.Errorf("%q, %v", text, err)
	}
	text, err := FourLetter(context.Background(), server.addr, "mntr")
	if ReasonOf(err) != ReasonNotWhitelisted || string(text) != wire.NotWhitelistedText("mntr") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := FourLetter(context.Background(), server.addr, "quit"); err == nil || server.count("quit") > 0 {
		t.Errorf("an unknown word was sent: %v", err)
	}
	if m, err := Mntr(context.Background(), serve(t, says(map[string]string{
		"mntr": "zk_version\t3.8.0\nzk_server_state\tleader\nzk_uptime\t1500\n",
	})).addr); err != nil || m["zk_server_state"] != "leader" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := ReasonNone; r <= ReasonServerError; r++ {
		text, err := r.MarshalText()
		var back Reason
		if err != nil || back.UnmarshalText(text) != nil || back != r || seen[string(text)] {
			t.Errorf("reason %d is %q", uint8(r), text)
		}
		seen[string(text)] = true
	}
	if ReasonOf(errors.New("another's")) != ReasonNone || ReasonOf(nil) != ReasonNone {
		t.Error("a reason where there is none")
	}
	if err := new(Reason).UnmarshalText([]byte("tired")); err == nil {
		t.Error("tired is no reason")
	}
}
