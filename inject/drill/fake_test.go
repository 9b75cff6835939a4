package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"zkctl/inject"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// fake is an Ensemble of three members without processes: they share one tree, so that all of them are always up to date. A
// member that is killed or paused serves no client. It keeps ZooKeeper's promises, which a test may have it break.
type fake struct {
	t testing.TB

	mu       sync.Mutex
	resumed  *sync.Cond // of mu: down has changed
	tree     *datatree.Tree
	prepare  *datatree.Preparer
	watches  *datatree.Watches
	zxid     wire.Zxid
	log      []history.Txn
	sessions map[int64]int32 // timeouts
	last     int64           // session that was opened
	watchers map[int64]*fakeConn
	conns    int64
	down     map[int64]EventKind // members that do not serve, and why
	leader   int64
	events   []fakeEvent
	news     chan struct{} // closed when events grows
	healed   []string      // what Heal and Close were called with, in order
	failed   map[scenario.Verb]error
	wait     func(condition string) error // nil: at once
	folder   Folder
	foreign  bool
}

type fakeEvent struct {
	event Event
	fault *FaultRecord
}

// fakeConn is one client's connection to a member.
type fakeConn struct {
	net.Conn
	member  int64
	session int64
}

func newFake(t testing.TB) *fake {
	tree := datatree.New()
	f := &fake{
		t: t, tree: tree, watches: datatree.NewWatches(), zxid: 1 << 32, sessions: map[int64]int32{}, watchers: map[int64]*fakeConn{},
		down: map[int64]EventKind{}, leader: 3, news: make(chan struct{}), failed: map[scenario.Verb]error{},
	}
	f.resumed = sync.NewCond(&f.mu)
	f.prepare = datatree.NewPreparer(tree, datatree.PreparerOptions{})
	f.add(Event{Kind: EventEstablished, Member: 3, Epoch: 1}, nil)
	return f
}

// target is a Target whose ensemble this is.
func (f *fake) target() *processes {
	p := Processes("fake", nil, func(context.Context, *scenario.Scenario) (Ensemble, error) { return f, nil }).(*processes)
	p.dial = f.dial
	return p
}

// add notes an event. f.mu is held, or nothing else knows f yet.
func (f *fake) add(e Event, fault *FaultRecord) {
	e.At = time.Now().UnixNano()
	f.events = append(f.events, fakeEvent{e, fault})
	close(f.news)
	f.news = make(chan struct{})
}

func (f *fake) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	member, err := strconv.ParseInt(addr, 10, 64)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down[member] == EventExited {
		return nil, syscall.ECONNREFUSED
	}
	client, server := net.Pipe()
	c := &fakeConn{Conn: server, member: member}
	f.conns++
	number := f.conns
	f.watchers[number] = c
	go f.serve(c, number)
	return client, nil
}

// serve plays a member's side of a connection.
func (f *fake) serve(c *fakeConn, number int64) {
	defer func() {
		f.mu.Lock()
		delete(f.watchers, number)
		f.watches.RemoveWatcher(number)
		f.mu.Unlock()
		c.Close()
	}()
	frame, err := wire.ReadFrame(c, 1024)
	var request wire.ConnectRequest
	if err != nil || wire.Unmarshal(frame, &request) != nil {
		return
	}
	response := f.connect(c, &request)
	if _, err := c.Write(wire.AppendFrame(nil, wire.Marshal(response))); err != nil {
		return
	}
	for frame := range requests(c) {
		reply, closing := f.answer(c, number, frame)
		if _, err := c.Write(reply); err != nil || closing {
			return
		}
	}
}

// requests reads on while earlier requests wait for their answers, as a kernel does for a process that is paused: a client
// never waits in a write.
func requests(c net.Conn) <-chan []byte {
	frames := make(chan []byte, 1000)
	go func() {
		defer close(frames)
		for {
			frame, err := wire.ReadFrame(c, wire.DefaultMaxBuffer)
			if err != nil {
				return
			}
			frames <- frame
		}
	}()
	return frames
}

