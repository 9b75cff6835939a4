package simulation

// servingMutants are faults in what a server does for its clients: package
// replica, and the watches.
//
// Two that cannot be found, because something else makes up for them: a leader
// that does not close its own connection of a session which has moved refuses what
// comes on it all the same; a learner that forgets the requests of a connection
// when it ends is not asked to tell them from others, since our leaders (not
// Java's) let a session move behind its writes only.
var servingMutants = []mutant{
	{
		name: "sync-ahead-of-commits", // ZOOKEEPER-1505's relatives
		file: "replica/leading.go", runs: 300,
		old: `func (s *Server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {
	if s.status.Applied >= s.status.LastLogged {`,
		new: `func (s *Server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {
	if true {`,
	},
	{
		name: "own-sync-ahead-of-commits",
		file: "replica/leading.go", runs: 300,
		old: `func (s *Server) syncAfterOutstanding(r *Request) {
	if s.tree.LastZxid() >= s.status.LastLogged {`,
		new: `func (s *Server) syncAfterOutstanding(r *Request) {
	if true {`,
	},
	{
		name: "reply-is-sent-twice",
		file: "replica/requests.go", runs: 20,
		old: `	c.client.Reply(wire.ReplyHeader{Xid: r.Xid, Zxid: zxid, Err: a.Err}, a.Body)`,
		new: `	c.client.Reply(wire.ReplyHeader{Xid: r.Xid, Zxid: zxid, Err: a.Err}, a.Body)
	if r.Op == wire.OpSetData {
		c.client.Reply(wire.ReplyHeader{Xid: r.Xid, Zxid: zxid, Err: a.Err}, a.Body)
	}`,
	},
	{
		name: "reads-overtake-writes",
		file: "replica/requests.go", runs: 50,
		old: `		r.sessionErr = s.checkSession(c)
		c.queue = append(c.queue, r)
	}
	s.drain(c)`,
		new: `		r.sessionErr = s.checkSession(c)
		s.answerLocally(r)
		return
	}
	s.drain(c)`,
	},
	{
		name: "close-is-looked-at-before-what-came-first",
		file: "replica/requests.go", runs: 100,
		old: `	if r.sessionErr != wire.OK {
`,
		new: `	if r.sessionErr = s.checkSession(r.c); r.sessionErr != wire.OK {
`,
	},
	{
		name: "events-behind-replies",
		file: "replica/pipeline.go", runs: 50,
		old: `	for i := range result.Changes {
		s.notify(s.watches.Trigger(result.Changes[i]))
	}`,
		new: `	defer func() {
		for i := range result.Changes {
			s.notify(s.watches.Trigger(result.Changes[i]))
		}
	}()`,
	},
	{
		name: "clients-stay-when-the-leader-is-lost",
		file: "replica/server.go", runs: 300,
		old: `	for _, c := range open {
		s.closeAfterReplies(c)
	}
`,
		new: "",
	},
	{
		name:  "greets-who-has-seen-the-future", // among our own servers it takes two leaders at once
		file:  "replica/session.go",
		tests: []string{"TestClientFromTheFuture"},
		old:   "	case req.LastZxidSeen > s.knownZxid():",
		new:   "	case req.LastZxidSeen > s.knownZxid() && false:",
	},
	{
		name: "session-is-not-asked-for",
		file: "replica/session.go", runs: 500,
		old: `	s.revalidate(c)
}`,
		new: `	s.finishSessionInit(c, true)
}`,
	},
	{
		name: "session-moves-ahead-of-its-writes",
		file: "replica/forward.go", runs: 3000,
		old: `	s.sendAfterOutstanding(f.Link, wire.QuorumPacket{
		Type: wire.PacketRevalidate`,
		new: `	s.shell.Send(f.Link, wire.QuorumPacket{
		Type: wire.PacketRevalidate`,
	},
	{
		name: "learner-forgets-to-tell-of-a-session",
		file: "replica/learning.go", runs: 50,
		old: `		s.learning.touched[c.session] = c.timeout`,
		new: `		if len(s.learning.touched) == 0 {
			s.learning.touched[c.session] = c.timeout
		}`,
	},
	{
		name: "leader-hears-no-pings",
		file: "replica/forward.go", runs: 300,
		old: `				s.leading.touch(t.SessionID, t.Timeout, s.shell.Now())`,
		new: `				_ = t`,
	},
	{
		name: "used-up-epoch-has-a-transaction-more", // the core refuses it, and no request is answered
		file: "replica/pipeline.go", runs: 300,
		old: `	if zxid == 0 {
		return
	}
`,
		new: "",
	},
	{
		name: "expired-session-is-never-closed",
		file: "replica/leading.go", runs: 50,
		old: `		s.Propose(datatree.Request{Session: session, Op: wire.OpCloseSession})
`,
		new: "",
	},
	{
		name: "new-leader-forgets-the-sessions",
		file: "replica/leading.go", runs: 300,
		old: `	sessions.Restart(s.tree, s.shell.Now())
`,
		new: "",
	},
	{
		name: "recursive-watch-sees-its-path-only",
		file: "datatree/watchtable.go", runs: 100,
		old: `			if e.modes&recursiveMode != 0 {
				watchers = append`,
		new: `			if false {
				watchers = append`,
	},
	{
		name: "persistent-watch-is-used-up",
		file: "datatree/watchtable.go", runs: 100,
		old: `		if e.modes &^= onceMode; e.modes != 0 {`,
		new: `		if e.modes &^= anyMode; e.modes != 0 {`,
	},
	{
		name: "lost-watches-are-not-set-again",
		file: "datatree/watches.go", runs: 500,
		old: `	for _, path := range s.PersistentRecursive {
		w.Add(path, watcher, wire.WatchPersistentRecursive)
	}
`,
		new: "",
	},
	{
		name: "sync-shows-the-whole-step",
		file: "replica/pipeline.go", runs: 600,
		tests: []string{"TestCorpus/sync-behind-own-write", "TestCorpus/sync-behind-many-writes"},
		old:   `	s.answerSyncs(p.Zxid)`,
		new: `	if p.Zxid == s.status.Applied {
		s.answerSyncs(p.Zxid)
	}`,
	},
	{
		name: "sync-packet-behind-all-commits",
		file: "replica/leading.go", runs: 1000,
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
	{
		name:  "end-of-a-session-answers-anybody",
		file:  "replica/pipeline.go", // once in some thousand runs
		tests: []string{"TestCorpus/end-of-session-taken-for-an-answer"},
		old:   `		if h.Type == wire.OpCloseSession && r.Op != wire.OpCloseSession {`,
		new:   `		if false {`,
	},
	{
		name: "who-comes-back-has-no-session",
		file: "replica/leading.go", runs: 20,
		old: `	return l.touch(session, timeout, now) && l.sessions.SetOwner(session, owner) == wire.OK`,
		new: `	return l.touch(session, timeout, now) && l.sessions.SetOwner(session, owner) != wire.OK`,
	},
	{
		name: "lost-connection-ends-the-session",
		file: "replica/conn.go", runs: 20,
		old: `		delete(s.bySession, c.session)
`,
		new: `		delete(s.bySession, c.session)
		if s.leading != nil && c.session != 0 && s.leading.sessions.Alive(c.session) {
			s.Propose(datatree.Request{Session: c.session, Op: wire.OpCloseSession})
		}
`,
	},
	{
		name: "nothing-is-synced",
		file: "storage/batch.go", runs: 20,
		old: `		return journal.Sync()`,
		new: `		return nil`,
	},
	{
		name: "epochs-overtake-appends",
		file: "storage/batch.go", runs: 100,
		tests: []string{"TestZOOKEEPER4643"},
		old: `		if err := sync(); err != nil {
			return 0, err
		}
		if err := j.carryOut`,
		new: `		if err := j.carryOut`,
	},
}
