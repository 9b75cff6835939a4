package datatree

import "zkctl/probe/wire"

// Request is a write that is to become a transaction.
type Request struct {
	Session int64 // 0 for the server's own requests, such as the removal of containers
	Cxid    int32
	Op      wire.OpCode
	// Body is the request as the client encoded it. The transaction and the outstanding changes refer to parts
	// of it: it must not change afterwards.
	Body []byte
	// Auth holds every identity of the connection, including ("ip", address).
	Auth []wire.ID
	// Owner is the connection through which the session is served; see Sessions.Check.
	Owner int64
}

// SessionChecker is what a Preparer needs of the session tracker. *Sessions is one.
type SessionChecker interface {
	// Check reports whether the session may write through this owner.
	Check(session, owner int64) wire.ErrCode
	// MarkClosing makes every later Check of the session fail.
	MarkClosing(session int64)
}

// PreparerOptions are a leader's settings.
type PreparerOptions struct {
	// Sessions checks the session of each operation. Nil: no session is checked.
	Sessions SessionChecker
	// SkipACL is ZooKeeper's skipACL=yes.
	SkipACL bool
}

// Preparer turns requests into transactions (PrepRequestProcessor); only a leader or a standalone server has one.
// It checks each request against the tree as it will be after all transactions prepared before.
//
// Every transaction that Prepare returns must be proposed, in that order; when one has been applied to the tree,
// Applied must be called before the next Prepare. When the leadership ends, the proposals may be lost: call Reset.
type Preparer struct {
	tree    *Tree
	options PreparerOptions
	out     *outstanding

	// These belong to the request being prepared.
	request *Request
	caller  Caller
	at      stamp
}

// NewPreparer returns a Preparer on top of a tree to which every transaction so far has been applied.
func NewPreparer(t *Tree, options PreparerOptions) *Preparer {
	return &Preparer{tree: t, options: options, out: newOutstanding(t)}
}

// Applied reports that the tree has the effects of every transaction up to zxid: they are no longer outstanding.
func (p *Preparer) Applied(zxid wire.Zxid) { p.out.release(zxid) }

// Outstanding is the number of node changes that are proposed and not yet applied.
func (p *Preparer) Outstanding() int { return p.out.len() }

// Reset drops the outstanding changes, for a new leadership that begins on top of t.
func (p *Preparer) Reset(t *Tree) { p.tree, p.out = t, newOutstanding(t) }

// Prepare decides a request and returns its transaction, with zxid and the wall-clock time in milliseconds. A
// write that fails is a transaction of type OpError (a multi: one whose operations are all OpError). It is
// replicated like any other, so that its reply has a place in the total order.
func (p *Preparer) Prepare(q Request, zxid wire.Zxid, millis int64) *wire.Txn {
	p.request = &q
	p.caller = Caller{IDs: q.Auth, SkipACL: p.options.SkipACL}
	p.at = stamp{zxid: zxid, millis: millis, session: q.Session}
	p.out.begin()

	txn := &wire.Txn{Header: wire.TxnHeader{
		ClientID: q.Session, Cxid: q.Cxid, Zxid: zxid, Time: millis, Type: q.Op,
	}}
	body, code := p.decide()
	if code != wire.OK {
		p.out.rollback()
		txn.Header.Type, txn.Body = wire.OpError, &wire.ErrorTxn{Err: code}
		return txn // ZooKeeper sends no digest with a failure
	}
	txn.Body = body
	txn.Digest = &wire.TxnDigest{Version: wire.DigestVersion, Digest: int64(p.out.digest)}
	return txn
}

// decide decodes the request and applies the rules of its kind.
func (p *Preparer) decide() (wire.Record, wire.ErrCode) {
	switch p.request.Op {
	case wire.OpCreateSession:
		return p.createSession()
	case wire.OpCloseSession:
		return p.closeSession()
	case wire.OpDeleteContainer:
		return p.deleteContainer()
	case wire.OpCheck:
		// No version of ZooKeeper can read this transaction outside a multi; a Java server that logs one does
		// not start again (ZOOKEEPER-2623).
		return nil, wire.ErrUnimplemented
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpDelete, wire.OpSetData,
		wire.OpSetACL, wire.OpMulti, wire.OpReconfig:
	default:
		return nil, wire.ErrUnimplemented
	}
	body, err := wire.UnmarshalRequest(p.request.Op, p.request.Body)
	if err != nil {
		return nil, wire.ErrMarshalling
	}
	switch b := body.(type) {
	case *wire.MultiRequest:
		return p.multi(b)
	case *wire.ReconfigRequest:
		return nil, wire.ErrReconfigDisabled
	}
	return p.decideOne(p.request.Op, body)
}

