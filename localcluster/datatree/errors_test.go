package datatree

import (
	"fmt"
	"testing"

	"zkctl/probe/wire"
)

var (
	closedACL = []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "ip", ID: "10.0.0.1"}}} // not the rig's address
	badACL    = []wire.ACL{{Perms: wire.PermAll, ID: wire.ID{Scheme: "nonsense"}}}
)

// newPopulatedRig returns a tree with a node for every error that a request can get.
func newPopulatedRig(t *testing.T) *rig {
	r := newRig(t)
	r.create("/open", "")
	r.create("/open/child", "")
	r.create("/v1", "")
	r.must(r.request(rigSession, wire.OpSetData, setRequest("/v1", "x"))) // version 1
	r.must(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/v1", ACL: wire.OpenACL(), Version: 0}))
	r.must(r.request(rigSession, wire.OpCreate, createRequest("/ephemeral", "", wire.FlagEphemeral)))
	r.create("/closed", "")
	r.create("/closed/child", "")
	r.must(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/closed/child", ACL: closedACL, Version: -1}))
	r.must(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/closed", ACL: closedACL, Version: -1}))
	return r
}

// errorCase is a request and the error that it must get. Most requests have several errors: the name lists, in
// their order, the checks after the one that must decide.
type errorCase struct {
	name string
	op   wire.OpCode
	body wire.Record
	want wire.ErrCode
}

func createCase(name, path string, acl []wire.ACL, flags int32, want wire.ErrCode) errorCase {
	return errorCase{name, wire.OpCreate, &wire.CreateRequest{Path: path, ACL: acl, Flags: flags}, want}
}

func ttlCase(name, path string, flags int32, ttl int64, want wire.ErrCode) errorCase {
	return errorCase{name, wire.OpCreateTTL, &wire.CreateTTLRequest{Path: path, ACL: wire.OpenACL(), Flags: flags, TTL: ttl}, want}
}

var (
	open = wire.OpenACL()

	createCases = []errorCase{
		createCase("flags before path", "noslash", badACL, 7, wire.ErrBadArguments),
		createCase("negative flags", "/x", open, -1, wire.ErrBadArguments),
		createCase("TTL flags with create", "/x", open, wire.FlagPersistentTTL, wire.ErrBadArguments),
		ttlCase("createTTL without TTL flags", "/x", wire.FlagPersistent, 5, wire.ErrBadArguments),
		ttlCase("TTL of zero", "/x", wire.FlagPersistentTTL, 0, wire.ErrBadArguments),
		ttlCase("TTL too long", "/x", wire.FlagPersistentTTL, maxTTL+1, wire.ErrBadArguments),
		ttlCase("longest TTL", "/x", wire.FlagPersistentTTL, maxTTL, wire.OK),
		createCase("no slash before ACL", "noslash", badACL, 0, wire.ErrBadArguments),
		createCase("empty path", "", open, 0, wire.ErrBadArguments),
		createCase("NUL before ACL", "/a\x00", badACL, 0, wire.ErrBadArguments),
		createCase("ACL before parent", "/none/x", badACL, 0, wire.ErrInvalidACL),
		createCase("null ACL", "/x", nil, 0, wire.ErrInvalidACL),
		createCase("empty ACL", "/x", []wire.ACL{}, 0, wire.ErrInvalidACL),
		createCase("parent missing", "/none/x", open, 0, wire.ErrNoNode),
		createCase("parent missing before path", "/none/..", open, 0, wire.ErrNoNode),
		createCase("trailing slash is an empty name", "/open/child/", open, 0, wire.ErrBadArguments),
		createCase("trailing slash below a missing node", "/b/", open, 0, wire.ErrNoNode),
		createCase("trailing slash, sequential", "/open/", open, wire.FlagPersistentSequential, wire.OK),
		createCase("permission before path", "/closed/..", open, 0, wire.ErrNoAuth),
		createCase("permission before existence", "/closed/child", open, 0, wire.ErrNoAuth),
		createCase("path", "/open/..", open, 0, wire.ErrBadArguments),
		createCase("path of control characters", "/open/\x01", open, 0, wire.ErrBadArguments),
		createCase("path outside the basic plane", "/open/\U0001F600", open, 0, wire.ErrBadArguments),
		createCase("path before ephemeral parent", "/ephemeral/..", open, 0, wire.ErrBadArguments),
		createCase("exists", "/open", open, 0, wire.ErrNodeExists),
		createCase("root exists", "/", open, 0, wire.ErrNodeExists),
		createCase("ephemeral parent", "/ephemeral/x", open, 0, wire.ErrNoChildrenForEphemerals),
		createCase("below /zookeeper is ordinary", "/zookeeper/x", open, 0, wire.OK),
		{"create2", wire.OpCreate2, createRequest("/open", "", 0), wire.ErrNodeExists},
		{"container", wire.OpCreateContainer, createRequest("/open", "", 4), wire.ErrNodeExists},
	}

	deleteCases = []errorCase{
		{"no slash", wire.OpDelete, deleteRequest("noslash"), wire.ErrBadArguments},
		{"NUL", wire.OpDelete, deleteRequest("/none/a\x00"), wire.ErrBadArguments},
		{"root", wire.OpDelete, deleteRequest("/"), wire.ErrBadArguments},
		{"/zookeeper", wire.OpDelete, deleteRequest(zookeeperPath), wire.ErrBadArguments},
		{"/zookeeper/quota", wire.OpDelete, deleteRequest(quotaPath), wire.ErrBadArguments},
		{"/zookeeper/config", wire.OpDelete, deleteRequest(configPath), wire.ErrBadArguments},
		{"parent missing", wire.OpDelete, deleteRequest("/none/x"), wire.ErrNoNode},
		{"permission before existence", wire.OpDelete, deleteRequest("/closed/none"), wire.ErrNoAuth},
		{"permission is the parent's", wire.OpDelete, deleteRequest("/closed"), wire.ErrNotEmpty},
		{"missing", wire.OpDelete, deleteRequest("/none"), wire.ErrNoNode},
		{"invalid path is a missing node", wire.OpDelete, deleteRequest("/open/"), wire.ErrNoNode},
		{"version before children", wire.OpDelete, &wire.DeleteRequest{Path: "/open", Version: 7}, wire.ErrBadVersion},
		{"children", wire.OpDelete, &wire.DeleteRequest{Path: "/open", Version: 0}, wire.ErrNotEmpty},
		{"good version", wire.OpDelete, &wire.DeleteRequest{Path: "/v1", Version: 1}, wire.OK},
	}

	changeCases = []errorCase{
		{"setData: path before existence", wire.OpSetData, setRequest("/none/", ""), wire.ErrBadArguments},
		{"setData: missing", wire.OpSetData, setRequest("/none", ""), wire.ErrNoNode},
		{"setData: permission before version", wire.OpSetData, &wire.SetDataRequest{Path: "/closed", Version: 7}, wire.ErrNoAuth},
		{"setData: version", wire.OpSetData, &wire.SetDataRequest{Path: "/v1", Version: 0}, wire.ErrBadVersion},
		{"setData: good version", wire.OpSetData, &wire.SetDataRequest{Path: "/v1", Version: 1}, wire.OK},
		{"setData: below -1 is no version", wire.OpSetData, &wire.SetDataRequest{Path: "/v1", Version: -2}, wire.ErrBadVersion},
		{"setData: config", wire.OpSetData, setRequest(configPath, ""), wire.ErrNoAuth},
		{"setACL: path before ACL", wire.OpSetACL, &wire.SetACLRequest{Path: "/none/", ACL: badACL}, wire.ErrBadArguments},
		{"setACL: ACL before existence", wire.OpSetACL, &wire.SetACLRequest{Path: "/none", ACL: badACL}, wire.ErrInvalidACL},
		{"setACL: missing", wire.OpSetACL, &wire.SetACLRequest{Path: "/none", ACL: open}, wire.ErrNoNode},
		{"setACL: permission before version", wire.OpSetACL, &wire.SetACLRequest{Path: "/closed", ACL: open, Version: 7}, wire.ErrNoAuth},
		{"setACL: version is the ACL's", wire.OpSetACL, &wire.SetACLRequest{Path: "/v1", ACL: open, Version: 0}, wire.ErrBadVersion},
		{"setACL: good version", wire.OpSetACL, &wire.SetACLRequest{Path: "/v1", ACL: open, Version: 1}, wire.OK},
	}

	otherCases = []errorCase{
		{"check outside a multi", wire.OpCheck, &wire.CheckVersionRequest{Path: "/open", Version: -1}, wire.ErrUnimplemented},
		{"reconfig", wire.OpReconfig, new(wire.ReconfigRequest), wire.ErrReconfigDisabled},
		{"deleteContainer from a client", wire.OpDeleteContainer, &wire.PathRequest{Path: "/open/child"}, wire.ErrBadArguments},
		{"a read", wire.OpGetData, &wire.PathWatchRequest{Path: "/open"}, wire.ErrUnimplemented},
		{"unknown", 99, nil, wire.ErrUnimplemented},
		{"undecodable", wire.OpCreate, &wire.CreateSessionTxn{Timeout: 5}, wire.ErrMarshalling},
		{"undecodable multi", wire.OpMulti, &wire.CreateSessionTxn{Timeout: 5}, wire.ErrMarshalling},
		{"undecodable createSession", wire.OpCreateSession, nil, wire.ErrMarshalling},
		{"undecodable reconfig", wire.OpReconfig, nil, wire.ErrMarshalling},
		{"multi with a read", wire.OpMulti, &wire.MultiRequest{Ops: []wire.MultiOp{
			{Op: wire.OpDelete, Request: deleteRequest("/v1")},
			{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: "/open"}},
		}}, wire.ErrMarshalling},
		{"multi with a setACL", wire.OpMulti, &wire.MultiRequest{Ops: []wire.MultiOp{
			{Op: wire.OpSetACL, Request: &wire.SetACLRequest{Path: "/v1", ACL: open}},
		}}, wire.ErrMarshalling},
		{"empty multi", wire.OpMulti, new(wire.MultiRequest), wire.OK},
	}
)

func TestErrors(t *testing.T) {
	for _, table := range [][]errorCase{createCases, deleteCases, changeCases, otherCases} {
		for _, c := range table {
			t.Run(fmt.Sprintf("%s/%s", c.op, c.name), func(t *testing.T) {
				r := newPopulatedRig(t)
				before := dump(r.tree)
				txn := r.prepare(r.request(rigSession, c.op, c.body))
				outstanding := r.prep.Outstanding()
				result := r.apply()
				if result.Err != c.want {
					t.Fatalf("got %v, want %v", result.Err, c.want)
				}
				if c.want == wire.OK {
					return
				}
				if txn.Header.Type != wire.OpError || txn.Header.Zxid != r.zxid || txn.Digest != nil {
					t.Errorf("failed with %+v, digest %v, want an error transaction of zxid %s without one", txn.Header, txn.Digest, r.zxid)
				}
				if outstanding != 0 || dump(r.tree) != before || len(result.Changes) != 0 {
					t.Errorf("a failed request left %d outstanding changes, or changed the tree", outstanding)
				}
			})
		}
	}
}

// TestChecksInMulti tests check, which is allowed only in a multi.
func TestChecksInMulti(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		version int32
		want    wire.ErrCode
	}{
		{"path before existence", "/none/", -1, wire.ErrBadArguments},
		{"missing", "/none", -1, wire.ErrNoNode},
		{"permission before version", "/closed", 7, wire.ErrNoAuth},
		{"version", "/v1", 0, wire.ErrBadVersion},
		{"good version", "/v1", 1, wire.OK},
		{"any version", "/v1", -1, wire.OK},
	} {
		r := newPopulatedRig(t)
		ops := []wire.MultiOp{{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: c.path, Version: c.version}}}
		result := r.do(r.request(rigSession, wire.OpMulti, &wire.MultiRequest{Ops: ops}))
		if result.Multi[0].Err != c.want {
			t.Errorf("%s: %v, want %v", c.name, result.Multi[0].Err, c.want)
		}
	}
}
