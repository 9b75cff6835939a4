// Package link is the network between the members of a local ensemble: TCP
// forwarders that can be cut, cut in one direction only, slowed, and healed,
// without root and on every platform.
//
// Members never dial each other. The configuration of each has the address of a
// forwarder for every peer:
//
//	          link 1->2 (127.0.0.1:a)
//	member 1 ----dials----> [ ] ----dials----> member 2
//	         ===== Forward, bytes 1>2 ======>
//	         <===== Backward, bytes 2>1 =====
//
//	          link 2->1 (127.0.0.1:b)
//	member 1 <----dials---- [ ] <----dials---- member 2
//	         <===== Forward, bytes 2>1 ======
//	         ===== Backward, bytes 1>2 =====>
//
// The words used here:
//
//   - channel: ZooKeeper servers talk on two ports, the quorum port (Zab) and
//     the election port. Either can fail without the other. Clients have a third.
//   - [Link]: one listener and the connections it forwards. It belongs to one
//     dialler, one target and one channel.
//   - [Lane]: the bytes from one member to another on one channel, no matter
//     which of the two opened the connection. Lane 1>2 is the Forward direction
//     of link 1->2 and, at the same time, the Backward direction of link 2->1.
//     Faults are put on lanes and not on links, because which member dialled is
//     an accident (on the election port a tie-break decides), while "2 no longer
//     hears 1" is what a broken network looks like.
//   - [Direction]: the state of a lane (cut? how slow?), shared by the two
//     links whose bytes it governs.
//   - [Mesh]: all links and lanes of one ensemble.
//
// # What a cut looks like
//
// A partition is silence, not an error. While a lane is cut its bytes are held:
// nothing is reset, nothing is closed, and a sender that goes on sending finds
// its buffers full and blocks. After [Mesh.Heal] the bytes held flow on in
// order, as TCP would have retransmitted them. If a side half-closed, closed or
// reset a connection in the meantime, the other side sees that behind them.
//
// A new connection needs both directions, because a TCP handshake does. When
// either is cut the forwarder accepts, so that the dialler waits as it would
// in a real network, and dials the target only after the heal. Of the dials
// that were given up during a cut, each link keeps the newest: a real kernel
// would have one handshake under retransmission, and a hundred stale election
// hellos at the moment of the heal would be another fault.
//
// # Resets and refusals
//
// [Mesh.Reset] breaks connections, as a firewall does that has lost its table:
// both ends see a reset at once, and bytes on their way are lost. A lane that
// refuses ([Condition]) is like the port of a process that does not listen; the
// connections that it has go on.
//
// # Clients
//
// Clients dial a member's own port, so that a healthy ensemble costs them nothing.
// A client that takes part in faults dials the link in front of the member
// instead. On its lanes [Clients] stands for all clients together: the link cannot
// tell one from the other.
//
//	client ----dials----> [ link clients->2 ] ----dials----> member 2
//
// # Invariants
//
//   - When [Direction.Cut] has returned, no byte enters the lane's receiving
//     sockets until it is healed.
//   - Bytes are never reordered, lost or duplicated within a connection.
//   - Memory is bounded: a connection holds at most maxHeld bytes a direction,
//     then stops reading, and backpressure does the rest.
//   - Close waits for every goroutine.
//
// # The election hello
//
// A server that is dialled on the election port by one with a smaller id hangs
// up and dials back the address that stands in the caller's hello. That is
// the caller's real address, so the second connection would bypass the links.
// Election links therefore rewrite the hello; see hello.go.
package link
