// Package simulation runs whole ensembles in one goroutine under a virtual
// clock, injects faults into servers, disks, links and clients, and checks after every
// step that the ensemble keeps what it has promised. One seed decides everything: the
// same seed gives the same run, and the same event log byte for byte.
//
//	            ┌──────────────────────── World ────────────────────────┐
//	seed ─draw─►│ clients ◄──► servers ◄══ links, cuts, breaks ═══► …    │
//	            │  sessions,    replica.Server: zab, datatree,           │
//	 faults ───►│  watches,     sessions, watches; storage.Store         │
//	            │  pipelines            │                                │
//	            │                 storage.MemFS: forgets what was not    │
//	            │                 synced, tears writes, fails            │
//	            │   one queue of events, one clock                       │
//	            └───────────────────────┬───────────────────────────────┘
//	                                    ▼
//	               oracle: sees the histories of all servers at once;
//	               model: a second implementation of ZooKeeper's data
//	               model, which takes requests and not transactions, and
//	               the events that each client must get (package history)
//
// The simulation tests the code that ships: a server is a replica.Server, as it is in
// package member, with its protocol, its tree, its sessions and requests, on a
// storage.Store. Only the shell differs: queues for sockets, memory for a
// disk, a clock that the world moves (server.go, shell.go, conn.go).
//
// # A run
//
//	chaos    the faults of the schedule strike, at times or at injection points
//	healed   all faults end, all servers run
//	proof    within bounded ticks: one leader, all servers serve; every client can
//	         write; the sessions of dead clients are gone; all trees are equal, and
//	         equal to the model
//	calm     all servers restart, the leader dies and comes back, and each time the
//	         ensemble serves again promptly (calm.go); after a loss of power the
//	         disks of all servers hold the whole history
//
// An injection point (injectionpoints.go) is a place in the protocol where such systems
// fail and which a fault at a random time hardly ever hits: between the epoch files and
// the first sync, during DIFF, during SNAP, while two leaders overlap. The swarm
// (swarm.go) draws for each run the kinds of faults, their number, and the share of them
// that is planted at injection points, so that rare combinations occur beside common
// ones. A sequence (sequences.go) brings servers to such a place and kills them there. In
// some runs epochs have few zxids (Setup.EpochEnd), so that leaders reach the last one,
// as after four billion transactions. The runs count what really happened (coverage.go),
// and a test requires that the swarm reaches all of it.
//
// A scenario (package scenario) is a file of faults with the ensemble around them, which a drill
// runs on processes. Here it is a campaign of its own: each seed draws the latencies, and the steps
// are always those of the file. A run can also be a drill (target.go): then what clients see is
// written down, and the judge of histories says the same of it as the oracle.
//
// # Invariants
//
// Of the Zab paper (Junqueira, Reed, Serafini, DSN 2011, sections III and IV):
//
//	integrity                 a delivered transaction was proposed, with the same contents
//	total order, agreement    a zxid names a transaction and all that comes before it;
//	                          so all histories are prefixes of one another
//	local primary order       in an epoch zxids grow by one, from 1 to the end of the counter
//	primary integrity         a new leader has all that was ever committed
//	at most one established leader an epoch
//
// What an implementation must add to them:
//
//	promises are kept         what a server promises, acknowledges or claims (epochs,
//	                          transactions) is on its disk when it says so, and still
//	                          there after every crash
//	a quorum has it on disk   synced, before any server counts a transaction as committed,
//	                          and also after servers truncate
//	committed <= applied <= logged, and the tree's last zxid is the applied one
//	no server breaks the protocol, nor reports that another one did
//	no panic
//
// Of ZooKeeper:
//
//	digest is a function of history     results follow from the order (the model)
//	a read is the state at its zxid     FIFO client order
//	single system image                 sessions expire neither early nor late
//	no ephemeral survives its session   watches fire as promised
//	a snapshot is whole or nothing      a crash leaves what can be recovered
//	a sync brings its server up to date
//	progress after healing              prompt when undisturbed
//
// Package history has names of its own for what it judges of runs that are seen from outside
// only, and what follows here from the above:
//
//	acknowledged writes survive         linearizable writes
//	a multi is all or nothing           a write needs a quorum
//
// Beside the swarm there are scripts, each an exact sequence of events: they replay known
// defects of ZooKeeper's recovery, which this engine does not have (known_*_test.go).
//
// # When a run fails
//
// A failure prints the invariant, what was seen, the schedule shrunk to what the failure
// needs, and the last lines of its event log:
//
//	seed 5: server 1 commits 0x2000000d5, and no quorum has it on disk: [0x2000000d5 0x2000000d3 0x2000000d4]
//
//	seed 5
//	setup voters=3 observers=0 …
//	at 5.168764907s disk 2 --error EIO --nth 6 --lose some --for 267.694912ms
//
//	 virtual s  from>to packet, or server: what happens there
//	  5.221931  2: dies (lose power)
//	  5.308784  3>1 ACK 0x300000000
//	  5.308784  VIOLATION of a quorum has it on disk: …
//
// Save the lines of the schedule in a file to replay the run: zkctl simulate --schedule
// FILE --trace prints its whole log, and more calls of World.note do not change the run.
// Look for the first claim that was not true. It comes earlier than the violation that
// it leads to: here it is the ACK of server 3. After the fix, which has a test in the
// package that had the defect, put the file into testdata/corpus with a comment on top
// (TestCorpus), and add a mutant that undoes the fix and that this case must find.
//
// # Adding an invariant, a fault or a mutant
//
// An invariant has a name (oracle.go, and above) and a check where its facts arrive:
// shell.go sees what servers do, disk.go what is durable, client.go what clients get.
// The check calls World.fail. What can be judged from outside, by answers and logs alone,
// belongs to package history, which also judges drills on processes. An invariant is worth its code if it finds a mutant that
// no other invariant finds.
//
// A fault is a FaultKind, drawn by drawFault and carried out by plan.strikeServer,
// which returns whether it had an effect; Fault.write and Fault.read translate it to a
// step of a scenario and back. TestCoverage fails until some run has one
// that did.
//
// A mutant is an entry of mutants_*_test.go: a text that occurs once in a file of
// the engine, its replacement, and the number of runs within which the swarm must find it.
//
//	go test ./localcluster/simulation -run TestMutants -mutants.match NAME -v
//
// # Files, in reading order
//
//	schedule.go, setup.go, fault.go     what decides a run
//	text.go, compile.go                 faults as steps of a scenario, and back
//	swarm.go, sequences.go              random schedules
//	fromscenario.go                     schedules of a scenario
//	world.go, queue.go, log.go          clock, events, event log
//	server.go, shell.go, disk.go        a server
//	conn.go, client.go, workload.go     a client
//	network.go, links.go, votes.go      connections between servers
//	plan.go, strike.go, selected.go, injectionpoints.go
//	                                    faults strike
//	coverage.go                         which of them did
//	oracle.go                           invariants of Zab
//	judge.go, sessionactivity.go        invariants of ZooKeeper; the model of the data tree
//	                                    and of watches is in package history
//	run.go, calm.go                     chaos, healing, proof
//	campaign.go, shrink.go              many runs; a failing schedule with fewer faults
//	target.go, recording.go             one run as a drill, with a history
package simulation
