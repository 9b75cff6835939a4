package zab

import (
	"fmt"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// Role is what a server is; ZooKeeper's ServerState under the names that
// `mntr` shows.
type Role int

// A new Node is Looking.
const (
	Looking Role = iota
	Following
	Leading
	Observing
)

func (r Role) String() string {
	switch r {
	case Looking:
		return "looking"
	case Following:
		return "following"
	case Leading:
		return "leading"
	case Observing:
		return "observing"
	}
	return fmt.Sprintf("Role(%d)", int(r))
}

// Phase is how far a server has come; the phases of the Zab paper.
type Phase int

// A new Node is in Election.
const (
	Election        Phase = iota // phase 0: who could lead?
	Discovery                    // phase 1: a new epoch, and whose history is the newest
	Synchronization              // phase 2: all learners get the leader's history
	Broadcast                    // phase 3: transactions
)

func (p Phase) String() string {
	switch p {
	case Election:
		return "election"
	case Discovery:
		return "discovery"
	case Synchronization:
		return "synchronization"
	case Broadcast:
		return "broadcast"
	}
	return fmt.Sprintf("Phase(%d)", int(p))
}

// Status is what can be seen of a Node between two Steps.
type Status struct {
	Role   Role
	Phase  Phase
	Leader ServerID // 0 while looking
	Round  int64
	Epoch  int64 // current epoch: established or synchronized with

	LastLogged wire.Zxid // end of the log, writes in flight included
	Applied    wire.Zxid // end of what was delivered or fast-forwarded: where the tree is
	Committed  wire.Zxid // known to be committed; 0 when nothing is known yet

	// Serving says that clients may be served: the leader is established,
	// or this learner is synchronized with one that is.
	Serving bool
	// NextZxid is what the next Proposed must carry; 0 unless this server
	// may propose. A leader whose epoch has no number left may not: it waits
	// for its last commits and then makes room for a new epoch.
	NextZxid wire.Zxid
}

// Node is one server's part in Zab. It is a plain value machine: it starts no
// goroutine, keeps no clock, and does nothing but what Step returns.
type Node struct {
	cfg    Config
	voters []ServerID // ascending
	now    time.Duration

	role  Role
	phase Phase

	// acceptedEpoch >= currentEpoch. Both are what was last handed to the
	// log writer. What binds this server waits for Persisted: ACKEPOCH,
	// ACK(e), and what a leader sends. Votes and FOLLOWERINFO do not wait, and
	// need not: discovery examines the candidate of a vote, and the epoch
	// in FOLLOWERINFO is one that a leader must exceed, which cannot be too high.
	acceptedEpoch, currentEpoch int64

	// committed <= applied <= lastLogged. Entries in (applied, lastLogged]
	// are in log.
	lastLogged, applied, committed wire.Zxid
	log                            []wire.Proposal // logged, not delivered, in order
	history                        history         // delivered

	writes writeQueue
	dials  uint64 // running number of dialled links

	reach       map[ServerID]reach
	expectUntil time.Duration // until then voters that were never heard of may still be starting

	// needsSnapshot is set when the disk does not reach back to where this
	// server leaves its leader's history, until a SNAP has come.
	needsSnapshot bool
	election      election
	early         earlyLearners // learners that came before this server knew its role
	learner       *learner      // when Following or Observing
	leader        *leader       // when Leading

	out *Output // of the Step in progress
}

// New makes the Node of a server that has just read its disk. It does nothing
// until it is given Start.
func New(cfg Config, rec Recovered) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("server %d cannot take part: %w", cfg.ID, err)
	}
	if err := rec.validate(cfg.Standalone); err != nil {
		return nil, fmt.Errorf("server %d cannot take part: %w", cfg.ID, err)
	}
	cfg.withDefaults()
	n := &Node{
		cfg:           cfg,
		acceptedEpoch: rec.AcceptedEpoch,
		currentEpoch:  rec.CurrentEpoch,
		lastLogged:    rec.LastZxid,
		applied:       rec.LastZxid,
		history:       history{limit: cfg.History},
		reach:         map[ServerID]reach{},
	}
	if cfg.Voters != nil {
		for _, id := range cfg.Voters.Voters() {
			n.voters = append(n.voters, ServerID(id))
		}
		slices.Sort(n.voters)
	}
	n.history.reset(rec.LastZxid, rec.Recent)
	return n, nil
}

