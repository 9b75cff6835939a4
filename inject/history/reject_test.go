package history

import (
	"slices"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// Every promise is kept by a run without mistakes, and has something to judge in it.
func TestGood(t *testing.T) {
	e, _ := good(t)
	checks, stats := Check(*e)
	for _, c := range checks {
		if c.Verdict != VerdictOK || c.Found != 0 {
			t.Errorf("%s: %v %s", c.Name, c.Verdict, c.Why)
			for _, f := range c.Evidence {
				t.Logf("  %s", f.Text)
			}
		}
		if c.Count == 0 && c.Name != QuorumAcks {
			t.Errorf("%s: nothing to judge", c.Name)
		}
	}
	if s := stats; s.Unknown != 1 || s.UnknownApplied != 1 || s.SessionsLost != 1 || s.Refused != 2 || s.StaleReads != 0 {
		t.Errorf("statistics: %+v", s)
	}
}

// Of an ensemble that was in use before, a history about its whole tree cannot be judged by the
// model: nodes may have been made by transactions that no log has any more.
func TestWholeTreeThatWasInUse(t *testing.T) {
	e, _ := good(t)
	e.Foreign, e.History.Root = true, "/"
	for i := range e.Logs {
		e.Logs[i].Txns = e.Logs[i].Txns[4:]
	}
	checks, _ := Check(*e)
	for _, c := range checks {
		switch {
		case c.Found > 0 && c.Name != AckedSurvive: // acknowledged in this history, and in no log: that is a loss
			t.Errorf("%s: %v %s", c.Name, c.Verdict, c.Evidence[0].Text)
		case (c.Name == Result || c.Name == ReadAtZxid || c.Name == Digest) && c.Verdict != VerdictUnknown:
			t.Errorf("%s: %v", c.Name, c.Verdict)
		}
	}
}

// A server may list children in any order.
func TestChildrenInAnyOrder(t *testing.T) {
	e, marks := good(t)
	var r wire.ChildrenResponse
	if err := wire.Unmarshal(marks["children"].Reply, &r); err != nil || len(r.Children) < 2 {
		t.Fatal(r, err)
	}
	slices.Reverse(r.Children)
	marks["children"].Reply = wire.Marshal(&r)
	checks, _ := Check(*e)
	for _, c := range checks {
		if c.Verdict != VerdictOK {
			t.Errorf("%s: %v %v", c.Name, c.Verdict, c.Evidence)
		}
	}
}

// A leader may answer a sync of its own clients before it has applied what followers have.
func TestSyncAtTheLeader(t *testing.T) {
	e, marks := good(t)
	sync := marks["sync"]
	sync.Invoke, sync.Return = marks["last"].Return+1, marks["last"].Return+2
	e.Leaders[1].Member = sync.Server
	checks, _ := Check(*e)
	for _, c := range checks {
		if c.Verdict == Violated || c.Name == Sync && c.Count != 0 {
			t.Errorf("%s: %v, %d judged: %v", c.Name, c.Verdict, c.Count, c.Evidence)
		}
	}
}

// spoiled is a run with one mistake put in.
type spoiled struct {
	*testing.T
	*Evidence
	marks map[string]*Op
}

// TestReject puts mistakes into a good run. The check that is there for it must find each of them; also
// names promises that the mistake breaks as well, and all others must hold.
func TestReject(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *spoiled)
		want  Promise
		also  []Promise
	}{
		{"drop-acked-txn", func(s *spoiled) { s.dropLast() }, AckedSurvive, []Promise{WatchesFire, Digest}},
		{"drop-on-quorum", func(s *spoiled) {
			for i := range 2 {
				s.drop(i, s.marks["last of epoch 1"].Zxid)
			}
		}, AckedSurvive, nil},
		{"tree-lacks-node", func(s *spoiled) { s.tree(2).instead["/r/0"] = nil }, AckedSurvive, []Promise{SameHistory, Digest}},
		{"tree-older-value", func(s *spoiled) {
			_, stat, _, _ := s.tree(2).Node("/r/0")
			stat.Mzxid = s.marks["set"].Zxid
			s.tree(2).instead["/r/0"] = &rigNode{"x", stat}
		}, AckedSurvive, []Promise{SameHistory, Digest}},
		{"other-bytes-at-zxid", func(s *spoiled) {
			log := &s.Logs[1]
			i := slices.IndexFunc(log.Txns, func(t Txn) bool { return t.Zxid == s.marks["set"].Zxid })
			log.Txns[i].Data = log.Txns[i-1].Data
		}, SameHistory, nil},
		{"tree-differs", func(s *spoiled) {
			_, stat, _, _ := s.tree(2).Node("/r/q-0000000003")
			s.tree(2).instead["/r/q-0000000003"] = &rigNode{"other", stat}
		}, SameHistory, []Promise{Digest}},
		{"hole-in-one-log", func(s *spoiled) { s.drop(1, s.marks["set"].Zxid) }, SameHistory, nil},
		{"swap-zxids", func(s *spoiled) {
			x, y := s.marks["again"], s.marks["refused"]
			x.Zxid, y.Zxid = y.Zxid, x.Zxid
		}, Linearizable, []Promise{Result, FIFO, OneImage, WatchesFire, AckedSurvive}},
		{"same-zxid-twice", func(s *spoiled) { s.marks["again"].Zxid-- }, Linearizable, []Promise{FIFO, Result}},
		{"later-op-earlier-zxid", func(s *spoiled) {
			op := s.marks["multi"]
			op.Invoke = op.Return + int64(time.Second)
			op.Return = op.Invoke + 1
		}, Linearizable, nil},
		{"wrong-version", func(s *spoiled) {
			s.stat(s.marks["set"], func(stat *wire.Stat) { stat.Version++ })
		}, Result, nil},
		{"wrong-czxid", func(s *spoiled) {
			s.stat(s.marks["set"], func(stat *wire.Stat) { stat.Czxid++ })
		}, Result, nil},
		{"badversion-as-ok", func(s *spoiled) {
			s.marks["refused"].Err, s.marks["refused"].Reply = wire.OK, s.marks["set"].Reply
		}, Result, nil},
		{"wrong-sequence-number", func(s *spoiled) {
			s.marks["sequential"].Reply = wire.Marshal(&wire.PathResponse{Path: "/r/q-0000000009"})
		}, Result, nil},
		{"failed-but-applied", func(s *spoiled) { s.marks["unknown"].Outcome = Failed }, Result, nil},
		{"answer-of-another", func(s *spoiled) {
			s.marks["set"].Request = wire.Marshal(&wire.SetDataRequest{Path: "/r/0", Data: []byte("what was not asked"), Version: -1})
		}, ReadAtZxid, []Promise{Result, Digest}},
		{"stale-value-new-zxid", func(s *spoiled) { s.marks["stale"].Reply = s.marks["seen"].Reply }, ReadAtZxid, nil},
		{"value-from-future", func(s *spoiled) { s.marks["seen"].Reply = s.marks["stale"].Reply }, ReadAtZxid, nil},
		{"missing-child", func(s *spoiled) {
			var r wire.ChildrenResponse
			s.decode(s.marks["children"].Reply, &r)
			s.marks["children"].Reply = wire.Marshal(&wire.ChildrenResponse{Children: r.Children[1:]})
		}, ReadAtZxid, nil},
		{"node-is-said-to-be-missing", func(s *spoiled) { s.marks["seen"].Err, s.marks["seen"].Reply = wire.ErrNoNode, nil }, ReadAtZxid, nil},
		{"replies-swapped", func(s *spoiled) {
			x, y := s.index(s.marks["seen"]), s.index(s.marks["children"])
			s.History.Records[x], s.History.Records[y] = s.History.Records[y], s.History.Records[x]
		}, FIFO, nil},
		{"answered-twice", func(s *spoiled) {
			op := s.marks["seen"]
			s.insert(s.index(op)+1, Record{Link: &Link{Client: op.Client, Conn: op.Conn, Server: op.Server, At: op.Return, Kind: Stray, Why: "a second answer"}})
		}, FIFO, nil},
		{"write-zxid-falls", func(s *spoiled) {
			x, y := s.marks["set"], s.marks["ephemeral"]
			x.Zxid, y.Zxid = y.Zxid, x.Zxid
		}, FIFO, []Promise{Linearizable, Result, OneImage, WatchesFire}},
		{"zxid-falls-on-connection", func(s *spoiled) { s.marks["children"].Zxid = s.marks["create"].Zxid }, OneImage, []Promise{ReadAtZxid}},
		{"zxid-falls-on-reconnect", func(s *spoiled) {
			ping := s.firstOp(func(op *Op) bool { return op.Code == wire.OpPing })
			ping.Zxid = s.marks["create"].Zxid
		}, OneImage, nil},
		{"sync-behind-floor", func(s *spoiled) {
			sync := s.marks["sync"]
			sync.Invoke, sync.Return = s.marks["last"].Return+1, s.marks["last"].Return+2
		}, Sync, nil},
		{"half-multi", func(s *spoiled) {
			var r wire.MultiResponse
			s.decode(s.marks["multi"].Reply, &r)
			r.Results[0] = wire.MultiResult{Op: wire.OpError, Err: wire.ErrBadVersion}
			s.marks["multi"].Reply = wire.Marshal(&r)
		}, Atomic, nil},
		{"failed-multi-is-seen", func(s *spoiled) {
			s.dataStat(s.marks["stale"], func(stat *wire.Stat) { stat.Mzxid = s.marks["failed"].Zxid })
		}, Atomic, nil},
		{"failed-multi-is-in-the-trees", func(s *spoiled) {
			for member := range s.Trees {
				_, stat, _, _ := s.tree(member).Node("/r/2")
				stat.Mzxid = s.marks["failed"].Zxid
				s.tree(member).instead["/r/2"] = &rigNode{"n", stat}
			}
		}, Atomic, []Promise{AckedSurvive, Digest}},
		{"expired-early", func(s *spoiled) {
			op := s.marks["before expiry"]
			op.Invoke += int64(time.Second)
			op.Return = op.Invoke + 1
		}, SessionsHold, []Promise{Linearizable, Sync}},
		{"expired-late", func(s *spoiled) {
			s.headers(func(h *wire.TxnHeader) {
				if h.Type == wire.OpCloseSession && h.Cxid == 0 {
					h.Time += (2 * rigTimeout).Milliseconds()
				}
			})
			expired := s.firstLink(Expired)
			expired.At += int64(2 * rigTimeout)
		}, SessionsHold, nil},
		{"used-after-expiry", func(s *spoiled) {
			gone := s.firstLink(Expired)
			s.insert(len(s.History.Records), Record{Op: &Op{
				Client: gone.Client, Session: gone.Session, Conn: gone.Conn + 100, Xid: 99, Code: wire.OpGetData, Path: "/r/none", Outcome: OK,
				Invoke: gone.At + 1, Return: gone.At + 2, Err: wire.ErrNoNode, Zxid: s.marks["last"].Zxid,
			}})
		}, SessionsHold, nil},
		{"refused-alive", func(s *spoiled) {
			op := s.marks["stale"]
			s.insert(s.index(op), Record{Link: &Link{Client: op.Client, Session: op.Session, Server: 1, At: op.Invoke, Kind: Expired}})
		}, SessionsHold, []Promise{WatchesFire}},
		{"confirmed-after-its-end", func(s *spoiled) {
			closed := s.firstLink(Closed)
			s.insert(s.index(s.firstOp(func(op *Op) bool { return op.Session == closed.Session && op.Code == wire.OpCloseSession }))+1,
				Record{Link: &Link{Client: closed.Client, Session: closed.Session, Server: 1, At: closed.At, Kind: Resumed}})
		}, SessionsHold, nil},
		{"ephemeral-outlives", func(s *spoiled) {
			for member := range s.Trees {
				s.tree(member).instead["/r/d"] = &rigNode{"", wire.Stat{EphemeralOwner: s.marks["before expiry"].Session}}
			}
		}, Ephemerals, []Promise{Digest}},
		{"ephemeral-vanishes-early", func(s *spoiled) {
			for member := range s.Trees {
				s.tree(member).instead["/r/e"] = nil
			}
		}, Ephemerals, []Promise{Digest}},
		{"event-missed", func(s *spoiled) { s.removeEvent(1, wire.EventDataChanged) }, WatchesFire, nil},
		{"one-time-event-missed", func(s *spoiled) { s.removeEvent(3, wire.EventDataChanged) }, WatchesFire, nil},
		{"event-twice", func(s *spoiled) {
			i := s.event(3, wire.EventDataChanged)
			s.insert(i, s.History.Records[i])
		}, WatchesFire, nil},
		{"events-out-of-order", func(s *spoiled) {
			i := s.event(3, wire.EventDataChanged)
			s.History.Records[i].Event.Type = wire.EventDeleted
		}, WatchesFire, nil},
		{"event-after-the-reply", func(s *spoiled) {
			i := s.event(3, wire.EventChildrenChanged)
			event := s.History.Records[i]
			s.remove(i)
			next := slices.IndexFunc(s.History.Records[i:], func(r Record) bool { return r.Op != nil && r.Op.Client == 3 })
			s.insert(i+next+1, event)
		}, WatchesFire, nil},
		{"event-of-nothing", func(s *spoiled) {
			i := s.event(3, wire.EventDataChanged)
			s.insert(i, Record{Event: &Event{Client: 3, Conn: 3, Zxid: -1, WatcherEvent: wire.WatcherEvent{Type: wire.EventDataChanged, Path: "/r/2"}}})
		}, WatchesFire, nil},
		{"event-while-away-missed", func(s *spoiled) { s.remove(s.lastEvent(3, wire.EventDataChanged)) }, WatchesFire, nil},
		{"persistent-skips", func(s *spoiled) { s.removeEvent(1, wire.EventDataChanged) }, WatchesFire, nil},
		{"two-leaders", func(s *spoiled) { s.Leaders = append(s.Leaders, Leader{Epoch: 2, Member: 2}) }, OneLeader, nil},
		{"minority-acknowledges", func(s *spoiled) {
			op := s.marks["set"]
			s.Faults = append(s.Faults, Window{From: op.Invoke - 1, To: op.Return + 1, Members: []int64{op.Server}, Cut: true})
		}, QuorumAcks, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, marks := good(t)
			c.spoil(&spoiled{t, e, marks})
			checks, _ := Check(*e)
			for _, r := range checks {
				switch violated := r.Verdict == Violated; {
				case r.Name == c.want && !violated:
					t.Errorf("%s: %v %s", r.Name, r.Verdict, r.Why)
				case violated && r.Name != c.want && !slices.Contains(c.also, r.Name):
					t.Errorf("%s is violated, too: %s", r.Name, r.Evidence[0].Text)
				case violated && r.Name == c.want:
					t.Log(r.Evidence[0].Text)
				}
			}
		})
	}
}

