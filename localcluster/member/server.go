package member

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// server is one running member. See the package comment for its parts; the
// fields of the last groups belong to the event loop.
type server struct {
	cfg   *Config
	log   *slog.Logger
	began time.Time // origin of now()

	inbox   chan any      // see mailbox
	stopped chan struct{} // closed when the loop takes no more messages

	port   *clientPort
	peers  *peers // nil when standalone
	writer *writer

	node   *zab.Node
	status zab.Status // after the last Step
	tree   *datatree.Tree
	// arrived is the tree behind a SNAP, until the core says Install.
	arrived *datatree.Tree
	// exactFrom is the transaction behind which the tree must be the leader's.
	// A Java leader writes a SNAP while it goes on applying, so that the tree
	// is ahead in places until all that was sent with it has been applied.
	exactFrom wire.Zxid

	watches *datatree.Watches
	conns   map[int64]*conn // every connection, by its id
	bound   map[int64]*conn // by session: whoever has asked for it last
	dirty   []*conn         // those with answers to flush at the end of the batch

	pipeline pipeline
	leading  *leading  // not nil while this server leads and serves
	learning *learning // not nil while it follows or observes, and serves

	ids          *datatree.SessionIDs
	stats        serverStats
	snapshots    snapshots
	servingSince time.Duration
	tickInterval time.Duration
	lastTick     time.Duration
	wasLate      bool  // the last tick came after a pause
	broken       error // why the server must end
}

// inboxSize is how many messages may wait for the event loop before those who
// bring more are held up.
const inboxSize = 4096

// batchSize is how many messages are handled before answers, proposals and
// log entries are handed on. Batching is what lets many transactions share an
// fsync and a packet.
const batchSize = 512

// post is the server's mailbox.
func (s *server) post(message any) bool {
	select {
	case s.inbox <- message:
		return true
	case <-s.stopped:
		return false
	}
}

// now is the monotonic time since this server began.
func (s *server) now() time.Duration { return time.Since(s.began) }

// coreTick is how often the core looks at its deadlines.
func coreTick(tick time.Duration) time.Duration {
	return min(max(tick/20, 5*time.Millisecond), 50*time.Millisecond)
}

// loop is the event loop: everything that is decided is decided here, one
// message after the other. It returns nil when ctx ends, and an error when the
// server cannot go on.
func (s *server) loop(ctx context.Context) error {
	ticker := time.NewTicker(s.tickInterval)
	defer ticker.Stop()
	s.step(zab.Start{})
	for {
		if s.broken != nil {
			return s.broken
		}
		s.flush()
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.writer.failed:
			return err
		case <-s.writer.progress:
			s.step(zab.Persisted{Seq: s.writer.durable.Load()})
		case <-ticker.C:
			s.tick()
		case message := <-s.inbox:
			// A process that was stopped for a while (SIGSTOP, a suspended
			// laptop) looks at the clock before it acts: a leader may have
			// been replaced meanwhile, and must notice before it answers.
			if s.now() > s.lastTick+5*s.tickInterval {
				s.tick()
			}
			s.handle(message)
			s.handleBatch()
		}
	}
}

// handleBatch handles what else is there already.
func (s *server) handleBatch() {
	for n := 1; n < batchSize && s.broken == nil; n++ {
		select {
		case message := <-s.inbox:
			s.handle(message)
		default:
			return
		}
	}
}

// fail ends the server after the message in hand. The first reason counts.
func (s *server) fail(err error) {
	if s.broken == nil {
		s.broken = err
	}
}

func (s *server) tick() {
	now := s.now()
	// After a pause, heartbeats of clients are waiting in the sockets: let them
	// in, for one tick, before anybody is declared dead.
	late := now > s.lastTick+5*s.tickInterval && !s.wasLate
	s.lastTick, s.wasLate = now, late
	s.step(zab.Tick{})
	if s.leading != nil && !late {
		s.expireSessions(now)
		s.reapNodes()
	}
}

// handle is every kind of message there is.
func (s *server) handle(message any) {
	switch m := message.(type) {
	// From the client port.
	case connOpened:
		s.conns[m.c.id] = m.c
	case wordAsked:
		s.answerWord(m)
	case greeted:
		s.greet(m.c, m.req)
	case requestRead:
		s.request(m)
	case connGone:
		s.gone(m.c, m.err)

	// From the other servers.
	case coreInput:
		s.step(m.in)
	case linkOpened:
		s.linkOpened(m)
	case linkReceived:
		s.linkReceived(m)
	case linkClosed:
		s.linkClosed(m)

	// From this server's own disk; what is durable comes as writer.progress.
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
	s.dirty = s.dirty[:0]
}

// flushConn gives a connection's answers to its writer.
func (s *server) flushConn(c *conn) {
	c.scheduled = false
	if c.frames.Len() == 0 && c.answered == 0 {
		return
	}
	reading := c.box.put(c.frames.Bytes(), c.answered, c.events)
	c.frames.Reset()
	c.answered, c.events = 0, 0
	if !reading && !c.closing {
		s.log.Warn("a client does not read its watch events: closing the connection", "client", c.remote,
			"session", sessionName(c.session))
		s.drop(c)
	}
}

// schedule makes flush look at c.
func (s *server) schedule(c *conn) {
	if !c.scheduled {
		c.scheduled = true
		s.dirty = append(s.dirty, c)
	}
}

// connections returns those that are not on their way out, in the order of
// their arrival.
func (s *server) connections() []*conn {
	all := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		if !c.closing {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *conn) int { return int(a.id - b.id) })
	return all
}
