package simulation

import (
	"fmt"

	"zkctl/inject/history"
	"zkctl/probe/wire"
)

// topNames are few, so that the requests of different clients meet at the same nodes.
var topNames = []string{"/a", "/b", "/c", "/d"}

func (c *client) path() string {
	p := topNames[c.rng.IntN(len(topNames))]
	if c.rng.IntN(2) == 0 {
		p += "/" + string(rune('k'+c.rng.IntN(4)))
	}
	return p
}

func (c *client) data() []byte {
	c.made++
	return fmt.Appendf(nil, "c%d.%d", c.id, c.made)
}

// randomRequest draws a request.
func (c *client) randomRequest() *clientOp {
	watch := c.rng.IntN(3) == 0
	kinds := 20
	if c.w.setup.Wide {
		kinds = 24
	}
	switch c.rng.IntN(kinds) {
	case 0, 1, 2, 3, 4:
		op, record := c.newCreate()
		return newOp(op, record.Path, record)
	case 5, 6, 7:
		path := c.path()
		return newOp(wire.OpSetData, path, &wire.SetDataRequest{Path: path, Data: c.data(), Version: c.version(path)})
	case 8, 9:
		path := c.path()
		return newOp(wire.OpDelete, path, &wire.DeleteRequest{Path: path, Version: c.version(path)})
	case 10, 11:
		return c.newMulti()
	case 12, 13:
		return readOf(wire.OpGetData, c.path(), watch)
	case 14, 15:
		return readOf(wire.OpExists, c.path(), watch)
	case 16, 17:
		path := c.path()
		if c.rng.IntN(3) == 0 {
			path = "/"
		}
		return readOf(pick(c.rng, wire.OpGetChildren, wire.OpGetChildren2), path, watch)
	case 18:
		path := c.path()
		return newOp(wire.OpSync, path, &wire.PathRequest{Path: path})
	case 20:
		path, mode := c.path(), pick(c.rng, wire.WatchPersistent, wire.WatchPersistentRecursive)
		if mode == wire.WatchPersistentRecursive && c.rng.IntN(4) == 0 {
			path = "/"
		}
		return newOp(wire.OpAddWatch, path, &wire.AddWatchRequest{Path: path, Mode: mode})
	case 21:
		path := c.path()
		return newOp(wire.OpRemoveWatches, path, &wire.WatchRemoval{Path: path, Type: wire.WatcherAny})
	case 22:
		return c.newMultiRead()
	case 23:
		path := c.path()
		return newOp(wire.OpGetAllChildrenNumber, path, &wire.PathRequest{Path: path})
	}
	if c.rng.IntN(10) == 0 {
		return newOp(wire.OpCloseSession, "", nil)
	}
	return readOf(wire.OpGetData, c.path(), true)
}

// newOp is a request; record is nil where it has no body.
func newOp(code wire.OpCode, path string, record wire.Record) *clientOp {
	op := &clientOp{Op: history.Op{Code: code, Path: path}}
	if record != nil {
		op.Request = wire.Marshal(record)
	}
	return op
}

func readOf(code wire.OpCode, path string, watch bool) *clientOp {
	op := newOp(code, path, &wire.PathWatchRequest{Path: path, Watch: watch})
	op.Watch = watch
	return op
}

// version is the expected version of a write: any, or one that may be right.
func (c *client) version(path string) int32 {
	if c.rng.IntN(2) == 0 {
		return -1
	}
	if version, ok := c.w.oracle.judge.Model.Version(path); ok {
		return version - int32(c.rng.IntN(2))
	}
	return 0
}

func (c *client) newCreate() (wire.OpCode, *wire.CreateRequest) {
	path := c.path()
	flags := pick(c.rng, wire.FlagPersistent, wire.FlagPersistent, wire.FlagEphemeral, wire.FlagEphemeral,
		wire.FlagPersistentSequential, wire.FlagEphemeralSequential)
	op := pick(c.rng, wire.OpCreate, wire.OpCreate2)
	if c.rng.IntN(10) == 0 {
		op, flags = wire.OpCreateContainer, wire.FlagContainer
	}
	return op, &wire.CreateRequest{Path: path, Data: c.data(), ACL: wire.OpenACL(), Flags: flags}
}

func (c *client) newMulti() *clientOp {
	m := &wire.MultiRequest{}
	for range 1 + c.rng.IntN(3) {
		path := c.path()
		switch c.rng.IntN(4) {
		case 0:
			op, record := c.newCreate()
			m.Ops = append(m.Ops, wire.MultiOp{Op: op, Request: record})
		case 1:
			m.Ops = append(m.Ops, wire.MultiOp{Op: wire.OpSetData, Request: &wire.SetDataRequest{Path: path, Data: c.data(), Version: c.version(path)}})
		case 2:
			m.Ops = append(m.Ops, wire.MultiOp{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: path, Version: c.version(path)}})
		default:
			m.Ops = append(m.Ops, wire.MultiOp{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: path, Version: c.version(path)}})
		}
	}
	return newOp(wire.OpMulti, "", m)
}

func (c *client) newMultiRead() *clientOp {
	m := &wire.MultiRequest{}
	for range 1 + c.rng.IntN(3) {
		m.Ops = append(m.Ops, wire.MultiOp{
			Op: pick(c.rng, wire.OpGetData, wire.OpGetChildren), Request: &wire.PathWatchRequest{Path: c.path()},
		})
	}
	return newOp(wire.OpMultiRead, "", m)
}
