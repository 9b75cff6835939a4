package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"

	"zkctl/localcluster/zab"
	"zkctl/quorum"
)

// Setup is the ensemble of a run and the world around it without faults. With
// the seed and the faults it decides everything.
type Setup struct {
	Voters    int
	Observers int
	Groups    bool // hierarchical quorums, of 6 voters or more: groups of three

	Tick      time.Duration
	InitLimit int
	SyncLimit int
	History   int // committed transactions kept for DIFF; few, so that TRUNC and SNAP happen
	SnapCount int // transactions between snapshots
	EpochEnd  int // the last counter of an epoch, small so that it is reached; 0: the largest 32-bit counter

	Clients     int
	Think       time.Duration // mean time between two requests of a client
	Pipeline    int           // requests that a client has in flight at most
	XidsRestart bool          // clients count their xids from 1 on every connection
	Wide        bool          // clients change servers without need, and also send rare requests: addWatch, multiRead
	Farewells   bool          // clients close their sessions while other requests are in flight

	Stagger         time.Duration // servers start within it
	Latency, Jitter time.Duration // of every link
	Uneven          bool          // some links are slower by up to some ticks, until healing
	Fsync           time.Duration // mean

	Chaos time.Duration // faults begin within it; then all are healed
}

// base is a calm ensemble, for scripts.
func base(voters, observers int) Setup {
	return Setup{
		Voters: voters, Observers: observers,
		Tick: 200 * time.Millisecond, InitLimit: 10, SyncLimit: 5, History: 500, SnapCount: 1000,
		Clients: 0, Think: 20 * time.Millisecond, Pipeline: 1,
		Latency: time.Millisecond, Jitter: time.Millisecond, Fsync: 2 * time.Millisecond,
		Chaos: time.Second,
	}
}

func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// draw chooses the setup of a random run. All limits are small: what happens
// once a week in production should happen in every second run.
func draw(r *rand.Rand, nodes int) Setup {
	s := Setup{
		Voters: nodes, Observers: pick(r, 0, 0, 0, 1, 2),
		Tick:      pick[time.Duration](r, 100, 200, 200, 400) * time.Millisecond,
		InitLimit: pick(r, 5, 10, 10), SyncLimit: pick(r, 2, 3, 5),
		History: pick(r, 1, 2, 4, 8, 20, 500), SnapCount: pick(r, 3, 10, 30, 100, 100000),
		Clients: pick(r, 1, 2, 3, 3, 4, 6), Think: pick[time.Duration](r, 5, 20, 50, 200) * time.Millisecond,
		Pipeline: pick(r, 1, 2, 4, 8), XidsRestart: r.IntN(3) == 0,
		Latency: pick[time.Duration](r, 0, 100, 500, 2000, 10000) * time.Microsecond,
		Fsync:   pick[time.Duration](r, 50, 500, 2000, 10000) * time.Microsecond,
		Chaos:   pick[time.Duration](r, 1, 2, 2, 3, 5, 10) * time.Second,
	}
	s.Uneven, s.Wide = r.IntN(4) == 0, r.IntN(2) == 0
	s.Jitter = s.Latency * pick[time.Duration](r, 0, 1, 3)
	if nodes == 0 {
		s.Voters = pick(r, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7)
	}
	s.Groups = s.Voters >= 6 && r.IntN(3) == 0
	return s
}

// system is the quorum system of the voters.
func (s *Setup) system() (*quorum.System, error) {
	if !s.Groups {
		return quorum.MajorityOf(s.Voters)
	}
	var all []int64
	var groups []quorum.Group
	for id := int64(1); id <= int64(s.Voters); id++ {
		all = append(all, id)
		g := int((id - 1) / 3)
		if g == len(groups) {
			groups = append(groups, quorum.Group{ID: int64(g + 1)})
		}
		groups[g].Members = append(groups[g].Members, id)
	}
	return quorum.NewHierarchical(all, groups, nil)
}

func (s *Setup) servers() []zab.ServerID {
	var ids []zab.ServerID
	for id := 1; id <= s.Voters+s.Observers; id++ {
		ids = append(ids, zab.ServerID(id))
	}
	return ids
}

// MaxVoters is the largest number of voters, and of observers.
const MaxVoters = 7

// check refuses ensembles that cannot exist, and times with which a run would not end.
func (s *Setup) check() error {
	err := cmp.Or(
		within("voters", s.Voters, 1, MaxVoters),
		within("observers", s.Observers, 0, MaxVoters),
		within("tick", s.Tick, time.Millisecond, time.Minute),
		within("initlimit", s.InitLimit, 1, 1000),
		within("synclimit", s.SyncLimit, 1, 1000),
		within("history", s.History, 1, 1<<20),
		within("snapcount", s.SnapCount, 1, 1<<30),
		within("epochend", s.EpochEnd, 0, 1<<30),
		within("clients", s.Clients, 0, 100),
		within("think", s.Think, time.Microsecond, time.Hour),
		within("pipeline", s.Pipeline, 1, 1000),
		within("latency", s.Latency, 0, time.Minute),
		within("jitter", s.Jitter, 0, time.Minute),
		within("stagger", s.Stagger, 0, time.Minute),
		within("fsync", s.Fsync, 0, time.Minute),
		within("chaos", s.Chaos, 0, time.Hour),
	)
	if err == nil {
		_, err = s.system()
	}
	return err
}

func within[T int | time.Duration](name string, is, least, most T) error {
	if is < least || is > most {
		return fmt.Errorf("%s=%v is not between %v and %v", name, is, least, most)
	}
	return nil
}
