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
//   - non-voter weight: that of an observer or unknown id in a group; it counts for the
//     group's majority, and never acknowledges.
//
// # Systems
//
// A System is one configuration, or two while a reconfiguration is in flight; a configuration is
// groups that need some weight, and a number of groups that must have it. A majority is one
// group in which all weigh the same. Without is what is left when servers have failed.
//
//	system.go        NewMajority, NewHierarchical, NewJoint, Without; IsQuorum, CanLead
//	tolerance.go     Tolerance, SinglePoints, ShapeOf       what can fail
//	availability.go  Available, Importance, SmallestFor     probabilities
//	zones.go         Zones, AvailableWithZones              common causes, and where to place servers
//	repair.go        Repairable, MeanTimeToLoss             failing in time
//	latency.go       CommitLatency, MessagesPerWrite        what a write takes
//	plan.go          PlanChange                             changing members
//	recovery.go      RecoveryBudget                         losing the leader
//	explain.go       Lint                                   advice
//
// # Algorithms
//
// There are three. What concerns sizes follows from sorting: the heaviest members satisfy a group
// soonest, and break it soonest. Probabilities are added up group by group, one voter after the
// other (gather). Everything else visits all states, up to exchanging voters that are alike
// (states.go).
//
// Answers are exact: counts to the last digit, probabilities to about twelve, on whichever side
// they are small; an unavailability is the sum of the losing states and never 1 minus the
// others. They hold for up to 255 voters (MaxVoters) of a majority, and for groups and weights
// as far as a million states and four million sums go (maxStates, maxSums): 20 voters that differ, more
// that are alike. What is larger returns ErrTooLarge, and nothing is estimated instead.
//
// The package is pure: no clock, no files, no network, no randomness, no goroutines. The same
// question has the same answer, to the last bit.
package quorum