func (f *fake) connect(c *fakeConn, r *wire.ConnectRequest) *wire.ConnectResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaitResumed(c.member)
	response := &wire.ConnectResponse{Timeout: r.Timeout, HasReadOnly: r.HasReadOnly, Password: wire.NoPassword()}
	switch _, alive := f.sessions[r.SessionID]; {
	case r.SessionID == 0:
		f.last++
		c.session = c.member<<56 | f.last
		f.sessions[c.session] = r.Timeout
		f.commit(datatree.Request{Session: c.session, Op: wire.OpCreateSession, Body: wire.Marshal(&wire.CreateSessionTxn{Timeout: r.Timeout})})
	case alive:
		c.session = r.SessionID
	default:
		response.Timeout = 0
		return response
	}
	response.SessionID, response.Password = c.session, wire.SessionPassword(c.session)
	return response
}

// awaitResumed waits while a member is paused: it answers later what it is sent now.
func (f *fake) awaitResumed(member int64) {
	for f.down[member] == EventPaused {
		f.resumed.Wait()
	}
}

// expire ends all sessions, much too early.
func (f *fake) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(f.sessions)) {
		f.commit(datatree.Request{Session: id, Op: wire.OpCloseSession})
	}
	clear(f.sessions)
	for _, c := range f.watchers {
		c.Close()
	}
}

// expireOne ends the session of this name.
func (f *fake) expireOne(name string) (FaultRecord, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(f.sessions)) {
		if name != fmt.Sprintf("0x%x", id) {
			continue
		}
		f.commit(datatree.Request{Session: id, Op: wire.OpCloseSession})
		delete(f.sessions, id)
		for _, c := range f.watchers {
			if c.session == id {
				c.Close()
			}
		}
		at := time.Now().UnixNano()
		return FaultRecord{ID: fmt.Sprintf("f%d", f.zxid), From: at, To: at, Effect: true}, nil
	}
	return FaultRecord{}, fmt.Errorf("there is no session %s", name)
}

// commit makes a transaction of a request, and sends the events that it causes. The clients take them at once: their
// readers wait for nothing but their connection.
func (f *fake) commit(q datatree.Request) datatree.Result {
	f.zxid++
	txn := f.prepare.Prepare(q, f.zxid, time.Now().UnixMilli())
	f.log = append(f.log, history.Txn{Zxid: f.zxid, Data: txn.Marshal()})
	result, err := f.tree.Apply(txn)
	if err != nil {
		f.t.Errorf("apply %v: %v", txn.Header, err)
	}
	f.prepare.Applied(f.zxid)
	for _, change := range result.Changes {
		f.notify(f.watches.Trigger(change))
	}
	return result
}

func (f *fake) notify(list []datatree.Notification) {
	for _, n := range list {
		if c := f.watchers[n.Watcher]; c != nil {
			_, _ = c.Write(reply(wire.ReplyHeader{Xid: wire.XidNotification, Zxid: -1}, &n.Event))
		}
	}
}

// answer handles one request.
func (f *fake) answer(c *fakeConn, number int64, frame []byte) (answer []byte, closing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaitResumed(c.member)
	d := wire.NewDecoder(frame)
	var h wire.RequestHeader
	h.Decode(d)
	body := d.Rest()
	header := wire.ReplyHeader{Xid: h.Xid}
	var record wire.Record
	switch h.Op {
	case wire.OpPing:
	case wire.OpSync:
		record = &wire.PathResponse{Path: "/"}
	default:
		a, read := datatree.Read(f.tree, f.watches, datatree.Query{Op: h.Op, Body: body, Session: c.session, Watcher: number, Caller: datatree.Caller{SkipACL: true}})
		if !read {
			result := f.commit(datatree.Request{Session: c.session, Cxid: h.Xid, Op: h.Op, Body: body, Auth: []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}})
			a = datatree.Respond(h.Op, body, &result)
		}
		f.notify(a.Missed)
		header.Err, record = a.Err, a.Body
	}
	if h.Op == wire.OpCloseSession {
		delete(f.sessions, c.session)
	}
	header.Zxid = f.zxid
	return reply(header, record), h.Op == wire.OpCloseSession
}

func reply(h wire.ReplyHeader, body wire.Record) []byte {
	var e wire.Encoder
	mark := e.BeginFrame()
	h.Encode(&e)
	if body != nil {
		body.Encode(&e)
	}
	e.EndFrame(mark)
	return e.Bytes()
}

func (f *fake) Members(context.Context) ([]inject.Member, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []inject.Member
	for id := int64(1); id <= 3; id++ {
		role := inject.RoleFollower
		if id == f.leader {
			role = inject.RoleLeader
		}
		list = append(list, inject.Member{ID: id, Role: role})
	}
	return list, nil
}

