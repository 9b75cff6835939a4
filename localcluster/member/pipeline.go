package member

import (
	"fmt"
	"math"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// pipeline is what is on its way through the ensemble for clients of this
// server.
//
//	leader, standalone:  Prepare ──► Proposed ─────────────┐
//	learner:             REQUEST ──► the leader, the same ─┴──► Deliver ──► Apply ──► reply
//
// The reply comes from the transaction as this server applies it, wherever it
// was proposed: so it is one reply per request, at its place in the order.
type pipeline struct {
	// pending are the requests of each session that have not come back, in the
	// order in which they were sent. Requests of a connection that has ended
	// stay: their transactions come all the same, and must not be taken for
	// those of the session's next connection, whose client may count its xids
	// from 1 again.
	pending map[int64][]*request
}

// submit sends a write on its way.
func (s *server) submit(r *request) {
	c := r.c
	if r.op != wire.OpCreateSession {
		c.queue = append(c.queue, r)
	}
	q := datatree.Request{
		Session: c.session, Cxid: r.xid, Op: r.op, Body: r.body, Auth: c.ids, Owner: localOwner,
	}
	if r.op == wire.OpCreateSession || r.op == wire.OpCloseSession {
		q.Auth = nil // as in ZooKeeper: these are the server's own
	}
	s.pipeline.pending[c.session] = append(s.pipeline.pending[c.session], r)
	if s.leading != nil {
		if r.op == wire.OpCreateSession {
			s.leading.track(c.session, c.timeout, localOwner, s.now())
		}
		// The zxid must be known to the request before the transaction can
		// come back, which for a server alone with a quick disk is soon.
		r.zxid = s.status.NextZxid
		s.propose(q)
		return
	}
	s.sendRequest(q)
}

// propose makes a request a transaction and starts broadcasting it. Whether it
// succeeds or fails is decided here, by the Preparer; both are transactions.
func (s *server) propose(q datatree.Request) {
	zxid := s.status.NextZxid
	txn := s.leading.preparer.Prepare(q, zxid, time.Now().UnixMilli())
	data := txn.Marshal()
	s.stats.proposals.add(len(data))
	s.step(proposed(zxid, data))
}

// deliver applies a committed transaction: to the tree, then to those who
// watch, then to the sessions, and last to whoever asked for it.
func (s *server) deliver(p wire.Proposal) {
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
		s.leading.applied(h, txn.Body, s.now())
	}
	if r := s.claim(h); r != nil {
		s.complete(r, h, &result)
	}
	if h.Type == wire.OpCloseSession {
		delete(s.pipeline.pending, h.ClientID)
		s.sessionEnded(h.ClientID)
	}
	s.wakeWaiters(p.Zxid)
}

// apply changes the tree. A transaction that cannot be read or applied ends the
// server: going on without it would make its tree another one than the others'.
func (s *server) apply(p wire.Proposal) (*wire.Txn, datatree.Result, bool) {
	if s.broken != nil {
		return nil, datatree.Result{}, false
	}
	txn, err := wire.UnmarshalTxn(p.Data)
	if err != nil {
		s.fail(fmt.Errorf("transaction %v cannot be read: %w", p.Zxid, err))
		return nil, datatree.Result{}, false
	}
	result, err := s.tree.Apply(txn)
	if err != nil {
		s.fail(fmt.Errorf("transaction %v cannot be applied: %w", p.Zxid, err))
		return nil, datatree.Result{}, false
	}
	if result.Diverged && p.Zxid > s.exactFrom {
		s.log.Error("the tree differs from the leader's: compare the servers' data; it is said once a term", "zxid", p.Zxid)
		s.exactFrom = math.MaxInt64
	}
	s.snapshots.since++
	return txn, result, true
}

// fastForward applies a transaction of unknown fate, for nobody to see.
func (s *server) fastForward(p wire.Proposal) { s.apply(p) }

// claim finds the request whose transaction this is, and takes it out of
// pending. On the server that proposed it the zxid tells for certain.
// Elsewhere it is the session's oldest request of that xid
// (ZooKeeper's CommitProcessor): leader and links keep the order.
func (s *server) claim(h *wire.TxnHeader) *request {
	queue := s.pipeline.pending[h.ClientID]
	for i, r := range queue {
		if r.zxid != 0 && r.zxid != h.Zxid || r.zxid == 0 && r.xid != h.Cxid {
			continue
		}
		// Those before it were sent before it and did not come: their
		// transactions never will. It cannot happen with a leader that keeps
		// to the protocol.
		for _, lost := range queue[:i] {
			s.lose(lost)
		}
		if queue = queue[i+1:]; len(queue) == 0 {
			delete(s.pipeline.pending, h.ClientID)
		} else {
			s.pipeline.pending[h.ClientID] = queue
		}
		return r
	}
	return nil
}

// lose closes the connection of a request whose outcome will never be known.
func (s *server) lose(r *request) {
	if !r.c.closing {
		s.log.Error("a transaction was skipped: closing the connection that waits for it", "client", r.c.remote, "op", r.op)
		s.drop(r.c)
	}
}

// complete turns a transaction's result into the reply.
func (s *server) complete(r *request, h *wire.TxnHeader, result *datatree.Result) {
	if r.op == wire.OpCreateSession {
		s.countReply(r, h.Zxid)
		s.confirmSession(r.c, result.Err == wire.OK)
		return
	}
	s.finish(r, h.Zxid, datatree.Respond(r.op, r.body, result))
}

// reset forgets everything on its way: this server has left its role, and what
// becomes of it is for the next leader to decide.
func (p *pipeline) reset() { p.pending = map[int64][]*request{} }
