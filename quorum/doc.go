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
// Majority is the default, Hierarchical is group.N and weight.N, Joint is a
// reconfiguration in flight, which needs both; Oracle is the two-server oracle at the moment it
// says yes, Threshold is for what-ifs. They implement System, and so may anything
// else that is monotone. Without is what is left when servers have failed.
//
//	Tolerance, SinglePoints, Dummies        what can fail        tolerance.go
//	MinimalQuorums, MinimalBlocking         sets of servers      list.go
//	CountMinimalQuorums, FailureProfile     how many of them     count.go, profile.go
//	Available, Importance, SmallestFor      probabilities        availability.go, importance.go, target.go
//	BestWeights                             unequal servers      weights.go
//	Zones, AvailableWithZones, Place        common causes        zones.go, placement.go
//	Repairable, MeanTimeToLoss              failing in time      repair.go, firstloss.go
//	CommitLatency, Latencies                round trips          latency.go
//	MessagesPerWrite, EstimateThroughput    cost                 cost.go
//	PlanChange, QuorumsMeet                 changing members     plan.go, meet.go
//	RecoveryBudget                          losing the leader    recovery.go
//	Lint                                    advice               lint.go
//
// Under these lie the algorithms: distributions of failed weight (tail.go, dense.go, sparse.go), all
// but one of a thousand (leaveout.go), sets counted by weight (naturals.go) and multiplied modulo
// primes (residues.go), subset sums 64 at a time (sumset.go), truth tables (table.go).
//
// # Exactness
//
// Every one of these systems but a Joint has the same shape: groups that need some weight,
// and a number of groups that must have it (form.go). On that shape the questions have
// polynomial algorithms, good for thousands of voters. Whatever else implements System is
// enumerated up to 20 voters. Each question has a budget of steps (budget.go): what is
// inherently exponential and too large returns ErrTooLarge before the work, and nothing is
// ever estimated silently. Counts are exact integers of any size, probabilities carry
// about twelve correct digits, on whichever side they are small.
//
// The package is pure: no clock, no files, no network, no randomness, no
// goroutines. The same question has the same answer, to the last bit.
package quorum
