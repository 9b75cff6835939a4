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
// A reader and a writer goroutine move bytes; what the bytes mean is decided
// in the event loop, to which the fields of the second group belong, and there
// by package replica.
type conn struct {
	id     int64 // never used again; the watches of this connection go by it
	socket net.Conn
	remote netip.AddrPort
	since  time.Time
	box    *outbox

	*replica.ServerCnxn
	server    *server // from connOpened on
	heard     time.Time
	word      bool               // it asked a four-letter word, and is on its way out
	open      bool               // the ConnectResponse is on its way: a watch may fire here
	waiting   []*replica.Request // those that the replica does not have yet; see admit
	room      int                // bytes set aside for answers of those that it has
	frames    wire.Encoder       // answers of this batch
	answered  int                // requests that they answer
	asked     int                // bytes of those
	events    int                // bytes in frames that are watch events
	cutOff    bool               // more has gathered for the client than may
	scheduled bool               // in server.dirty
	stats     connStats
}

func newConn(id int64, socket net.Conn, box *outbox) *conn {
	c := &conn{id: id, socket: socket, box: box, since: time.Now(), heard: time.Now(), stats: newConnStats()}
	if a, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		addr := a.AddrPort()
		c.remote = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	// Known from the start, without any auth packet (IPAuthenticationProvider).
	c.ServerCnxn = replica.NewServerCnxn(id, c, []wire.ID{{Scheme: "ip", ID: c.remote.Addr().WithZone("").String()}})
	return c
}

// What the reader of a connection tells the event loop, in this order:
// connOpened, then wordAsked or greeted and any number of requestRead, then
// connGone.
type (
	connOpened struct{ c *conn }

	// wordAsked is a four-letter word. The sizes of the data folders come
	// with those words that print them, since the loop touches no disk.
	wordAsked struct {
		c     *conn
		word  string
		sizes dirSizes
	}

	greeted struct {
		c   *conn
		req wire.ConnectRequest
	}

	requestRead struct {
		c     *conn
		frame []byte
		at    time.Time
	}

	// connGone is the last of a connection. A nil err is a client that left.
	connGone struct {
		c   *conn
		err error
	}
)

// mailbox is where the parts of a server leave what happened for its event
// loop; false when the server has stopped.
type mailbox func(message any) bool

// serve runs the connection: the reader on this goroutine, the writer on
// another. It returns when both are done and the socket is closed; an error says
// that the client does not read.
func (c *conn) serve(post mailbox, cfg *Config) error {
	written := make(chan error, 1)
	opened := post(connOpened{c}) // ahead of anything that the writer has to say
	go func() { written <- c.box.writeAll(func() { post(progressed{c}) }) }()
	defer c.socket.Close()
	defer c.box.settleUnread()
	if !opened {
		c.box.abandon()
		return <-written
	}
	err := c.read(post, cfg)
	if err != nil {
		c.box.abandon() // it speaks no protocol in which to answer
	}
	if !post(connGone{c, err}) {
		c.box.abandon()
	}
	err = <-written                      // the loop ends the outbox when it hears connGone
	_, _ = io.Copy(io.Discard, c.socket) // until the client hangs up too; see hangUp
	return err
}

func (c *conn) read(post mailbox, cfg *Config) error {
	c.socket.SetReadDeadline(time.Now().Add(cfg.GreetingTime))
	in := bufio.NewReaderSize(c.socket, 8<<10)
	word, err := in.Peek(4)
	if err != nil {
		return ended(err, "it said nothing within %v", cfg.GreetingTime)
	}
	if wire.IsFourLetterWord(string(word)) {
		return c.readWord(string(word), post, cfg)
	}
	if err := c.readGreeting(in, post, cfg); err != nil {
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

func (c *conn) readGreeting(in *bufio.Reader, post mailbox, cfg *Config) error {
	frame, err := wire.ReadFrame(in, cfg.MaxBuffer)
	if err != nil {
		return ended(err, "it did not finish its ConnectRequest within %v", cfg.GreetingTime)
	}
	var req wire.ConnectRequest
	if err := wire.Unmarshal(frame, &req); err != nil {
		return fmt.Errorf("the first frame is no ConnectRequest: %w", err)
	}
	if req.ProtocolVersion != 0 {
		return fmt.Errorf("it wants protocol version %d, and there is only version 0", req.ProtocolVersion)
	}
	post(greeted{c, req})
	return nil
}

func (c *conn) readRequests(in *bufio.Reader, post mailbox, cfg *Config) error {
	for c.box.awaitRoom() {
		frame, err := wire.ReadFrame(in, cfg.MaxBuffer)
		if err != nil {
			return ended(err, "")
		}
		if len(frame) < requestHeaderSize {
			return fmt.Errorf("a request of %d bytes is too short for its header", len(frame))
		}
		c.box.count(len(frame))
		if !post(requestRead{c, frame, time.Now()}) {
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

// ended sorts the ways in which reading ends: a client that hangs up between
// frames, or a socket closed by this server, is nothing to complain about.
func ended(err error, late string, args ...any) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET):
		return nil
	case errors.Is(err, wire.ErrLength):
		return fmt.Errorf("%w: it is no ZooKeeper client, or jute.maxbuffer is too small for it", err)
	case errors.As(err, &timeout) && timeout.Timeout() && late != "":
		return fmt.Errorf(late, args...)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it hung up in the middle of a frame: %w", err)
	}
	return err
}
