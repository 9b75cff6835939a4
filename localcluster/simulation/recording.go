package simulation

import (
	"fmt"
	"time"

	"zkctl/inject/drill"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// recording writes down for a drill what clients see, what members do, and which faults strike. It
// changes nothing in the world. The methods of a nil recording do nothing: a campaign has none.
type recording struct {
	w        *World
	scenario *scenario.Scenario
	out      drill.Recorder
	session  []*history.Op // pings and setWatches that are not answered, oldest first
	closed   *clientConn   // the last connection whose client has closed its session
	acked    int           // writes that were answered without an error
	leaders  []history.Leader
	faults   []*drill.FaultRecord
	running  map[*planned]*drill.FaultRecord // those that have not ended
}

func newRecording(w *World, s *scenario.Scenario, out drill.Recorder) *recording {
	r := &recording{w: w, scenario: s, out: out, running: map[*planned]*drill.FaultRecord{}}
	w.recording, w.watch = r, r.reported
	return r
}

// sent notes a packet of a client that is no request: it stands beside those in flight.
func (r *recording) sent(c *client, xid int32, code wire.OpCode, body []byte) {
	if r == nil || xid > 0 {
		return
	}
	now := int64(r.w.now)
	r.session = append(r.session, &history.Op{
		Client: c.id, Session: c.session, Conn: int(c.conn.id), Server: int64(c.conn.s.id), Xid: xid, Code: code, Request: body,
		Intend: now, Invoke: now,
	})
}

// answered notes the answer to such a packet.
func (r *recording) answered(c *client, a reply) {
	if r == nil {
		return
	}
	for i, op := range r.session {
		if op.Client == c.id && op.Xid == a.header.Xid {
			r.session = append(r.session[:i:i], r.session[i+1:]...)
			op.Return, op.Outcome, op.Err, op.Zxid, op.Reply = int64(r.w.now), history.OK, a.header.Err, a.header.Zxid, a.body
			r.out.Record(history.Record{Op: op})
			return
		}
	}
}

// op notes a request that was answered.
func (r *recording) op(op history.Op) {
	if r == nil {
		return
	}
	op.Intend = op.Invoke
	if op.Err == wire.OK && op.Code.IsWrite() {
		r.acked++
	}
	r.out.Record(history.Record{Op: &op})
}

func (r *recording) event(e history.Event) {
	if r != nil {
		r.out.Record(history.Record{Event: &e})
	}
}

func (r *recording) link(c *client, kind history.LinkKind) {
	if r == nil {
		return
	}
	if kind == history.Closed {
		r.closed = c.conn
	}
	l := &history.Link{
		Client: c.id, Conn: int(c.conn.id), Session: c.session, Server: int64(c.conn.s.id), At: int64(r.w.now), Kind: kind,
	}
	if kind == history.Connected || kind == history.Resumed {
		l.Timeout = c.timeout
	}
	r.out.Record(history.Record{Link: l})
}

// lost notes the end of a client's connection: what was not answered may have happened, or not.
func (r *recording) lost(c *client) {
	if r == nil || c.conn == nil {
		return
	}
	var left []history.Op
	for _, op := range c.inFlight {
		left = append(left, op.Op)
	}
	kept := r.session[:0:0]
	for _, op := range r.session {
		if op.Client == c.id {
			left = append(left, *op)
		} else {
			kept = append(kept, op)
		}
	}
	r.session = kept
	for _, op := range left {
		op.Intend, op.Return, op.Outcome, op.Err, op.Zxid, op.Reply = op.Invoke, history.Never, history.Unknown, 0, 0, nil
		r.out.Record(history.Record{Op: &op})
	}
	if c.connected && (len(left) > 0 || c.conn != r.closed) {
		r.link(c, history.Lost)
	}
}

// member notes what happens to a server's process.
func (r *recording) member(kind drill.EventKind, s *server) {
	if r != nil {
		r.out.Event(drill.Event{At: int64(r.w.now), Kind: kind, Member: int64(s.id)})
	}
}

// reported notes what a core reports.
func (r *recording) reported(s *server, e zab.Event) {
	event := drill.Event{At: int64(r.w.now), Member: int64(s.id), Epoch: e.Epoch}
	switch {
	case e.Kind == zab.ElectionStarted:
		event.Kind = drill.EventElecting
	case e.Kind == zab.LeaderElected && e.Peer == s.id:
		event.Kind = drill.EventElected
	case e.Kind == zab.Established:
		event.Kind = drill.EventEstablished
		r.leaders = append(r.leaders, history.Leader{Epoch: e.Epoch, Member: int64(s.id), At: event.At})
	default:
		return
	}
	r.out.Event(event)
}

// struck notes that a fault has struck, or that there was nothing for it to strike.
func (r *recording) struck(q *planned) {
	if r == nil {
		return
	}
	now := int64(r.w.now)
	f := &drill.FaultRecord{
		ID: fmt.Sprintf("m%d", len(r.faults)+1), Step: q.step, Line: r.scenario.Steps[q.step].Fault.String(),
		Members: q.members, From: now, Settled: now, Effect: q.effect,
	}
	r.faults = append(r.faults, f)
	r.running[q] = f
	r.out.Fault(*f)
}

// ended notes the end of the fault that has struck last.
func (r *recording) ended(q *planned) {
	if r == nil {
		return
	}
	f := r.running[q]
	if f == nil {
		return
	}
	delete(r.running, q)
	f.To = int64(r.w.now)
	f.Effect = f.Effect || q.effect
	r.out.Fault(*f)
}

// close notes what is left when the run is over.
func (r *recording) close() {
	for _, c := range r.w.clients {
		r.lost(c)
	}
	for _, q := range r.w.plan.faults {
		if f := r.running[q]; f != nil {
			r.ended(q)
		}
	}
}

// windows are the faults as the judge wants them. A fault of one server may disturb all.
func (r *recording) windows() (all []history.Window) {
	for _, f := range r.faults {
		end := f.To
		if end == 0 {
			end = int64(r.w.now)
		}
		clock := f.Kind() == "clock"
		if clock {
			end = int64(1000 * time.Hour) // a clock that has jumped stays wrong
		}
		all = append(all, history.Window{From: f.From, To: end, Clock: clock})
	}
	return all
}