// Step consumes one input and returns what to do about it. now is monotonic
// time since an origin that stays the same for the life of the Node; it never
// goes back.
func (n *Node) Step(now time.Duration, in Input) Output {
	var out Output
	n.now, n.out = max(now, n.now), &out
	switch in := in.(type) {
	case Start:
		n.start()
	case Tick:
		n.tick()
	case Notified:
		n.notified(in.From, in.Notification)
	case PeerUp:
		n.peerUp(in.Peer)
	case PeerDown:
		n.peerDown(in.Peer)
	case Connected:
		n.connected(in.Link)
	case Received:
		n.received(in.Link, in.Packet)
	case Disconnected:
		n.disconnected(in.Link)
	case Proposed:
		n.proposed(in.Proposal)
	case Persisted:
		n.persisted(in.Seq)
	case RolledBack:
		n.rolledBack(in)
	case RollbackFailed:
		n.rollbackFailed()
	case Resign:
		if n.role != Looking && !n.cfg.Standalone {
			n.look(in.Reason)
		}
	}
	n.stepDownAlone()
	n.out = nil
	return out
}

// Status describes the Node. It must not be called during a Step.
func (n *Node) Status() Status {
	s := Status{
		Role: n.role, Phase: n.phase, Round: n.election.round, Epoch: n.currentEpoch,
		LastLogged: n.lastLogged, Applied: n.applied, Committed: n.committed,
		Serving: n.phase == Broadcast,
	}
	switch n.role {
	case Leading:
		s.Leader = n.cfg.ID
		if n.phase == Broadcast {
			s.NextZxid = n.nextZxid()
		}
	case Following, Observing:
		s.Leader = n.learner.leader
	}
	return s
}

// Learners counts the learners that are connected to this leader, and those of them
// that have its history. It is zero on other servers.
type Learners struct{ Connected, SyncedFollowers, SyncedObservers int }

// Learners must not be called during a Step.
func (n *Node) Learners() Learners {
	if n.leader == nil {
		return Learners{}
	}
	return n.leader.count()
}

func (n *Node) start() {
	if n.cfg.Standalone {
		n.leadAlone()
		return
	}
	n.expectUntil = n.now + n.cfg.FinalizeWait
	n.lookForLeader()
}

func (n *Node) tick() {
	switch n.role {
	case Looking:
		n.electionTick()
	case Following, Observing:
		n.learnerTick()
	case Leading:
		n.leaderTick()
	}
	n.earlyLearnersTick()
}

func (n *Node) peerUp(peer ServerID) {
	n.reach[peer] = reach{linked: true, heard: n.reach[peer].heard}
	if n.role == Looking && n.isVoter(peer) {
		n.notify(peer) // it may have missed the vote
	}
}

func (n *Node) peerDown(peer ServerID) {
	n.reach[peer] = reach{heard: n.reach[peer].heard}
	if n.role == Looking {
		n.decideIfUnanimous()
	}
}

// received routes a packet by the role of the link it came on.
func (n *Node) received(link LinkID, p wire.QuorumPacket) {
	switch {
	case n.learner != nil && n.learner.link == link:
		n.fromLeader(p)
	case n.learner != nil && n.learner.former == link:
		// It was said before the leader knew of the new link.
	case n.leader != nil && n.leader.learners[link] != nil:
		n.fromLearner(n.leader.learners[link], p)
	default:
		n.firstPacket(link, p)
	}
}

func (n *Node) connected(link LinkID) {
	if n.learner != nil && n.learner.link == link {
		n.learner.connected = true
		n.sendFollowerInfo()
	}
	// A link that a learner opened says nothing until its first packet.
}

