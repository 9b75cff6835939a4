// Package member is one ZooKeeper server: the thin shell around the pure parts.
// It has the sockets, the files, the clock and the goroutines; what is decided is
// decided in package replica, and there by zab (who leads, what is committed) and
// datatree (what a request does).
//
//	clients ──── client port ──┐                         ┌── writer ──── log, epochs, snapshots
//	             conn, outbox  │      ┌─────────────┐    │   (storage)
//	                           ├─────►│ event loop: ├────┤
//	             election port │      │   replica   │    ├── peers  ──── votes, packets, SNAP
//	servers ──── quorum port ──┘      └─────────────┘    │   (peer)
//	             peers                                   └── outbox ──── replies, watch events
//
// The event loop (server.go) is one goroutine that owns the replica; nothing of
// that has a lock. All others only move bytes: they bring messages to its inbox,
// and take what it leaves in queues. The loop waits for nobody, with one
// exception: a rollback, during which there is nothing else to do. Each message
// is handled to its end; what a batch of messages produces is handed on together,
// so that many requests share an fsync, a packet and a system call.
//
// # What it adds to what clients can rely on
//
// A write that is answered is on the disks of a quorum, this server's fsync
// counted like any other. The rest is package replica's.
//
// # Terms
//
//   - shell: what calls a replica, and is called back by it.
//   - word: a four-letter word, such as srvr.
//
// # Where it departs from ZooKeeper
//
// The base is ZooKeeper 3.8.0, which srvr names. docs/compatibility.md has all
// that differs, with the tests. Of this package are:
//
//   - A ConnectRequest with a protocol version other than 0 is refused;
//     ZooKeeper does not look at it.
//   - srvr says 3.8.0-zkctl-REVISION; mntr has some keys of its own, and not the
//     counters of Java's metrics; envi keeps Java's keys for those who parse them.
//   - digest.mustMatch=true in zoo.cfg ends a server whose tree has another digest
//     than is recorded. Without it, as in ZooKeeper, such digests are logged and
//     counted (zk_digest_mismatches_count in mntr).
//   - What is under way for clients is bounded by bytes, before it is made (flow.go,
//     docs/limits.md); ZooKeeper counts requests, and queues answers without limit.
//   - jute.maxbuffer is read from zoo.cfg, since there are no Java system
//     properties to read it from, and commitLogCount may be less than 500.
//
// # Files, in reading order
//
//	config.go, config_keys.go, config_members.go   zoo.cfg -> Config
//	run.go          Run: start the parts, end them      conn.go, outbox.go   one client connection
//	server.go       the event loop and its messages     listener.go          the client port
//	shell.go        what the replica wants done         client.go            what it answers
//	peers.go        the other servers                   fourletter*.go       four-letter words
//	writer.go       group commit                        flow.go              what may be under way
//	snapshots.go    snapshots in the background         stats.go, count.go   what they count
//	throttle.go     a log nobody can flood
package member
