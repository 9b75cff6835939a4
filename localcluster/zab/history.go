package zab

import (
	"sort"

	"zkctl/probe/wire"
)

// history is the newest part of the committed log, kept in memory so that a
// learner which is only a little behind can be brought up to date without
// the disk. ZooKeeper calls it committedLog.
//
//	       floor   entries[0]        entries[n-1]
//	 ──────┼───────┼─────────  …  ───┼
//	gone   │ a position of this      │ last: what the tree holds
//	       │ history, itself known   │
//
// floor is the position just before the first entry. Keeping it, rather than
// deriving the lower end from the first entry, is what makes an empty window
// and an empty learner (zxid 0) two plain cases: ZooKeeper's min = 0 stands
// for both "from the beginning" and "unknown", and served a tail to a learner
// that had nothing (ZOOKEEPER-4352).
//
// Invariant: floor <= every entry < the next entry, without gaps
// (ZOOKEEPER-4925: a window with a hole in it loses data two elections later).
type history struct {
	floor   wire.Zxid
	entries []wire.Proposal
	limit   int
	bytes   int // of the entries' data
}

// maxHistoryBytes bounds the window by its bytes as well, since 500 transactions may
// be 500 MB. A learner that is further behind gets a SNAP. ZooKeeper counts
// transactions only.
const maxHistoryBytes = 64 << 20

// reset makes the window hold the end of a log that ends at last. Of recent
// it keeps the part that leads up to last without a gap.
func (h *history) reset(last wire.Zxid, recent []wire.Proposal) {
	h.entries, h.bytes = h.entries[:0], 0
	h.floor = last
	if len(recent) == 0 || recent[len(recent)-1].Zxid != last {
		return
	}
	start := len(recent) - 1
	for start > 0 && recent[start].Zxid.Follows(recent[start-1].Zxid) {
		start--
	}
	// What precedes the first entry is certain only where the zxid says so:
	// the n-th transaction of an epoch follows the (n-1)-th. The first of
	// an epoch follows whatever the epoch before ended with.
	first := recent[start].Zxid
	switch {
	case first == wire.MakeZxid(0, 1):
		h.floor = 0
	case first.Counter() > 1:
		h.floor = first - 1
	default:
		h.floor = first
		start++
	}
	for _, p := range recent[start:] {
		h.push(p)
	}
}

func (h *history) push(p wire.Proposal) {
	h.entries = append(h.entries, p)
	h.bytes += len(p.Data)
	// Dropping the older half at twice the limit keeps pushing O(1).
	switch {
	case len(h.entries) >= 2*h.limit:
		h.drop(len(h.entries) - h.limit)
	case h.bytes > maxHistoryBytes:
		cut, left := 0, h.bytes
		for left > maxHistoryBytes/2 {
			left -= len(h.entries[cut].Data)
			cut++
		}
		h.drop(cut)
	}
}

// drop forgets the oldest n > 0 entries.
func (h *history) drop(n int) {
	for _, p := range h.entries[:n] {
		h.bytes -= len(p.Data)
	}
	h.floor = h.entries[n-1].Zxid
	h.entries = append([]wire.Proposal(nil), h.entries[n:]...)
}

func (h *history) last() wire.Zxid {
	if n := len(h.entries); n > 0 {
		return h.entries[n-1].Zxid
	}
	return h.floor
}

// after returns the entries behind zxid z, and whether z is a position in the
// window: its floor or one of its entries.
func (h *history) after(z wire.Zxid) (tail []wire.Proposal, ok bool) {
	if z == h.floor {
		return h.entries, true
	}
	i := h.search(z)
	if i < len(h.entries) && h.entries[i].Zxid == z {
		return h.entries[i+1:], true
	}
	return nil, false
}

// before returns the greatest position in the window that is not above z.
func (h *history) before(z wire.Zxid) (position wire.Zxid, ok bool) {
	if z < h.floor {
		return 0, false
	}
	i := h.search(z + 1)
	if i == 0 {
		return h.floor, true
	}
	return h.entries[i-1].Zxid, true
}

func (h *history) search(z wire.Zxid) int {
	return sort.Search(len(h.entries), func(i int) bool { return h.entries[i].Zxid >= z })
}

// syncPlan is how a learner gets to the leader's history.
type syncPlan struct {
	mode wire.PacketType // DIFF, TRUNC or SNAP
	zxid wire.Zxid       // what goes into that packet
	tail []wire.Proposal // committed transactions to send behind it
}

// plan chooses DIFF, TRUNC or SNAP for a learner whose log ends at peer
// (ZooKeeper: LearnerHandler.syncFollower).
//
// A zxid names a transaction together with everything before it: a server that
// logged (epoch, n) had synchronized with that epoch's leader and so shares
// its history up to there. Hence DIFF when the learner's position is one of
// ours. TRUNC is right only to a position that the learner certainly has: one
// of the same epoch as its last transaction. ZooKeeper truncates to the
// leader's end whatever the epochs are, and a learner that lacks that end
// then believes it has it; we send SNAP there.
func (h *history) plan(peer wire.Zxid) syncPlan {
	if tail, ok := h.after(peer); ok {
		return syncPlan{mode: wire.PacketDiff, zxid: h.last(), tail: tail}
	}
	if peer.Counter() != 0 {
		if to, ok := h.before(peer); ok && to.Epoch() == peer.Epoch() && to.Counter() != 0 {
			tail, _ := h.after(to)
			return syncPlan{mode: wire.PacketTrunc, zxid: to, tail: tail}
		}
	}
	return h.whole()
}

// whole is the plan that asks nothing of the learner.
func (h *history) whole() syncPlan { return syncPlan{mode: wire.PacketSnap, zxid: h.last()} }
