// Package localcluster runs ZooKeeper ensembles on one machine: real servers in processes of their
// own, real sockets between them, and control of every process and every link.
//
//	                         ┌──────────────── supervisor (one process) ───────────────┐
//	zkctl kill leader ──────>│ control socket   faults and leases   timeline           │
//	zkctl partition 1 ──────>│                                                         │
//	                         │   1>2 ═══ 2>1      links: one for each ordered pair and │
//	                         │    ║ \   / ║       channel (quorum, election)           │
//	                         └────╫──\─/──╫────────────────────────────────────────────┘
//	                              ║   X   ║
//	                        member 1 / \ member 2   …     a process each: zkctl serve zoo.cfg,
//	                              ^       ^               or java … QuorumPeerMain zoo.cfg
//	                              │       │
//	                         clients, on the members' own ports, or through links of
//	                         their own when faults should reach them, too
//
// # Processes
//
// `zkctl up` draws up a [Spec] and starts a detached [Supervisor], which starts the members. From then
// on the supervisor owns everything that runs: processes, links, faults, the timeline. Every other
// zkctl is a [Client] of it, over HTTP on a unix socket; api.go is the protocol.
//
// A member is any program that runs one zoo.cfg. The supervisor asks a member what it is doing with four-letter
// words (package probe), and never reads it from a log. So both engines are treated alike. Embedded members also
// report, over a connection that they inherit, what happens to them at the moment at which it happens, for the
// timeline (package member, control.go); what Apache's do is found by asking, up to a tick later. Embedded members
// answer on a socket of their own, where the limits on clients do not hold; Apache's have no other way than
// their client port, which may refuse a question (maxClientCnxns). A refused question says nothing of the
// member: it is "unasked" then, not "looking".
//
// # The folder
//
//	$ZKCTL_HOME/NAME/           0700
//	    spec.json               what the ensemble is made of; written whole or not at all
//	    lock                    flock'ed by the supervisor as long as it lives; holds its pid
//	    control.sock            0600; under /tmp/zkctl-UID when this path would be too long
//	    events.jsonl            the timeline, appended; full at 4 MB, it becomes events.jsonl.1
//	    supervisor.log          empty when all is well; the same
//	    members/1/zoo.cfg       written anew at every start
//	    members/1/words.sock    0600; where an embedded member answers the supervisor; placed as control.sock
//	    members/1/data/         myid, log and snapshots: what an ensemble is
//	    members/1/log           what the member prints, appended by the supervisor; the same
//
// # Invariants
//
//   - There is at most one supervisor for a folder: it holds the lock, which the kernel drops when
//     it dies. It reads the spec under the lock, and up changes the spec only under the lock.
//   - A supervisor can be reached as long as it runs: within a second it makes a lock, a socket, a
//     spec.json or a timeline anew that was removed, replaced or, as for the spec, changed (a member's log when the
//     member prints again), and it ends when its folder is gone. Data is deleted only when no process of the ensemble
//     is left.
//   - Files are regular files: nothing else is opened, since a FIFO would keep its reader waiting, and their writer
//     removes it. A directory in a file's place stays; status and the timeline say blocked, and down does not mind.
//   - Every call of a Client has a deadline, so that no command hangs with a supervisor that is
//     stopped. While it is stopped the links carry nothing, and the members may lose their quorum. A supervisor
//     that ends in order empties its lock file, and so does a down that kills one, which ends its timeline, too. A process number in a lock that
//     is free means that this supervisor was killed; the file's time is when it was last seen.
//   - No member outlives its supervisor, however that ends: see launcher and guard.
//   - Ports are in spec.json before anything listens on them, and never change.
//   - A fault is in the ledger and in the timeline before it takes effect, and every lease is ended
//     by the supervisor, not by the command that asked for it. It is forgotten when what it broke is
//     whole again, and not before. A fault whose time is up and that cannot be ended is overdue, and
//     ending it is tried again.
//   - A member that dies is recorded and stays down, until a command starts it.
//   - A member that had a data directory is not started without one: status and the timeline say data-gone.
//   - What fails leaves nothing half-made: a lifecycle is a list of steps, each with its undo.
package localcluster
