package zab

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// leader is the leader's side of phases 1 to 3.
//
//	collect FOLLOWERINFO from a quorum ── e = highest epoch seen + 1, durably ──►
//	LEADERINFO(e) ── collect ACKEPOCH from a quorum: no history is newer ──
//	── currentEpoch = e, durably ──► DIFF | TRUNC | SNAP and NEWLEADER to each ──
//	── ACK(e) from a quorum: established ──► UPTODATE to each, as it acknowledges ──
//	──► PROPOSAL ── ACK from a quorum ──► COMMIT, in the order of zxids ──► …
//
// A learner that connects later goes through the same steps at its own pace.
type leader struct {
	epoch        int64 // 0 until a quorum has reported
	epochDurable bool  // acceptedEpoch = epoch is on disk: LEADERINFO may be sent
	chosen       bool  // a quorum acknowledged the epoch
	historyReady bool  // currentEpoch = epoch is on disk: learners may synchronize

	// The same learners three times: by connection, by server (the newest
	// connection of each), and in a fixed order, so that equal inputs give
	// equal outputs. order is replaced, never changed in place.
	learners map[LinkID]*learnerHandler
	byID     map[ServerID]*learnerHandler
	order    []*learnerHandler

	// The current epoch of this server when it was elected.
	oldEpoch int64

	ownAck   wire.Zxid     // the end of the own durable log, for this epoch's proposals
	shrunk   bool          // learners were lost; whether a quorum is left is checked at the end of the Step
	deadline time.Duration // for being established
	pingAt   time.Duration
	checkAt  time.Duration // when to look whether a quorum still follows
}

// stage is how far a learner has come, as its leader sees it.
type stage int

const (
	sentFollowerInfo stage = iota // FOLLOWERINFO came
	sentLeaderInfo                // LEADERINFO left
	acknowledged                  // ACKEPOCH came
	synchronized                  // history and NEWLEADER left; gets all that is new
	ready                         // ACK(e) came: its votes count
	serving                       // UPTODATE left
)

// learnerHandler is a learner, as its leader sees it (ZooKeeper's LearnerHandler); observers included.
type learnerHandler struct {
	id            ServerID
	link          LinkID
	observer      bool // gets INFORM instead of PROPOSAL and COMMIT
	stage         stage
	acceptedEpoch int64
	lastZxid      wire.Zxid // from ACKEPOCH
	promised      bool      // its ACKEPOCH counts: it had not promised this epoch before
	acked         wire.Zxid // highest proposal acknowledged
	large         large     // of what it was sent
	heard         time.Duration
	deadline      time.Duration // for getting ready
}

// lead begins discovery as its leader (Leader.lead).
func (n *Node) lead() {
	n.role, n.phase = Leading, Discovery
	n.leader = &leader{
		learners: map[LinkID]*learnerHandler{}, byID: map[ServerID]*learnerHandler{},
		oldEpoch: n.currentEpoch,
		deadline: n.now + n.ticks(n.cfg.InitLimit),
	}
	for _, p := range n.early.takeAll() {
		n.register(p.link, p.info)
	}
	n.chooseEpoch() // alone, a single voter is a quorum
}

// leadAlone makes a standalone server serve. It has no epochs: transactions
// are numbered on from whatever the log ends with (ZooKeeperServer without a
// quorum peer).
func (n *Node) leadAlone() {
	n.role, n.phase = Leading, Broadcast
	n.leader = &leader{epoch: n.lastLogged.Epoch()}
	n.committed = n.applied
	n.out.event(Event{Kind: Established, Peer: n.cfg.ID, Zxid: n.lastLogged})
}

func (l *leader) add(h *learnerHandler) {
	l.learners[h.link], l.byID[h.id] = h, h
	l.order = append(slices.Clone(l.order), h)
	slices.SortStableFunc(l.order, func(a, b *learnerHandler) int { return cmp.Compare(a.id, b.id) })
}

func (l *leader) remove(h *learnerHandler) {
	delete(l.learners, h.link)
	if l.byID[h.id] == h {
		delete(l.byID, h.id)
	}
	l.order = slices.DeleteFunc(slices.Clone(l.order), func(g *learnerHandler) bool { return g == h })
}

func (l *leader) count() Learners {
	c := Learners{Connected: len(l.learners)}
	for _, h := range l.order {
		switch {
		case h.stage < ready:
		case h.observer:
			c.SyncedObservers++
		default:
			c.SyncedFollowers++
		}
	}
	return c
}

// admit takes a learner that reports to a leader.
func (n *Node) admit(link LinkID, p wire.QuorumPacket) {
	switch h := n.register(link, p); {
	case h == nil:
	case n.leader.epochDurable:
		n.sendLeaderInfo(h)
	default:
		n.chooseEpoch()
	}
}

