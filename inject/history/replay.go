package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// observer is what a client has seen so far.
type observer struct {
	session int64
	last    wire.Zxid
	watches *Watches // nil where the history does not tell of connections
	closes  int32    // the xid of its closeSession; none yet: the largest
	conn    int
	xid     int32     // the last that was answered on conn
	write   wire.Zxid // the last write's on conn, in the order of xids
	expired map[int64]bool
}

// replay goes through the history and judges each record.
func (c *checker) replay() {
	for _, promise := range []Promise{Result, ReadAtZxid, SessionsHold, Ephemerals, WatchesFire, Digest} {
		if c.doubt != "" && len(c.History.Records) > 0 {
			c.unknown(promise, "%s", c.doubt)
		}
	}
	for i, r := range c.History.Records {
		switch {
		case r.Op != nil:
			c.here = at(i, r.Op)
			c.op(c.observer(r.Op.Client), r.Op)
		case r.Event != nil:
			c.here = Finding{At: r.Event.At, Client: r.Event.Client, Record: i}
			c.event(c.observer(r.Event.Client), r.Event)
		case r.Link != nil:
			c.here = Finding{At: r.Link.At, Client: r.Link.Client, Record: i}
			c.link(c.observer(r.Link.Client), r.Link)
		}
	}
}

func (c *checker) observer(client int) *observer {
	if c.clients[client] == nil {
		c.clients[client] = &observer{closes: math.MaxInt32, expired: map[int64]bool{}}
	}
	return c.clients[client]
}

// begin is a client with another session.
func (o *observer) begin(session int64) {
	*o = observer{session: session, closes: math.MaxInt32, expired: o.expired}
}

func (c *checker) op(o *observer, op *Op) {
	c.stats.add(op, c.applied[op])
	c.stale(op)
	if op.Session != o.session {
		o.begin(op.Session)
	}
	if op.Conn != o.conn {
		o.conn, o.xid, o.write = op.Conn, 0, 0
	}
	if op.Code == wire.OpCloseSession && op.Outcome != Failed {
		o.closes = min(o.closes, op.Xid)
	}
	c.inOrder(o, op)
	if op.Outcome != OK || op.Zxid <= 0 {
		return
	}
	c.count(OneImage)
	c.judge.Saw(op.Client, op.Server, o.last, op.Zxid)
	o.last = max(o.last, op.Zxid)
	if o.expired[op.Session] && op.Err != wire.ErrSessionExpired && op.Code != wire.OpPing {
		c.fail(SessionsHold, "client %d was told that session %x is over, but %v %s is answered in it", op.Client, uint64(op.Session), op.Code, op.Path)
	}
	if op.Code == wire.OpSync && op.Err == wire.OK {
		c.sync(op)
		return
	}
	if op.Code == wire.OpMulti && !c.whole(op) || c.doubt != "" {
		return
	}
	if o.watches != nil {
		o.watches.Check(op.Zxid)
	}
	switch {
	case op.Err == wire.ErrSessionExpired:
		c.refused(op.Session, op.Return, o.last, fmt.Sprintf("client %d: %v is answered %v", op.Client, op.Code, op.Err))
	case op.Err == wire.ErrSessionMoved, op.Code == wire.OpPing:
	default:
		c.answer(o, op)
	}
}

// inOrder checks what holds on one connection without any model: answers come in the order of the
// requests, and so do the places of writes.
func (c *checker) inOrder(o *observer, op *Op) {
	if op.Xid <= 0 {
		return
	}
	c.count(FIFO)
	if op.Outcome == OK {
		if op.Xid <= o.xid {
			c.fail(FIFO, "client %d: request %d, %v %s, is answered after request %d of the same connection", op.Client, op.Xid, op.Code, op.Path, o.xid)
		}
		o.xid = max(o.xid, op.Xid)
	}
	place := c.applied[op]
	if isPlaced(op) {
		place = op.Zxid
	}
	if place == 0 {
		return
	}
	if place < o.write {
		c.fail(FIFO, "client %d: request %d, %v %s, has the place %v in the order, before that of an earlier request, %v", op.Client, op.Xid, op.Code, op.Path, place, o.write)
	}
	o.write = max(o.write, place)
}

