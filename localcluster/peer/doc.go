// Package peer carries messages between the servers of an ensemble: votes on
// the election port, Zab's packets on the quorum port. It moves bytes and does not
// interpret them. Package zab takes the decisions, without any I/O, and package member
// connects the two.
//
// Both ports speak Apache ZooKeeper's formats, so either end of a connection may
// be a Java server. Records are in package wire.
//
// # The election port
//
// [Election] keeps at most one link to each other server. The server that opens a
// connection sends its hello (ZooKeeper's QuorumCnxManager.InitialMessage) in one write;
// the server that accepts it sends no hello:
//
//	i64 -65536 | i64 id | i32 length | "host:port" where the caller is reached
//	             (-65535: several addresses, joined with '|';
//	              a number from 0 up: that is the id, and nothing follows)
//
// and then, both ways, votes:
//
//	i32 length, 1..524288 | notification
//
// If two servers connect to each other at the same time, both must keep the same one of
// the two connections, and no further message tells them which. The rule is: they keep
// the one that the larger id opened.
//
//	1 dials 3                              3 dials 1
//
//	1 ──── connect ─────▶ 3                1 ◀──── connect ───── 3
//	1 ──── hello(1) ────▶ 3                1 ◀──── hello(3) ──── 3
//	1 ──── close ───────▶ 3                1 ◀───── votes ─────▶ 3
//	1 ◀─── connect ────── 3  (dials 1
//	1 ◀─── hello(3) ───── 3   back)
//	1 ◀──── votes ──────▶ 3
//
// The larger one dials back the address in its configuration. It uses the address in
// the hello only for servers that are not in its configuration: those that are about
// to join, and observers.
//
// A newer vote replaces an older one, so for each server only the newest waits. A
// vote that was sent when a link broke may have been lost, so a new link begins
// with the last one again. Therefore votes can arrive twice, and late.
//
// While a server has no link and a vote waits for it, it is dialled: every 10 ms
// at first, since servers that are started together refuse each other for some
// tens of milliseconds, and later less and less often, down to once a second. After
// a hello to a larger server the pause is longer, 100 ms at first, because that
// server runs and is about to dial back.
//
// # The quorum port
//
// [Quorum] listens for learners and dials leaders; each connection is a [Conn].
// Packets follow each other without lengths. A SNAP packet is followed by a
// tree and the text "BenWasHere":
//
//	packet | packet | SNAP, tree, "BenWasHere" | packet ...
//
// A Conn delivers a prefix of what was sent, in order, and then Disconnected:
// the FIFO channel that Zab requires. A SNAP is delivered when its whole stream
// has arrived.
//
// # Hostile connections
//
// Any program that reaches the ports can connect to them. A connection that does not
// send its hello or first packet in time, or sends something that is not a message, is
// closed, and Refused gets the reason with the address and the offending bytes. Lengths
// are checked before memory is allocated for them. A connection cannot disturb another
// one, with one exception: a caller that claims to be a certain server replaces that
// server's link, since the protocol has no proof of identity.
//
// # Invariants
//
//   - At most one link to a server delivers events at a time; PeerUp and PeerDown
//     alternate.
//   - Only Dial and Close block their caller.
//   - Every goroutine has an owner that waits for it: the reader of a link waits for its
//     writer, Election and Quorum wait for the readers, and Close waits for them.
package peer
