package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// rig is an ensemble that makes no mistakes: it carries out what its clients ask for in turn, and
// writes the history and the logs. A test then spoils them.
type rig struct {
	model   *Model
	now     int64
	zxid    wire.Zxid
	txns    []Txn
	history *History
	clients map[int]*rigClient
	conns   int
}

type rigClient struct {
	number       int
	session      int64
	conn         int
	server       int64
	xid          int32
	last         wire.Zxid
	data, child  map[string]bool // watches; exists watches are in data
	exist        map[string]bool
	all          map[string]bool // persistent watches on a path
	disconnected bool
	missed       []wire.WatcherEvent
}

func newRig() *rig {
	return &rig{
		model: NewModel(func(Promise, string, ...any) {}), zxid: wire.MakeZxid(1, 0), clients: map[int]*rigClient{},
		history: &History{Began: began, Root: "/r"},
	}
}

const rigTimeout = 4 * time.Second

// tick moves the clock.
func (r *rig) tick() int64 { r.now += int64(time.Millisecond); return r.now }

// elect begins a new epoch.
func (r *rig) elect() { r.zxid = wire.MakeZxid(r.zxid.Epoch()+1, 0) }

func (r *rig) record(x Record) { r.history.Records = append(r.history.Records, x) }

// client opens a session.
func (r *rig) client(number int, server int64) *rigClient {
	c := &rigClient{
		number: number, session: int64(0x1000*number) + int64(r.conns), server: server,
		data: map[string]bool{}, exist: map[string]bool{}, child: map[string]bool{}, all: map[string]bool{},
	}
	r.clients[number] = c
	r.conns++
	c.conn = r.conns
	r.transact(Request{Session: c.session, Op: wire.OpCreateSession, Body: wire.Marshal(&wire.CreateSessionTxn{Timeout: int32(rigTimeout.Milliseconds())})})
	r.link(c, Connected)
	return c
}

func (r *rig) link(c *rigClient, kind LinkKind) {
	r.record(Record{Link: &Link{Client: c.number, Conn: c.conn, Session: c.session, Server: c.server, At: r.tick(), Kind: kind, Timeout: rigTimeout}})
}

// transact commits a request, and delivers the events.
func (r *rig) transact(q Request) expected {
	r.zxid++
	before := len(r.model.journal)
	header := wire.TxnHeader{ClientID: q.Session, Cxid: q.Cxid, Zxid: r.zxid, Time: (r.history.Began.UnixNano() + r.tick()) / int64(time.Millisecond), Type: q.Op}
	r.model.Commit(r.zxid, q, &wire.Txn{Header: header})
	e := r.model.replies[r.zxid]
	delete(r.model.replies, r.zxid)
	txn := &wire.Txn{Header: header, Body: txnFor(q, e)}
	if _, failed := txn.Body.(*wire.ErrorTxn); failed {
		txn.Header.Type = wire.OpError
	}
	r.txns = append(r.txns, Txn{r.zxid, txn.Marshal()})
	for _, change := range r.model.journal[before:] {
		for _, number := range slices.Sorted(maps.Keys(r.clients)) {
			r.deliver(r.clients[number], change)
		}
	}
	return e
}

// txnFor is the transaction with which a leader states an outcome.
func txnFor(q Request, e expected) wire.Record {
	if e.err != wire.OK {
		return &wire.ErrorTxn{Err: e.err}
	}
	record, _ := wire.NewRequest(q.Op)
	if record != nil {
		_ = wire.Unmarshal(q.Body, record)
	}
	switch x := record.(type) {
	case *wire.CreateRequest:
		var r wire.PathResponse
		_ = wire.Unmarshal(e.reply, &r)
		return &wire.CreateTxn{Path: r.Path, Data: x.Data, ACL: x.ACL, Ephemeral: x.Flags&wire.FlagEphemeral != 0, ParentCVersion: 1}
	case *wire.SetDataRequest:
		var r wire.StatResponse
		_ = wire.Unmarshal(e.reply, &r)
		return &wire.SetDataTxn{Path: x.Path, Data: x.Data, Version: r.Stat.Version}
	case *wire.DeleteRequest:
		return &wire.DeleteTxn{Path: x.Path}
	case *wire.CheckVersionRequest:
		return &wire.CheckVersionTxn{Path: x.Path}
	case *wire.MultiRequest:
		var r wire.MultiResponse
		_ = wire.Unmarshal(e.reply, &r)
		multi := &wire.MultiTxn{}
		for i, result := range r.Results {
			sub := expected{err: result.Err}
			if result.Op != wire.OpError && result.Response != nil {
				sub.reply = wire.Marshal(result.Response)
			}
			body, kind := txnFor(Request{Op: x.Ops[i].Op, Body: wire.Marshal(x.Ops[i].Request)}, sub), x.Ops[i].Op
			if result.Op == wire.OpError {
				body, kind = &wire.ErrorTxn{Err: result.Err}, wire.OpError
			}
			multi.Txns = append(multi.Txns, wire.SubTxn{Type: kind, Data: wire.Marshal(body)})
		}
		return multi
	}
	if q.Op == wire.OpCreateSession {
		return &wire.CreateSessionTxn{Timeout: int32(rigTimeout.Milliseconds())}
	}
	return &wire.CloseSessionTxn{}
}

