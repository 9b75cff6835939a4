package member

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// clientPort accepts the connections of clients and owns their goroutines.
type clientPort struct {
	cfg      *Config
	log      *slog.Logger
	post     mailbox
	listener net.Listener
	words    net.Listener // the socket for four-letter words; nil for none
	flow                  // of all connections

	stop chan struct{} // closed by close

	wg sync.WaitGroup // the accept loop and every connection

	mu     sync.Mutex
	perIP  map[netip.Addr]int
	conns  map[*conn]bool
	closed bool
	lastID int64
}

// listenClients serves the connections of listener, and those of words, which may be nil.
func listenClients(cfg *Config, listener, words net.Listener, log *slog.Logger, post mailbox) *clientPort {
	p := &clientPort{
		cfg: cfg, log: log, post: post, listener: listener, words: words, stop: make(chan struct{}),
		perIP: map[netip.Addr]int{}, conns: map[*conn]bool{},
	}
	p.wg.Go(func() { p.accept(listener, false) })
	if words != nil {
		p.wg.Go(func() { p.accept(words, true) })
	}
	return p
}

// accept accepts connections until the port is closed. Errors of accept(2), such
// as too many open files, are temporary; a server that stopped listening because of
// one would look alive but serve no client.
func (p *clientPort) accept(listener net.Listener, wordsOnly bool) {
	for {
		socket, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.log.Warn("cannot accept a client connection; trying again", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-p.stop:
			}
			continue
		}
		p.serve(socket, wordsOnly)
	}
}

const acceptPause = 50 * time.Millisecond

// serve starts serving a connection, unless its address has maxClientCnxns already. Those of the socket for
// four-letter words have no address, and are not counted.
func (p *clientPort) serve(socket net.Conn, wordsOnly bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID++
	c := newConn(p.lastID, socket, newReplyQueue(socket, &p.flow, p.cfg.GlobalOutstanding, p.cfg.SessionlessTimeout))
	c.wordsOnly = wordsOnly
	ip := c.remote.Addr()
	if limit := p.cfg.MaxClientConnections; limit > 0 && !wordsOnly && p.perIP[ip] >= limit {
		p.log.Warn("too many connections from one address: closing the newest", "address", ip, "maxClientCnxns", limit)
		socket.Close()
		return
	}
	if p.closed {
		socket.Close()
		return
	}
	p.perIP[ip]++
	p.conns[c] = true
	p.wg.Go(func() {
		if err := c.serve(p.post, p.cfg); err != nil {
			p.log.Warn("closed a client connection", "client", c.remote, "reason", err)
		}
		p.forget(c)
	})
}

func (p *clientPort) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	ip := c.remote.Addr()
	if p.perIP[ip]--; p.perIP[ip] == 0 {
		delete(p.perIP, ip)
	}
}

// close stops listening, gives the clients a moment to read what is queued,
// and returns when no goroutine of the port runs any more. The event loop must
// have stopped, so that its mailbox refuses messages.
func (p *clientPort) close() {
	close(p.stop)
	p.listener.Close()
	if p.words != nil {
		p.words.Close()
	}
	p.each(true, func(c *conn) { c.replies.part() })
	done := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(shutdownTime):
		p.each(true, func(c *conn) { c.replies.abandon() })
		<-done
	}
}

// each calls f with every connection; closed refuses further ones.
func (p *clientPort) each(closed bool, f func(*conn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = closed
	for c := range p.conns {
		f(c)
	}
}

// shutdownTime is the time that clients have to read answers when the server stops.
const shutdownTime = 100 * time.Millisecond
