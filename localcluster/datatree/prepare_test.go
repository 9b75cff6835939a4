package datatree

import (
	"slices"
	"testing"

	"zkctl/probe/wire"
)

func TestExtendedTypesOff(t *testing.T) {
	tree := New()
	p := NewPreparer(tree, PreparerOptions{})
	q := Request{Op: wire.OpCreateTTL, Body: wire.Marshal(&wire.CreateTTLRequest{Path: "/x", ACL: open, Flags: 5, TTL: 1})}
	if txn := p.Prepare(q, 1, 1); txn.Body.(*wire.ErrorTxn).Err != wire.ErrUnimplemented {
		t.Errorf("createTTL: %+v, want it unimplemented", txn.Body)
	}
	q = Request{Op: wire.OpCreateContainer, Body: wire.Marshal(createRequest("/x", "", 4))}
	if txn := p.Prepare(q, 2, 1); txn.Header.Type != wire.OpCreateContainer {
		t.Errorf("createContainer: %+v, want it to work: containers are no extended type", txn.Body)
	}
}

func TestSkipACL(t *testing.T) {
	r := newPopulatedRig(t)
	r.prep = NewPreparer(r.tree, PreparerOptions{SkipACL: true})
	if result := r.do(r.request(rigSession, wire.OpDelete, deleteRequest("/closed/child"))); result.Err != wire.OK {
		t.Errorf("delete with skipACL: %v", result.Err)
	}
	// skipACL skips permission checks, but not the rules for ACLs that may be stored.
	if result := r.do(r.request(rigSession, wire.OpSetACL, &wire.SetACLRequest{Path: "/v1", ACL: badACL, Version: -1})); result.Err != wire.ErrInvalidACL {
		t.Errorf("setACL of nonsense with skipACL: %v, want %v", result.Err, wire.ErrInvalidACL)
	}
}

func TestSessionChecks(t *testing.T) {
	writes := []struct {
		op   wire.OpCode
		body wire.Record
	}{
		{wire.OpCreate, createRequest("/x", "", 0)}, {wire.OpCreate, createRequest("/x", "", wire.FlagEphemeral)},
		{wire.OpDelete, deleteRequest("/v1")}, {wire.OpSetData, setRequest("/v1", "")},
		{wire.OpSetACL, &wire.SetACLRequest{Path: "/v1", ACL: open, Version: -1}},
	}
	for _, w := range writes {
		r := newPopulatedRig(t)
		q := r.request(rigSession, w.op, w.body)
		q.Owner++
		if got := r.do(q).Err; got != wire.ErrSessionMoved {
			t.Errorf("%s through another owner: %v", w.op, got)
		}
		if got := r.do(r.request(rigSession+9, w.op, w.body)).Err; got != wire.ErrSessionExpired {
			t.Errorf("%s of an unknown session: %v", w.op, got)
		}
		r.prepare(r.request(rigSession, wire.OpCloseSession, nil))
		r.prepare(r.request(rigSession, w.op, w.body))
		r.apply()
		if got := r.apply().Err; got != wire.ErrSessionExpired {
			t.Errorf("%s after closeSession: %v", w.op, got)
		}
	}
	// In a multi each operation is checked, and the whole multi is answered by ErrSessionMoved.
	r := newPopulatedRig(t)
	multi := &wire.MultiRequest{Ops: []wire.MultiOp{{Op: wire.OpDelete, Request: deleteRequest("/v1")}}}
	q := r.request(rigSession, wire.OpMulti, multi)
	q.Owner++
	result := r.do(q)
	if got := Respond(wire.OpMulti, q.Body, &result).Err; got != wire.ErrSessionMoved {
		t.Errorf("multi through another owner: %v", got)
	}
	// The check of flags comes before the session's, that of the path after it.
	q = r.request(rigSession, wire.OpCreate, createRequest("noslash", "", 9))
	q.Owner++
	if got := r.do(q).Err; got != wire.ErrBadArguments {
		t.Errorf("bad flags through another owner: %v", got)
	}
	q = r.request(rigSession, wire.OpCreate, createRequest("noslash", "", 0))
	q.Owner++
	if got := r.do(q).Err; got != wire.ErrSessionMoved {
		t.Errorf("bad path through another owner: %v", got)
	}
}

