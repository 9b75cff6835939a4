// Package member is one ZooKeeper server: the thin shell around the pure parts.
// It has the sockets, the files, the clock and the goroutines; what is decided
// is decided in packages zab (who leads, what is committed) and datatree (what
// a request does).
//
//	clients ──── client port ──┐                        ┌── writer ──── log, epochs, snapshots
//	             conn, outbox  │      ┌────────────┐    │   (storage)
//	                           ├─────►│ event loop ├────┤
//	             election port │      └─────┬──────┘    ├── peers  ──── votes, packets, SNAP
//	servers ──── quorum port ──┘            │           │   (peer)
//	             peers                      │           └── outbox ──── replies, watch events
//	                             zab.Node, datatree.Tree,
//	                             Preparer, Watches, Sessions
//
// The event loop (server.go) is one goroutine that owns the core, the tree and
// everything that hangs on them; nothing of that has a lock. All others only
// move bytes: they bring messages to its inbox, and take what it leaves in
// queues. The loop waits for nobody, with one exception: a rollback, during
// which there is nothing else to do. Each message is handled to its end; what a
// batch of messages produces is handed on together, so that many requests share
// an fsync, a packet and a system call.
//
// # The life of a write
//
//	request ─► submit ─► [leader: Prepare ─► Proposed] or [learner: REQUEST ─► leader]
//	        ─► zab: log, acknowledge, commit ─► deliver: Apply ─► watch events ─► reply
//
// A reply is made from the transaction as this server applies it, so it comes
// once, at its place in the order, whoever proposed it.
//
// # What clients can rely on
//
//   - Requests of one connection are answered in order; a read sees all writes
//     sent before it on this connection.
//   - A watch event comes before any reply that shows what it reports.
//   - The zxid of the replies on one connection never goes back.
//   - A write that is answered is on the disks of a quorum, this server's fsync
//     counted like any other.
//   - A server that does not know of a leader answers nothing: when it leaves
//     its role, all its clients' connections end (serving.go). What had become
//     of their requests is then unknown.
//
// # Terms
//
//   - learner: a follower or an observer.
//   - serving: an established leader, alone, or synchronized with a leader; the
//     time from startServing to stopServing is a term.
//   - owner: the way by which requests of a session may reach the leader: the
//     clients of the leader itself, or the link of one learner.
//   - link: one connection on the quorum channel, as the core names it.
//   - word: a four-letter word, such as srvr.
//
// # Where it departs from ZooKeeper
//
//   - A request of an unknown type is answered Unimplemented, and the connection
//     lives on; ZooKeeper closes it.
//   - The password of a session is checked before the connection that has the
//     session is closed; ZooKeeper closes first, for anybody who knows the id.
//   - A ConnectRequest with a protocol version other than 0 is refused;
//     ZooKeeper does not look at it.
//   - A session moves to another learner only after the writes that came through
//     the former have been committed (see learnersSession).
//   - srvr says 3.8.0-zkctl-REVISION; mntr has some keys of its own, and not the
//     counters of Java's metrics; envi keeps Java's keys for those who parse them.
//   - jute.maxbuffer is read from zoo.cfg, since there are no Java system
//     properties to read it from.
//
// # Files, in reading order
//
//	config.go, config_keys.go, config_members.go   zoo.cfg -> Config
//	run.go          Run: start the parts, end them      conn.go, outbox.go   one client connection
//	server.go       the event loop and its messages     listener.go          the client port
//	core.go         zab.Output -> what is done          session.go           handshake, sessions
//	peers.go        the other servers                   requests.go          requests in order
//	writer.go       group commit                        pipeline.go          writes and transactions
//	snapshots.go    snapshots in the background         serving.go           leading and learning
//	fourletter*.go  four-letter words                   forward.go           what learners forward
package member
