package zab

import (
	"zkctl/probe/wire"
)

// writeQueue remembers what is on its way to the disk, so that the Step which
// learns that it is durable knows what to do next.
//
//	issued >= durable; waiting holds the writes in (durable, issued] whose
//	completion still matters, in order of seq.
type writeQueue struct {
	issued, durable uint64
	waiting         []Write
}

// forget drops the continuations but not the writes: what was handed to the
// writer will become durable all the same, and is counted on as part of the
// log.
func (q *writeQueue) forget() { q.waiting = nil }

func (n *Node) write(w Write) {
	n.writes.issued++
	w.Seq = n.writes.issued
	n.out.Persist = append(n.out.Persist, w)
	n.writes.waiting = append(n.writes.waiting, w)
}

// persisted carries on what waited for the disk. It is the only place from
// which a promise, an acknowledgement or an own vote for a proposal leaves.
func (n *Node) persisted(seq uint64) {
	n.writes.durable = max(n.writes.durable, seq)
	var appended wire.Zxid
	for len(n.writes.waiting) > 0 && n.writes.waiting[0].Seq <= seq {
		w := n.writes.waiting[0]
		n.writes.waiting = n.writes.waiting[1:]
		switch n.role {
		case Leading:
			// One count of the votes for a whole batch.
			if w.Kind == WriteAppend {
				appended = w.Proposal.Zxid
				continue
			}
			n.leaderPersisted(w)
		case Following, Observing:
			n.learnerPersisted(w)
		}
	}
	if appended != 0 && n.role == Leading {
		n.leader.ownAck = appended
		n.commitAcked()
	}
}