func TestFailedMulti(t *testing.T) {
	r := newPopulatedRig(t)
	multi := &wire.MultiRequest{Ops: []wire.MultiOp{
		{Op: wire.OpCreate, Request: createRequest("/seq-", "", wire.FlagPersistentSequential)},
		{Op: wire.OpSetData, Request: setRequest("/v1", "changed")},
		{Op: wire.OpDelete, Request: deleteRequest("/open")},
		{Op: wire.OpDelete, Request: deleteRequest("/v1")},
	}}
	q := r.request(rigSession, wire.OpMulti, multi)
	txn := r.prepare(q)
	if txn.Header.Type != wire.OpMulti || txn.Digest == nil {
		t.Errorf("transaction %+v, digest %v: a failed multi is a multi, with a digest", txn.Header, txn.Digest)
	}
	if r.prep.Outstanding() != 0 {
		t.Errorf("%d changes outstanding, want them taken back", r.prep.Outstanding())
	}
	result := r.apply()
	answer := Respond(wire.OpMulti, q.Body, &result)
	var codes []wire.ErrCode
	for _, sub := range answer.Body.(*wire.MultiResponse).Results {
		if sub.Op != wire.OpError || sub.Response != nil {
			t.Errorf("result %+v, want an error", sub)
		}
		codes = append(codes, sub.Err)
	}
	want := []wire.ErrCode{wire.OK, wire.OK, wire.ErrNotEmpty, wire.ErrRuntimeInconsistency}
	if answer.Err != wire.OK || !slices.Equal(codes, want) {
		t.Errorf("header %v, results %v, want ok and %v", answer.Err, codes, want)
	}
	// The failed multi used up no sequence number.
	next := r.do(r.request(rigSession, wire.OpCreate, createRequest("/seq-", "", wire.FlagPersistentSequential)))
	if next.Path != "/seq-0000000004" {
		t.Errorf("the next sequential node is %s, want /seq-0000000004", next.Path)
	}
}

// A failed multi rolls back its own changes, and none that were outstanding before.
func TestMultiRollsBackToOutstanding(t *testing.T) {
	r := newPopulatedRig(t)
	r.prepare(r.request(rigSession, wire.OpSetData, setRequest("/v1", "2")))
	r.prepare(r.request(rigSession, wire.OpDelete, deleteRequest("/open/child")))
	r.prepare(r.request(rigSession, wire.OpMulti, &wire.MultiRequest{Ops: []wire.MultiOp{
		{Op: wire.OpSetData, Request: setRequest("/v1", "3")},
		{Op: wire.OpCreate, Request: createRequest("/open/child", "again", wire.FlagEphemeral)},
		{Op: wire.OpDelete, Request: deleteRequest("/none")},
	}}))
	r.prepare(r.request(rigSession, wire.OpSetData, &wire.SetDataRequest{Path: "/v1", Version: 2}))
	r.prepare(r.request(rigSession, wire.OpDelete, deleteRequest("/open")))
	for i, want := range []wire.ErrCode{0, 0, wire.ErrNoNode, 0, 0} {
		if got := r.apply().Err; got != want {
			t.Errorf("request %d: %v, want %v", i, got, want)
		}
	}
}

// A multi replicates no create2, which ZooKeeper 3.8.0 skips. The reply still has the stat.
func TestMultiReplicatesNoCreate2(t *testing.T) {
	r := newPopulatedRig(t)
	q := r.request(rigSession, wire.OpMulti, &wire.MultiRequest{Ops: []wire.MultiOp{
		{Op: wire.OpCreate2, Request: createRequest("/two", "ab", 0)},
		{Op: wire.OpCreate, Request: createRequest("/one", "", 0)},
	}})
	for _, sub := range r.prepare(q).Body.(*wire.MultiTxn).Txns {
		if sub.Type != wire.OpCreate {
			t.Errorf("replicated as %s, want create", sub.Type)
		}
	}
	result := r.apply()
	results := Respond(wire.OpMulti, q.Body, &result).Body.(*wire.MultiResponse).Results
	if two, ok := results[0].Response.(*wire.Create2Response); !ok || results[0].Op != wire.OpCreate2 || two.Stat.DataLength != 2 {
		t.Errorf("reply to create2: %+v", results[0])
	}
	if one, ok := results[1].Response.(*wire.PathResponse); !ok || results[1].Op != wire.OpCreate || one.Path != "/one" {
		t.Errorf("reply to create: %+v", results[1])
	}
}

