package simulation

import (
	"strings"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// The invariants by name. The first group are those of the Zab paper (section
// III and the lemmas of section IV), the second what a ZooKeeper promises on top.
const (
	invOneLeader  = "at most one established leader an epoch"
	invIntegrity  = "integrity"               // what is delivered was broadcast, once
	invTotalOrder = "total order, agreement"  // histories are prefixes of one another
	invLocal      = "local primary order"     // in an epoch zxids grow by one
	invPrimary    = "primary integrity"       // a leader has delivered all of the epochs before
	invPromise    = "promises are kept"       // epochs never go back, not even in a crash
	invDurable    = "a quorum has it on disk" // before it is committed
	invBounds     = "committed <= applied <= logged"
	invProtocol   = "nobody breaks the protocol" // since everybody here keeps to it

	invDigest    = "digest is a function of history"
	invSnapshot  = "a snapshot is whole or nothing"
	invRecovery  = "a crash leaves what can be recovered"
	invResult    = "results follow from the order"
	invRead      = "a read is the state at its zxid"
	invFIFO      = "FIFO client order"
	invSync      = "a sync brings its server up to date"
	invOneImage  = "single system image"
	invSession   = "sessions expire neither early nor never"
	invEphemeral = "no ephemeral survives its session"
	invWatch     = "watches fire as promised"
	invLiveness  = "healed, hence live"
	invPrompt    = "calm, hence soon"
	invNoPanic   = "no panic"
)

// record is a transaction as the oracle remembers it. Zxids name histories: a
// zxid stands for a transaction and all that comes before it (Zab paper, claim
// 4), which prev makes checkable: whoever applies zxid must come from prev.
type record struct {
	prev      wire.Zxid
	data      []byte // as proposed
	proposer  zab.ServerID
	digest    int64 // of the tree behind it
	applied   bool  // by anybody: digest is known
	committed bool
}

// oracle sees everything and touches nothing. It knows what no server knows:
// the histories of all servers at once.
type oracle struct {
	w       *World
	records map[wire.Zxid]*record
	leaders map[int64]zab.ServerID // established, by epoch
	newest  int64                  // epoch among them
	tip     wire.Zxid              // of the committed history
	commits int
	views   []view // of each server
	model   *model
	ends    sessionEnds
}

// view is what the oracle knows about one server.
type view struct {
	// What it has claimed to have on its disk: through Persisted to its core,
	// or by starting from it. A crash must not take it back.
	claimed           wire.Zxid
	accepted, current int64

	onDisk  wire.Zxid // what really is, synced
	invited int64     // to the epoch of some leader
}

func newOracle(w *World) *oracle {
	o := &oracle{
		w: w, records: map[wire.Zxid]*record{0: {applied: true, committed: true, digest: datatree.New().Digest().Digest}},
		leaders: map[int64]zab.ServerID{}, views: make([]view, w.setup.Voters+w.setup.Observers+1), ends: newSessionEnds(),
	}
	o.model = newModel(o)
	return o
}

func (o *oracle) view(s *server) *view { return &o.views[s.id] }

// proposed is told of every transaction that a leader makes.
func (o *oracle) proposed(s *server, p wire.Proposal, prev wire.Zxid) {
	if old := o.records[p.Zxid]; old != nil {
		o.w.fail(invLocal, "server %d proposes %v, and server %d did before", s.id, p.Zxid, old.proposer)
		return
	}
	if p.Zxid.Epoch() == prev.Epoch() && p.Zxid != prev+1 || p.Zxid.Epoch() != prev.Epoch() && p.Zxid.Counter() != 1 || p.Zxid <= prev {
		o.w.fail(invLocal, "server %d proposes %v behind %v", s.id, p.Zxid, prev)
	}
	if end := o.w.setup.EpochEnd; end > 0 && p.Zxid.Counter() > uint32(end) {
		o.w.fail(invLocal, "server %d proposes %v, and epochs end with 0x%x", s.id, p.Zxid, end)
	}
	if end := o.w.setup.EpochEnd; end > 0 && p.Zxid.Counter() == uint32(end) {
		o.w.plan.coverage.EpochsUsedUp++
	}
	if leader, ok := o.leaders[p.Zxid.Epoch()]; !ok || leader != s.id {
		o.w.fail(invIntegrity, "server %d proposes %v and is not the leader of that epoch", s.id, p.Zxid)
	}
	o.records[p.Zxid] = &record{prev: prev, data: p.Data, proposer: s.id}
}

// applied is told of every transaction that a tree took; before is where the
// tree was.
func (o *oracle) applied(s *server, p wire.Proposal, before wire.Zxid, result *datatree.Result) {
	r := o.records[p.Zxid]
	switch {
	case r == nil:
		o.w.fail(invIntegrity, "server %d applies %v, which nobody proposed", s.id, p.Zxid)
		return
	case string(r.data) != string(p.Data):
		o.w.fail(invIntegrity, "server %d applies %v with other contents than it was proposed with", s.id, p.Zxid)
		return
	case r.prev != before:
		o.w.fail(invTotalOrder, "server %d applies %v behind %v, it was proposed behind %v", s.id, p.Zxid, before, r.prev)
		return
	case result.Diverged:
		o.w.fail(invDigest, "server %d has another tree after %v than its leader, server %d, foresaw", s.id, p.Zxid, r.proposer)
		return
	}
	o.digest(s, p.Zxid)
}

// digest compares a server's tree with that of others at the same zxid.
func (o *oracle) digest(s *server, z wire.Zxid) {
	r := o.records[z]
	if r == nil {
		o.w.fail(invIntegrity, "server %d holds %v, which nobody proposed", s.id, z)
		return
	}
	digest := s.tree.Digest().Digest
	if !r.applied {
		r.applied, r.digest = true, digest
	}
	if s.tree.LastZxid() != z {
		o.w.fail(invDigest, "server %d should be at %v and is at %v", s.id, z, s.tree.LastZxid())
	}
	if r.digest != digest {
		o.w.fail(invDigest, "server %d has digest %x after %v, and another server %x", s.id, uint64(digest), z, uint64(r.digest))
	}
}

// claims is told what a core has learned to be on its disk.
func (o *oracle) claims(s *server, z wire.Zxid, accepted, current int64) {
	v := o.view(s)
	v.claimed, v.accepted, v.current = z, max(v.accepted, accepted), max(v.current, current)
}

// says is told of every packet between servers before it leaves: what a server tells
// others of itself is on its disk.
func (o *oracle) says(s *server, p wire.QuorumPacket) {
	v, store, epoch := o.view(s), s.disk.store, p.Zxid.Epoch()
	switch {
	case p.Type == wire.PacketLeaderInfo && store.AcceptedEpoch() < epoch,
		p.Type == wire.PacketAckEpoch && store.AcceptedEpoch() < v.invited:
		o.w.fail(invPromise, "server %d promises an epoch in %v, and epoch %d is on its disk", s.id, p.Type, store.AcceptedEpoch())
	case p.Type == wire.PacketNewLeader && store.CurrentEpoch() < epoch,
		p.Type == wire.PacketAck && p.Zxid.Counter() == 0 && store.CurrentEpoch() < epoch:
		o.w.fail(invPromise, "server %d says %v of epoch %d, and epoch %d is on its disk", s.id, p.Type, epoch, store.CurrentEpoch())
	case p.Type == wire.PacketAckEpoch && !o.contains(v.onDisk, p.Zxid),
		p.Type == wire.PacketAck && p.Zxid.Counter() != 0 && !o.contains(v.onDisk, p.Zxid):
		o.w.fail(invPromise, "server %d claims %v in %v, and has %v on its disk", s.id, p.Zxid, p.Type, v.onDisk)
	}
}

// began is told by the disk that it has a new current epoch, which is a claim to the
// history that this epoch began with (ZOOKEEPER-4643).
func (o *oracle) began(s *server, epoch int64, history wire.Zxid) {
	if last := s.disk.store.LastZxid(); !o.contains(last, history) {
		o.w.fail(invPromise, "server %d has epoch %d on its disk, which began with the history up to %v, and of that only %v", s.id, epoch, history, last)
	}
}

// givesUp is told that a server is about to replace its history by one that
// ends at to. Until that is done its disk may hold either, and surely has what
// both have in common.
func (o *oracle) givesUp(s *server, to wire.Zxid) {
	v := o.view(s)
	if known := s.status.Committed; !o.contains(to, known) {
		o.w.fail(invPrimary, "server %d knows that %v is committed, and gives it up for a history up to %v", s.id, known, to)
	}
	had := o.common(v.onDisk, o.tip)
	v.claimed = o.common(v.claimed, to)
	v.onDisk = o.common(v.onDisk, to)
	if !o.onQuorum(had) {
		o.w.fail(invDurable, "server %d gives up %v, which is committed, and no quorum is left that has it on disk: %v", s.id, had, o.onDisk())
	}
}

// onQuorum tells whether a quorum has z, and all before it, on disk.
func (o *oracle) onQuorum(z wire.Zxid) bool {
	return o.w.system.IsQuorum(func(id int64) bool { return o.contains(o.views[id].onDisk, z) })
}

// common is the end of what two histories have in common.
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
		o.w.fail(invSnapshot, "server %d installs a tree at %v that has not arrived", s.id, z)
		return
	}
	o.digest(s, z)
}

