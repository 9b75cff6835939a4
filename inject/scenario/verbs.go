package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zkctl/inject"
	"zkctl/inject/link"
)

// Verb is the command that causes a fault. Client and Damage are in scenarios only.
type Verb string

const (
	Kill      Verb = "kill"
	Restart   Verb = "restart"
	Pause     Verb = "pause"
	Partition Verb = "partition"
	Slow      Verb = "slow"
	Reset     Verb = "reset"  // the connections of links break
	Refuse    Verb = "refuse" // the quorum port refuses, as that of a server that does not lead yet
	Disk      Verb = "disk"
	Clock     Verb = "clock"
	Expire    Verb = "expire" // a session
	Elect     Verb = "elect"  // the leader leaves its role
	Client    Verb = "client" // a client of the workload
	Damage    Verb = "damage" // files of a member that is down
)

// verbRule is what a verb's target is, and what must hold of its flags together.
type verbRule struct {
	verb     Verb
	target   string // what it is called in the usage
	optional bool
	check    func(f *Fault) error // of the target, which is not empty, and of the flags
}

var verbRules = []verbRule{
	{Kill, "SELECTOR", false, checkKill},
	{Restart, "SELECTOR", false, checkMembers},
	{Pause, "SELECTOR", false, checkMembers},
	{Partition, "GROUPS", true, func(f *Fault) error { return f.Partition().Validate() }},
	{Slow, "LINKS", false, checkSlow},
	{Reset, "LINKS", false, checkLinks},
	{Refuse, "SELECTOR", false, checkMembers},
	{Disk, "SELECTOR", false, checkDisk},
	{Clock, "SELECTOR", false, checkClock},
	{Expire, "SESSION", false, checkExpire},
	{Elect, "SELECTOR", true, checkElect},
	{Client, "CLIENT", false, checkClient},
	{Damage, "SELECTOR", false, checkDamage},
}

func (v Verb) rule() *verbRule {
	for i := range verbRules {
		if verbRules[i].verb == v {
			return &verbRules[i]
		}
	}
	return nil
}

func verbNames() string {
	var names []string
	for _, r := range verbRules {
		names = append(names, string(r.verb))
	}
	return strings.Join(names, ", ")
}

// Usage is the verb with its target and its flags in brackets.
func (v Verb) Usage() string {
	r := v.rule()
	usage := string(v)
	switch {
	case r == nil:
		return usage
	case r.optional:
		usage += " [" + r.target + "]"
	default:
		usage += " " + r.target
	}
	for _, x := range flags {
		if x.of(v) {
			usage += " [" + strings.TrimSpace("--"+x.name+" "+x.value) + "]"
		}
	}
	return usage
}

// anyMember stands for `self` while a target is checked. No member has so large an id.
var anyMember = strconv.Itoa(1 << 62)

// Validate tells what is wrong with a fault for any ensemble: a target that cannot be read, flags
// that contradict each other, or one that is missing.
func (f Fault) Validate() error {
	r := f.Verb.rule()
	switch {
	case r == nil:
		return fmt.Errorf("%q is not a verb: give one of %s", f.Verb, verbNames())
	case f.Target == "" && !r.optional:
		return fmt.Errorf("%s needs a %s; usage: %s", f.Verb, r.target, f.Verb.Usage())
	case f.For < 0:
		return fmt.Errorf("--for %v: the time is negative", f.For)
	}
	checked := f.WithSelf(anyMember)
	return r.check(&checked)
}

