package simulation

// servingMutants are faults in what a server does for its clients: package
// replica, and the watches.
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
		name: "greets-who-has-seen-the-future",
		file: "replica/session.go", runs: 1000,
		old: "	case req.LastZxidSeen > s.knownZxid():",
		new: "	case req.LastZxidSeen > s.knownZxid() && false:",
	},
	{
		name: "session-is-not-asked-for",
		file: "replica/session.go", runs: 500,
		old: "	s.revalidate(c)\n}",
		new: "	s.confirmSession(c, true)\n}",
	},
	{
		name: "session-answers-both-its-connections", // ZOOKEEPER-710's relatives
		file: "replica/forward.go", runs: 2000,
		old: "	if c := s.bound[r.SessionID]; alive && c != nil {\n		s.Drop(c) // the client has left it, or is two clients\n	}\n",
		new: "",
	},
	{
		name: "learner-forgets-to-tell-of-a-session",
		file: "replica/learning.go", runs: 50,
		old: "		s.learning.touched[c.session] = c.timeout\n",
		new: "		if len(s.learning.touched) == 0 {\n			s.learning.touched[c.session] = c.timeout\n		}\n",
	},
	{
		name: "request-of-the-connection-before",
		file: "replica/pipeline.go", runs: 2000,
		old: "	s.pending[c.session] = append(s.pending[c.session], r)\n",
		new: "	var open []*Request\n	for _, x := range s.pending[c.session] {\n		if !x.c.closing {\n			open = append(open, x)\n		}\n	}\n	s.pending[c.session] = append(open, r)\n",
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
