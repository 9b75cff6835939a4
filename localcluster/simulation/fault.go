package simulation

import (
	"time"

	"zkctl/inject"
	"zkctl/localcluster/storage"
)

// FaultKind is a kind of fault.
type FaultKind string

// The kinds of faults. Those that have a duration end after Fault.For.
const (
	FaultCrash         FaultKind = "crash"      // the process dies; the disk keeps what Survival says; it starts again after For
	FaultStop          FaultKind = "stop"       // the process ends in good order, and starts again after For
	FaultPower         FaultKind = "power"      // the power fails in the middle of disk operation N from now; starts again after For
	FaultPause         FaultKind = "pause"      // SIGSTOP
	FaultIsolate       FaultKind = "isolate"    // nothing from or to Server passes
	FaultDeafen        FaultKind = "deafen"     // nothing to Server passes
	FaultMute          FaultKind = "mute"       // nothing from Server passes
	FaultCut           FaultKind = "cut"        // nothing from Server to Peer passes
	FaultSplit         FaultKind = "split"      // nothing passes between the servers in N, a set of bits, and the others
	FaultBreak         FaultKind = "break"      // connections between Server and Peer (0: all others) break at some message
	FaultLag           FaultKind = "lag"        // everything from and to Server takes Amount longer
	FaultSlowDisk      FaultKind = "slow-disk"  // every batch takes Amount longer
	FaultStuckDisk     FaultKind = "stuck-disk" // nothing becomes durable
	FaultSync          FaultKind = "sync-error" // the N-th fsync from now fails
	FaultFull          FaultKind = "disk-full"
	FaultClock         FaultKind = "clock"          // Server's clock runs at N percent, and its wall clock jumps by Amount
	FaultShut          FaultKind = "shut"           // Server's quorum port refuses connections, as that of a Java server that does not lead yet
	FaultResign        FaultKind = "resign"         // Server leaves its role
	FaultForceElection FaultKind = "force-election" // the servers in N, a set of bits, leave their roles and elect Peer
	FaultSever         FaultKind = "sever"          // client N loses its connection, and neither side notices
	FaultSleep         FaultKind = "sleep"          // client N stops for a while
	FaultAbandon       FaultKind = "abandon"        // client N never comes back
	FaultPartition     FaultKind = "partition"      // the lanes of Partition carry nothing
)

// FaultKinds lists them all: first those that are drawn, in the order in which their weights are.
var FaultKinds = [...]FaultKind{
	FaultCrash, FaultStop, FaultPower, FaultPause, FaultIsolate, FaultDeafen, FaultMute, FaultCut, FaultSplit, FaultBreak,
	FaultLag, FaultSlowDisk, FaultStuckDisk, FaultSync, FaultFull, FaultClock, FaultResign, FaultForceElection,
	FaultSever, FaultSleep, FaultAbandon, FaultShut,
	FaultPartition,
}

// drawnKinds is how many kinds the swarm draws. A partition of any shape is for scenarios: the
// swarm has its own kinds for the shapes that it needs.
const drawnKinds = len(FaultKinds) - 1

// Values of Fault.Server that are not ids.
const (
	Self   = 0  // the server at the injection point
	Leader = -1 // the leader that the server at the injection point has or last had
	All    = -2
)

// Values of Fault.N that are no client.
const (
	AllClients  = -1
	HalfClients = -2
)

// Fault is one fault: what, when and where. It is a step of a scenario in the form in which it is
// drawn, carried out and counted; text.go and compile.go translate.
type Fault struct {
	Kind FaultKind
	At   time.Duration  // since the start of the run; with On or After, since that moment
	On   InjectionPoint // empty: at a time
	Of   int            // the server whose injection point it is; 0: any
	Nth  int            // which occurrence of that point, from 1

	Label string // names the fault for After
	After string // the label of the fault that this one waits for; empty: none
	Ended bool   // with After: it waits for the end, and not for the beginning

	Server    int
	Select    string // instead of Server: a selector of members, resolved when the fault strikes
	Peer      int
	For       time.Duration // 0: until healing, for what does not end at once
	N         int
	Amount    time.Duration
	Survival  storage.Survival
	Channel   Channel
	Partition inject.Partition
}

// normal returns the fault without what has no effect on it, so that its text says all.
func (f Fault) normal(s *Setup) Fault {
	if f.On == "" {
		f.Nth = 0
	} else {
		f.Nth = max(f.Nth, 1)
	}
	switch f.Kind {
	case FaultCrash:
		f.N = min(f.N, 1)
		if f.Survival == storage.KillProcess {
			f.N = 0
		}
	case FaultPower, FaultSync:
		f.N = max(f.N, 1)
	case FaultLag, FaultSlowDisk:
		f.Amount = max(f.Amount, 1)
	case FaultSplit:
		f.Server = Self
		all := 1<<(s.Voters+s.Observers) - 1
		if f.N &= all; f.N == 0 {
			f.N = all // the same: no server is on the other side
		}
	case FaultForceElection:
		f.Server = Self
		f.N &= 1<<s.Voters - 1
	case FaultSever, FaultSleep, FaultAbandon:
		f.Server = Self
	}
	switch f.Kind {
	case FaultBreak, FaultResign, FaultForceElection, FaultSever, FaultAbandon:
		f.For = 0
	}
	switch f.Kind {
	case FaultCrash, FaultPower, FaultSync:
	default:
		f.Survival = 0
	}
	return f
}

// possible tells whether the setup has the servers and clients that the fault names.
func (f *Fault) possible(s *Setup) bool {
	if f.Kind == FaultForceElection && f.N == 0 {
		return false
	}
	step := f.step(s)
	return len(step.Absent(s.Voters, s.Observers, s.Clients)) == 0
}

// ofEnsemble tells whether the fault strikes links or servers that it names itself, and not Server.
func (f *Fault) ofEnsemble() bool {
	return f.Kind == FaultForceElection || f.Kind == FaultSplit || f.Kind == FaultPartition
}

// ofClient tells whether the fault strikes client N, and no server.
func (f *Fault) ofClient() bool {
	return f.Kind == FaultSever || f.Kind == FaultSleep || f.Kind == FaultAbandon
}

// inDisk tells whether the fault is planted in a disk, and has its effect in a later operation.
func (f *Fault) inDisk() bool {
	return f.Kind == FaultPower || f.Kind == FaultSync || f.Kind == FaultFull
}
