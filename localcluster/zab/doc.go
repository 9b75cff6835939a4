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
//	          └─ votes of servers that have decided lead straight to it
//
// A Node consumes one Input at a time and returns an Output: what to write,
// what to send, what to apply. It has no clock, no disk, no socket and no
// goroutine; time is an argument. So a whole ensemble fits in one test, and
// the code that a simulation breaks is the code that ships.
//
// The order of disk and network is not left to the caller: a promise, an
// acknowledgement and the leader's own vote for its proposal are emitted by the Step
// that consumes the Persisted of the write that they depend on. A crash is an input
// that never comes.
//
// # Names
//
// The paper's actions, and the methods of Node that implement them (Junqueira, Reed,
// Serafini: "Zab: High-performance broadcast for primary-backup systems", DSN 2011):
//
//	paper              packet              leader                   follower
//	------------------ ------------------- ------------------------ ---------------------------
//	leader oracle      notification        notified, decide, lead   notified, decide, follow
//	CEPOCH(f.p)        FOLLOWERINFO,       firstPacket, register    sendFollowerInfo
//	                   OBSERVERINFO
//	NEWEPOCH(e')       LEADERINFO          chooseEpoch,             newEpoch
//	                                       sendLeaderInfo
//	f.p <- e', ACK-E   ACKEPOCH            ackEpoch                 newEpoch, claim,
//	                                                                learnerPersisted
//	newest history     (the leader's own)  ackEpoch, chooseHistory
//	NEWLEADER(e', I)   DIFF, TRUNC, SNAP,  bringUpToDate            synchronize, proposal,
//	                   PROPOSAL, COMMIT,                            commit, newLeader
//	                   NEWLEADER
//	f.a <- e', ACK-LD  ACK(e')             ack                      newLeader, learnerPersisted
//	COMMIT-LD          UPTODATE            establish, serve         upToDate
//	propose            PROPOSAL            proposed                 proposal
//	ACK                ACK                 ack, persisted           learnerPersisted
//	COMMIT             COMMIT, INFORM      commitAcked              commit, inform
//
// The leader follows itself: its promise and its epoch (Node.leaderPersisted) and its
// vote for a proposal (Node.persisted) wait for its own disk.
//
// Unlike the paper, and like ZooKeeper, the leader does not collect histories:
// election has found a server whose history is the newest of a quorum, and
// discovery only verifies that it is.
//
// # Invariants
//
// The paper's, under its names:
//
//   - Integrity: what is delivered was proposed by a leader.
//   - Total order, agreement: what one server delivers is a prefix of what any other
//     delivers, or the reverse.
//   - Local primary order: in an epoch, transactions are delivered as their leader
//     has proposed them; their zxids grow by one, from 1. A leader that has used the
//     last number steps down for a new epoch.
//   - Global primary order: those of an epoch are delivered behind those of all before.
//   - Primary integrity: before a leader proposes, it has delivered all that was ever
//     delivered in earlier epochs; an established leader has it in its history.
//
// What makes them hold, and what an implementation adds:
//
//   - No two leaders are established in one epoch.
//   - acceptedEpoch >= currentEpoch; neither goes back.
//   - committed <= applied <= lastLogged. While a server looks for a leader,
//     applied = lastLogged: what it claims is what it holds.
//   - A server never gives up a transaction that it knows to be committed.
//   - On one link, ACK(e) of the epoch precedes ACKs of proposals.
//
// The counting of votes and acknowledgements is package quorum's, the very
// code that the calculator uses.
package zab
