package simulation

// worldMutants are defects that the simulation itself once had. They test not the engine,
// but that the schedules of the corpus still find these defects.
var worldMutants = []mutant{
	{
		name:  "clock-of-session-ids-begins-anew",
		file:  "simulation/server.go",
		tests: []string{"TestCorpus/session-id-twice"},
		old:   `SessionSeed: epochMillis + s.w.now.Milliseconds() + int64(s.life),`,
		new:   `SessionSeed: epochMillis,`,
	},
	{
		name: "client-reads-out-of-order",
		file: "simulation/client.go", runs: 2500,
		tests: []string{"TestCorpus/client-reads-out-of-order"},
		old:   `	if c.w.now < c.awake || len(c.deferred) > 0 {`,
		new:   `	if c.w.now < c.awake {`,
	},
	{
		name:  "oracle-expects-one-deletion",
		file:  "../inject/history/watches.go",
		tests: []string{"TestCorpus/deletion-told-twice"},
		old:   `		if twice && e.Type == wire.EventDeleted {`,
		new:   `		if twice && false {`,
	},
}
