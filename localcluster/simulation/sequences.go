package simulation

import (
	"math/rand/v2"
	"time"

	"zkctl/localcluster/storage"
)

// A sequence is a few faults that belong together: the first ones bring servers to a
// place where such systems fail, and the last one strikes there. The swarm's own faults,
// which are independent of each other, reach some of these places once in a
// thousand runs (TestCoverage counts).
var sequences = []func(*rand.Rand, *Setup) []Fault{
	// Between the epoch files, and between them and the first sync.
	func(r *rand.Rand, s *Setup) []Fault {
		return crashAt(r, s, pick(r, AtPromise, AtHistory, AtNewLeader))
	},
	// During DIFF.
	func(r *rand.Rand, s *Setup) []Fault {
		return append([]Fault{crashedFollower(r, s)}, crashAt(r, s, pick(r, AtDiff, AtFirstAppend, AtNewLeader))...)
	},
	// During SNAP, at either end of it; it replaces a history that is too old for DIFF, or
	// one that was never committed.
	func(r *rand.Rand, s *Setup) []Fault {
		s.History = pick(r, 1, 2)
		faults := []Fault{pick(r, crashedFollower, isolatedLeader)(r, s)}
		for nth := 1; nth <= 3; nth++ {
			faults = append(faults, Fault{
				Kind: pick(r, FaultBreak, FaultBreak, FaultCrash), Survival: storage.KillProcess, For: ticks(r, s, 5),
				On: AtSnapSent, Nth: nth, At: time.Duration(r.Int64N(int64(s.Latency + time.Millisecond))),
			})
		}
		return append(faults, crashAt(r, s, pick(r, AtSnap, AtSnap, AtNewLeader, AtTornSnap))...)
	},
	// During TRUNC: the next leader remembers where the histories part.
	func(r *rand.Rand, s *Setup) []Fault {
		s.History = pick(r, 20, 500)
		return append([]Fault{isolatedLeader(r, s)}, crashAt(r, s, pick(r, AtTrunc, AtTrunc, AtFirstAppend))...)
	},
	// While two leaders overlap: one that was paused does not know of the other.
	func(r *rand.Rand, s *Setup) []Fault {
		stopped := Fault{
			Kind: FaultPause, On: AtEstablished, Nth: 1 + r.IntN(2), At: ticks(r, s, 10), For: succession(r, s),
		}
		return append([]Fault{stopped}, crashAt(r, s, AtOverlap)...)
	},
	// While a server recovers from an earlier crash.
	func(r *rand.Rand, s *Setup) []Fault {
		return append([]Fault{crashedFollower(r, s)}, crashAt(r, s, AtDied)...)
	},
}

func ticks(r *rand.Rand, s *Setup, most int) time.Duration {
	return time.Duration(r.Int64N(int64(most) * int64(s.Tick)))
}

// crashedFollower crashes a server, which misses what is committed meanwhile.
func crashedFollower(r *rand.Rand, s *Setup) Fault {
	return Fault{
		Kind: FaultCrash, At: time.Duration(r.Int64N(int64(s.Chaos)/2 + 1)), Server: 1 + r.IntN(s.Voters+s.Observers),
		Survival: survival(r), For: ticks(r, s, 10),
	}
}

// isolatedLeader cuts a leader off with its last proposals, until there is another one.
func isolatedLeader(r *rand.Rand, s *Setup) Fault {
	return Fault{Kind: FaultIsolate, On: AtProposed, Nth: 1 + r.IntN(12), For: succession(r, s)}
}

// succession is long enough for the election of another leader, and short enough that
// more can happen afterwards.
func succession(r *rand.Rand, s *Setup) time.Duration {
	s.SyncLimit = 2
	return 6*s.Tick + ticks(r, s, 5)
}

// crashAt kills the server that comes to an injection point, or its leader; often twice in a row.
func crashAt(r *rand.Rand, s *Setup, m InjectionPoint) []Fault {
	f := Fault{
		Kind: pick(r, FaultCrash, FaultCrash, FaultPower, FaultSync), Survival: survival(r), For: ticks(r, s, 5),
		On: m, Nth: 1, At: pick[time.Duration](r, 0, 0, 1) * time.Millisecond,
		Server: pick(r, Self, Self, Self, Leader),
	}
	switch m {
	case AtDied:
		f.Kind = pick(r, FaultPower, FaultSync) // only faults of a disk strike a server that is down
	case AtTrunc: // TRUNC takes only a few operations on files
		f.Kind, f.Server, f.At = pick(r, FaultCrash, FaultPower, FaultPower, FaultSync), Self, 0
	case AtTornSnap, AtOverlap: // reached once in a run, if at all
		f.Server, f.At = Self, 0
	default:
		f.Nth += r.IntN(2)
	}
	if f.inDisk() {
		f.N = 1 + r.IntN(pick(r, 3, 8))
	}
	if r.IntN(2) == 0 {
		return []Fault{f}
	}
	again := f
	again.Nth++
	return []Fault{f, again}
}

func survival(r *rand.Rand) storage.Survival {
	return pick(r, storage.KillProcess, storage.LosePower, storage.LoseUnsynced)
}
