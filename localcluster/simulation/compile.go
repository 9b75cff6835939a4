package simulation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zkctl/inject/scenario"
	"zkctl/localcluster/storage"
)

// mostStrikes bounds how often a step with `every` strikes.
const mostStrikes = 10_000

// compile makes faults of a step of a scenario: one, or with `every` one for each time that it
// strikes before the faults end. The error says why the simulation cannot carry it out.
func compile(step *scenario.Step, s *Setup) ([]Fault, error) {
	w := step.When
	f := Fault{
		At: w.At, On: w.Point, Nth: w.Nth, Label: step.Label, After: w.Step, Ended: w.Ended, For: step.Fault.For,
	}
	if w.Of != "" {
		var err error
		if f.Of, err = strconv.Atoi(w.Of); err != nil || f.Of < 1 {
			return nil, fmt.Errorf("of=%s: the simulation watches the injection points of one server, given by its id, or of all", w.Of)
		}
	}
	if err := f.read(&step.Fault, s); err != nil {
		return nil, err
	}
	if w.Every == 0 {
		return []Fault{f}, nil
	}
	var faults []Fault
	for f.At < s.Chaos && (w.Times == 0 || len(faults) < w.Times) {
		if len(faults) == mostStrikes {
			return nil, fmt.Errorf("every %v: that is more than %d times in %v; say how often with times=", w.Every, mostStrikes, s.Chaos)
		}
		faults = append(faults, f)
		f.At += w.Every
	}
	return faults, nil
}

// read sets the fields of a fault but those that say when.
func (f *Fault) read(x *scenario.Fault, s *Setup) error {
	f.Channel = channelOf(x.Channel)
	f.aim(x.Target, s)
	switch x.Verb {
	case scenario.Kill:
		return f.readKill(x)
	case scenario.Restart:
		f.Kind = FaultStop
	case scenario.Pause:
		f.Kind = FaultPause
	case scenario.Partition:
		return f.readPartition(x, s)
	case scenario.Slow:
		return f.readSlow(x)
	case scenario.Reset:
		return f.readReset(x, s)
	case scenario.Refuse:
		f.Kind = FaultShut
	case scenario.Disk:
		return f.readDisk(x)
	case scenario.Clock:
		f.Kind, f.N, f.Amount = FaultClock, 100, x.Skew
		if x.Rate != 0 {
			f.N = x.Rate
		}
	case scenario.Elect:
		return f.readElect(x, s)
	case scenario.Client:
		f.readClient(x)
	case scenario.Expire:
		return errors.New("expire: the simulation knows no session by its name; let a client lose its own: client N --sleep --for TIME")
	case scenario.Damage:
		return errors.New("damage: the simulation checks that disks keep what was synced, so it does not edit them; use disk --power-fails")
	default:
		return fmt.Errorf("%s: the simulation does not know this fault", x.Verb)
	}
	return nil
}

func channelOf(name string) Channel {
	for _, c := range []Channel{QuorumChannel, ElectionChannel} {
		if c.String() == name {
			return c
		}
	}
	return Both
}

// aim sets the server that a selector names. What is no single server, or depends on the moment
// of the strike, stays a selector.
func (f *Fault) aim(selector string, s *Setup) {
	f.Server, f.Select = Self, ""
	id, isID := idOf(selector)
	switch {
	case selector == "self":
	case selector == "leader" && f.On != "":
		f.Server = Leader
	case selector == everyServer(s):
		f.Server = All
	case isID:
		f.Server = id
	default:
		f.Select = selector
	}
}

// idOf reads an id, in the form in which ids are written.
func idOf(text string) (id int, ok bool) {
	id, err := strconv.Atoi(text)
	return id, err == nil && id > 0 && strconv.Itoa(id) == text
}

// oneServer tells whether a selector names one server whenever it strikes.
func oneServer(selector string) bool {
	_, isID := idOf(selector)
	return selector == "self" || selector == "leader" || isID
}

func (f *Fault) readKill(x *scenario.Fault) error {
	switch {
	case x.Signal != "":
		return fmt.Errorf("kill --signal %s: a simulated process knows no signals; for an end in good order: restart", x.Signal)
	case x.Wipe:
		return errors.New("kill --wipe: a server that loses its disk breaks what a quorum promises, and the simulation would report that")
	}
	f.Kind, f.Survival = FaultCrash, survivalOf(x.Lose)
	if x.Lose != scenario.LoseNothing && !x.Silent {
		f.N = 1
	}
	return nil
}

func survivalOf(l scenario.Loss) storage.Survival {
	for survival, loss := range losses {
		if loss == l {
			return survival
		}
	}
	return storage.KillProcess
}

