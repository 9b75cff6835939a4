// Package simulation runs whole ensembles in one goroutine under a virtual
// clock, breaks them in every way it can think of, and checks after every step
// that nothing was promised in vain. One seed decides everything: the same seed
// gives the same story, byte for byte.
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
//	               oracle: knows all histories at once; model: ZooKeeper's
//	               data model a second time, from requests and not from
//	               transactions; watchModel: what each client was promised
//
// What is tested is the code that ships: a server is a replica.Server, as it is in
// package member, with its protocol, its tree, its sessions and requests, on a
// storage.Store. Only the shell is another one: queues for sockets, memory for a
// disk, a clock that the world moves (server.go, shell.go, conn.go).
//
// # A run
//
//	chaos    the faults of the schedule strike, at times or at points of the protocol
//	healed   all faults end, all servers run
//	proof    within bounded ticks: one leader, all servers serve; every client can
//	         write; the sessions of dead clients are gone; all trees are equal, and
//	         equal to the model
//	calm     all restart, the leader dies and comes back: each is over soon (calm.go)
//	         all disks, after a loss of power, give everything back
//
// An injection point (injectionpoints.go) is where such systems fail and a fault at a random time
// hardly ever strikes: between the epoch files and the first sync, during DIFF,
// during SNAP, while two leaders overlap. The swarm (swarm.go) draws for each run
// which kinds of faults there are at all, how many, and how many of them are
// planted at injection points, so that rare combinations are not drowned by common ones. A
// scenario (scenarios.go) brings servers to such a place and kills them there. In
// some runs epochs have few numbers (Setup.EpochEnd), so that leaders come to the
// last one, as after four billion transactions. What really happened in the runs is counted (coverage.go), and a test holds the swarm
// to it.
//
// # Invariants
//
// Of the Zab paper (Junqueira, Reed, Serafini, DSN 2011, sections III and IV):
//
//	integrity                 what is delivered was proposed, with these contents
//	total order, agreement    a zxid names a transaction and all that comes before it;
//	                          so all histories are prefixes of one another
//	local primary order       in an epoch zxids grow by one, from 1 to the end of the counter
//	primary integrity         a new leader has all that was ever committed
//	at most one established leader an epoch
//
// What an implementation must add to them:
//
//	promises are kept         what a server promises, acknowledges or claims (epochs,
//	                          transactions) is on its disk when it says so, and it has
//	                          that after every crash
//	a quorum has it on disk   really, synced, before anybody calls it committed, and
//	                          when servers truncate
//	committed <= applied <= logged, and the tree is where the core says
//	nobody breaks the protocol, since everybody here keeps to it
//	no panic
//
// Of ZooKeeper:
//
//	digest is a function of history     results follow from the order (the model)
//	a read is the state at its zxid     FIFO client order
//	single system image                 sessions expire neither early nor never
//	no ephemeral survives its session   watches fire as promised
//	a snapshot is whole or nothing      a crash leaves what can be recovered
//	a sync brings its server up to date
//	healed, hence live                  calm, hence soon
//
// Beside the swarm there are scripts, one exact sequence of events each: the known
// defects of ZooKeeper's recovery, which the engine survives (known_*_test.go).
//
// # When a run fails
//
// What is printed is the invariant, what was seen, and, shrunk to what the failure
// needs, the schedule and the last lines of its story:
//
//	seed 5: server 1 commits 0x2000000d5, and no quorum has it on disk: [0x2000000d5 0x2000000d3 0x2000000d4]
//
//	seed 5
//	setup voters=3 observers=0 …
//	at 5.168764907s sync-error server=2 n=6 keeps=some for=267.694912ms
//
//	 virtual s  from>to packet, or server: what happens there
//	  5.221931  2: dies (lose power)
//	  5.308784  3>1 ACK 0x300000000
//	  5.308784  VIOLATION of a quorum has it on disk: …
//
// The lines of the schedule, in a file, are the run: zkctl simulate --schedule FILE
// --trace tells all of it, and another World.note changes nothing. Look for the
// first claim that was not true; it was made before it was noticed, here in the
// ACK of server 3. When the defect is mended, with a test of the package that had
// it, the file goes to testdata/corpus with a comment on top (TestCorpus), and the
// mending undone becomes a mutant that the case must notice.
//
// # An invariant, a fault, a mutant more
//
// An invariant has a name (oracle.go, and above), and a place that hears of what it
// is about: shell.go of what servers do, disk.go of what is durable, client.go of
// what clients see. It calls World.fail. It is worth having when there is a mutant
// that nothing else finds.
//
// A fault is a FaultKind, drawn by drawFault and carried out by plan.strikeServer,
// which tells whether there was anything to strike. TestCoverage fails until it
// really happens.
//
// A mutant is an entry of mutants_*_test.go: a text that stands once in a file of
// the engine, what shall stand there, and within how many runs it must be found.
//
//	go test ./localcluster/simulation -run TestMutants -mutants.match NAME -v
//
// # Files, in reading order
//
//	schedule.go, setup.go, fault.go   what decides a run        run.go        chaos, healing, proof
//	swarm.go, scenarios.go               what is drawn             campaign.go   many runs
//	plan.go, injectionpoints.go, coverage.go    faults strike             shrink.go     fewer faults
//	world.go, queue.go, log.go        clock, events, story
//	server.go, shell.go, disk.go      a server                  oracle.go     invariants of Zab
//	conn.go, client.go                a client                  judge.go, sessionactivity.go, sessionends.go, model.go, watchmodel.go
//	network.go, links.go, votes.go     between servers                         promises to clients
package simulation
