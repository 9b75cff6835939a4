package history

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"zkctl/probe/wire"
)

// Order is the committed history, worked out from the logs of all members.
type Order struct {
	Txns    []Txn     // ascending
	Orphans []Txn     // in some log, and never committed
	Gap     wire.Zxid // the first that is missing or doubtful; 0: the order is complete
}

// Merge works out which transactions are committed. A log alone says little: a member that
// crashed may have transactions that never were, and one that was sent a snapshot lacks some
// that are. So it asks, for each zxid:
//
//   - Do the logs of a quorum have it? Then it is committed.
//   - Does some log have it, and was a client answered at it or later in its epoch? Then it is
//     committed, too: a server that answers has all of the epoch before that.
//   - Does some log go on past it in committed transactions, either with it or without it? Then
//     it is committed, or an orphan. That does not hold where a snapshot may stand between.
//   - Else it is in doubt, and the order has a gap there.
//
// The findings are logs that contradict each other, or that have holes. Of an ensemble that has
// begun with the run the order begins with the first transaction of an epoch.
func Merge(logs []MemberLog, quorum func(has func(member int64) bool) bool, acked func(wire.Zxid) bool, foreign bool) (Order, []Finding) {
	m := merger{logs: logs, quorum: quorum, known: map[uint64]bool{}}
	m.collect()
	m.decide(acked)
	return m.order(foreign), m.findings
}

type merger struct {
	logs     []MemberLog
	quorum   func(has func(member int64) bool) bool
	known    map[uint64]bool // quorum, by set of logs
	entries  []merged
	findings []Finding
}

// merged is one zxid of the logs.
type merged struct {
	Txn
	has    uint64 // set of the logs that have it, by index
	status status
}

type status uint8

const (
	doubtful status = iota
	committed
	orphan
)

// collect goes through all logs side by side.
func (m *merger) collect() {
	next := make([]int, len(m.logs))
	for {
		first, found := wire.Zxid(0), false
		for i, at := range next {
			if at < len(m.logs[i].Txns) && (!found || m.logs[i].Txns[at].Zxid < first) {
				first, found = m.logs[i].Txns[at].Zxid, true
			}
		}
		if !found {
			return
		}
		e := merged{}
		for i := range m.logs {
			log := &m.logs[i]
			if next[i] >= len(log.Txns) || log.Txns[next[i]].Zxid != first {
				continue
			}
			txn := log.Txns[next[i]]
			if next[i] > 0 {
				m.follows(log, log.Txns[next[i]-1].Zxid, first)
			}
			next[i]++
			switch {
			case e.has == 0:
				e.Txn = txn
			case !SameTxn(e.Data, txn.Data):
				m.find(first, "members %d and %d have different transactions at %v", m.logs[firstOf(e.has)].Member, log.Member, first)
			}
			e.has |= 1 << i
		}
		m.entries = append(m.entries, e)
	}
}

// follows checks that a log has no hole between two entries.
func (m *merger) follows(log *MemberLog, before, z wire.Zxid) {
	if !z.Follows(before) && !log.snapshotIn(before+1, z) {
		m.find(z, "the log of member %d goes from %v to %v, and no snapshot has what is between", log.Member, before, z)
	}
}

func (m *merger) find(z wire.Zxid, format string, args ...any) {
	m.findings = append(m.findings, Finding{Promise: SameHistory, Text: fmt.Sprintf(format, args...), Record: -1, Zxid: z})
}

func firstOf(set uint64) int {
	i := 0
	for set&1 == 0 {
		set >>= 1
		i++
	}
	return i
}

// SameTxn tells whether two entries of logs state the same transaction, although they may be written in
// two ways: with the digest of the tree or without it, and a multi that failed with the operations
// before the failure or with errors in their place. ZooKeeper's servers turn them into errors when they
// apply the multi, which may be before they log it.
func SameTxn(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := wire.UnmarshalTxn(a)
	y, errY := wire.UnmarshalTxn(b)
	if errX != nil || errY != nil {
		return false
	}
	for _, txn := range []*wire.Txn{x, y} {
		txn.Digest = nil
		multi, ok := txn.Body.(*wire.MultiTxn)
		if !ok || !hasFailed(multi) {
			continue
		}
		for i := range multi.Txns {
			multi.Txns[i].Type = wire.OpError
		}
	}
	return bytes.Equal(x.Marshal(), y.Marshal())
}