// readPartition finds the kind of a partition. The shapes that the swarm draws have kinds of their
// own; any other is planned when it strikes.
func (f *Fault) readPartition(x *scenario.Fault, s *Setup) error {
	if x.Channel == "client" {
		return errors.New("partition --channel client: the simulation has no links in front of its clients; use client N --sever")
	}
	from, to, arrow := strings.Cut(x.Target, ">")
	peer, isID := idOf(to)
	set, splits := splitOf(x.Target, s)
	switch {
	case x.OneWay || x.Bridge != "" || x.Ring:
		f.Kind = FaultPartition
	case !arrow && oneServer(x.Target):
		f.Kind = FaultIsolate
	case arrow && oneServer(from) && to == "!"+from:
		f.Kind = FaultMute
		f.aim(from, s)
	case arrow && oneServer(to) && from == "!"+to:
		f.Kind = FaultDeafen
		f.aim(to, s)
	case arrow && oneServer(from) && isID:
		f.Kind, f.Peer = FaultCut, peer
		f.aim(from, s)
	case splits:
		f.Kind, f.N, f.Server, f.Select = FaultSplit, set, Self, ""
	default:
		f.Kind = FaultPartition
	}
	if f.Kind == FaultPartition {
		f.Partition, f.Server, f.Select, f.Channel = x.Partition(), Self, "", Both
	}
	return nil
}

// splitOf is the set of the servers, as bits, that a partition by ids divides from all the others.
func splitOf(groups string, s *Setup) (set int, ok bool) {
	first, second, two := strings.Cut(groups, "|")
	set, ok = setOf(first)
	if ok && two {
		var others int
		others, ok = setOf(second)
		ok = ok && set&others == 0 && set|others == 1<<(s.Voters+s.Observers)-1
	}
	return set, ok
}

// setOf is a list of ids as bits.
func setOf(list string) (set int, ok bool) {
	ids, ok := scenario.IDs(list)
	for _, id := range ids {
		if id < 1 || id > 2*MaxVoters {
			return 0, false
		}
		set |= 1 << (id - 1)
	}
	return set, ok
}

func (f *Fault) readSlow(x *scenario.Fault) error {
	switch {
	case x.Shape.Jitter != 0 || x.Shape.Rate != 0 || x.Shape.Latency == 0:
		return errors.New("slow: a simulated link knows --latency, and neither --jitter nor --rate")
	case x.Channel == "client":
		return errors.New("slow --channel client: the simulation has no links in front of its clients")
	case strings.Contains(x.Target, ">"):
		return fmt.Errorf("slow %s: a simulated server is slow in both directions; name the server alone", x.Target)
	}
	f.Kind, f.Amount = FaultLag, x.Shape.Latency
	return nil
}

func (f *Fault) readReset(x *scenario.Fault, s *Setup) error {
	if x.Channel == "client" {
		return errors.New("reset --channel client: the simulation has no links in front of its clients; use client N --sever")
	}
	f.Kind = FaultBreak
	from, to, arrow := strings.Cut(x.Target, ">")
	if !arrow {
		return nil
	}
	var isID bool
	if f.Peer, isID = idOf(to); !isID {
		return fmt.Errorf("reset %s: the simulation wants an id behind the >, as in reset 'leader>2'", x.Target)
	}
	f.aim(from, s)
	return nil
}

func (f *Fault) readDisk(x *scenario.Fault) error {
	d := x.Disk
	f.Amount, f.N = d.Latency, max(d.Nth, 1)
	switch {
	case d.Torn || d.Flip:
		return errors.New("disk --torn-write, --bit-flip: the simulated disk loses what was not synced, and nothing else; use --power-fails --lose some")
	case d.PowerFails:
		f.Kind, f.Survival = FaultPower, survivalOf(x.Lose)
		return nil
	case d.Error != "":
		f.Kind, f.Survival = FaultSync, survivalOf(x.Lose)
		return nil
	case d.Stuck:
		f.Kind = FaultStuckDisk
	case d.Full:
		f.Kind = FaultFull
	default:
		f.Kind = FaultSlowDisk
	}
	f.N = 0
	return nil
}

func (f *Fault) readElect(x *scenario.Fault, s *Setup) error {
	f.Kind = FaultResign
	if x.Target == "" {
		f.aim("leader", s)
	}
	if x.Forced == "" {
		return nil
	}
	var ok bool
	f.Kind, f.Server, f.Select = FaultForceElection, Self, ""
	f.Peer, _ = idOf(x.Target)
	if f.N, ok = setOf(x.Forced); !ok || f.N >= 1<<s.Voters {
		return fmt.Errorf("elect --force %s: these are not all voters, which are 1 to %d", x.Forced, s.Voters)
	}
	return nil
}

func (f *Fault) readClient(x *scenario.Fault) {
	f.Server, f.Select = Self, ""
	switch x.Target {
	case "all":
		f.N = AllClients
	case "half":
		f.N = HalfClients
	default:
		f.N, _ = strconv.Atoi(x.Target)
	}
	switch c := x.Client; {
	case c.Sever:
		f.Kind, f.For = FaultSever, 0 // a connection that is lost stays lost
	case c.Sleep:
		f.Kind = FaultSleep
	default:
		f.Kind = FaultAbandon
	}
}
