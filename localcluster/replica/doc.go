// Package replica is one ZooKeeper server without sockets, files, goroutines and
// clock: the protocol core (zab), the data tree with its sessions and watches
// (datatree), and between them the requests of clients. Its inputs are method
// calls; its outputs go to a Shell. Equal calls have equal effects, so that a
// simulation can run whole ensembles of it:
//
//	       package member                       package simulation
//	sockets, disk, clock, goroutines         queues, simulated disk, virtual clock
//	             └──────────────┬──────────────────────┘
//	                        Shell, Client
//	                            │
//	  Connect, Request, Closed ─► Server ◄─ Step(zab.Input), Tick
//	                            │
//	           zab.Node ─ datatree.Tree, Preparer, Watches, Sessions
//
// A Server is not safe for concurrent use: its shell calls it from one event
// loop, and the Server calls the shell back within those calls.
//
// # The path of a write
//
//	Request ─► submit ─► [leader: Prepare ─► Proposed] or [learner: REQUEST ─► leader]
//	        ─► zab: log, acknowledge, commit ─► deliver: Apply ─► watch events ─► reply
//
// The server that the client is connected to makes the reply when it applies the
// transaction. So there is one reply, at its place in the order.
//
// # Invariants
//
//   - Requests of one connection are answered in order; a read sees all writes
//     sent before it on this connection, and none sent after it.
//   - A watch event comes before any reply that shows what it reports.
//   - The zxid of the replies on one connection never goes back.
//   - A server without a leader answers nothing: when it stops serving, it closes
//     all connections of clients. The outcome of their requests is then unknown.
//   - An Output of the core is carried out in the order that zab.Output requires. What
//     takes long waits for its turn (turns.go): the tree may be older than what is
//     committed, but never while it is sent, replaced, or used in another role.
//
// # Terms
//
//   - learner: a follower or an observer.
//   - serving: a server serves clients while it is an established leader, a
//     learner synchronized with one, or standalone.
//   - owner: where the requests of a session must come from: LocalOwner for the
//     leader's own clients, otherwise the link of one learner.
//   - link: one connection on the quorum channel, as the core names it.
//
// # Differences from ZooKeeper
//
// docs/compatibility.md lists all differences from 3.8.0. These are in this package:
//
//   - The password of a session is checked before the session's connection is
//     closed. ZooKeeper closes it first, for any client that sends the id.
//   - A session moves to another learner only after the writes that came through
//     the former one have been committed (see revalidateForLearner).
//
// # Files, in reading order
//
//	shell.go      the interfaces of a shell        requests.go   requests in order
//	server.go     steps of the core, ticks         pipeline.go   writes and transactions
//	conn.go       a client's connection            leading.go    the state of a leader
//	session.go    handshake, sessions              learning.go   the state of a learner
//	snapshots.go  when to write one                forward.go    what learners forward
//	mismatch.go   digests that differ              ended.go      how sessions ended, for the log
//	ahead.go      clients with a later zxid        turns.go      work that is done in turns
package replica
