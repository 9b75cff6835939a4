// Package quorum answers how many servers a ZooKeeper ensemble needs, which of
// them may fail, and what that costs; and it is the rule by which zkctl's own
// engine counts votes and acknowledgements, so that the tool and the engine can
// never disagree.
//
// A quorum system says which sets of voters may decide. Any two quorums share a
// server; that server remembers, and this is all the safety there is:
//
//	 old leader's quorum        new leader's quorum
//	+---------------------+
//	|  1     2     +------|--------------------+
//	|              |  3   |     4      5       |
//	+--------------|------+                    |
//	               +---------------------------+
//	            server 3 knows every write the first quorum acknowledged
//
// # Terms
//
//   - voter: a participant, whose acknowledgement counts. Observers never count.
//   - quorum: a set of voters that is enough. A minimal quorum stops being one
//     when any member is taken away.
//   - blocking set: voters whose failure leaves no quorum among the others. The
//     smallest one, less one, is the guaranteed tolerance.
//   - single point of failure: a voter that blocks alone.
//   - phantom: an observer or unknown id in a group; its weight counts, it never
//     acknowledges.
//
// # Systems
//
// Majority is the default. Hierarchical is group.N and weight.N. They implement
// System, and so may anything else that is monotone.
//
// The package is pure: no clock, no files, no network, no randomness, no
// goroutines. The same question has the same answer, to the last bit.
package quorum