// rolledBack: what was cut off is no longer claimed.
func (o *oracle) rolledBack(s *server, to wire.Zxid) {
	at := s.tree.LastZxid()
	o.givesUp(s, at)
	o.view(s).onDisk = at
	o.digest(s, at)
}

// recovered is told what a process has found on its disk.
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

// durable is told by the disk what has reached it.
func (o *oracle) durable(s *server, z wire.Zxid) { o.view(s).onDisk = z }

// contains tells whether the history that ends at last has z in it.
func (o *oracle) contains(last, z wire.Zxid) bool {
	for last > z {
		r := o.records[last]
		if r == nil {
			return false
		}
		if r.committed {
			if x := o.records[z]; x != nil && x.committed {
				return true // both on the one committed line
			}
		}
		last = r.prev
	}
	return last == z
}

// afterStep checks what every step must keep.
func (o *oracle) afterStep(s *server, out *zab.Output) {
	st := &s.status
	if st.Committed > st.Applied || st.Applied > st.LastLogged {
		o.w.fail(invBounds, "server %d: committed %v, applied %v, logged %v", s.id, st.Committed, st.Applied, st.LastLogged)
	}
	if s.tree.LastZxid() != st.Applied && out.Rollback == nil {
		o.w.fail(invBounds, "server %d: the tree is at %v, the core at %v", s.id, s.tree.LastZxid(), st.Applied)
	}
	for _, e := range out.Events {
		switch {
		case e.Kind == zab.Established:
			o.establishedLeader(s, e.Epoch)
		case e.Kind == zab.EpochAccepted:
			o.view(s).invited = e.Epoch
		case e.Kind == zab.PeerMisbehaved && !excusable(e.Reason), e.Kind == zab.ProposalRefused:
			o.w.fail(invProtocol, "server %d: %v", s.id, e)
		}
	}
	if st.Committed > o.tip {
		o.commit(s, st.Committed)
	} else if r := o.records[st.Committed]; r == nil || !r.committed {
		o.w.fail(invTotalOrder, "server %d believes %v to be committed, and it is not part of the history up to %v", s.id, st.Committed, o.tip)
	}
}

