package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
	FaultSever         FaultKind = "sever"          // client N loses its connection without either side noticing
	FaultSleep         FaultKind = "sleep"          // client N stops for a while
	FaultAbandon       FaultKind = "abandon"        // client N never comes back
)

// FaultKinds lists them all, in the order in which weights are drawn.
var FaultKinds = [...]FaultKind{
	FaultCrash, FaultStop, FaultPower, FaultPause, FaultIsolate, FaultDeafen, FaultMute, FaultCut, FaultSplit, FaultBreak,
	FaultLag, FaultSlowDisk, FaultStuckDisk, FaultSync, FaultFull, FaultClock, FaultResign, FaultForceElection,
	FaultSever, FaultSleep, FaultAbandon, FaultShut,
}

// Values of Fault.Server that are not ids.
const (
	Self   = 0  // the server at the injection point
	Leader = -1 // the leader that the server at the injection point has or last had
	All    = -2
)

// Fault is one fault: what, when and where.
type Fault struct {
	Kind FaultKind
	At   time.Duration  // since the start of the run; with On, since the injection point
	On   InjectionPoint // empty: at a time
	Of   int            // the server whose injection point it is; 0: any
	Nth  int            // which occurrence of that point, from 1

	Server   int
	Peer     int
	For      time.Duration
	N        int
	Amount   time.Duration
	Survival storage.Survival
	Channel  Channel
}

var survivals = map[storage.Survival]string{
	storage.KillProcess: "process", storage.LosePower: "some", storage.LoseUnsynced: "synced",
}

// String is a line of a schedule, which ParseFault reads.
func (f Fault) String() string {
	var b strings.Builder
	if f.On == "" {
		fmt.Fprintf(&b, "at %v", f.At)
	} else {
		fmt.Fprintf(&b, "on %s", f.On)
		field(&b, "of", f.Of != 0, f.Of)
		field(&b, "nth", f.Nth > 1, f.Nth)
		field(&b, "after", f.At != 0, f.At)
	}
	fmt.Fprintf(&b, " %s", f.Kind)
	switch f.Server {
	case Self:
	case Leader:
		b.WriteString(" server=leader")
	case All:
		b.WriteString(" server=all")
	default:
		field(&b, "server", true, f.Server)
	}
	field(&b, "peer", f.Peer != 0, f.Peer)
	field(&b, "n", f.N != 0, f.N)
	field(&b, "amount", f.Amount != 0, f.Amount)
	field(&b, "keeps", f.Survival != 0, survivals[f.Survival])
	field(&b, "channel", f.Channel != Both, f.Channel)
	field(&b, "for", f.For != 0, f.For)
	return b.String()
}

func field(b *strings.Builder, name string, present bool, value any) {
	if present {
		fmt.Fprintf(b, " %s=%v", name, value)
	}
}

// ParseFault reads what String writes.
func ParseFault(line string) (Fault, error) {
	var f Fault
	words := strings.Fields(line)
	if len(words) < 3 {
		return f, fmt.Errorf("fault %q: expected a time or an injection point, a kind and fields, as in: at 1.3s crash server=2 keeps=process", line)
	}
	var err error
	switch words[0] {
	case "at":
		f.At, err = time.ParseDuration(words[1])
	case "on":
		f.On, f.Nth = InjectionPoint(words[1]), 1
	default:
		err = fmt.Errorf("it begins with %q and must begin with at or on", words[0])
	}
	for _, word := range words[2:] {
		if err != nil {
			break
		}
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			f.Kind = FaultKind(word)
			continue
		}
		err = f.setField(name, value)
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return f, fmt.Errorf("fault %q: %w", line, err)
	}
	return f, nil
}

func (f *Fault) setField(name, value string) (err error) {
	switch name {
	case "of":
		f.Of, err = strconv.Atoi(value)
	case "nth":
		f.Nth, err = strconv.Atoi(value)
	case "after":
		f.At, err = time.ParseDuration(value)
	case "server":
		switch value {
		case "leader":
			f.Server = Leader
		case "all":
			f.Server = All
		default:
			f.Server, err = strconv.Atoi(value)
		}
	case "peer":
		f.Peer, err = strconv.Atoi(value)
	case "n":
		f.N, err = strconv.Atoi(value)
	case "amount":
		f.Amount, err = time.ParseDuration(value)
	case "for":
		f.For, err = time.ParseDuration(value)
	case "keeps":
		err = fmt.Errorf("keeps=%s is not one of process, some, synced", value)
		for survival, text := range survivals {
			if text == value {
				f.Survival, err = survival, nil
			}
		}
	case "channel":
		switch value {
		case QuorumChannel.String():
			f.Channel = QuorumChannel
		case ElectionChannel.String():
			f.Channel = ElectionChannel
		default:
			err = fmt.Errorf("channel=%s is not one of quorum, election", value)
		}
	default:
		err = fmt.Errorf("unknown field %s", name)
	}
	return err
}

func (f *Fault) check() error {
	switch {
	case f.On != "" && !slices.Contains(InjectionPoints[:], f.On):
		return fmt.Errorf("unknown injection point %q", f.On)
	case !slices.Contains(FaultKinds[:], f.Kind):
		return fmt.Errorf("unknown kind %q", f.Kind)
	case f.At < 0 || f.For < 0:
		return errors.New("a time is negative")
	case f.Amount < 0 && f.Kind != FaultClock:
		return errors.New("amount is negative")
	}
	switch f.Kind {
	case FaultCrash, FaultPower, FaultSync:
		if f.Survival == 0 {
			return fmt.Errorf("%s needs keeps=process, some or synced", f.Kind)
		}
	case FaultClock:
		if f.N < 1 || f.N > 1000 {
			return fmt.Errorf("n=%d: the clock's rate must be from 1 to 1000 percent", f.N)
		}
	case FaultSever, FaultSleep, FaultAbandon:
		if f.N < 1 {
			return fmt.Errorf("n=%d is not a client; clients are numbered from 1", f.N)
		}
	}
	return nil
}

// possible tells whether the setup has the servers or the client that the fault names.
func (f *Fault) possible(s *Setup) bool {
	servers := s.Voters + s.Observers
	if f.ofClient() && f.N > s.Clients {
		return false
	}
	return f.Server >= All && f.Server <= servers && f.Peer >= 0 && f.Peer <= servers && f.Of >= 0 && f.Of <= servers
}

// ofClient tells whether the fault strikes client N, and no server.
func (f *Fault) ofClient() bool {
	return f.Kind == FaultSever || f.Kind == FaultSleep || f.Kind == FaultAbandon
}

// inDisk tells whether the fault is planted in a disk, and has its effect in a later operation.
func (f *Fault) inDisk() bool {
	return f.Kind == FaultPower || f.Kind == FaultSync || f.Kind == FaultFull
}
