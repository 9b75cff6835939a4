package simulation

var zabMutants = []mutant{
	{
		name: "ack-newleader-before-history",
		file: "zab/learner.go", runs: 300,
		tests: []string{"TestZOOKEEPER3911", "TestZOOKEEPER4646", "TestZOOKEEPER4785"},
		old:   `	n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})`,
		new: `	n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})
	l.acked = true
	n.toLeader(wire.QuorumPacket{Type: wire.PacketAck, Zxid: wire.MakeZxid(l.epoch, 0)})`,
	},
	{
		name:  "acks-out-of-order", // ZOOKEEPER-4685; only a Java leader minds
		file:  "zab/learner.go",
		tests: []string{"TestZOOKEEPER4685/what_came_by_DIFF", "TestZOOKEEPER4685/what_is_outstanding"},
		old:   `l.owed = append(l.owed, w.Proposal.Zxid)`,
		new:   `n.toLeader(wire.QuorumPacket{Type: wire.PacketAck, Zxid: w.Proposal.Zxid})`,
	},
	{
		name: "epoch-file-before-the-log", // ZOOKEEPER-4643
		file: "zab/learner.go", runs: 20,
		tests: []string{"TestZOOKEEPER4643", "TestZOOKEEPER4643TornWrites"},
		old: `	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})
	return true`,
		new: `	if n.phase == Synchronization && l.sync == wire.PacketDiff && !l.newLeader {
		n.currentEpoch = l.epoch
		n.write(Write{Kind: WriteCurrentEpoch, Epoch: l.epoch})
	}
	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})
	return true`,
	},
	{
		name: "leader-counts-on", // ZOOKEEPER-1277
		file: "zab/broadcast.go", runs: 100,
		old: `	case n.epochUsedUp():
		return 0
`,
		new: "",
	},
	{
		name: "leader-stays-in-a-used-up-epoch",
		file: "zab/leader.go", runs: 100,
		old: `	case n.phase == Broadcast && n.epochUsedUp() && n.applied == n.lastLogged:`,
		new: `	case false:`,
	},
	{
		name: "empty-window-reaches-the-beginning", // ZOOKEEPER-4352
		file: "zab/history.go", runs: 500,
		tests: []string{"TestZOOKEEPER4352/nothing_in_the_window", "TestZOOKEEPER4352/a_tail_in_the_window"},
		old:   `	if z == h.floor {`,
		new:   `	if z == h.floor || z == 0 {`,
	},
	{
		name: "window-behind-a-snapshot-reaches-the-beginning", // once something is in it
		file: "zab/history.go", runs: 200,
		tests: []string{"TestZOOKEEPER4352/a_tail_in_the_window"},
		old: `	h.entries = append(h.entries, p)
`,
		new: `	if len(h.entries) == 0 {
		h.floor = 0
	}
	h.entries = append(h.entries, p)
`,
	},
	{
		name: "window-of-nothing-but-a-snapshot-reaches-the-beginning",
		file: "zab/history.go", runs: 200,
		tests: []string{"TestZOOKEEPER4352/nothing_in_the_window"},
		old:   `	if z == h.floor {`,
		new:   `	if z == h.floor || z == 0 && len(h.entries) == 0 {`,
	},
	{
		name: "no-commit-before-uptodate", // ZOOKEEPER-4394, in our leader's order as well
		file: "zab/learner.go", runs: 500,
		tests: []string{"TestZOOKEEPER4394/NEWLEADER_ahead_of_p", "TestZOOKEEPER4394/NEWLEADER_behind_p"},
		old:   `	l.committed = max(l.committed, z)`,
		new: `	if l.newLeader && n.phase != Broadcast {
		n.distrust("COMMIT %v before UPTODATE", z)
		return
	}
	l.committed = max(l.committed, z)`,
	},
	{
		name:  "commit-looked-up-behind-newleader-only", // ZOOKEEPER-4394, in Java's order, which our leader never sends
		file:  "zab/learner.go",
		tests: []string{"TestZOOKEEPER4394/NEWLEADER_behind_p"},
		old:   `	l.committed = max(l.committed, z)`,
		new: `	for _, w := range n.writes.waiting {
		if !l.newLeader || l.acked || w.Kind == WriteCurrentEpoch {
			break
		}
		if w.Kind == WriteAppend && w.Proposal.Zxid == z {
			n.distrust("COMMIT %v of what came before NEWLEADER", z)
			return
		}
	}
	l.committed = max(l.committed, z)`,
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
		old: `	n.appendToLog(p)
	if n.cfg.Standalone {`,
		new: `	n.appendToLog(p)
	n.leader.ownAck = p.Zxid
	if n.cfg.Standalone {`,
	},
	{
		name: "commit-without-quorum",
		file: "zab/broadcast.go", runs: 100,
		old: "return h != nil && !h.observer && h.stage >= ready && z <= h.acked",
		new: "return h != nil && h.stage >= synchronized && z <= max(h.acked, l.ownAck)",
	},
	{
		name: "promise-not-durable",
		file: "zab/learner.go", runs: 20,
		old: `	n.write(Write{Kind: WriteAcceptedEpoch, Epoch: n.acceptedEpoch})`,
		new: `	n.toLeader(wire.QuorumPacket{Type: wire.PacketAckEpoch, Zxid: n.lastLogged, Data: int32Data(int32(l.answer))})`,
	},
	{
		name: "leader-does-not-compare-histories",
		file: "zab/leader.go", runs: 2000,
		old: "if !l.chosen && !h.observer && h.promised && (epoch",
		new: "if false && !l.chosen && !h.observer && h.promised && (epoch",
	},
	{
		name: "epoch-not-above-the-promises",
		file: "zab/leader.go", runs: 300,
		old: `	l.epoch = highest + 1`,
		new: `	l.epoch = max(highest, 1)`,
	},
	{
		name:  "repeated-promise-counts",
		file:  "zab/leader.go",
		tests: []string{"TestRepeatedPromiseDoesNotCount"},
		old:   "return h != nil && !h.observer && h.stage >= acknowledged && h.promised",
		new:   "return h != nil && !h.observer && h.stage >= acknowledged",
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
		tests: []string{"TestZOOKEEPER4925/500_transactions,_DIFF", "TestZOOKEEPER4925/5_transactions,_SNAP"},
		old:   `	n.deliverUpTo(l.committed)`,
		new: `	before := len(n.history.entries)
	n.deliverUpTo(l.committed)
	n.history.entries = n.history.entries[:min(before, len(n.history.entries))]`,
	},
	{
		name: "fast-forward-does-not-enter-the-window",
		file: "zab/node.go", runs: 1000,
		old: `	for _, p := range n.log {
		n.history.push(p)
	}
`,
		new: "",
	},
	{
		name: "no-fast-forward", // ZOOKEEPER-2845
		file: "zab/node.go", runs: 300,
		tests: []string{"TestZOOKEEPER2845"},
		old: `	n.out.FastForward = append(n.out.FastForward, n.log...)
`,
		new: "",
	},
	{
		name: "outstanding-not-sent",
		file: "zab/broadcast.go", runs: 300,
		old: `	for _, p := range n.log {
		n.sendTxn(h, wire.PacketProposal, p)
	}
`,
		new: "",
	},
	{
		name: "commits-not-forwarded-during-sync",
		file: "zab/broadcast.go", runs: 500,
		tests: []string{"TestZOOKEEPER4394"},
		old: `		if h.stage < synchronized {
			continue
		}
		for _, p := range committed {`,
		new: `		if h.stage < serving {
			continue
		}
		for _, p := range committed {`,
	},
	{
		name: "leader-never-steps-down",
		file: "zab/leader.go", runs: 300,
		tests: []string{"TestZOOKEEPER4203/established"},
		old:   "func (n *Node) lacksQuorum(s stage) bool { return !n.quorumOf(s) }",
		new:   "func (n *Node) lacksQuorum(stage) bool { return false }",
	},
	{
		name:  "leader-waits-for-a-quorum-that-left",
		file:  "zab/leader.go",
		tests: []string{"TestQuorumLostBeforeBroadcast"},
		old:   "if l.epoch != 0 && n.lacksQuorum(sentFollowerInfo) {",
		new:   "if n.phase == Broadcast && n.lacksQuorum(sentFollowerInfo) {",
	},
	{
		name:  "five-attempts-to-reach-a-leader",
		file:  "zab/learner.go",
		tests: []string{"TestLeaderOpensItsPortLate"},
		old:   "if l.epoch == 0 && n.now < l.dialUntil && n.withinReach(l.leader) {",
		new:   "if l.epoch == 0 && l.attempts < 5 {",
	},
	{
		name: "lost-voter-is-waited-for",
		file: "zab/election.go", runs: 20,
		old: `	r := n.reach[id]
	return r.linked || !r.heard && n.now < n.expectUntil`,
		new: `	return true`,
	},
	{
		name:  "refused-port-is-out-of-reach",
		file:  "zab/election.go",
		with:  "who-has-decided-hears-nothing",
		tests: []string{"TestCorpus/split-start"},
		old:   "return r.linked || !r.heard && n.now < n.expectUntil",
		new:   "return r.linked",
	},
	{
		name: "who-has-decided-hears-nothing",
		file: "zab/reconsider.go", runs: 200,
		tests: []string{"TestLateVoter"},
		old:   "if n.role == Looking || n.phase == Broadcast || !n.isVoter(v.leader) {",
		new:   "if true {",
	},
	{
		name:  "loser-goes-on-leading",
		file:  "zab/reconsider.go",
		tests: []string{"TestLateVoter/the_leader_is_outvoted"},
		old:   "case n.role == Leading && v.state == wire.Looking && n.outvoted(v) && !n.quorumOf(sentFollowerInfo):",
		new:   "case false:",
	},
	{
		name:  "follower-of-a-loser-waits",
		file:  "zab/reconsider.go",
		tests: []string{"TestLateVoter/the_followed_server_goes_on"},
		old:   "case n.learner != nil && from == n.learner.leader && n.disclaims(v):",
		new:   "case false:",
	},
	{
		name:  "votes-of-servers-ahead-are-forgotten",
		file:  "zab/election.go",
		tests: []string{"TestDeadLeaderIsFollowedOnceMore"},
		old: `	n.countVotesAhead()
}`,
		new: `}`,
	},
	{
		name:  "dead-leader-is-waited-out",
		file:  "zab/node.go",
		tests: []string{"TestDeadLeaderIsFollowedOnceMore"},
		old:   "n.phase != Broadcast && (n.learner == nil || n.withinReach(n.learner.leader))",
		new:   "n.phase != Broadcast",
	},
	{
		name:  "quorum-elsewhere-is-ignored",
		file:  "zab/reconsider.go",
		tests: []string{"TestQuorumElsewhere"},
		old:   "case n.supported(e.outOfElection, v) && n.leaderKnown(e.outOfElection, v):",
		new:   "case false:",
	},
	{
		name:  "leader-waits-for-its-quorum-for-ever",
		file:  "zab/leader.go",
		with:  "who-has-decided-hears-nothing", // or those that vote again make it step down
		tests: []string{"TestZOOKEEPER4203/just_elected"},
		old:   "case n.phase != Broadcast && n.now >= l.deadline:",
		new:   "case false:",
	},
	{
		name: "established-before-own-epoch-is-durable",
		file: "zab/leader.go", runs: 20,
		old: `	l.chosen = true
	n.currentEpoch = l.epoch`,
		new: `	l.chosen, l.historyReady = true, true
	n.currentEpoch = l.epoch`,
	},
	{
		name: "follower-trusts-a-silent-leader",
		file: "zab/learner.go", runs: 700,
		old: "case n.phase == Broadcast && n.now >= l.heard+n.ticks(n.cfg.SyncLimit):",
		new: "case false:",
	},
	{
		name: "vote-for-the-largest-id",
		file: "zab/vote.go", runs: 500,
		old: `	if v.zxid != w.zxid {
		return v.zxid > w.zxid
	}
`,
		new: "",
	},
	{
		name: "snapshot-not-written",
		file: "zab/learner.go", runs: 300,
		tests: []string{"TestZOOKEEPER3642"},
		old: `		n.write(Write{Kind: WriteSnapshot, Zxid: p.Zxid})
`,
		new: "",
	},
	{
		name: "commit-before-uptodate-is-lost",
		file: "zab/learner.go", runs: 1000,
		tests: []string{"TestZOOKEEPER3023"},
		old: `	n.deliverUpTo(l.committed)
`,
		new: "",
	},
	{
		name: "continuations-survive-a-role",
		file: "zab/node.go", runs: 2000,
		tests: []string{"TestZOOKEEPER4712"},
		old: `	n.writes.forget()
`,
		new: "",
	},
	{
		name:  "who-cannot-truncate-asks-again",
		file:  "zab/learner.go",
		tests: []string{"TestUnreachableTruncation"},
		old:   `l.nothing = n.needsSnapshot && l.answer == alreadyPromised`,
		new:   `l.nothing = false`,
	},
	{
		name:  "who-cannot-truncate-looks-for-a-leader",
		file:  "zab/node.go",
		tests: []string{"TestUnreachableTruncationOfAVoter"},
		old: `	n.learner = n.newLearner(l.leader)
	n.learner.deadline, n.learner.former = l.deadline, l.link
	n.dial()`,
		new: `	n.look("cannot truncate")`,
	},
	{
		name:  "leader-lets-go-of-who-waits",
		file:  "zab/leader.go",
		tests: []string{"TestReadyLearnersAreKept"},
		old:   `case h.stage == serving && n.now >= h.heard+n.ticks(n.cfg.SyncLimit):`,
		new:   `case h.stage >= ready && n.now >= h.heard+n.ticks(n.cfg.SyncLimit):`,
	},
	{
		name: "what-comes-behind-trunc-stays-in-memory",
		file: "zab/learner.go", runs: 1000,
		tests: []string{"TestZOOKEEPER5094"},
		old: `	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})
	return true`,
		new: `	if l.sync == wire.PacketTrunc && !l.newLeader {
		n.log = append(n.log, wire.Proposal{Zxid: p.Zxid, Data: p.Data})
		n.lastLogged = p.Zxid
		return true
	}
	n.appendToLog(wire.Proposal{Zxid: p.Zxid, Data: p.Data})
	return true`,
	},
	{
		name: "learner-ignores-trunc",
		file: "zab/learner.go", runs: 250,
		old: `		l.truncTo = p.Zxid
		n.out.Rollback = &Rollback{To: p.Zxid}`,
		new: `		l.truncTo = n.lastLogged`,
	},
	{
		name: "snap-claims-what-is-outstanding",
		file: "zab/broadcast.go", runs: 1000,
		tests: []string{"TestZOOKEEPER3104"},
		old:   `Packet: wire.QuorumPacket{Type: plan.mode, Zxid: plan.zxid},`,
		new:   `Packet: wire.QuorumPacket{Type: plan.mode, Zxid: n.lastLogged},`,
	},
	{
		name: "settled-votes-compared-like-others",
		file: "zab/vote.go", runs: 4000,
		tests: []string{"TestZOOKEEPER1818"},
		old:   `	if v.state == wire.Looking || w.state == wire.Looking {`,
		new:   `	if true {`,
	},
}
