package zab

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zkctl/probe/wire"
)

var (
	swarmSeed = flag.Uint64("swarm.seed", 0, "replay this one schedule")
	swarmRuns = flag.Int("swarm.runs", 300, "how many schedules to run")
)

// TestSwarm runs random schedules of crashes, cuts, broken connections, slow
// disks and proposals, checks the Zab paper's properties after every step, and
// then heals everything and asks for one leader and one history.
func TestSwarm(t *testing.T) {
	first, runs := uint64(1), *swarmRuns
	if testing.Short() {
		runs = min(runs, 50)
	}
	if *swarmSeed != 0 {
		first, runs = *swarmSeed, 1
	}
	for seed := first; seed < first+uint64(runs); seed++ {
		if err := runSwarm(seed, *swarmSeed != 0, t.Logf); err != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./localcluster/zab -run TestSwarm -swarm.seed %d -v", seed, err, seed)
		}
	}
}

// swarm checks one schedule.
type swarm struct {
	*world
	rng       *rand.Rand
	committed []wire.Proposal    // the one history, as far as any server delivered it
	leaders   map[int64]ServerID // established, by epoch
	known     map[ServerID]int   // how much of committed each server knows to be so
	acked     map[wire.Zxid]bool // delivered by its leader: a client was told
	values    int
	err       error
}

func runSwarm(seed uint64, verbose bool, logf func(string, ...any)) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld([]int{1, 2, 3, 3, 3, 4, 5, 5, 7}[rng.IntN(9)], rng.IntN(3))
	s := &swarm{world: w, rng: rng, leaders: map[int64]ServerID{}, known: map[ServerID]int{}, acked: map[wire.Zxid]bool{}}
	if verbose {
		w.trace = func(f string, a ...any) { logf("%8v "+f, append([]any{w.now}, a...)...) }
	}
	w.check = s.invariants
	// From another stream, so that all else is drawn as it was without it.
	if other := rand.New(rand.NewPCG(seed, 1)); other.IntN(3) == 0 {
		w.lastCounter = 1 + other.Uint32N(8)
	}
	for _, id := range w.ids {
		if err := w.start(id); err != nil {
			return err
		}
	}
	chaos := 200 + rng.IntN(1500)
	weights := [8]int{}
	for i := range weights { // each run draws which faults are on, and how often
		if rng.IntN(3) > 0 {
			weights[i] = 1 + rng.IntN(30)
		}
	}
	for range chaos {
		s.chaos(weights)
		if s.err != nil {
			return s.err
		}
	}
	return s.heal()
}

func (s *swarm) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
		s.trace("VIOLATION %v", s.err)
	}
}

// chaos does one thing: mostly a step of the protocol, sometimes a fault.
func (s *swarm) chaos(weights [8]int) {
	any := func() ServerID { return s.ids[s.rng.IntN(len(s.ids))] }
	if s.rng.IntN(1000) < 800 {
		if m := s.moves(); len(m) > 0 {
			m[s.rng.IntN(len(m))]()
			return
		}
	}
	pick := s.rng.IntN(200)
	for i, weight := range weights {
		if pick -= weight; pick >= 0 {
			continue
		}
		id, other := any(), any()
		switch i {
		case 0:
			if s.servers[id].node != nil {
				s.trace("crash %d", id)
				s.crash(id)
			}
		case 1, 2:
			if s.servers[id].node == nil {
				s.restart(id)
			}
		case 3:
			if id != other {
				s.blocked[pair{id, other}] = !s.blocked[pair{id, other}]
				s.trace("cut %d>%d %v", id, other, s.blocked[pair{id, other}])
			}
		case 4:
			s.trace("break %d-%d", id, other)
			s.breakLinks(id, other, func(queued int) int { return s.rng.IntN(queued + 1) })
		case 5:
			s.servers[id].stuck = !s.servers[id].stuck
			s.trace("stuck %d %v", id, s.servers[id].stuck)
		case 6: // part of a batch reaches the disk
			if srv := s.servers[id]; srv.node != nil && len(srv.pending) > 0 {
				s.persist(srv, 1+s.rng.IntN(len(srv.pending)))
			}
		case 7:
			clear(s.blocked)
		}
		return
	}
	s.proposeSomewhere()
	s.now += time.Duration(s.rng.IntN(60)) * time.Millisecond
	s.step(s.servers[any()], Tick{})
}

func (s *swarm) restart(id ServerID) {
	s.trace("restart %d", id)
	s.known[id] = 0
	if err := s.start(id); err != nil {
		s.fail("restart of %d: %v", id, err)
	}
}

func (s *swarm) proposeSomewhere() {
	for _, id := range s.ids {
		srv := s.servers[id]
		if srv.node == nil {
			continue
		}
		if z := srv.node.Status().NextZxid; z != 0 && s.rng.IntN(2) == 0 {
			s.values++
			s.step(srv, Proposed{wire.Proposal{Zxid: z, Data: fmt.Appendf(nil, "v%d", s.values)}})
		}
	}
}

