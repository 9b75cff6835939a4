package history

import (
	"strings"

	"zkctl/probe/wire"
)

// SetForeign is for an ensemble that was in use before: sessions that the model has not seen to
// begin count as alive, and what is not at or below root is neither kept nor checked.
func (m *Model) SetForeign(root string) {
	m.root = root
	for path := root; path != "/"; {
		path = parentPath(path)
		if m.get(path) == nil {
			m.set(path, &state{})
		}
	}
}

// inside tells whether the model knows what is at a path.
func (m *Model) inside(path string) bool {
	return m.root == "" || m.root == "/" || path == m.root || strings.HasPrefix(path, m.root+"/")
}

// concerns tells whether a request changes nothing but what the model knows.
func (m *Model) concerns(q *Request) bool {
	if m.root == "" || q.Op == wire.OpCreateSession || q.Op == wire.OpCloseSession {
		return true
	}
	if q.Op == wire.OpDeleteContainer {
		return m.inside(string(q.Body))
	}
	record, _ := wire.NewRequest(q.Op)
	if record == nil || wire.Unmarshal(q.Body, record) != nil {
		return false
	}
	if multi, ok := record.(*wire.MultiRequest); ok {
		for _, op := range multi.Ops {
			if !m.inside(pathOf(op.Request)) {
				return false
			}
		}
		return true
	}
	return m.inside(pathOf(record))
}

// pathOf is the path of a write.
func pathOf(record wire.Record) string {
	switch r := record.(type) {
	case *wire.CreateRequest:
		return r.Path
	case *wire.DeleteRequest:
		return r.Path
	case *wire.SetDataRequest:
		return r.Path
	case *wire.CheckVersionRequest:
		return r.Path
	}
	return ""
}
