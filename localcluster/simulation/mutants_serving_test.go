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
		old: "func (s *Server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {\n	if s.status.Applied >= s.status.LastLogged {",
		new: "func (s *Server) sendAfterOutstanding(link zab.LinkID, p wire.QuorumPacket) {\n	if true {",
	},
	{
		name: "own-sync-ahead-of-commits",
		file: "replica/leading.go", runs: 300,
		old: "func (s *Server) syncAfterOutstanding(r *Request) {\n	if s.status.Applied >= s.status.LastLogged {",
		new: "func (s *Server) syncAfterOutstanding(r *Request) {\n	if true {",
	},
	{
		name: "reads-overtake-writes",
		file: "replica/requests.go", runs: 50,
		old: "	default:\n		c.queue = append(c.queue, r)\n	}\n	s.drain(c)\n",
		new: "	default:\n		s.answerHere(r)\n		return\n	}\n	s.drain(c)\n",
	},
	{
		name: "events-behind-replies",
		file: "replica/pipeline.go", runs: 50,
		old: "	for i := range result.Changes {\n		s.notify(s.watches.Trigger(result.Changes[i]))\n	}\n",
		new: "	defer func() {\n		for i := range result.Changes {\n			s.notify(s.watches.Trigger(result.Changes[i]))\n		}\n	}()\n",
	},
	{
		name: "clients-stay-when-the-leader-is-lost",
		file: "replica/server.go", runs: 300,
		old: "	for _, c := range open {\n		s.part(c)\n	}\n",
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
		old: "	s.revalidate(c)\n}",
		new: "	s.confirmSession(c, true)\n}",
	},
	{
		name: "session-moves-ahead-of-its-writes",
		file: "replica/forward.go", runs: 1500,
		old: "	s.sendAfterOutstanding(f.Link, wire.QuorumPacket{\n		Type: wire.PacketRevalidate",
		new: "	s.shell.Send(f.Link, wire.QuorumPacket{\n		Type: wire.PacketRevalidate",
	},
	{
		name: "learner-forgets-to-tell-of-a-session",
		file: "replica/learning.go", runs: 50,
		old: "		s.learning.touched[c.session] = c.timeout\n",
		new: "		if len(s.learning.touched) == 0 {\n			s.learning.touched[c.session] = c.timeout\n		}\n",
	},
	{
		name: "leader-hears-no-pings",
		file: "replica/forward.go", runs: 300,
		old: "				s.leading.touch(t.SessionID, t.Timeout, s.shell.Now())\n",
		new: "				_ = t\n",
	},
	{
		name: "expired-session-is-never-closed",
		file: "replica/leading.go", runs: 50,
		old: "		s.Propose(datatree.Request{Session: session, Op: wire.OpCloseSession})\n",
		new: "",
	},
	{
		name: "new-leader-forgets-the-sessions",
		file: "replica/leading.go", runs: 300,
		old: "	sessions.Restart(s.tree, s.shell.Now())\n",
		new: "",
	},
	{
		name: "recursive-watch-sees-its-path-only",
		file: "datatree/watchtable.go", runs: 100,
		old: "			if e.modes&recursiveMode != 0 {\n				told = append",
		new: "			if false {\n				told = append",
	},
	{
		name: "standing-watch-is-used-up",
		file: "datatree/watchtable.go", runs: 100,
		old: "		t.remove(path, w, onceMode)\n",
		new: "		t.remove(path, w, anyMode)\n",
	},
	{
		name: "lost-watches-are-not-set-again",
		file: "datatree/watches.go", runs: 500,
		old: "	for _, path := range s.PersistentRecursive {\n		w.Add(path, watcher, wire.WatchPersistentRecursive)\n	}\n",
		new: "",
	},
}
