package datatree

import (
	"testing"

	"zkctl/probe/wire"
)

// A transaction that the leader refused because the session had moved answers no request here, whatever request has
// the same xid.
func TestRespondSessionMoved(t *testing.T) {
	create := wire.Marshal(&wire.CreateRequest{Path: "/a", ACL: wire.OpenACL()})
	two := wire.Marshal(&wire.MultiRequest{Ops: []wire.MultiOp{
		{Op: wire.OpCreate, Request: &wire.CreateRequest{Path: "/a", ACL: wire.OpenACL()}},
		{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: "/a", Version: -1}},
	}})
	one := Result{Type: wire.OpError, Err: wire.ErrSessionMoved}
	many := Result{Type: wire.OpMulti, Multi: []Result{
		one, {Type: wire.OpError, Err: wire.ErrRuntimeInconsistency}, {Type: wire.OpError, Err: wire.ErrRuntimeInconsistency},
	}}
	for name, request := range map[string]struct {
		op   wire.OpCode
		body []byte
	}{"create": {wire.OpCreate, create}, "multi of another length": {wire.OpMulti, two}, "delete": {wire.OpDelete, nil}} {
		for _, r := range []*Result{&one, &many} {
			if a := Respond(request.op, request.body, r); a.Err != wire.ErrSessionMoved || a.Body != nil {
				t.Errorf("%s, by %v: answered %v, %v", name, r.Type, a.Err, a.Body)
			}
		}
	}
}