// decide gives each entry its status. Going from the newest to the oldest, what comes behind an
// entry in a log is decided before it.
func (m *merger) decide(acked func(wire.Zxid) bool) {
	after := make([]int, len(m.logs)) // in each log, the entry behind the current one; -1: none
	for i := range after {
		after[i] = -1
	}
	for at := range slices.Backward(m.entries) {
		e := &m.entries[at]
		switch {
		case m.isQuorum(e.has), acked(e.Zxid):
			e.status = committed
		default:
			e.status = m.goesOn(e, after)
		}
		for i := range m.logs {
			if e.has&(1<<i) != 0 {
				after[i] = at
			}
		}
	}
}

// goesOn asks the logs that go on past an entry in committed transactions.
func (m *merger) goesOn(e *merged, after []int) status {
	with, without := -1, -1
	for i := range m.logs {
		log := &m.logs[i]
		if after[i] < 0 || m.entries[after[i]].status != committed {
			continue
		}
		next := m.entries[after[i]].Zxid
		switch {
		case e.has&(1<<i) == 0:
			if log.Txns[0].Zxid < e.Zxid && !log.snapshotIn(e.Zxid, next) {
				without = i
			}
		case next.Follows(e.Zxid) && !log.snapshotIn(e.Zxid+1, next):
			with = i
		}
	}
	switch {
	case with >= 0 && without >= 0:
		m.find(e.Zxid, "the log of member %d goes on past %v with it, and that of member %d without it", m.logs[with].Member, e.Zxid, m.logs[without].Member)
		return orphan
	case without >= 0:
		return orphan
	case with >= 0:
		return committed
	}
	return doubtful
}

func (m *merger) isQuorum(set uint64) bool {
	is, known := m.known[set]
	if !known {
		is = m.quorum(func(member int64) bool {
			i := slices.IndexFunc(m.logs, func(l MemberLog) bool { return l.Member == member })
			return i >= 0 && m.logs[i].Voter && set&(1<<i) != 0
		})
		m.known[set] = is
	}
	return is
}

// order collects what is committed, and finds the first gap.
func (m *merger) order(foreign bool) Order {
	o := Order{}
	last := wire.Zxid(0)
	for i := range m.entries {
		e := &m.entries[i]
		switch e.status {
		case orphan:
			o.Orphans = append(o.Orphans, e.Txn)
			continue
		case doubtful:
			if o.Gap == 0 {
				o.Gap = e.Zxid
			}
			continue
		}
		if !e.Zxid.Follows(last) && (len(o.Txns) > 0 || !foreign) && o.Gap == 0 {
			o.Gap = missing(last, e.Zxid)
		}
		o.Txns = append(o.Txns, e.Txn)
		last = e.Zxid
	}
	return o
}

// missing is the zxid that should come between two: the next one if the epoch goes on, else the
// first of the later epoch.
func missing(before, z wire.Zxid) wire.Zxid {
	if before.Epoch() == z.Epoch() {
		return before + 1
	}
	return wire.MakeZxid(z.Epoch(), 1)
}

// snapshotIn tells whether a member has a snapshot whose zxid is at least from and below to. A
// leader may have sent it, and then the log lacks what comes before it.
func (l *MemberLog) snapshotIn(from, to wire.Zxid) bool {
	i := sort.Search(len(l.Snapshots), func(i int) bool { return l.Snapshots[i] >= from })
	return i < len(l.Snapshots) && l.Snapshots[i] < to
}

// last is the zxid up to which a member has the history on its disk.
func (l *MemberLog) last() wire.Zxid {
	last := l.Snapshot
	if n := len(l.Txns); n > 0 {
		last = max(last, l.Txns[n-1].Zxid)
	}
	return last
}

// find is a transaction in the order.
func (o *Order) find(z wire.Zxid) bool { return hasTxn(o.Txns, z) }

func hasTxn(txns []Txn, z wire.Zxid) bool {
	i := sort.Search(len(txns), func(i int) bool { return txns[i].Zxid >= z })
	return i < len(txns) && txns[i].Zxid == z
}

// spans tells whether a log goes on past a zxid without having it, and no snapshot can stand for it.
func (l *MemberLog) spans(z wire.Zxid) bool {
	i := sort.Search(len(l.Txns), func(i int) bool { return l.Txns[i].Zxid >= z })
	return i > 0 && i < len(l.Txns) && l.Txns[i].Zxid != z && !l.snapshotIn(z, l.Txns[i].Zxid)
}
