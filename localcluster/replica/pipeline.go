package replica

import (
	"fmt"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// pending holds, by session, the writes of this server's clients that wait for their
// transactions, in the order in which they were sent (CommitProcessor). Requests of a
// closed connection stay: their transactions still come, and must not answer requests
// of the session's next connection, whose client may count its xids from 1 again.
type pending map[int64][]*Request

// submit proposes a write, or sends it to the leader.
func (s *Server) submit(r *Request) {
	c := r.c
	if r.Op != wire.OpCreateSession {
		c.queue = append(c.queue, r)
	}
	q := datatree.Request{
		Session: c.session, Cxid: r.Xid, Op: r.Op, Body: r.Body, Auth: c.ids, Owner: LocalOwner,
	}
	if r.Op == wire.OpCreateSession || r.Op == wire.OpCloseSession {
		q.Auth = nil // as in ZooKeeper: these are the server's own requests
	}
	if s.leading != nil && s.status.NextZxid == 0 {
		return // the epoch is used up: the leader steps down, which closes this connection
	}
	s.pending[c.session] = append(s.pending[c.session], r)
	if s.leading != nil {
		if r.Op == wire.OpCreateSession {
			s.leading.track(c.session, c.timeout, LocalOwner, s.shell.Now())
		}
		// The request must have its zxid before the transaction is delivered, which
		// can happen within Propose.
		r.zxid = s.status.NextZxid
		s.Propose(q)
		return
	}
	s.sendRequest(q)
}

// Propose turns a request into a transaction and broadcasts it; only a leader may call
// it. The Preparer decides here whether the request succeeds; a failure is a
// transaction, too. If the epoch has no zxid left, the request is dropped: the leader
// steps down within a tick, which closes the connections of clients and learners.
func (s *Server) Propose(q datatree.Request) {
	zxid := s.status.NextZxid
	if zxid == 0 {
		return
	}
	txn := s.leading.preparer.Prepare(q, zxid, s.shell.Wall())
	p := wire.Proposal{Zxid: zxid, Data: txn.Marshal()}
	if trace := s.o.Tracer.Proposing; trace != nil {
		trace(q, p)
	}
	s.Step(zab.Proposed{Proposal: p})
}

// deliver applies a committed transaction to the tree, sends the watch events, updates
// the sessions, and then replies to the request if a client of this server sent it.
func (s *Server) deliver(p wire.Proposal) {
	if trace := s.o.Tracer.Delivering; trace != nil {
		trace(p.Zxid)
	}
	txn, result, ok := s.apply(p)
	if !ok {
		return
	}
	if s.leading != nil {
		s.leading.preparer.Applied(p.Zxid)
	}
	for i := range result.Changes {
		s.notify(s.watches.Trigger(result.Changes[i]))
	}
	h := &txn.Header
	if s.leading != nil {
		s.leading.applied(h, txn.Body, s.shell.Now())
	}
	if r := s.popPending(h); r != nil {
		s.complete(r, h, &result)
	}
	if h.Type == wire.OpCloseSession {
		s.closeSessionConn(h.ClientID)
	}
	s.answerSyncs(p.Zxid)
}

// apply applies a transaction to the tree. One that cannot be read or applied ends the
// server: without it the tree would differ from those of the other servers.
func (s *Server) apply(p wire.Proposal) (*wire.Txn, datatree.Result, bool) {
	if s.broken != nil {
		return nil, datatree.Result{}, false
	}
	txn, err := wire.UnmarshalTxn(p.Data)
	if err != nil {
		s.fail(fmt.Errorf("read transaction %v: %w", p.Zxid, err))
		return nil, datatree.Result{}, false
	}
	before := s.tree.LastZxid()
	result, err := s.tree.Apply(txn)
	if err != nil {
		s.fail(fmt.Errorf("apply transaction %v: %w", p.Zxid, err))
		return nil, datatree.Result{}, false
	}
	if result.Diverged && p.Zxid > s.exactFrom {
		s.noteMismatch(p.Zxid, result.Recorded)
	}
	if txn.Header.Type == wire.OpCloseSession {
		s.ended.add(&txn.Header)
	}
	s.snapshots.since++
	if trace := s.o.Tracer.Applied; trace != nil {
		trace(p, txn, before, result)
	}
	return txn, result, true
}

// popPending removes and returns the request whose transaction this is, or nil. On the
// server that proposed it, the zxid identifies the request. On a learner it is the
// session's oldest request with that xid (CommitProcessor), because leader and links
// keep the order. From a server that the session has left, the leader accepts only a
// closeSession, so only that could match the xid of another request.
func (s *Server) popPending(h *wire.TxnHeader) *Request {
	queue := s.pending[h.ClientID]
	for i, r := range queue {
		if r.zxid != 0 && r.zxid != h.Zxid || r.zxid == 0 && r.Xid != h.Cxid {
			continue
		}
		if h.Type == wire.OpCloseSession && r.Op != wire.OpCloseSession {
			continue
		}
		// The requests before it were skipped: their transactions will never come.
		// A leader that keeps to the protocol skips none.
		for _, lost := range queue[:i] {
			s.closeUnanswered(lost)
		}
		if queue = queue[i+1:]; len(queue) == 0 {
			delete(s.pending, h.ClientID)
		} else {
			s.pending[h.ClientID] = queue
		}
		return r
	}
	return nil
}

// closeUnanswered closes the connection of a request whose outcome stays unknown.
func (s *Server) closeUnanswered(r *Request) {
	if !r.c.closing {
		s.shell.Error("the leader skipped the transaction of a request: closing the client's connection", "client", r.c.client, "op", r.Op)
		s.CloseNow(r.c)
	}
}

// complete makes the reply from a transaction's result.
func (s *Server) complete(r *Request, h *wire.TxnHeader, result *datatree.Result) {
	if r.Op == wire.OpCreateSession {
		r.c.client.Done(r, h.Zxid, result.Err)
		s.finishSessionInit(r.c, result.Err == wire.OK)
		return
	}
	s.finish(r, h.Zxid, datatree.Respond(r.Op, r.Body, result))
}
