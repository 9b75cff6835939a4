package history

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"zkctl/probe/wire"
)

// Read is what a read at zxid z must answer.
func (m *Model) Read(op wire.OpCode, path string, z wire.Zxid) (wire.Record, wire.ErrCode) {
	n := m.asOf(path, z)
	if n == nil {
		return nil, wire.ErrNoNode
	}
	switch op {
	case wire.OpExists:
		return &wire.StatResponse{Stat: n.stat()}, wire.OK
	case wire.OpGetData:
		return &wire.DataResponse{Data: n.data, Stat: n.stat()}, wire.OK
	case wire.OpGetChildren:
		return &wire.ChildrenResponse{Children: m.childrenAsOf(path, z)}, wire.OK
	case wire.OpGetAllChildrenNumber:
		return &wire.CountResponse{Count: m.below(path, z)}, wire.OK
	}
	return &wire.Children2Response{Children: m.childrenAsOf(path, z), Stat: n.stat()}, wire.OK
}

// ReadMany is what a multiRead at zxid z must answer: all of it at that one zxid.
func (m *Model) ReadMany(ops []wire.MultiOp, z wire.Zxid) wire.Record {
	r := &wire.MultiResponse{}
	for _, op := range ops {
		body, code := m.Read(op.Op, op.Request.(*wire.PathWatchRequest).Path, z)
		result := wire.MultiResult{Op: op.Op, Response: body}
		if code != wire.OK {
			result = wire.MultiResult{Op: wire.OpError, Err: code}
		}
		r.Results = append(r.Results, result)
	}
	return r
}

// childrenAsOf are the names of the children at zxid z, in order. They are valid until the
// next call.
func (m *Model) childrenAsOf(path string, z wire.Zxid) []string {
	n := m.nodes[path]
	if n == nil {
		return nil
	}
	n.moveTo(sort.Search(len(n.births), func(i int) bool { return n.births[i].zxid > z }))
	return n.live
}

// moveTo makes live the children after the first births. Readers are near each other in
// time, so that the way from one to the next is short, however many children have come and gone.
func (n *node) moveTo(births int) {
	for ; n.cursor < births; n.cursor++ {
		n.step(n.births[n.cursor].name, n.births[n.cursor].alive)
	}
	for ; n.cursor > births; n.cursor-- {
		n.step(n.births[n.cursor-1].name, !n.births[n.cursor-1].alive)
	}
}

func (n *node) step(name string, alive bool) {
	i, found := slices.BinarySearch(n.live, name)
	switch {
	case alive && !found:
		n.live = slices.Insert(n.live, i, name)
	case !alive && found:
		n.live = slices.Delete(n.live, i, i+1)
	}
}

// below counts the nodes below a path, at any depth.
func (m *Model) below(path string, z wire.Zxid) (count int32) {
	for _, name := range m.childrenAsOf(path, z) {
		count += 1 + m.below(join(path, name), z)
	}
	return count
}

// missedBy gives the events of a path that setWatches may report to a client that has
// seen zxid z and comes to a server at zxid now, whatever kind of watch it has.
func (m *Model) missedBy(path string, z, now wire.Zxid) (kinds []wire.EventType) {
	n := m.asOf(path, now)
	if n == nil {
		return []wire.EventType{wire.EventDeleted}
	}
	kinds = append(kinds, wire.EventCreated) // for an exists watch on a node that did not exist
	if n.mzxid > z {
		kinds = append(kinds, wire.EventDataChanged)
	}
	if n.pzxid > z {
		kinds = append(kinds, wire.EventChildrenChanged)
	}
	return kinds
}

// firstChange is the first change of a path after zxid z that a watch of this
// kind reports.
func (m *Model) firstChange(path string, child bool, z wire.Zxid) (change, bool) {
	n := m.nodes[path]
	if n == nil {
		return change{}, false
	}
	list := n.data
	if child {
		list = n.child
	}
	i := sort.Search(len(list), func(i int) bool { return list[i].zxid > z })
	if i == len(list) {
		return change{}, false
	}
	return list[i], true
}

// Same compares a whole tree with the model.
func (m *Model) Same(v View) error { return m.sameAt(v, m.at) }

// sameAt compares a tree that is at zxid z.
func (m *Model) sameAt(v View, z wire.Zxid) error {
	nodes := 0
	for _, path := range slices.Sorted(maps.Keys(m.nodes)) {
		n := m.asOf(path, z)
		if n == nil || !m.inside(path) {
			continue
		}
		data, stat, acl, ok := v.Node(path)
		switch {
		case !ok:
			return fmt.Errorf("%s is missing", path)
		case !slices.Equal(acl, wire.OpenACL()):
			return fmt.Errorf("%s has the ACL %v, and should have %v", path, acl, wire.OpenACL())
		case path == "/zookeeper":
			continue // the view does not count it, and what is below is not modelled
		case stat != n.stat() || string(data) != string(n.data):
			return fmt.Errorf("%s is %s, and should be %s", path, shown(data, stat, true), shown(n.data, n.stat(), true))
		}
		nodes++
	}
	if m.root != "" {
		return nil // the rest was there before
	}
	if got := v.Nodes(); got != nodes {
		return fmt.Errorf("%d nodes, but there should be %d", got, nodes)
	}
	return m.sameSessions(v, z)
}

func (m *Model) sameSessions(v View, z wire.Zxid) error {
	alive := 0
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		s := m.sessions[id]
		if s.created > z || s.closed != 0 && s.closed <= z {
			continue
		}
		alive++
		if got, ok := v.Session(id); !ok || got != s.timeout {
			return fmt.Errorf("session %x has the timeout %d, and should have %d", uint64(id), got, s.timeout)
		}
	}
	if got := v.Sessions(); got != alive {
		return fmt.Errorf("%d sessions, but there should be %d", got, alive)
	}
	return nil
}
