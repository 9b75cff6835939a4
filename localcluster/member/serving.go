package member

import (
	"cmp"
	"slices"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// startServing begins a term: this server is an established leader, alone, or
// synchronized with a leader. Clients may come.
func (s *server) startServing() {
	s.servingSince = s.now()
	if s.exactFrom > s.status.LastLogged && s.status.Role != zab.Leading {
		// The tree came as a SNAP. The snapshot of it that is on the disk may
		// be inexact; one that is not shall take its place.
		s.snapshots.since = s.snapshots.due
	}
	s.exactFrom = s.status.LastLogged
	if s.status.Role == zab.Leading {
		s.leading = newLeading(s.cfg, s.tree, s.now())
	} else {
		s.learning = newLearning(s.peers.leader)
	}
	s.log.Info("serving clients", "mode", s.mode(), "epoch", s.status.Epoch, "leader", int64(s.status.Leader),
		"zxid", s.tree.LastZxid())
}

// stopServing ends it. Clients are told nothing but that the connection is
// gone: what has become of their requests is not known here, and what this
// server could read to them may no longer be so.
func (s *server) stopServing() {
	s.leading, s.learning = nil, nil
	s.pipeline.reset()
	closed := 0
	for _, c := range s.connections() {
		if c.session != 0 {
			s.part(c)
			closed++
		}
	}
	s.log.Warn("not serving clients any more", "connections_closed", closed)
}

// touch notes that a session was heard from.
func (s *server) touch(c *conn) {
	switch {
	case s.leading != nil:
		s.leading.touch(c.session, c.timeout, s.now())
	case s.learning != nil:
		s.learning.touched[c.session] = c.timeout
	}
}

// learning is what a follower or observer keeps while it serves. The sessions
// are the leader's; a learner only says who was heard from.
type learning struct {
	link         zab.LinkID
	touched      map[int64]int32   // session -> timeout, since the leader's last PING
	revalidating map[int64][]*conn // by session: waiting for the leader's word, in order
	syncs        []*request        // waiting for SYNC, in order
}

func newLearning(link zab.LinkID) *learning {
	return &learning{link: link, touched: map[int64]int32{}, revalidating: map[int64][]*conn{}}
}

// touchTable answers a PING: every session heard from since the last one. The
// table may be empty, but must not be null, which a Java leader cannot read.
func (s *server) touchTable() []byte {
	table := wire.TouchTable{}
	if s.learning != nil {
		for session, timeout := range s.learning.touched {
			table = append(table, wire.SessionTouch{SessionID: session, Timeout: timeout})
		}
		clear(s.learning.touched)
	}
	slices.SortFunc(table, func(a, b wire.SessionTouch) int { return cmp.Compare(a.SessionID, b.SessionID) })
	return wire.AppendRecord([]byte{}, &table)
}

// sendRequest forwards a write, or a sync, to the leader.
func (s *server) sendRequest(q datatree.Request) {
	forwarded := wire.ForwardedRequest{SessionID: q.Session, Cxid: q.Cxid, Op: q.Op, Body: q.Body}
	s.toLeader(wire.QuorumPacket{Type: wire.PacketRequest, Zxid: -1, Data: wire.Marshal(&forwarded), AuthInfo: q.Auth})
}

// toLeader puts a packet on the link to the leader. If the link is broken, the
// core is about to hear so, and this server to stop serving.
func (s *server) toLeader(p wire.QuorumPacket) {
	if conn := s.peers.conns[s.learning.link]; conn != nil {
		conn.SendPacket(p)
	}
}

// revalidate asks the leader whether a session that turned up here is alive.
func (s *server) revalidate(c *conn) {
	l := s.learning
	l.revalidating[c.session] = append(l.revalidating[c.session], c)
	s.toLeader(wire.QuorumPacket{
		Type: wire.PacketRevalidate, Zxid: -1,
		Data: wire.Marshal(&wire.Revalidate{SessionID: c.session, Timeout: c.timeout}),
	})
}

// submitSync sends a sync on its way: when it comes back, this server has
// everything that was committed when it was sent.
func (s *server) submitSync(r *request) {
	r.c.queue = append(r.c.queue, r)
	if s.leading != nil {
		s.leading.afterOutstanding(s.status, func() { s.synced(r) })
		return
	}
	s.learning.syncs = append(s.learning.syncs, r)
	s.sendRequest(datatree.Request{Session: r.c.session, Cxid: r.xid, Op: r.op, Body: r.body, Auth: r.c.ids})
}

func (s *server) synced(r *request) {
	var path wire.PathRequest
	if wire.Unmarshal(r.body, &path) != nil {
		s.finish(r, s.tree.LastZxid(), datatree.Answer{Err: wire.ErrMarshalling})
		return
	}
	s.finish(r, s.tree.LastZxid(), datatree.Answer{Body: &wire.PathResponse{Path: path.Path}})
}

// fromLeader handles the leader's answers to what this server has sent.
func (s *server) fromLeader(p wire.QuorumPacket) {
	l := s.learning
	switch p.Type {
	case wire.PacketSync:
		if len(l.syncs) > 0 {
			r := l.syncs[0]
			l.syncs = l.syncs[1:]
			s.synced(r)
		}
	case wire.PacketRevalidate:
		var reply wire.RevalidateReply
		if err := wire.Unmarshal(p.Data, &reply); err != nil {
			s.log.Warn("the leader's REVALIDATE cannot be read", "error", err)
			return
		}
		waiting := l.revalidating[reply.SessionID]
		if len(waiting) == 0 {
			return
		}
		if len(waiting) == 1 {
			delete(l.revalidating, reply.SessionID)
		} else {
			l.revalidating[reply.SessionID] = waiting[1:]
		}
		s.confirmSession(waiting[0], reply.Valid)
	}
}

// leading is what only the leader, or a standalone server, has: the sessions'
// deadlines and owners, and the state that is proposed and not committed.
type leading struct {
	sessions *datatree.Sessions
	preparer *datatree.Preparer
	waiters  []waiter // in the order of zxids
	// behindCommit are SYNC and REVALIDATE packets, by link and in the order of zxids.
	behindCommit map[zab.LinkID][]latePacket
	reapAt       time.Duration
}

// waiter is something to do once a transaction has been applied here.
type waiter struct {
	zxid wire.Zxid
	do   func()
}

// latePacket is to be sent right behind the COMMIT of a transaction.
type latePacket struct {
	zxid   wire.Zxid
	packet wire.QuorumPacket
}

// localOwner owns the sessions of clients that are connected to this server
// itself; those of a learner are owned by its link. The leader refuses
// requests that reach it through anybody else (see datatree.Sessions.Check).
const localOwner int64 = 1

func ownerOf(link zab.LinkID) int64 { return int64(link) }

// newLeading starts with every known session alive, each with its full timeout
// ahead: the leader before knew better, but it took that with it.
func newLeading(cfg *Config, tree *datatree.Tree, now time.Duration) *leading {
	sessions := datatree.NewSessions(cfg.Tick)
	sessions.Restart(tree, now)
	return &leading{
		sessions: sessions, behindCommit: map[zab.LinkID][]latePacket{},
		preparer: datatree.NewPreparer(tree, datatree.PreparerOptions{Sessions: sessions, SkipACL: cfg.SkipACL}),
		reapAt:   now + cfg.ReapInterval,
	}
}

func milliseconds(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

func (l *leading) track(session int64, timeout int32, owner int64, now time.Duration) {
	l.sessions.Add(session, milliseconds(timeout), now)
	l.sessions.SetOwner(session, owner)
}

func (l *leading) touch(session int64, timeout int32, now time.Duration) bool {
	return l.sessions.Touch(session, milliseconds(timeout), now)
}

// adopt moves a session to an owner, if it is alive.
func (l *leading) adopt(session int64, timeout int32, owner int64, now time.Duration) bool {
	return l.touch(session, timeout, now) && l.sessions.SetOwner(session, owner) == wire.OK
}

// applied keeps the tracker in step with the sessions of the tree.
func (l *leading) applied(h *wire.TxnHeader, body wire.Record, now time.Duration) {
	switch h.Type {
	case wire.OpCreateSession:
		if create, ok := body.(*wire.CreateSessionTxn); ok && l.sessions.Timeout(h.ClientID) == 0 {
			l.sessions.Add(h.ClientID, milliseconds(create.Timeout), now)
		}
	case wire.OpCloseSession:
		l.sessions.Remove(h.ClientID)
	}
}

// afterOutstanding does something here once all that is proposed now is
// applied, and before anything else is.
func (l *leading) afterOutstanding(status zab.Status, do func()) {
	if status.Applied >= status.LastLogged {
		do()
		return
	}
	l.waiters = append(l.waiters, waiter{status.LastLogged, do})
}

// wakeWaiters does what has been waiting for a transaction.
func (s *server) wakeWaiters(applied wire.Zxid) {
	for s.leading != nil && len(s.leading.waiters) > 0 && s.leading.waiters[0].zxid <= applied {
		do := s.leading.waiters[0].do
		s.leading.waiters = s.leading.waiters[1:]
		do()
	}
}

// sendAfterOutstanding sends a packet to a learner behind the COMMITs of all
// that is proposed now, and before any other COMMIT (Leader.processSync). The
// second matters as much as the first: a client may have written again behind
// its sync, and the reads in between must not see that.
func (s *server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {
	if s.status.Applied >= s.status.LastLogged {
		s.toLearner(link, p)
		return
	}
	l := s.leading
	l.behindCommit[link] = append(l.behindCommit[link], latePacket{s.status.LastLogged, p})
}

// sendLate sends what waits for a COMMIT that has just been sent.
func (s *server) sendLate(link zab.LinkID, committed wire.Zxid) {
	if s.leading == nil {
		return
	}
	late := s.leading.behindCommit[link]
	for len(late) > 0 && late[0].zxid <= committed {
		s.toLearner(link, late[0].packet)
		late = late[1:]
	}
	if len(late) == 0 {
		delete(s.leading.behindCommit, link)
	} else {
		s.leading.behindCommit[link] = late
	}
}

// expireSessions closes the sessions that were not heard from in time.
func (s *server) expireSessions(now time.Duration) {
	for _, session := range s.leading.sessions.Expired(now) {
		if s.leading == nil {
			return // the last proposal has cost this server its leadership
		}
		s.log.Info("session expired", "session", sessionName(session))
		s.propose(datatree.Request{Session: session, Op: wire.OpCloseSession})
	}
}

// reapLimit is how many containers and TTL nodes are removed at a time.
const reapLimit = 10000

// reapNodes removes containers that have emptied and TTL nodes whose time is
// over (ZooKeeper's ContainerManager).
func (s *server) reapNodes() {
	now := s.now()
	if s.leading == nil || now < s.leading.reapAt {
		return
	}
	s.leading.reapAt = now + s.cfg.ReapInterval
	paths := s.tree.Reapable(time.Now().UnixMilli(), 0)
	for _, path := range paths[:min(len(paths), reapLimit)] {
		if s.leading == nil {
			return
		}
		s.propose(datatree.Request{Op: wire.OpDeleteContainer, Body: []byte(path)})
	}
}
