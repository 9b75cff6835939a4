package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// serving is what a server does for clients, as in package member: requests in
// order, writes through Zab, reads from the tree, sessions tracked by the
// leader.
type serving struct {
	watches *datatree.Watches
	conns   []*clientConn         // in the order of arrival
	bound   map[int64]*clientConn // by session
	pending map[int64][]*request  // by session: on their way through the ensemble
	ids     *datatree.SessionIDs

	leading  *leading
	learning *learning

	since int // transactions since the last snapshot
	due   int
}

func (v *serving) reset(s *server) {
	*v = serving{
		watches: datatree.NewWatches(), bound: map[int64]*clientConn{}, pending: map[int64][]*request{},
		// By a clock that never goes back, which is what SessionIDs asks for: two
		// processes that start at the same instant would make the same ids, and a
		// client that wakes up could find another one in its session.
		ids: datatree.NewSessionIDs(int64(s.id), epochMillis+s.w.now.Milliseconds()+int64(s.life)),
	}
	v.restartSnapshots(s)
}

func (v *serving) restartSnapshots(s *server) {
	half := max(s.w.setup.SnapCount/2, 1)
	v.since, v.due = 0, half+s.rng.IntN(half)
}

// snapshotIfDue is member's: at some moment in the second half of snapCount.
func (s *server) snapshotIfDue() {
	if s.since < s.due || s.disk.saving {
		return
	}
	s.restartSnapshots(s)
	s.disk.saving = true
	s.disk.queue = append(s.disk.queue, diskOp{save: s.tree.Snapshot()})
	s.disk.begin()
}

// leading is what only a leader has.
type leading struct {
	sessions *datatree.Sessions
	preparer *datatree.Preparer
	waiters  []waiter
	reapAt   time.Duration
	// SYNC and REVALIDATE packets, by link and in the order of zxids.
	behindCommit map[zab.LinkID][]latePacket

	// The oracle's own account of the sessions: when each was last heard of.
	heard map[int64]heard
}

type latePacket struct {
	zxid   wire.Zxid
	packet wire.QuorumPacket
}

type heard struct{ at, timeout time.Duration }

type waiter struct {
	zxid wire.Zxid
	do   func()
}

// learning is what a learner has while it serves.
type learning struct {
	link         zab.LinkID
	touched      map[int64]int32
	revalidating map[int64][]*clientConn
	syncs        []*request
}

const localOwner int64 = 1

func ownerOf(link zab.LinkID) int64 { return int64(link) }

func milliseconds(ms int32) time.Duration { return time.Duration(ms) * time.Millisecond }

func (s *server) startServing() {
	if s.status.Role == zab.Leading {
		now := s.local()
		sessions := datatree.NewSessions(s.w.setup.Tick)
		sessions.Restart(s.tree, now)
		s.leading = &leading{
			sessions: sessions, heard: map[int64]heard{}, behindCommit: map[zab.LinkID][]latePacket{}, reapAt: now + s.w.setup.Tick,
			preparer: datatree.NewPreparer(s.tree, datatree.PreparerOptions{Sessions: sessions}),
		}
		s.tree.EachSession(func(id int64, timeout int32) { s.leading.heard[id] = heard{now, milliseconds(timeout)} })
	} else {
		s.learning = &learning{link: s.leader, touched: map[int64]int32{}, revalidating: map[int64][]*clientConn{}}
	}
	s.w.note("%d: serves as %v, epoch %d, zxid %v", s.id, s.status.Role, s.status.Epoch, s.tree.LastZxid())
}

func (s *server) stopServing() {
	s.leading, s.learning = nil, nil
	s.pending = map[int64][]*request{}
	for _, c := range slices.Clone(s.conns) {
		if !c.closing && c.session != 0 {
			s.part(c)
		}
	}
}

// submit sends a write on its way.
func (s *server) submit(r *request) {
	c := r.c
	if r.op != wire.OpCreateSession {
		c.queue = append(c.queue, r)
	}
	q := datatree.Request{Session: c.session, Cxid: r.xid, Op: r.op, Body: r.body, Owner: localOwner}
	s.pending[c.session] = append(s.pending[c.session], r)
	if s.leading != nil {
		if r.op == wire.OpCreateSession {
			s.leading.track(c.session, c.timeout, localOwner, s.local())
		}
		r.zxid = s.status.NextZxid
		s.propose(q)
		return
	}
	forwarded := wire.ForwardedRequest{SessionID: q.Session, Cxid: q.Cxid, Op: q.Op, Body: q.Body}
	s.toLeader(wire.QuorumPacket{Type: wire.PacketRequest, Zxid: -1, Data: wire.Marshal(&forwarded), AuthInfo: q.Auth})
}

