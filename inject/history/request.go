package history

import (
	"slices"
	"sort"

	"zkctl/probe/wire"
)

// RequestOf is a request that has this transaction as its outcome, for writes that no history
// has. Its Op is 0 where there is none: the transaction changes nothing, or what it changes is
// not modelled.
func RequestOf(txn *wire.Txn) Request {
	q := Request{Session: txn.Header.ClientID, Cxid: txn.Header.Cxid, Op: txn.Header.Type}
	switch txn.Header.Type {
	case wire.OpCloseSession:
		return q
	case wire.OpCreateSession:
		q.Body = wire.Marshal(txn.Body)
		return q
	case wire.OpMulti:
		if multi := multiOf(txn.Body.(*wire.MultiTxn)); multi != nil {
			q.Body = wire.Marshal(multi)
			return q
		}
		return Request{}
	}
	op, record := requestFor(txn.Header.Type, txn.Body)
	switch {
	case record == nil:
		return Request{}
	case op == wire.OpDeleteContainer:
		q.Body = []byte(record.(*wire.DeleteRequest).Path)
	default:
		q.Body = wire.Marshal(record)
	}
	return q
}

// requestFor is the request with this outcome outside a session; nil: there is none.
func requestFor(op wire.OpCode, body wire.Record) (wire.OpCode, wire.Record) {
	switch t := body.(type) {
	case *wire.CreateTxn:
		flags := wire.FlagPersistent
		if t.Ephemeral {
			flags = wire.FlagEphemeral
		}
		return op, &wire.CreateRequest{Path: t.Path, Data: t.Data, ACL: t.ACL, Flags: flags}
	case *wire.CreateContainerTxn:
		return op, &wire.CreateRequest{Path: t.Path, Data: t.Data, ACL: t.ACL, Flags: wire.FlagContainer}
	case *wire.DeleteTxn:
		return op, &wire.DeleteRequest{Path: t.Path, Version: wire.AnyVersion}
	case *wire.SetDataTxn:
		return op, &wire.SetDataRequest{Path: t.Path, Data: t.Data, Version: wire.AnyVersion}
	case *wire.CheckVersionTxn:
		return op, &wire.CheckVersionRequest{Path: t.Path, Version: wire.AnyVersion}
	}
	return 0, nil
}

// multiOf is the multi with this outcome; nil if it failed, or is not modelled.
func multiOf(txn *wire.MultiTxn) *wire.MultiRequest {
	multi := &wire.MultiRequest{}
	for _, sub := range txn.Txns {
		body := wire.NewTxnBody(sub.Type)
		if body == nil || wire.Unmarshal(sub.Data, body) != nil {
			return nil
		}
		op, record := requestFor(sub.Type, body)
		if record == nil {
			return nil
		}
		multi.Ops = append(multi.Ops, wire.MultiOp{Op: op, Request: record})
	}
	return multi
}

// hasFailed tells whether a multi changes nothing, because one of its operations failed.
func hasFailed(multi *wire.MultiTxn) bool {
	return slices.ContainsFunc(multi.Txns, func(sub wire.SubTxn) bool { return sub.Type == wire.OpError })
}

// modelled tells whether the model knows what a transaction does.
func modelled(txn *wire.Txn) bool {
	switch txn.Header.Type {
	case wire.OpSetACL, wire.OpCreateTTL, wire.OpReconfig:
		return false
	case wire.OpMulti:
		for _, sub := range txn.Body.(*wire.MultiTxn).Txns {
			if sub.Type == wire.OpCreateTTL || sub.Type == wire.OpSetACL {
				return false
			}
		}
	}
	return true
}

// hasBody tells whether requests of an operation have a body.
func hasBody(op wire.OpCode) bool {
	record, known := wire.NewRequest(op)
	return known && record != nil
}

// answersWithBody tells whether a successful answer to an operation has a body.
func answersWithBody(op wire.OpCode) bool {
	record, known := wire.NewResponse(op)
	return known && record != nil
}

// ops are the operations of one session, by xid. The clients of a drill use no xid twice in a
// session; those of other programs may.
type ops []*Op

// add takes in another one. They come nearly in order.
func (o *ops) add(op *Op) {
	at := len(*o)
	for at > 0 && (*o)[at-1].Xid > op.Xid {
		at--
	}
	*o = slices.Insert(*o, at, op)
}

// find is the operation that asked for a transaction; nil: none, or it could be one of several.
func (o ops) find(xid int32, kind wire.OpCode, z wire.Zxid) *Op {
	var found *Op
	several := false
	for i := sort.Search(len(o), func(i int) bool { return o[i].Xid >= xid }); i < len(o) && o[i].Xid == xid; i++ {
		op := o[i]
		switch {
		case !op.Code.IsWrite() || kind != op.Code && kind != wire.OpError:
		case op.Outcome == OK && op.Zxid == z:
			return op
		case op.Outcome != OK: // else its transaction is another one
			several = found != nil
			found = op
		}
	}
	if several {
		return nil
	}
	return found
}