func (n *Node) disconnected(link LinkID) {
	n.early.remove(link)
	switch {
	case n.learner != nil && n.learner.link == link:
		n.leaderGone()
	case n.leader != nil && n.leader.learners[link] != nil:
		n.learnerGone(n.leader.learners[link], "connection lost")
	}
}

// look leaves whatever role this server has, and looks for a leader. One that has
// failed before its leader was established takes its time: see election.patience. It
// need not where the leader's election link is down as well: what failed cannot be
// repeated before that link is up again and brings the leader's vote.
func (n *Node) look(reason string) {
	if n.phase != Broadcast && (n.learner == nil || n.withinReach(n.learner.leader)) {
		e := &n.election
		e.hurryAt = n.now + n.cfg.FinalizeWait
		if n.learner != nil {
			e.failed, e.patience = n.learner.leader, n.now+n.cfg.Tick/2
		}
	}
	n.leave(reason)
	n.lookForLeader()
}

// leave ends whatever role this server has.
func (n *Node) leave(reason string) {
	n.out.event(Event{Kind: Resigned, Epoch: n.currentEpoch, Zxid: n.lastLogged, Reason: reason})
	if l := n.learner; l != nil {
		n.closeFormer()
		if l.link != 0 {
			n.close(l.link)
		}
	}
	if n.leader != nil {
		for _, l := range n.leader.order {
			n.close(l.link)
		}
	}
	n.learner, n.leader = nil, nil
	n.writes.forget()
	n.fastForward()
}

// fastForward makes the tree hold all that the log holds: see
// Output.FastForward.
func (n *Node) fastForward() {
	for _, p := range n.log {
		n.history.push(p)
	}
	n.out.FastForward = append(n.out.FastForward, n.log...)
	n.log = nil
	n.applied = n.lastLogged
}

// appendToLog logs a transaction; the writer will report it durable.
func (n *Node) appendToLog(p wire.Proposal) {
	n.write(Write{Kind: WriteAppend, Proposal: p})
	n.log = append(n.log, p)
	n.lastLogged = p.Zxid
}

// deliver hands the first count transactions of the log to the tree.
func (n *Node) deliver(count int) {
	for _, p := range n.log[:count] {
		n.history.push(p)
		n.applied = p.Zxid
	}
	n.out.Deliver = append(n.out.Deliver, n.log[:count]...)
	n.log = n.log[count:]
	if len(n.log) == 0 {
		n.log = nil // free the delivered ones
	}
	n.committed = max(n.committed, n.applied)
}

func (n *Node) close(link LinkID) { n.out.Close = append(n.out.Close, link) }

func (n *Node) isVoter(id ServerID) bool {
	_, ok := slices.BinarySearch(n.voters, id)
	return ok
}

func (n *Node) ticks(count int) time.Duration { return time.Duration(count) * n.cfg.Tick }

// rollbackFailed comes to the leader anew, with a claim that makes it send a SNAP
// (Node.claim). The link that there is stays open until the leader has taken the
// new one in its place, so that it does not find itself without this server. To look
// for a leader instead could be in vain: this server may be the one without which its
// leader has no quorum yet, and no other server that looks would find enough servers
// that follow it.
// (ZooKeeper's learner ends its process, is started again, is told to truncate
// again, and so on.)
func (n *Node) rollbackFailed() {
	l := n.learner
	if l == nil {
		return
	}
	n.needsSnapshot = true
	n.phase = Discovery
	n.learner = n.newLearner(l.leader)
	n.learner.deadline, n.learner.former = l.deadline, l.link
	n.dial()
}

// rolledBack continues a truncation that the leader asked for.
func (n *Node) rolledBack(in RolledBack) {
	n.log = nil
	n.lastLogged, n.applied = in.Last, in.Last
	n.history.reset(in.Last, in.Recent)
	if n.learner != nil {
		n.truncated(in.Last)
	}
}
