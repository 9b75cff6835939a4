// Package history judges a run of an ensemble by what its clients saw and what is on its
// members' disks.
//
//	clients      --[Record]-->  [History]  ---.
//	members' logs  --[MemberLog]--> [Merge]    >--  [Check]  -->  [CheckResult], a promise each
//	members' trees  --[View]------------------'
//
// A history is a list of records: operations, watch events and changes of connections, in
// the order in which clients saw them. [Writer] and [Read] keep it in a file of JSON lines,
// which other programs can write too.
//
// Nothing here searches for an order that explains a history. ZooKeeper says what the order
// was: the reply to a write has the write's zxid, and the reply to a read has the zxid at
// which it was carried out. So the judge sorts by zxid, carries the writes out one after
// the other on a plain model of the data tree, and compares each reply with what the
// model has at that zxid. That takes n log n, and covers what a search over single
// registers cannot: multis, sequential names, stats, ephemeral nodes and watches.
//
// The terms:
//
//   - promise: what ZooKeeper guarantees, by name. A check looks after one of them.
//   - verdict: ok, violated or unknown. A check that lacks the facts says unknown, with
//     the reason; it never guesses.
//   - finding: one piece of evidence against a promise.
//   - outcome: of an operation. Unknown means sent and not answered: it may have happened.
//
// The package is pure: time is what records say.
package history
