package history

import (
	"fmt"

	"zkctl/probe/wire"
)

// commit has the model carry out all transactions of the order.
func (c *checker) commit() {
	for _, t := range c.order.Txns {
		txn, err := wire.UnmarshalTxn(t.Data)
		if err != nil {
			c.doubtful("%v cannot be read: %v", t.Zxid, err)
			continue
		}
		c.note(t.Zxid, txn)
		if c.doubt != "" {
			continue
		}
		if !modelled(txn) && c.judge.Model.root == "" {
			c.doubtful("the model does not know what %v at %v does", txn.Header.Type, t.Zxid)
			continue
		}
		op := c.asked(txn, t.Zxid)
		q := RequestOf(txn)
		if op != nil && decided(txn) && (op.Request != nil || !hasBody(op.Code)) {
			q = Request{Session: op.Session, Cxid: op.Xid, Op: op.Code, Body: op.Request}
		}
		c.here = Finding{At: c.nanoseconds(txn.Header.Time), Record: -1, Zxid: t.Zxid}
		if op != nil {
			c.here.Client = op.Client
			if op.Outcome != OK {
				c.applied[op] = t.Zxid
			}
			if op.Outcome == Failed {
				c.fail(Result, "client %d: %v %s was not sent, but is in the order at %v", op.Client, op.Code, op.Path, t.Zxid)
			}
		}
		c.judge.Model.Commit(t.Zxid, q, txn)
	}
}

// decided tells whether the outcome follows from the tree and the session alone.
func decided(txn *wire.Txn) bool {
	switch outcome(txn) {
	case wire.ErrBadArguments, wire.ErrNoAuth, wire.ErrInvalidACL, wire.ErrMarshalling, wire.ErrUnimplemented, wire.ErrQuotaExceeded:
		return false
	}
	return true
}

// asked is the operation of the history that asked for a transaction; nil: none did.
func (c *checker) asked(txn *wire.Txn, z wire.Zxid) *Op {
	list := c.sessions[txn.Header.ClientID]
	if list == nil || txn.Header.Cxid <= 0 {
		return nil
	}
	return list.find(txn.Header.Cxid, txn.Header.Type, z)
}

// doubtful says why the model is of no use. The first reason counts.
func (c *checker) doubtful(format string, args ...any) {
	if c.doubt == "" {
		c.doubt = fmt.Sprintf(format, args...)
	}
}

// note keeps what the checks beside the model need of a transaction.
func (c *checker) note(z wire.Zxid, txn *wire.Txn) {
	switch body := txn.Body.(type) {
	case *wire.CreateTxn:
		c.noteCreate(body)
	case *wire.CreateContainerTxn:
		c.paths[body.Path] = true
	case *wire.MultiTxn:
		if hasFailed(body) {
			c.failed[z] = true
			return
		}
		for _, sub := range body.Txns {
			var create wire.CreateTxn
			if (sub.Type == wire.OpCreate || sub.Type == wire.OpCreate2) && wire.Unmarshal(sub.Data, &create) == nil {
				c.noteCreate(&create)
			}
		}
	}
	if txn.Header.Type == wire.OpCloseSession {
		if _, again := c.closing[txn.Header.ClientID]; !again {
			c.closing[txn.Header.ClientID] = closedSession{z, c.nanoseconds(txn.Header.Time), txn.Header.Cxid}
		}
	}
}

func (c *checker) noteCreate(create *wire.CreateTxn) {
	c.paths[create.Path] = true
	if create.Ephemeral {
		c.owned[create.Path] = true
	}
}
