package datatree

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// model is a second, simple state machine: it applies requests to a map at once, without transactions, outstanding
// changes or indexes. It has no ACLs.
type model struct{ nodes map[string]modelNode }

type modelNode struct {
	data     []byte
	creates  int32 // number of children ever created
	deletes  int32
	stat     wire.Stat // without the counted fields
	special  string    // "", "session", "container", "ttl"
	children int32     // built-in children, which creates does not count
}

func newModel() *model {
	m := &model{nodes: map[string]modelNode{
		"": {data: []byte{}, children: 1}, zookeeperPath: {data: []byte{}, children: 2},
		quotaPath: {data: []byte{}}, configPath: {data: []byte{}, stat: wire.Stat{Aversion: -1}},
	}}
	return m
}

func (m *model) clone() *model { return &model{nodes: maps.Clone(m.nodes)} }

func (m *model) childCount(path string) (n int32) {
	for p := range m.nodes {
		if rest, below := strings.CutPrefix(p, path+"/"); below && !strings.Contains(rest, "/") {
			n++
		}
	}
	return n
}

func (m *model) visible(path string) wire.Stat {
	n := m.nodes[path]
	s := n.stat
	s.NumChildren = m.childCount(path)
	s.Cversion = n.creates + n.deletes - n.children
	s.DataLength = int32(len(n.data))
	return s
}

type modelResult struct {
	err  wire.ErrCode
	path string
	stat wire.Stat
}

func fail(err wire.ErrCode) modelResult { return modelResult{err: err} }

func (m *model) create(path string, data []byte, flags int32, kind string, at stamp) modelResult {
	if flags == 2 || flags == 3 || flags == 6 {
		// If the parent does not exist, the create fails and the number does not matter.
		cut := strings.LastIndexByte(path, '/')
		path += fmt.Sprintf("%010d", m.nodes[strings.TrimSuffix(path[:cut+1], "/")].creates)
	}
	cut := strings.LastIndexByte(path, '/')
	parent, ok := m.nodes[path[:cut]]
	switch {
	case !ok:
		return fail(wire.ErrNoNode)
	case wire.ValidatePath(path) != nil:
		return fail(wire.ErrBadArguments)
	}
	if _, exists := m.nodes[key(path)]; exists {
		return fail(wire.ErrNodeExists)
	}
	if parent.special == "session" {
		return fail(wire.ErrNoChildrenForEphemerals)
	}
	parent.creates++
	parent.stat.Pzxid = at.zxid
	m.nodes[path[:cut]] = parent
	n := modelNode{data: data, special: kind, stat: wire.Stat{
		Czxid: at.zxid, Mzxid: at.zxid, Pzxid: at.zxid, Ctime: at.millis, Mtime: at.millis,
	}}
	if kind == "" && (flags == 1 || flags == 3) {
		n.special, n.stat.EphemeralOwner = "session", at.session
	}
	m.nodes[path] = n
	return modelResult{path: path, stat: m.visible(path)}
}

func (m *model) remove(path string, at stamp) {
	delete(m.nodes, path)
	parentPath := path[:strings.LastIndexByte(path, '/')]
	parent := m.nodes[parentPath]
	parent.deletes++
	parent.stat.Pzxid = at.zxid
	m.nodes[parentPath] = parent
}

func (m *model) do(op wire.OpCode, body wire.Record, at stamp) modelResult {
	switch b := body.(type) {
	case *wire.CreateRequest:
		if op == wire.OpCreateContainer {
			return m.create(b.Path, b.Data, b.Flags, "container", at)
		}
		return m.create(b.Path, b.Data, b.Flags, "", at)
	case *wire.CreateTTLRequest:
		return m.create(b.Path, b.Data, b.Flags, "ttl", at)
	case *wire.DeleteRequest:
		n, ok := m.nodes[b.Path]
		_, parent := m.nodes[b.Path[:strings.LastIndexByte(b.Path, '/')]]
		switch {
		case slices.Contains([]string{"/", zookeeperPath, quotaPath, configPath}, b.Path):
			return fail(wire.ErrBadArguments)
		case !parent || !ok:
			return fail(wire.ErrNoNode)
		case b.Version >= 0 && b.Version != n.stat.Version:
			return fail(wire.ErrBadVersion)
		case m.childCount(b.Path) > 0:
			return fail(wire.ErrNotEmpty)
		}
		m.remove(b.Path, at)
		return modelResult{path: b.Path}
	case *wire.SetDataRequest:
		return m.change(b.Path, b.Version, false, func(n *modelNode) {
			n.data = b.Data
			n.stat.Version, n.stat.Mzxid, n.stat.Mtime = n.stat.Version+1, at.zxid, at.millis
		})
	case *wire.SetACLRequest:
		return m.change(b.Path, b.Version, true, func(n *modelNode) { n.stat.Aversion++ })
	case *wire.CheckVersionRequest:
		r := m.change(b.Path, b.Version, false, func(*modelNode) {})
		r.stat = wire.Stat{}
		return r
	}
	panic(op)
}

