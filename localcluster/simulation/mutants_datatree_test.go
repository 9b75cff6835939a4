package simulation

var datatreeMutants = []mutant{
	{
		name:  "tree-keeps-what-a-torn-snap-brought",
		file:  "datatree/decode.go",
		tests: []string{"TestZOOKEEPER3642HalfATree"}, runs: 2000,
		old: `	if err := t.decodeNodes(d, acls); err != nil {
		return nil, fmt.Errorf("decode nodes: %w", err)
	}`,
		new: `	_ = t.decodeNodes(d, acls)`,
	},
	{
		name:  "refusal-is-an-answer",
		file:  "datatree/respond.go",
		tests: []string{"TestCorpus/refusal-taken-for-an-answer"},
		old:   `	if r.sessionMoved() {`,
		new:   `	if false {`,
	},
	{
		name: "close-session-forgets-outstanding",
		file: "datatree/rules.go", runs: 300,
		old: "paths := p.out.ephemerals(p.request.Session)",
		new: "paths := p.tree.Ephemerals(p.request.Session)",
	},
	{
		name: "closing-a-session-leaves-nodes",
		file: "datatree/mutate.go", runs: 20,
		old: `		c, _ := t.delete(path, at) // missing ones: replay
		changes = append(changes, c...)
	}
	for _, path := range t.Ephemerals(session) {`,
		new: `		c, _ := t.delete(path, at) // missing ones: replay
		changes = append(changes, c...)
		break
	}
	for _, path := range t.Ephemerals(session)[:0] {`,
	},
	{
		name: "closing-session-may-write",
		file: "datatree/rules.go", runs: 500,
		old: `		p.options.Sessions.MarkClosing(p.request.Session)
`,
		new: "",
	},
	{
		name: "multi-is-not-undone",
		file: "datatree/prepare.go", runs: 300,
		old: `			p.out.rollback()
			return failedMulti`,
		new: "			return failedMulti",
	},
	{
		name: "delete-does-not-tell-the-parent",
		file: "datatree/watches.go", runs: 300,
		old: `	parent, ok := parentOf(c.Path)
	if !ok {`,
		new: `	parent, ok := parentOf(c.Path)
	if !ok || c.Type == wire.EventDeleted {`,
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
		old: `path += fmt.Sprintf("%010d", parent.stat.Cversion)`,
		new: `path += fmt.Sprintf("%010d", parent.children)`,
	},
	{
		name: "snapshot-without-sessions",
		file: "datatree/decode.go", runs: 300,
		old: `		t.sessions.Set(id, timeout)`,
		new: `		_, _ = id, timeout`,
	},
	{
		name:  "stand-alone-check-is-a-transaction",
		file:  "datatree/prepare.go", // clients here do not ask for it
		tests: []string{"TestZOOKEEPER2623"},
		old: `		return nil, wire.ErrUnimplemented
	case wire.OpCreate, wire.OpCreate2`,
		new: `
	case wire.OpCreate, wire.OpCreate2`,
	},
	{
		name:  "create2-in-a-multi",
		file:  "datatree/prepare.go", // only Java servers mind
		tests: []string{"TestZOOKEEPER4026"},
		old:   `	if op == wire.OpCreate2 {`,
		new:   `	if false {`,
	},
	{
		name: "all-sessions-have-expired",
		file: "datatree/sessions.go", runs: 20,
		old: `	case e == nil || e.closing:`,
		new: `	case true:`,
	},
	{
		name: "snapshot-changes-timeouts",
		file: "datatree/decode.go", runs: 300,
		old: `		t.sessions.Set(id, timeout)`,
		new: `		t.sessions.Set(id, timeout+1)`,
	},
	{
		name: "deletion-reported-as-a-change",
		file: "datatree/watches.go", runs: 100,
		old: `	out = appendEvents(out, watchers, c.Type, c.Path, c.Zxid, c.ACL)`,
		new: `	kind := c.Type
	if kind == wire.EventDeleted {
		kind = wire.EventDataChanged
	}
	out = appendEvents(out, watchers, kind, c.Path, c.Zxid, c.ACL)`,
	},
	{
		name: "missed-deletion-reported-as-a-change",
		file: "datatree/watches.go", runs: 100,
		old: `		case n == nil:
			missed(wire.EventDeleted, path)
		case n.stat.Mzxid`,
		new: `		case n == nil:
			missed(wire.EventDataChanged, path)
		case n.stat.Mzxid`,
	},
}
