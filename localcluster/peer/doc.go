// Package peer carries messages between the servers of an ensemble: votes on
// the election port, Zab's packets on the quorum port. It moves bytes and knows
// nothing of what they decide. Package zab decides and knows nothing of bytes;
// package member connects the two.
//
// Both ports speak Apache ZooKeeper's formats, so either end of a connection may
// be a Java server. Records are in package wire.
//
// # The election port
//
// [Election] keeps at most one link to each other server. Who calls first says
// who it is, in one write; who is called says nothing:
//
//	i64 -65536 | i64 id | i32 length | "host:port" where the caller is reached
//	             (-65535: several addresses, joined with '|';
//	              a number from 0 up: that is the id, and nothing follows)
//
// and then, both ways, votes:
//
//	i32 length, 1..524288 | notification
//
// If two servers call each other at the same time they must agree which of the
// two connections to keep, without another word. The rule is: the one that the
// larger id opened.
//
//	1 calls 3                              3 calls 1
//
//	1 ──── connect ─────▶ 3                1 ◀──── connect ───── 3
//	1 ──── hello(1) ────▶ 3                1 ◀──── hello(3) ──── 3
//	1 ──── close ───────▶ 3                1 ◀───── votes ─────▶ 3
//	1 ◀─── connect ────── 3  (dials 1
//	1 ◀─── hello(3) ───── 3   back)
//	1 ◀──── votes ──────▶ 3
//
// The larger one dials back the address in its configuration, and the address
// in the hello only for servers that are not configured: those that are about to
// join, and observers.
//
// A vote says all there is to say, so for each server only the newest waits; a
// vote that was sent when a link broke may have been lost, so a new link begins
// with the last one again. Hence votes can arrive twice, and late.
//
// A server is dialled while it has no link and a vote waits for it: every 10 ms
// at first, since servers that are started together refuse each other for some
// tens of milliseconds, and ever more rarely, down to once a second, later. After
// a hello to a larger server the pause is longer, 100 ms at first: it is there,
// and about to dial back.
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
// the FIFO channel that Zab asks for. A SNAP is delivered when its whole stream
// has arrived.
//
// # Bad company
//
// Both ports are open to whoever reaches them. Whoever does not say in time who
// it is, or says something that is no message, is hung up on, and the reason,
// with the address and the offending bytes, goes to Refused. Lengths are
// checked before memory is taken for them. Nothing that one connection does
// disturbs another, except that somebody who claims to be a certain server
// takes the place of its link: the protocol has no proof of identity.
//
// # Invariants
//
//   - At most one link to a server delivers events at a time; PeerUp and PeerDown
//     alternate.
//   - Nothing here blocks its caller, except Dial and Close.
//   - Every goroutine has an owner that waits for it: a link's writer its reader,
//     a reader its Election or Quorum, and those end with Close.
package peer
