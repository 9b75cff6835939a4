package datatree

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// text writes notifications as "watcher:event path".
func text(ns []Notification) string {
	var s []string
	for _, n := range ns {
		s = append(s, fmt.Sprintf("%d:%s %s", n.Watcher, n.Event.Type, n.Event.Path))
	}
	return strings.Join(s, ", ")
}

// fire applies a request and triggers its changes.
func (r *rig) fire(w *Watches, op wire.OpCode, body wire.Record) string {
	r.t.Helper()
	var ns []Notification
	for _, c := range r.do(r.request(rigSession, op, body)).Changes {
		for _, n := range w.Trigger(c) {
			if n.Zxid != r.zxid || n.Event.State != wire.StateSyncConnected {
				r.t.Errorf("notification %+v, want state connected and zxid %s", n, r.zxid)
			}
			ns = append(ns, n)
		}
	}
	return text(ns)
}

func TestTrigger(t *testing.T) {
	const p, r = wire.WatchPersistent, wire.WatchPersistentRecursive
	create := func(path string) wire.Record { return createRequest(path, "", 0) }
	for _, c := range []struct {
		name string
		set  func(w *Watches)
		op   wire.OpCode
		body wire.Record
		want string
	}{
		{"no watcher", func(*Watches) {}, wire.OpCreate, create("/new"), ""},
		{"creation, to exists and to the parent's children",
			func(w *Watches) { w.Data("/new", 2); w.Child("/", 1) },
			wire.OpCreate, create("/new"), "2:created /new, 1:children-changed /"},
		{"creation deeper",
			func(w *Watches) { w.Child("/a", 1); w.Child("/", 1); w.Data("/a", 1) },
			wire.OpCreate, create("/a/new"), "1:children-changed /a"},
		{"data", func(w *Watches) { w.Data("/a", 2); w.Data("/a", 1); w.Child("/a", 3); w.Child("/", 4) },
			wire.OpSetData, setRequest("/a", ""), "1:data-changed /a, 2:data-changed /a"},
		{"the root's data", func(w *Watches) { w.Data("/", 1) }, wire.OpSetData, setRequest("/", ""), "1:data-changed /"},
		{"ACL: no event", func(w *Watches) { w.Data("/a", 1); w.Child("/", 1); w.Add("/", 1, r) },
			wire.OpSetACL, &wire.SetACLRequest{Path: "/a", ACL: open, Version: -1}, ""},
		{"deletion: once to each, then the parent's children",
			func(w *Watches) { w.Data("/a/b", 1); w.Child("/a/b", 1); w.Child("/a/b", 2); w.Child("/a", 1) },
			wire.OpDelete, deleteRequest("/a/b"), "1:deleted /a/b, 2:deleted /a/b, 1:children-changed /a"},
		{"deletion, persistent", func(w *Watches) { w.Add("/a/b", 1, p) }, wire.OpDelete, deleteRequest("/a/b"), "1:deleted /a/b"},
		{"persistent sees children, not grandchildren",
			func(w *Watches) { w.Add("/", 1, p); w.Add("/a", 2, p) },
			wire.OpDelete, deleteRequest("/a/b"), "2:children-changed /a"},
		{"recursive sees everything below, never children as such",
			func(w *Watches) { w.Add("/", 2, r); w.Add("/a", 1, r); w.Add("/a/b", 3, r); w.Add("/a-b", 4, r) },
			wire.OpDelete, deleteRequest("/a/b"), "1:deleted /a/b, 2:deleted /a/b, 3:deleted /a/b"},
		{"recursive and once, one event",
			func(w *Watches) { w.Add("/", 1, r); w.Data("/a", 1) },
			wire.OpSetData, setRequest("/a", ""), "1:data-changed /a"},
		{"a multi, operation by operation",
			func(w *Watches) { w.Add("/a", 1, p) },
			wire.OpMulti, &wire.MultiRequest{Ops: []wire.MultiOp{
				{Op: wire.OpCreate, Request: create("/a/x")}, {Op: wire.OpSetData, Request: setRequest("/a", "")},
				{Op: wire.OpDelete, Request: deleteRequest("/a/x")},
			}}, "1:children-changed /a, 1:data-changed /a, 1:children-changed /a"},
		{"a failed multi: nothing",
			func(w *Watches) { w.Add("/a", 1, p) },
			wire.OpMulti, &wire.MultiRequest{Ops: []wire.MultiOp{
				{Op: wire.OpCreate, Request: create("/a/x")}, {Op: wire.OpDelete, Request: deleteRequest("/none")},
			}}, ""},
		{"a session's end", func(w *Watches) { w.Add("/", 1, r); w.Child("/e", 2) },
			wire.OpCloseSession, nil, "1:deleted /e/1, 2:children-changed /e, 1:deleted /e/2"},
	} {
		rig, w := newRig(t), NewWatches()
		for _, path := range []string{"/a", "/a/b", "/a-b", "/e"} {
			rig.create(path, "")
		}
		for _, path := range []string{"/e/2", "/e/1"} {
			rig.must(rig.request(rigSession, wire.OpCreate, createRequest(path, "", wire.FlagEphemeral)))
		}
		c.set(w)
		if got := rig.fire(w, c.op, c.body); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestOneShotWatchFiresOnce(t *testing.T) {
	rig, w := newRig(t), NewWatches()
	rig.create("/a", "")
	w.Data("/a", 1)
	w.Data("/a", 1)
	w.Add("/a", 2, wire.WatchPersistent)
	w.Data("/a", 2) // both kinds on one path: the persistent one stays
	for i, want := range []string{"1:data-changed /a, 2:data-changed /a", "2:data-changed /a", "2:data-changed /a"} {
		if got := rig.fire(w, wire.OpSetData, setRequest("/a", "")); got != want {
			t.Errorf("change %d: %s, want %s", i, got, want)
		}
	}
	if got := w.Counts(); got != (WatchCounts{Total: 2, Watchers: 1, Paths: 1, Watches: 1}) {
		t.Errorf("left are %+v, want the persistent watch in both tables", got)
	}
}

// The ACL of an event is the one that decides which watchers may get it.
func TestEventACLs(t *testing.T) {
	r := newRig(t)
	r.create("/parent", "")
	secret := []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "ip", ID: "127.0.0.1"}}}
	stranger := Caller{IDs: []wire.ID{{Scheme: "ip", ID: "10.0.0.1"}}}
	events := func(op wire.OpCode, body wire.Record) (heard string) {
		w := NewWatches()
		w.Data("/parent/n", 1)
		w.Child("/parent", 2)
		var ns []Notification
		for _, c := range r.must(r.request(rigSession, op, body)).Changes {
			for _, n := range w.Trigger(c) {
				if stranger.May(wire.PermRead, n.ACL) {
					ns = append(ns, n)
				}
			}
		}
		if got := w.Counts().Watches; got != 0 {
			t.Errorf("%s: %d data watches left, want them removed by events that are not sent", op, got)
		}
		return text(ns)
	}
	if got := events(wire.OpCreate, &wire.CreateRequest{Path: "/parent/n", ACL: secret}); got != "2:children-changed /parent" {
		t.Errorf("creation of a secret node: %q", got)
	}
	if got := events(wire.OpSetData, setRequest("/parent/n", "")); got != "" {
		t.Errorf("change of a secret node: %q", got)
	}
	r.must(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/parent", ACL: secret, Version: -1}))
	if got := events(wire.OpDelete, deleteRequest("/parent/n")); got != "" {
		t.Errorf("deletion of a secret node in a secret one: %q", got)
	}
}

