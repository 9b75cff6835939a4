package datatree

import "zkctl/probe/wire"

const (
	// maxMultiRead is the largest answer of a multiRead, in bytes. A request has a few bytes for each node and
	// could ask for thousands of times its own size. Clients refuse much smaller answers (wire.DefaultMaxResponse).
	maxMultiRead = 16 << 20

	// answerOverhead is the assumed size of an answer without its data: header, Stat, lengths.
	answerOverhead = 128
)

// AnswerSize estimates how many bytes the answer to a Query would have now, so that the caller can reserve memory
// for it first.
func AnswerSize(t *Tree, q Query) int {
	body, _ := wire.NewRequest(q.Op)
	if body == nil || wire.Unmarshal(q.Body, body) != nil {
		return answerOverhead
	}
	switch b := body.(type) {
	case *wire.PathWatchRequest:
		return t.readSize(q.Op, b.Path)
	case *wire.PathRequest:
		switch q.Op {
		case wire.OpGetACL:
			return t.readSize(q.Op, b.Path)
		case wire.OpGetEphemerals:
			size := answerOverhead
			// A sum is the same in any order.
			for path := range t.ephemerals[q.Session] {
				size += 4 + len(path)
			}
			return size
		}
	case *wire.MultiRequest:
		size := answerOverhead
		for _, op := range b.Ops {
			if r, ok := op.Request.(*wire.PathWatchRequest); ok && size <= maxMultiRead {
				size += t.readSize(op.Op, r.Path)
			}
		}
		return size
	case *wire.SetWatches:
		// There may be one event for each watch.
		watches := len(b.Data) + len(b.Exist) + len(b.Child)
		return answerOverhead + len(q.Body) + watches*answerOverhead
	}
	return answerOverhead
}

func (t *Tree) readSize(op wire.OpCode, path string) int {
	size := answerOverhead
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
