// Package wire is ZooKeeper's protocols as bytes: what stands on the client port, the
// quorum port and the election port, in the transaction log, and in the answers to
// four-letter words. Both sides use it: whoever asks a server and whoever is one.
//
// It is pure. It opens nothing, waits for nothing and knows no clock; connections are
// the business of package probe on the asking side and of localcluster on the other.
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
//   - No length is believed before it is bounded: by what is left of the slice, or by
//     the limits of the stream. Decoding allocates in proportion to what arrived.
//   - Buffers decoded from a slice are parts of it, not copies.
//   - The Decoder's error is sticky, so that records decode without an if a field.
//
// # Terms
//
// A zxid is a transaction's id and its place in the total order. An epoch is one
// leader's reign, the upper half of a zxid. A txn states the effect of a write; a
// proposal is a txn on its way to being agreed on. A learner is whoever follows a
// leader: followers, which vote and acknowledge, and observers, which only listen.
package wire