func (s *spoiled) tree(member int64) *rigView { return s.Trees[member].(*rigView) }

func (s *spoiled) decode(b []byte, into wire.Record) {
	s.Helper()
	if err := wire.Unmarshal(b, into); err != nil {
		s.Fatal(err)
	}
}

// drop takes a transaction out of a log.
func (s *spoiled) drop(log int, z wire.Zxid) {
	s.Helper()
	before := len(s.Logs[log].Txns)
	s.Logs[log].Txns = slices.DeleteFunc(s.Logs[log].Txns, func(t Txn) bool { return t.Zxid == z })
	if len(s.Logs[log].Txns) != before-1 {
		s.Fatalf("log %d does not have %v", log, z)
	}
}

// dropLast takes the last transaction out of all logs.
func (s *spoiled) dropLast() {
	for i := range s.Logs {
		s.Logs[i].Txns = s.Logs[i].Txns[:len(s.Logs[i].Txns)-1]
	}
}

// stat changes the stat in the answer to a setData.
func (s *spoiled) stat(op *Op, change func(*wire.Stat)) {
	s.Helper()
	var r wire.StatResponse
	s.decode(op.Reply, &r)
	change(&r.Stat)
	op.Reply = wire.Marshal(&r)
}

// dataStat changes the stat in the answer to a getData.
func (s *spoiled) dataStat(op *Op, change func(*wire.Stat)) {
	s.Helper()
	var r wire.DataResponse
	s.decode(op.Reply, &r)
	change(&r.Stat)
	op.Reply = wire.Marshal(&r)
}

