package datatree

import (
	"time"

	"github.com/tidwall/btree"

	"zkctl/probe/wire"
)

// Sessions tracks which sessions are alive (SessionTrackerImpl). Only the leader (or a standalone server) decides
// that one has expired; then it proposes a closeSession, and the session ends on every server with that
// transaction.
//
//	 Add         Touch                     Expired                  Remove
//	-----> alive ------> alive, later due --------> closing -------------------> gone
//	                         \___ MarkClosing ______^   (closeSession applied)
//
// The sessions and their timeouts are replicated state of the Tree; the time at which a session was last active
// is not. So a new leader gives every session its full timeout again (Restart).
//
// As in ZooKeeper (ExpiryQueue), deadlines are rounded up to the next tick: sessions expire in few batches, never
// early, and most calls of Touch change nothing.
type Sessions struct {
	tick time.Duration
	byID map[int64]*session
	// due holds the live sessions, by deadline. No set in it is empty.
	due btree.Map[time.Duration, map[int64]struct{}]
}

type session struct {
	timeout  time.Duration
	deadline time.Duration // its key in due, unless closing
	owner    int64         // 0: no owner yet
	closing  bool
}

// NewSessions returns a tracker without sessions. tick is ZooKeeper's tickTime; times are durations since any
// fixed moment.
func NewSessions(tick time.Duration) *Sessions {
	return &Sessions{tick: tick, byID: make(map[int64]*session)}
}

// Restart tracks exactly the sessions of a tree, each with its full timeout ahead and no owner. A server calls it
// when it becomes the leader.
func (s *Sessions) Restart(t *Tree, now time.Duration) {
	*s = *NewSessions(s.tick)
	t.EachSession(func(id int64, millis int32) { s.Add(id, time.Duration(millis)*time.Millisecond, now) })
}

// Add begins to track a session, or touches one that is tracked already. It reports whether the session is new.
func (s *Sessions) Add(id int64, timeout, now time.Duration) (added bool) {
	if s.byID[id] == nil {
		s.byID[id] = &session{timeout: timeout, deadline: -1}
		added = true
	}
	s.Touch(id, timeout, now)
	return added
}

// Touch moves the deadline of a session whose client was active, here or by a learner's PING, and sets its timeout
// (0: no change). It reports whether the session is alive.
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

// Check reports whether a session may be served through owner, a connection to a client or to a learner; owners
// are the caller's numbers, not 0. The first owner to call it gets the session. A client that reconnects through
// another server moves its session there (SetOwner); requests that it had sent through the former owner and that
// arrive later are refused: ErrSessionMoved.
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

// SetOwner moves a session to the owner through which it was created or revalidated.
func (s *Sessions) SetOwner(id, owner int64) wire.ErrCode {
	e := s.byID[id]
	if e == nil || e.closing {
		return wire.ErrSessionExpired
	}
	e.owner = owner
	return wire.OK
}

// MarkClosing makes the session's later requests fail. It no longer expires, because its closeSession is proposed.
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

// EachDeadline calls f with every deadline and the sessions that expire then, both in order, for the four-letter
// word dump.
func (s *Sessions) EachDeadline(f func(at time.Duration, sessions []int64)) {
	s.due.Scan(func(at time.Duration, set map[int64]struct{}) bool {
		f(at, sortedIDs(set))
		return true
	})
}