// decideOne applies the rules to a request that is allowed alone and in a multi.
func (p *Preparer) decideOne(op wire.OpCode, body wire.Record) (wire.Record, wire.ErrCode) {
	switch b := body.(type) {
	case *wire.CreateRequest:
		return p.create(creation{op, b.Path, b.Data, b.ACL, b.Flags, 0})
	case *wire.CreateTTLRequest:
		return p.create(creation{op, b.Path, b.Data, b.ACL, b.Flags, b.TTL})
	case *wire.DeleteRequest:
		return p.delete(b)
	case *wire.SetDataRequest:
		return p.setData(b)
	case *wire.SetACLRequest:
		return p.setACL(b)
	case *wire.CheckVersionRequest:
		return p.check(b)
	}
	return nil, wire.ErrMarshalling
}

// multi prepares all operations or none. All share one zxid. If one fails, the ones before it are rolled back,
// and every operation becomes an error.
func (p *Preparer) multi(m *wire.MultiRequest) (wire.Record, wire.ErrCode) {
	for _, op := range m.Ops {
		if _, ok := kindInMulti(op); !ok || op.Null {
			return nil, wire.ErrMarshalling
		}
	}
	subs := make([]wire.SubTxn, 0, len(m.Ops))
	for i, op := range m.Ops {
		kind, _ := kindInMulti(op)
		body, code := p.decideOne(kind, op.Request)
		if code != wire.OK {
			p.out.rollback()
			return failedMulti(len(m.Ops), i, code), wire.OK
		}
		subs = append(subs, wire.SubTxn{Type: subType(kind), Data: wire.Marshal(body)})
	}
	return &wire.MultiTxn{Txns: subs}, wire.OK
}

// kindInMulti returns which write an operation of a multi is. ok is false if it is not allowed inside a multi:
// reads have multiRead, and the other writes are refused.
//
// When Java reads a multi, it builds each create from its flags (Op.create): the flags decide which kind of node
// is made, while outside a multi the operation does. Flags 4 make a container of any create, and a createTTL
// whose flags name no TTL node makes an ordinary node. A create with the flags of a TTL node, for which it has no
// TTL, and flags that do not exist make the whole multi unreadable.
func kindInMulti(op wire.MultiOp) (kind wire.OpCode, ok bool) {
	switch r := op.Request.(type) {
	case *wire.CreateRequest:
		_, _, ttl, known := (&creation{flags: r.Flags}).mode()
		if r.Flags == wire.FlagContainer {
			return wire.OpCreateContainer, true
		}
		return op.Op, known && !ttl
	case *wire.CreateTTLRequest:
		_, _, ttl, _ := (&creation{flags: r.Flags}).mode()
		switch {
		case ttl:
			return wire.OpCreateTTL, true
		case r.Flags == wire.FlagContainer:
			return wire.OpCreateContainer, true
		}
		return wire.OpCreate, true
	case *wire.DeleteRequest, *wire.SetDataRequest, *wire.CheckVersionRequest:
		return op.Op, true
	}
	return 0, false
}

// subType is the type that an operation has in a MultiTxn. A create2 is written as a create: ZooKeeper 3.8.0 and
// 3.8.1 skip sub-transactions of type create2 silently and diverge (ZOOKEEPER-4026). Respond takes the difference
// from the request.
func subType(op wire.OpCode) wire.OpCode {
	if op == wire.OpCreate2 {
		return wire.OpCreate
	}
	return op
}

// failedMulti is the transaction of a multi of n operations in which number culprit failed.
func failedMulti(n, culprit int, code wire.ErrCode) *wire.MultiTxn {
	subs := make([]wire.SubTxn, n)
	for i := range subs {
		result := wire.OK
		switch {
		case i == culprit:
			result = code
		case i > culprit:
			result = wire.ErrRuntimeInconsistency
		}
		subs[i] = wire.SubTxn{Type: wire.OpError, Data: wire.Marshal(&wire.ErrorTxn{Err: result})}
	}
	return &wire.MultiTxn{Txns: subs}
}

func (p *Preparer) checkSession() wire.ErrCode {
	if p.options.Sessions == nil {
		return wire.OK
	}
	return p.options.Sessions.Check(p.request.Session, p.request.Owner)
}