func TestRestore(t *testing.T) {
	r, w := newRig(t), NewWatches()
	r.create("/old", "")
	r.create("/changed", "")
	r.create("/parent", "")
	seen := r.zxid
	r.must(r.request(rigSession, wire.OpSetData, setRequest("/changed", "")))
	r.create("/parent/child", "")
	missed := w.SetWatches(r.tree, &wire.SetWatches{
		RelativeZxid:        seen,
		Data:                []string{"/old", "/changed", "/gone", "/parent"},
		Exist:               []string{"/old", "/missing"},
		Child:               []string{"/old", "/parent", "/gone", "/changed"},
		Persistent:          []string{"/changed"},
		PersistentRecursive: []string{"/parent"},
	}, 3)
	want := "3:data-changed /changed, 3:deleted /gone, 3:created /old, 3:children-changed /parent, 3:deleted /gone"
	if got := text(missed); got != want {
		t.Errorf("missed:\ngot  %s\nwant %s", got, want)
	}
	for _, n := range missed {
		if n.Zxid != -1 || n.ACL != nil {
			t.Errorf("missed %+v, want zxid -1 and no ACL", n)
		}
	}
	var set []string
	w.EachPath(func(path string, watchers []int64) { set = append(set, fmt.Sprintf("data %s %v", path, watchers)) })
	for _, path := range slices.Sorted(maps.Keys(w.child.byPath)) {
		set = append(set, "child "+path)
	}
	wantSet := []string{
		"data /changed [3]", "data /missing [3]", "data /old [3]", "data /parent [3]",
		"child /changed", "child /old",
	}
	if !slices.Equal(set, wantSet) {
		t.Errorf("set:\ngot  %q\nwant %q", set, wantSet)
	}
}

