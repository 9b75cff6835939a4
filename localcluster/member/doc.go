// Package member is one ZooKeeper server: the thin shell around the pure parts.
// It has the sockets, the files, the clock and the goroutines. Package replica takes
// all decisions, with the help of zab (which server leads, what is committed) and
// datatree (what a request does).
//
//	clients ──── client port ──┐                         ┌── writer ──── log, epochs, snapshots
//	             conn          │      ┌─────────────┐    │   (storage)
//	                           ├─────►│ event loop: ├────┤
//	             election port │      │   replica   │    ├── peers  ──── votes, packets, SNAP
//	servers ──── quorum port ──┘      └─────────────┘    │   (peer)
//	             peers                                   └── replyQueue ─ replies, watch events
//
// The event loop (server.go) is one goroutine that owns the replica, which therefore
// needs no locks. All other goroutines only move bytes: they post messages to the
// loop's inbox, and take what it puts into queues. The loop waits for no other goroutine,
// except during a rollback, when it has nothing else to do. It hands on together what a
// batch of messages has produced, so that many requests share an fsync, a packet and a
// system call. Committed transactions are applied in turns of bounded time, so that many
// of them do not keep pings waiting.
//
// # What clients can rely on
//
// A write that is answered is on the disks of a quorum; this server's own disk counts
// once its fsync is done. Package replica documents the other guarantees.
//
// # Terms
//
//   - shell: the code that calls a replica, and that the replica calls back.
//   - word: a four-letter word, such as srvr.
//
// # Where it departs from ZooKeeper
//
// The base is ZooKeeper 3.8.0, which srvr names. docs/compatibility.md lists all
// differences, with the tests. Those in this package are:
//
//   - A ConnectRequest with a protocol version other than 0 is refused;
//     ZooKeeper ignores the version.
//   - srvr says 3.8.0-zkctl-REVISION; mntr has some keys of its own, and not the
//     counters of Java's metrics; envi keeps Java's keys for programs that parse them.
//   - digest.mustMatch=true in zoo.cfg ends a server whose tree has another digest
//     than the recorded one. Without it, as in ZooKeeper, the server logs and
//     counts such digests (zk_digest_mismatches_count in mntr).
//   - Requests and answers in flight are bounded in bytes, before the server makes
//     them (flow.go, docs/limits.md); ZooKeeper counts requests, and queues answers
//     without limit.
//   - jute.maxbuffer is read from zoo.cfg, since there are no Java system
//     properties to read it from, and commitLogCount may be less than 500.
//
// # Files, in reading order
//
//	config.go, config_keys.go, config_members.go   zoo.cfg -> Config
//	run.go          Run: start and stop the parts       conn.go, replyqueue.go   a client connection
//	server.go       the event loop and its messages     listener.go              the client port
//	shell.go        the replica's shell                 client.go                replies and events
//	peers.go        the other servers                   fourletter*.go           four-letter words
//	writer.go       group commit                        flow.go                  limits of requests and answers
//	snapshots.go    snapshots in the background         stats.go, count.go       counters
//	throttle.go     a log with bounded rate             control.go               reports and orders
package member