// propose makes a request a transaction and begins to broadcast it.
func (s *server) propose(q datatree.Request) {
	zxid := s.status.NextZxid
	if zxid == 0 {
		return
	}
	txn := s.leading.preparer.Prepare(q, zxid, s.wallMillis())
	p := wire.Proposal{Zxid: zxid, Data: txn.Marshal()}
	s.w.oracle.proposed(s, p, s.status.LastLogged)
	s.w.oracle.model.requested(zxid, q)
	if s.w.tracing() {
		s.w.note("%d: proposes %v %v of session %x", s.id, zxid, q.Op, uint64(q.Session))
	}
	s.step(zab.Proposed{Proposal: p})
	s.w.moment(s, MomentProposed)
}

// deliver applies a committed transaction: to the tree, then to those who
// watch, then to the sessions, and last to whoever asked for it.
func (s *server) deliver(p wire.Proposal) {
	if s.tracing() {
		s.w.note("%d: delivers %v", s.id, p.Zxid)
	}
	// Whoever answers must know that it is committed before the oracle hears
	// the answer.
	s.w.oracle.delivered(s, p.Zxid)
	txn, result, ok := s.apply(p)
	if !ok {
		return
	}
	if s.leading != nil {
		s.leading.preparer.Applied(p.Zxid)
	}
	for i := range result.Changes {
		s.notify(s.watches.Trigger(result.Changes[i]))
	}
	h := &txn.Header
	if s.leading != nil {
		s.leading.applied(h, txn.Body, s.local())
	}
	if r := s.claim(h); r != nil {
		s.complete(r, h, &result)
	}
	if h.Type == wire.OpCloseSession {
		delete(s.pending, h.ClientID)
		if c := s.bound[h.ClientID]; c != nil {
			s.part(c)
		}
	}
	s.wakeWaiters(p.Zxid)
}

func (s *server) tracing() bool { return s.w.log != nil }

// apply changes the tree.
func (s *server) apply(p wire.Proposal) (*wire.Txn, datatree.Result, bool) {
	if s.broken != nil {
		return nil, datatree.Result{}, false
	}
	before := s.tree.LastZxid()
	txn, err := wire.UnmarshalTxn(p.Data)
	var result datatree.Result
	if err == nil {
		result, err = s.tree.Apply(txn)
	}
	if err != nil {
		s.broken = fmt.Errorf("transaction %v: %w", p.Zxid, err)
		s.w.fail(invResult, "server %d cannot apply %v: %v", s.id, p.Zxid, err)
		return nil, datatree.Result{}, false
	}
	s.since++
	s.w.oracle.applied(s, p, before, &result)
	return txn, result, true
}

// claim finds the request whose transaction this is.
func (s *server) claim(h *wire.TxnHeader) *request {
	queue := s.pending[h.ClientID]
	for i, r := range queue {
		if r.zxid != 0 && r.zxid != h.Zxid || r.zxid == 0 && r.xid != h.Cxid {
			continue
		}
		for _, lost := range queue[:i] {
			if !lost.c.closing {
				s.drop(lost.c)
			}
		}
		if queue = queue[i+1:]; len(queue) == 0 {
			delete(s.pending, h.ClientID)
		} else {
			s.pending[h.ClientID] = queue
		}
		return r
	}
	return nil
}

func (s *server) complete(r *request, h *wire.TxnHeader, result *datatree.Result) {
	if r.op == wire.OpCreateSession {
		s.confirmSession(r.c, result.Err == wire.OK)
		return
	}
	s.finish(r, h.Zxid, datatree.Respond(r.op, r.body, result))
}

// touch notes that a session was heard from.
func (s *server) touch(c *clientConn) {
	switch {
	case s.leading != nil:
		s.leading.touch(c.session, c.timeout, s.local())
	case s.learning != nil:
		s.learning.touched[c.session] = c.timeout
	}
}

// touchTable answers a PING: who was heard from since the last one.
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

func (s *server) toLeader(p wire.QuorumPacket) {
	if l, ok := s.links[s.learning.link]; ok {
		s.w.sendPacket(l, p, nil)
	}
}

func (s *server) toLearner(link zab.LinkID, p wire.QuorumPacket) {
	if l, ok := s.links[link]; ok {
		s.w.sendPacket(l, p, nil)
	}
}

func (l *leading) track(session int64, timeout int32, owner int64, now time.Duration) {
	l.sessions.Add(session, milliseconds(timeout), now)
	l.sessions.SetOwner(session, owner)
	l.heard[session] = heard{now, milliseconds(timeout)}
}

func (l *leading) touch(session int64, timeout int32, now time.Duration) bool {
	alive := l.sessions.Touch(session, milliseconds(timeout), now)
	if h, ok := l.heard[session]; ok && alive {
		h.at = now
		if timeout > 0 {
			h.timeout = milliseconds(timeout)
		}
		l.heard[session] = h
	}
	return alive
}

func (l *leading) adopt(session int64, timeout int32, owner int64, now time.Duration) bool {
	return l.touch(session, timeout, now) && l.sessions.SetOwner(session, owner) == wire.OK
}

