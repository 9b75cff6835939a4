package datatree

import (
	"fmt"
	"slices"
	"testing"

	"zkctl/probe/wire"
)

// newReadRig returns newPopulatedRig with one watch to check and remove.
func newReadRig(t *testing.T) (*rig, *Watches) {
	r, w := newPopulatedRig(t), NewWatches()
	w.Data("/open", 1)
	return r, w
}

func TestReadErrors(t *testing.T) {
	watch := func(path string) wire.Record { return &wire.PathWatchRequest{Path: path, Watch: true} }
	path := func(path string) wire.Record { return &wire.PathRequest{Path: path} }
	for _, c := range []struct {
		op   wire.OpCode
		body wire.Record
		want wire.ErrCode
		set  int // number of watches that it adds
	}{
		{wire.OpExists, watch("/v1"), wire.OK, 1},
		{wire.OpExists, watch("/none"), wire.ErrNoNode, 1},
		{wire.OpExists, watch("/closed"), wire.ErrNoAuth, 0},
		{wire.OpExists, watch("/none\x00"), wire.ErrBadArguments, 0},
		{wire.OpExists, &wire.PathWatchRequest{Path: "/none"}, wire.ErrNoNode, 0},
		{wire.OpGetData, watch("/v1"), wire.OK, 1},
		{wire.OpGetData, watch("/none"), wire.ErrNoNode, 0},
		{wire.OpGetData, watch("/closed"), wire.ErrNoAuth, 0},
		{wire.OpGetChildren, watch("/v1"), wire.OK, 1},
		{wire.OpGetChildren, watch("/none"), wire.ErrNoNode, 0},
		{wire.OpGetChildren2, watch("/v1"), wire.OK, 1},
		{wire.OpGetChildren2, watch("/closed"), wire.ErrNoAuth, 0},
		{wire.OpGetChildren2, &wire.PathWatchRequest{Path: "/v1"}, wire.OK, 0},
		{wire.OpGetACL, path("/v1"), wire.OK, 0},
		{wire.OpGetACL, path("/closed"), wire.ErrNoAuth, 0},
		{wire.OpGetACL, path("/none"), wire.ErrNoNode, 0},
		{wire.OpGetAllChildrenNumber, path("/open"), wire.OK, 0},
		{wire.OpGetAllChildrenNumber, path("/none"), wire.ErrNoNode, 0},
		{wire.OpGetAllChildrenNumber, path("/closed"), wire.ErrNoAuth, 0},
		{wire.OpGetEphemerals, path("/none"), wire.OK, 0},
		{wire.OpAddWatch, &wire.AddWatchRequest{Path: "/none", Mode: 0}, wire.OK, 2},
		{wire.OpAddWatch, &wire.AddWatchRequest{Path: "/none", Mode: 1}, wire.OK, 1},
		{wire.OpAddWatch, &wire.AddWatchRequest{Path: "/none", Mode: 2}, wire.ErrMarshalling, 0},
		{wire.OpCheckWatches, &wire.WatchRemoval{Path: "/open", Type: wire.WatcherData}, wire.OK, 0},
		{wire.OpCheckWatches, &wire.WatchRemoval{Path: "/open", Type: wire.WatcherChildren}, wire.ErrNoWatcher, 0},
		{wire.OpCheckWatches, &wire.WatchRemoval{Path: "/open", Type: 0}, wire.ErrMarshalling, 0},
		{wire.OpRemoveWatches, &wire.WatchRemoval{Path: "/open", Type: wire.WatcherAny}, wire.OK, -1},
		{wire.OpRemoveWatches, &wire.WatchRemoval{Path: "/v1", Type: wire.WatcherAny}, wire.ErrNoWatcher, 0},
		{wire.OpRemoveWatches, &wire.WatchRemoval{Path: "/open", Type: 6}, wire.ErrMarshalling, 0},
		{wire.OpSetWatches, &wire.SetWatches{Exist: []string{"/none"}}, wire.OK, 1},
		{wire.OpSetWatches2, &wire.SetWatches{V2: true, Persistent: []string{"/none"}}, wire.OK, 2},
		{wire.OpWhoAmI, nil, wire.OK, 0},
		{wire.OpMultiRead, new(wire.MultiRequest), wire.OK, 0},
		{wire.OpMultiRead, &wire.MultiRequest{Ops: []wire.MultiOp{{Op: wire.OpDelete, Request: deleteRequest("/v1")}}}, wire.ErrMarshalling, 0},
		{wire.OpGetData, nil, wire.ErrMarshalling, 0}, // undecodable
	} {
		t.Run(fmt.Sprintf("%s_%+v", c.op, c.body), func(t *testing.T) {
			r, w := newReadRig(t)
			before := w.Counts().Total
			q := Query{Op: c.op, Session: rigSession, Watcher: 1, Caller: Caller{IDs: []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}}}
			if c.body != nil {
				q.Body = wire.Marshal(c.body)
			}
			a, known := Read(r.tree, w, q)
			if !known || a.Err != c.want {
				t.Fatalf("known %v, %v, want %v", known, a.Err, c.want)
			}
			if got := w.Counts().Total - before; got != c.set {
				t.Errorf("left %d watches, want %d", got, c.set)
			}
			wantBody, _ := wire.NewResponse(c.op)
			// Java sends part of the answer of a multiRead that fails.
			if (a.Body != nil) != (wantBody != nil && (c.want == wire.OK || c.op == wire.OpMultiRead)) {
				t.Errorf("error %v with body %T, want %T", a.Err, a.Body, wantBody)
			}
			if a.Body != nil && fmt.Sprintf("%T", a.Body) != fmt.Sprintf("%T", wantBody) {
				t.Errorf("body %T, want %T", a.Body, wantBody)
			}
		})
	}
	for _, op := range []wire.OpCode{wire.OpCreate, wire.OpSync, wire.OpPing, wire.OpAuth, wire.OpSASL, wire.OpMulti, wire.OpCheck, 99} {
		if _, known := Read(New(), NewWatches(), Query{Op: op}); known {
			t.Errorf("%s was taken for a read", op)
		}
	}
}

