package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"zkctl/probe/wire"
)

// Watches is the table of a client's watches, as client libraries keep it, each with
// the zxid up to which nothing has happened. ZooKeeper's promise, in terms of
// zxids:
//
//   - A watch that was left at zxid z reports the first change after z, and is
//     gone then.
//   - No reply at or after the zxid of that change comes before the event.
//   - On a new connection the client sets its watches again, and the server first
//     reports what happened in between. One event may be missed, as documented:
//     that of a node which was created and deleted again under an exists watch.
type Watches struct {
	judge  *Judge
	client int

	data, exist, child map[string]wire.Zxid
	persistent         []*persistentWatch // sorted by path, the recursive one last
	quiet              wire.Zxid          // up to here no watch has anything to report

	unset  bool                // on a new connection, until setWatches is answered
	seen   wire.Zxid           // the zxid in setWatches
	missed []wire.WatcherEvent // the events that the server has reported for it so far
}

// NewWatches is the table of a client that has no watches yet.
func NewWatches(j *Judge, client int) *Watches {
	return &Watches{
		judge: j, client: client,
		data: map[string]wire.Zxid{}, exist: map[string]wire.Zxid{}, child: map[string]wire.Zxid{},
	}
}

// Len is how many there are.
func (b *Watches) Len() int { return len(b.data) + len(b.exist) + len(b.child) + len(b.persistent) }

// Set notes the watch that a read has left.
func (b *Watches) Set(op *Op) {
	table := b.child
	switch {
	case op.Err == wire.OK && (op.Code == wire.OpGetData || op.Code == wire.OpExists):
		table = b.data
	case op.Err == wire.ErrNoNode && op.Code == wire.OpExists:
		table = b.exist
	case op.Err != wire.OK:
		return
	}
	table[op.Path] = op.Zxid
	b.quiet = min(b.quiet, op.Zxid)
}

// Moved is called on a new connection, which has no watches yet.
func (b *Watches) Moved() { b.unset, b.missed = b.Len() > 0, nil }

