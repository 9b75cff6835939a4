package datatree

import (
	"fmt"

	"zkctl/probe/wire"
)

// Result is what a transaction did, from which its reply is made.
type Result struct {
	Type wire.OpCode // the transaction's; OpError for one that failed
	Zxid wire.Zxid
	Err  wire.ErrCode
	Path string    // the node's; after a create with its sequence number
	Stat wire.Stat // the node's after the transaction; zero for a delete
	// Multi has one result per operation of a multi. If one failed, all are of type OpError, with code OK before
	// the one that failed and ErrRuntimeInconsistency after it.
	Multi []Result
	// Changes is for Watches.Trigger, in the order of the changes. A failed transaction has none.
	Changes []Change
	// Diverged says that the tree's digest is not Recorded, the one that the leader expected after this
	// transaction: this replica or the leader has a bug or a bad disk. ZooKeeper logs it and goes on; its own
	// leaders record a wrong digest for a container that is made by the flags of a create.
	Diverged bool
	Recorded int64
}

// Apply makes the change that a committed transaction describes. Transactions must come in the order of their
// zxids. Applying a whole tail of the sequence again does no harm.
//
// An error means that the transaction is unknown to this version: an unknown type, or contents that do not
// match it. The tree is unchanged, and the server must stop: without the transaction it would diverge.
//
// Result.Err, and not the error, says that the request failed, or that a replay could not apply it.
func (t *Tree) Apply(txn *wire.Txn) (Result, error) {
	h := &txn.Header
	subs, err := parseMulti(txn)
	if err != nil {
		return Result{}, fmt.Errorf("transaction %s of session 0x%x: %w", h.Zxid, uint64(h.ClientID), err)
	}
	at := stamp{zxid: h.Zxid, millis: h.Time, session: h.ClientID}
	var r Result
	if h.Type == wire.OpMulti {
		r = t.applyMulti(subs, at)
	} else if r, err = t.applyOne(h.Type, txn.Body, at); err != nil {
		return Result{}, fmt.Errorf("transaction %s of session 0x%x: %w", h.Zxid, uint64(h.ClientID), err)
	}
	t.lastZxid = max(t.lastZxid, h.Zxid)
	r.Zxid = h.Zxid
	r.Recorded, r.Diverged = t.diverged(h.Zxid, txn.Digest)
	return r, nil
}

// subTxn is an operation of a multi, decoded.
type subTxn struct {
	op   wire.OpCode
	body wire.Record
}

// parseMulti decodes the operations of a multi before any is applied, so that an unreadable one does not leave
// half a transaction applied. For other transactions it returns nil.
func parseMulti(txn *wire.Txn) ([]subTxn, error) {
	if txn.Header.Type != wire.OpMulti {
		return nil, nil
	}
	multi, ok := txn.Body.(*wire.MultiTxn)
	if !ok {
		return nil, bodyError(wire.OpMulti, txn.Body)
	}
	subs := make([]subTxn, len(multi.Txns))
	failed := false
	for i, s := range multi.Txns {
		switch s.Type {
		case wire.OpCreate, wire.OpCreate2, wire.OpCreateTTL, wire.OpCreateContainer, wire.OpDelete,
			wire.OpDeleteContainer, wire.OpSetData, wire.OpCheck, wire.OpError:
		default:
			return nil, fmt.Errorf("operation %d: %w: %s in a multi", i, wire.ErrUnknownTxn, s.Type)
		}
		body := wire.NewTxnBody(s.Type)
		if err := wire.Unmarshal(s.Data, body); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		subs[i] = subTxn{s.Type, body}
		failed = failed || s.Type == wire.OpError
	}
	if failed {
		return failedSubs(subs), nil
	}
	return subs, nil
}

// failedSubs turns all operations of a failed multi into errors. Preparer writes them so; Java leaves the
// operations before the one that failed as they were.
func failedSubs(subs []subTxn) []subTxn {
	code := wire.OK
	for i, s := range subs {
		if s.op == wire.OpError {
			code = wire.ErrRuntimeInconsistency
			continue
		}
		subs[i] = subTxn{wire.OpError, &wire.ErrorTxn{Err: code}}
	}
	return subs
}

func (t *Tree) applyMulti(subs []subTxn, at stamp) Result {
	r := Result{Type: wire.OpMulti, Multi: make([]Result, 0, len(subs))}
	for _, s := range subs {
		one, _ := t.applyOne(s.op, s.body, at) // parseMulti made the body for this type
		if r.Err == wire.OK {
			r.Err = one.Err
		}
		r.Changes = append(r.Changes, one.Changes...)
		one.Zxid, one.Changes = at.zxid, nil
		r.Multi = append(r.Multi, one)
	}
	return r
}

// applyOne applies anything but a multi.
func (t *Tree) applyOne(op wire.OpCode, body wire.Record, at stamp) (Result, error) {
	r := Result{Type: op}
	var n *znode
	switch b := body.(type) {
	case *wire.CreateTxn:
		owner := int64(0)
		if b.Ephemeral {
			owner = at.session
		}
		r.Path = b.Path
		n, r.Changes, r.Err = t.create(createEffect{b.Path, b.Data, b.ACL, owner, b.ParentCVersion}, at)
	case *wire.CreateContainerTxn:
		r.Path = b.Path
		n, r.Changes, r.Err = t.create(createEffect{b.Path, b.Data, b.ACL, containerOwner, b.ParentCVersion}, at)
	case *wire.CreateTTLTxn:
		r.Path = b.Path
		n, r.Changes, r.Err = t.create(createEffect{b.Path, b.Data, b.ACL, ttlOwner(b.TTL), b.ParentCVersion}, at)
	case *wire.DeleteTxn:
		r.Path = b.Path
		r.Changes, r.Err = t.delete(b.Path, at)
	case *wire.SetDataTxn:
		r.Path = b.Path
		n, r.Changes, r.Err = t.setData(b.Path, b.Data, b.Version, at)
	case *wire.SetACLTxn:
		r.Path = b.Path
		n, r.Err = t.setACL(b.Path, b.ACL, b.Version)
	case *wire.CheckVersionTxn:
		r.Path = b.Path // it was checked when it was prepared
	case *wire.CreateSessionTxn:
		t.sessions.Set(at.session, b.Timeout)
	case *wire.CloseSessionTxn:
		r.Changes = t.closeSession(at.session, b.Paths, at)
	case *wire.ErrorTxn:
		r.Err = b.Err
	default:
		if body == nil && op == wire.OpCloseSession {
			r.Changes = t.closeSession(at.session, nil, at)
			break
		}
		return Result{}, bodyError(op, body)
	}
	if n != nil {
		r.Stat = n.visible(t.extended)
	}
	return r, nil
}

func bodyError(op wire.OpCode, body wire.Record) error {
	return fmt.Errorf("%w: %s with a body of %T", wire.ErrUnknownTxn, op, body)
}
