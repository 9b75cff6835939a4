package drill

import (
	"maps"
	"slices"
	"sync"

	"zkctl/inject/history"
	"zkctl/probe/wire"
)

// watchTable is a client's table of the watches that it has left, from which it sets them again on a new connection, as
// ZooKeeper's client libraries do. The connection's reader fills it, in the order of replies and events.
type watchTable struct {
	mu                    sync.Mutex
	data, exist, child    map[string]bool
	persistent, recursive map[string]bool
}

func newWatchTable() watchTable {
	return watchTable{
		data: map[string]bool{}, exist: map[string]bool{}, child: map[string]bool{},
		persistent: map[string]bool{}, recursive: map[string]bool{},
	}
}

// forget is for a session that has expired: its watches ended with it.
func (t *watchTable) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range []map[string]bool{t.data, t.exist, t.child, t.persistent, t.recursive} {
		clear(m)
	}
}

// answered notes the watch that an operation has left.
func (t *watchTable) answered(op *history.Op) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case op.Code == wire.OpAddWatch && op.Err == wire.OK:
		var r wire.AddWatchRequest
		if wire.Unmarshal(op.Request, &r) != nil {
			return // the client has encoded it itself
		}
		if r.Mode == wire.WatchPersistentRecursive {
			t.recursive[r.Path] = true
		} else {
			t.persistent[r.Path] = true
		}
	case !op.Watch:
	case op.Code == wire.OpExists && op.Err == wire.ErrNoNode:
		t.exist[op.Path] = true
	case op.Err != wire.OK:
	case op.Code == wire.OpExists, op.Code == wire.OpGetData:
		t.data[op.Path] = true
	case op.Code == wire.OpGetChildren, op.Code == wire.OpGetChildren2:
		t.child[op.Path] = true
	}
}

// fired takes out the watches that end with an event.
func (t *watchTable) fired(e wire.WatcherEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Type {
	case wire.EventCreated, wire.EventDataChanged:
		delete(t.data, e.Path)
		delete(t.exist, e.Path)
	case wire.EventChildrenChanged:
		delete(t.child, e.Path)
	case wire.EventDeleted:
		delete(t.data, e.Path)
		delete(t.exist, e.Path)
		delete(t.child, e.Path)
	}
}

// restore is the request that sets all watches again; nil when there are none.
func (t *watchTable) restore(seen wire.Zxid) *wire.SetWatches {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &wire.SetWatches{
		RelativeZxid: seen,
		Data:         slices.Sorted(maps.Keys(t.data)), Exist: slices.Sorted(maps.Keys(t.exist)), Child: slices.Sorted(maps.Keys(t.child)),
		Persistent: slices.Sorted(maps.Keys(t.persistent)), PersistentRecursive: slices.Sorted(maps.Keys(t.recursive)),
	}
	s.V2 = len(s.Persistent)+len(s.PersistentRecursive) > 0
	if !s.V2 && len(s.Data)+len(s.Exist)+len(s.Child) == 0 {
		return nil
	}
	return s
}
