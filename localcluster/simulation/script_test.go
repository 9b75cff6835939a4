package simulation

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"zkctl/localcluster/datatree"
	"zkctl/localcluster/replica"
	"zkctl/localcluster/storage"
	"zkctl/localcluster/zab"
	"zkctl/probe/wire"
)

// script drives a world by hand: one exact sequence of events, where the swarm
// has many random ones. All invariants are checked throughout, and a script
// ends with the same proof as a run.
type script struct {
	*World
	t     *testing.T
	paths int
	cxid  int32
	hooks []func(at *server, e zab.Event)
	syncs map[zab.ServerID]wire.PacketType // how each learner was last brought up to date
	bad   []string                         // reports of peers that misbehaved
}

// scriptSeed is what scripts leave to chance: latencies, timeouts of elections.
// They hold with any.
var scriptSeed = flag.Uint64("script.seed", 1, "seed of the scripts")

// scriptSession owns what scripts write.
const scriptSession = 0x5c

func newScript(t *testing.T, setup Setup) *script {
	t.Helper()
	w, err := newWorld(*scriptSeed, setup, &eventLog{})
	if err != nil {
		t.Fatal(err)
	}
	s := &script{World: w, t: t, syncs: map[zab.ServerID]wire.PacketType{}}
	w.carryOut(nil)
	for _, x := range w.servers {
		x.disk.idle = true
	}
	w.watch = func(from *server, e zab.Event) {
		switch e.Kind {
		case zab.SyncReceived:
			s.syncs[from.id] = e.Sync
		case zab.PeerMisbehaved:
			s.bad = append(s.bad, fmt.Sprintf("%d: %v", from.id, e))
		}
		for _, hook := range s.hooks {
			hook(from, e)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, line := range w.log.Lines() {
				t.Log(line)
			}
			t.Logf("the same again: -script.seed %d", *scriptSeed)
		}
	})
	return s
}

// boot starts these servers, all if none is named.
func (s *script) boot(ids ...int) {
	if len(ids) == 0 {
		for _, x := range s.servers {
			ids = append(ids, int(x.id))
		}
	}
	for _, id := range ids {
		s.at(id).start()
	}
}

func (s *script) at(id int) *server { return s.server(zab.ServerID(id)) }

func (s *script) ok() {
	s.t.Helper()
	if s.violation != nil {
		s.t.Fatal(s.violation)
	}
}

// await lets time pass until something is so.
func (s *script) await(what string, holds func() bool) {
	s.t.Helper()
	if !s.until(60*time.Second, holds) {
		s.ok()
		s.t.Fatalf("after a minute: not yet %s: %s", what, s.roles())
	}
}

// stay lets time pass, in which something must not happen.
func (s *script) stay(ticks int, what string, happens func() bool) {
	s.t.Helper()
	if s.until(time.Duration(ticks)*s.setup.Tick, happens) {
		s.t.Fatalf("%s, and that must not be: %s", what, s.roles())
	}
	s.ok()
}

// leads waits until a server leads, of these, or of all.
func (s *script) leads(among ...int) *server {
	s.t.Helper()
	var leader *server
	s.await(fmt.Sprintf("a leader among %v", among), func() bool {
		for _, x := range s.servers {
			if x.up && x.status.Role == zab.Leading && x.status.Serving && x.replica.Sessions() != nil {
				leader = x
				return len(among) == 0 || slices.Contains(among, int(x.id))
			}
		}
		return false
	})
	return leader
}

// others are the servers that are none of these.
func (s *script) others(not ...*server) (ids []int) {
	for _, x := range s.servers {
		if !slices.Contains(not, x) {
			ids = append(ids, int(x.id))
		}
	}
	return ids
}

// serves waits until a server serves.
func (s *script) serves(ids ...int) {
	s.t.Helper()
	for _, id := range ids {
		s.await(fmt.Sprintf("server %d serves", id), func() bool { return s.at(id).up && s.at(id).status.Serving })
	}
}

// propose lets a leader begin to broadcast the creation of a node.
func (s *script) propose(leader *server) wire.Zxid {
	s.t.Helper()
	s.paths++
	return s.request(leader, wire.OpCreate2, &wire.CreateRequest{Path: fmt.Sprintf("/n%d", s.paths), Data: []byte("x"), ACL: wire.OpenACL()})
}

// writes lets the current leader propose something each time that so much has passed.
func (s *script) writes(each time.Duration) (stop func()) {
	stopped := false
	var write func()
	write = func() {
		if stopped {
			return
		}
		for _, x := range s.servers {
			if x.up && x.status.NextZxid != 0 && x.replica.Sessions() != nil {
				s.propose(x)
			}
		}
		s.after(each, write)
	}
	write()
	return func() { stopped = true }
}

