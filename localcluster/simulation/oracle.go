package simulation

import (
	"strings"

	"zkctl/inject/history"
	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// The invariants by name, beside the promises of package history, which can be judged
// from outside. The first group are those of the Zab paper (section III and the lemmas of
// section IV), the second what ZooKeeper promises on top.
const (
	invIntegrity history.Promise = "integrity"               // a delivered transaction was broadcast, once
	invLocal     history.Promise = "local primary order"     // in an epoch zxids grow by one
	invPrimary   history.Promise = "primary integrity"       // a leader has delivered all that earlier epochs committed
	invPromise   history.Promise = "promises are kept"       // epochs never go back, not even in a crash
	invDurable   history.Promise = "a quorum has it on disk" // before it is committed
	invBounds    history.Promise = "committed <= applied <= logged"
	invProtocol  history.Promise = "no server breaks the protocol"

	invSnapshot history.Promise = "a snapshot is whole or nothing"
	invRecovery history.Promise = "a crash leaves what can be recovered"
	invLiveness history.Promise = "progress after healing"
	invPrompt   history.Promise = "prompt when undisturbed"
	invNoPanic  history.Promise = "no panic"
)

// record is a transaction as the oracle remembers it. Zxids name histories: a
// zxid stands for a transaction and all that comes before it (Zab paper, claim
// 4). prev makes that checkable: a server that applies zxid must have applied prev last.
type record struct {
	prev      wire.Zxid
	data      []byte // as proposed
	proposer  zab.ServerID
	digest    int64 // of the tree after it
	applied   bool  // by some server: digest is known
	committed bool
}

// oracle sees the histories of all servers at once, and changes nothing in the world.
type oracle struct {
	w       *World
	records map[wire.Zxid]*record
	leaders map[int64]zab.ServerID // established, by epoch
	newest  int64                  // the largest epoch in leaders
	tip     wire.Zxid              // the last zxid of the committed history
	commits int
	views   []view // of each server

	judge    *history.Judge
	requests map[wire.Zxid]history.Request // proposed, and not committed yet
}

// view is what the oracle knows about one server.
type view struct {
	// What its core believes to be on its disk, because of a Persisted or because it
	// started from it. A crash must not lose it.
	claimed           wire.Zxid
	accepted, current int64

	onDisk     wire.Zxid // what really is there, synced
	leaderInfo int64     // the epoch of the last LEADERINFO that it accepted
}

func newOracle(w *World) *oracle {
	return &oracle{
		w: w, records: map[wire.Zxid]*record{0: {applied: true, committed: true, digest: datatree.New().Digest().Digest}},
		leaders: map[int64]zab.ServerID{}, views: make([]view, w.setup.Voters+w.setup.Observers+1),
		judge: history.NewJudge(w.fail), requests: map[wire.Zxid]history.Request{},
	}
}

func (o *oracle) view(s *server) *view { return &o.views[s.id] }

// proposed checks every transaction that a leader makes.
func (o *oracle) proposed(s *server, p wire.Proposal, prev wire.Zxid) {
	if old := o.records[p.Zxid]; old != nil {
		o.w.fail(invLocal, "server %d proposes %v, which server %d has proposed before", s.id, p.Zxid, old.proposer)
		return
	}
	if p.Zxid.Epoch() == prev.Epoch() && p.Zxid != prev+1 || p.Zxid.Epoch() != prev.Epoch() && p.Zxid.Counter() != 1 || p.Zxid <= prev {
		o.w.fail(invLocal, "server %d proposes %v directly after %v", s.id, p.Zxid, prev)
	}
	if end := o.w.setup.EpochEnd; end > 0 && p.Zxid.Counter() > uint32(end) {
		o.w.fail(invLocal, "server %d proposes %v, but the last counter of an epoch is 0x%x", s.id, p.Zxid, end)
	}
	if end := o.w.setup.EpochEnd; end > 0 && p.Zxid.Counter() == uint32(end) {
		o.w.plan.coverage.EpochsUsedUp++
	}
	if leader, ok := o.leaders[p.Zxid.Epoch()]; !ok || leader != s.id {
		o.w.fail(invIntegrity, "server %d proposes %v, but it is not the leader of that epoch", s.id, p.Zxid)
	}
	o.records[p.Zxid] = &record{prev: prev, data: p.Data, proposer: s.id}
}

// applied checks every transaction that a server's tree has applied; before is the last
// zxid of the tree before it.
func (o *oracle) applied(s *server, p wire.Proposal, before wire.Zxid, result *datatree.Result) {
	r := o.records[p.Zxid]
	switch {
	case r == nil:
		o.w.fail(invIntegrity, "server %d applies %v, which no leader proposed", s.id, p.Zxid)
		return
	case string(r.data) != string(p.Data):
		o.w.fail(invIntegrity, "server %d applies %v with other contents than it was proposed with", s.id, p.Zxid)
		return
	case r.prev != before:
		o.w.fail(history.SameHistory, "server %d applies %v after %v, but it was proposed after %v", s.id, p.Zxid, before, r.prev)
		return
	case result.Diverged:
		o.w.fail(history.Digest, "server %d has another digest after %v than the one that its leader, server %d, put into the transaction", s.id, p.Zxid, r.proposer)
		return
	}
	o.digest(s, p.Zxid)
}

// digest compares a server's tree with those of other servers at the same zxid.
func (o *oracle) digest(s *server, z wire.Zxid) {
	r := o.records[z]
	if r == nil {
		o.w.fail(invIntegrity, "server %d has %v, which no leader proposed", s.id, z)
		return
	}
	digest := s.tree.Digest().Digest
	if !r.applied {
		r.applied, r.digest = true, digest
	}
	if s.tree.LastZxid() != z {
		o.w.fail(history.Digest, "the tree of server %d should be at %v and is at %v", s.id, z, s.tree.LastZxid())
	}
	if r.digest != digest {
		o.w.fail(history.Digest, "server %d has digest %x after %v, and another server %x", s.id, uint64(digest), z, uint64(r.digest))
	}
}

// persisted notes what a core now believes to be on its disk.
func (o *oracle) persisted(s *server, z wire.Zxid, accepted, current int64) {
	v := o.view(s)
	v.claimed, v.accepted, v.current = z, max(v.accepted, accepted), max(v.current, current)
}

// sending checks every packet between servers before it leaves: what a server claims in
// it must be on its disk.
func (o *oracle) sending(s *server, p wire.QuorumPacket) {
	v, store, epoch := o.view(s), s.disk.store, p.Zxid.Epoch()
	switch {
	case p.Type == wire.PacketLeaderInfo && store.AcceptedEpoch() < epoch,
		p.Type == wire.PacketAckEpoch && store.AcceptedEpoch() < v.leaderInfo:
		o.w.fail(invPromise, "server %d promises an epoch in %v, but its disk has epoch %d", s.id, p.Type, store.AcceptedEpoch())
	case p.Type == wire.PacketNewLeader && store.CurrentEpoch() < epoch,
		p.Type == wire.PacketAck && p.Zxid.Counter() == 0 && store.CurrentEpoch() < epoch:
		o.w.fail(invPromise, "server %d sends %v of epoch %d, but its disk has epoch %d", s.id, p.Type, epoch, store.CurrentEpoch())
	case p.Type == wire.PacketAckEpoch && !o.contains(v.onDisk, p.Zxid),
		p.Type == wire.PacketAck && p.Zxid.Counter() != 0 && !o.contains(v.onDisk, p.Zxid):
		o.w.fail(invPromise, "server %d claims %v in %v, but its disk has %v", s.id, p.Zxid, p.Type, v.onDisk)
	}
}

// epochWritten checks a new current epoch on a disk: it claims that the disk has the
// history with which this epoch began (ZOOKEEPER-4643).
func (o *oracle) epochWritten(s *server, epoch int64, history wire.Zxid) {
	if last := s.disk.store.LastZxid(); !o.contains(last, history) {
		o.w.fail(invPromise, "server %d has epoch %d on its disk, which began with the history up to %v, but its log ends at %v", s.id, epoch, history, last)
	}
}

// replacing checks a server that is about to replace its history by one that ends
// at to. Until that is done its disk may have either of them, so that only the
// common part of both is sure.
func (o *oracle) replacing(s *server, to wire.Zxid) {
	v := o.view(s)
	if known := s.status.Committed; !o.contains(to, known) {
		o.w.fail(invPrimary, "server %d knows that %v is committed, and replaces it by a history up to %v", s.id, known, to)
	}
	had := o.common(v.onDisk, o.tip)
	v.claimed = o.common(v.claimed, to)
	v.onDisk = o.common(v.onDisk, to)
	if !o.onQuorum(had) {
		o.w.fail(invDurable, "server %d gives up %v, which is committed, and then no quorum has it on disk: %v", s.id, had, o.onDisk())
	}
}

// onQuorum tells whether a quorum has z, and all before it, on disk.
func (o *oracle) onQuorum(z wire.Zxid) bool {
	return o.w.system.IsQuorum(func(id int64) bool { return o.contains(o.views[id].onDisk, z) })
}

// common is the last zxid that two histories have in common.
func (o *oracle) common(a, b wire.Zxid) wire.Zxid {
	for a != b {
		if a < b {
			a, b = b, a
		}
		r := o.records[a]
		if r == nil {
			return 0
		}
		a = r.prev
	}
	return a
}

func (o *oracle) installed(s *server, z wire.Zxid) {
	if s.tree == nil {
		o.w.fail(invSnapshot, "server %d installs a tree at %v, but no tree has arrived", s.id, z)
		return
	}
	o.digest(s, z)
}

// rolledBack ends the claim to the transactions that were truncated.
func (o *oracle) rolledBack(s *server, to wire.Zxid) {
	at := s.tree.LastZxid()
	o.replacing(s, at)
	o.view(s).onDisk = at
	o.digest(s, at)
}

// recovered checks what a process has found on its disk.
func (o *oracle) recovered(s *server, found *storage.Recovered) bool {
	v := o.view(s)
	o.digest(s, found.LastZxid)
	switch {
	case v.claimed > found.LastZxid || !o.contains(found.LastZxid, v.claimed):
		o.w.fail(invPromise, "server %d had %v on its disk, and finds %v after a crash", s.id, v.claimed, found.LastZxid)
	case v.accepted > found.AcceptedEpoch:
		o.w.fail(invPromise, "server %d had accepted epoch %d, and finds %d after a crash", s.id, v.accepted, found.AcceptedEpoch)
	case v.current > found.CurrentEpoch:
		o.w.fail(invPromise, "server %d was in epoch %d, and finds %d after a crash", s.id, v.current, found.CurrentEpoch)
	}
	*v = view{claimed: found.LastZxid, onDisk: found.LastZxid, accepted: found.AcceptedEpoch, current: found.CurrentEpoch}
	return o.w.violation == nil
}

// durable notes what has reached a disk.
func (o *oracle) durable(s *server, z wire.Zxid) { o.view(s).onDisk = z }

// contains tells whether the history that ends at last includes z.
func (o *oracle) contains(last, z wire.Zxid) bool {
	for last > z {
		r := o.records[last]
		if r == nil {
			return false
		}
		if r.committed {
			if x := o.records[z]; x != nil && x.committed {
				return true // both are part of the committed history
			}
		}
		last = r.prev
	}
	return last == z
}

// afterStep checks what holds after every step.
func (o *oracle) afterStep(s *server, out *zab.Output) {
	st := &s.status
	if st.Committed > st.Applied || st.Applied > st.LastLogged {
		o.w.fail(invBounds, "server %d: committed %v, applied %v, logged %v", s.id, st.Committed, st.Applied, st.LastLogged)
	}
	if s.tree.LastZxid() != st.Applied && out.Rollback == nil {
		o.w.fail(invBounds, "server %d: the tree is at %v, but the core's applied zxid is %v", s.id, s.tree.LastZxid(), st.Applied)
	}
	for _, e := range out.Events {
		switch {
		case e.Kind == zab.Established:
			o.establishedLeader(s, e.Epoch)
		case e.Kind == zab.EpochAccepted:
			o.view(s).leaderInfo = e.Epoch
		case e.Kind == zab.PeerMisbehaved && !excusable(e.Reason), e.Kind == zab.ProposalRefused:
			o.w.fail(invProtocol, "server %d: %v", s.id, e)
		}
	}
	if st.Committed > o.tip {
		o.commit(s, st.Committed)
	} else if r := o.records[st.Committed]; r == nil || !r.committed {
		o.w.fail(history.SameHistory, "server %d counts %v as committed, but it is not part of the committed history, which ends at %v", s.id, st.Committed, o.tip)
	}
}

// excusable tells whether a server may report this of another one although both keep to
// the protocol.
func excusable(reason string) bool {
	for _, text := range []string{
		"within initLimit", "within syncLimit", // too slow
		"is newer than the leader's", // the election was wrong, or is long over
		"is promised",                // to a later leader
	} {
		if strings.Contains(reason, text) {
			return true
		}
	}
	return false
}

func (o *oracle) establishedLeader(s *server, epoch int64) {
	if other, ok := o.leaders[epoch]; ok {
		o.w.fail(history.OneLeader, "epoch %d has two leaders, %d and %d", epoch, other, s.id)
		return
	}
	o.leaders[epoch] = s.id
	if epoch > o.newest {
		o.newest = epoch
		if last := s.status.LastLogged; !o.contains(last, o.tip) {
			o.w.fail(invPrimary, "leader %d of epoch %d has the history up to %v, which lacks the committed %v", s.id, epoch, last, o.tip)
		}
	}
	if o.overlap(s) {
		o.w.reached(s, AtOverlap)
	}
}

// overlap tells whether another server, too, believes that it is an established leader.
func (o *oracle) overlap(s *server) bool {
	for _, other := range o.w.servers {
		if other != s && other.up && other.status.Role == zab.Leading && other.status.Phase == zab.Broadcast {
			return true
		}
	}
	return false
}

// commit extends the committed history up to z.
func (o *oracle) commit(s *server, z wire.Zxid) {
	var fresh []wire.Zxid
	at := z
	for at > o.tip {
		r := o.records[at]
		if r == nil {
			o.w.fail(invIntegrity, "server %d commits %v, which no leader proposed", s.id, at)
			return
		}
		fresh = append(fresh, at)
		at = r.prev
	}
	if at != o.tip {
		o.w.fail(history.SameHistory, "server %d commits a history up to %v; it leaves the committed one, which goes to %v, at %v", s.id, z, o.tip, at)
		return
	}
	if !o.onQuorum(z) {
		o.w.fail(invDurable, "server %d commits %v, but no quorum has it on disk: %v", s.id, z, o.onDisk())
		return
	}
	for i := len(fresh) - 1; i >= 0; i-- {
		o.records[fresh[i]].committed = true
		o.tip = fresh[i]
		o.commits++
		o.carryOut(fresh[i])
	}
}

// carryOut has the model carry out the request of a committed transaction.
func (o *oracle) carryOut(z wire.Zxid) {
	q := o.requests[z]
	delete(o.requests, z)
	txn, err := wire.UnmarshalTxn(o.records[z].data)
	if err != nil {
		o.w.fail(history.Result, "transaction %v cannot be read: %v", z, err)
		return
	}
	o.judge.Model.Commit(z, q, txn)
}

func (o *oracle) onDisk() []wire.Zxid {
	var on []wire.Zxid
	for id := 1; id <= o.w.setup.Voters; id++ {
		on = append(on, o.views[id].onDisk)
	}
	return on
}
