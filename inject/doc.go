// Package inject describes faults: what to break, in which members, and for how
// long. It kills no process and cuts no link; package localcluster does that.
//
//	"leader"  --ParseSelector-->  [Selector]  --Resolve-->  member 2
//	                                                           |
//	"1,2|3"   --[Partition]-->  [Plan]: lanes to cut           |
//	                                |                          v
//	                                +------------------->  [Fault]
//	                                                           |
//	     [Ledger]: what is broken, until when  <---------------+---->  localcluster
//
// The terms:
//
//   - selector: the text that names members: by id, by the role they have at
//     this moment, or by how many ("a minority"). Where it leaves a choice, a
//     random source chooses that the caller seeds and prints, so that every run
//     can be repeated.
//   - partition: a set of members that cannot hear another set. A planner turns
//     it into the lanes to cut (package link). Besides plain groups there are
//     three shapes that have found bugs in many systems: one way (A hears B, B
//     does not hear A), bridge (two halves that share one member), and ring
//     (each member sees a majority, no two the same).
//   - fault: the record of something that has been broken.
//   - lease: how long a fault lasts. The supervisor ends the fault when its lease
//     is over, even if the process that asked for it is gone.
//
// The packages below have the rest: link is a TCP link that can be cut, scenario the language of
// faults, drill runs a scenario, history judges what clients saw in it, and report draws it.
//
// The package is pure: time and randomness are parameters.
package inject
