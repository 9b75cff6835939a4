package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"zkctl/probe/wire"
)

// ErrUnknownOutcome is in the error of an operation that was sent and not answered:
// the server may have carried it out or not. An operation whose error lacks it and is
// no wire.ErrCode was not sent.
var ErrUnknownOutcome = errors.New("outcome unknown")

// ErrSessionClosed is the error of operations on a session after Close or Drop.
var ErrSessionClosed = errors.New("session is closed")

const (
	defaultSessionTimeout = 10 * time.Second
	// maxPending bounds the operations in flight on one session. A server reads no more
	// from a connection while too many are outstanding, so more would only wait elsewhere.
	maxPending = 1000
)

// Options are how to open a session. The zero value opens a new one.
type Options struct {
	// Timeout of the session; the server may grant another. 0 is ten seconds.
	Timeout time.Duration
	// Resume takes over the session of another connection, perhaps to another server.
	Resume *Credentials
	// ReadOnly accepts a server that has no quorum and only reads.
	ReadOnly bool
	// OnEvent is called for every watch event, in order, from the session's reader: it
	// must return soon and may not wait for an operation of the same session.
	OnEvent func(wire.WatcherEvent, wire.Zxid)
	// Observe is called when the session is granted, before anything is sent on it, and returns what sees all that
	// the session says and hears. nil is no observer.
	Observe func(*Session) Observer
	// FirstXid is the last xid that is taken: a client that resumes its session goes on after the xids of the
	// connection before, so that session and xid name one operation. 0 begins with xid 1.
	FirstXid int32
	// Dial opens the connection, nil meaning by TCP.
	Dial DialFunc
	// MaxResponse is the largest response that is accepted; 0 is four mebibytes.
	MaxResponse int
}

// Credentials are what a client needs to carry its session to another connection.
type Credentials struct {
	ID       int64
	Password []byte
	LastZxid wire.Zxid // a server that has not seen this yet refuses the session
}

// Session is a connection to one server with a ZooKeeper session on it. It does not
// reconnect: a survey wants to know about this server, and a load wants to know what
// happened. Operations may be called concurrently; they are sent in one order and
// answered in the same.
type Session struct {
	addr    string
	conn    net.Conn
	id      int64
	timeout time.Duration
	grant   wire.ConnectResponse
	onEvent func(wire.WatcherEvent, wire.Zxid)
	observe Observer
	max     int

	window  chan struct{} // a token for each operation in flight
	done    chan struct{} // closed when the connection is given up
	readers sync.WaitGroup

	send struct { // held while writing to the connection
		sync.Mutex
		enc wire.Encoder
		xid int32
	}
	state struct {
		sync.Mutex
		pending []*call // sent and not answered, in order
		pings   []*call // likewise; their xids are all alike
		last    wire.Zxid
		err     error // why the connection was given up
	}
}

// call is an operation in flight.
type call struct {
	xid      int32
	response wire.Record // nil: the header is the whole answer
	zxid     wire.Zxid
	err      error
	answered chan struct{} // nil for the pings of keepAlive
}

// Dial connects to the server whose client port is at addr and opens a session there,
// which is a write through the quorum unless it is resumed. Errors are of type *Error.
//
// ctx bounds the opening only; the session lives until Close, Drop, or its end.
func Dial(ctx context.Context, addr string, opts Options) (*Session, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = defaultSessionTimeout
	}
	if opts.Dial == nil {
		opts.Dial = dialTCP
	}
	if opts.MaxResponse <= 0 {
		opts.MaxResponse = wire.DefaultMaxResponse
	}
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	conn, err := opts.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, &Error{addr, "session", dialReason(ctx, err), err}
	}
	s := &Session{
		addr: addr, conn: conn, onEvent: opts.OnEvent, observe: unobserved{}, max: opts.MaxResponse,
		window: make(chan struct{}, maxPending), done: make(chan struct{}),
	}
	s.send.xid = opts.FirstXid
	if err := s.handshake(ctx, opts); err != nil {
		_ = conn.Close() // the handshake's error says more
		return nil, err
	}
	if opts.Observe != nil {
		s.observe = opts.Observe(s)
	}
	s.readers.Go(s.read)
	s.readers.Go(s.keepAlive)
	return s, nil
}

