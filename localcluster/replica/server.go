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

// Options are the settings of a Server.
type Options struct {
	Zab zab.Config // its Tick is also the unit of session deadlines

	MinSessionTimeout, MaxSessionTimeout time.Duration

	SnapCount    int           // transactions between snapshots, about; see snapshots
	ReapInterval time.Duration // between searches for containers and TTL nodes to delete

	// DigestsMustMatch ends the server if its tree has another digest than the leader recorded.
	DigestsMustMatch bool

	SkipACL     bool
	SuperDigest string // the superuser's id of scheme digest; empty: there is no superuser

	// Config is the text of /zookeeper/config, and ConfigVersion its version. If
	// Config is empty, the node stays empty.
	Config        string
	ConfigVersion int64

	// SessionSeed is the time in the first session id, in milliseconds. No two runs
	// of a server may have the same (see datatree.SessionIDs).
	SessionSeed int64

	Tracer Tracer
}

// Recovered is the state of the core that was recovered from the disk, and the tree.
type Recovered struct {
	zab.Recovered
	Tree    *datatree.Tree
	Backlog int // number of transactions after the newest snapshot
}

// Server is one server of an ensemble, or a standalone one.
type Server struct {
	o     Options
	shell Shell

	node   *zab.Node
	status zab.Status // of node, after the last Step
	tree   *datatree.Tree
	// received is the tree that came with a SNAP, until the core's Install.
	received *datatree.Tree
	// exactFrom is the transaction after which digests must match. A Java leader
	// writes a SNAP while it applies transactions, so the tree is exact only after
	// all transactions sent with it have been applied.
	exactFrom wire.Zxid

	conns     map[int64]*ServerCnxn // by id: those that have sent a ConnectRequest and are not closing
	bySession map[int64]*ServerCnxn // by session: the latest that asked for it
	watches   *datatree.Watches
	ids       *datatree.SessionIDs

	pending   pending
	postponed []postponed   // oldest first
	carrying  bool          // carryOn is running
	turnEnd   time.Duration // of the turn that CarryOn has begun
	leading   *leading      // not nil while this server leads and serves
	learning  *learning     // not nil while it follows or observes, and serves
	leader    zab.LinkID    // the latest link that was dialed to a leader

	mismatches mismatches
	ended      endedSessions
	ahead      []aheadRefusal // the latest refusals, oldest first
	snapshots  snapshots
	lastTick   time.Duration
	wasPaused  bool // the last Tick came after a pause
	broken     error
}

// New returns a server with the state that was recovered from its disk. It does
// nothing before a Step with zab.Start.
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

// configureTree writes this server's configuration to a new tree: while reconfig is
// off, each server has its own /zookeeper/config.
func (s *Server) configureTree() {
	if s.o.Config != "" {
		s.tree.SetConfig(s.o.Config, s.o.ConfigVersion, s.shell.Wall())
	}
}

// Status is the core's status after the last Step.
func (s *Server) Status() zab.Status { return s.status }

// Learners returns the number of a leader's learners.
func (s *Server) Learners() zab.Learners { return s.node.Learners() }

// Tree is the data tree with all applied transactions. A SNAP or a TRUNC replaces it.
func (s *Server) Tree() *datatree.Tree { return s.tree }

// Watches holds the watches of this server's clients, by the id of the connection.
func (s *Server) Watches() *datatree.Watches { return s.watches }

// Sessions returns the session tracker of a server that leads and serves; nil on
// other servers.
func (s *Server) Sessions() *datatree.Sessions {
	if s.leading == nil {
		return nil
	}
	return s.leading.sessions
}

// Err is why the server must end, or nil; its shell checks it after every call.
// Once Err is set, the shell must send nothing.
func (s *Server) Err() error { return s.broken }

// fail sets the reason why the server must end, unless there is one.
func (s *Server) fail(err error) {
	if s.broken == nil {
		s.broken = err
	}
}

// TickInterval is how often Tick should be called.
func TickInterval(tick time.Duration) time.Duration {
	return min(max(tick/20, 5*time.Millisecond), 50*time.Millisecond)
}

