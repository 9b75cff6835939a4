// Package inject says what to break, in whom, and for how long.
//
// It holds the words of fault injection and no machinery: nothing here kills a
// process or cuts a link. That is the business of package localcluster.
//
//	"leader"  --ParseSelector-->  [Selector]  --Resolve-->  member 2
//	                                                           |
//	"1,2|3"   --[Partition]-->  [Plan]: lanes to cut           |
//	                                |                          v
//	                                +------------------->  [Fault]
//	                                                           |
//	     [Ledger]: who broke what, until when  <---------------+---->  localcluster
//
// The terms:
//
//   - selector: how a person or a scenario names members: by id, by the role
//     they have at this moment, or by how many ("a minority, whoever they are").
//     Choices that are left open are made with a random source that the caller
//     seeds and prints, so that every run can be repeated.
//   - partition: a set of members that cannot hear another set. It comes down
//     to lanes (package link): who does not hear whom, on which channel.
//     Besides plain groups there are three shapes that have found bugs in many
//     systems: one way (A hears B, B does not hear A), bridge (two halves that
//     share one member), and ring (everyone sees a majority, no two the same).
//   - fault: something that has been broken, on record.
//   - lease: no fault is for ever by accident. Each is recorded, listed and
//     healed when its time is up, even when whoever asked for it is gone.
//
// The package is pure: time and randomness are parameters.
package inject
