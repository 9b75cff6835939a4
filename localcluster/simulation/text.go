package simulation

import (
	"fmt"
	"strconv"
	"strings"

	"zkctl/inject/scenario"
	"zkctl/localcluster/storage"
)

// step is the fault as a step of a scenario, which compile reads as the same fault.
func (f Fault) step(s *Setup) scenario.Step {
	x := scenario.Step{Label: f.Label, Line: 1, Col: 1}
	x.When = scenario.When{At: f.At, Point: f.On, Step: f.After, Ended: f.Ended}
	if f.On != "" {
		x.When.Nth = f.Nth
		if f.Of != 0 {
			x.When.Of = strconv.Itoa(f.Of)
		}
	}
	x.Fault = scenario.Fault{Target: f.target(s), For: f.For}
	f.write(&x.Fault, s)
	return x
}

// write sets the verb and the flags, and the target where it is more than the server.
func (f *Fault) write(x *scenario.Fault, s *Setup) {
	server := x.Target
	channel := func() {
		if f.Channel != Both {
			x.Channel = f.Channel.String()
		}
	}
	switch f.Kind {
	case FaultCrash:
		x.Verb, x.Lose = scenario.Kill, losses[f.Survival]
		x.Silent = f.Survival != storage.KillProcess && f.N == 0
	case FaultStop:
		x.Verb = scenario.Restart
	case FaultPause:
		x.Verb = scenario.Pause
	case FaultShut:
		x.Verb = scenario.Refuse
	case FaultResign:
		x.Verb = scenario.Elect
	case FaultForceElection:
		x.Verb, x.Target, x.Forced = scenario.Elect, strconv.Itoa(f.Peer), idsOf(f.N)
	case FaultIsolate:
		x.Verb = scenario.Partition
		channel()
	case FaultDeafen:
		x.Verb, x.Target = scenario.Partition, "!"+server+">"+server
		channel()
	case FaultMute:
		x.Verb, x.Target = scenario.Partition, server+">!"+server
		channel()
	case FaultCut:
		x.Verb, x.Target = scenario.Partition, fmt.Sprintf("%s>%d", server, f.Peer)
		channel()
	case FaultSplit:
		x.Verb, x.Target = scenario.Partition, everyServer(s)
		if others := 1<<(s.Voters+s.Observers) - 1 - f.N; others != 0 {
			x.Target = idsOf(f.N) + "|" + idsOf(others)
		}
		channel()
	case FaultPartition:
		p := f.Partition
		x.Verb, x.Target, x.OneWay, x.Bridge, x.Ring, x.Channel = scenario.Partition, p.Groups, p.OneWay, p.Bridge, p.Ring, p.Channel
	case FaultBreak:
		x.Verb = scenario.Reset
		if f.Peer != 0 {
			x.Target = fmt.Sprintf("%s>%d", server, f.Peer)
		}
		channel()
	case FaultLag:
		x.Verb, x.Shape.Latency = scenario.Slow, f.Amount
		channel()
	case FaultSlowDisk, FaultStuckDisk, FaultFull, FaultSync, FaultPower:
		f.writeDisk(x)
	case FaultClock:
		x.Verb, x.Skew = scenario.Clock, f.Amount
		if f.N != 100 {
			x.Rate = f.N
		}
	case FaultSever, FaultSleep, FaultAbandon:
		x.Verb = scenario.Client
		x.Client = scenario.ClientFault{Sever: f.Kind == FaultSever, Sleep: f.Kind == FaultSleep, Abandon: f.Kind == FaultAbandon}
		switch f.N {
		case AllClients:
			x.Target = "all"
		case HalfClients:
			x.Target = "half"
		default:
			x.Target = strconv.Itoa(f.N)
		}
	}
}

func (f *Fault) writeDisk(x *scenario.Fault) {
	x.Verb = scenario.Disk
	switch f.Kind {
	case FaultSlowDisk:
		x.Disk.Latency = f.Amount
	case FaultStuckDisk:
		x.Disk.Stuck = true
	case FaultFull:
		x.Disk.Full = true
	case FaultSync, FaultPower:
		x.Lose = losses[f.Survival]
		if x.Disk.PowerFails = f.Kind == FaultPower; !x.Disk.PowerFails {
			x.Disk.Error = "EIO"
		}
		if f.N > 1 {
			x.Disk.Nth = f.N
		}
	}
}

var losses = map[storage.Survival]scenario.Loss{
	storage.KillProcess: scenario.LoseNothing, storage.LosePower: scenario.LoseSome, storage.LoseUnsynced: scenario.LoseUnsynced,
}

// target is Server, or Select, as a selector.
func (f *Fault) target(s *Setup) string {
	switch {
	case f.Select != "":
		return f.Select
	case f.Server == Self:
		return "self"
	case f.Server == Leader:
		return "leader"
	case f.Server == All:
		return everyServer(s)
	}
	return strconv.Itoa(f.Server)
}

// everyServer selects all servers. The word all would select the voters.
func everyServer(s *Setup) string { return fmt.Sprintf("1-%d", s.Voters+s.Observers) }

// idsOf lists the servers in a set of bits.
func idsOf(set int) string {
	var ids []string
	for _, id := range membersOf(set) {
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	return strings.Join(ids, ",")
}

// membersOf are the servers in a set of bits.
func membersOf(set int) (ids []int64) {
	for id := int64(1); set != 0; id++ {
		if set&1 != 0 {
			ids = append(ids, id)
		}
		set >>= 1
	}
	return ids
}