// sync checks that a sync includes what clients had been answered when it was sent. Two things limit the
// promise. The leader does not ask its quorum whether it still leads, so that the promise holds in
// its own epoch only. And it brings a server up to date with the leader: Apache's leader answers a sync of its own
// clients as it answers a read, perhaps before it has applied what a follower has already.
func (c *checker) sync(op *Op) {
	f, ok := c.floors.before(op.Invoke)
	leads := slices.IndexFunc(c.Leaders, func(l Leader) bool { return l.Epoch == op.Zxid.Epoch() })
	holds := ok && f.zxid.Epoch() == op.Zxid.Epoch() && leads >= 0 && c.Leaders[leads].Member != op.Server
	if holds {
		c.count(Sync)
	}
	c.judge.Answered(Answer{Op: op, BehindClose: true, Floor: f.zxid, FloorHolds: holds})
}

// whole checks that a multi's answer is of one kind: all operations succeeded, or none did.
func (c *checker) whole(op *Op) bool {
	var r wire.MultiResponse
	if op.Err != wire.OK || op.Reply == nil || wire.Unmarshal(op.Reply, &r) != nil {
		return true
	}
	c.count(Atomic)
	errors := 0
	for _, result := range r.Results {
		if result.Op == wire.OpError {
			errors++
		}
	}
	if errors != 0 && errors != len(r.Results) {
		c.fail(Atomic, "client %d: of the %d operations of a multi at %v, %d have failed", op.Client, len(r.Results), op.Zxid, errors)
		return false
	}
	return true
}

// answer judges an answer by the model.
func (c *checker) answer(o *observer, op *Op) {
	restores := op.Code == wire.OpSetWatches || op.Code == wire.OpSetWatches2 // of many paths, so that it has none itself
	if !restores && !c.judge.Model.inside(op.Path) || c.partOfFailed(op) {
		return
	}
	switch op.Code {
	case wire.OpSetWatches, wire.OpSetWatches2:
		var set wire.SetWatches
		set.V2 = op.Code == wire.OpSetWatches2
		if o.watches != nil && wire.Unmarshal(op.Request, &set) == nil {
			o.watches.Asked(&set)
			o.watches.Restored(op, 0)
		}
		return
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpDelete, wire.OpSetData, wire.OpMulti, wire.OpCloseSession:
		if !isPlaced(op) || op.Request == nil && hasBody(op.Code) {
			return
		}
		c.count(Result)
	case wire.OpExists, wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2, wire.OpGetAllChildrenNumber:
		c.count(ReadAtZxid)
	case wire.OpMultiRead:
		if op.Request == nil {
			return
		}
		c.count(ReadAtZxid)
	case wire.OpAddWatch, wire.OpRemoveWatches:
	default:
		return // not modelled
	}
	if op.Zxid > c.judge.Model.at && op.Zxid.Counter() != 0 { // a leader that has just begun answers at 0 of its epoch
		c.fail(AckedSurvive, "client %d: %v %s is answered at %v, but the order ends at %v", op.Client, op.Code, op.Path, op.Zxid, c.judge.Model.at)
		return
	}
	c.judge.Answered(Answer{
		Op: op, BehindClose: op.Xid > o.closes || c.closing[op.Session].cxid == 0,
		NoBody: op.Reply == nil && op.Err == wire.OK && answersWithBody(op.Code),
	})
	switch {
	case o.watches == nil:
	case op.Code == wire.OpAddWatch:
		o.watches.Add(op, 0)
	case op.Code == wire.OpRemoveWatches:
		o.watches.Remove(op, 0)
	case op.Watch:
		o.watches.Set(op)
	}
}