// handshake exchanges the first frames. A server that refuses closes at once when it is
// looking for a leader or behind the client, answers zeros when the session has expired,
// and sends a bare reply header with ErrNotReadOnly when it is read-only and has no local
// sessions.
func (s *Session) handshake(ctx context.Context, opts Options) error {
	stop := interrupt(ctx, s.conn)
	defer stop()
	fail := func(reason Reason, err error) error { return &Error{s.addr, "session", reason, err} }

	request := wire.ConnectRequest{
		Timeout:  int32(min(opts.Timeout, 1<<31*time.Millisecond-1) / time.Millisecond),
		Password: wire.NoPassword(), ReadOnly: opts.ReadOnly, HasReadOnly: true,
	}
	if opts.Resume != nil {
		request.SessionID, request.Password, request.LastZxidSeen = opts.Resume.ID, opts.Resume.Password, opts.Resume.LastZxid
	}
	if _, err := s.conn.Write(wire.AppendFrame(nil, wire.Marshal(&request))); err != nil {
		return fail(talkReason(ctx, err, false), err)
	}
	frame, err := wire.ReadFrame(s.conn, 1024)
	if err != nil {
		began := errors.Is(err, io.ErrUnexpectedEOF)
		return fail(talkReason(ctx, err, began), fmt.Errorf("no answer to the handshake: %w", err))
	}
	var header wire.ReplyHeader
	if len(frame) == 16 && wire.Unmarshal(frame, &header) == nil && header.Err != wire.OK {
		return fail(ReasonReadOnly, header.Err)
	}
	if err := wire.Unmarshal(frame, &s.grant); err != nil {
		return fail(ReasonGarbage, err)
	}
	if s.grant.Timeout <= 0 {
		return fail(ReasonSessionRefused, wire.ErrSessionExpired)
	}
	if !stop() {
		// The deadline in the past may be set on the connection any moment now.
		return fail(talkReason(ctx, ctx.Err(), false), ctx.Err())
	}
	s.id, s.timeout = s.grant.SessionID, time.Duration(s.grant.Timeout)*time.Millisecond
	if opts.Resume != nil {
		s.state.last = opts.Resume.LastZxid
	}
	return nil
}

// ID is the session's id; its top byte is the id of the server that opened it.
func (s *Session) ID() int64 { return s.id }

// Addr is the address that was dialled.
func (s *Session) Addr() string { return s.addr }

// Timeout is the session timeout that the server granted.
func (s *Session) Timeout() time.Duration { return s.timeout }

// ReadOnly reports whether the server only reads, having no quorum.
func (s *Session) ReadOnly() bool { return s.grant.ReadOnly }

// Credentials are what it takes to resume the session elsewhere.
func (s *Session) Credentials() Credentials {
	s.state.Lock()
	defer s.state.Unlock()
	return Credentials{ID: s.id, Password: s.grant.Password, LastZxid: s.state.last}
}

// Done is closed when the connection is gone; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is why the connection is gone, or nil while it is not.
func (s *Session) Err() error {
	s.state.Lock()
	defer s.state.Unlock()
	return s.state.err
}

// Drop closes the connection and leaves the session to the server, which keeps it
// until its timeout: another connection may resume it. It waits for the session's goroutines.
func (s *Session) Drop() {
	s.giveUp(ErrSessionClosed)
	s.readers.Wait()
}

// Close ends the session, which removes its ephemeral nodes, and then the connection.
// The error is that of ending the session; the connection is closed in any case.
func (s *Session) Close(ctx context.Context) error {
	_, err := s.Do(ctx, wire.OpCloseSession, nil, nil)
	s.Drop()
	return err
}