// register notes a learner that reports with FOLLOWERINFO or OBSERVERINFO; nil
// when it cannot be taken.
func (n *Node) register(link LinkID, p wire.QuorumPacket) *learnerHandler {
	info, problem := readLearnerInfo(p)
	if problem != "" {
		n.out.event(Event{Kind: PeerMisbehaved, Peer: ServerID(info.ServerID), Reason: problem})
		n.close(link)
		return nil
	}
	h := &learnerHandler{
		id: ServerID(info.ServerID), link: link, observer: p.Type == wire.PacketObserverInfo,
		acceptedEpoch: p.Zxid.Epoch(), heard: n.now, deadline: n.now + n.ticks(n.cfg.InitLimit),
	}
	l := n.leader
	switch {
	case h.id == n.cfg.ID || info.ConfigVersion > 0:
		n.out.event(Event{Kind: PeerMisbehaved, Peer: h.id,
			Reason: fmt.Sprintf("reported as server %d with configuration version %x", info.ServerID, info.ConfigVersion)})
		n.close(link)
		return nil
	case l.epoch != 0 && h.acceptedEpoch > l.epoch && n.isVoter(h.id):
		// It has promised a later epoch to a leader that never came to be
		// and must keep its promise. ZooKeeper refuses it until something else
		// causes an election; an epoch above its promise lets it in.
		n.close(link)
		n.look(fmt.Sprintf("server %d has promised epoch %d, above this one, %d", h.id, h.acceptedEpoch, l.epoch))
		return nil
	}
	if old := l.byID[h.id]; old != nil {
		n.close(old.link)
		n.learnerGone(old, "connected anew")
	}
	l.add(h)
	n.out.event(Event{Kind: LearnerJoined, Peer: h.id, Epoch: h.acceptedEpoch})
	return h
}

// readLearnerInfo reads a report, and says what is wrong with one that cannot
// be a learner's. That comes before anything else: the connection of a server
// gives way to a newer one, so a forged report must not get that far.
// (ZooKeeper also takes learners of before 3.4, which promise no epochs.)
func readLearnerInfo(p wire.QuorumPacket) (info wire.LearnerInfo, problem string) {
	err := wire.Unmarshal(p.Data, &info)
	switch {
	case err != nil:
		problem = fmt.Sprintf("unreadable %v: %v", p.Type, err)
	case info.ProtocolVersion < protocolVersion:
		problem = fmt.Sprintf("%v with protocol version 0x%x: at least 0x%x, of ZooKeeper 3.4, is needed",
			p.Type, info.ProtocolVersion, protocolVersion)
	case p.Zxid < 0 || p.Zxid.Counter() != 0 || p.Zxid.Epoch() == math.MaxInt32:
		problem = fmt.Sprintf("%v with %v where there should be the epoch that it has promised", p.Type, p.Zxid)
	}
	return info, problem
}

// chooseEpoch ends the first half of discovery once a quorum has reported
// (Leader.getEpochToPropose). The own promise comes first.
func (n *Node) chooseEpoch() {
	l := n.leader
	if l.epoch != 0 || !n.quorumOf(sentFollowerInfo) {
		return
	}
	highest := n.acceptedEpoch
	// A maximum is the same in any order.
	for _, h := range l.learners {
		highest = max(highest, h.acceptedEpoch)
	}
	l.epoch = highest + 1
	n.acceptedEpoch = l.epoch
	n.write(Write{Kind: WriteAcceptedEpoch, Epoch: l.epoch})
	n.out.event(Event{Kind: EpochProposed, Epoch: l.epoch})
}

// quorumOf tells whether this server and the voters that have come at least
// as far as s form a quorum.
func (n *Node) quorumOf(s stage) bool {
	return n.cfg.Voters.IsQuorum(func(voter int64) bool {
		id := ServerID(voter)
		if id == n.cfg.ID {
			return true
		}
		h := n.leader.byID[id]
		return h != nil && !h.observer && h.stage >= s
	})
}

func (n *Node) sendLeaderInfo(h *learnerHandler) {
	h.stage = sentLeaderInfo
	n.out.send(h.link, wire.QuorumPacket{
		Type: wire.PacketLeaderInfo, Zxid: wire.MakeZxid(n.leader.epoch, 0),
		Data: int32Data(protocolVersion),
	})
}

// leaderPersisted carries on what waited for an epoch file.
func (n *Node) leaderPersisted(w Write) {
	l := n.leader
	switch w.Kind {
	case WriteAcceptedEpoch:
		l.epochDurable = true
		for _, h := range l.order {
			n.sendLeaderInfo(h)
		}
		n.chooseHistory()
	case WriteCurrentEpoch:
		l.historyReady = true
		n.phase = Synchronization
		l.deadline = n.now + n.ticks(n.cfg.InitLimit)
		for _, h := range l.order {
			if h.stage == acknowledged {
				n.bringUpToDate(h)
			}
		}
		n.establish() // alone, a single voter is a quorum
	}
}