// exactlyOne refuses none or several of the flags that say what happens.
func exactlyOne(v Verb, given map[string]bool, names ...string) error {
	n := 0
	for _, name := range names {
		if given[name] {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%s takes one of --%s, and %d are given", v, strings.Join(names, ", --"), n)
	}
	return nil
}

func checkMembers(f *Fault) error {
	_, err := inject.ParseSelector(f.Target)
	return err
}

func checkKill(f *Fault) error {
	if f.Silent && f.Lose == LoseNothing {
		return errors.New("--silent is a machine that is gone, and its disk loses what was not synced: add --lose some or --lose unsynced")
	}
	return checkMembers(f)
}

func checkLinks(f *Fault) error {
	return inject.Links{Target: f.Target, Channel: f.Channel}.Validate()
}

func checkSlow(f *Fault) error {
	if f.Shape == (link.Shape{}) {
		return errors.New("slow by how much? give --latency, --rate or both")
	}
	if err := f.Shape.Validate(); err != nil {
		return err
	}
	return checkLinks(f)
}

func checkDisk(f *Fault) error {
	d := f.Disk
	switch err := exactlyOne(f.Verb, map[string]bool{
		"fsync-latency": d.Latency != 0, "stuck": d.Stuck, "full": d.Full, "error": d.Error != "",
		"power-fails": d.PowerFails, "torn-write": d.Torn, "bit-flip": d.Flip,
	}, "fsync-latency", "stuck", "full", "error", "power-fails", "torn-write", "bit-flip"); {
	case err != nil:
		return err
	case d.Latency < 0:
		return fmt.Errorf("--fsync-latency %v: the time is negative", d.Latency)
	case d.Error != "" && d.Error != "EIO":
		return fmt.Errorf("--error %s: want EIO; for a disk without space: --full", d.Error)
	case f.Lose != LoseNothing && d.Error == "" && !d.PowerFails:
		return fmt.Errorf("--lose %s: only a disk that fails forgets anything: add --power-fails or --error EIO", f.Lose)
	case d.Nth != 0 && (d.Latency != 0 || d.Stuck || d.Full):
		return fmt.Errorf("--nth %d: this fault is not about one operation", d.Nth)
	}
	return checkMembers(f)
}

func checkClock(f *Fault) error {
	if f.Skew == 0 && f.Rate == 0 {
		return errors.New("what is wrong with the clock? give --skew, --rate or both")
	}
	return checkMembers(f)
}

// checkExpire wants the session's id as ZooKeeper prints it, or a client of the workload.
func checkExpire(f *Fault) error {
	if n, ok := strings.CutPrefix(f.Target, "client:"); ok {
		_, err := parseCount(n)
		return err
	}
	digits, ok := strings.CutPrefix(f.Target, "0x")
	if _, err := strconv.ParseUint(digits, 16, 64); !ok || err != nil {
		return fmt.Errorf("session %q: want its id, such as 0x100006d41b20000, or client:N for a client of the workload", f.Target)
	}
	return nil
}

func checkElect(f *Fault) error {
	if f.Forced != "" {
		if ids, ok := IDs(f.Target); !ok || len(ids) != 1 {
			return fmt.Errorf("elect %q: --force wants the id of the member to elect", f.Target)
		}
		if _, ok := IDs(f.Forced); !ok {
			return fmt.Errorf("--force %q: want the ids of voters, such as 1,3", f.Forced)
		}
	}
	if f.Target == "" {
		return nil
	}
	return checkMembers(f)
}

func checkClient(f *Fault) error {
	if err := exactlyOne(f.Verb, map[string]bool{
		"sever": f.Client.Sever, "sleep": f.Client.Sleep, "abandon": f.Client.Abandon,
	}, "sever", "sleep", "abandon"); err != nil {
		return err
	}
	if f.For != 0 && f.Client.Abandon {
		return errors.New("--for: a client that is abandoned never comes back")
	}
	if f.Target == "all" || f.Target == "half" {
		return nil
	}
	if _, err := parseCount(f.Target); err != nil {
		return fmt.Errorf("client %q: want its number from 1, all or half", f.Target)
	}
	return nil
}

func checkDamage(f *Fault) error {
	if err := exactlyOne(f.Verb, map[string]bool{"truncate": f.Truncate, "flip": f.Flip, "wipe": f.Wipe}, "truncate", "flip", "wipe"); err != nil {
		return err
	}
	return checkMembers(f)
}

// IDs reads a list of ids and ranges, such as 1,3-5. ok is false for all other text.
func IDs(text string) (ids []int64, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		lower, upper, ranged := strings.Cut(part, "-")
		first, err := strconv.ParseInt(lower, 10, 32)
		last := first
		if err == nil && ranged {
			last, err = strconv.ParseInt(upper, 10, 32)
		}
		if err != nil || first < 0 || last < first || last-first > 1000 {
			return nil, false
		}
		for id := first; id <= last; id++ {
			ids = append(ids, id)
		}
	}
	return ids, true
}
