// Package drill runs a scenario against an ensemble with clients, and judges what the clients saw.
//
//	            Start      Load        Inject          Heal        Verify        Judge
//	ensemble    up ------- serves ---- faults -------- mended ---- idle -------- read
//	clients                work ------ work ---------- work ------ last write    .
//	                       |           |               |           |
//	time                   -           0 ... Duration  -           -
//
// A Target is a world in which scenarios run, and a World one run in it. Run goes through the phases in their order;
// whatever happens in one of them, what was started is ended, and what was seen by then is judged. Processes is the
// World of real servers, which an Ensemble controls; the simulation has one of its own.
//
// # What is recorded
//
// A Recorder gets what clients see (package history), what members do (Event) and which faults strike (FaultRecord),
// all on one monotonic clock. The clients judge nothing: they write down every byte of every request and of every reply,
// in the order of their connections, and whether each reply is right is worked out afterwards from the transaction logs
// of the members.
//
// # The verdict
//
//	violated   a promise of ZooKeeper is broken: history.Check says which
//	unknown    none is seen to be broken, and not enough was seen to say that all hold: too little was written, a
//	           fault had no effect, a client or a member did not come back, a log has a gap. Result.Reasons says why
//	ok         all hold, and there was something to hold
//
// A limit that was missed (Result.Missed) is apart from this: it is about how long something took.
//
// # Times
//
// All times are nanoseconds since the run began. Time 0 of a scenario's steps is the moment at which the clients have
// written enough (Workload.MinAcked), so that a scenario means the same on a slow machine.
package drill
