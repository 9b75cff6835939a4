package history

import (
	"sort"
	"strings"

	"zkctl/probe/wire"
)

// persistentWatch is a watch of addWatch, as its client keeps it. ZooKeeper promises that
// it reports each change after the zxid at which it was set once, in order, and before any
// reply at or after the zxid of that change. A client on a new connection sets it again;
// it does not report what happened in between.
type persistentWatch struct {
	path      string
	recursive bool         // the path and all below it, but no NodeChildrenChanged
	from      int          // in the journal: everything before was reported, or does not concern it
	reported  map[int]bool // at or after from; the changes of one transaction may be reported in any order
}

// entry is one change in the model's journal, which has them in order.
type entry struct {
	zxid wire.Zxid
	path string
	kind wire.EventType
}

// journalFrom is the index of the first entry after a zxid.
func (m *Model) journalFrom(z wire.Zxid) int {
	return sort.Search(len(m.journal), func(i int) bool { return m.journal[i].zxid > z })
}

// set begins to watch after a zxid.
func (w *persistentWatch) set(m *Model, z wire.Zxid) {
	w.from, w.reported = m.journalFrom(z), map[int]bool{}
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

// first is the oldest change that is not reported yet.
func (w *persistentWatch) first(m *Model) *entry {
	for ; w.from < len(m.journal); w.from++ {
		if !w.reported[w.from] && w.concerns(&m.journal[w.from]) {
			return &m.journal[w.from]
		}
		delete(w.reported, w.from)
	}
	return nil
}

// report notes a change that is reported, whose zxid is 0 if the server does not say it;
// false when another one is due.
func (w *persistentWatch) report(m *Model, change entry) bool {
	next := w.first(m)
	if next == nil || change.zxid != 0 && next.zxid != change.zxid {
		return false
	}
	change.zxid = next.zxid
	for i := w.from; i < len(m.journal) && m.journal[i].zxid == change.zxid; i++ {
		if m.journal[i] == change && !w.reported[i] {
			w.reported[i] = true
			return true
		}
	}
	return false
}