func TestSequenceNumbers(t *testing.T) {
	r := newRig(t)
	r.create("/q", "")
	sequential := func() string {
		t.Helper()
		r.prepare(r.request(rigSession, wire.OpCreate, createRequest("/q/n-", "", wire.FlagPersistentSequential)))
		return unmarshal(t, r.log[len(r.log)-1]).Body.(*wire.CreateTxn).Path
	}
	// Sequence numbers rise before anything is applied; they count children of any kind, and no deletes.
	got := []string{sequential(), sequential()}
	r.prepare(r.request(rigSession, wire.OpCreate, createRequest("/q/plain", "", 0)))
	r.prepare(r.request(rigSession, wire.OpCreate, createRequest("/q/plain", "", 0))) // fails: does not count
	r.prepare(r.request(rigSession, wire.OpDelete, deleteRequest("/q/plain")))
	got = append(got, sequential())
	if want := []string{"/q/n-0000000000", "/q/n-0000000001", "/q/n-0000000003"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for r.applied < len(r.log) {
		r.apply()
	}
	// A new leader continues with the next number.
	r.prep.Reset(roundTrip(t, r.tree))
	if next := sequential(); next != "/q/n-0000000004" {
		t.Errorf("after a failover %s, want /q/n-0000000004", next)
	}
}

// The sequence number has 32 bits and a sign. After the last number, creates fail as they do in ZooKeeper, whose
// rule for replay never lowers the parent's cversion.
func TestSequenceOverflow(t *testing.T) {
	r := newRig(t)
	r.create("/q", "")
	header := wire.TxnHeader{Zxid: r.zxid, Type: wire.OpCreate}
	last := &wire.CreateTxn{Path: "/q/x", ParentCVersion: 1<<31 - 1}
	if _, err := r.tree.Apply(&wire.Txn{Header: header, Body: last}); err != nil {
		t.Fatal(err)
	}
	request := r.request(rigSession, wire.OpCreate, createRequest("/q/n", "", wire.FlagPersistentSequential))
	if got := r.must(request).Path; got != "/q/n2147483647" {
		t.Errorf("last number: %s", got)
	}
	if got := r.do(request).Err; got != wire.ErrNodeExists {
		t.Errorf("one more: %v, want %v", got, wire.ErrNodeExists)
	}
}

func TestVersionSkipsMinusOne(t *testing.T) {
	for _, c := range []struct{ from, want int32 }{{0, 1}, {1<<31 - 1, -1 << 31}, {-2, 0}, {-1, 0}} {
		if got := nextVersion(c.from); got != c.want {
			t.Errorf("after %d comes %d, want %d", c.from, got, c.want)
		}
	}
}

func TestCloseSessionListsOutstanding(t *testing.T) {
	r := newRig(t)
	other := rigSession + 1
	r.open(other)
	ephemeral := func(session int64, path string) Request {
		return r.request(session, wire.OpCreate, createRequest(path, "", wire.FlagEphemeral))
	}
	r.must(ephemeral(rigSession, "/committed"))
	r.must(ephemeral(rigSession, "/deleted"))
	r.must(ephemeral(rigSession, "/changes-hands"))
	r.prepare(r.request(rigSession, wire.OpDelete, deleteRequest("/deleted")))
	r.prepare(r.request(rigSession, wire.OpDelete, deleteRequest("/changes-hands")))
	r.prepare(ephemeral(other, "/changes-hands"))
	r.prepare(ephemeral(rigSession, "/outstanding"))
	r.prepare(r.request(rigSession, wire.OpSetData, setRequest("/committed", "set")))
	txn := r.prepare(r.request(rigSession, wire.OpCloseSession, nil))
	want := []string{"/committed", "/outstanding"}
	if got := txn.Body.(*wire.CloseSessionTxn).Paths; !slices.Equal(got, want) {
		t.Errorf("closeSession deletes %q, want %q", got, want)
	}
	// The close is outstanding: for the next request the session's nodes do not exist.
	r.prepare(ephemeral(other, "/committed"))
	var last Result
	for r.applied < len(r.log) {
		last = r.apply()
	}
	if last.Err != wire.OK {
		t.Errorf("create in the place of a closed session's node: %v", last.Err)
	}
	if got := r.tree.Ephemerals(other); !slices.Equal(got, []string{"/changes-hands", "/committed"}) {
		t.Errorf("the other session has %q", got)
	}
	if _, ok := r.tree.SessionTimeout(rigSession); ok {
		t.Error("the closed session still exists")
	}
}

// Applied releases every outstanding change, so that Prepare does not get slower over time.
func TestOutstandingIsReleased(t *testing.T) {
	r := newRig(t)
	r.create("/a", "")
	for i := range 10000 {
		r.prepare(r.request(rigSession, wire.OpSetData, setRequest("/a", "x")))
		if i%2 == 1 {
			r.apply()
			r.apply()
		}
	}
	o := r.prep.out
	if o.len() != 0 || len(o.newest) != 0 || len(o.owned) != 0 || cap(o.queue) > 16 {
		t.Errorf("after everything was applied: %d changes, %d paths, %d sessions, room for %d",
			o.len(), len(o.newest), len(o.owned), cap(o.queue))
	}
}

func TestReaping(t *testing.T) {
	r := newRig(t)
	r.must(r.request(rigSession, wire.OpCreateContainer, createRequest("/used", "", 4)))
	r.must(r.request(rigSession, wire.OpCreateContainer, createRequest("/unused", "", 4)))
	r.must(r.request(rigSession, wire.OpCreateContainer, createRequest("/busy", "", 4)))
	r.create("/busy/x", "")
	r.create("/used/x", "")
	r.must(r.request(rigSession, wire.OpDelete, deleteRequest("/used/x")))
	r.must(r.request(rigSession, wire.OpCreateTTL, &wire.CreateTTLRequest{Path: "/ttl", ACL: open, Flags: 5, TTL: 100}))
	r.create("/plain", "")

	for _, c := range []struct {
		millis, neverUsed int64
		want              []string
	}{
		{r.millis, 0, []string{"/used"}},
		{r.millis + 1000, 0, []string{"/ttl", "/used"}},
		{r.millis + 1000, 500, []string{"/ttl", "/unused", "/used"}},
	} {
		if got := r.tree.Reapable(c.millis, c.neverUsed); !slices.Equal(got, c.want) {
			t.Errorf("reapable after %d ms, never used %d: %q, want %q", c.millis-r.millis, c.neverUsed, got, c.want)
		}
	}
	reap := func(path string) Request { return Request{Op: wire.OpDeleteContainer, Body: []byte(path)} }
	for _, c := range []struct {
		path string
		want wire.ErrCode
	}{
		{"/used", wire.OK}, {"/used", wire.ErrNoNode}, {"/busy", wire.ErrNotEmpty}, {"/plain", wire.ErrBadVersion},
		{"/ttl", wire.ErrBadVersion /* not idle long enough */}, {"/", wire.ErrBadArguments}, {"x", wire.ErrBadArguments},
	} {
		if got := r.do(reap(c.path)).Err; got != c.want {
			t.Errorf("reap %s: %v, want %v", c.path, got, c.want)
		}
	}
	r.millis += 1000
	if txn := r.prepare(reap("/ttl")); txn.Header.Type != wire.OpDeleteContainer {
		t.Errorf("reaping the TTL node is %+v, want a transaction of type deleteContainer", txn.Header)
	}
	if result := r.apply(); len(result.Changes) != 1 || result.Changes[0].Type != wire.EventDeleted {
		t.Errorf("reaping changed %+v", result.Changes)
	}
}
