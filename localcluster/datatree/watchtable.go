package datatree

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// watchModes is the set of ways in which one watcher watches one path. ZooKeeper 3.9 lets them coexist; in
// 3.8 the last one set replaced the others.
type watchModes uint8

const (
	onceMode       watchModes = 1 << iota // removed when it fires
	persistentMode                        // stays; watches the path
	recursiveMode                         // stays; watches the path and everything below
	anyMode        = onceMode | persistentMode | recursiveMode
)

// watchEntry is one watcher of a path.
type watchEntry struct {
	watcher int64
	modes   watchModes // not empty
}

// watchTable is a set of (path, watcher, modes), indexed by path for changes of nodes and by watcher for the end
// of connections. Most paths have one watcher, so the watchers of a path are a sorted slice, in the order in
// which they are notified.
type watchTable struct {
	byPath    map[string][]watchEntry
	byWatcher map[int64]pathSet
	pairs     int // number of (path, watcher)
	recursive int // number of pairs with recursiveMode; while it is 0, fire skips the paths above
}

func newWatchTable() watchTable {
	return watchTable{byPath: make(map[string][]watchEntry), byWatcher: make(map[int64]pathSet)}
}

func byWatcher(e watchEntry, watcher int64) int { return cmp.Compare(e.watcher, watcher) }

// modes returns how a watcher watches exactly this path.
func (t *watchTable) modes(path string, watcher int64) watchModes {
	entries := t.byPath[path]
	if i, found := slices.BinarySearchFunc(entries, watcher, byWatcher); found {
		return entries[i].modes
	}
	return 0
}

func (t *watchTable) add(path string, watcher int64, m watchModes) {
	old := t.modes(path, watcher)
	t.set(path, watcher, old, old|m)
}

// remove removes modes and reports whether any of them was set.
func (t *watchTable) remove(path string, watcher int64, m watchModes) bool {
	old := t.modes(path, watcher)
	t.set(path, watcher, old, old&^m)
	return old&m != 0
}

// set changes how one watcher watches one path.
func (t *watchTable) set(path string, watcher int64, old, modes watchModes) {
	if old == modes {
		return
	}
	if modes&recursiveMode != 0 {
		t.recursive++
	}
	if old&recursiveMode != 0 {
		t.recursive--
	}
	entries := t.byPath[path]
	i, _ := slices.BinarySearchFunc(entries, watcher, byWatcher)
	switch {
	case old == 0:
		t.byPath[path] = slices.Insert(entries, i, watchEntry{watcher, modes})
		if t.byWatcher[watcher] == nil {
			t.byWatcher[watcher] = make(pathSet)
		}
		t.byWatcher[watcher][path] = struct{}{}
		t.pairs++
	case modes == 0:
		if t.byPath[path] = slices.Delete(entries, i, i+1); len(entries) == 1 {
			delete(t.byPath, path)
		}
		t.unlist(path, watcher)
	default:
		entries[i].modes = modes
	}
}

// removeWatcher removes all watches of a watcher.
func (t *watchTable) removeWatcher(watcher int64) {
	for _, path := range t.byWatcher[watcher].sorted() {
		t.set(path, watcher, t.modes(path, watcher), 0)
	}
}

// fire returns, in order, the watchers of an event at path: those of the path, and the recursive ones of the paths
// above. It removes the one-shot watches of the path in one pass.
func (t *watchTable) fire(path string) []int64 {
	watchers := t.removeOneShot(path)
	if t.recursive == 0 {
		return watchers
	}
	for above := range pathsAbove(path) {
		for _, e := range t.byPath[above] {
			if e.modes&recursiveMode != 0 {
				watchers = append(watchers, e.watcher)
			}
		}
	}
	slices.Sort(watchers)
	return slices.Compact(watchers)
}

// removeOneShot removes the one-shot watches of a path and returns all watchers that the path had.
func (t *watchTable) removeOneShot(path string) []int64 {
	entries := t.byPath[path]
	if len(entries) == 0 {
		return nil
	}
	watchers := make([]int64, len(entries))
	kept := entries[:0]
	for i, e := range entries {
		watchers[i] = e.watcher
		if e.modes &^= onceMode; e.modes != 0 {
			kept = append(kept, e)
			continue
		}
		t.unlist(path, e.watcher)
	}
	if t.byPath[path] = kept; len(kept) == 0 {
		delete(t.byPath, path)
	}
	return watchers
}

// unlist removes a path from a watcher's set.
func (t *watchTable) unlist(path string, watcher int64) {
	if delete(t.byWatcher[watcher], path); len(t.byWatcher[watcher]) == 0 {
		delete(t.byWatcher, watcher)
	}
	t.pairs--
}

// pathsAbove yields the proper ancestors of a path, the nearest first and "/" last.
func pathsAbove(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(path) > 1 {
			cut := strings.LastIndexByte(path, '/')
			if cut < 0 {
				return
			}
			path = display(path[:cut])
			if !yield(path) {
				return
			}
		}
	}
}
