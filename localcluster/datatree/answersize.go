package datatree

import "zkctl/probe/wire"

const (
	// maxMultiRead is the largest answer of a multiRead, in bytes. A request of some bytes for each node
	// could ask for thousands of times its own size. Clients refuse far less (wire.DefaultMaxResponse).
	maxMultiRead = 16 << 20

	// sizeOfSmall is what answers are taken to cost beside what they carry: header, Stat, lengths.
	sizeOfSmall = 128
)

// AnswerSize is about how many bytes the answer to a Query would have now, so that the caller can have room
// for it before it is made.
func AnswerSize(t *Tree, q Query) int {
	body, _ := wire.NewRequest(q.Op)
	if body == nil || wire.Unmarshal(q.Body, body) != nil {
		return sizeOfSmall
	}
	switch b := body.(type) {
	case *wire.PathWatchRequest:
		return t.readSize(q.Op, b.Path)
	case *wire.PathRequest:
		switch q.Op {
		case wire.OpGetACL:
			return t.readSize(q.Op, b.Path)
		case wire.OpGetEphemerals:
			size := sizeOfSmall
			for path := range t.ephemerals[q.Session] {
				size += 4 + len(path)
			}
			return size
		}
	case *wire.MultiRequest:
		size := sizeOfSmall
		for _, op := range b.Ops {
			if r, ok := op.Request.(*wire.PathWatchRequest); ok && size <= maxMultiRead {
				size += t.readSize(op.Op, r.Path)
			}
		}
		return size
	case *wire.SetWatches:
		// An event for each watch that has missed something.
		watches := len(b.Data) + len(b.Exist) + len(b.Child)
		return sizeOfSmall + len(q.Body) + watches*sizeOfSmall
	}
	return sizeOfSmall
}

func (t *Tree) readSize(op wire.OpCode, path string) int {
	size := sizeOfSmall
	n := t.lookup(path)
	if n == nil {
		return size
	}
	switch op {
	case wire.OpGetData:
		size += len(n.data)
	case wire.OpGetACL:
		for _, a := range n.acl.list {
			size += 12 + len(a.ID.Scheme) + len(a.ID.ID)
		}
	case wire.OpGetChildren, wire.OpGetChildren2:
		t.znodes.eachChild(n.path, func(c *znode) { size += 4 + len(c.name()) })
	}
	return size
}