// partOfFailed tells whether a read shows what only a failed multi can have written.
func (c *checker) partOfFailed(op *Op) bool {
	if op.Err != wire.OK || op.Reply == nil || len(c.failed) == 0 {
		return false
	}
	var stat wire.Stat
	switch op.Code {
	case wire.OpGetData:
		var r wire.DataResponse
		_ = wire.Unmarshal(op.Reply, &r) // what cannot be read has no zxid, and the judge says so
		stat = r.Stat
	case wire.OpExists:
		var r wire.StatResponse
		_ = wire.Unmarshal(op.Reply, &r)
		stat = r.Stat
	}
	for _, z := range []wire.Zxid{stat.Czxid, stat.Mzxid, stat.Pzxid} {
		if c.failed[z] {
			c.fail(Atomic, "client %d: %v %s shows a change of %v, which is a multi that failed", op.Client, op.Code, op.Path, z)
			return true
		}
	}
	return false
}

func (c *checker) event(o *observer, e *Event) {
	if e.Type < wire.EventCreated || e.Type > wire.EventChildrenChanged {
		return // clients make up the others
	}
	if o.watches == nil || c.doubt != "" || !c.judge.Model.inside(e.Path) {
		return
	}
	c.count(WatchesFire)
	told := *e
	if told.Zxid == -1 && !o.watches.unset {
		told.Zxid = 0 // it is no missed one, and its server does not say its zxid
	}
	o.watches.Event(told)
}

func (c *checker) link(o *observer, l *Link) {
	switch l.Kind {
	case Connected:
		o.begin(l.Session)
		o.watches = NewWatches(c.judge, l.Client)
	case Resumed:
		c.count(SessionsHold)
		if l.Session != o.session {
			o.begin(l.Session)
		}
		if o.watches == nil {
			o.watches = NewWatches(c.judge, l.Client)
		}
		o.watches.Moved()
		o.watches.Restore(o.last)
		if end, closed := c.closing[l.Session]; closed && end.zxid <= o.last {
			c.fail(SessionsHold, "client %d comes back to server %d, which confirms session %x, but it was closed at %v, which the client has seen", l.Client, l.Server, uint64(l.Session), end.zxid)
		}
	case Expired:
		c.count(SessionsHold)
		c.stats.SessionsLost++
		c.refused(l.Session, l.At, o.last, fmt.Sprintf("client %d comes back to server %d, which says that its session is over", l.Client, l.Server))
		o.expired[l.Session] = true
		o.begin(0)
	case Closed:
		o.begin(0)
	case Stray:
		c.count(FIFO)
		c.fail(FIFO, "client %d: server %d sends %s", l.Client, l.Server, l.Why)
	case Lost:
	}
}

// refused checks that a session is over of which a server says so. A leader may have decided that and have
// died before it was committed; so where the epoch has changed since, nothing is known.
func (c *checker) refused(session int64, when int64, last wire.Zxid, what string) {
	if c.doubt != "" {
		c.unknown(SessionsHold, "%s", c.doubt)
		return
	}
	c.count(SessionsHold)
	end, closed := c.closing[session]
	switch {
	case c.Foreign, last < c.judge.Model.Created(session), c.clocks():
	case !closed:
		if last.Epoch() == c.judge.Model.at.Epoch() {
			c.fail(SessionsHold, "%s, but session %x is alive", what, uint64(session))
		}
	case end.at > when+int64(c.Tick) && end.zxid.Epoch() == last.Epoch():
		c.fail(SessionsHold, "%s, but session %x was closed only at %v, %v later", what, uint64(session), end.zxid, time.Duration(end.at-when))
	}
}

// clocks tells whether some member's clock was wrong.
func (c *checker) clocks() bool {
	return slices.ContainsFunc(c.Faults, func(w Window) bool { return w.Clock })
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
