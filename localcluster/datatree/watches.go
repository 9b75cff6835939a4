package datatree

import (
	"slices"

	"zkctl/probe/wire"
)

// Watches are what the clients of one server wait for. They are not replicated: a client that moves takes its
// watches along and sets them again (setWatches).
//
// There are two tables. Getting data or asking whether a node exists watches the data table, getting children
// the child table; a persistent watch is in both, a recursive one in the data table only, since it is told of
// every node created and deleted below and so never of children as such:
//
//	transaction   data table             child table
//	create /a/b   /a/b created           /a   children changed
//	delete /a/b   /a/b deleted           /a/b deleted, but not to who was told by the data table
//	                                     /a   children changed
//	set /a/b      /a/b data changed
//
// A watcher is a connection, under a number that the server gives it. Numbers decide the order in which
// watchers are notified of the same event, and must not be used again while Drop is due.
type Watches struct {
	data, child watchTable
}

// NewWatches returns an empty set.
func NewWatches() *Watches { return &Watches{data: newWatchTable(), child: newWatchTable()} }

// A Notification is an event for one watcher.
type Notification struct {
	Watcher int64
	Event   wire.WatcherEvent
	// Zxid is the transaction, or -1 for what a client missed. ZooKeeper 3.9 sends it in the header of the
	// event, 3.8 always -1.
	Zxid wire.Zxid
	// ACL decides whether the watcher hears of it: send the event only if the connection's Caller.May read.
	// The watch is used up either way. Nil: always.
	ACL []wire.ACL
}

// noZxid marks events that are no transaction's.
const noZxid wire.Zxid = -1

// Data watches the node at path once: its creation, its next change, its deletion.
func (w *Watches) Data(path string, watcher int64) { w.data.add(path, watcher, onceMode) }

// Child watches the children of path once, and the deletion of path itself.
func (w *Watches) Child(path string, watcher int64) { w.child.add(path, watcher, onceMode) }

// Add is addWatch: a watch that stays. ok is false for a mode that does not exist.
func (w *Watches) Add(path string, watcher int64, mode wire.AddWatchMode) (ok bool) {
	switch mode {
	case wire.WatchPersistent:
		w.data.add(path, watcher, persistentMode)
		w.child.add(path, watcher, persistentMode)
	case wire.WatchPersistentRecursive:
		w.data.add(path, watcher, recursiveMode)
	default:
		return false
	}
	return true
}

// Has reports whether the watcher has a watch of this type on path: checkWatches.
func (w *Watches) Has(path string, watcher int64, kind wire.WatcherType) bool {
	data, child := w.data.modes(path, watcher), w.child.modes(path, watcher)
	switch kind {
	case wire.WatcherChildren:
		return child&onceMode != 0
	case wire.WatcherData:
		return data&onceMode != 0
	case wire.WatcherPersistent:
		return data&persistentMode != 0
	case wire.WatcherPersistentRecursive:
		return data&recursiveMode != 0
	case wire.WatcherAny:
		return data|child != 0
	}
	return false
}

// Remove takes back the watches of this type on path and reports whether there were any: removeWatches.
func (w *Watches) Remove(path string, watcher int64, kind wire.WatcherType) bool {
	data, child := watchModes(0), watchModes(0)
	switch kind {
	case wire.WatcherChildren:
		child = onceMode
	case wire.WatcherData:
		data = onceMode
	case wire.WatcherPersistent:
		data, child = persistentMode, persistentMode
	case wire.WatcherPersistentRecursive:
		data = recursiveMode
	case wire.WatcherAny:
		data, child = anyMode, anyMode
	}
	inData, inChild := w.data.remove(path, watcher, data), w.child.remove(path, watcher, child)
	return inData || inChild
}

// Drop forgets a watcher, whose connection has ended.
func (w *Watches) Drop(watcher int64) {
	w.data.drop(watcher)
	w.child.drop(watcher)
}

// Trigger uses up the watches that a change fires and returns the events, in the order in which each watcher
// must get its own. Call it with every change of every transaction applied, in order, and send the events
// before any reply that shows the new state.
func (w *Watches) Trigger(c Change) []Notification {
	var out []Notification
	told := w.data.fire(c.Path)
	out = appendEvents(out, told, c.Type, c.Path, c.Zxid, c.ACL)
	if c.Type == wire.EventDataChanged {
		return out
	}
	if c.Type == wire.EventDeleted {
		others := slices.DeleteFunc(w.child.fire(c.Path), func(watcher int64) bool {
			_, already := slices.BinarySearch(told, watcher)
			return already
		})
		out = appendEvents(out, others, c.Type, c.Path, c.Zxid, c.ACL)
	}
	parent, ok := parentOf(c.Path)
	if !ok {
		return out
	}
	parent = display(parent)
	return appendEvents(out, w.child.fire(parent), wire.EventChildrenChanged, parent, c.Zxid, c.ParentACL)
}

func appendEvents(out []Notification, to []int64, kind wire.EventType, path string, zxid wire.Zxid,
	acl []wire.ACL,
) []Notification {
	for _, watcher := range to {
		event := wire.WatcherEvent{Type: kind, State: wire.StateSyncConnected, Path: path}
		out = append(out, Notification{Watcher: watcher, Event: event, Zxid: zxid, ACL: acl})
	}
	return out
}

// Restore is setWatches: on a new connection a client names the watches it has and the last zxid it saw. Those
// that would have fired since are answered at once, with the returned events; the others are set. What a
// one-shot watch on a missing node waits for is creation, so a node that is there is news.
func (w *Watches) Restore(t *Tree, s *wire.SetWatches, watcher int64) []Notification {
	var out []Notification
	missed := func(kind wire.EventType, path string) {
		out = appendEvents(out, []int64{watcher}, kind, path, noZxid, nil)
	}
	for _, path := range s.Data {
		switch n := t.lookup(path); {
		case n == nil:
			missed(wire.EventDeleted, path)
		case n.stat.Mzxid > s.RelativeZxid:
			missed(wire.EventDataChanged, path)
		default:
			w.Data(path, watcher)
		}
	}
	for _, path := range s.Exist {
		if t.lookup(path) != nil {
			missed(wire.EventCreated, path)
		} else {
			w.Data(path, watcher)
		}
	}
	for _, path := range s.Child {
		switch n := t.lookup(path); {
		case n == nil:
			missed(wire.EventDeleted, path)
		case n.stat.Pzxid > s.RelativeZxid:
			missed(wire.EventChildrenChanged, path)
		default:
			w.Child(path, watcher)
		}
	}
	for _, path := range s.Persistent {
		w.Add(path, watcher, wire.WatchPersistent)
	}
	for _, path := range s.PersistentRecursive {
		w.Add(path, watcher, wire.WatchPersistentRecursive)
	}
	return out
}