// deliver sends a client the event of a change, if it has a watch for it.
func (r *rig) deliver(c *rigClient, change entry) {
	fires := c.all[change.path]
	take := func(table map[string]bool) {
		fires = fires || table[change.path]
		delete(table, change.path)
	}
	switch change.kind {
	case wire.EventChildrenChanged:
		take(c.child)
	case wire.EventDeleted:
		take(c.child)
		fallthrough
	default:
		take(c.data)
		take(c.exist)
	}
	if !fires {
		return
	}
	event := wire.WatcherEvent{Type: change.kind, State: wire.StateSyncConnected, Path: change.path}
	if c.disconnected {
		if !c.all[change.path] {
			c.missed = append(c.missed, event)
		}
		return
	}
	r.record(Record{Event: &Event{Client: c.number, Conn: c.conn, At: r.tick(), Zxid: -1, WatcherEvent: event}})
}

// op is a request that its client sends now.
func (r *rig) op(c *rigClient, code wire.OpCode, path string, body wire.Record) *Op {
	c.xid++
	op := &Op{
		Client: c.number, Session: c.session, Conn: c.conn, Server: c.server, Xid: c.xid, Code: code, Path: path,
		Intend: r.tick(), Outcome: OK,
	}
	if body != nil {
		op.Request = wire.Marshal(body)
	}
	op.Invoke = r.tick()
	return op
}

func (r *rig) answered(c *rigClient, op *Op, z wire.Zxid, code wire.ErrCode, reply []byte) *Op {
	op.Return, op.Zxid, op.Err, op.Reply = r.tick(), z, code, reply
	c.last = max(c.last, z)
	r.record(Record{Op: op})
	return op
}

func (r *rig) write(c *rigClient, code wire.OpCode, path string, body wire.Record) *Op {
	op := r.op(c, code, path, body)
	e := r.transact(Request{Session: c.session, Cxid: op.Xid, Op: code, Body: op.Request})
	return r.answered(c, op, r.zxid, e.err, e.reply)
}

func (r *rig) create(c *rigClient, path, data string, flags int32) *Op {
	return r.write(c, wire.OpCreate, path, &wire.CreateRequest{Path: path, Data: []byte(data), ACL: wire.OpenACL(), Flags: flags})
}

func (r *rig) set(c *rigClient, path, data string, version int32) *Op {
	return r.write(c, wire.OpSetData, path, &wire.SetDataRequest{Path: path, Data: []byte(data), Version: version})
}

func (r *rig) delete(c *rigClient, path string) *Op {
	return r.write(c, wire.OpDelete, path, &wire.DeleteRequest{Path: path, Version: -1})
}

func (r *rig) read(c *rigClient, code wire.OpCode, path string, watch bool) *Op {
	op := r.op(c, code, path, &wire.PathWatchRequest{Path: path, Watch: watch})
	op.Watch = watch
	body, err := r.model.Read(code, path, r.zxid)
	var reply []byte
	if err == wire.OK {
		reply = wire.Marshal(body)
	}
	if watch {
		switch {
		case err != wire.OK:
			c.exist[path] = true
		case code == wire.OpGetChildren:
			c.child[path] = true
		default:
			c.data[path] = true
		}
	}
	return r.answered(c, op, r.zxid, err, reply)
}

