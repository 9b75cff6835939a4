package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Tracer has hooks that a Server calls as it works, to log, count or check what it
// does. A hook that is nil is not called. A hook must not call the Server's methods
// that change it.
type Tracer struct {
	// Stepping: the core has answered an input; nothing of it is carried out yet.
	Stepping func(zab.Input, *zab.Output)
	// Stepped: all of it is carried out.
	Stepped func(*zab.Output)
	// Installed: the tree is one that came as a SNAP.
	Installed func(wire.Zxid)
	// RolledBack: the tree is one that Disk.Truncate has left.
	RolledBack func(to wire.Zxid)
	// Proposing: this leader makes a request a transaction.
	Proposing func(datatree.Request, wire.Proposal)
	// Delivering: a transaction is committed, and applied next.
	Delivering func(wire.Zxid)
	// Applied: a transaction was applied to the tree, which was at before.
	Applied func(p wire.Proposal, txn *wire.Txn, before wire.Zxid, result datatree.Result)
	// Expired: this leader has not heard of these sessions in time.
	Expired func(sessions []int64)
	// Serving: a term begins, or has ended.
	Serving func(begins bool)
}
