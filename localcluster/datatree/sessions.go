package datatree

import (
	"time"

	"github.com/tidwall/btree"

	"zkctl/probe/wire"
)

// Sessions tracks which sessions are alive. The leader (or a standalone server) alone decides that one has
// expired; then it proposes a closeSession, and the session ends everywhere at that point of the order.
//
//	 Add         Touch                     Expired                  Remove
//	-----> alive ------> alive, later due --------> closing -------------------> gone
//	                         \___ MarkClosing ______^   (closeSession applied)
//
// That sessions exist, and their timeouts, is replicated state, the Tree's; when they were last heard of is
// not. So a new leader gives every session its full timeout again (Restart).
//
// Deadlines are rounded up to the next tick, as ZooKeeper rounds them: sessions then expire in few batches,
// never early, and a touch mostly changes nothing.
type Sessions struct {
	tick time.Duration
	byID map[int64]*session
	// due has the sessions that are alive, by deadline. Its sets are not empty.
	due btree.Map[time.Duration, map[int64]struct{}]
}

type session struct {
	timeout  time.Duration
	deadline time.Duration // where it is in due, unless closing
	owner    int64         // 0: nobody asked yet
	closing  bool
}

// NewSessions returns a tracker without sessions. tick is ZooKeeper's tickTime; times are durations since any
// fixed moment.
func NewSessions(tick time.Duration) *Sessions {
	return &Sessions{tick: tick, byID: make(map[int64]*session)}
}

// Restart tracks exactly the sessions of a tree, each with its full timeout ahead and no owner: what a server
// does when it becomes the leader.
func (s *Sessions) Restart(t *Tree, now time.Duration) {
	*s = *NewSessions(s.tick)
	t.EachSession(func(id int64, millis int32) { s.Add(id, time.Duration(millis)*time.Millisecond, now) })
}

// Add begins to track a session; one that is tracked already is touched. It reports whether it is new.
func (s *Sessions) Add(id int64, timeout, now time.Duration) (added bool) {
	if s.byID[id] == nil {
		s.byID[id] = &session{timeout: timeout, deadline: -1}
		added = true
	}
	s.Touch(id, timeout, now)
	return added
}

// Touch says that a session was heard of, by this server or by a learner's table of touched sessions, and has
// this timeout; 0: the one it had. It reports whether the session is alive.
func (s *Sessions) Touch(id int64, timeout, now time.Duration) (alive bool) {
	e := s.byID[id]
	if e == nil || e.closing {
		return false
	}
	if timeout > 0 {
		e.timeout = timeout
	}
	deadline := ((now+e.timeout)/s.tick + 1) * s.tick
	if deadline == e.deadline {
		return true
	}
	s.unschedule(id, e)
	e.deadline = deadline
	set, ok := s.due.Get(deadline)
	if !ok {
		set = make(map[int64]struct{})
		s.due.Set(deadline, set)
	}
	set[id] = struct{}{}
	return true
}

func (s *Sessions) unschedule(id int64, e *session) {
	set, ok := s.due.Get(e.deadline)
	if !ok {
		return
	}
	delete(set, id)
	if len(set) == 0 {
		s.due.Delete(e.deadline)
	}
}

// Expired returns, by id, the sessions whose deadline has passed, and marks them closing: they are returned
// once. The caller proposes a closeSession for each.
func (s *Sessions) Expired(now time.Duration) []int64 {
	var ids []int64
	for {
		deadline, set, ok := s.due.Min()
		if !ok || deadline > now {
			return ids
		}
		batch := sortedIDs(set)
		for _, id := range batch {
			s.MarkClosing(id)
		}
		ids = append(ids, batch...)
	}
}

// NextExpiry is the earliest time at which Expired may return something; ok is false when nothing is tracked.
func (s *Sessions) NextExpiry() (at time.Duration, ok bool) {
	at, _, ok = s.due.Min()
	return at, ok
}

// Check reports whether a session may be served through owner, some connection to a client or to a learner;
// owners are the caller's numbers, not 0. The first to ask becomes the owner. A client that reconnects
// elsewhere moves its session there (SetOwner), and what it had sent through the former connection, and is
// still on its way, must not be done any more: ErrSessionMoved.
func (s *Sessions) Check(id, owner int64) wire.ErrCode {
	e := s.byID[id]
	switch {
	case e == nil || e.closing:
		return wire.ErrSessionExpired
	case e.owner == 0:
		e.owner = owner
	case e.owner != owner:
		return wire.ErrSessionMoved
	}
	return wire.OK
}

// SetOwner moves a session to an owner, when it was created or revalidated through it.
func (s *Sessions) SetOwner(id, owner int64) wire.ErrCode {
	e := s.byID[id]
	if e == nil || e.closing {
		return wire.ErrSessionExpired
	}
	e.owner = owner
	return wire.OK
}

// MarkClosing makes the session's further requests fail. It will not expire any more: its closeSession is on
// the way.
func (s *Sessions) MarkClosing(id int64) {
	if e := s.byID[id]; e != nil && !e.closing {
		s.unschedule(id, e)
		e.closing = true
	}
}

// Remove forgets a session whose closeSession was applied.
func (s *Sessions) Remove(id int64) {
	s.MarkClosing(id)
	delete(s.byID, id)
}

// Alive reports whether a session is tracked and not closing.
func (s *Sessions) Alive(id int64) bool {
	e := s.byID[id]
	return e != nil && !e.closing
}

// Timeout is a session's timeout; 0 when it is not tracked.
func (s *Sessions) Timeout(id int64) time.Duration {
	if e := s.byID[id]; e != nil {
		return e.timeout
	}
	return 0
}

// Len is the number of sessions tracked, the closing ones included.
func (s *Sessions) Len() int { return len(s.byID) }

// EachDeadline calls f with every deadline and the sessions that expire then, both in order: what the
// four-letter word dump lists.
func (s *Sessions) EachDeadline(f func(at time.Duration, sessions []int64)) {
	s.due.Scan(func(at time.Duration, set map[int64]struct{}) bool {
		f(at, sortedIDs(set))
		return true
	})
}
