// Package datatree is the replicated state machine of a ZooKeeper server: the tree of znodes, the sessions,
// and the rules by which a request becomes a transaction and a transaction becomes state.
//
// Zab (package zab) agrees on a sequence of transactions and does not look into them. This package knows what
// they mean and nothing about agreement. A request passes through it twice, on different servers and at
// different times:
//
//	            leader only                                   every server
//	 request  +-------------------------+   transaction   +----------------+
//	--------->| Preparer                |---------------->| Tree.Apply     |----> Result (the reply)
//	          |  sessions, ACLs,        |   (via Zab,     |  no decisions, |----> []Change
//	          |  versions, sequence     |    logged,      |  only what is  |         |
//	          |  numbers, clock: every  |    committed)   |  written       |         v
//	          |  decision is made here  |                 +----------------+     Watches.Trigger
//	          +-------------------------+                    |        |            |
//	            ^         ^                             Snapshot   reads           v
//	            |         +-- outstanding changes            |   (Server)   notifications to the
//	            +------------ committed Tree                 v              clients of this server
//	                                                    disk, or a peer
//
// Replication depends on that split. A request is conditional ("set /a if its version is 3", "append the next
// sequence number"), and different servers could evaluate the condition differently. So the leader evaluates
// it once, against the state that follows everything already proposed, and the transaction has an
// unconditional, idempotent effect ("/a now has this data and version 4"): Zab's primary-backup scheme (Zab
// section 1, ZooKeeper paper section 4.1). Time, session ids and sequence numbers are in the transaction;
// nothing here reads a clock or a random number, so two servers that apply the same transactions hold the same
// tree, and the same 64-bit Digest.
//
// A request that fails is a transaction as well (ErrorTxn, or a MultiTxn of errors): it has a zxid, and its
// reply has its place in the order.
//
// # Terms
//
//   - zxid: a transaction's place in the total order; see wire.Zxid.
//   - persisted and visible stat: a snapshot stores wire.StatPersisted, clients see wire.Stat. They differ in
//     cversion (stored: children ever created; shown: creates plus deletes) and ephemeralOwner.
//   - outstanding: prepared, hence proposed, and not yet applied.
//   - fuzzy: ZooKeeper in Java writes snapshots while the tree changes, so its snapshot labelled z may show
//     effects of transactions after z. Replaying those onto it must end in the right state; mutate.go has the
//     rules for that (never lower a parent's cversion or pzxid, ignore what is already applied).
//   - digest: the sum of one CRC-32 per znode. Each transaction carries the digest that the leader
//     expects after it, so that the next transaction shows that a replica has diverged.
//
// # Concurrency
//
// Nothing here starts a goroutine or takes a lock. A Tree, its Preparer, Watches and Sessions each belong to
// one goroutine at a time. Methods of Tree documented as reads change nothing, not even caches: any number of
// goroutines may call them at once as long as none is inside Apply, SetConfig, Snapshot or another writer, as
// with an RWMutex. A *Snapshot shares nodes with the tree but never changes: any goroutine may encode it while
// the tree changes (see store.go).
//
// # Files, in reading order
//
//	znode.go        one node, its stats and digest      prepare.go      Preparer: request -> transaction
//	owner.go        what ephemeralOwner means           rules.go        one function per kind of request
//	store.go        the nodes: by path, and in order    outstanding.go  proposed and not yet applied
//	acltable.go     ACLs interned by value              acl.go          permissions
//	tree.go         Tree: state and lookups             scheme.go ip.go identities
//	mutate.go       the elementary changes              read.go         one function per kind of read
//	apply.go        transaction -> changes, result      server.go       Read: a request -> its answer
//	fuzzy.go        replay onto Java's snapshots        respond.go      a write's result -> its answer
//	snapshot.go     Snapshot and its bytes              watches.go watchtable.go watchreport.go
//	decode.go       bytes -> Tree                       sessions.go sessionid.go
package datatree
