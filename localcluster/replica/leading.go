package replica

import (
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// leading is what only the leader, or a standalone server, has: the sessions'
// deadlines and owners, and the state that is proposed and not committed.
type leading struct {
	sessions     *datatree.Sessions
	preparer     *datatree.Preparer
	pendingSyncs []pendingSync // in the order of zxids
	// afterCommit are SYNC and REVALIDATE packets, by link and in the order of zxids.
	afterCommit map[zab.LinkID][]packetAfterCommit
	reapAt      time.Duration
}

// pendingSync is a sync of this server's own client, to be answered once a
// transaction has been applied here.
type pendingSync struct {
	zxid wire.Zxid
	sync *Request
}

// packetAfterCommit is to be sent right behind the COMMIT of a transaction.
type packetAfterCommit struct {
	zxid   wire.Zxid
	packet wire.QuorumPacket
}

// LocalOwner owns the sessions of clients that are connected to this server
// itself; those of a learner are owned by its link. The leader refuses
// requests that reach it through anybody else (see datatree.Sessions.Check).
const LocalOwner int64 = 1

func ownerOf(link zab.LinkID) int64 { return int64(link) }

// newLeading starts with every known session alive, each with its full timeout
// ahead: the leader before knew better, but it took that with it.
func newLeading(s *Server) *leading {
	sessions := datatree.NewSessions(s.o.Zab.Tick)
	sessions.Restart(s.tree, s.shell.Now())
	return &leading{
		sessions: sessions, afterCommit: map[zab.LinkID][]packetAfterCommit{},
		preparer: datatree.NewPreparer(s.tree, datatree.PreparerOptions{Sessions: sessions, SkipACL: s.o.SkipACL}),
		reapAt:   s.shell.Now() + s.o.ReapInterval,
	}
}

func (l *leading) track(session int64, timeout int32, owner int64, now time.Duration) {
	l.sessions.Add(session, milliseconds(timeout), now)
	l.sessions.SetOwner(session, owner)
}

func (l *leading) touch(session int64, timeout int32, now time.Duration) bool {
	return l.sessions.Touch(session, milliseconds(timeout), now)
}

// setOwner moves a session to an owner, if it is alive.
func (l *leading) setOwner(session int64, timeout int32, owner int64, now time.Duration) bool {
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

// syncAfterOutstanding answers a sync of an own client once all that is proposed
// now is applied, and before anything else is.
func (s *Server) syncAfterOutstanding(r *Request) {
	if s.status.Applied >= s.status.LastLogged {
		s.answerSync(r)
		return
	}
	s.leading.pendingSyncs = append(s.leading.pendingSyncs, pendingSync{s.status.LastLogged, r})
}

// answerSyncs answers those who have been waiting for a transaction.
func (s *Server) answerSyncs(applied wire.Zxid) {
	for s.leading != nil && len(s.leading.pendingSyncs) > 0 && s.leading.pendingSyncs[0].zxid <= applied {
		r := s.leading.pendingSyncs[0].sync
		s.leading.pendingSyncs = s.leading.pendingSyncs[1:]
		s.answerSync(r)
	}
}

// sendAfterOutstanding sends a packet to a learner behind the COMMITs of all
// that is proposed now, and before any other COMMIT (Leader.processSync). The
// second matters as much as the first: a client may have written again behind
// its sync, and the reads in between must not see that.
func (s *Server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {
	if s.status.Applied >= s.status.LastLogged {
		s.shell.Send(link, p)
		return
	}
	l := s.leading
	l.afterCommit[link] = append(l.afterCommit[link], packetAfterCommit{s.status.LastLogged, p})
}

// sendAfterCommit sends what waits for a COMMIT that has just been sent.
func (s *Server) sendAfterCommit(link zab.LinkID, committed wire.Zxid) {
	if s.leading == nil {
		return
	}
	late := s.leading.afterCommit[link]
	for len(late) > 0 && late[0].zxid <= committed {
		s.shell.Send(link, late[0].packet)
		late = late[1:]
	}
	if len(late) == 0 {
		delete(s.leading.afterCommit, link)
	} else {
		s.leading.afterCommit[link] = late
	}
}

// forgetLink gives up what waits for a link that has ended.
func (s *Server) forgetLink(link zab.LinkID) {
	if s.leading != nil {
		delete(s.leading.afterCommit, link)
	}
}

// PendingSyncs is how many syncs and revalidations wait for a commit.
func (s *Server) PendingSyncs() int {
	if s.leading == nil {
		return 0
	}
	n := len(s.leading.pendingSyncs)
	// A sum is the same in any order.
	for _, late := range s.leading.afterCommit {
		n += len(late)
	}
	return n
}

// expireSessions closes the sessions that were not heard from in time.
func (s *Server) expireSessions() {
	expired := s.leading.sessions.Expired(s.shell.Now())
	if trace := s.o.Tracer.Expired; trace != nil {
		trace(expired)
	}
	for _, session := range expired {
		if s.leading == nil || s.status.NextZxid == 0 {
			return // the last proposal has cost this server its leadership, or used up its epoch
		}
		s.shell.Info("session expired", "session", SessionName(session))
		s.Propose(datatree.Request{Session: session, Op: wire.OpCloseSession})
	}
}

// reapLimit is how many containers and TTL nodes are removed at a time.
const reapLimit = 10000

// reapNodes removes containers that have emptied and TTL nodes whose time is
// over (ZooKeeper's ContainerManager).
func (s *Server) reapNodes() {
	now := s.shell.Now()
	if s.leading == nil || now < s.leading.reapAt {
		return
	}
	s.leading.reapAt = now + s.o.ReapInterval
	paths := s.tree.Reapable(s.shell.Wall(), 0)
	for _, path := range paths[:min(len(paths), reapLimit)] {
		if s.leading == nil {
			return
		}
		s.Propose(datatree.Request{Op: wire.OpDeleteContainer, Body: []byte(path)})
	}
}
