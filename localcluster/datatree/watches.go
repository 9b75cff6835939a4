package datatree

import (
	"slices"

	"zkctl/probe/wire"
)

// Watches holds the watches of the clients of one server (WatchManager). They are not replicated: a client that
// moves to another server sets its watches there again (setWatches).
//
// There are two tables. exists and getData set watches in the data table, getChildren in the child table. A
// persistent watch is in both. A recursive one is in the data table only: it reports every node created or
// deleted below its path, and never "children changed":
//
//	transaction   data table             child table
//	create /a/b   /a/b created           /a   children changed
//	delete /a/b   /a/b deleted           /a/b deleted, except to watchers in the data table
//	                                     /a   children changed
//	set /a/b      /a/b data changed
//
// A watcher is the number of a connection. Watchers are notified of the same event in the order of their numbers.
// A number may be used again only after RemoveWatcher.
type Watches struct {
	data, child watchTable
}

// NewWatches returns an empty set.
func NewWatches() *Watches { return &Watches{data: newWatchTable(), child: newWatchTable()} }

// A Notification is an event for one watcher.
type Notification struct {
	Watcher int64
	Event   wire.WatcherEvent
	// Zxid is the transaction's, or -1 for an event that setWatches returns. ZooKeeper 3.9 sends it in the header
	// of the event, 3.8 always -1.
	Zxid wire.Zxid
	// ACL decides whether the event is sent: only if the connection's Caller.May read. The watch is removed
	// either way. Nil: send it always.
	ACL []wire.ACL
}

// noZxid marks events that belong to no transaction.
const noZxid wire.Zxid = -1

// Data sets a one-shot watch on the node at path: on its creation, its next change or its deletion.
func (w *Watches) Data(path string, watcher int64) { w.data.add(path, watcher, onceMode) }

// Child sets a one-shot watch on the children of path, and on the deletion of path itself.
func (w *Watches) Child(path string, watcher int64) { w.child.add(path, watcher, onceMode) }

// Add is addWatch, which sets a persistent watch. ok is false for a mode that does not exist.
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

// Has is checkWatches: it reports whether the watcher has a watch of this type on path.
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

// Remove is removeWatches: it removes the watches of this type on path and reports whether there were any.
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

// RemoveWatcher removes all watches of a connection that has ended.
func (w *Watches) RemoveWatcher(watcher int64) {
	w.data.removeWatcher(watcher)
	w.child.removeWatcher(watcher)
}

// Trigger fires the watches of a change and returns the events, in the order in which they must be sent. Call it
// with every change of every transaction applied, in order, and send the events before any reply that shows the
// new state.
func (w *Watches) Trigger(c Change) []Notification {
	var out []Notification
	watchers := w.data.fire(c.Path)
	out = appendEvents(out, watchers, c.Type, c.Path, c.Zxid, c.ACL)
	if c.Type == wire.EventDataChanged {
		return out
	}
	if c.Type == wire.EventDeleted {
		others := slices.DeleteFunc(w.child.fire(c.Path), func(watcher int64) bool {
			_, already := slices.BinarySearch(watchers, watcher)
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

// SetWatches is setWatches: on a new connection a client sends its watches and the last zxid that it saw. It
// returns the events of watches that would have fired since, and sets the others. A one-shot watch on a missing
// node (Exist) waits for the creation of the node: if the node exists, it has fired.
func (w *Watches) SetWatches(t *Tree, s *wire.SetWatches, watcher int64) []Notification {
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