// paused reports whether the process was stopped for a while (SIGSTOP, a suspended
// laptop, an overloaded machine).
func (s *Server) paused() bool {
	return s.shell.Now() > s.lastTick+5*TickInterval(s.o.Zab.Tick)
}

// Handle calls message, by which the shell handles one message from a client, another
// server, or the disk. Every message passes through Handle, in members and in the
// simulation. After a pause Handle calls Tick first: a leader may have been replaced
// meanwhile, and must step down before it answers.
func (s *Server) Handle(message func()) {
	if s.paused() {
		s.Tick()
	}
	if s.broken == nil {
		message()
	}
}

// Tick checks the deadlines. The shell calls it every TickInterval.
func (s *Server) Tick() {
	// After a pause, the pings of clients are waiting in the sockets: handle them
	// for one tick before any session expires.
	late := s.paused() && !s.wasPaused
	s.lastTick, s.wasPaused = s.shell.Now(), late
	if s.leading != nil && s.status.NextZxid == 0 && !late {
		s.applyAll() // the epoch is used up, and the core may step down: answer what it has committed
	}
	s.Step(zab.Tick{})
	if s.leading != nil && s.status.NextZxid != 0 && !late {
		s.expireSessions()
		s.reapNodes()
	}
}

// SnapshotReceived passes the tree that came with a SNAP. The shell calls it before
// it passes the packet to Step.
func (s *Server) SnapshotReceived(tree *datatree.Tree) { s.received = tree }

// Step passes one input to the core and carries out its Output, in the order that
// zab.Output requires. Every Output passes through here.
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
	// A server that stops serving closes its clients' connections first: they must
	// not see what happens to the tree from here on.
	if before.Serving && !s.status.Serving {
		s.stopServing()
		s.applyAll() // without any answer
	}
	s.changeTree(&out)
	for _, p := range out.Deliver {
		s.postponed = append(s.postponed, postponed{proposal: p})
	}
	applied := s.carryOn(false)
	starts := s.status.Serving && !before.Serving
	if starts {
		s.applyAll() // the client of a former leader may have seen all of it
	}
	if s.broken != nil {
		return // the server has failed: send nothing
	}
	if starts {
		s.startServing()
	}
	s.shell.Persist(out.Persist)
	s.send(&out)
	for _, f := range out.Forward {
		s.postpone(f)
	}
	if len(out.Forward) > 0 {
		applied = s.carryOn(false) || applied
	}
	if trace := s.o.Tracer.Stepped; trace != nil {
		trace(&out)
	}
	if applied {
		s.snapshotIfDue()
	}
}

// changeTree carries out Install, Rollback and FastForward.
func (s *Server) changeTree(out *zab.Output) {
	if out.Install != nil || out.Rollback != nil || len(out.FastForward) > 0 {
		s.applyAll() // what comes now follows it
	}
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
		s.apply(p) // not known to be committed, so no client may see it yet
	}
}

// rollBack truncates the log and rebuilds the tree from the disk. The server waits
// for it, because it can do nothing else meanwhile.
func (s *Server) rollBack(to wire.Zxid) {
	tree, recent, err := s.shell.Truncate(to)
	switch {
	case errors.Is(err, ErrTooFar):
		s.shell.Warn("the log cannot be truncated as far as the leader asks: asking the leader for a snapshot", "to", to, "reason", err)
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

// send carries out the part of an Output that goes to other servers.
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
		s.applyAll()
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

// startServing begins to serve clients.
func (s *Server) startServing() {
	if s.exactFrom > s.status.LastLogged && s.status.Role != zab.Leading {
		// The tree came with a SNAP. Its snapshot on the disk may be fuzzy, so write
		// an exact one soon.
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

// stopServing closes the connections of all clients without an answer: the outcome
// of their requests is not known here, and reads could be out of date.
func (s *Server) stopServing() {
	s.leading, s.learning = nil, nil
	s.pending = pending{}
	s.dropForwards(0)
	open := slices.SortedFunc(maps.Values(s.conns), func(a, b *ServerCnxn) int { return cmp.Compare(a.id, b.id) })
	for _, c := range open {
		s.closeAfterReplies(c)
	}
	s.shell.Warn("not serving clients any more", "connections_closed", len(open))
	if trace := s.o.Tracer.Serving; trace != nil {
		trace(false)
	}
}