func (f *fake) Clients(context.Context) (map[int64]string, error) {
	return map[int64]string{1: "1", 2: "2", 3: "3"}, nil
}

// Inject kills or pauses a member, and the next one leads.
func (f *fake) Inject(ctx context.Context, fault scenario.Fault, _ uint64) (FaultRecord, error) {
	if err := f.failed[fault.Verb]; err != nil {
		return FaultRecord{}, err
	}
	if fault.Verb == scenario.Expire {
		return f.expireOne(fault.Target)
	}
	selector, err := inject.ParseSelector(fault.Target)
	if err != nil {
		return FaultRecord{}, err
	}
	members, _ := f.Members(ctx)
	ids, err := selector.Resolve(members, nil)
	if err != nil {
		return FaultRecord{}, err
	}
	kind := map[scenario.Verb]EventKind{scenario.Kill: EventExited, scenario.Pause: EventPaused}[fault.Verb]
	f.mu.Lock()
	defer f.mu.Unlock()
	r := FaultRecord{ID: fmt.Sprintf("f%d", len(f.events)), Members: ids, From: time.Now().UnixNano(), Effect: true}
	began := r
	f.add(Event{Kind: "fault"}, &began)
	for _, id := range ids {
		f.down[id] = kind
		f.add(Event{Kind: kind, Member: id}, nil)
	}
	for _, c := range f.watchers {
		if kind == EventExited && slices.Contains(ids, c.member) {
			c.Close()
		}
	}
	if slices.Contains(ids, f.leader) {
		f.leader = f.leader%3 + 1
		f.zxid = wire.Zxid(f.zxid.Epoch()+1) << 32
		f.add(Event{Kind: EventElecting, Member: f.leader}, nil)
		f.add(Event{Kind: EventElected, Member: f.leader}, nil)
		f.add(Event{Kind: EventEstablished, Member: f.leader, Epoch: f.zxid.Epoch()}, nil)
	}
	if fault.For > 0 {
		time.AfterFunc(fault.For, func() { f.end(r) })
	}
	return r, nil
}

func (f *fake) end(r FaultRecord) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range r.Members {
		delete(f.down, id)
	}
	f.resumed.Broadcast()
	r.To = time.Now().UnixNano()
	f.add(Event{Kind: "heal"}, &r)
}

func (f *fake) Plant(context.Context, scenario.Step, uint64) error { return errors.ErrUnsupported }

func (f *fake) Heal(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = append(f.healed, "heal")
	clear(f.down)
	f.resumed.Broadcast()
	return nil
}

func (f *fake) Wait(_ context.Context, condition string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = append(f.healed, condition)
	if f.wait != nil {
		return f.wait(condition)
	}
	return nil
}

func (f *fake) Follow(ctx context.Context, each func(Event, *FaultRecord)) error {
	for n := 0; ; {
		f.mu.Lock()
		fresh, news := slices.Clone(f.events[n:]), f.news
		f.mu.Unlock()
		n += len(fresh)
		for _, e := range fresh {
			each(e.event, e.fault)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Disks(context.Context) (logs []history.MemberLog, trees map[int64]history.View, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	trees = map[int64]history.View{}
	tree := datatree.New()
	for _, one := range f.log {
		txn, err := wire.UnmarshalTxn(one.Data)
		if err == nil {
			_, err = tree.Apply(txn)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for id := int64(1); id <= 3; id++ {
		logs = append(logs, history.MemberLog{Member: id, Voter: true, Txns: slices.Clone(f.log)})
		trees[id] = datatree.View{Tree: tree}
	}
	return logs, trees, nil
}

func (f *fake) Quorum(has func(int64) bool) bool { return majority(has) }

func majority(has func(int64) bool) bool {
	n := 0
	for id := int64(1); id <= 3; id++ {
		if has(id) {
			n++
		}
	}
	return n >= 2
}

func (f *fake) Tick() time.Duration { return 200 * time.Millisecond }
func (f *fake) Foreign() bool       { return f.foreign }
func (f *fake) Folder() Folder      { return f.folder }

func (f *fake) Close(_ context.Context, keep bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = append(f.healed, fmt.Sprintf("close keep=%t", keep))
	clear(f.down)
	f.resumed.Broadcast()
	return nil
}
