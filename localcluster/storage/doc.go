// Package storage keeps one server's history on disk, in ZooKeeper's own files: a Java server can open a
// folder that this package wrote, and this package one of Java's.
//
//	dataDir/version-2/snapshot.HEX     the tree as it was after transaction HEX       snapfile.go
//	                  acceptedEpoch    the last epoch promised                        epochs.go
//	                  currentEpoch     the last epoch synchronized with
//	dataLogDir/version-2/log.HEX       transactions, the first of them HEX            logformat.go
//	                     in-use        empty; there from Open to Close, and only ours repair.go
//
// The bytes of each are drawn at the head of the file named on the right. dataLogDir is often dataDir.
//
// # State, log, and what may be forgotten
//
// A server's state is what its transactions have made of an empty tree. The log has the transactions and the
// snapshots have trees, so that not all of the log must be kept or replayed:
//
//	        snapshot.7                       snapshot.10
//	log.1   |               log.9            |
//	[1 2 3 4 5 6 7 8]       [9 a b c d e f 10 11 12]
//	         ------- replayed onto snapshot.7, should snapshot.10 be damaged -------
//	                                          ----- replayed onto snapshot.10 -----
//
// Zab counts on memory that survives: a server that acknowledged a transaction, or promised not to follow an
// older leader, must still know after a crash. So the contract of this package is about durability:
//
//   - Append makes nothing durable; Sync makes durable everything appended before, with one fsync for all
//     ("group commit").
//   - SetAcceptedEpoch, SetCurrentEpoch, Truncate and InstallSnapshot are durable when they return, and
//     atomic: after a crash the files say the old or the new, never something in between.
//   - SaveSnapshot changes nothing about what is known, only how long it takes to read.
//   - After the first write or sync that fails, a Store does nothing more (ErrFailed). What such a failure
//     has left on disk is for the next Open to find out.
//
// # Invariants of the files
//
//  1. In an epoch the log has no gaps, and an epoch begins with its transaction 1 (Zab section 3.1).
//  2. Replaying the log onto any snapshot gives the same tree, the one whose digest the transactions state. The
//     log reaches to every snapshot but one that a leader sent, beside which there is no older log.
//  3. epoch(last zxid) <= currentEpoch <= acceptedEpoch, except between the steps of a protocol that writes
//     them in the order acceptedEpoch, history, currentEpoch.
//     A standalone server has no epochs (Options.Standalone): its counter runs over into the bits of the next.
//  4. There is a snapshot before there is a log, if only snapshot.0 of the empty tree.
//
// # What a crash leaves, and what it does not
//
// Open repairs what a crash can leave behind, and says so in Recovered.Notes:
//
//	the last write to the last log is not whole     cut off; nobody was told that it is durable
//	a log without a whole transaction               removed (ZOOKEEPER-2332)
//	temporary files                                 removed
//	history ahead of currentEpoch                   currentEpoch raised, if acceptedEpoch allows (ZOOKEEPER-2354)
//	an epoch file that is missing                   derived from the last transaction, as Java does
//	a snapshot half installed                       finished (install.go)
//	a fuzzy snapshot without any log, a copy        taken as it is, as Java does
//	a snapshot that is damaged or unfinished        the one before it is used, if the log makes up for it
//	writes and names in the page cache only         synced before they are counted on (repair.go)
//	the same, and the Store was not closed          the logs are written anew: had an fsync failed, another would do nothing
//
// Everything else is damage, and Open refuses it: a wrong checksum, a hole, a log without a snapshot, epochs
// in the wrong order. Repairing by guess would mean to
// forget something in silence, and what one server forgets another may have counted on. The error says
// which file, at what offset, what was expected, and how to have the leader send everything anew.
//
// A recorded digest that is not the tree's is no damage: checksums and numbers show that the history is
// whole, and ZooKeeper's leaders compute some digests wrong. It is counted in Recovered.Mismatches, and refused
// only with Options.DigestsMustMatch.
//
// The one judgement in this is to tell an interrupted write from damage; see LogReader.
//
// # Order of steps
//
// Wherever more than one file changes, each step is durable before the next, and every state in between is
// one that opens:
//
//	a new log            header, sync, folder       then the first entry
//	a file replaced      temporary file, sync, rename, folder
//	Truncate             newest first: later logs, later snapshots, the end of the last log     truncate.go
//	InstallSnapshot      one rename decides; the rest can be repeated                           install.go
//	Purge                snapshots before logs                                                  snapshots.go
//
// The tests cut the power at every operation of each of them.
//
// # Disks
//
// A Store reaches the disk through FS, which has two implementations: OS, and MemFS, a disk in memory that
// forgets what was not synced, tears writes, fails and fills up as told, and does the same again for the
// same seed. Simulations run whole ensembles on MemFS.
//
// # Terms
//
//   - zxid: the place of a transaction in the total order; wire.Zxid.
//   - torn tail: the remains of a write that a crash has interrupted.
//   - to roll: to end a log file and begin another.
//   - base: the snapshot that a replay begins with.
//   - fuzzy: of a snapshot, written while the tree changed, so that it shows some later transactions too.
//     Java's are, ours are not.
//   - history: here, one uninterrupted line of transactions. Truncate and InstallSnapshot begin another.
package storage
