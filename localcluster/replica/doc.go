// Package replica is one ZooKeeper server without sockets, files, goroutines and
// clock: the protocol core (zab), the data tree with its sessions and watches
// (datatree), and between them the requests of clients. What happens around it
// comes as method calls; what it wants done goes to a Shell. Equal calls have
// equal effects, so that whole ensembles of it can live in a simulation:
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
// loop, and is called back within those calls.
//
// # The life of a write
//
//	Request ─► submit ─► [leader: Prepare ─► Proposed] or [learner: REQUEST ─► leader]
//	        ─► zab: log, acknowledge, commit ─► deliver: Apply ─► watch events ─► reply
//
// A reply is made from the transaction as this server applies it, wherever it
// was proposed: so it comes once, at its place in the order.
//
// # Invariants
//
//   - Requests of one connection are answered in order; a read sees all writes
//     sent before it on this connection, and none behind it.
//   - A watch event comes before any reply that shows what it reports.
//   - The zxid of the replies on one connection never goes back.
//   - A server that does not know of a leader answers nothing: when it leaves its
//     role, all its clients' connections end. What became of their requests is
//     then unknown.
//   - An Output of the core is carried out in the order that zab.Output asks for.
//
// # Terms
//
//   - learner: a follower or an observer.
//   - serving: an established leader, alone, or synchronized with a leader; the
//     time from startServing to stopServing is a term.
//   - owner: the way by which requests of a session may reach the leader: the
//     clients of the leader itself, or the link of one learner.
//   - link: one connection on the quorum channel, as the core names it.
//
// # Where it departs from ZooKeeper
//
// docs/compatibility.md has all that differs from 3.8.0. Of this package are:
//
//   - The password of a session is checked before the connection that has the
//     session is closed; ZooKeeper closes first, for anybody who knows the id.
//   - A session moves to another learner only after the writes that came through
//     the former have been committed (see revalidateForLearner).
//
// # Files, in reading order
//
//	shell.go      what a Server needs around it    requests.go   requests in order
//	server.go     steps of the core, ticks         pipeline.go   writes and transactions
//	conn.go       a client's connection            leading.go    what only a leader has
//	session.go    handshake, sessions              learning.go   what a learner has
//	snapshots.go  when to write one                forward.go    what learners forward
//	mismatch.go   a tree that is not the leader's  ended.go      how sessions ended, for the log
//	ahead.go      clients from another history
package replica
