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

// maxOldID is the largest id that is accepted in the old hello, which is an id alone.
const maxOldID = 255

func encodeHello(self int64, advertise string) ([]byte, error) {
	if self < 0 || self == wire.AnonymousObserver {
		return nil, fmt.Errorf("election port: %d is not a server id", self)
	}
	if advertise == "" || len(advertise) > maxHelloAddress {
		return nil, fmt.Errorf("election port of server %d: the address %q cannot be sent in a hello: "+
			"give the server an entry in Peers, or set Advertise", self, advertise)
	}
	return wire.Marshal(&wire.ElectionHello{ServerID: self, Addresses: []string{advertise}}), nil
}

// newReader buffers a connection, since hello, frames and packets are read field by
// field.
func newReader(conn net.Conn) *bufio.Reader { return bufio.NewReaderSize(conn, 32<<10) }

// prefixReader keeps the first bytes that are read through it, so that an error can
// show them.
type prefixReader struct {
	r    io.Reader
	seen []byte
}

func (w *prefixReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if room := 32 - len(w.seen); room > 0 {
		w.seen = append(w.seen, p[:min(n, room)]...)
	}
	return n, err
}

// caller is an accepted connection until its hello has been read.
type caller struct {
	conn    net.Conn
	r       *bufio.Reader
	arrival uint64 // running number
	pending *pendingConn
	// evicted is the reason why pendingConns closed the connection; nil if it did not.
	evicted atomic.Pointer[error]
}

// accepted takes a connection from the election port.
func (e *Election) accepted(conn net.Conn) {
	noDelay(conn)
	e.mu.Lock()
	e.arrivals++
	c := &caller{conn: conn, r: newReader(conn), arrival: e.arrivals}
	e.mu.Unlock()
	c.pending = e.pending.add(func(err error) {
		c.evicted.Store(&err)
		conn.Close()
	})
	e.wg.Go(func() { e.handshake(c) })
}

// handshake reads a caller's hello and applies the rule of the larger id.
func (e *Election) handshake(c *caller) {
	hello, err := e.awaitHello(c)
	if err == nil {
		err = e.admit(c, hello)
	}
	if err != nil {
		c.conn.Close()
		if e.ctx.Err() == nil {
			e.events.Refused(c.conn.RemoteAddr().String(), err)
		}
	}
}

// awaitHello waits for the caller's hello, for a limited time and only while the caller
// is not evicted.
func (e *Election) awaitHello(c *caller) (*wire.ElectionHello, error) {
	defer context.AfterFunc(e.ctx, func() { c.conn.Close() })()

	c.conn.SetReadDeadline(time.Now().Add(e.opts.HandshakeTimeout))
	hello, err := readHello(c.r)
	e.pending.remove(c.pending) // from here on it cannot be evicted
	switch cause := c.evicted.Load(); {
	case cause != nil:
		return nil, fmt.Errorf("election hello: %w", *cause)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w (limit %s)", err, e.opts.HandshakeTimeout)
	case err != nil:
		return nil, err
	}
	c.conn.SetReadDeadline(time.Time{})
	return hello, nil
}

// readHello reads a hello and nothing beyond it.
func readHello(r io.Reader) (*wire.ElectionHello, error) {
	w := &prefixReader{r: r}
	d := wire.NewStreamDecoder(w, maxHelloAddress)
	var hello wire.ElectionHello
	hello.Decode(d)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("election hello: read %q: %w", w.seen, err)
	}
	// Any number from 0 up is a hello in the oldest form, and the first bytes of most
	// other protocols are such a number. Servers are numbered from 1 to 255.
	if hello.Version == 0 && hello.ServerID > maxOldID {
		return nil, fmt.Errorf("election hello: read %q: it begins with neither a protocol version nor a server id", w.seen)
	}
	if hello.ServerID < 0 {
		return nil, fmt.Errorf("election hello: %d is not a server id", hello.ServerID)
	}
	return &hello, nil
}

// admit keeps the connection of a larger server, and dials a smaller one back.
// After an error the caller closes the connection.
func (e *Election) admit(c *caller, hello *wire.ElectionHello) error {
	id := hello.ServerID
	switch {
	case id == e.opts.Self:
		// The cause is a wrong myid, or an address that leads back to this server
		// (ZOOKEEPER-2164).
		return fmt.Errorf("election hello: the caller has this server's own id %d: check its myid file and the election addresses", id)

	case id == wire.AnonymousObserver:
		// An observer without an id counts as larger than any server, so its
		// connection stays. It gets a number, under which Send reaches it. ZooKeeper
		// gives it a negative number before it compares the ids, so the two servers
		// dial each other back for ever.
		e.mu.Lock()
		e.anonymous--
		id = e.anonymous
		e.mu.Unlock()
		return e.keep(c, id)

	case id > e.opts.Self:
		return e.keep(c, id)
	}

	addrs := dialable(hello.Addresses)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.peers[id] == nil && len(addrs) == 0 {
		return fmt.Errorf("election hello: server %d is not in the configuration "+
			"and its hello has no address to dial back: %.100q", id, hello.Addresses)
	}
	p, err := e.lookUp(id, addrs...)
	if err != nil {
		return err
	}
	// The caller connected because it had no link. If this server has dialled it
	// since, there is a link now.
	if p.link == nil || p.link.arrivals < c.arrival {
		// An older link stays until the new one is up. If it works, which
		// happens when both servers dialled at once, no PeerDown is reported.
		e.dialBack(p)
	}
	return c.conn.Close()
}

// keep makes the caller's connection the link to it.
//
// Hellos are read concurrently, so that of a newer connection may be read first. The
// caller opens its connections one after the other and uses the newest one. If an older
// one replaced it, the caller would be left without a link.
func (e *Election) keep(c *caller, id int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.lookUp(id)
	if err != nil {
		return err
	}
	if c.arrival < p.arrival {
		return c.conn.Close()
	}
	p.arrival = c.arrival
	e.attach(p, c.conn, c.r)
	return nil
}

// lookUp finds a server, or makes an entry for one that is not in the configuration, so
// that observers and servers that are about to join can learn which server leads. A
// configured server is dialled at its address in the configuration, never at the one in
// its hello. The caller holds mu.
func (e *Election) lookUp(id int64, addrs ...string) (*peer, error) {
	if p := e.peers[id]; p != nil {
		if !p.configured {
			p.addrs = addrs
		}
		return p, nil
	}
	unconfigured := 0
	for _, p := range e.peers {
		if !p.configured {
			unconfigured++
		}
	}
	if unconfigured >= e.opts.MaxUnconfigured {
		return nil, fmt.Errorf("election hello: server %d is not in the configuration, "+
			"and %d others that are not in it are connected already", id, unconfigured)
	}
	p := newPeer(id, false, addrs...)
	e.peers[id] = p
	return p, nil
}

// dialable leaves out addresses that cannot be dialled, such as a wildcard address that a
// server listens on.
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
