package replica

import (
	"fmt"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// pending are, by session, the requests that are on their way through the
// ensemble for clients of this server, in the order in which they were sent.
// Requests of a connection that has ended stay: their transactions come all the
// same, and must not be taken for those of the session's next connection, whose
// client may count its xids from 1 again.
type pending map[int64][]*Request

// submit sends a write on its way.
func (s *Server) submit(r *Request) {
	c := r.c
	if r.Op != wire.OpCreateSession {
		c.queue = append(c.queue, r)
	}
	q := datatree.Request{
		Session: c.session, Cxid: r.Xid, Op: r.Op, Body: r.Body, Auth: c.ids, Owner: LocalOwner,
	}
	if r.Op == wire.OpCreateSession || r.Op == wire.OpCloseSession {
		q.Auth = nil // as in ZooKeeper: these are the server's own
	}
	if s.leading != nil && s.status.NextZxid == 0 {
		return // it waits for the new epoch, with whose election this connection ends
	}
	s.pending[c.session] = append(s.pending[c.session], r)
	if s.leading != nil {
		if r.Op == wire.OpCreateSession {
			s.leading.track(c.session, c.timeout, LocalOwner, s.shell.Now())
		}
		// The zxid must be known to the request before the transaction can
		// come back, which for a server alone with a quick disk is soon.
		r.zxid = s.status.NextZxid
		s.Propose(q)
		return
	}
	s.sendRequest(q)
}

// Propose makes a request a transaction and starts broadcasting it; only a server
// that leads may. Whether it succeeds or fails is decided here, by the Preparer;
// both are transactions. When the epoch has no number left it is dropped: the
// leader steps down within a tick, and what a learner has asked for is over with
// the learner's link.
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

// deliver applies a committed transaction: to the tree, then to those who
// watch, then to the sessions, and last to whoever asked for it.
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

// apply changes the tree. A transaction that cannot be read or applied ends the
// server: going on without it would make its tree another one than the others'.
func (s *Server) apply(p wire.Proposal) (*wire.Txn, datatree.Result, bool) {
	if s.broken != nil {
		return nil, datatree.Result{}, false
	}
	txn, err := wire.UnmarshalTxn(p.Data)
	if err != nil {
		s.fail(fmt.Errorf("transaction %v cannot be read: %w", p.Zxid, err))
		return nil, datatree.Result{}, false
	}
	before := s.tree.LastZxid()
	result, err := s.tree.Apply(txn)
	if err != nil {
		s.fail(fmt.Errorf("transaction %v cannot be applied: %w", p.Zxid, err))
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

// popPending finds the request whose transaction this is, and takes it out of
// pending. On the server that proposed it the zxid tells for certain.
// Elsewhere it is the session's oldest request of that xid
// (ZooKeeper's CommitProcessor): leader and links keep the order. Of the requests
// that come by way of a server which the session has left, the leader refuses all
// but its end, so that alone could be taken for an answer to another request.
func (s *Server) popPending(h *wire.TxnHeader) *Request {
	queue := s.pending[h.ClientID]
	for i, r := range queue {
		if r.zxid != 0 && r.zxid != h.Zxid || r.zxid == 0 && r.Xid != h.Cxid {
			continue
		}
		if h.Type == wire.OpCloseSession && r.Op != wire.OpCloseSession {
			continue
		}
		// Those before it were sent before it and did not come: their
		// transactions never will. It cannot happen with a leader that keeps
		// to the protocol.
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

// closeUnanswered closes the connection of a request whose outcome will never be known.
func (s *Server) closeUnanswered(r *Request) {
	if !r.c.closing {
		s.shell.Error("a transaction was skipped: closing the connection that waits for it", "client", r.c.client, "op", r.Op)
		s.CloseNow(r.c)
	}
}

// complete turns a transaction's result into the reply.
func (s *Server) complete(r *Request, h *wire.TxnHeader, result *datatree.Result) {
	if r.Op == wire.OpCreateSession {
		r.c.client.Done(r, h.Zxid, result.Err)
		s.finishSessionInit(r.c, result.Err == wire.OK)
		return
	}
	s.finish(r, h.Zxid, datatree.Respond(r.Op, r.Body, result))
}
