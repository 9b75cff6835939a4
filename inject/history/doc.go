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
// # What holds
//
//   - What is violated is proved by the evidence alone: a check that needs the order says unknown where
//     the logs leave a gap, and one that needs clocks says nothing where a fault touched them.
//   - The judge says the same of a run whether it is fed as things happen, as in package simulation, or
//     from a file.
//   - What Read reads and Writer writes again is the same history.
//
// # What it does not see
//
// ZooKeeper before 3.9 does not say of which transaction an event is: then the first change that is due must
// be of the event's kind. A sync is judged at followers of the reply's epoch only. That a session ends too
// late is judged with a whole timeout to spare, since a busy machine is no defect.
//
// # Files, in reading order
//
//	record.go, format.go, read.go     what clients saw, and its file
//	evidence.go, verdict.go           what is judged, and what comes of it
//	order.go                          which transactions are committed
//	model.go, commit.go, reads.go, writes.go, foreign.go
//	                                  the data tree, with all its versions
//	judge.go, watches.go, persistent.go, sessionends.go
//	                                  answers and events against the model
//	check.go, replay.go, checks_*.go  a whole run
//
// The package is pure: time is what records say.
package history