// Restore is the request that sets all watches again; nil when there are none.
func (b *Watches) Restore(seen wire.Zxid) *wire.SetWatches {
	if b.Len() == 0 {
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

// Asked notes what a client has really asked to set again, before Restored: it knows best which
// watches it had. Those whose events have been reported as missed are used up by now.
func (b *Watches) Asked(set *wire.SetWatches) {
	b.seen = set.RelativeZxid
	for _, t := range []struct {
		table *map[string]wire.Zxid
		paths []string
		child bool
	}{{&b.data, set.Data, false}, {&b.exist, set.Exist, false}, {&b.child, set.Child, true}} {
		asked := make(map[string]wire.Zxid, len(t.paths))
		for _, path := range t.paths {
			since, known := (*t.table)[path]
			used := slices.ContainsFunc(b.missed, func(e wire.WatcherEvent) bool {
				return e.Path == path && (e.Type == wire.EventDeleted || (e.Type == wire.EventChildrenChanged) == t.child)
			})
			switch {
			case known:
				asked[path] = since
			case !used:
				asked[path] = set.RelativeZxid
			}
		}
		*t.table = asked
	}
	b.persistent = nil
	for _, w := range set.Persistent {
		b.keep(&persistentWatch{path: w})
	}
	for _, w := range set.PersistentRecursive {
		b.keep(&persistentWatch{path: w, recursive: true})
	}
}

// keep adds a persistent watch, and tells whether there was none.
func (b *Watches) keep(w *persistentWatch) bool {
	i, found := slices.BinarySearchFunc(b.persistent, *w, comparePersistent)
	if !found {
		b.persistent = slices.Insert(b.persistent, i, w)
	}
	return !found
}

// Restored handles the answer to setWatches: all missed events have been reported.
func (b *Watches) Restored(op *Op, epoch int64) {
	switch op.Err {
	case wire.OK:
	case wire.ErrSessionExpired: // the client's own closeSession, sent on the connection before, came first
		b.judge.refusedRequest(op, epoch)
		return
	default:
		b.judge.fail(WatchesFire, "client %d cannot set its watches again: %v", b.client, op.Err)
		return
	}
	m, z := b.judge.Model, op.Zxid
	b.unset = false
	b.quiet = min(b.quiet, z)
	for _, e := range b.missed {
		if kinds := m.missedBy(e.Path, b.seen, z); !slices.Contains(kinds, e.Type) {
			b.judge.fail(WatchesFire, "client %d, which had seen %v, gets at %v the missed event %v %s; expected one of %v", b.client, b.seen, z, e.Type, e.Path, kinds)
		}
	}
	for path, since := range b.exist { // each by itself, so the order does not matter
		if m.asOf(path, z) == nil {
			b.exist[path] = max(since, z)
		}
	}
	for _, w := range b.persistent {
		w.set(m, z)
	}
	b.Check(z)
}

// Check checks that an answer at zxid z does not come before the events up to z.
func (b *Watches) Check(z wire.Zxid) {
	if b.unset || z <= b.quiet {
		return
	}
	m := b.judge.Model
	quiet := m.at
	for _, t := range []struct {
		name  string
		table map[string]wire.Zxid
		child bool
	}{{"data", b.data, false}, {"exists", b.exist, false}, {"child", b.child, true}} {
		for _, path := range slices.Sorted(maps.Keys(t.table)) {
			since := t.table[path]
			first, ok := m.firstChange(path, t.child, since)
			switch {
			case !ok:
			case first.zxid > z:
				quiet = min(quiet, first.zxid-1)
			default:
				b.judge.fail(WatchesFire, "client %d left a %s watch on %s at %v, is answered at %v, and has not got the event %v of %v",
					b.client, t.name, path, since, z, first.kind, first.zxid)
				return
			}
		}
	}
	for _, w := range b.persistent {
		first := w.first(m)
		switch {
		case first == nil:
		case first.zxid > z:
			quiet = min(quiet, first.zxid-1)
		default:
			b.judge.fail(WatchesFire, "client %d has a persistent watch on %s, is answered at %v, and has not got the event %v %s of %v",
				b.client, w.path, z, first.kind, first.path, first.zxid)
			return
		}
	}
	b.quiet = quiet
}

// Add notes the persistent watch of an addWatch; one that exists already stays as it is.
func (b *Watches) Add(op *Op, epoch int64) {
	switch op.Err {
	case wire.OK:
	case wire.ErrSessionExpired:
		b.judge.refusedRequest(op, epoch)
		return
	default:
		b.judge.fail(WatchesFire, "client %d cannot set a watch on %s: %v", b.client, op.Path, op.Err)
		return
	}
	var add wire.AddWatchRequest
	if err := wire.Unmarshal(op.Request, &add); err != nil {
		b.judge.fail(WatchesFire, "client %d: the request of addWatch on %s cannot be read: %v", b.client, op.Path, err)
		return
	}
	w := &persistentWatch{path: op.Path, recursive: add.Mode == wire.WatchPersistentRecursive}
	if b.keep(w) {
		w.set(b.judge.Model, op.Zxid)
		b.quiet = min(b.quiet, op.Zxid)
	}
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

// Remove removes all watches of a path, of whatever kind they are.
func (b *Watches) Remove(op *Op, epoch int64) {
	if op.Err == wire.ErrSessionExpired {
		b.judge.refusedRequest(op, epoch)
		return
	}
	before := b.Len()
	delete(b.data, op.Path)
	delete(b.exist, op.Path)
	delete(b.child, op.Path)
	b.persistent = slices.DeleteFunc(b.persistent, func(w *persistentWatch) bool { return w.path == op.Path })
	want := wire.OK
	if b.Len() == before {
		want = wire.ErrNoWatcher
	}
	if op.Err != want {
		b.judge.fail(WatchesFire, "client %d removes its watches on %s and is answered %v, but should be %v", b.client, op.Path, op.Err, want)
	}
}

// Event checks a notification. Its Zxid is -1 for what the server reports as missed while
// the watches are set again, and 0 for any other whose zxid the server does not say.
func (b *Watches) Event(e Event) {
	dataSince, inData := b.data[e.Path]
	existSince, inExist := b.exist[e.Path]
	childSince, inChild := b.child[e.Path]
	switch e.Type {
	case wire.EventCreated, wire.EventDataChanged:
		inChild = false
	case wire.EventChildrenChanged:
		inData, inExist = false, false
	}
	persistent := b.persistentEvent(e)
	if e.Zxid == -1 {
		if !b.unset {
			b.judge.fail(WatchesFire, "client %d gets the missed event %v %s, but has not changed its connection", b.client, e.Type, e.Path)
			return
		}
		twice := slices.Contains(b.missed, e.WatcherEvent)
		b.missed = append(b.missed, e.WatcherEvent)
		if twice && e.Type == wire.EventDeleted {
			return // reported for the data and the child watch each, as in ZooKeeper
		}
		inData = inData && e.Type != wire.EventCreated
		inExist = inExist && e.Type == wire.EventCreated
	}
	if !inData && !inExist && !inChild && !persistent {
		b.judge.fail(WatchesFire, "client %d gets the event %v %s, but has no watch for it", b.client, e.Type, e.Path)
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
		first, ok := b.judge.Model.firstChange(e.Path, w.child, w.since)
		if !ok || e.Zxid > 0 && first.zxid != e.Zxid || e.Zxid >= 0 && first.kind != e.Type {
			b.judge.fail(WatchesFire, "client %d gets the event %v %s%s; after %v, where it left its watch, %s",
				b.client, e.Type, e.Path, ofZxid(e.Zxid), w.since, first.shown(ok))
		}
	}
}

// persistentEvent checks an event against the persistent watches, and tells whether there
// is one for it.
func (b *Watches) persistentEvent(e Event) (any bool) {
	if e.Zxid == -1 {
		return false // of a one-time watch that was set again
	}
	event := entry{e.Zxid, e.Path, e.Type}
	for _, w := range b.persistent {
		if !w.concerns(&event) {
			continue
		}
		any = true
		if !w.report(b.judge.Model, event) {
			next := "there is none that is due"
			if due := w.first(b.judge.Model); due != nil {
				next = fmt.Sprintf("the next one should be %v %s%s", due.kind, due.path, ofZxid(due.zxid))
			}
			b.judge.fail(WatchesFire, "client %d has a persistent watch on %s and gets the event %v %s%s; %s",
				b.client, w.path, event.kind, event.path, ofZxid(event.zxid), next)
		}
	}
	return any
}
