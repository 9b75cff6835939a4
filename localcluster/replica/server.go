package replica

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Options are what a Server is to be.
type Options struct {
	Zab zab.Config // Tick is the unit of sessions, too

	MinSessionTimeout, MaxSessionTimeout time.Duration

	SnapCount    int           // transactions between snapshots, about; see snapshots
	ReapInterval time.Duration // between looks for containers and TTL nodes to remove

	// DigestsMustMatch ends the server when its tree has another digest than the leader recorded.
	DigestsMustMatch bool

	SkipACL     bool
	SuperDigest string // of the scheme digest, for the superuser; empty: nobody

	// Config is the text of /zookeeper/config, with its version; empty: the
	// node stays empty.
	Config        string
	ConfigVersion int64

	// SessionSeed is what session ids begin with: a time in milliseconds, by a
	// clock that does not show the same twice (see datatree.SessionIDs).
	SessionSeed int64

	Tracer Tracer
}

// Recovered is what was found on the disk.
type Recovered struct {
	zab.Recovered
	Tree    *datatree.Tree
	Backlog int // transactions behind the newest snapshot
}

// Server is one server of an ensemble, or a standalone one.
type Server struct {
	o     Options
	shell Shell

	node   *zab.Node
	status zab.Status // after the last Step
	tree   *datatree.Tree
	// received is the tree behind a SNAP, until the core says Install.
	received *datatree.Tree
	// exactFrom is the transaction behind which the tree must be the leader's.
	// A Java leader writes a SNAP while it goes on applying, so that the tree
	// is ahead in places until all that was sent with it has been applied.
	exactFrom wire.Zxid

	conns     map[int64]*ServerCnxn // by id: those that have greeted, and are not closing
	bySession map[int64]*ServerCnxn // by session: whoever has asked for it last
	watches   *datatree.Watches
	ids       *datatree.SessionIDs

	pending  pending
	leading  *leading  // not nil while this server leads and serves
	learning *learning // not nil while it follows or observes, and serves
	leader   zab.LinkID

	mismatches mismatches
	ended      endedSessions
	ahead      []aheadRefusal // the latest, oldest first
	snapshots  snapshots
	lastTick   time.Duration
	wasPaused  bool // the last tick came after a pause
	broken     error
}

// New makes a server of what was on its disk. It does nothing before a Step
// with zab.Start.
func New(o Options, found Recovered, shell Shell) (*Server, error) {
	node, err := zab.New(o.Zab, found.Recovered)
	if err != nil {
		return nil, err
	}
	s := &Server{
		o: o, shell: shell, node: node, status: node.Status(), tree: found.Tree,
		conns: map[int64]*ServerCnxn{}, bySession: map[int64]*ServerCnxn{}, watches: datatree.NewWatches(),
		ids:     datatree.NewSessionIDs(sessionServer(o.Zab), o.SessionSeed),
		pending: pending{},
	}
	s.snapshots.restart(s, found.Backlog)
	s.configureTree()
	return s, nil
}

// sessionServer is the server number in session ids.
func sessionServer(c zab.Config) int64 {
	if c.Standalone {
		return 1
	}
	return int64(c.ID)
}

// configureTree writes this server's configuration into a tree that has come
// from elsewhere: /zookeeper/config is each server's own while reconfig is off.
func (s *Server) configureTree() {
	if s.o.Config != "" {
		s.tree.SetConfig(s.o.Config, s.o.ConfigVersion, s.shell.Wall())
	}
}

// Status is the core's, after the last step.
func (s *Server) Status() zab.Status { return s.status }

// Learners counts a leader's learners.
func (s *Server) Learners() zab.Learners { return s.node.Learners() }

// Tree is the data tree: all that is applied. It is replaced when a SNAP or a
// TRUNC comes.
func (s *Server) Tree() *datatree.Tree { return s.tree }

// Watches are those of this server's clients, by Conn.ID.
func (s *Server) Watches() *datatree.Watches { return s.watches }

// Sessions are the deadlines of all sessions, on a server that leads and serves;
// nil on others.
func (s *Server) Sessions() *datatree.Sessions {
	if s.leading == nil {
		return nil
	}
	return s.leading.sessions
}

// Err is why the server must end; its shell looks after every call. Nothing that
// the server does after it matters, but that it must not be heard of.
func (s *Server) Err() error { return s.broken }

// fail ends the server after the call in hand. The first reason counts.
func (s *Server) fail(err error) {
	if s.broken == nil {
		s.broken = err
	}
}

// TickInterval is how often Tick should be called.
func TickInterval(tick time.Duration) time.Duration {
	return min(max(tick/20, 5*time.Millisecond), 50*time.Millisecond)
}

// paused tells that the process was stopped for a while (SIGSTOP, a suspended
// laptop, a machine without a core to spare).
func (s *Server) paused() bool {
	return s.shell.Now() > s.lastTick+5*TickInterval(s.o.Zab.Tick)
}

// Handle carries out what its shell does about one message: from a client, another
// server, or the disk. Every message passes through here, one by one, in members and
// in the simulation. A server that was stopped looks at the clock first, since a leader
// may have been replaced meanwhile, and must notice before it answers.
func (s *Server) Handle(message func()) {
	if s.paused() {
		s.Tick()
	}
	if s.broken == nil {
		message()
	}
}