func TestHasAndRemove(t *testing.T) {
	kinds := []wire.WatcherType{
		wire.WatcherChildren, wire.WatcherData, wire.WatcherAny, wire.WatcherPersistent, wire.WatcherPersistentRecursive,
	}
	setters := map[string]func(w *Watches){
		"child":      func(w *Watches) { w.Child("/a", 1) },
		"data":       func(w *Watches) { w.Data("/a", 1) },
		"persistent": func(w *Watches) { w.Add("/a", 1, wire.WatchPersistent) },
		"recursive":  func(w *Watches) { w.Add("/a", 1, wire.WatchPersistentRecursive) },
	}
	matches := map[string][]wire.WatcherType{
		"child":      {wire.WatcherChildren, wire.WatcherAny},
		"data":       {wire.WatcherData, wire.WatcherAny},
		"persistent": {wire.WatcherAny, wire.WatcherPersistent},
		"recursive":  {wire.WatcherAny, wire.WatcherPersistentRecursive},
	}
	for name, set := range setters {
		for _, kind := range kinds {
			w := NewWatches()
			set(w)
			want := slices.Contains(matches[name], kind)
			if got := w.Has("/a", 1, kind); got != want {
				t.Errorf("has %s of a %s watch: %v", kind, name, got)
			}
			if w.Has("/a", 2, kind) || w.Has("/b", 1, kind) || w.Remove("/a", 2, kind) || w.Remove("/b", 1, kind) {
				t.Errorf("%s: another watcher, or another path, has the %s watch too", kind, name)
			}
			if got := w.Remove("/a", 1, kind); got != want {
				t.Errorf("remove %s of a %s watch: %v", kind, name, got)
			}
			if left := w.Counts().Total; (left == 0) != want {
				t.Errorf("after remove %s of a %s watch %d are left", kind, name, left)
			}
		}
	}
	// Removing one kind leaves the others.
	w := NewWatches()
	for _, set := range setters {
		set(w)
	}
	if !w.Remove("/a", 1, wire.WatcherData) || w.Has("/a", 1, wire.WatcherData) ||
		!w.Has("/a", 1, wire.WatcherPersistent) || !w.Has("/a", 1, wire.WatcherPersistentRecursive) || !w.Has("/a", 1, wire.WatcherChildren) {
		t.Error("removing the data watch removed others, or not itself")
	}
	if w.Add("/a", 1, 2) {
		t.Error("added a watch of mode 2, which does not exist")
	}
	if w.Has("/a", 1, 0) || w.Remove("/a", 1, 6) {
		t.Error("types 0 and 6 do not exist")
	}
}