func same(a, b wire.Proposal) bool { return a.Zxid == b.Zxid && bytes.Equal(a.Data, b.Data) }

// invariants are the properties of the Zab paper (section III), checked on
// what every server has applied and on what it knows to be committed.
func (s *swarm) invariants(srv *server, out Output) {
	if srv.node == nil || s.err != nil {
		return
	}
	st := srv.node.Status()
	for _, e := range out.Events {
		if e.Kind == Established {
			if old, ok := s.leaders[e.Epoch]; ok && old != srv.id {
				s.fail("epoch %d has two leaders, %d and %d", e.Epoch, old, srv.id)
			}
			s.leaders[e.Epoch] = srv.id
		}
	}
	if !(st.Committed <= st.Applied && st.Applied <= st.LastLogged) {
		s.fail("server %d: committed %v, applied %v, logged %v out of order", srv.id, st.Committed, st.Applied, st.LastLogged)
	}
	// The tree is an unbroken sequence in the order of zxids.
	if n := len(srv.tree); n > 0 {
		if out.Rollback == nil && srv.tree[n-1].Zxid != st.Applied {
			s.fail("server %d: tree at %v, core says %v", srv.id, srv.tree[n-1].Zxid, st.Applied)
		}
	} else if st.Applied != 0 && out.Rollback == nil {
		s.fail("server %d: empty tree, core says %v", srv.id, st.Applied)
	}
	if st.Committed == 0 || out.Rollback != nil {
		return
	}
	// Total order and agreement: what servers know to be committed is one
	// sequence, of which each server knows a prefix.
	upTo := 0
	for upTo < len(srv.tree) && srv.tree[upTo].Zxid <= st.Committed {
		upTo++
	}
	from := min(s.known[srv.id], upTo)
	for i := from; i < upTo; i++ {
		if i < len(s.committed) {
			if !same(s.committed[i], srv.tree[i]) {
				s.fail("server %d has %v %s where %v %s is committed", srv.id, srv.tree[i].Zxid, srv.tree[i].Data, s.committed[i].Zxid, s.committed[i].Data)
				return
			}
			continue
		}
		s.committed = append(s.committed, srv.tree[i])
	}
	s.known[srv.id] = upTo
	// Integrity of primaries: an established leader holds all that is committed.
	if st.Role == Leading && st.Phase == Broadcast && len(s.committed) > len(srv.tree) {
		if newest := s.newestLeader(); newest == srv.id {
			s.fail("leader %d of epoch %d holds %d transactions, %d are committed", srv.id, st.Epoch, len(srv.tree), len(s.committed))
		}
	}
}

func (s *swarm) newestLeader() ServerID {
	var newest int64
	for epoch := range s.leaders {
		newest = max(newest, epoch)
	}
	return s.leaders[newest]
}

// heal ends all faults; within bounded time there must be one leader, every
// server must follow it, a write must go through, and all must hold the same.
func (s *swarm) heal() error {
	s.trace("heal")
	clear(s.blocked)
	for _, id := range s.ids {
		s.servers[id].stuck = false
		if s.servers[id].node == nil {
			s.restart(id)
		}
	}
	if err := cmp.Or(s.run(15*time.Second), s.err); err != nil {
		return err
	}
	var leader *server
	for _, id := range s.ids {
		st := s.servers[id].node.Status()
		if !st.Serving {
			return fmt.Errorf("healed, but server %d is %v in %v", id, st.Role, st.Phase)
		}
		if st.Role == Leading {
			if leader != nil {
				return fmt.Errorf("healed, but %d and %d lead", leader.id, id)
			}
			leader = s.servers[id]
		}
	}
	if leader == nil {
		return fmt.Errorf("healed, but no server leads")
	}
	s.step(leader, Proposed{wire.Proposal{Zxid: leader.node.Status().NextZxid, Data: []byte("last")}})
	if err := cmp.Or(s.run(time.Second), s.err); err != nil {
		return err
	}
	for _, id := range s.ids {
		if !slices.EqualFunc(s.servers[id].tree, leader.tree, same) {
			return fmt.Errorf("healed, but %d holds %d transactions and the leader, %d, holds %d", id, len(s.servers[id].tree), leader.id, len(leader.tree))
		}
		if !slices.EqualFunc(s.servers[id].disk.log, leader.tree, same) {
			return fmt.Errorf("healed, but the log of %d is not its tree", id)
		}
	}
	if len(s.committed) != len(leader.tree) {
		return fmt.Errorf("healed, but %d transactions are known to be committed, and the leader holds %d", len(s.committed), len(leader.tree))
	}
	return nil
}

// TestSwarmCorpus replays schedules that once failed.
func TestSwarmCorpus(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		was  string
	}{
		{2, "observers answered each other's votes without end"},
		{8174, "an observer that had promised a later epoch tried to join again without pause"},
	} {
		if err := runSwarm(c.seed, false, t.Logf); err != nil {
			t.Errorf("seed %d (%s): %v", c.seed, c.was, err)
		}
	}
}