func (l *leading) applied(h *wire.TxnHeader, body wire.Record, now time.Duration) {
	switch h.Type {
	case wire.OpCreateSession:
		if create, ok := body.(*wire.CreateSessionTxn); ok && l.sessions.Timeout(h.ClientID) == 0 {
			l.sessions.Add(h.ClientID, milliseconds(create.Timeout), now)
			l.heard[h.ClientID] = heard{now, milliseconds(create.Timeout)}
		}
	case wire.OpCloseSession:
		l.sessions.Remove(h.ClientID)
		delete(l.heard, h.ClientID)
	}
}

func (l *leading) afterOutstanding(status zab.Status, do func()) {
	if status.Applied >= status.LastLogged {
		do()
		return
	}
	l.waiters = append(l.waiters, waiter{status.LastLogged, do})
}

func (s *server) wakeWaiters(applied wire.Zxid) {
	for s.leading != nil && len(s.leading.waiters) > 0 && s.leading.waiters[0].zxid <= applied {
		do := s.leading.waiters[0].do
		s.leading.waiters = s.leading.waiters[1:]
		do()
	}
}

// sendAfterOutstanding sends a packet to a learner behind the COMMITs of all that
// is proposed now, and before any other COMMIT.
func (s *server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {
	if s.status.Applied >= s.status.LastLogged {
		s.toLearner(link, p)
		return
	}
	s.leading.behindCommit[link] = append(s.leading.behindCommit[link], latePacket{s.status.LastLogged, p})
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
	s.leading.behindCommit[link] = late
}

// expireSessions closes the sessions that were not heard from in time.
func (s *server) expireSessions(now time.Duration) {
	expired := s.leading.sessions.Expired(now)
	s.w.oracle.expired(s, expired, now)
	for _, session := range expired {
		if s.leading == nil {
			return
		}
		s.w.note("%d: session %x expired", s.id, uint64(session))
		s.propose(datatree.Request{Session: session, Op: wire.OpCloseSession})
	}
}

func (s *server) reapNodes() {
	now := s.local()
	if s.leading == nil || now < s.leading.reapAt {
		return
	}
	s.leading.reapAt = now + 5*s.w.setup.Tick
	for _, path := range s.tree.Reapable(s.wallMillis(), 0) {
		if s.leading == nil {
			return
		}
		s.propose(datatree.Request{Op: wire.OpDeleteContainer, Body: []byte(path)})
	}
}

// forwarded handles the packets of the quorum channel that are no part of Zab.
func (s *server) forwarded(f zab.Forward) {
	switch {
	case s.leading != nil:
		s.fromLearner(f)
	case s.learning != nil && s.learning.link == f.Link:
		s.fromLeader(f.Packet)
	}
}

func (s *server) fromLearner(f zab.Forward) {
	var err error
	switch f.Packet.Type {
	case wire.PacketRequest:
		var r wire.ForwardedRequest
		if err = wire.Unmarshal(f.Packet.Data, &r); err == nil {
			s.learnersRequest(f, r)
		}
	case wire.PacketRevalidate:
		var r wire.Revalidate
		if err = wire.Unmarshal(f.Packet.Data, &r); err == nil {
			s.learnersSession(f, r)
		}
	case wire.PacketPing:
		var table wire.TouchTable
		if err = wire.Unmarshal(f.Packet.Data, &table); err == nil {
			for _, t := range table {
				s.leading.touch(t.SessionID, t.Timeout, s.local())
			}
		}
	}
	if err != nil {
		s.w.fail(invResult, "leader %d cannot read a %v of %d: %v", s.id, f.Packet.Type, f.From, err)
	}
}

func (s *server) learnersRequest(f zab.Forward, r wire.ForwardedRequest) {
	owner := ownerOf(f.Link)
	switch r.Op {
	case wire.OpSync:
		s.sendAfterOutstanding(f.Link, wire.QuorumPacket{Type: wire.PacketSync})
		return
	case wire.OpDeleteContainer:
		return
	case wire.OpCreateSession:
		s.leading.track(r.SessionID, wire.NewDecoder(r.Body).Int32(), owner, s.local())
	default:
		s.leading.touch(r.SessionID, 0, s.local())
	}
	s.propose(datatree.Request{
		Session: r.SessionID, Cxid: r.Cxid, Op: r.Op, Body: r.Body, Auth: f.Packet.AuthInfo, Owner: owner,
	})
}

func (s *server) learnersSession(f zab.Forward, r wire.Revalidate) {
	alive := s.leading.adopt(r.SessionID, r.Timeout, ownerOf(f.Link), s.local())
	if c := s.bound[r.SessionID]; alive && c != nil {
		s.drop(c)
	}
	s.sendAfterOutstanding(f.Link, wire.QuorumPacket{
		Type: wire.PacketRevalidate, Zxid: -1,
		Data: wire.Marshal(&wire.RevalidateReply{SessionID: r.SessionID, Valid: alive}),
	})
}

// fromLeader handles the leader's answers to what this learner has sent.
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
			s.w.fail(invResult, "learner %d cannot read a REVALIDATE: %v", s.id, err)
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