// excusable tells what happens between servers that all keep to the protocol,
// and is a reason to part all the same.
func excusable(reason string) bool {
	for _, text := range []string{
		"within initLimit", "within syncLimit", // too slow
		"is newer than the leader's", // the election was wrong, or long ago
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
		o.w.fail(invOneLeader, "epoch %d has two leaders, %d and %d", epoch, other, s.id)
		return
	}
	o.leaders[epoch] = s.id
	if epoch > o.newest {
		o.newest = epoch
		if last := s.status.LastLogged; !o.contains(last, o.tip) {
			o.w.fail(invPrimary, "leader %d of epoch %d has the history up to %v, in which %v is missing, which is committed", s.id, epoch, last, o.tip)
		}
	}
	if o.overlap(s) {
		o.w.reached(s, AtOverlap)
	}
}

// overlap: somebody else believes to be an established leader.
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
			o.w.fail(invIntegrity, "server %d commits %v, which nobody proposed", s.id, at)
			return
		}
		fresh = append(fresh, at)
		at = r.prev
	}
	if at != o.tip {
		o.w.fail(invTotalOrder, "server %d commits a history up to %v that leaves the committed one, which goes to %v, at %v", s.id, z, o.tip, at)
		return
	}
	if !o.onQuorum(z) {
		o.w.fail(invDurable, "server %d commits %v, and no quorum has it on disk: %v", s.id, z, o.onDisk())
		return
	}
	for i := len(fresh) - 1; i >= 0; i-- {
		o.records[fresh[i]].committed = true
		o.tip = fresh[i]
		o.commits++
		o.model.commit(fresh[i], o.records[fresh[i]])
	}
}

func (o *oracle) onDisk() []wire.Zxid {
	var on []wire.Zxid
	for id := 1; id <= o.w.setup.Voters; id++ {
		on = append(on, o.views[id].onDisk)
	}
	return on
}
