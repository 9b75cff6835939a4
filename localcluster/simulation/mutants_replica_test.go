package simulation

var replicaMutants = []mutant{
	{
		name: "sync-shows-the-whole-step",
		file: "replica/pipeline.go", runs: 500,
		tests: []string{"TestCorpus/sync-behind-own-write", "TestCorpus/sync-behind-many-writes"},
		old:   `	s.wakeWaiters(p.Zxid)`,
		new: `	if p.Zxid == s.status.Applied {
		s.wakeWaiters(p.Zxid)
	}`,
	},
	{
		name: "sync-packet-behind-all-commits",
		file: "replica/leading.go", runs: 500,
		tests: []string{"TestCorpus/sync-behind-commits"},
		old: `	if s.leading == nil {
		return
	}
	late := `,
		new: `	if s.leading == nil || committed < s.status.Applied {
		return
	}
	late := `,
	},
	{
		name:  "servers-are-bounded-like-clients",
		file:  "replica/shell.go", // clients here have few nodes
		tests: []string{"TestZOOKEEPER4306"},
		old:   `const MaxField = 64 << 20`,
		new:   `const MaxField = wire.DefaultMaxField`,
	},
}
