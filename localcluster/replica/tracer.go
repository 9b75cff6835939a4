package replica

import (
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// Tracer has hooks that a Server calls, to log, count or check what it does. A nil
// hook is not called. A hook must not call methods that change the Server.
type Tracer struct {
	// Stepping is called before the core's Output for an input is carried out.
	Stepping func(zab.Input, *zab.Output)
	// Stepped is called after the Output was carried out.
	Stepped func(*zab.Output)
	// Installed is called after a SNAP has replaced the tree.
	Installed func(wire.Zxid)
	// RolledBack is called after Disk.Truncate has replaced the tree.
	RolledBack func(to wire.Zxid)
	// Proposing is called before this leader proposes the transaction of a request.
	Proposing func(datatree.Request, wire.Proposal)
	// Delivering is called before a committed transaction is applied.
	Delivering func(wire.Zxid)
	// Applied is called after a transaction was applied; before is the tree's last
	// zxid before that.
	Applied func(p wire.Proposal, txn *wire.Txn, before wire.Zxid, result datatree.Result)
	// Expired is called with the sessions that this leader is about to close because
	// their deadlines have passed; there may be none.
	Expired func(sessions []int64)
	// Serving is called after the server has begun or stopped to serve clients.
	Serving func(begins bool)
}