func TestReadAnswers(t *testing.T) {
	r, w := newReadRig(t)
	read := func(op wire.OpCode, body wire.Record) Answer {
		a, _ := Read(r.tree, w, Query{Op: op, Body: wire.Marshal(body), Session: rigSession, Watcher: 1})
		return a
	}
	if got := read(wire.OpGetData, &wire.PathWatchRequest{Path: "/v1"}).Body.(*wire.DataResponse); string(got.Data) != "x" || got.Stat.Version != 1 {
		t.Errorf("getData: %+v", got)
	}
	if got := read(wire.OpGetChildren, &wire.PathWatchRequest{Path: "/open"}).Body.(*wire.ChildrenResponse); !slices.Equal(got.Children, []string{"child"}) {
		t.Errorf("getChildren: %+v", got)
	}
	if got := read(wire.OpGetChildren2, &wire.PathWatchRequest{Path: "/open"}).Body.(*wire.Children2Response); len(got.Children) != 1 || got.Stat.NumChildren != 1 {
		t.Errorf("getChildren2: %+v", got)
	}
	for prefix, want := range map[string][]string{
		"": {"/ephemeral"}, "/": {"/ephemeral"}, " ": {"/ephemeral"}, "/eph": {"/ephemeral"}, "/x": nil,
	} {
		got := read(wire.OpGetEphemerals, &wire.PathRequest{Path: prefix}).Body.(*wire.ChildrenResponse).Children
		if !slices.Equal(got, want) {
			t.Errorf("getEphemerals %q: %q, want %q", prefix, got, want)
		}
	}
	missed := read(wire.OpSetWatches, &wire.SetWatches{Data: []string{"/none"}}).Missed
	if got := text(missed); got != "1:deleted /none" {
		t.Errorf("setWatches missed %q", got)
	}
}

func TestMultiRead(t *testing.T) {
	r, w := newReadRig(t)
	at := func(op wire.OpCode, path string) wire.MultiOp {
		return wire.MultiOp{Op: op, Request: &wire.PathWatchRequest{Path: path, Watch: true}}
	}
	body := wire.Marshal(&wire.MultiRequest{Ops: []wire.MultiOp{
		at(wire.OpGetData, "/none"), at(wire.OpGetData, "/v1"), at(wire.OpGetChildren, "/open"), at(wire.OpGetChildren, "/closed"),
	}})
	a, _ := Read(r.tree, w, Query{Op: wire.OpMultiRead, Body: body, Watcher: 9})
	var got []string
	for _, result := range a.Body.(*wire.MultiResponse).Results {
		got = append(got, fmt.Sprintf("%s %d %T", result.Op, result.Err, result.Response))
	}
	want := []string{
		"error -101 <nil>", "getData 0 *wire.DataResponse", "getChildren 0 *wire.ChildrenResponse", "error -102 <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("results %q, want %q", got, want)
	}
	if n := w.Counts().Total; n != 1 {
		t.Errorf("%d watches, want the one that was there: the flags of a multiRead set none", n)
	}
}

func TestRespond(t *testing.T) {
	r := newPopulatedRig(t)
	for _, c := range []struct {
		op   wire.OpCode
		body wire.Record
	}{
		{wire.OpCreate, createRequest("/new", "", 0)}, {wire.OpCreate2, createRequest("/new2", "", 0)},
		{wire.OpCreateContainer, createRequest("/box", "", 4)},
		{wire.OpCreateTTL, &wire.CreateTTLRequest{Path: "/ttl", ACL: open, Flags: 5, TTL: 5}},
		{wire.OpSetData, setRequest("/v1", "")}, {wire.OpSetACL, &wire.SetACLRequest{Path: "/v1", ACL: open, Version: -1}},
		{wire.OpDelete, deleteRequest("/v1")}, {wire.OpMulti, new(wire.MultiRequest)}, {wire.OpCloseSession, nil},
	} {
		q := r.request(rigSession, c.op, c.body)
		result := r.do(q)
		a := Respond(c.op, q.Body, &result)
		want, _ := wire.NewResponse(c.op)
		if a.Err != wire.OK || fmt.Sprintf("%T", a.Body) != fmt.Sprintf("%T", want) {
			t.Errorf("%s: %v, body %T, want %T", c.op, a.Err, a.Body, want)
		}
	}
	other := &Result{Type: wire.OpMulti, Multi: make([]Result, 3)}
	if a := Respond(wire.OpMulti, wire.Marshal(new(wire.MultiRequest)), other); a.Err != wire.ErrMarshalling {
		t.Errorf("the result of another request: %v", a.Err)
	}
}
