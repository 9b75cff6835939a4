package member

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"zkctl/localcluster/replica"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// server is one running member. See the package comment for its parts; the
// fields of the last groups belong to the event loop.
type server struct {
	cfg   *Config
	log   *slog.Logger
	began time.Time // origin of Now()
	clock replica.DriftClock

	inbox     chan any      // from clients and the disk; see mailbox
	fromPeers chan any      // from the other servers, so that they do not wait behind clients
	room      chan struct{} // cap 1: waiting requests may be admitted
	orders    <-chan Order  // of the supervisor; nil without one
	stopped   chan struct{} // closed when the loop takes no more messages

	port   *clientPort
	peers  *peers // nil when standalone
	writer *writer

	replica *replica.Server // takes all decisions
	conns   map[int64]*conn // every connection, by its id
	dirty   []*conn         // with answers to flush at the end of the batch
	made    int             // bytes made for clients since the last flush
	waiting []*conn         // with requests that wait for room; see admit

	stats        serverStats
	servingSince time.Duration
}

// inboxSize is the number of messages that may wait for the event loop before post
// blocks.
const inboxSize = 4096

// batchSize is the number of messages that the loop handles before it hands on answers,
// proposals and log entries. Batches let many transactions share an fsync and a packet.
const batchSize = 512

// post and postPeers are the server's mailboxes.
func (s *server) post(message any) bool      { return s.postTo(s.inbox, message) }
func (s *server) postPeers(message any) bool { return s.postTo(s.fromPeers, message) }

func (s *server) postTo(inbox chan<- any, message any) bool {
	select {
	case inbox <- message:
		return true
	case <-s.stopped:
		return false
	}
}

// loop is the event loop, which handles one message after the other. It returns nil
// when ctx ends, and an error when the server cannot go on.
func (s *server) loop(ctx context.Context) error {
	ticker := time.NewTicker(replica.TickInterval(s.cfg.Tick))
	defer ticker.Stop()
	rate := s.clock.Rate()
	s.replica.Step(zab.Start{})
	for {
		if err := s.replica.Err(); err != nil {
			return err
		}
		s.flush()
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.writer.failed:
			return err
		case <-s.writer.progress:
			s.turn(nodeInput{zab.Persisted{Seq: s.writer.durable.Load()}})
		case <-ticker.C:
			s.replica.Tick()
			s.admitWaiting()
		case <-s.room:
			s.replica.Handle(s.admitWaiting)
		case o := <-s.orders:
			s.replica.Handle(func() { s.ordered(o) })
			if s.clock.Rate() != rate { // ticks come as often by this server's clock as before
				rate = s.clock.Rate()
				ticker.Reset(time.Duration(float64(replica.TickInterval(s.cfg.Tick)) / rate))
			}
		case message := <-s.fromPeers:
			s.turn(message)
		case message := <-s.inbox:
			s.turn(message)
		case <-s.behind():
			s.turn(nil)
		}
	}
}

// turn carries on with what earlier turns have left, and then handles a message, which may
// be nil, and those that already wait, from servers and clients alternately. The time of
// each part is bounded, so that ticks and other servers get theirs. When a batch is full,
// the messages of servers, which are all short, do not wait for those of clients.
func (s *server) turn(message any) {
	s.replica.Handle(s.replica.CarryOn)
	if message != nil {
		s.handle(message)
	}
	full := s.handleBatch(func() bool {
		peers := s.handleNext(s.fromPeers)
		clients := s.handleNext(s.inbox)
		return peers || clients
	})
	if full {
		s.handleBatch(func() bool { return s.handleNext(s.fromPeers) })
	}
}

// behind is ready while earlier turns have left something.
func (s *server) behind() <-chan struct{} {
	if s.replica.Behind() {
		return ready
	}
	return nil
}

var ready = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// handleBatch calls next until it finds no message, or the batch is full.
func (s *server) handleBatch(next func() bool) (full bool) {
	until := s.batchEnd()
	for n := 1; n < batchSize && s.inBatch(until) && s.replica.Err() == nil; n++ {
		if !next() {
			return false
		}
	}
	return true
}

// batchEnd is the time at which a batch that begins now must end, because a tick is due.
func (s *server) batchEnd() time.Duration { return s.Now() + replica.TickInterval(s.cfg.Tick) }

// inBatch tells whether the batch may go on: it is not too large, and not at its end.
func (s *server) inBatch(until time.Duration) bool { return s.made < batchBytes && s.Now() <= until }

// handleNext handles a message if there is one.
func (s *server) handleNext(inbox <-chan any) bool {
	select {
	case message := <-inbox:
		s.handle(message)
		return true
	default:
		return false
	}
}

// handle handles a message; if the process was stopped, the replica checks its deadlines
// before it (Server.Handle).
func (s *server) handle(message any) { s.replica.Handle(func() { s.dispatch(message) }) }

// dispatch handles each kind of message.
func (s *server) dispatch(message any) {
	switch m := message.(type) {
	// From the client port.
	case connOpened:
		m.c.server = s
		s.conns[m.c.id] = m.c
	case wordAsked:
		s.answerWord(m)
	case connectRead:
		s.connect(m)
	case *requestRead:
		s.request(m)
	case progressed:
		s.progressed(m)
	case connGone:
		s.gone(m.c, m.err)

	// From the other servers, and what is durable on this server's own disk.
	case nodeInput:
		s.replica.Step(m.in)
	case linkOpened:
		s.linkOpened(m)
	case linkReceived:
		s.linkReceived(m)
	case linkClosed:
		s.linkClosed(m)

	case snapshotDone:
		s.snapshotDone(m)

	default:
		panic(fmt.Sprintf("event loop: a message of type %T", message))
	}
}

// flush hands on what a batch has produced.
func (s *server) flush() {
	s.writer.flush()
	for _, c := range s.dirty {
		s.flushConn(c)
	}
	s.dirty, s.made = s.dirty[:0], 0
}

// flushConn gives a connection's answers to its writer.
func (s *server) flushConn(c *conn) {
	c.scheduled = false
	if c.frames.Len() > 0 || c.answered > 0 {
		if c.replies.put(c.frames.Bytes(), c.events, c.answered, c.asked) {
			c.frames = wire.Encoder{}
		}
		c.frames.Reset()
		c.events, c.answered, c.asked = 0, 0, 0
	}
	if len(c.waiting) > 0 {
		s.admitSoon()
	}
	if c.cutOff && !c.Closing() {
		s.log.Warn("a client does not read its answers: closing the connection", "client", c.remote,
			"session", replica.SessionName(c.Session()), "unread", c.unread(), "reason", "too much waits for it")
		s.replica.CloseNow(c.ServerCnxn)
	}
}

// schedule makes flush look at c.
func (s *server) schedule(c *conn) {
	if !c.scheduled {
		c.scheduled = true
		s.dirty = append(s.dirty, c)
	}
}

// connections returns the connections of clients that are not closing, in the order of
// their arrival.
func (s *server) connections() []*conn {
	all := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		if !c.Closing() && !c.word && !c.wordsOnly {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *conn) int { return int(a.id - b.id) })
	return all
}
