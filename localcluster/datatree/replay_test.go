package datatree

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"zkctl/probe/wire"
)

// history returns a tree after random traffic, with its log.
func history(t testing.TB, rng *rand.Rand, n int) *rig {
	r := newRig(t)
	sessions := []int64{rigSession, rigSession + 1, rigSession + 2}
	r.open(sessions[1])
	r.open(sessions[2])
	traffic := traffic{rng: rng, sessions: sessions, acls: true}
	for range n {
		session, op, body := traffic.next()
		r.do(r.request(session, op, body))
		if op == wire.OpCloseSession {
			r.open(session)
		}
	}
	return r
}

func TestReplayTwiceGivesTheSameTree(t *testing.T) {
	r := history(t, newRand(t), 2000)
	for range 2 {
		again := New(WithExtendedTypes(true))
		replay(t, again, r.log)
		sameTree(t, again, r.tree)
	}
}

// A leader may send a snapshot and then proposals that the snapshot includes.
func TestReplayOntoItself(t *testing.T) {
	rng := newRand(t)
	r := history(t, rng, 1000)
	want := dump(r.tree)
	for _, b := range r.log[rng.IntN(len(r.log)):] {
		replay(t, r.tree, [][]byte{b})
		if r.tree.LastZxid() != r.zxid {
			t.Fatalf("the tree went back from %s to %s", r.zxid, r.tree.LastZxid())
		}
	}
	checkTree(t, r.tree)
	if got := dump(r.tree); got != want {
		t.Fatalf("a second application changed the tree:\n--- got\n%s--- want\n%s", got, want)
	}
}

// javaSnapshot writes a snapshot as Java does: sessions, then the ACL table, then each node from the root down as
// it is at that moment, while the tree changes in between.
type javaSnapshot struct {
	wire.Encoder
	tree *Tree
	step func() // changes the tree
}

func (j *javaSnapshot) write() []byte {
	s := j.tree.Snapshot()
	var head bytes.Buffer
	if err := s.Encode(&head); err != nil {
		panic(err)
	}
	// Sessions and ACLs are those of an exact snapshot, written some time before the nodes.
	d := wire.NewDecoder(head.Bytes())
	for range d.Int32() {
		d.Int64()
		d.Int32()
	}
	for range d.Int32() {
		d.Int64()
		wire.DecodeACLs(d)
	}
	j.Raw(head.Bytes()[:head.Len()-d.Remaining()])
	j.node("")
	j.Text("/")
	return j.Bytes()
}

func (j *javaSnapshot) node(path string) {
	n := j.tree.znodes.get(path)
	if n == nil {
		return // deleted since its parent was written
	}
	children := j.tree.Children(path)
	j.Text(n.path)
	j.Buffer(n.data)
	j.Int64(n.acl.id)
	n.stat.Encode(&j.Encoder)
	j.step()
	for _, name := range children {
		j.node(path + "/" + name)
	}
}

// A snapshot that was written while the tree changed, and the log from the transaction at which writing began,
// give the same tree as the whole log.
func TestFuzzySnapshot(t *testing.T) {
	rng := newRand(t)
	for range 60 {
		whole := history(t, rng, 400)
		begin := rng.IntN(len(whole.log))

		live := New(WithExtendedTypes(true))
		replay(t, live, whole.log[:begin])
		next := begin
		written := (&javaSnapshot{tree: live, step: func() {
			n := min(rng.IntN(12), len(whole.log)-next)
			replay(t, live, whole.log[next:next+n])
			next += n
		}}).write()

		restored, err := Decode(wire.NewDecoder(written), WithExtendedTypes(true))
		if err != nil {
			t.Fatal(err)
		}
		restored.SetLastZxid(wire.Zxid(begin))
		end := wire.Zxid(next) // the zxid at which writing ended, which the file records with its digest
		digest := live.Digest()
		restored.AwaitDigest(end, &digest)
		for _, b := range whole.log[begin:] {
			txn := unmarshal(t, b)
			result, err := restored.Apply(txn)
			if err != nil {
				t.Fatal(err)
			}
			if result.Diverged {
				t.Fatalf("written from %d to %d: diverged at %s", begin, next, txn.Header.Zxid)
			}
		}
		sameTree(t, restored, whole.tree)
	}
}

func TestDivergenceIsReported(t *testing.T) {
	r := newRig(t)
	r.create("/a", "x")
	other := New()
	var diverged []bool
	for i, b := range r.log {
		txn := unmarshal(t, b)
		if i == 1 {
			txn.Body.(*wire.CreateTxn).Data = []byte("y")
		}
		result, err := other.Apply(txn)
		if err != nil {
			t.Fatal(err)
		}
		diverged = append(diverged, result.Diverged)
	}
	if want := []bool{false, true}; !slices.Equal(diverged, want) {
		t.Errorf("diverged %v, want %v", diverged, want)
	}

	// No digest is compared until the fuzzy snapshot is exact; then both recorded digests are.
	for _, c := range []struct {
		name  string
		until wire.Zxid
		value int64
		want  bool
	}{
		{"before the end", 3, 0, false},
		{"at the end, other digest", 2, r.tree.Digest().Digest + 1, true},
		{"at the end, same digest", 2, r.tree.Digest().Digest, false},
	} {
		tree := New()
		tree.AwaitDigest(c.until, &wire.TxnDigest{Version: wire.DigestVersion, Digest: c.value})
		replay(t, tree, r.log[:1])
		txn := unmarshal(t, r.log[1])
		txn.Digest.Digest++ // the transaction's own digest is not compared before that
		if result, _ := tree.Apply(txn); result.Diverged != c.want {
			t.Errorf("%s: diverged %v, want %v", c.name, result.Diverged, c.want)
		}
	}
}

