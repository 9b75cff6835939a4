package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"zkctl/probe/wire"
)

// Defaults of ElectionOptions.
const (
	defaultHandshakeTimeout = 5 * time.Second
	defaultDialTimeout      = 5 * time.Second // zookeeper.cnxTimeout
	defaultRetryMin         = 10 * time.Millisecond
	defaultRetryMax         = time.Second
	defaultMaxUnconfigured  = 64
)

// ErrClosed is the reason when a link ends because its owner has closed the transport.
var ErrClosed = errors.New("closed by this server")

// ElectionEvents gets the events of the election port. The calls for one
// server come one after the other, those for several servers at the same time
// from several goroutines. PeerUp and PeerDown of a server alternate, and its
// Notified lie between them.
//
// While a call waits, that one server's link is not read, which is how a busy
// server slows down its peers; a call must not wait for Close.
type ElectionEvents interface {
	// Notified delivers a vote.
	Notified(from int64, n wire.Notification)
	// PeerUp is called when a link to a server exists and none did before.
	PeerUp(peer int64)
	// PeerDown is called when a link broke and no other has replaced it.
	PeerDown(peer int64, reason error)
	// Unreachable is called when a server could not be dialled, once until a
	// link to that server comes up; the dialling goes on.
	Unreachable(peer int64, reason error)
	// Refused is called when a connection, or a message on it, was not accepted.
	// The reason has the bytes that were read; remote is the caller's address.
	Refused(remote string, reason error)
}

// ElectionOptions has the ids and addresses of this server and the others.
type ElectionOptions struct {
	Self   int64  // this server's id
	Listen string // address to listen on; unused when Listener is set
	// Listener, when set, is used and closed instead of opening one.
	Listener net.Listener
	// Peers maps every server of the configuration to its election address.
	// This server's own entry is the address in its hello.
	Peers map[int64]string
	// Advertise replaces that address.
	Advertise string

	Events ElectionEvents

	HandshakeTimeout time.Duration // for a caller's hello; ZooKeeper: tickTime × syncLimit
	DialTimeout      time.Duration
	RetryMin         time.Duration // between the first attempts to reach a server
	RetryMax         time.Duration // between the later ones
	MaxPending       int           // connections without a whole hello
	MaxUnconfigured  int           // servers that are not in Peers
	Dial             DialFunc
}

// Election is a server's end of the election channel: at most one link to each other
// server, and for each the newest message to send.
type Election struct {
	opts    ElectionOptions
	hello   []byte
	events  ElectionEvents
	ln      net.Listener
	pending *pendingConns
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	wg      sync.WaitGroup // every goroutine of this transport

	mu        sync.Mutex
	closed    bool
	peers     map[int64]*peer
	arrivals  uint64 // connections accepted
	anonymous int64  // id given to the last observer without one; <= 0, counts down
}

// ListenElection opens the election port.
func ListenElection(opts ElectionOptions) (*Election, error) {
	opts.setDefaults()
	if opts.Events == nil {
		return nil, errors.New("election port: the callbacks are missing: set Events")
	}
	hello, err := encodeHello(opts.Self, opts.Advertise)
	if err != nil {
		return nil, err
	}
	ln := opts.Listener
	if ln == nil {
		if ln, err = net.Listen("tcp", opts.Listen); err != nil {
			return nil, fmt.Errorf("election port of server %d: %w", opts.Self, err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Election{
		opts: opts, hello: hello, events: opts.Events,
		ln: ln, pending: newPendingConns(opts.MaxPending),
		ctx: ctx, stop: stop,
		peers: map[int64]*peer{},
	}
	for id, addr := range opts.Peers {
		if id != opts.Self {
			e.peers[id] = newPeer(id, true, addr)
		}
	}
	e.wg.Go(func() {
		serve(ctx, ln, e.accepted, func(err error) { e.events.Refused(ln.Addr().String(), err) })
	})
	return e, nil
}

func (o *ElectionOptions) setDefaults() {
	if o.Advertise == "" {
		o.Advertise = o.Peers[o.Self]
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, defaultHandshakeTimeout)
	o.DialTimeout = cmp.Or(o.DialTimeout, defaultDialTimeout)
	o.RetryMin = cmp.Or(o.RetryMin, defaultRetryMin)
	o.RetryMax = max(o.RetryMin, cmp.Or(o.RetryMax, defaultRetryMax))
	o.MaxUnconfigured = cmp.Or(o.MaxUnconfigured, defaultMaxUnconfigured)
	o.Dial = defaultDial(o.Dial)
}

// Addr is where the transport listens.
func (e *Election) Addr() net.Addr { return e.ln.Addr() }

// Send queues a message for a server, in place of one that still waits, since a newer vote
// replaces an older one. It never blocks. The message is sent when there is a link; a
// server of the configuration is dialled until there is one. A message to this server
// itself is dropped.
//
// An error means that the message cannot be sent: no server has this id, or the
// configuration text in it is missing or too long for a frame.
func (e *Election) Send(to int64, n wire.Notification) error {
	if to == e.opts.Self {
		return nil
	}
	frame, err := encodeNotification(n)
	if err != nil {
		return fmt.Errorf("notification to server %d: %w", to, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	p := e.peers[to]
	if p == nil {
		return fmt.Errorf("notification to server %d: not in the configuration, and not connected", to)
	}
	p.next = frame
	if p.link != nil {
		p.link.wake()
	}
	e.ensureDialling(p)
	return nil
}

func encodeNotification(n wire.Notification) ([]byte, error) {
	if n.Version >= wire.NotificationVersion && len(n.Config) == 0 {
		return nil, errors.New("it has no configuration text, without which the receiving thread of a ZooKeeper 3.8 server ends")
	}
	payload := wire.Marshal(&n)
	if len(payload) > wire.MaxElectionFrame {
		return nil, fmt.Errorf("it has %d bytes, and a frame at most %d", len(payload), wire.MaxElectionFrame)
	}
	return wire.AppendFrame(nil, payload), nil
}

// LinkInfo describes a link.
type LinkInfo struct {
	Peer          int64
	Local, Remote net.Addr
}

// Links lists the current links, by ascending server id.
func (e *Election) Links() []LinkInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	var links []LinkInfo
	for id, p := range e.peers {
		if p.link != nil {
			links = append(links, LinkInfo{Peer: id, Local: p.link.conn.LocalAddr(), Remote: p.link.conn.RemoteAddr()})
		}
	}
	slices.SortFunc(links, func(a, b LinkInfo) int { return cmp.Compare(a.Peer, b.Peer) })
	return links
}

// Close ends all links and returns when all goroutines of this transport have ended; no
// event comes after it. It must not be called from an event.
func (e *Election) Close() error {
	e.mu.Lock()
	e.closed = true
	links := make([]*link, 0, len(e.peers))
	for _, p := range e.peers {
		if p.link != nil {
			links = append(links, p.link)
		}
	}
	e.mu.Unlock()
	e.stop()
	err := e.ln.Close()
	for _, l := range links {
		l.close(ErrClosed)
	}
	e.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // closed before
	}
	return err
}
