package replica

import (
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// leading is the state that only a leader or a standalone server has: the sessions'
// deadlines and owners, and what is proposed and not committed.
type leading struct {
	sessions     *datatree.Sessions
	preparer     *datatree.Preparer
	pendingSyncs []pendingSync // in the order of zxids
	// afterCommit holds SYNC and REVALIDATE packets, by link and in the order of zxids.
	afterCommit map[zab.LinkID][]packetAfterCommit
	reapAt      time.Duration
}

// pendingSync is a sync of this server's own client, to be answered once a
// transaction has been applied here.
type pendingSync struct {
	zxid wire.Zxid
	sync *Request
}

// packetAfterCommit is a packet to send right after the COMMIT of a transaction.
type packetAfterCommit struct {
	zxid   wire.Zxid
	packet wire.QuorumPacket
}

// LocalOwner owns the sessions of clients that are connected to this server itself; a
// learner's link owns the sessions of its clients. The leader refuses requests through
// any other owner (see datatree.Sessions.Check).
const LocalOwner int64 = 1

func ownerOf(link zab.LinkID) int64 { return int64(link) }

// newLeading begins with every session of the tree alive and with its full timeout:
// the deadlines of the leader before are not replicated.
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

// setOwner moves a session to an owner, if the session is alive, and reports whether it is.
func (l *leading) setOwner(session int64, timeout int32, owner int64, now time.Duration) bool {
	return l.touch(session, timeout, now) && l.sessions.SetOwner(session, owner) == wire.OK
}

// applied makes the session tracker follow the sessions of the tree.
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

// syncAfterOutstanding answers the sync of this server's own client once all that is
// proposed now is applied, and before anything later is.
func (s *Server) syncAfterOutstanding(r *Request) {
	if s.tree.LastZxid() >= s.status.LastLogged {
		s.answerSync(r)
		return
	}
	s.leading.pendingSyncs = append(s.leading.pendingSyncs, pendingSync{s.status.LastLogged, r})
}

// answerSyncs answers the syncs that wait for a transaction.
func (s *Server) answerSyncs(applied wire.Zxid) {
	for s.leading != nil && len(s.leading.pendingSyncs) > 0 && s.leading.pendingSyncs[0].zxid <= applied {
		r := s.leading.pendingSyncs[0].sync
		s.leading.pendingSyncs = s.leading.pendingSyncs[1:]
		s.answerSync(r)
	}
}

// sendAfterOutstanding sends a packet to a learner after the COMMITs of all that is
// proposed now, and before any later COMMIT (Leader.processSync). The latter matters
// because a client may write again after its sync, and reads between the two must not
// see that write.
func (s *Server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {
	if s.status.Applied >= s.status.LastLogged {
		s.shell.Send(link, p)
		return
	}
	l := s.leading
	l.afterCommit[link] = append(l.afterCommit[link], packetAfterCommit{s.status.LastLogged, p})
}

// sendAfterCommit sends the packets that wait for a COMMIT that has just been sent.
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

// forgetLink drops the packets for a link that has ended, and those that came through it and wait.
func (s *Server) forgetLink(link zab.LinkID) {
	s.dropForwards(link)
	if s.leading != nil {
		delete(s.leading.afterCommit, link)
	}
}

// PendingSyncs is the number of syncs and revalidations that wait for a commit.
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

// expireSessions closes the sessions whose deadlines have passed.
func (s *Server) expireSessions() {
	expired := s.leading.sessions.Expired(s.shell.Now())
	if trace := s.o.Tracer.Expired; trace != nil {
		trace(expired)
	}
	for _, session := range expired {
		if s.leading == nil || s.status.NextZxid == 0 {
			return // with the last proposal this server stopped leading, or used up its epoch
		}
		s.shell.Info("session expired", "session", SessionName(session))
		s.Propose(datatree.Request{Session: session, Op: wire.OpCloseSession})
	}
}

// reapLimit is how many containers and TTL nodes are deleted at a time.
const reapLimit = 10000

// reapNodes deletes containers that have lost their children and TTL nodes whose time
// to live has passed (ContainerManager).
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
