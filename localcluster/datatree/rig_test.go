package datatree

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"zkctl/probe/wire"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests (0: a new one each time)")

// newRand returns random numbers and logs their seed, so that a failed test can be repeated.
func newRand(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with: go test -run '^%s$' ./localcluster/datatree -seed=%d", t.Name(), seed)
	return rand.New(rand.NewPCG(seed, seed))
}

// rig is a leader's state machine without Zab: what is prepared is marshalled, as for the network, and applied when
// the test calls apply.
type rig struct {
	t        testing.TB
	tree     *Tree
	prep     *Preparer
	sessions *Sessions
	zxid     wire.Zxid
	millis   int64
	log      [][]byte // every transaction, marshalled
	applied  int      // the number of them that the tree has
}

const (
	rigSession = int64(0x100000000000001)
	rigOwner   = int64(7)
)

func newRig(t testing.TB) *rig {
	r := &rig{t: t, tree: New(WithExtendedTypes(true)), sessions: NewSessions(time.Second), millis: 1000}
	r.prep = NewPreparer(r.tree, PreparerOptions{Sessions: r.sessions})
	r.open(rigSession)
	return r
}

func (r *rig) open(session int64) {
	r.sessions.Add(session, 30*time.Second, 0)
	r.must(r.request(session, wire.OpCreateSession, &wire.CreateSessionTxn{Timeout: 30000}))
}

func (r *rig) request(session int64, op wire.OpCode, body wire.Record) Request {
	q := Request{Session: session, Owner: rigOwner, Cxid: int32(len(r.log)), Op: op}
	q.Auth = []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}
	if body != nil {
		q.Body = wire.Marshal(body)
	}
	return q
}

// prepare makes the next transaction without applying it.
func (r *rig) prepare(q Request) *wire.Txn {
	r.t.Helper()
	r.zxid++
	r.millis++
	txn := r.prep.Prepare(q, r.zxid, r.millis)
	r.log = append(r.log, txn.Marshal())
	return txn
}

// apply applies the oldest transaction that is not applied yet.
func (r *rig) apply() Result {
	r.t.Helper()
	txn := unmarshal(r.t, r.log[r.applied])
	result, err := r.tree.Apply(txn)
	if err != nil {
		r.t.Fatalf("apply %+v: %v", txn, err)
	}
	if result.Diverged {
		r.t.Fatalf("zxid %s, %s: tree has digest %x, the transaction says %x",
			txn.Header.Zxid, txn.Header.Type, r.tree.Digest().Digest, txn.Digest.Digest)
	}
	if failed := txn.Header.Type == wire.OpError; failed == (txn.Digest != nil) {
		r.t.Fatalf("zxid %s, %s: has a digest: %v", txn.Header.Zxid, txn.Header.Type, txn.Digest != nil)
	}
	r.applied++
	r.prep.Applied(txn.Header.Zxid)
	if txn.Header.Type == wire.OpCloseSession {
		r.sessions.Remove(txn.Header.ClientID)
	}
	return result
}

// do prepares and applies.
func (r *rig) do(q Request) Result {
	r.t.Helper()
	r.prepare(q)
	return r.apply()
}

func (r *rig) must(q Request) Result {
	r.t.Helper()
	result := r.do(q)
	if result.Err != wire.OK {
		r.t.Fatalf("%s: %v", q.Op, result.Err)
	}
	return result
}

// create makes a persistent node with an open ACL.
func (r *rig) create(path, data string) Result {
	r.t.Helper()
	return r.must(r.request(rigSession, wire.OpCreate, createRequest(path, data, wire.FlagPersistent)))
}

func createRequest(path, data string, flags int32) *wire.CreateRequest {
	return &wire.CreateRequest{Path: path, Data: []byte(data), ACL: wire.OpenACL(), Flags: flags}
}

func deleteRequest(path string) *wire.DeleteRequest {
	return &wire.DeleteRequest{Path: path, Version: wire.AnyVersion}
}

func setRequest(path, data string) *wire.SetDataRequest {
	return &wire.SetDataRequest{Path: path, Data: []byte(data), Version: wire.AnyVersion}
}

func unmarshal(t testing.TB, b []byte) *wire.Txn {
	t.Helper()
	txn, err := wire.UnmarshalTxn(b)
	if err != nil {
		t.Fatal(err)
	}
	return txn
}