func (r *rig) addWatch(c *rigClient, path string) {
	op := r.op(c, wire.OpAddWatch, path, &wire.AddWatchRequest{Path: path, Mode: wire.WatchPersistent})
	c.all[path] = true
	r.answered(c, op, r.zxid, wire.OK, wire.Marshal(&wire.ErrorResponse{}))
}

func (r *rig) ping(c *rigClient) {
	op := r.op(c, wire.OpPing, "", nil)
	op.Xid = wire.XidPing
	c.xid--
	r.answered(c, op, r.zxid, wire.OK, nil)
}

func (r *rig) sync(c *rigClient) *Op {
	op := r.op(c, wire.OpSync, "/r", &wire.PathRequest{Path: "/r"})
	return r.answered(c, op, r.zxid, wire.OK, wire.Marshal(&wire.PathResponse{Path: "/r"}))
}

func (r *rig) lose(c *rigClient) {
	c.disconnected = true
	r.link(c, Lost)
}

// resume connects a client to another server, and sets its watches again.
func (r *rig) resume(c *rigClient, server int64) {
	set := &wire.SetWatches{
		RelativeZxid: c.last, Data: slices.Sorted(maps.Keys(c.data)), Exist: slices.Sorted(maps.Keys(c.exist)), Child: slices.Sorted(maps.Keys(c.child)),
		Persistent: slices.Sorted(maps.Keys(c.all)), V2: true,
	}
	for _, e := range c.missed {
		switch e.Type {
		case wire.EventChildrenChanged:
			set.Child = append(set.Child, e.Path)
		default:
			set.Data = append(set.Data, e.Path)
		}
	}
	r.conns++
	c.conn, c.server, c.disconnected = r.conns, server, false
	r.link(c, Resumed)
	op := r.op(c, wire.OpSetWatches2, "", set)
	op.Xid = wire.XidSetWatches
	c.xid--
	for _, e := range c.missed {
		r.record(Record{Event: &Event{Client: c.number, Conn: c.conn, At: r.tick(), Zxid: -1, WatcherEvent: e}})
	}
	c.missed = nil
	r.answered(c, op, r.zxid, wire.OK, nil)
}

func (r *rig) close(c *rigClient) {
	delete(r.clients, c.number)
	r.write(c, wire.OpCloseSession, "", nil)
	r.link(c, Closed)
}

// expire lets the session of a client that has lost its connection expire, and tells it so.
func (r *rig) expire(c *rigClient) {
	delete(r.clients, c.number)
	r.now += int64(rigTimeout + 200*time.Millisecond)
	r.transact(Request{Session: c.session, Op: wire.OpCloseSession})
	r.conns++
	c.conn = r.conns
	r.link(c, Expired)
}

// evidence is what the run leaves: three members with all of it.
func (r *rig) evidence() *Evidence {
	e := &Evidence{History: r.history, Tick: 100 * time.Millisecond, Trees: map[int64]View{}}
	nodes, sessions := map[string]*rigNode{}, map[int64]int32{}
	for path := range r.model.nodes {
		if n := r.model.get(path); n != nil {
			nodes[path] = &rigNode{string(n.data), n.stat()}
		}
	}
	for id, s := range r.model.sessions {
		if s.closed == 0 {
			sessions[id] = s.timeout
		}
	}
	for member := int64(1); member <= 3; member++ {
		e.Logs = append(e.Logs, MemberLog{Member: member, Voter: true, Txns: slices.Clone(r.txns)})
		e.Trees[member] = &rigView{nodes, sessions, map[string]*rigNode{}}
	}
	return e
}

// rigView is a tree in which a test may replace nodes.
type rigView struct {
	nodes    map[string]*rigNode
	sessions map[int64]int32
	instead  map[string]*rigNode // nil: it is missing
}

type rigNode struct {
	data string
	stat wire.Stat
}

func (v *rigView) Node(path string) ([]byte, wire.Stat, []wire.ACL, bool) {
	n, replaced := v.instead[path]
	if !replaced {
		n = v.nodes[path]
	}
	if n == nil {
		return nil, wire.Stat{}, nil, false
	}
	return []byte(n.data), n.stat, wire.OpenACL(), true
}

func (v *rigView) Nodes() int {
	count := len(v.nodes) - 1 // without /zookeeper
	for path, n := range v.instead {
		switch was := v.nodes[path] != nil; {
		case was && n == nil:
			count--
		case !was && n != nil:
			count++
		}
	}
	return count
}