// TestWatchTable compares a table with a plain list under random operations.
func TestWatchTable(t *testing.T) {
	rng := newRand(t)
	type pair struct {
		path    string
		watcher int64
	}
	table, list := newWatchTable(), map[pair]watchModes{}
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/ab"}
	mode := func() watchModes { return watchModes(1) << rng.IntN(3) }
	for range 20000 {
		p := pair{paths[rng.IntN(len(paths))], rng.Int64N(6)}
		switch rng.IntN(10) {
		case 0:
			table.removeWatcher(p.watcher)
			maps.DeleteFunc(list, func(q pair, _ watchModes) bool { return q.watcher == p.watcher })
		case 1, 2, 3:
			m := mode()
			if got, want := table.remove(p.path, p.watcher, m), list[p]&m != 0; got != want {
				t.Fatalf("remove %v: %v, want %v", p, got, want)
			}
			if list[p] &^= m; list[p] == 0 {
				delete(list, p)
			}
		case 4:
			var want []int64
			for q, modes := range list {
				below := q.path == "/" || strings.HasPrefix(p.path, q.path+"/")
				if q.path == p.path || below && modes&recursiveMode != 0 {
					want = append(want, q.watcher)
				}
			}
			slices.Sort(want)
			if got := table.fire(p.path); !slices.Equal(got, slices.Compact(want)) {
				t.Fatalf("fire %s: %v, want %v", p.path, got, want)
			}
			for q := range list {
				if q.path == p.path {
					if list[q] &^= onceMode; list[q] == 0 {
						delete(list, q)
					}
				}
			}
		default:
			m := mode()
			table.add(p.path, p.watcher, m)
			list[p] |= m
		}
		checkTable(t, &table, len(list))
		for q, m := range list {
			if table.modes(q.path, q.watcher) != m {
				t.Fatalf("%v has modes %b, want %b", q, table.modes(q.path, q.watcher), m)
			}
		}
	}
}

// checkTable checks that the counters and both indexes agree.
func checkTable(t *testing.T, table *watchTable, pairs int) {
	t.Helper()
	n, recursive := 0, 0
	for path, entries := range table.byPath {
		if len(entries) == 0 {
			t.Fatalf("%s is kept without watchers", path)
		}
		for _, e := range entries {
			n++
			if e.modes&recursiveMode != 0 {
				recursive++
			}
			if _, ok := table.byWatcher[e.watcher][path]; !ok {
				t.Fatalf("watcher %d does not know of %s", e.watcher, path)
			}
		}
	}
	for _, paths := range table.byWatcher {
		n -= len(paths)
	}
	if n != 0 || table.pairs != pairs || table.recursive != recursive {
		t.Fatalf("%d more by path than by watcher, %d pairs of %d, %d recursive of %d", n, table.pairs, pairs, table.recursive, recursive)
	}
}

func BenchmarkTrigger(b *testing.B) {
	w := NewWatches()
	for i := range int64(10000) {
		w.Data(fmt.Sprintf("/app/node-%d", rand.Int64N(1000)), i)
	}
	change := Change{Type: wire.EventDataChanged, Path: "/app/node-1", ACL: open}
	for b.Loop() {
		for _, n := range w.Trigger(change) {
			w.Data("/app/node-1", n.Watcher)
		}
	}
}

// BenchmarkFire measures the time per watcher, which must not grow with the number of watchers of a node.
func BenchmarkFire(b *testing.B) {
	for _, watchers := range []int64{1000, 50000} {
		b.Run(fmt.Sprint(watchers), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				table := newWatchTable()
				for i := range watchers {
					table.add("/lock", i, onceMode)
				}
				b.StartTimer()
				table.fire("/lock")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(watchers), "ns/watcher")
		})
	}
}
