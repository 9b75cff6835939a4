package simulation

// mutants of the engine: most of them are mistakes that somebody has made, in
// ZooKeeper or elsewhere. The first three run with every go test.
//
// Some changes that look like mutants cannot be found, because something else
// makes up for them:
//
//   - a leader that chooses its epoch from its own promise alone: servers that have
//     promised a later one refuse it, and it tries the next;
//   - a learner that would truncate what it knows to be committed: no leader asks;
//   - TRUNC to an end in another epoch, as in ZooKeeper: an established leader of a
//     later epoch has synchronized with a quorum, so that what precedes a learner's
//     orphans is in its history;
//   - settled votes for a leader that does not say itself that it leads: the
//     follower finds a closed door, and looks again;
//   - counting observers among a quorum's members: package quorum asks for voters.
var mutants = []mutant{
	{
		name: "ack-newleader-before-history", // ZOOKEEPER-4646
		file: "zab/learner.go", runs: 300,
		script: "TestZOOKEEPER3911",
		old:    "	n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})\n",
		new:    "	n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})\n	l.acked = true\n	n.toLeader(wire.QuorumPacket{Type: wire.PacketAck, Zxid: wire.MakeZxid(l.epoch, 0)})\n",
	},
	{
		name:   "truncate-leaves-snapshots", // ZOOKEEPER-4837; no member saves a snapshot of what may be truncated
		file:   "storage/truncate.go",
		script: "TestZOOKEEPER4837",
		old:    "for i := len(files.snapshots) - 1; i >= 0 && files.snapshots[i].zxid > base; i-- {",
		new:    "for i := len(files.snapshots) - 1; false; i-- {",
	},
	{
		name:   "tree-keeps-what-a-torn-snap-brought", // ZOOKEEPER-3642
		file:   "datatree/decode.go",
		script: "TestZOOKEEPER3642", runs: 2000,
		old: "	if err := t.decodeNodes(d, acls); err != nil {\n		return nil, fmt.Errorf(\"decode nodes: %w\", err)\n	}\n",
		new: "	_ = t.decodeNodes(d, acls)\n",
	},
	{
		name:   "acks-out-of-order", // ZOOKEEPER-4685
		file:   "zab/learner.go",
		script: "TestZOOKEEPER4685", // only a Java leader's order makes it matter
		old:    "		if !l.acked {\n			l.owed",
		new:    "		if false {\n			l.owed",
	},
	{
		name: "epoch-file-before-the-log", // ZOOKEEPER-4643
		file: "zab/learner.go", runs: 2000,
		script: "TestZOOKEEPER4643",
		old:    "	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})\n	return true\n",
		new:    "	if n.phase == Synchronization && l.sync == wire.PacketDiff && !l.newLeader {\n		n.currentEpoch = l.epoch\n		n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})\n	}\n	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})\n	return true\n",
	},
	{
		name: "empty-window-reaches-the-beginning", // ZOOKEEPER-4352
		file: "zab/history.go", runs: 500,
		script: "TestZOOKEEPER4352",
		old:    "	if z == h.floor {\n",
		new:    "	if z == h.floor || z == 0 {\n",
	},
	{
		name: "commit-looked-up-before-newleader-only", // ZOOKEEPER-4394
		file: "zab/learner.go", runs: 500,
		script: "TestZOOKEEPER4394",
		old:    "	l.committed = max(l.committed, z)\n",
		new:    "	if l.newLeader && n.phase != Broadcast {\n		n.distrust(\"COMMIT %v before UPTODATE\", z)\n		return\n	}\n	l.committed = max(l.committed, z)\n",
	},
	{
		name: "close-session-forgets-outstanding",
		file: "datatree/rules.go", runs: 300,
		old: "paths := p.out.ephemerals(p.request.Session)",
		new: "paths := p.tree.Ephemerals(p.request.Session)",
	},
	{
		name: "ack-proposal-before-sync",
		file: "zab/learner.go", runs: 300,
		old: "func (n *Node) proposal(p wire.QuorumPacket) { n.accept(p) }",
		new: "func (n *Node) proposal(p wire.QuorumPacket) { if n.accept(p) && n.learner.acked { n.ackProposal(p.Zxid) } }",
	},
	{
		name: "leader-counts-itself-before-sync",
		file: "zab/broadcast.go", runs: 300,
		old: "	n.appendToLog(p)\n	if n.cfg.Standalone {",
		new: "	n.appendToLog(p)\n	n.leader.ownAck = p.Zxid\n	if n.cfg.Standalone {",
	},
	{
		name: "commit-without-quorum",
		file: "zab/broadcast.go", runs: 100,
		old: "return f != nil && !f.observer && f.stage >= ready && z <= f.acked",
		new: "return f != nil && f.stage >= synchronized && z <= max(f.acked, l.ownAck)",
	},
	{
		name: "promise-not-durable",
		file: "zab/learner.go", runs: 2000,
		old: "	n.write(Write{Kind: WriteAcceptedEpoch, Epoch: n.acceptedEpoch})\n",
		new: "	n.toLeader(wire.QuorumPacket{Type: wire.PacketAckEpoch, Zxid: n.lastLogged, Data: int32Data(int32(l.answer))})\n",
	},
	{
		name: "leader-does-not-compare-histories",
		file: "zab/leader.go", runs: 2000,
		old: "if !l.chosen && !f.observer && f.promised && (epoch",
		new: "if false && !l.chosen && !f.observer && f.promised && (epoch",
	},
	{
		name: "epoch-not-above-the-promises",
		file: "zab/leader.go", runs: 300,
		old: "	l.epoch = highest + 1\n",
		new: "	l.epoch = max(highest, 1)\n",
	},
	{
		name: "repeated-promise-counts",
		file: "zab/leader.go", runs: 3000,
		old: "return f != nil && !f.observer && f.stage >= acknowledged && f.promised",
		new: "return f != nil && !f.observer && f.stage >= acknowledged",
	},
	{
		name: "diff-for-strangers",
		file: "zab/history.go", runs: 300,
		old: "return syncPlan{mode: wire.PacketSnap, zxid: h.last()}",
		new: "return syncPlan{mode: wire.PacketDiff, zxid: h.last()}",
	},
	{
		name: "diff-does-not-enter-the-window", // ZOOKEEPER-4925
		file: "zab/learner.go", runs: 1000,
		script: "TestZOOKEEPER4925",
		old:    "	n.deliverUpTo(l.committed)\n",
		new:    "	before := len(n.history.entries)\n	n.deliverUpTo(l.committed)\n	n.history.entries = n.history.entries[:min(before, len(n.history.entries))]\n",
	},
	{
		name: "fast-forward-does-not-enter-the-window",
		file: "zab/node.go", runs: 1000,
		old: "	for _, p := range n.log {\n		n.history.push(p)\n	}\n",
		new: "",
	},
	{
		name: "no-fast-forward", // ZOOKEEPER-2845
		file: "zab/node.go", runs: 300,
		script: "TestZOOKEEPER2845",
		old:    "	n.out.FastForward = append(n.out.FastForward, n.log...)\n",
		new:    "",
	},
	{
		name: "outstanding-not-sent",
		file: "zab/broadcast.go", runs: 300,
		old: "	for _, p := range n.log {\n		n.out.send(f.link, wire.QuorumPacket{Type: wire.PacketProposal, Zxid: p.Zxid, Data: p.Data})\n	}\n",
		new: "",
	},
	{
		name: "commits-not-forwarded-during-sync",
		file: "zab/broadcast.go", runs: 500,
		script: "TestZOOKEEPER4394",
		old:    "		if f.stage < synchronized {\n			continue\n		}\n		for _, p := range committed {",
		new:    "		if f.stage < serving {\n			continue\n		}\n		for _, p := range committed {",
	},
	{
		name: "leader-never-steps-down",
		file: "zab/leader.go", runs: 300,
		old: "case n.phase == Broadcast && n.now >= l.checkAt && !n.quorumOf(ready):",
		new: "case false:",
	},
	{
		name: "established-before-own-epoch-is-durable",
		file: "zab/leader.go", runs: 2000,
		old: "	l.chosen = true\n	n.currentEpoch = l.epoch\n",
		new: "	l.chosen, l.historyReady = true, true\n	n.currentEpoch = l.epoch\n",
	},
	{
		name: "follower-trusts-a-silent-leader",
		file: "zab/learner.go", runs: 500,
		old: "case n.phase == Broadcast && n.now >= l.heard+n.ticks(n.cfg.SyncLimit):",
		new: "case false:",
	},
	{
		name: "vote-for-the-largest-id",
		file: "zab/vote.go", runs: 500,
		old: "	if v.zxid != w.zxid {\n		return v.zxid > w.zxid\n	}\n",
		new: "",
	},
	{
		name: "snapshot-not-written",
		file: "zab/learner.go", runs: 300,
		old: "		n.write(Write{Kind: WriteSnapshot, Zxid: p.Zxid})\n",
		new: "",
	},
	{
		name: "commit-before-uptodate-is-lost",
		file: "zab/learner.go", runs: 1000,
		old: "	n.deliverUpTo(l.committed)\n",
		new: "",
	},
	{
		name: "continuations-survive-a-role",
		file: "zab/node.go", runs: 2000,
		old: "	n.writes.forget()\n",
		new: "",
	},
	{
		name: "start-trusts-the-page-cache",
		file: "storage/store.go", runs: 500,
		old: "	if !s.options.NoSync {\n		if err := r.harden(f); err != nil {",
		new: "	if false {\n		if err := r.harden(f); err != nil {",
	},
	{
		name: "log-file-without-a-name",
		file: "storage/logwriter.go", runs: 300,
		old: "	if err := w.fs.SyncDir(w.logDir); err != nil {\n		return explain(\"sync the folder of\", path, err)\n	}\n",
		new: "",
	},
	{
		name: "rename-before-sync",
		file: "storage/fs.go", runs: 500,
		old: "	if err = write(f); err == nil {\n		err = f.Sync()\n	}\n",
		new: "	err = write(f)\n",
	},
	{
		name: "install-leaves-the-old-log",
		file: "storage/install.go", runs: 500,
		old: "		if err := l.fs.Remove(filepath.Join(l.logDir, f.name)); err != nil {\n			return err\n		}\n",
		new: "		_ = filepath.Join(l.logDir, f.name)\n",
	},
	{
		name: "go-on-after-a-failed-sync", // ZOOKEEPER-4882
		file: "storage/store.go", runs: 500,
		script: "TestZOOKEEPER4882",
		old:    "	if err := s.log.sync(); err != nil {\n		return s.fail(err)\n	}\n	return nil\n",
		new:    "	_ = s.log.sync()\n	return nil\n",
	},
	{
		name: "closing-session-may-write",
		file: "datatree/rules.go", runs: 500,
		old: "		p.options.Sessions.MarkClosing(p.request.Session)\n",
		new: "",
	},
	{
		name: "multi-is-not-undone",
		file: "datatree/prepare.go", runs: 300,
		old: "			p.out.rollback()\n			return failedMulti",
		new: "			return failedMulti",
	},
	{
		name: "delete-does-not-tell-the-parent",
		file: "datatree/watches.go", runs: 300,
		old: "	parent, ok := parentOf(c.Path)\n	if !ok {",
		new: "	parent, ok := parentOf(c.Path)\n	if !ok || c.Type == wire.EventDeleted {",
	},
	{
		name: "restored-watches-miss",
		file: "datatree/watches.go", runs: 500,
		old: "		case n.stat.Pzxid > s.RelativeZxid:",
		new: "		case false:",
	},
	{
		name: "sessions-expire-a-tick-early",
		file: "datatree/sessions.go", runs: 500,
		old: "deadline := ((now+e.timeout)/s.tick + 1) * s.tick",
		new: "deadline := ((now+e.timeout)/s.tick - 1) * s.tick",
	},
	{
		name: "sequence-counts-living-children",
		file: "datatree/rules.go", runs: 300,
		old: "path += fmt.Sprintf(\"%010d\", parent.stat.Cversion)",
		new: "path += fmt.Sprintf(\"%010d\", parent.children)",
	},
	{
		name: "snapshot-without-sessions",
		file: "datatree/decode.go", runs: 300,
		old: "		t.sessions.Set(id, timeout)\n",
		new: "		_, _ = id, timeout\n",
	},
}