func (v *rigView) Session(id int64) (int32, bool) {
	timeout, found := v.sessions[id]
	return timeout, found
}

func (v *rigView) Sessions() int { return len(v.sessions) }

// good is a run in which each promise has something to judge. The marks are operations that tests spoil.
func good(t *testing.T) (*Evidence, map[string]*Op) {
	t.Helper()
	r := newRig()
	marks := map[string]*Op{}
	a, b, c := r.client(1, 1), r.client(2, 2), r.client(3, 3)
	r.create(a, "/r", "", wire.FlagPersistent)
	for i := range 3 {
		r.create(a, fmt.Sprintf("/r/%d", i), "init", wire.FlagPersistent)
	}
	marks["create"] = r.create(b, "/r/q-", "1", wire.FlagPersistentSequential)
	marks["sequential"] = r.create(a, "/r/q-", "2", wire.FlagPersistentSequential)
	marks["watch"] = r.read(c, wire.OpGetData, "/r/0", true)
	r.read(c, wire.OpGetChildren, "/r", true)
	r.read(c, wire.OpExists, "/r/later", true)
	r.addWatch(a, "/r/1")
	marks["set"] = r.set(b, "/r/0", "x", -1) // c gets data-changed
	marks["refused"] = r.set(a, "/r/0", "y", 0)
	r.create(b, "/r/later", "", wire.FlagPersistent) // c gets created, and children-changed
	marks["ephemeral"] = r.create(b, "/r/e", "", wire.FlagEphemeral)
	marks["seen"] = r.read(a, wire.OpGetData, "/r/0", false)
	marks["children"] = r.read(a, wire.OpGetChildren, "/r", false)
	r.set(b, "/r/1", "1", -1) // a gets data-changed
	marks["again"] = r.set(b, "/r/1", "2", -1)
	marks["multi"] = r.write(a, wire.OpMulti, "", &wire.MultiRequest{Ops: []wire.MultiOp{
		{Op: wire.OpCheck, Request: &wire.CheckVersionRequest{Path: "/r/1", Version: 2}},
		{Op: wire.OpSetData, Request: &wire.SetDataRequest{Path: "/r/2", Data: []byte("m"), Version: -1}},
	}})
	marks["failed"] = r.write(a, wire.OpMulti, "", &wire.MultiRequest{Ops: []wire.MultiOp{
		{Op: wire.OpSetData, Request: &wire.SetDataRequest{Path: "/r/2", Data: []byte("n"), Version: -1}},
		{Op: wire.OpDelete, Request: &wire.DeleteRequest{Path: "/r/none", Version: -1}},
	}})
	r.read(c, wire.OpGetData, "/r/0", true)
	r.read(c, wire.OpGetChildren, "/r", true)
	marks["last of epoch 1"] = r.set(b, "/r/1", "3", -1)
	r.lose(c)
	r.elect()
	r.set(b, "/r/0", "missed", -1)
	r.resume(c, 1) // c gets the missed data-changed
	r.ping(c)
	marks["sync"] = r.sync(a)
	marks["stale"] = r.read(b, wire.OpGetData, "/r/0", false)
	r.delete(b, "/r/later") // c gets children-changed
	marks["last"] = r.set(a, "/r/0", "last", -1)
	lost := r.op(a, wire.OpSetData, "/r/2", &wire.SetDataRequest{Path: "/r/2", Data: []byte("unknown"), Version: -1})
	r.transact(Request{Session: a.session, Cxid: lost.Xid, Op: lost.Code, Body: lost.Request})
	lost.Outcome, lost.Return = Unknown, math.MaxInt64
	r.record(Record{Op: lost})
	marks["unknown"] = lost
	r.lose(a)
	r.resume(a, 2)
	d := r.client(4, 2)
	r.create(d, "/r/d", "", wire.FlagEphemeral)
	marks["before expiry"] = r.set(d, "/r/2", "d", -1)
	r.lose(d)
	r.expire(d)
	r.close(c)
	r.set(b, "/r/1", "end", -1)
	r.set(a, "/r/1", "end", -1)
	e := r.evidence()
	e.Leaders = []Leader{{Epoch: 1, Member: 3, At: 0}, {Epoch: 2, Member: 3, At: 1}}
	return e, marks
}
