package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"zkctl/probe/wire"
)

// notes is an Observer that writes down what it sees.
type notes struct {
	mu    sync.Mutex
	lines []string
}

// of is an Options.Observe: the session has its id by then.
func (n *notes) of(s *Session) Observer {
	n.add("session %d", s.ID())
	return n
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) Sent(xid int32, op wire.OpCode, body []byte) { n.add("sent %d %s %q", xid, op, body) }
func (n *notes) Answered(h wire.ReplyHeader, body []byte) {
	n.add("answered %d at %d: %v %q", h.Xid, int64(h.Zxid), h.Err, body)
}
func (n *notes) Event(e wire.WatcherEvent, z wire.Zxid) {
	n.add("event %s %s at %d", e.Type, e.Path, int64(z))
}
func (n *notes) Stray(h wire.ReplyHeader) { n.add("stray %d", h.Xid) }
func (n *notes) Gone(err error)           { n.add("gone %s", ReasonOf(err)) }

// check compares the notes of a session that is over.
func (n *notes) check(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(n.lines, want) {
		t.Errorf("the observer saw\n  %s\nwant\n  %s", strings.Join(n.lines, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestObserverOrder: an observer has seen an operation's answer before its caller has, and the end last of all.
func TestObserverOrder(t *testing.T) {
	seen := new(notes)
	s := open(t, &keeper{id: 1, timeout: 30000, zxid: 9, answers: map[wire.OpCode]answer{
		wire.OpSync:   always(&wire.PathResponse{Path: "/"}, wire.OK),
		wire.OpDelete: always(nil, wire.ErrBadVersion),
		// getData is not there: the server closes the connection
	}}, Options{Observe: seen.of, FirstXid: 41})
	ctx := context.Background()
	if _, err := s.Sync(ctx, "/"); err != nil {
		t.Fatal(err)
	}
	seen.mu.Lock()
	if n := len(seen.lines); n != 3 {
		t.Errorf("%d lines when the operation has returned, want 3: %q", n, seen.lines)
	}
	seen.mu.Unlock()
	if _, err := s.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(ctx, "/", 7); !errors.Is(err, wire.ErrBadVersion) {
		t.Fatal(err)
	}
	if _, _, _, err := s.Get(ctx, "/"); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatal(err)
	}
	s.Drop()
	seen.check(t,
		`session 1`, `sent 42 sync "\x00\x00\x00\x01/"`, `answered 42 at 9: ok (0) "\x00\x00\x00\x01/"`,
		`sent -2 ping ""`, `answered -2 at 9: ok (0) ""`,
		`sent 44 delete "\x00\x00\x00\x01/\x00\x00\x00\a"`, `answered 44 at 9: bad version (-103) ""`,
		`sent 45 getData "\x00\x00\x00\x01/\x00"`, `gone closed`)
}

// TestObserverStray: what was not due is seen as such, and what was due stays without an answer.
func TestObserverStray(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		want  []string
	}{
		"another xid": {reply(7, 9, wire.OK, nil), []string{`session 1`, `sent 1 getData "\x00\x00\x00\x01/\x00"`, `stray 7`, `gone garbage`}},
		"twice": {slices.Concat(reply(1, 9, wire.ErrNoNode, nil), reply(1, 9, wire.ErrNoNode, nil)), []string{
			`session 1`, `sent 1 getData "\x00\x00\x00\x01/\x00"`, `answered 1 at 9: no such node (-101) ""`, `stray 1`, `gone garbage`}},
		"event first": {slices.Concat(
			reply(wire.XidNotification, -1, wire.OK, &wire.WatcherEvent{Type: wire.EventCreated, Path: "/a"}),
			reply(1, 9, wire.ErrNoNode, nil)), []string{
			`session 1`, `sent 1 getData "\x00\x00\x00\x01/\x00"`, `event created /a at -1`, `answered 1 at 9: no such node (-101) ""`, `gone closed`}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := new(notes)
			s := open(t, &keeper{id: 1, timeout: 4000}, Options{Dial: tampered(c.bytes), Observe: seen.of})
			_, _, _, _ = s.Get(context.Background(), "/") // the observer's view is what is tested
			<-s.Done()
			s.Drop()
			seen.check(t, c.want...)
		})
	}
}

// TestObserverOfAGivenUpSession: an answer that comes when its operation was given up is not stray, since it was due.
func TestObserverOfAGivenUpSession(t *testing.T) {
	seen := new(notes)
	s := open(t, &keeper{id: 1, timeout: 30000}, Options{Observe: seen.of})
	s.Drop()
	frame, err := wire.ReadFrame(bytes.NewReader(reply(1, 9, wire.OK, nil)), wire.DefaultMaxResponse)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.dispatch(frame); !errors.Is(err, ErrSessionClosed) {
		t.Errorf("the answer is taken: %v", err)
	}
	seen.check(t, `session 1`, `gone `)
}

// TestFirstXid: the xids of a resumed session go on where those of the connection before ended.
func TestFirstXid(t *testing.T) {
	seen := new(notes)
	k := &keeper{id: 5, timeout: 30000, zxid: 9, answers: map[wire.OpCode]answer{wire.OpSync: always(&wire.PathResponse{}, wire.OK)}}
	s := open(t, k, Options{Observe: seen.of, FirstXid: 1<<31 - 2})
	for range 2 { // 0 and what is below it have other meanings
		if _, err := s.Sync(context.Background(), ""); err != nil {
			t.Fatal(err)
		}
	}
	s.Drop()
	if got := []string{strings.Fields(seen.lines[1])[1], strings.Fields(seen.lines[3])[1]}; !slices.Equal(got, []string{"2147483647", "1"}) {
		t.Errorf("xids %v", got)
	}
}

// TestAnswerBehindTheEnd: an answer that the reader has in its hands when the session is given up is no stray one. It was due,
// and what it answers has an unknown outcome.
func TestAnswerBehindTheEnd(t *testing.T) {
	seen := new(notes)
	var late *lateConn
	s := open(t, &keeper{id: 1, timeout: 30000}, Options{Observe: seen.of, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialTCP(ctx, network, addr)
		late = &lateConn{Conn: conn, answer: reply(1, 9, wire.OK, nil), asked: make(chan struct{}), closed: make(chan struct{})}
		return late, err
	}})
	failed := make(chan error)
	go func() {
		_, err := s.Delete(context.Background(), "/", 7)
		failed <- err
	}()
	<-late.asked
	s.Drop()
	if last := s.Credentials().LastZxid; last != 0 {
		t.Errorf("the session has seen %v", last)
	}
	if err := <-failed; !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("the operation: %v", err)
	}
	seen.check(t, `session 1`, `sent 1 delete "\x00\x00\x00\x01/\x00\x00\x00\a"`, `gone `)
}

// lateConn is a connection on which the answer to the first operation is read at the moment when it is closed.
type lateConn struct {
	net.Conn
	answer        []byte
	writes, reads int
	asked, closed chan struct{}
	once          sync.Once
}

func (c *lateConn) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		close(c.asked)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *lateConn) Read(b []byte) (int, error) {
	if c.reads++; c.reads <= 2 { // the length and the body of the handshake
		return c.Conn.Read(b)
	}
	<-c.closed
	n := copy(b, c.answer)
	if c.answer = c.answer[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *lateConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
