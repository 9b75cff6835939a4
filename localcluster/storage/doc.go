// Package storage keeps one server's history on disk, in ZooKeeper's own files: a Java server can open a
// folder that this package wrote, and this package can open one of Java's.
//
//	dataDir/version-2/snapshot.HEX     the tree as it was after transaction HEX       snapfile.go
//	                  acceptedEpoch    the last epoch promised                        epochs.go
//	                  currentEpoch     the last epoch synchronized with
//	dataLogDir/version-2/log.HEX       transactions, the first of them HEX            logformat.go
//	                     in-use        empty; exists from Open to Close; only ours    repair.go
//
// The file named on the right begins with a drawing of the bytes. dataLogDir is often dataDir.
//
// # State, log and snapshots
//
// A server's state is the tree that its transactions make of an empty tree. The log holds the transactions and
// the snapshots hold trees, so that not all of the log must be kept or replayed:
//
//	        snapshot.7                       snapshot.10
//	log.1   |               log.9            |
//	[1 2 3 4 5 6 7 8]       [9 a b c d e f 10 11 12]
//	         -------- replayed onto snapshot.7, if snapshot.10 is damaged ----------
//	                                          ----- replayed onto snapshot.10 -----
//
// Zab requires stable storage: a server that acknowledged a transaction, or promised not to follow an older
// leader, must still know it after a crash. The contract of this package is therefore about durability:
//
//   - Append makes nothing durable. Sync makes everything that was appended durable, with one fsync ("group
//     commit").
//   - SetAcceptedEpoch, SetCurrentEpoch, Truncate and InstallSnapshot are durable when they return, and
//     atomic: after a crash the files have the old state or the new one, never something in between.
//   - SaveSnapshot does not change the state. It only makes the next start faster.
//   - After the first write or sync that fails, a Store refuses every call (ErrFailed). The next Open reads
//     what such a failure has left on the disk.
//
// # Invariants of the files
//
//  1. Within an epoch the log has no gaps, and an epoch begins with its transaction 1 (Zab section 3.1).
//  2. Replaying the log onto any snapshot gives the same tree, whose digest the transactions record. The log
//     leads up to every snapshot, except to one that a leader sent: beside it there is no older log.
//  3. epoch(last zxid) <= currentEpoch <= acceptedEpoch, except between the steps of a protocol that writes
//     them in the order acceptedEpoch, history, currentEpoch.
//     A standalone server has no epochs (Options.Standalone): its counter runs over into the bits of the epoch.
//  4. The first snapshot is written before the first log: snapshot.0, of the empty tree.
//
// # Crashes and damage
//
// Open repairs what a crash can leave, and lists the repairs in Recovered.Notes:
//
//	the last write to the last log is not whole     cut off: it was never acknowledged
//	a log without a whole transaction               removed (ZOOKEEPER-2332)
//	temporary files                                 removed
//	history ahead of currentEpoch                   currentEpoch raised, if acceptedEpoch allows (ZOOKEEPER-2354)
//	an epoch file that is missing                   derived from the last transaction, as Java does
//	an interrupted InstallSnapshot                  finished (install.go)
//	a fuzzy snapshot without any log, a copy        used as it is, as Java does
//	a snapshot that is damaged or unfinished        the one before it is used, if the log reaches beyond it
//	writes and names in the page cache only         synced before anything depends on them (repair.go)
//	the same, and the Store was not closed          the logs are written anew: after a failed fsync, another does nothing
//
// Everything else is damage, and Open refuses it: a wrong checksum, a hole, a log without a snapshot, epochs
// in the wrong order. A repair by guess could drop a transaction or a promise that the quorum counts on. The
// error says which file, at what offset, what was expected, and how to have the leader send everything anew.
//
// A recorded digest that differs from the tree's is not damage: checksums and zxids show that the history is
// whole, and ZooKeeper's leaders compute some digests wrong. It is counted in Recovered.Mismatches, and refused
// only with Options.DigestsMustMatch.
//
// LogReader tells an interrupted write from damage.
//
// # Order of steps
//
// Wherever more than one file changes, each step is durable before the next, and every state in between can
// be opened:
//
//	a new log            header, sync, folder       then the first entry
//	a file replaced      temporary file, sync, rename, folder
//	Truncate             newest first: later logs, later snapshots, the end of the last log     truncate.go
//	InstallSnapshot      one rename is the switch; the rest can be repeated                     install.go
//	Purge                snapshots before logs                                                  snapshots.go
//
// The tests cut the power at every disk operation of each.
//
// # Disks
//
// A Store reaches the disk through FS, which has two implementations: OS, and MemFS, a disk in memory that
// loses what was not synced, tears writes, and fails and fills up on request, the same way for the same seed.
// Simulations run whole ensembles on MemFS.
//
// # Terms
//
//   - zxid: the place of a transaction in the total order; wire.Zxid.
//   - torn tail: the remains of a write that a crash has interrupted.
//   - base: the snapshot that a replay begins with.
//   - fuzzy: a snapshot is fuzzy if it was written while the tree changed, so that it shows some later
//     transactions too. Java's are fuzzy, ours are not.
//   - history: one uninterrupted sequence of transactions. Truncate and InstallSnapshot begin another.
package storage