// TestOldLogs applies transactions as servers before 3.6 and 3.4 wrote them.
func TestOldLogs(t *testing.T) {
	tree := New()
	header := func(z wire.Zxid, op wire.OpCode) wire.TxnHeader {
		return wire.TxnHeader{ClientID: 5, Zxid: z, Time: int64(z), Type: op}
	}
	apply := func(txn *wire.Txn) Result {
		result, err := tree.Apply(txn)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	apply(&wire.Txn{Header: header(1, wire.OpCreate), Body: &wire.CreateTxn{Path: "/a", ParentCVersion: -1}})
	apply(&wire.Txn{Header: header(2, wire.OpCreate), Body: &wire.CreateTxn{Path: "/e", Ephemeral: true, ParentCVersion: -1}})
	if stat, _ := tree.Stat("/"); stat.Cversion != 2*2-3 || stat.Pzxid != 2 {
		t.Errorf("parent's cversion unknown: root is %+v, want it increased by one", stat)
	}
	closed := apply(&wire.Txn{Header: header(3, wire.OpCloseSession)}) // no list of paths
	if len(closed.Changes) != 1 || closed.Changes[0].Path != "/e" {
		t.Errorf("close without a list changed %v, want /e deleted", closed.Changes)
	}
}

// Apply changes nothing for a transaction that it does not know, and returns an error.
func TestUnknownTransactions(t *testing.T) {
	good := wire.SubTxn{Type: wire.OpCreate, Data: wire.Marshal(&wire.CreateTxn{Path: "/a", ParentCVersion: 1})}
	for name, txn := range map[string]*wire.Txn{
		"unknown type":               {Header: wire.TxnHeader{Type: 77}},
		"body missing":               {Header: wire.TxnHeader{Type: wire.OpCreate}},
		"no record of a transaction": {Header: wire.TxnHeader{Type: wire.OpCreate}, Body: new(wire.PathRequest)},
		"multi of nothing":           {Header: wire.TxnHeader{Type: wire.OpMulti}, Body: new(wire.DeleteTxn)},
		"unknown operation":          {Header: wire.TxnHeader{Type: wire.OpMulti}, Body: &wire.MultiTxn{Txns: []wire.SubTxn{good, {Type: 77}}}},
		"nested multi": {Header: wire.TxnHeader{Type: wire.OpMulti},
			Body: &wire.MultiTxn{Txns: []wire.SubTxn{good, {Type: wire.OpMulti, Data: []byte{0, 0, 0, 0}}}}},
		"operation cut off": {Header: wire.TxnHeader{Type: wire.OpMulti},
			Body: &wire.MultiTxn{Txns: []wire.SubTxn{good, {Type: wire.OpDelete, Data: []byte{0, 0, 0, 9, '/'}}}}},
	} {
		tree := New()
		txn.Header.Zxid = 9
		if _, err := tree.Apply(txn); err == nil {
			t.Errorf("%s: applied", name)
		}
		if _, exists := tree.Stat("/a"); exists || tree.LastZxid() != 0 || tree.Digest() != New().Digest() {
			t.Errorf("%s: changed the tree", name)
		}
	}
}

// A transaction that no leader writes gives an error result and leaves the tree consistent.
func TestInapplicableTransactions(t *testing.T) {
	create := func(path string) wire.Record { return &wire.CreateTxn{Path: path, ParentCVersion: 1} }
	for _, c := range []struct {
		body wire.Record
		op   wire.OpCode
		want wire.ErrCode
	}{
		{create("noslash"), wire.OpCreate, wire.ErrBadArguments},
		{create(""), wire.OpCreate, wire.ErrBadArguments},
		{create("/"), wire.OpCreate, wire.ErrBadArguments},
		{create("/a/"), wire.OpCreate, wire.ErrBadArguments},
		{create("//a"), wire.OpCreate, wire.ErrNoNode},
		{create("/no/parent"), wire.OpCreate, wire.ErrNoNode},
		{&wire.DeleteTxn{Path: "/"}, wire.OpDelete, wire.ErrBadArguments},
		{&wire.DeleteTxn{Path: ""}, wire.OpDelete, wire.ErrBadArguments},
		{&wire.DeleteTxn{Path: "/no/parent"}, wire.OpDelete, wire.ErrNoNode},
		{&wire.SetDataTxn{Path: "/none"}, wire.OpSetData, wire.ErrNoNode},
		{&wire.SetACLTxn{Path: "/none"}, wire.OpSetACL, wire.ErrNoNode},
	} {
		tree := New()
		result, err := tree.Apply(&wire.Txn{Header: wire.TxnHeader{Zxid: 1, Type: c.op}, Body: c.body})
		if err != nil || result.Err != c.want || len(result.Changes) != 0 {
			t.Errorf("%s %+v: %+v, %v, want %v", c.op, c.body, result, err, c.want)
		}
		if dump(tree) != dump(New()) {
			t.Errorf("%s %+v: changed the tree", c.op, c.body)
		}
	}
	// A node is deleted with its children, so that no node is left without a parent.
	r := newRig(t)
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a/d"} {
		r.create(path, "")
	}
	if _, err := r.tree.Apply(&wire.Txn{Header: wire.TxnHeader{Zxid: 50, Type: wire.OpDelete}, Body: &wire.DeleteTxn{Path: "/a"}}); err != nil {
		t.Fatal(err)
	}
	sameTree(t, roundTrip(t, r.tree), r.tree)
	if got := r.tree.Counts().Nodes; got != 5 {
		t.Errorf("%d nodes left, want 5", got)
	}
}