func (m *model) change(path string, version int32, ofACL bool, f func(*modelNode)) modelResult {
	n, ok := m.nodes[key(path)]
	current := n.stat.Version
	if ofACL {
		current = n.stat.Aversion
	}
	switch {
	case wire.ValidatePath(path) != nil:
		return fail(wire.ErrBadArguments)
	case !ok:
		return fail(wire.ErrNoNode)
	case version >= 0 && version != current:
		return fail(wire.ErrBadVersion)
	}
	f(&n)
	m.nodes[key(path)] = n
	return modelResult{path: path, stat: m.visible(key(path))}
}

// multi applies all operations or none.
func (m *model) multi(ops []wire.MultiOp, at stamp) []modelResult {
	results := make([]modelResult, len(ops))
	before := m.clone()
	for i, op := range ops {
		results[i] = m.do(op.Op, op.Request, at)
		if results[i].err == wire.OK {
			continue
		}
		m.nodes = before.nodes
		for j := range results {
			switch {
			case j < i:
				results[j] = modelResult{}
			case j > i:
				results[j] = fail(wire.ErrRuntimeInconsistency)
			}
		}
		break
	}
	return results
}

func (m *model) closeSession(session int64, at stamp) {
	for _, path := range slices.Sorted(maps.Keys(m.nodes)) {
		if m.nodes[path].stat.EphemeralOwner == session {
			m.remove(path, at)
		}
	}
}

// check compares a tree with the model, node by node.
func (m *model) check(t *testing.T, tree *Tree) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(m.nodes)) {
		stat, ok := tree.Stat(path)
		data, _ := tree.Data(path)
		n := m.nodes[path]
		if want := m.visible(path); !ok || stat != want || string(data) != string(n.data) || (data == nil) != (n.data == nil) {
			t.Fatalf("node %q: %v %+v %q, model has %+v %q", path, ok, stat, data, want, n.data)
		}
		if below := tree.Children(path); int32(len(below)) != stat.NumChildren {
			t.Fatalf("node %q: %d children, lists %q", path, stat.NumChildren, below)
		}
	}
	checkTree(t, tree)
	if got, want := tree.Counts().Nodes, len(m.nodes)+1; got != want {
		t.Fatalf("%d nodes, model has %d", got, want)
	}
}

// TestModel runs random requests through a Preparer that is a random number of transactions ahead of its tree,
// and through the model, and compares results and trees.
func TestModel(t *testing.T) {
	rng := newRand(t)
	r, m := newRig(t), newModel()
	r.prep = NewPreparer(r.tree, PreparerOptions{Sessions: r.sessions, SkipACL: true})
	sessions := []int64{rigSession, rigSession + 1, rigSession + 2}
	r.open(sessions[1])
	r.open(sessions[2])
	traffic := traffic{rng: rng, sessions: sessions}

	var expected [][]modelResult // results of the transactions not yet applied
	apply := func(n int) {
		for range n {
			compareResults(t, r.apply(), expected[0])
			expected = expected[1:]
		}
	}
	for range 6000 {
		session, op, body := traffic.next()
		q := r.request(session, op, body)
		r.prepare(q)
		at := stamp{zxid: r.zxid, millis: r.millis, session: session}
		switch b := body.(type) {
		case *wire.MultiRequest:
			expected = append(expected, m.multi(b.Ops, at))
		case nil:
			m.closeSession(session, at)
			expected = append(expected, []modelResult{{}})
			apply(len(expected))
			m.check(t, r.tree)
			r.open(session)
			continue
		default:
			expected = append(expected, []modelResult{m.do(op, body, at)})
		}
		apply(rng.IntN(len(expected) + 1))
		if got := r.prep.Outstanding(); len(expected) == 0 && got != 0 {
			t.Fatalf("%d changes outstanding with everything applied", got)
		}
	}
	apply(len(expected))
	m.check(t, r.tree)
}

func compareResults(t *testing.T, got Result, want []modelResult) {
	t.Helper()
	results := got.Multi
	if got.Type != wire.OpMulti {
		results = []Result{got}
	}
	if len(results) != len(want) {
		t.Fatalf("zxid %s: %d results, want %d", got.Zxid, len(results), len(want))
	}
	for i, g := range results {
		if g.Err != want[i].err || g.Path != want[i].path || g.Stat != want[i].stat {
			t.Fatalf("zxid %s operation %d, %s: got %v %q %+v\nwant %v %q %+v", got.Zxid, i, g.Type,
				g.Err, g.Path, g.Stat, want[i].err, want[i].path, want[i].stat)
		}
	}
}
