// Package wire encodes and decodes ZooKeeper's protocols: the messages on the client
// port, the quorum port and the election port, the entries of the transaction log, and
// the answers to four-letter words. Clients and servers use it.
//
// It is pure. It opens nothing, waits for nothing and reads no clock; package probe has
// the connections of clients, and localcluster those of servers.
//
//	client port    | length | RequestHeader | request  |     frames, ReadFrame
//	               | length | ReplyHeader   | response |
//	election port  | ElectionHello | then frames, a Notification each
//	quorum port    | QuorumPacket | QuorumPacket | ...        no lengths
//	txn log        | checksum | length | Txn | 'B' |          package storage
//	any of them    "srvr" -> text                             ParseSrvr
//
// # Jute
//
// All records are written in Jute, ZooKeeper's serialisation: fields one after the
// other, without tags; numbers big-endian; a buffer, text or vector preceded by its
// length in four bytes, -1 meaning null. An Encoder appends such values to a slice, a
// Decoder reads them from a slice or a stream. A Record is a struct that can do both.
//
// # Invariants
//
//   - Decoding then encoding gives the same bytes, except where several encodings mean
//     the same (a null text reads as an empty one); the tests know those exceptions.
//   - A length is checked before memory is allocated for it: against what is left of
//     the slice, or the limits of the stream. Decoding allocates in proportion to what
//     arrived.
//   - Buffers decoded from a slice are parts of it, not copies.
//   - The Decoder's error is sticky, so that a record needs one check, not one a field.
//
// # Terms
//
// A zxid is a transaction's id and its place in the total order. An epoch, the upper
// half of a zxid, numbers the leaders. A txn states the effect of a write; a proposal is
// a txn that is not committed yet. A learner is a server that has a leader: a follower,
// which votes and acknowledges, or an observer, which does neither.
package wire
