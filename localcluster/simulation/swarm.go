package simulation

import (
	"math/rand/v2"
	"time"

	"zkctl/localcluster/storage"
)

// drawFaults is the swarm: each run draws which kinds of faults it has and how often, so
// that rare combinations occur, and how many of them are planted at injection points
// instead of times.
func drawFaults(r *rand.Rand, s *Setup) []Fault {
	weights := make([]int, drawnKinds)
	total := 0
	for i := range weights {
		if r.IntN(2) == 0 {
			weights[i] = 1 + r.IntN(10)
			total += weights[i]
		}
	}
	if total == 0 {
		return nil
	}
	planted := pick(r, 0, 3, 7, 9) // of ten
	var faults []Fault
	for range pick(r, 1, 3, 6, 12, 25) {
		x := r.IntN(total)
		kind := 0
		for x >= weights[kind] {
			x -= weights[kind]
			kind++
		}
		f := drawFault(r, s, FaultKinds[kind])
		if r.IntN(10) < planted {
			f.On, f.Nth, f.At = InjectionPoints[r.IntN(len(InjectionPoints))], 1+r.IntN(4), pick[time.Duration](r, 0, 0, 0, 1, 5, 50)*time.Millisecond
			f.Of = pick(r, 0, 0, 1+r.IntN(s.Voters+s.Observers))
			f.Server = pick(r, Self, Self, Self, Leader, f.Server)
		} else if len(faults) > 0 && r.IntN(4) == 0 {
			f.At = faults[len(faults)-1].At // several things at once
		}
		faults = append(faults, f)
		if r.IntN(5) == 0 { // twice in a row
			again := f
			if f.On != "" {
				again.Nth++
			} else {
				again.At += f.For + time.Duration(r.Int64N(int64(s.Tick)))
			}
			faults = append(faults, again)
		}
	}
	return faults
}

func drawFault(r *rand.Rand, s *Setup, kind FaultKind) Fault {
	f := Fault{
		Kind: kind, At: time.Duration(r.Int64N(int64(s.Chaos))), Server: 1 + r.IntN(s.Voters+s.Observers),
		For: time.Duration(r.Int64N(int64(pick[time.Duration](r, 1, 5, 20) * s.Tick))),
	}
	switch kind {
	case FaultCrash:
		f.Survival = pick(r, storage.KillProcess, storage.KillProcess, storage.LosePower, storage.LoseUnsynced)
		f.N = r.IntN(2) // whether connections are closed although the machine dies
		if r.IntN(8) == 0 {
			f.Server = All
		}
	case FaultPower:
		f.Survival = pick(r, storage.KillProcess, storage.LosePower, storage.LosePower, storage.LoseUnsynced)
		f.N = 1 + r.IntN(pick(r, 3, 12, 40))
	case FaultCut, FaultBreak:
		f.Peer = 1 + r.IntN(s.Voters+s.Observers)
		f.Channel = pick(r, Both, Both, QuorumChannel, ElectionChannel)
	case FaultIsolate, FaultDeafen, FaultMute:
		f.Channel = pick(r, Both, Both, QuorumChannel, ElectionChannel)
	case FaultForceElection:
		f.Server, f.Peer = Self, 1+r.IntN(s.Voters)
		f.N = r.IntN(1<<s.Voters) | 1<<(f.Peer-1)
	case FaultSplit:
		f.N = r.IntN(1 << (s.Voters + s.Observers))
	case FaultLag:
		f.Amount = time.Duration(r.Int64N(int64(pick[time.Duration](r, 1, 2, 10) * s.Tick)))
		f.Channel = pick(r, Both, QuorumChannel, ElectionChannel)
	case FaultSlowDisk:
		f.Amount = time.Duration(r.Int64N(int64(2 * s.Tick)))
	case FaultSync:
		f.N = 1 + r.IntN(10)
		f.Survival = pick(r, storage.KillProcess, storage.LosePower, storage.LoseUnsynced)
	case FaultClock:
		f.N = pick(r, 50, 80, 95, 105, 130, 200)
		f.Amount = time.Duration(r.Int64N(int64(20*time.Second))) - 10*time.Second
	case FaultSever, FaultSleep, FaultAbandon:
		f.N = 1 + r.IntN(s.Clients)
		f.Server = Self
	}
	return f
}
