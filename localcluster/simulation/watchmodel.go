package simulation

import (
	"cmp"
	"maps"
	"slices"

	"zkctl/probe/wire"
)

// watchModel is the table of a client's watches, as client libraries keep it, each with
// the zxid up to which nothing has happened. ZooKeeper's promise, in terms of
// zxids:
//
//   - A watch that was left at zxid z reports the first change after z, and is
//     gone then.
//   - No reply at or after the zxid of that change comes before the event.
//   - On a new connection the client sets its watches again, and the server first
//     reports what happened in between. One event may be missed, as documented:
//     that of a node which was created and deleted again under an exists watch.
type watchModel struct {
	data, exist, child map[string]wire.Zxid
	persistent         []*persistentWatch // sorted by path, the recursive one last

	unset  bool                 // on a new connection, until setWatches is answered
	seen   wire.Zxid            // the zxid in setWatches
	missed []*wire.WatcherEvent // the events that the server has reported for it so far
}

func newWatchModel() watchModel {
	return watchModel{data: map[string]wire.Zxid{}, exist: map[string]wire.Zxid{}, child: map[string]wire.Zxid{}}
}

func (b *watchModel) len() int { return len(b.data) + len(b.exist) + len(b.child) + len(b.persistent) }

// set notes a watch that a read has left.
func (b *watchModel) set(op *clientOp, h wire.ReplyHeader) {
	switch {
	case h.Err == wire.OK && (op.op == wire.OpGetData || op.op == wire.OpExists):
		b.data[op.path] = h.Zxid
	case h.Err == wire.ErrNoNode && op.op == wire.OpExists:
		b.exist[op.path] = h.Zxid
	case h.Err == wire.OK:
		b.child[op.path] = h.Zxid
	}
}

// moved is called on a new connection, which has no watches yet.
func (b *watchModel) moved() { b.unset, b.missed = b.len() > 0, nil }

// restore is the request that sets all watches again; nil when there are none.
func (b *watchModel) restore(seen wire.Zxid) *wire.SetWatches {
	if b.len() == 0 {
		b.unset = false
		return nil
	}
	b.seen = seen
	set := &wire.SetWatches{
		RelativeZxid: seen, Data: slices.Sorted(maps.Keys(b.data)),
		Exist: slices.Sorted(maps.Keys(b.exist)), Child: slices.Sorted(maps.Keys(b.child)),
	}
	for _, w := range b.persistent {
		set.V2 = true
		if w.recursive {
			set.PersistentRecursive = append(set.PersistentRecursive, w.path)
		} else {
			set.Persistent = append(set.Persistent, w.path)
		}
	}
	return set
}

// restored handles the answer to setWatches: all missed events have been reported.
func (b *watchModel) restored(c *client, z wire.Zxid) {
	b.unset = false
	for _, e := range b.missed {
		if kinds := c.w.oracle.model.missedBy(e.Path, b.seen, z); !slices.Contains(kinds, e.Type) {
			c.w.fail(invWatch, "client %d, which had seen %v, gets at %v the missed event %v %s; expected one of %v", c.id, b.seen, z, e.Type, e.Path, kinds)
		}
	}
	for path, since := range b.exist {
		if c.w.oracle.model.asOf(path, z) == nil {
			b.exist[path] = max(since, z)
		}
	}
	for _, w := range b.persistent {
		w.set(c.w.oracle.model, z)
	}
	b.check(c, z)
}

// check checks that an answer at zxid z does not come before the events up to z.
func (b *watchModel) check(c *client, z wire.Zxid) {
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
				c.w.fail(invWatch, "client %d left a %s watch on %s at %v, is answered at %v, and has not got the event %v of %v",
					c.id, t.name, path, since, z, first.kind, first.zxid)
				return
			}
		}
	}
	for _, w := range b.persistent {
		if first := w.first(m); first != nil && first.zxid <= z {
			c.w.fail(invWatch, "client %d has a persistent watch on %s, is answered at %v, and has not got the event %v %s of %v",
				c.id, w.path, z, first.kind, first.path, first.zxid)
			return
		}
	}
}