// request lets a leader begin to broadcast what the session of the script asks for.
func (s *script) request(leader *server, op wire.OpCode, body wire.Record) wire.Zxid {
	s.t.Helper()
	sessions := leader.replica.Sessions()
	if sessions == nil {
		s.t.Fatalf("server %d does not lead", leader.id)
	}
	if !sessions.Alive(scriptSession) {
		sessions.Add(scriptSession, milliseconds(1<<30), leader.Now())
		sessions.SetOwner(scriptSession, replica.LocalOwner)
		body := wire.NewEncoder(nil)
		body.Int32(1 << 30)
		leader.replica.Propose(datatree.Request{Session: scriptSession, Op: wire.OpCreateSession, Body: body.Bytes(), Owner: replica.LocalOwner})
	}
	s.cxid++
	zxid := leader.status.NextZxid
	leader.replica.Propose(datatree.Request{
		Session: scriptSession, Cxid: s.cxid, Op: op, Owner: replica.LocalOwner, Body: wire.Marshal(body),
	})
	return zxid
}

// endSession closes the session of the script.
func (s *script) endSession(leader *server) wire.Zxid {
	zxid := leader.status.NextZxid
	s.oracle.judge.Ends.Request(scriptSession)
	leader.replica.Propose(datatree.Request{Session: scriptSession, Op: wire.OpCloseSession, Owner: replica.LocalOwner})
	return zxid
}

// commit proposes, and waits until it is committed and these servers have it.
func (s *script) commit(leader *server, count int, on ...int) (last wire.Zxid) {
	s.t.Helper()
	for range count {
		last = s.propose(leader)
	}
	on = append(on, int(leader.id))
	s.await(fmt.Sprintf("%v is committed on %v", last, on), func() bool {
		for _, id := range on {
			if s.at(id).status.Applied < last {
				return false
			}
		}
		return true
	})
	return last
}

// synced waits until these servers' disks have a transaction, which a quorum without
// them may have committed.
func (s *script) synced(z wire.Zxid, ids ...int) {
	s.t.Helper()
	for _, id := range ids {
		s.await(fmt.Sprintf("server %d has %v on its disk", id, z), func() bool { return s.oracle.view(s.at(id)).onDisk >= z })
	}
}

// hold keeps a server's disk from finishing anything; the result lets go.
func (s *script) hold(id int) (release func()) {
	d := &s.at(id).disk
	d.stuck++
	return func() {
		d.stuck--
		if d.s.up {
			d.begin()
		}
	}
}

// unwritten is what waits for a server's disk.
func (s *script) unwritten(id int) (kinds []zab.WriteKind) {
	d := &s.at(id).disk
	for _, op := range slices.Concat(d.batch, d.queue) {
		kinds = append(kinds, op.Write.Kind)
	}
	return kinds
}

// acksOf collects what a server acknowledges from now on.
func (s *script) acksOf(id int) *[]wire.Zxid {
	acks := &[]wire.Zxid{}
	s.tap = func(from *server, packet wire.QuorumPacket) {
		if packet.Type == wire.PacketAck && int(from.id) == id {
			*acks = append(*acks, packet.Zxid)
		}
	}
	return acks
}

func (s *script) holdAll(ids []int) (release func()) {
	var all []func()
	for _, id := range ids {
		all = append(all, s.hold(id))
	}
	return func() {
		for _, r := range all {
			r()
		}
	}
}

func (s *script) crash(id int, keeps storage.Survival) { s.at(id).end(keeps, false) }

// powerCut ends every server that is up, and lets their disks go.
func (s *script) powerCut(release func()) {
	for _, x := range s.servers {
		x.end(storage.LoseUnsynced, false)
	}
	release()
}

// stopAt lets the power fail in the n-th operation of a server's disk from now;
// the server starts again soon.
func (s *script) stopAt(id, n int, keeps storage.Survival) {
	d := &s.at(id).disk
	d.survival, d.downtime = keeps, 50*time.Millisecond
	d.powerFails(n)
}

// strikes waits until what was planted in a server's disk has its effect, and tells
// whether that was before the server has served.
func (s *script) strikes(kind FaultKind, id int) (early bool) {
	s.t.Helper()
	early = true
	s.await(fmt.Sprintf("%s has struck", kind), func() bool {
		early = early && !(s.at(id).up && s.at(id).status.Serving)
		return s.plan.coverage.Faults[slices.Index(FaultKinds[:], kind)] > 0
	})
	return early
}

// isolate cuts a server off.
func (s *script) isolate(id int, channel Channel) (heal func()) {
	var heals []func()
	for _, other := range s.servers {
		if int(other.id) != id {
			heals = append(heals, s.cut(pair{zab.ServerID(id), other.id}, channel), s.cut(pair{other.id, zab.ServerID(id)}, channel))
		}
	}
	return func() {
		for _, h := range heals {
			h()
		}
	}
}

// end heals everything and asks for the proof of every run.
func (s *script) end() {
	s.t.Helper()
	s.ok()
	s.tap = nil // the proof brings more of everything
	s.plan.heal()
	leader := s.leads()
	if leader.replica.Sessions().Alive(scriptSession) {
		s.endSession(leader)
	}
	s.prove()
	s.ok()
}

func (s *script) lost(z wire.Zxid) {
	s.t.Helper()
	if r := s.oracle.records[z]; r != nil && r.committed {
		s.t.Errorf("%v is committed, and should have been given up", z)
	}
}