// headers changes the headers of all transactions.
func (s *spoiled) headers(change func(*wire.TxnHeader)) {
	s.Helper()
	for i := range s.Logs {
		for j := range s.Logs[i].Txns {
			txn, err := wire.UnmarshalTxn(s.Logs[i].Txns[j].Data)
			if err != nil {
				s.Fatal(err)
			}
			change(&txn.Header)
			s.Logs[i].Txns[j].Data = txn.Marshal()
		}
	}
}

func (s *spoiled) index(op *Op) int {
	s.Helper()
	i := slices.IndexFunc(s.History.Records, func(r Record) bool { return r.Op == op })
	if i < 0 {
		s.Fatal("the operation is not in the history")
	}
	return i
}

func (s *spoiled) firstOp(is func(*Op) bool) *Op {
	s.Helper()
	i := slices.IndexFunc(s.History.Records, func(r Record) bool { return r.Op != nil && is(r.Op) })
	if i < 0 {
		s.Fatal("the history has no such operation")
	}
	return s.History.Records[i].Op
}

func (s *spoiled) firstLink(kind LinkKind) *Link {
	s.Helper()
	i := slices.IndexFunc(s.History.Records, func(r Record) bool { return r.Link != nil && r.Link.Kind == kind })
	if i < 0 {
		s.Fatalf("the history has no link %v", kind)
	}
	return s.History.Records[i].Link
}

// event is the index of a client's first event of a type.
func (s *spoiled) event(client int, kind wire.EventType) int {
	s.Helper()
	i := slices.IndexFunc(s.History.Records, func(r Record) bool {
		return r.Event != nil && r.Event.Client == client && r.Event.Type == kind
	})
	if i < 0 {
		s.Fatalf("client %d has no event %v", client, kind)
	}
	return i
}

func (s *spoiled) lastEvent(client int, kind wire.EventType) (last int) {
	for i, r := range s.History.Records {
		if r.Event != nil && r.Event.Client == client && r.Event.Type == kind {
			last = i
		}
	}
	return last
}

func (s *spoiled) removeEvent(client int, kind wire.EventType) { s.remove(s.event(client, kind)) }

func (s *spoiled) remove(i int) { s.History.Records = slices.Delete(s.History.Records, i, i+1) }

func (s *spoiled) insert(i int, r Record) {
	s.History.Records = slices.Insert(s.History.Records, i, r)
}
