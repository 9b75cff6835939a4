package datatree

import (
	"slices"
	"testing"

	"zkctl/probe/wire"
)

func TestNewTree(t *testing.T) {
	tree := New()
	if got, want := tree.Counts(), (Counts{Nodes: 5, Bytes: 44}); got != want {
		t.Errorf("counts %+v, want %+v, as a new Java server reports", got, want)
	}
	if got := tree.Digest(); got != (wire.TxnDigest{Version: 2, Digest: 0x51c6d660}) {
		t.Errorf("digest %+v, want version 2, 0x51c6d660", got)
	}
	for path, want := range map[string]wire.Stat{
		"/":           {Cversion: -1, NumChildren: 1},
		"":            {Cversion: -1, NumChildren: 1},
		zookeeperPath: {Cversion: -2, NumChildren: 2},
		quotaPath:     {},
		configPath:    {Aversion: -1},
	} {
		if got, ok := tree.Stat(path); !ok || got != want {
			t.Errorf("%q: %+v, %v, want %+v", path, got, ok, want)
		}
	}
	acl, _ := tree.GetACL(configPath, Caller{})
	if !slices.Equal(acl.ACL, wire.ReadACL()) {
		t.Errorf("ACL of the configuration: %v, want world:anyone:r", acl.ACL)
	}
	if data, ok := tree.Data(quotaPath); !ok || data == nil {
		t.Errorf("built-in nodes have empty data, not null; got %v", data)
	}
}

func TestSetConfig(t *testing.T) {
	tree := New()
	before := tree.Digest()
	for range 2 {
		tree.SetConfig("server.1=a\nversion=100000000", 1<<32, 1234)
	}
	want := wire.Stat{Mzxid: 1 << 32, Mtime: 1234, Version: -1, Aversion: -1, DataLength: 28}
	if got, _ := tree.Stat(configPath); got != want {
		t.Errorf("stat %+v, want %+v", got, want)
	}
	if tree.Digest() != before {
		t.Error("the configuration changed the digest: it may differ between servers")
	}

	// A snapshot of a server before 3.5 has no such node, and may lack its parent.
	old, err := Decode(wire.NewDecoder(snapshotOf(func(e *wire.Encoder, node func(string, int64)) {
		node("", openACLID)
		e.Text("/")
	})))
	if err != nil {
		t.Fatal(err)
	}
	old.SetConfig("version=0", 0, 0)
	if data, _ := old.Data(configPath); string(data) != "version=0" {
		t.Errorf("configuration %q", data)
	}
	sameTree(t, roundTrip(t, old), old)
}

func TestStatHistory(t *testing.T) {
	r := newRig(t) // zxid 1, and time and zxid go up by one with each request
	base := r.millis
	r.create("/a", "12") // zxid 2
	r.create("/a/b", "")
	r.create("/a/c", "")
	r.must(r.request(rigSession, wire.OpSetData, setRequest("/a", "345")))
	r.must(r.request(rigSession, wire.OpDelete, deleteRequest("/a/b")))
	r.must(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/a", ACL: open, Version: 0}))
	want := wire.Stat{
		Czxid: 2, Ctime: base + 1, Mzxid: 5, Mtime: base + 4, Pzxid: 6,
		Version: 1, Cversion: 3 /* two created, one deleted */, Aversion: 1, DataLength: 3, NumChildren: 1,
	}
	if got, _ := r.tree.Stat("/a"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if r.tree.LastZxid() != 7 {
		t.Errorf("tree at %s, want 0x7", r.tree.LastZxid())
	}
}

// Paths that sort around the slash are not listed as each other's children.
func TestChildren(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/a", "/a/x", "/a/x/y", "/a-b", "/a-b/z", "/a/0", "/ab", "/a/x-", "/a!"} {
		r.create(path, "")
	}
	for path, want := range map[string][]string{
		"/":     {"a", "a!", "a-b", "ab", "zookeeper"},
		"/a":    {"0", "x", "x-"},
		"/a/x":  {"y"},
		"/a-b":  {"z"},
		"/ab":   nil,
		"/none": nil,
	} {
		if got := r.tree.Children(path); !slices.Equal(got, want) {
			t.Errorf("children of %s: %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]int32{"/": 12, "/a": 4, "/a/x": 1, "/ab": 0} {
		if got, code := r.tree.GetAllChildrenNumber(path, Caller{}); got.Count != want || code != wire.OK {
			t.Errorf("%d nodes below %s, want %d", got.Count, path, want)
		}
	}
}

// A tree must not refer to the buffers of transactions.
func TestDataIsCopied(t *testing.T) {
	r := newRig(t)
	r.create("/a", "before")
	b := slices.Clone(r.log[1])
	tree := New()
	replay(t, tree, [][]byte{r.log[0], b})
	clear(b)
	if data, _ := tree.Data("/a"); string(data) != "before" {
		t.Errorf("data is %q after the transaction's buffer was used again", data)
	}
}

func TestOwnerKind(t *testing.T) {
	for _, c := range []struct {
		owner    int64
		extended bool
		want     OwnerKind
	}{
		{0, true, OwnerNone}, {1, true, OwnerSession}, {containerOwner, false, OwnerContainer}, {containerOwner, true, OwnerContainer},
		{ttlOwner(1), true, OwnerTTL}, {ttlOwner(maxTTL), true, OwnerTTL}, {ttlOwner(5), false, OwnerSession},
		{ttlOwner(5) | 1<<40, true, OwnerSession}, // a feature that does not exist
		{0x7f << 56, true, OwnerSession},
	} {
		if got := ownerKind(c.owner, c.extended); got != c.want {
			t.Errorf("%#x, extended %v: %s, want %s", uint64(c.owner), c.extended, got, c.want)
		}
	}
	if got := ownerTTL(ttlOwner(maxTTL)); got != maxTTL {
		t.Errorf("TTL %d became %d", maxTTL, got)
	}
}
