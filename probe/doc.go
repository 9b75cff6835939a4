// Package probe asks running ZooKeeper servers how they are, and says what is wrong.
// It learns everything over the servers' client ports, from what each says of itself:
// never from a log, a process table or what another server says.
//
//	                     +- srvr, mntr ---> member 1 --+
//	[]Server -> Surveyor +- srvr, mntr ---> member 2 --+-> []Member -> Judge -> Report
//	                     +- session ------> member 3 --+
//
// Each part can be used by itself: FourLetter sends a command; Dial opens a Session, a
// minimal client; Discover finds the members of an ensemble; a Surveyor asks all of them
// at once; Judge turns their answers into a verdict, and is a function of its arguments
// alone. An Observer sees all that a session says and hears.
//
// # The layers of an answer
//
// A server can fail to answer for reasons with different remedies. The Reason says how
// far the conversation got:
//
//	resolve    unresolved
//	connect    refused, unreachable, timeout
//	hear       silent, closed
//	read       garbage, half-answer
//	understand not-whitelisted, not-serving, read-only
//	use        session-refused, server-error
//
// A process that is stopped, or busy collecting garbage, is silent: the kernel still
// accepts its connections.
//
// # The verdicts
//
//	healthy    exactly one leader, which with its followers is a quorum; every member
//	           serves, in the place that it is configured for. This is readiness.
//	degraded   as above for the ensemble as a whole, but not for every member
//	unknown    servers that run could not be asked, and with them there may be a quorum
//	no-quorum  a server runs, but there is no leader with a quorum behind it
//	down       no server answers
//
// A server that says it leads may have been deposed without knowing: it finds out within
// syncLimit ticks. So a leader counts only if its epoch is the latest that any member is
// in, and only together with members that say they follow and with which it is a quorum
// by the rules of package quorum, the same that the servers count by. The members are
// asked one moment apart, and the next moment may be different.
//
// A server that could not be asked, because clients have all the connections that it grants for example, proves
// nothing: it counts neither as serving nor as looking. When all others follow, it is the one that leads.
//
// Where srvr is not allowed, a session is opened instead: that is a write, and returns
// only when a quorum has committed it.
//
// # Terms
//
// A member is a server as the ensemble's configuration has it: a voter or an observer.
// Its role is what it does: lead, follow, observe, or look for a leader. A zxid is the
// last transaction that it applied; the zxid's epoch counts leaders.
package probe