// Tick looks at the deadlines.
func (s *Server) Tick() {
	// After a pause, heartbeats of clients are waiting in the sockets: let them
	// in, for one tick, before anybody is declared dead.
	late := s.paused() && !s.wasPaused
	s.lastTick, s.wasPaused = s.shell.Now(), late
	s.Step(zab.Tick{})
	if s.leading != nil && s.status.NextZxid != 0 && !late {
		s.expireSessions()
		s.reapNodes()
	}
}

// SnapshotReceived hands over the tree that came behind a SNAP, before the packet is
// given to Step.
func (s *Server) SnapshotReceived(tree *datatree.Tree) { s.received = tree }

// Step gives the core one input and carries out what it answers, in the order
// that zab.Output asks for. Everything the core says passes through here.
func (s *Server) Step(in zab.Input) {
	if gone, ok := in.(zab.Disconnected); ok {
		s.forgetLink(gone.Link)
	}
	before := s.status
	out := s.node.Step(s.shell.Now(), in)
	s.status = s.node.Status()
	if trace := s.o.Tracer.Stepping; trace != nil {
		trace(in, &out)
	}
	// Whoever leaves a role lets its clients go first: what happens to the
	// tree from here on is nothing they may see.
	if before.Serving && !s.status.Serving {
		s.stopServing()
	}
	s.changeTree(&out)
	for _, p := range out.Deliver {
		s.deliver(p)
	}
	if s.broken != nil {
		return // nobody shall hear of it
	}
	if s.status.Serving && !before.Serving {
		s.startServing()
	}
	s.shell.Persist(out.Persist)
	s.send(&out)
	for _, f := range out.Forward {
		s.forwarded(f)
	}
	if trace := s.o.Tracer.Stepped; trace != nil {
		trace(&out)
	}
	if len(out.Deliver) > 0 {
		s.snapshotIfDue()
	}
}

// changeTree does what the core asks for beside delivering.
func (s *Server) changeTree(out *zab.Output) {
	if out.Install != nil {
		s.tree, s.received = s.received, nil
		s.exactFrom = math.MaxInt64
		s.configureTree()
		if trace := s.o.Tracer.Installed; trace != nil {
			trace(out.Install.Zxid)
		}
	}
	if out.Rollback != nil {
		s.rollBack(out.Rollback.To)
	}
	for _, p := range out.FastForward {
		s.apply(p) // of unknown fate, for nobody to see
	}
}

// rollBack cuts the log and rebuilds the tree from disk. The server waits for
// it: there is nothing that it could do meanwhile.
func (s *Server) rollBack(to wire.Zxid) {
	tree, recent, err := s.shell.Truncate(to)
	switch {
	case errors.Is(err, ErrTooFar):
		s.shell.Warn("the log cannot be truncated as far as the leader asks: asking for a snapshot", "to", to, "reason", err)
		s.Step(zab.RollbackFailed{})
		return
	case err != nil:
		s.fail(fmt.Errorf("truncate the log to %v, as the leader asks: %w", to, err))
		return
	}
	s.tree = tree
	s.configureTree()
	if trace := s.o.Tracer.RolledBack; trace != nil {
		trace(to)
	}
	s.Step(zab.RolledBack{Last: tree.LastZxid(), Recent: recent})
}

// send does the part of an Output that goes out.
func (s *Server) send(out *zab.Output) {
	for _, n := range out.Notify {
		s.shell.Notify(n)
	}
	for _, d := range out.Dial {
		s.leader = d.Link
		s.shell.Dial(d)
	}
	for i := range out.Send {
		s.sendOne(&out.Send[i])
	}
	for _, link := range out.Close {
		s.forgetLink(link)
		s.shell.CloseLink(link)
	}
}

func (s *Server) sendOne(o *zab.Send) {
	if o.Snapshot {
		s.shell.SendSnapshot(o.Link, o.Packet, s.tree.Snapshot())
		return
	}
	if o.Packet.Type == wire.PacketPing && s.status.Role != zab.Leading {
		o.Packet.Data = s.touchTable()
	}
	s.shell.Send(o.Link, o.Packet)
	if t := o.Packet.Type; t == wire.PacketCommit || t == wire.PacketInform {
		s.sendAfterCommit(o.Link, o.Packet.Zxid)
	}
}

// startServing begins a term: clients may come.
func (s *Server) startServing() {
	if s.exactFrom > s.status.LastLogged && s.status.Role != zab.Leading {
		// The tree came as a SNAP. The snapshot of it that is on the disk may
		// be inexact; one that is not shall take its place.
		s.snapshots.since = s.snapshots.due
	}
	s.exactFrom = s.status.LastLogged
	if s.status.Role == zab.Leading {
		s.leading = newLeading(s)
	} else {
		s.learning = newLearning(s.leader)
	}
	if trace := s.o.Tracer.Serving; trace != nil {
		trace(true)
	}
}

// stopServing ends it. Clients are told nothing but that the connection is
// gone: what has become of their requests is not known here, and what this
// server could read to them may no longer be so.
func (s *Server) stopServing() {
	s.leading, s.learning = nil, nil
	s.pending = pending{}
	open := slices.SortedFunc(maps.Values(s.conns), func(a, b *ServerCnxn) int { return cmp.Compare(a.id, b.id) })
	for _, c := range open {
		s.closeAfterReplies(c)
	}
	s.shell.Warn("not serving clients any more", "connections_closed", len(open))
	if trace := s.o.Tracer.Serving; trace != nil {
		trace(false)
	}
}
