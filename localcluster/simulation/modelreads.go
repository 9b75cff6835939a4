package simulation

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// read is what a read at zxid z must answer.
func (m *model) read(op wire.OpCode, path string, z wire.Zxid) (wire.Record, wire.ErrCode) {
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

// below counts the nodes below a path, at any depth.
func (m *model) below(path string, z wire.Zxid) (count int32) {
	for _, name := range m.childrenAsOf(path, z) {
		count += 1 + m.below(join(path, name), z)
	}
	return count
}

// readMany is what a multiRead at zxid z must answer: all of it at that one zxid.
func (m *model) readMany(ops []wire.MultiOp, z wire.Zxid) wire.Record {
	r := &wire.MultiResponse{}
	for _, op := range ops {
		body, code := m.read(op.Op, op.Request.(*wire.PathWatchRequest).Path, z)
		result := wire.MultiResult{Op: op.Op, Response: body}
		if code != wire.OK {
			result = wire.MultiResult{Op: wire.OpError, Err: code}
		}
		r.Results = append(r.Results, result)
	}
	return r
}

// missedBy gives the events of a path that setWatches may report to a client that has
// seen zxid z and comes to a server at zxid now, whatever kind of watch it has.
func (m *model) missedBy(path string, z, now wire.Zxid) (kinds []wire.EventType) {
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

// sameAs compares a whole tree with the model.
func (m *model) sameAs(t *datatree.Tree) error {
	nodes := 0
	for _, path := range slices.Sorted(maps.Keys(m.nodes)) {
		n := m.get(path)
		if n == nil {
			continue
		}
		nodes++
		stat, ok := t.Stat(path)
		if !ok {
			return fmt.Errorf("%s is missing", path)
		}
		data, _ := t.Data(path)
		if r, _ := t.GetACL(path, datatree.Caller{SkipACL: true}); !slices.Equal(r.ACL, wire.OpenACL()) {
			return fmt.Errorf("%s has the ACL %v, and should have %v", path, r.ACL, wire.OpenACL())
		}
		if path != "/zookeeper" && stat != n.stat() || string(data) != string(n.data) {
			return fmt.Errorf("%s is %q %+v, and should be %q %+v", path, data, stat, n.data, n.stat())
		}
	}
	if got := t.Counts().Nodes - 3; got != nodes { // the root counts twice, and quota and config are not modelled
		return fmt.Errorf("%d nodes, but there should be %d", got, nodes)
	}
	for _, session := range slices.Sorted(maps.Keys(m.sessions)) {
		if got, ok := t.SessionTimeout(session); !ok || got != m.sessions[session] {
			return fmt.Errorf("session %x has the timeout %d, and should have %d", uint64(session), got, m.sessions[session])
		}
	}
	if got := t.Counts().Sessions; got != len(m.sessions) {
		return fmt.Errorf("%d sessions, but there should be %d", got, len(m.sessions))
	}
	return nil
}

// firstChange is the first change of a path after zxid z that a watch of this
// kind reports.
func (m *model) firstChange(path string, child bool, z wire.Zxid) (change, bool) {
	list := m.changes[path]
	i := sort.Search(len(list), func(i int) bool { return list[i].zxid > z })
	for _, c := range list[i:] {
		if (c.kind == wire.EventChildrenChanged) == child || child && c.kind == wire.EventDeleted {
			return c, true
		}
	}
	return change{}, false
}
