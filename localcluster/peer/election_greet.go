package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"zkctl/probe/wire"
)

// maxHelloAddress is the longest address list that ZooKeeper reads from a hello.
const maxHelloAddress = 2048

func encodeHello(self int64, advertise string) ([]byte, error) {
	if self < 0 || self == wire.AnonymousObserver {
		return nil, fmt.Errorf("election port: %d is not a server id", self)
	}
	if advertise == "" || len(advertise) > maxHelloAddress {
		return nil, fmt.Errorf("election port of server %d: cannot tell others the address %q; "+
			"give the server an entry in Peers, or set Advertise", self, advertise)
	}
	return wire.Marshal(&wire.ElectionHello{ServerID: self, Addresses: []string{advertise}}), nil
}

// newReader buffers what comes from a connection: hello, frames and packets are
// all read field by field.
func newReader(conn net.Conn) *bufio.Reader { return bufio.NewReaderSize(conn, 32<<10) }

// witness remembers the first bytes that pass through it, so that an error can
// show what a stranger said.
type witness struct {
	r    io.Reader
	seen []byte
}

func (w *witness) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if room := 32 - len(w.seen); room > 0 {
		w.seen = append(w.seen, p[:min(n, room)]...)
	}
	return n, err
}

// accepted takes a connection from the election port.
func (e *Election) accepted(conn net.Conn) {
	e.mu.Lock()
	e.arrivals++
	arrival := e.arrivals
	e.mu.Unlock()
	e.wg.Go(func() { e.greet(conn, arrival) })
}

// greet reads a caller's hello and applies the rule of the larger id.
func (e *Election) greet(conn net.Conn, arrival uint64) {
	noDelay(conn)
	r := newReader(conn)
	hello, err := e.awaitHello(conn, r)
	if err == nil {
		err = e.admit(conn, r, hello, arrival)
	}
	if err != nil {
		conn.Close()
		if e.ctx.Err() == nil {
			e.events.Refused(conn.RemoteAddr().String(), err)
		}
	}
}

// awaitHello gives the caller a limited time, and a place in the lobby, to say
// who it is.
func (e *Election) awaitHello(conn net.Conn, r *bufio.Reader) (*wire.ElectionHello, error) {
	undo := context.AfterFunc(e.ctx, func() { conn.Close() })
	defer undo()
	var turnedOut atomic.Pointer[error]
	g := e.lobby.enter(func(err error) {
		turnedOut.Store(&err)
		conn.Close()
	})
	defer e.lobby.leave(g)

	conn.SetReadDeadline(time.Now().Add(e.opts.HandshakeTimeout))
	hello, err := readHello(r)
	switch cause := turnedOut.Load(); {
	case cause != nil:
		return nil, fmt.Errorf("election hello: %w", *cause)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w (limit %s)", err, e.opts.HandshakeTimeout)
	case err != nil:
		return nil, err
	}
	conn.SetReadDeadline(time.Time{})
	return hello, nil
}

// readHello reads a hello and nothing beyond it.
func readHello(r io.Reader) (*wire.ElectionHello, error) {
	w := &witness{r: r}
	d := wire.NewStreamDecoder(w, maxHelloAddress)
	var hello wire.ElectionHello
	hello.Decode(d)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("election hello: read %q: %w", w.seen, err)
	}
	if hello.ServerID < 0 {
		return nil, fmt.Errorf("election hello: %d is not a server id", hello.ServerID)
	}
	return &hello, nil
}

// admit keeps the connection of a larger server, and dials a smaller one back.
// After an error the caller closes the connection.
func (e *Election) admit(conn net.Conn, r *bufio.Reader, hello *wire.ElectionHello, arrival uint64) error {
	id := hello.ServerID
	switch {
	case id == e.opts.Self:
		// Seen in ZOOKEEPER-2164: a wrong myid, or an address that leads back.
		return fmt.Errorf("election hello: the caller has this server's own id %d", id)

	case id == wire.AnonymousObserver:
		// An observer without an id counts as larger than everybody, keeps the
		// connection, and is given a number to be answered by. ZooKeeper gives
		// one too, but a negative one before it compares, so the two call each
		// other back for ever (ZOOKEEPER-4886).
		e.mu.Lock()
		e.anonymous--
		id = e.anonymous
		e.mu.Unlock()
		return e.keep(conn, r, id, arrival)

	case id > e.opts.Self:
		return e.keep(conn, r, id, arrival)
	}

	addrs := dialable(hello.Addresses)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.peers[id] == nil && len(addrs) == 0 {
		return fmt.Errorf("election hello: server %d is not in the configuration "+
			"and names no address to dial back: %q", id, hello.Addresses)
	}
	p, err := e.lookUp(id, addrs...)
	if err != nil {
		return err
	}
	// An older link stays until the new one stands: if it is good, which
	// happens when both servers called at once, nothing was down.
	e.dialBack(p)
	return conn.Close()
}

// keep makes the caller's connection the link to it.
//
// Hellos are read at the same time, so the hello of a newer connection may be
// read first. The newer one is the one that the caller counts on: it opens them
// one after the other. To let the older take its place would leave none.
func (e *Election) keep(conn net.Conn, r *bufio.Reader, id int64, arrival uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.lookUp(id)
	if err != nil {
		return err
	}
	if arrival < p.arrival {
		return conn.Close()
	}
	p.arrival = arrival
	e.attach(p, conn, r)
	return nil
}

// lookUp finds a server, or makes an entry for one that is not in the
// configuration: that is how servers that are to join, and observers, learn
// who leads. A known server is dialled where the configuration says, never
// where a hello says. The caller holds mu.
func (e *Election) lookUp(id int64, addrs ...string) (*peer, error) {
	if p := e.peers[id]; p != nil {
		if !p.known {
			p.addrs = addrs
		}
		return p, nil
	}
	strangers := 0
	for _, p := range e.peers {
		if !p.known {
			strangers++
		}
	}
	if strangers >= e.opts.MaxStrangers {
		return nil, fmt.Errorf("election hello: server %d is not in the configuration, "+
			"and neither are %d others that are connected", id, strangers)
	}
	p := newPeer(id, false, addrs...)
	e.peers[id] = p
	return p, nil
}

// dialable leaves out addresses that nobody can be dialled at, such as the
// wildcard that a server listens on.
func dialable(addrs []string) []string {
	var good []string
	for _, addr := range addrs {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || port == "" || port == "0" || strings.TrimSpace(host) == "" {
			continue
		}
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			continue
		}
		good = append(good, addr)
	}
	return good
}
