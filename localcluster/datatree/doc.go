// Package datatree is the replicated state machine of a ZooKeeper server: the tree of znodes, the sessions,
// and the rules by which a request becomes a transaction and a transaction becomes state.
//
// Zab (the package zab next door) agrees on a sequence of transactions and knows nothing about them. This
// package knows everything about them and nothing about agreement. A request passes through it twice, on
// different servers and at different times:
//
//	            leader only                                   every server
//	 request  +-------------------------+   transaction   +----------------+
//	--------->| Preparer                |---------------->| Tree.Apply     |----> Result (the reply)
//	          |  sessions, ACLs,        |   (via Zab,     |  no decisions: |----> []Change
//	          |  versions, sequence     |    logged,      |  it does what  |         |
//	          |  numbers, clock: every  |    committed)   |  is written    |         v
//	          |  decision is made here  |                 +----------------+     Watches.Trigger
//	          +-------------------------+                    |        |            |
//	            ^         ^                             Snapshot   reads           v
//	            |         +-- outstanding changes            |   (Server)   notifications to the
//	            +------------ committed Tree                 v              clients of this server
//	                                                    disk, or a peer
//
// That split is what makes replication work. A request is conditional ("set /a if its version is 3", "append
// the next sequence number"), and conditions evaluated on different servers at different moments could come
// out differently. So the leader evaluates them once, against the state as it will be when everything
// already proposed has been applied, and writes down an unconditional, idempotent effect ("/a now has this
// data and version 4"): Zab's primary-backup scheme (Zab section 1, ZooKeeper paper section 4.1). Time,
// session ids and sequence numbers travel inside transactions; nothing here reads a clock or a random number,
// so two servers that apply the same transactions hold the same tree, and Digest says so in 64 bits.
//
// A request that fails is a transaction as well (ErrorTxn, or a MultiTxn of errors): it has a zxid and its
// reply comes at its place in the order.
//
// # Terms
//
//   - zxid: a transaction's place in the total order; see wire.Zxid.
//   - persisted and visible stat: a snapshot stores wire.StatPersisted, clients see wire.Stat. They differ in
//     cversion (stored: children ever created; shown: creates plus deletes) and ephemeralOwner.
//   - outstanding: prepared, hence proposed, and not yet applied.
//   - fuzzy: ZooKeeper in Java writes snapshots while the tree changes, so its snapshot labelled z may show
//     effects of transactions after z. Replaying those onto it must end in the right state; the rules that
//     see to it (never lower a parent's cversion or pzxid, ignore what is already so) are in mutate.go.
//   - digest: the sum of one CRC-32 per znode. The leader writes the digest that it expects after each
//     transaction into the transaction, so a replica that diverges is noticed at the next one.
//
// # Concurrency
//
// Nothing here starts a goroutine or takes a lock. A Tree, its Preparer, Watches and Sessions each belong to
// one goroutine at a time. Methods of Tree documented as reads change nothing, not even caches: any number of
// goroutines may be inside them at once as long as none is inside Apply, SetConfig, Snapshot or another
// writer, which is the contract of an RWMutex. A *Snapshot shares structure with the tree but never changes:
// after Tree.Snapshot returned it, any goroutine may encode it while the tree moves on (see store.go).
//
// # Files, in reading order
//
//	znode.go        one node, its stats and digest      prepare.go      Preparer: request -> transaction
//	owner.go        what ephemeralOwner means           rules.go        one function per kind of request
//	store.go        the nodes: by path, and in order    outstanding.go  proposed and not yet applied
//	acltable.go     ACLs interned by value              acl.go          who may
//	tree.go         Tree: state and lookups             scheme.go ip.go who is who
//	mutate.go       the elementary changes              read.go         one function per kind of read
//	apply.go        transaction -> changes, result      server.go       Read: a request -> its answer
//	fuzzy.go        catching up with Java's snapshots   respond.go      a write's result -> its answer
//	snapshot.go     Snapshot and its bytes              watches.go watchtable.go watchreport.go
//	decode.go       bytes -> Tree                       sessions.go sessionid.go
package datatree
