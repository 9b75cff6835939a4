package datatree

import (
	"maps"
	"slices"
)

// WatchCounts holds the numbers of the four-letter word wchs and of the metrics.
type WatchCounts struct {
	// Total counts (path, watcher) pairs of both tables: zk_watch_count.
	Total int
	// As in wchs, these count the data table only: watchers, paths watched, and pairs.
	Watchers, Paths, Watches int
}

// Counts reports how many watches there are.
func (w *Watches) Counts() WatchCounts {
	return WatchCounts{
		Total:    w.data.pairs + w.child.pairs,
		Watchers: len(w.data.byWatcher), Paths: len(w.data.byPath), Watches: w.data.pairs,
	}
}

// EachWatcher calls f with every watcher of the data table and the paths that it watches, both in order, for wchc.
func (w *Watches) EachWatcher(f func(watcher int64, paths []string)) {
	for _, watcher := range sortedIDs(w.data.byWatcher) {
		f(watcher, w.data.byWatcher[watcher].sorted())
	}
}

// EachPath calls f with every path of the data table and its watchers, both in order, for wchp.
func (w *Watches) EachPath(f func(path string, watchers []int64)) {
	for _, path := range slices.Sorted(maps.Keys(w.data.byPath)) {
		watchers := make([]int64, 0, len(w.data.byPath[path]))
		for _, e := range w.data.byPath[path] {
			watchers = append(watchers, e.watcher)
		}
		f(path, watchers)
	}
}