// add notes a persistent watch; one that exists already stays as it is.
func (b *watchModel) add(c *client, op *clientOp, r reply) {
	switch r.header.Err {
	case wire.OK:
	case wire.ErrSessionExpired:
		c.w.oracle.refusedRequest(c, op.op, r.epoch)
		return
	default:
		c.w.fail(invWatch, "client %d cannot set a watch on %s: %v", c.id, op.path, r.header.Err)
		return
	}
	recursive := op.mode == wire.WatchPersistentRecursive
	i, found := slices.BinarySearchFunc(b.persistent, persistentWatch{path: op.path, recursive: recursive}, comparePersistent)
	if found {
		return
	}
	w := &persistentWatch{path: op.path, recursive: recursive}
	w.set(c.w.oracle.model, r.header.Zxid)
	b.persistent = slices.Insert(b.persistent, i, w)
}

func comparePersistent(a *persistentWatch, b persistentWatch) int {
	return cmp.Or(cmp.Compare(a.path, b.path), rank(a.recursive)-rank(b.recursive))
}

func rank(recursive bool) int {
	if recursive {
		return 1
	}
	return 0
}

// remove removes all watches of a path, of whatever kind they are.
func (b *watchModel) remove(c *client, op *clientOp, r reply) {
	if r.header.Err == wire.ErrSessionExpired {
		c.w.oracle.refusedRequest(c, op.op, r.epoch)
		return
	}
	before := b.len()
	delete(b.data, op.path)
	delete(b.exist, op.path)
	delete(b.child, op.path)
	b.persistent = slices.DeleteFunc(b.persistent, func(w *persistentWatch) bool { return w.path == op.path })
	want := wire.OK
	if b.len() == before {
		want = wire.ErrNoWatcher
	}
	if r.header.Err != want {
		c.w.fail(invWatch, "client %d removes its watches on %s and is answered %v, but should be %v", c.id, op.path, r.header.Err, want)
	}
}

// event checks a notification.
func (b *watchModel) event(c *client, r reply) {
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
	persistent := b.persistentEvent(c, r)
	if r.eventZxid == -1 {
		if !b.unset {
			c.w.fail(invWatch, "client %d gets the missed event %v %s, but has not changed its connection", c.id, e.Type, e.Path)
			return
		}
		twice := slices.ContainsFunc(b.missed, func(m *wire.WatcherEvent) bool { return *m == *e })
		b.missed = append(b.missed, e)
		if twice && e.Type == wire.EventDeleted {
			return // reported for the data and the child watch each, as in ZooKeeper
		}
		inData = inData && e.Type != wire.EventCreated
		inExist = inExist && e.Type == wire.EventCreated
	}
	if !inData && !inExist && !inChild && !persistent {
		c.w.fail(invWatch, "client %d gets the event %v %s, but has no watch for it", c.id, e.Type, e.Path)
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
		if !ok || r.eventZxid != -1 && (first.zxid != r.eventZxid || first.kind != e.Type) {
			c.w.fail(invWatch, "client %d gets the event %v %s of %v; after %v, where it left its watch, the first change is %v at %v",
				c.id, e.Type, e.Path, r.eventZxid, w.since, first.kind, first.zxid)
		}
	}
}

// persistentEvent checks an event against the persistent watches, and tells whether there
// is one for it.
func (b *watchModel) persistentEvent(c *client, r reply) (any bool) {
	event := entry{r.eventZxid, r.event.Path, r.event.Type}
	if event.zxid == -1 {
		return false // of a one-time watch that was set again
	}
	for _, w := range b.persistent {
		if !w.concerns(&event) {
			continue
		}
		any = true
		if !w.report(c.w.oracle.model, event) {
			c.w.fail(invWatch, "client %d has a persistent watch on %s and gets the event %v %s of %v; the next one should be %+v",
				c.id, w.path, event.kind, event.path, event.zxid, w.first(c.w.oracle.model))
		}
	}
	return any
}