// replay applies marshalled transactions without checking digests.
func replay(t testing.TB, tree *Tree, log [][]byte) {
	t.Helper()
	for _, b := range log {
		if _, err := tree.Apply(unmarshal(t, b)); err != nil {
			t.Fatal(err)
		}
	}
}

// sameTree compares everything that two trees hold, including ACLs and sessions, which the digest does not cover.
func sameTree(t testing.TB, got, want *Tree) {
	t.Helper()
	checkTree(t, got)
	checkTree(t, want)
	if g, w := dump(got), dump(want); g != w {
		t.Fatalf("trees differ:\n--- got\n%s--- want\n%s", g, w)
	}
	if got.Digest() != want.Digest() {
		t.Fatalf("digest %x, want %x, of the same nodes", got.Digest(), want.Digest())
	}
	if got.Counts() != want.Counts() {
		t.Fatalf("counts %+v, want %+v, of the same nodes", got.Counts(), want.Counts())
	}
}

// checkTree recomputes from the nodes the indexes and counters of a tree.
func checkTree(t testing.TB, tree *Tree) {
	t.Helper()
	fresh := emptyTree([]Option{WithExtendedTypes(tree.extended)})
	children := make(map[string]int32)
	tree.znodes.order.Scan(func(n *znode) bool {
		if tree.znodes.get(n.path) != n {
			t.Fatalf("node %q is not the same by path and in order", n.path)
		}
		if !n.isRoot() {
			if tree.znodes.get(n.parent()) == nil {
				t.Fatalf("node %q has no parent", n.path)
			}
			children[n.parent()]++
		}
		again := *n
		again.acl = fresh.acls.use(n.acl.list)
		fresh.insert(&again)
		return true
	})
	for path, n := range tree.znodes.byPath {
		if n.children != children[path] {
			t.Fatalf("node %q counts %d children, has %d", path, n.children, children[path])
		}
	}
	if tree.znodes.len() != fresh.znodes.len() || tree.digest != fresh.digest || tree.bytes != fresh.bytes {
		t.Fatalf("%d nodes, digest %x, %d bytes; recomputed %d, %x, %d", tree.znodes.len(), tree.digest, tree.bytes,
			fresh.znodes.len(), fresh.digest, fresh.bytes)
	}
	if !reflect.DeepEqual(tree.ephemerals, fresh.ephemerals) || !reflect.DeepEqual(tree.containers, fresh.containers) ||
		!reflect.DeepEqual(tree.ttls, fresh.ttls) {
		t.Fatal("the nodes' owners are not who the tree says")
	}
	if len(tree.acls.byValue) != len(fresh.acls.byValue) || tree.acls.byID.Len() != len(tree.acls.byValue) {
		t.Fatalf("%d ACLs by value, %d by id; nodes have %d", len(tree.acls.byValue), tree.acls.byID.Len(), len(fresh.acls.byValue))
	}
	for key, u := range fresh.acls.byValue {
		if had := tree.acls.byValue[key]; had == nil || had.uses != u.uses {
			t.Fatalf("ACL %v is used %d times, the table says %+v", u.acl.list, u.uses, had)
		}
	}
}

// dump formats a tree as text, through its exported methods only.
func dump(t *Tree) string {
	var out string
	var walk func(path string)
	walk = func(path string) {
		stat, _ := t.Stat(path)
		data, _ := t.Data(path)
		acl, code := t.GetACL(path, Caller{SkipACL: true})
		out += fmt.Sprintf("%s %+v null=%v %q %v %v\n", path, stat, data == nil, data, acl.ACL, code)
		for _, name := range t.Children(path) {
			if path == "/" {
				walk("/" + name)
			} else {
				walk(path + "/" + name)
			}
		}
	}
	walk("/")
	t.EachSession(func(id int64, millis int32) {
		out += fmt.Sprintf("session %x timeout %d ephemerals %q\n", id, millis, t.Ephemerals(id))
	})
	for _, id := range t.EphemeralOwners() {
		out += fmt.Sprintf("owner %x: %q\n", id, t.Ephemerals(id))
	}
	return out + fmt.Sprintf("reapable %q\n", t.Reapable(1<<50, 1))
}
