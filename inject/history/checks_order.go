package history

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"zkctl/probe/wire"
)

// floors are the newest zxids at which clients had been answered, by time.
type floors []floor

type floor struct {
	at     int64 // when the answer came
	zxid   wire.Zxid
	record int // that has the zxid
}

// newFloors takes the answers to operations of some kind.
func newFloors(records []Record, of func(*Op) bool) floors {
	var f floors
	for i, r := range records {
		if r.Op != nil && r.Op.Outcome == OK && of(r.Op) {
			f = append(f, floor{r.Op.Return, r.Op.Zxid, i})
		}
	}
	slices.SortStableFunc(f, func(a, b floor) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(f); i++ {
		if f[i-1].zxid > f[i].zxid {
			f[i].zxid, f[i].record = f[i-1].zxid, f[i-1].record
		}
	}
	return f
}

// before is the newest zxid that any client had been answered before a moment.
func (f floors) before(at int64) (floor, bool) {
	i := sort.Search(len(f), func(i int) bool { return f[i].at >= at })
	if i == 0 {
		return floor{}, false
	}
	return f[i-1], true
}

// isPlaced tells whether the zxid of an answer is that of the operation's own transaction, and the
// model can tell the answer. It is not where a server refused the request for reasons that are not
// in the tree: its session, its form, a permission.
func isPlaced(op *Op) bool {
	if op.Outcome != OK || !op.Code.IsWrite() || op.Zxid <= 0 {
		return false
	}
	switch op.Err {
	case wire.OK, wire.ErrNoNode, wire.ErrBadVersion, wire.ErrNodeExists, wire.ErrNotEmpty, wire.ErrNoChildrenForEphemerals:
		return true
	}
	return false
}

// writesInTime checks that the order of writes is that of time, wherever time tells: a write that was
// sent when another one had been answered comes behind it. No two have one zxid.
func (c *checker) writesInTime() {
	c.writes = newFloors(c.History.Records, isPlaced)
	seen := map[wire.Zxid]int{}
	for i, r := range c.History.Records {
		op := r.Op
		if op == nil || !isPlaced(op) {
			continue
		}
		c.count(Linearizable)
		c.here = at(i, op)
		if other, twice := seen[op.Zxid]; twice {
			first := c.History.Records[other].Op
			c.fail(Linearizable, "two writes have the zxid %v: %v %s of client %d and %v %s of client %d", op.Zxid, first.Code, first.Path, first.Client, op.Code, op.Path, op.Client)
		}
		seen[op.Zxid] = i
		if f, ok := c.writes.before(op.Invoke); ok && f.zxid > op.Zxid {
			first := c.History.Records[f.record].Op
			c.fail(Linearizable, "client %d sent %v %s at %v, when %v %s of client %d had been answered at %v; but it comes before that in the order, at %v",
				op.Client, op.Code, op.Path, time.Duration(op.Invoke), first.Code, first.Path, first.Client, f.zxid, op.Zxid)
		}
	}
}

// acknowledged checks that what a client was told is done is still there.
func (c *checker) acknowledged() {
	for i, r := range c.History.Records {
		op := r.Op
		if op == nil || op.Outcome != OK || op.Err != wire.OK || !op.Code.IsWrite() {
			continue
		}
		c.count(AckedSurvive)
		c.here = at(i, op)
		lost := false
		switch {
		case slices.ContainsFunc(c.Logs, func(l MemberLog) bool { return l.spans(op.Zxid) }) &&
			c.Quorum(func(member int64) bool { return c.spans(member, op.Zxid) }):
			c.fail(AckedSurvive, "%v %s of client %d was acknowledged at %v, but the logs of a quorum go on without it", op.Code, op.Path, op.Client, op.Zxid)
			lost = true
		case c.order.find(op.Zxid) || c.has(op.Zxid):
		case c.reachable(op.Zxid):
			c.unknown(AckedSurvive, "no log has %v, but a snapshot may", op.Zxid)
		default:
			c.fail(AckedSurvive, "%v %s of client %d was acknowledged at %v, but it is in no member's log", op.Code, op.Path, op.Client, op.Zxid)
			lost = true
		}
		if lost {
			c.stats.LostAcks++
		}
	}
	c.values(c.registers())
}

func (c *checker) spans(member int64, z wire.Zxid) bool {
	i := slices.IndexFunc(c.Logs, func(l MemberLog) bool { return l.Member == member })
	return i >= 0 && c.Logs[i].Voter && c.Logs[i].spans(z)
}

// has tells whether some log has a transaction.
func (c *checker) has(z wire.Zxid) bool {
	return slices.ContainsFunc(c.Logs, func(l MemberLog) bool { return hasTxn(l.Txns, z) })
}

// reachable tells whether some member may have a transaction although its log does not show it.
func (c *checker) reachable(z wire.Zxid) bool {
	return len(c.Logs) == 0 || slices.ContainsFunc(c.Logs, func(l MemberLog) bool { return l.Problem != "" || l.Snapshot >= z })
}

// registers are the last acknowledged writes of data to nodes that nothing ever deletes. They are
// judged by the members' trees alone.
func (c *checker) registers() map[string]int {
	last, mortal := map[string]int{}, map[string]bool{}
	for i, r := range c.History.Records {
		op := r.Op
		if op == nil {
			continue
		}
		switch op.Code {
		case wire.OpDelete:
			mortal[op.Path] = true
		case wire.OpMulti:
			var multi wire.MultiRequest
			if wire.Unmarshal(op.Request, &multi) != nil {
				continue
			}
			for _, sub := range multi.Ops {
				create, isCreate := sub.Request.(*wire.CreateRequest)
				if sub.Op == wire.OpDelete || isCreate && create.Flags != wire.FlagPersistent {
					mortal[pathOf(sub.Request)] = true
				}
			}
		case wire.OpCreateContainer, wire.OpCreateTTL, wire.OpDeleteContainer:
			mortal[op.Path] = true
		case wire.OpCreate, wire.OpCreate2:
			var create wire.CreateRequest
			if wire.Unmarshal(op.Request, &create) != nil || create.Flags != wire.FlagPersistent {
				mortal[op.Path] = true
			}
		case wire.OpSetData:
			if was, known := last[op.Path]; op.Outcome == OK && op.Err == wire.OK && (!known || c.History.Records[was].Op.Zxid < op.Zxid) {
				last[op.Path] = i
			}
		}
	}
	for path := range mortal { // deletions are the same in any order
		delete(last, path)
	}
	return last
}

// values checks that the trees have the last acknowledged value of each register, or a later one.
func (c *checker) values(registers map[string]int) {
	for _, path := range sortedKeys(registers) {
		record := registers[path]
		op := c.History.Records[record].Op
		for i := range c.Logs {
			member := c.Logs[i].Member
			v, ok := c.Trees[member]
			if !ok || c.Logs[i].last() < op.Zxid {
				continue
			}
			c.here = at(record, op)
			switch _, stat, _, found := v.Node(path); {
			case !found && c.exists(path):
				c.fail(AckedSurvive, "client %d set %s at %v, and nothing deletes it, but member %d has no such node", op.Client, path, op.Zxid, member)
			case found && stat.Mzxid < op.Zxid:
				c.fail(AckedSurvive, "client %d set %s at %v, but member %d has it as it was set at %v", op.Client, path, op.Zxid, member, stat.Mzxid)
			}
		}
	}
}

// exists tells whether some member has a node: one that other clients have deleted is in no tree.
func (c *checker) exists(path string) bool {
	for _, v := range c.Trees { // one is enough, so the order does not matter
		if _, _, _, found := v.Node(path); found {
			return true
		}
	}
	return false
}

// leaders checks that no epoch has two.
func (c *checker) leaders() {
	leader := map[int64]Leader{}
	for _, l := range c.Leaders {
		c.count(OneLeader)
		if other, ok := leader[l.Epoch]; ok && other.Member != l.Member {
			c.here = Finding{At: l.At, Record: -1}
			c.fail(OneLeader, "members %d and %d both lead epoch %d", other.Member, l.Member, l.Epoch)
		}
		leader[l.Epoch] = l
	}
}

// minorities checks that no write is acknowledged by a member that reaches no quorum. A write
// counts if it was sent after the fault had its effect and answered before that ended.
func (c *checker) minorities() {
	for i, r := range c.History.Records {
		op := r.Op
		if op == nil || !op.Code.IsWrite() {
			continue
		}
		for _, w := range c.Faults {
			if !w.Cut || op.Invoke <= w.From || op.Invoke >= w.To || !slices.Contains(w.Members, op.Server) {
				continue
			}
			c.count(QuorumAcks)
			if isPlaced(op) && op.Return < w.To {
				c.here = at(i, op)
				c.fail(QuorumAcks, "client %d: %v %s is answered at %v by member %d, which reached no quorum from %v to %v",
					op.Client, op.Code, op.Path, op.Zxid, op.Server, time.Duration(w.From), time.Duration(w.To))
			}
		}
	}
}
