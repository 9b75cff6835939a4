package member

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"zkctl/localcluster/replica"
	"zkctl/probe/wire"
)

// conn is one connection to the client port.
//
//	accepted ──► word ──────────────────────────────► answered, closed
//	    │
//	    └─────► ConnectRequest ──► open ──► requests … ──► closed
//
// A reader and a writer goroutine move bytes. The event loop and package replica
// interpret them; the fields of the second group belong to the event loop.
type conn struct {
	id      int64 // never reused; identifies the connection's watches
	socket  net.Conn
	remote  netip.AddrPort
	since   time.Time
	replies *replyQueue
	// wordsOnly is set on the connections of the socket for four-letter words.
	wordsOnly bool

	*replica.ServerCnxn
	server    *server // from connOpened on
	heard     time.Time
	word      bool               // it sent a four-letter word, and is closing
	open      bool               // the ConnectResponse is queued: a watch may fire here
	waiting   []*replica.Request // requests that the replica does not have yet; see admit
	room      int                // bytes reserved for the answers to those that it has
	frames    wire.Encoder       // answers of this batch
	answered  int                // requests that they answer
	asked     int                // bytes of those requests
	events    int                // bytes in frames that are watch events
	cutOff    bool               // too much has gathered for the client
	scheduled bool               // in server.dirty
	stats     connStats
}

func newConn(id int64, socket net.Conn, replies *replyQueue) *conn {
	c := &conn{id: id, socket: socket, replies: replies, since: time.Now(), heard: time.Now(), stats: newConnStats()}
	if a, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		addr := a.AddrPort()
		c.remote = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	// The address is an identity from the start, without any auth packet (IPAuthenticationProvider).
	c.ServerCnxn = replica.NewServerCnxn(id, c, []wire.ID{{Scheme: "ip", ID: c.remote.Addr().WithZone("").String()}})
	return c
}

// The messages that the reader of a connection posts to the event loop, in this order:
// connOpened, then wordAsked or connectRead and any number of requestRead, then
// connGone.
type (
	connOpened struct{ c *conn }

	// wordAsked is a four-letter word. It has the sizes of the data folders for the
	// words that print them, since the loop does not access the disk.
	wordAsked struct {
		c     *conn
		word  string
		sizes dirSizes
	}

	connectRead struct {
		c   *conn
		req wire.ConnectRequest
	}

	// requestRead has the replica's Request in it, so that both are allocated at once. It is
	// posted as a pointer.
	requestRead struct {
		c       *conn
		frame   []byte
		at      time.Time
		request replica.Request
	}

	// connGone is the last message of a connection. err is nil if the client closed it.
	connGone struct {
		c   *conn
		err error
	}
)

// mailbox posts a message to the server's event loop; false when the server has stopped.
type mailbox func(message any) bool

// serve runs the connection: the reader on this goroutine, the writer on
// another. It returns when both are done and the socket is closed, with an error if
// the client did not read its answers.
func (c *conn) serve(post mailbox, cfg *Config) error {
	written := make(chan error, 1)
	opened := post(connOpened{c}) // before the writer can post anything
	go func() { written <- c.replies.writeAll(func() { post(progressed{c}) }) }()
	defer c.socket.Close()
	if !opened {
		c.replies.abandon()
		return <-written
	}
	err := c.read(post, cfg)
	if err != nil {
		c.replies.abandon() // the client broke the protocol, so it gets no answer
	}
	if !post(connGone{c, err}) {
		c.replies.abandon()
	}
	err = <-written                      // the loop ends the replyQueue when it gets connGone
	_, _ = io.Copy(io.Discard, c.socket) // until the client hangs up too; see hangUp
	return err
}

func (c *conn) read(post mailbox, cfg *Config) error {
	c.socket.SetReadDeadline(time.Now().Add(cfg.SessionlessTimeout))
	in := bufio.NewReaderSize(c.socket, 8<<10)
	word, err := in.Peek(4)
	if err != nil {
		return readError(err, "it sent nothing within %v", cfg.SessionlessTimeout)
	}
	if wire.IsFourLetterWord(string(word)) {
		return c.readWord(string(word), post, cfg)
	}
	if c.wordsOnly {
		return fmt.Errorf("it sent %q, which is no four-letter word, to the socket for those", word)
	}
	if err := c.readConnect(in, post, cfg); err != nil {
		return err
	}
	c.socket.SetReadDeadline(time.Time{})
	return c.readRequests(in, post, cfg)
}

func (c *conn) readWord(word string, post mailbox, cfg *Config) error {
	m := wordAsked{c: c, word: word}
	if word == "conf" || word == "dirs" {
		m.sizes = measure(cfg)
	}
	post(m)
	return nil
}

func (c *conn) readConnect(in *bufio.Reader, post mailbox, cfg *Config) error {
	frame, err := wire.ReadFrame(in, cfg.MaxBuffer)
	if err != nil {
		return readError(err, "it did not send a whole ConnectRequest within %v", cfg.SessionlessTimeout)
	}
	var req wire.ConnectRequest
	if err := wire.Unmarshal(frame, &req); err != nil {
		return fmt.Errorf("the first frame is not a ConnectRequest: %w", err)
	}
	if req.ProtocolVersion != 0 {
		return fmt.Errorf("it asks for protocol version %d; this server has only version 0", req.ProtocolVersion)
	}
	post(connectRead{c, req})
	return nil
}

func (c *conn) readRequests(in *bufio.Reader, post mailbox, cfg *Config) error {
	for c.replies.awaitRoom() {
		frame, err := wire.ReadFrame(in, cfg.MaxBuffer)
		if err != nil {
			return readError(err, "")
		}
		if len(frame) < requestHeaderSize {
			return fmt.Errorf("a request of %d bytes is too short for its header", len(frame))
		}
		c.replies.count(len(frame))
		if !post(&requestRead{c: c, frame: frame, at: time.Now()}) {
			return nil
		}
	}
	return nil
}

const requestHeaderSize = 8

// splitRequest cuts a frame of at least requestHeaderSize bytes.
func splitRequest(frame []byte) (wire.RequestHeader, []byte) {
	return wire.RequestHeader{
		Xid: int32(binary.BigEndian.Uint32(frame)), Op: wire.OpCode(binary.BigEndian.Uint32(frame[4:])),
	}, frame[requestHeaderSize:]
}

// readError is the error to log when reading has ended with err: none if the client
// closed the connection between frames, or this server did. late is the text of a timeout.
func readError(err error, late string, args ...any) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET):
		return nil
	case errors.Is(err, wire.ErrLength):
		return fmt.Errorf("%w: it is not a ZooKeeper client, or jute.maxbuffer is too small for it", err)
	case errors.As(err, &timeout) && timeout.Timeout() && late != "":
		return fmt.Errorf(late, args...)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it closed the connection in the middle of a frame: %w", err)
	}
	return err
}
