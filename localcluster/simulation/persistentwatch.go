package simulation

import (
	"sort"
	"strings"

	"zkctl/probe/wire"
)

// persistentWatch is a watch that stays (addWatch), as its client keeps it. What is
// promised: each change behind the zxid at which it was set is reported once, in
// order, before any reply at or behind the zxid of that change. A client that
// changes its connection sets it again, and what happened in between is not
// reported.
type persistentWatch struct {
	path      string
	recursive bool         // the path and all below it, but no changes of children as such
	from      int          // in the journal: everything before was told, or does not concern it
	told      map[int]bool // behind from; the changes of one transaction may be told in any order
}

// entry is one change, as the model keeps them in the order in which they happen.
type entry struct {
	zxid wire.Zxid
	path string
	kind wire.EventType
}

// journalFrom is the first entry behind a zxid.
func (m *model) journalFrom(z wire.Zxid) int {
	return sort.Search(len(m.journal), func(i int) bool { return m.journal[i].zxid > z })
}

// set begins to watch behind a zxid.
func (w *persistentWatch) set(m *model, z wire.Zxid) {
	w.from, w.told = m.journalFrom(z), map[int]bool{}
}

func (w *persistentWatch) concerns(e *entry) bool {
	if !w.recursive {
		return e.path == w.path
	}
	if e.kind == wire.EventChildrenChanged {
		return false
	}
	return e.path == w.path || w.path == "/" || strings.HasPrefix(e.path, w.path+"/")
}

// first is the oldest change that is not told yet.
func (w *persistentWatch) first(m *model) *entry {
	for ; w.from < len(m.journal); w.from++ {
		if !w.told[w.from] && w.concerns(&m.journal[w.from]) {
			return &m.journal[w.from]
		}
		delete(w.told, w.from)
	}
	return nil
}

// take notes that a change is told; false when it is not one of those that are
// next.
func (w *persistentWatch) take(m *model, told entry) bool {
	next := w.first(m)
	if next == nil || next.zxid != told.zxid {
		return false
	}
	for i := w.from; i < len(m.journal) && m.journal[i].zxid == told.zxid; i++ {
		if m.journal[i] == told && !w.told[i] {
			w.told[i] = true
			return true
		}
	}
	return false
}
