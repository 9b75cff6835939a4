// Package zab is ZooKeeper's replication protocol as a pure state machine:
// Fast Leader Election, then Zab's discovery, synchronization and broadcast.
//
//	              Start
//	                │
//	                ▼        leader elected        a quorum promised epoch e
//	phase 0   ┌─ Election ───────────────► Discovery ───────────────┐   phase 1
//	          │     ▲ ▲                        │                    ▼
//	          │     │ └──── timeout, lost ─────┤             Synchronization  phase 2
//	          │     │       link, bad peer     │                    │
//	          │     └──────────────────────────┴────────┬───────────┤ a quorum has
//	          │                                         │           ▼ the leader's history
//	          │                                         └────── Broadcast     phase 3
//	          └─ votes of servers that have settled lead straight to it
//
// A Node consumes one Input at a time and returns an Output: what to write,
// what to send, what to apply. It has no clock, no disk, no socket and no
// goroutine; time is an argument. So a whole ensemble fits in one test, and
// the code that a simulation breaks is the code that ships.
//
// What must be durable before something else may happen is never left to the
// caller's care: the promise, the acknowledgement, the leader's own vote for
// its proposal are emitted by the Step that consumes the Persisted of the
// write they depend on. A crash is an input that never comes.
//
// # Names
//
// The paper's actions and what implements them (Junqueira, Reed, Serafini:
// "Zab: High-performance broadcast for primary-backup systems", DSN 2011):
//
//	paper                          packet                        function
//	------------------------------ ----------------------------- ----------------------------
//	phase 0, leader oracle         notification                  Node.notified, Node.decide
//	CEPOCH(f.p)                    FOLLOWERINFO, OBSERVERINFO    Node.greetLeader
//	NEWEPOCH(e')                   LEADERINFO                    Node.chooseEpoch, Node.invite
//	f.p <- e', ACK-E(f.a, h_f)     ACKEPOCH                      Node.newEpoch
//	select the newest history      (the leader's own)            Node.chooseHistory
//	NEWLEADER(e', I)               DIFF|TRUNC|SNAP, NEWLEADER    Node.bringUpToDate
//	f.a <- e', ACK-LD              ACK(e')                       Node.newLeader
//	COMMIT-LD                      UPTODATE                      Node.establish, Node.upToDate
//	propose                        PROPOSAL                      Node.proposed, Node.proposal
//	ACK                            ACK                           Node.learnerPersisted, Node.ack
//	COMMIT                         COMMIT, INFORM                Node.commitAcked, Node.commit
//
// Unlike the paper, and like ZooKeeper, the leader does not collect histories:
// election has found a server whose history is the newest of a quorum, and
// discovery only verifies that it is.
//
// # Invariants
//
//   - acceptedEpoch >= currentEpoch; neither goes back.
//   - committed <= applied <= lastLogged. While a server looks for a leader,
//     applied = lastLogged: what it claims is what it holds.
//   - No two leaders are established in one epoch.
//   - What one server delivers is a prefix of what any other delivers, or the
//     reverse; an established leader of the newest epoch has all of it.
//   - A server never gives up a transaction that it knows to be committed.
//   - On one link, ACK(e) of the epoch precedes ACKs of proposals.
//
// The counting of votes and acknowledgements is package quorum's, the very
// code that the calculator uses.
package zab
