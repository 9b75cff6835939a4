package simulation

import (
	"maps"
	"slices"

	"zkctl/probe/wire"
)

// watchBook is what a client waits for, kept as client libraries keep it, with
// the zxid up to which nothing has happened. ZooKeeper's promise, in terms of
// zxids:
//
//   - A watch that was left at zxid z reports the first change behind z, and is
//     gone then.
//   - No reply at or behind the zxid of that change comes before the event.
//   - After a change of connection the client sets its watches again, and what
//     happened in between is reported first. One thing may be missed, as
//     documented: a node that came and went while an exists watch waited for it.
type watchBook struct {
	data, exist, child map[string]wire.Zxid
	unset              bool // on a new connection, until setWatches is answered
}

func newWatchBook() watchBook {
	return watchBook{data: map[string]wire.Zxid{}, exist: map[string]wire.Zxid{}, child: map[string]wire.Zxid{}}
}

func (b *watchBook) len() int { return len(b.data) + len(b.exist) + len(b.child) }

// set notes a watch that a read has left.
func (b *watchBook) set(op *clientOp, h wire.ReplyHeader) {
	switch {
	case h.Err == wire.OK && (op.op == wire.OpGetData || op.op == wire.OpExists):
		b.data[op.path] = h.Zxid
	case h.Err == wire.ErrNoNode && op.op == wire.OpExists:
		b.exist[op.path] = h.Zxid
	case h.Err == wire.OK:
		b.child[op.path] = h.Zxid
	}
}

// moved: a new connection knows no watches.
func (b *watchBook) moved() { b.unset = b.len() > 0 }

// restore is the request that sets all watches again; nil when there are none.
func (b *watchBook) restore(seen wire.Zxid) *wire.SetWatches {
	if b.len() == 0 {
		b.unset = false
		return nil
	}
	return &wire.SetWatches{
		RelativeZxid: seen, Data: slices.Sorted(maps.Keys(b.data)),
		Exist: slices.Sorted(maps.Keys(b.exist)), Child: slices.Sorted(maps.Keys(b.child)),
	}
}

// restored is the answer to that: everything missed has been reported.
func (b *watchBook) restored(c *client, z wire.Zxid) {
	b.unset = false
	for path, since := range b.exist {
		if c.w.oracle.model.asOf(path, z) == nil {
			b.exist[path] = max(since, z)
		}
	}
	b.check(c, z)
}

// check: an answer at zxid z must not come before the events up to z.
func (b *watchBook) check(c *client, z wire.Zxid) {
	if b.unset {
		return
	}
	m := c.w.oracle.model
	for _, t := range []struct {
		name  string
		table map[string]wire.Zxid
		child bool
	}{{"data", b.data, false}, {"exists", b.exist, false}, {"child", b.child, true}} {
		for _, path := range slices.Sorted(maps.Keys(t.table)) {
			since := t.table[path]
			if first, ok := m.firstChange(path, t.child, since); ok && first.zxid <= z {
				c.w.fail(invWatch, "client %d left a %s watch on %s at %v, is answered at %v, and was not told of %v at %v",
					c.id, t.name, path, since, z, first.kind, first.zxid)
				return
			}
		}
	}
}

// event takes a notification.
func (b *watchBook) event(c *client, r reply) {
	e := r.event
	if c.w.tracing() {
		c.w.note("client %d: event %v %s of %v", c.id, e.Type, e.Path, r.eventZxid)
	}
	dataSince, inData := b.data[e.Path]
	existSince, inExist := b.exist[e.Path]
	childSince, inChild := b.child[e.Path]
	switch e.Type {
	case wire.EventCreated, wire.EventDataChanged:
		inChild = false
	case wire.EventChildrenChanged:
		inData, inExist = false, false
	}
	if !inData && !inExist && !inChild && e.Type == wire.EventDeleted && r.eventZxid == -1 {
		return // setWatches reports a deletion for the data and the child watch each, as in ZooKeeper
	}
	if !inData && !inExist && !inChild {
		c.w.fail(invWatch, "client %d is told of %v %s, and waits for no such thing", c.id, e.Type, e.Path)
		return
	}
	for _, w := range []struct {
		there bool
		table map[string]wire.Zxid
		since wire.Zxid
		child bool
	}{{inData, b.data, dataSince, false}, {inExist, b.exist, existSince, false}, {inChild, b.child, childSince, true}} {
		if !w.there {
			continue
		}
		delete(w.table, e.Path)
		first, ok := c.w.oracle.model.firstChange(e.Path, w.child, w.since)
		if !ok || r.eventZxid != -1 && first.zxid != r.eventZxid {
			c.w.fail(invWatch, "client %d is told of %v %s at %v; behind %v, where it left its watch, the first change is %v at %v",
				c.id, e.Type, e.Path, r.eventZxid, w.since, first.kind, first.zxid)
		}
	}
}
