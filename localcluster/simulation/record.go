package simulation

import (
	"slices"
	"time"

	"zkctl/inject/history"
	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// record passes on what a client has seen, for those who judge the run from outside. The run
// does not depend on it.
func (c *client) record(r history.Record) {
	if c.w.seen != nil {
		c.w.seen(r)
	}
}

// recordOp passes on an operation as it is now: the client may send it again.
func (c *client) recordOp(op *history.Op) {
	if c.w.seen != nil {
		kept := *op
		kept.Intend = kept.Invoke
		c.w.seen(history.Record{Op: &kept})
	}
}

func (c *client) recordLink(kind history.LinkKind, why string) {
	c.record(history.Record{Link: &history.Link{
		Client: c.id, Conn: int(c.conn.id), Session: c.session, Server: int64(c.conn.s.id), At: int64(c.w.now), Kind: kind,
		Timeout: c.timeout, Why: why,
	}})
}

// newControl is an operation that the client library sends of its own accord.
func (c *client) newControl(xid int32, code wire.OpCode, body []byte) *history.Op {
	return &history.Op{
		Client: c.id, Session: c.session, Conn: int(c.conn.id), Server: int64(c.conn.s.id), Xid: xid, Code: code,
		Request: body, Invoke: int64(c.w.now),
	}
}

// sendControl sends what the user of a client library does not know of.
func (c *client) sendControl(xid int32, code wire.OpCode, body []byte) {
	c.control = append(c.control, c.newControl(xid, code, body))
	c.send(xid, code, body)
}

// answeredControl takes the answer to a ping or to setWatches.
func (c *client) answeredControl(r reply) {
	i := slices.IndexFunc(c.control, func(op *history.Op) bool { return op.Xid == r.header.Xid })
	if i < 0 {
		c.recordLink(history.Stray, "an answer to nothing")
		c.w.fail(history.FIFO, "client %d gets the answer %d to nothing", c.id, r.header.Xid)
		return
	}
	op := c.control[i]
	c.control = slices.Delete(c.control, i, i+1)
	c.answer(op, r)
	c.recordOp(op)
	c.saw(op.Zxid)
	if op.Code == wire.OpPing {
		c.watches.Check(op.Zxid)
		return
	}
	c.watches.Restored(op, r.epoch)
}

// answer notes the answer to an operation.
func (c *client) answer(op *history.Op, r reply) {
	op.Return, op.Outcome, op.Err, op.Zxid, op.Reply = int64(c.w.now), history.OK, r.header.Err, r.header.Zxid, r.body
}

// evidence is what the run leaves for package history, except what its clients have seen. All
// servers must have caught up.
func (w *World) evidence() history.Evidence {
	e := history.Evidence{
		Trees: map[int64]history.View{}, Quorum: w.system.IsQuorum, Tick: w.setup.Tick,
		Faults: []history.Window{{To: int64(w.setup.Chaos), Clock: w.plan.coverage.Faults[slices.Index(FaultKinds[:], FaultClock)] > 0}},
	}
	var txns []history.Txn
	for z := w.oracle.tip; z != 0; z = w.oracle.records[z].prev {
		txns = append(txns, history.Txn{Zxid: z, Data: w.oracle.records[z].data})
	}
	slices.Reverse(txns)
	for _, s := range w.servers {
		e.Logs = append(e.Logs, history.MemberLog{Member: int64(s.id), Voter: int(s.id) <= w.setup.Voters, Txns: txns})
		e.Trees[int64(s.id)] = datatree.View{Tree: s.tree}
	}
	for epoch, leader := range w.oracle.leaders {
		e.Leaders = append(e.Leaders, history.Leader{Epoch: epoch, Member: int64(leader)})
	}
	return e
}

// epochTime is the wall clock at virtual time 0.
func epochTime() time.Time { return time.UnixMilli(epochMillis) }
