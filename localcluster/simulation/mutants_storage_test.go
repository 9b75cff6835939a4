package simulation

var storageMutants = []mutant{
	{
		name:  "truncate-leaves-snapshots", // ZOOKEEPER-4837; no member saves a snapshot of what may be truncated
		file:  "storage/truncate.go",
		tests: []string{"TestZOOKEEPER4837"},
		old:   "for i := len(files.snapshots) - 1; i >= 0 && files.snapshots[i].zxid > base; i-- {",
		new:   "for i := len(files.snapshots) - 1; false; i-- {",
	},
	{
		name: "start-trusts-the-page-cache",
		file: "storage/store.go", runs: 500,
		tests: []string{"TestCorpus/unsynced-log", "TestCorpus/unsynced-log-across-epochs"},
		old: `	if !s.options.NoSync {
		if err := s.markInUse(f); err != nil {`,
		new: `	if false {
		if err := s.markInUse(f); err != nil {`,
	},
	{
		name:  "store-is-not-marked-as-open",
		file:  "storage/store.go",
		tests: []string{"TestCorpus/failed-repair", "TestCorpus/full-disk-hides-a-failed-sync"},
		old: `		if err := s.markInUse(f); err != nil {
			return nil, err
		}
`,
		new: "",
	},
	{
		name: "a-second-sync-makes-up-for-one-that-failed",
		file: "storage/repair.go", runs: 700,
		old: `		if f.suspect && `,
		new: `		if false && `,
	},
	{
		name: "log-file-without-a-name",
		file: "storage/logwriter.go", runs: 300,
		old: `	if err := w.fs.SyncDir(w.logDir); err != nil {
		return explain("sync the folder of", path, err)
	}
`,
		new: "",
	},
	{
		name: "rename-before-sync",
		file: "storage/fs.go", runs: 500,
		old: `	if err = write(f); err == nil {
		err = f.Sync()
	}`,
		new: `	err = write(f)`,
	},
	{
		name: "install-leaves-the-old-log",
		file: "storage/install.go", runs: 5000,
		old: `		if err := l.fs.Remove(filepath.Join(l.logDir, f.name)); err != nil {
			return err
		}`,
		new: `		_ = filepath.Join(l.logDir, f.name)`,
	},
	{
		name: "go-on-after-a-failed-sync", // ZOOKEEPER-4882
		file: "storage/store.go", runs: 500,
		tests: []string{"TestZOOKEEPER4882"},
		old: `	if err := s.log.sync(); err != nil {
		return s.fail(err)
	}
	return nil`,
		new: `	_ = s.log.sync()
	return nil`,
	},
	{
		name: "unfinished-epoch-file-is-damage",
		file: "storage/epochs.go", runs: 1000,
		tests: []string{"TestZOOKEEPER2307"},
		old: `	if d := (*Damage)(nil); errors.As(err, &d) {
		err = nil
	}
`,
		new: ``,
	},
	{
		name: "log-without-a-header-is-damage",
		file: "storage/logreader.go", runs: 1000,
		tests: []string{"TestZOOKEEPER2332"},
		old:   `	if last < int64(len(got)) && bytes.HasPrefix(want, got[:last+1]) {`,
		new:   `	if last < -1 && bytes.HasPrefix(want, got[:last+1]) {`,
	},
	{
		name: "history-ahead-of-currentepoch-is-damage",
		file: "storage/epochs.go", runs: 1000,
		tests: []string{"TestZOOKEEPER2354"},
		old:   `		if e.accepted < reached {`,
		new:   `		if true {`,
	},
	{
		name:  "truncation-that-is-not-durable",
		file:  "storage/truncate.go", // few leaders save a snapshot between two orphans
		tests: []string{"TestTruncationLosesPower"},
		old: `		path := filepath.Join(s.logDir, files.logs[i].name)
		if err := removeDurably(s.fs, path); err != nil {`,
		new: `		path := filepath.Join(s.logDir, files.logs[i].name)
		if err := s.fs.Remove(path); err != nil {`,
	},
}