// ackEpoch takes a learner's promise and the end of its history.
func (n *Node) ackEpoch(h *learnerHandler, p wire.QuorumPacket) {
	l := n.leader
	if h.stage != sentLeaderInfo || len(p.Data) < 4 {
		n.expel(h, "ACKEPOCH out of turn")
		return
	}
	epoch := int64(int32(binary.BigEndian.Uint32(p.Data)))
	h.stage, h.lastZxid, h.promised = acknowledged, p.Zxid, epoch != alreadyPromised
	if !l.chosen && !h.observer && h.promised && (epoch > l.oldEpoch || epoch == l.oldEpoch && p.Zxid > n.lastLogged) {
		n.expel(h, fmt.Sprintf("its history, epoch %d to %v, is newer than the leader's, epoch %d to %v",
			epoch, p.Zxid, l.oldEpoch, n.lastLogged))
		return
	}
	if l.historyReady {
		n.bringUpToDate(h)
		return
	}
	n.chooseHistory()
}

// chooseHistory ends discovery once a quorum has promised this epoch, none of
// it with a newer history (Leader.waitForEpochAck): the leader's history
// becomes the history. Answers of servers that had promised this epoch before
// do not count, since it may have been to another leader.
func (n *Node) chooseHistory() {
	l := n.leader
	enough := n.cfg.Voters.IsQuorum(func(voter int64) bool {
		id := ServerID(voter)
		if id == n.cfg.ID {
			return true
		}
		h := l.byID[id]
		return h != nil && !h.observer && h.stage >= acknowledged && h.promised
	})
	if l.chosen || !l.epochDurable || !enough {
		return
	}
	l.chosen = true
	n.currentEpoch = l.epoch
	n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})
	n.out.event(Event{Kind: HistoryChosen, Epoch: l.epoch, Zxid: n.lastLogged})
}

// expel closes a learner's link because of what it did.
func (n *Node) expel(h *learnerHandler, reason string) {
	n.out.event(Event{Kind: PeerMisbehaved, Peer: h.id, Reason: reason})
	n.close(h.link)
	n.learnerGone(h, reason)
}

// learnerGone forgets a learner.
func (n *Node) learnerGone(h *learnerHandler, reason string) {
	n.leader.remove(h)
	n.leader.shrunk = true
	reason += h.large.hint()
	n.out.event(Event{Kind: LearnerLost, Peer: h.id, Reason: reason})
}

// stepDownAlone ends the leadership of a server that had gathered a quorum of
// learners and has lost it, in whichever phase. ZooKeeper's leader waits out initLimit
// before broadcast, which keeps the others from electing a leader that can serve. A follower that has connected anew in the same step counts,
// although it is not synchronized: it has a tick for that (leaderTick).
func (n *Node) stepDownAlone() {
	l := n.leader
	if l == nil || !l.shrunk {
		return
	}
	l.shrunk = false
	if l.epoch != 0 && n.lacksQuorum(sentFollowerInfo) {
		n.look("no quorum of followers left")
	}
}

// lacksQuorum tells whether too few learners have come as far as s for this server to
// go on leading.
func (n *Node) lacksQuorum(s stage) bool { return !n.quorumOf(s) }

func (n *Node) leaderTick() {
	if n.cfg.Standalone {
		return
	}
	l := n.leader
	for _, h := range l.order {
		switch {
		case h.stage < ready && n.now >= h.deadline:
			n.expel(h, "not synchronized within initLimit")
		case h.stage == serving && n.now >= h.heard+n.ticks(n.cfg.SyncLimit):
			n.expel(h, "no word within syncLimit")
		}
	}
	switch {
	case n.phase != Broadcast && n.now >= l.deadline:
		n.look("no quorum of followers within initLimit")
	case n.phase == Broadcast && n.now >= l.checkAt && n.lacksQuorum(ready):
		n.look("no quorum of followers left")
	case n.phase == Broadcast && n.epochUsedUp() && n.applied == n.lastLogged:
		n.look(fmt.Sprintf("a new epoch is needed: zxid %v is the last of this one", n.lastLogged))
	default:
		if n.now >= l.checkAt {
			l.checkAt = n.now + n.cfg.Tick
		}
		n.ping()
	}
}

// ping keeps the learners that serve from giving this leader up, twice a tick.
func (n *Node) ping() {
	l := n.leader
	if n.now < l.pingAt {
		return
	}
	l.pingAt = n.now + n.cfg.Tick/2
	for _, h := range l.order {
		if h.stage == serving {
			n.out.send(h.link, wire.QuorumPacket{Type: wire.PacketPing, Zxid: n.lastLogged})
		}
	}
}

// int32Data is the body of LEADERINFO (a version) and ACKEPOCH (an epoch).
func int32Data(v int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