// giveUp closes the connection and fails everything in flight, once.
func (s *Session) giveUp(err error) {
	s.state.Lock()
	if s.state.err != nil {
		s.state.Unlock()
		return
	}
	s.state.err = err
	lost := append(s.state.pending, s.state.pings...)
	s.state.pending, s.state.pings = nil, nil
	close(s.done)
	s.state.Unlock()

	_ = s.conn.Close() // the reader and the writer then fail
	for _, c := range lost {
		c.finish(0, fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
	}
}

func (c *call) finish(zxid wire.Zxid, err error) {
	c.zxid, c.err = zxid, err
	if c.answered != nil {
		close(c.answered)
	}
}

// read takes the server's frames until the connection ends. The server answers the
// keeper's pings, so silence for two thirds of the session timeout means that it is
// gone, and leaves a third to resume the session elsewhere.
func (s *Session) read() {
	// Once the session is given up no operation is sent, and no other goroutine reads: this is the last call.
	defer func() { s.observe.Gone(s.Err()) }()
	r := bufio.NewReader(s.conn)
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.timeout * 2 / 3)); err != nil {
			s.giveUp(s.lost(err))
			return
		}
		frame, err := wire.ReadFrame(r, s.max)
		if err != nil {
			s.giveUp(s.lost(err))
			return
		}
		if err := s.dispatch(frame); err != nil {
			s.giveUp(err)
			return
		}
	}
}

func (s *Session) lost(err error) error {
	return &Error{s.addr, "session", talkReason(context.Background(), err, false), fmt.Errorf("connection lost: %w", err)}
}

func (s *Session) garbage(format string, args ...any) error {
	return &Error{s.addr, "session", ReasonGarbage, fmt.Errorf(format, args...)}
}

// replyHeaderEnd is where a reply's body begins in its frame, after the xid, the zxid and the error code.
const replyHeaderEnd = 16

// dispatch gives a frame to the call that waits for it. An error means that the server and
// this client no longer agree on what was asked, so that no later answer can be trusted.
func (s *Session) dispatch(frame []byte) error {
	d := wire.NewDecoder(frame)
	var h wire.ReplyHeader
	h.Decode(d)
	if d.Err() != nil {
		return s.garbage("reply of %d bytes: %w", len(frame), d.Err())
	}
	switch h.Xid {
	case wire.XidNotification:
		var event wire.WatcherEvent
		if event.Decode(d); d.Err() != nil {
			return s.garbage("watch event: %w", d.Err())
		}
		s.observe.Event(event, h.Zxid)
		if s.onEvent != nil {
			s.onEvent(event, h.Zxid)
		}
		return nil
	case wire.XidPing:
		if c := s.oldest(&s.state.pings, h.Zxid); c != nil {
			s.observe.Answered(h, frame[replyHeaderEnd:])
			c.finish(h.Zxid, h.Err.Err())
		}
		return nil
	}
	c := s.oldest(&s.state.pending, h.Zxid)
	if c == nil {
		if err := s.Err(); err != nil {
			return err // what waited for this answer was given up meanwhile
		}
		s.observe.Stray(h)
		return s.garbage("reply %d to nothing", h.Xid)
	}
	<-s.window
	if c.xid == h.Xid {
		s.observe.Answered(h, frame[replyHeaderEnd:])
	}
	var err error
	switch {
	case c.xid != h.Xid:
		s.observe.Stray(h)
		err = s.garbage("reply %d where %d was due", h.Xid, c.xid)
	case h.Err != wire.OK || c.response == nil:
		c.finish(h.Zxid, h.Err.Err())
		return nil
	default:
		if c.response.Decode(d); d.Err() == nil {
			c.finish(h.Zxid, nil)
			return nil
		}
		err = s.garbage("reply %d: %w", h.Xid, d.Err())
	}
	c.finish(h.Zxid, fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
	return err
}

// oldest removes the oldest of the calls in flight, and notes how far the server is. There are none in flight once the
// session is given up, and what comes then counts as not seen.
func (s *Session) oldest(calls *[]*call, seen wire.Zxid) *call {
	s.state.Lock()
	defer s.state.Unlock()
	if s.state.err != nil {
		return nil
	}
	s.state.last = max(s.state.last, seen)
	if len(*calls) == 0 {
		return nil
	}
	c := (*calls)[0]
	(*calls)[0] = nil
	*calls = (*calls)[1:]
	return c
}

// keepAlive pings three times in a session timeout, as the Java client does.
func (s *Session) keepAlive() {
	ticker := time.NewTicker(max(s.timeout/3, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := s.write(wire.OpPing, nil, &call{}, time.Now().Add(s.timeout)); err != nil {
				return // the connection was given up
			}
		case <-s.done:
			return
		}
	}
}
