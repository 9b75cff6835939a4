package scenario

import (
	"strings"
	"time"

	"zkctl/inject"
	"zkctl/inject/link"
)

// Fault is what one command breaks. Fields that the verb has no flag for are zero. Faults can be
// compared with ==.
type Fault struct {
	Verb   Verb
	Target string // SELECTOR, GROUPS, LINKS, SESSION or client, as typed; "" where the verb needs none

	OneWay bool   // of Partition
	Bridge string // of Partition: the selector of the member that both sides see
	Ring   bool   // of Partition

	Shape   link.Shape // of Slow
	Channel string     // of Partition, Slow, Reset; "" is all

	Signal string // of Kill, without SIG; "" is KILL
	Lose   Loss   // of Kill, and of Disk with PowerFails or Error
	Silent bool   // of Kill: the machine is gone, so its connections are not closed
	Wipe   bool   // of Kill and Damage: the disk is empty afterwards

	Disk DiskFault // of Disk

	Skew time.Duration // of Clock: how far the wall clock jumps
	Rate int           // of Clock: percent of real speed; 0 is 100

	Forced string // of Elect: ids of the voters that elect Target, whatever the others elect

	Client ClientFault // of Client

	Truncate, Flip bool // of Damage

	For time.Duration // the lease; 0: until healed, or no end
}

// Loss is what a disk forgets of what was written and not synced.
type Loss string

const (
	LoseNothing  Loss = ""
	LoseSome     Loss = "some"     // each write by chance
	LoseUnsynced Loss = "unsynced" // all of it
)

// DiskFault is what is wrong with a disk. Exactly one of its fields but Nth is set.
type DiskFault struct {
	Latency    time.Duration // every fsync takes so much longer
	Stuck      bool          // nothing becomes durable
	Full       bool
	Error      string // the fsync fails with this error, which is EIO
	PowerFails bool   // in the middle of an operation
	Torn       bool   // a write is written in part
	Flip       bool   // a read returns a wrong bit
	Nth        int    // which operation or fsync from now; 0 is the first
}

// ClientFault is what happens to a client of the workload. Exactly one field is set.
type ClientFault struct {
	Sever   bool // it loses its connection without either side noticing
	Sleep   bool // it reads and sends nothing for a while
	Abandon bool // it never comes back
}

// Partition is the partition of a fault whose verb is Partition.
func (f Fault) Partition() inject.Partition {
	return inject.Partition{Groups: f.Target, OneWay: f.OneWay, Bridge: f.Bridge, Ring: f.Ring, Channel: f.Channel}
}

// UsesSelf tells whether the fault names `self`, the member at an injection point.
func (f Fault) UsesSelf() bool {
	return f.WithSelf("0").Target != f.Target || f.WithSelf("0").Bridge != f.Bridge
}

// WithSelf puts a member in the place of `self`.
func (f Fault) WithSelf(member string) Fault {
	f.Target, f.Bridge = replaceSelf(f.Target, member), replaceSelf(f.Bridge, member)
	return f
}

const selfWord = "self"

// replaceSelf replaces `self` where it is a whole term of a selector.
func replaceSelf(text, member string) string {
	if !strings.Contains(text, selfWord) {
		return text
	}
	const between = "!,|> "
	var b strings.Builder
	for text != "" {
		n := strings.IndexAny(text, between)
		if n == 0 {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		if n < 0 {
			n = len(text)
		}
		if text[:n] == selfWord {
			b.WriteString(member)
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

// String is the fault in its canonical form: the verb, the target, and the flags that are not at
// their default, in the order of the table of flags. ParseFault reads it.
func (f Fault) String() string {
	words := []string{string(f.Verb)}
	if f.Target != "" {
		words = append(words, quote(f.Target))
	}
	for _, x := range flags {
		switch text := x.get(&f); {
		case !x.of(f.Verb) || text == "":
		case x.value == "":
			words = append(words, "--"+x.name)
		default:
			words = append(words, "--"+x.name, quote(text))
		}
	}
	return strings.Join(words, " ")
}

// ParseFault reads what String writes. `self` means nothing without an injection point, so it is
// refused. The error is an *Error.
func ParseFault(words string) (Fault, error) {
	split, m := splitWords(words)
	if m != nil {
		return Fault{}, m.in(words, 1, 1)
	}
	f, m := parseFault(split, len(words))
	if m == nil && f.UsesSelf() {
		m = mistaken(0, "self is the member at an injection point, so it needs a step that begins with: on POINT")
	}
	if m != nil {
		return Fault{}, m.in(words, 1, 1)
	}
	return f, nil
}

// parseFault reads the words of a fault. end is where the text ends, the place of what is missing.
func parseFault(words []word, end int) (f Fault, m *mistake) {
	if len(words) == 0 {
		return f, mistaken(end, "a fault is missing: give a verb, one of %s", verbNames())
	}
	f.Verb = Verb(words[0].text)
	v := f.Verb.rule()
	if v == nil {
		return f, mistaken(words[0].at, "%q is not a verb: give one of %s", words[0].text, verbNames())
	}
	target := -1
	given := map[string]bool{}
	for rest := words[1:]; len(rest) > 0; {
		w := rest[0]
		rest = rest[1:]
		if !w.quoted && strings.HasPrefix(w.text, "--") {
			if rest, m = f.parseFlag(w, rest, given); m != nil {
				return f, m
			}
			continue
		}
		switch {
		case v.target == "":
			return f, mistaken(w.at, "%s takes no argument, got %q; usage: %s", f.Verb, w.text, f.Verb.Usage())
		case target >= 0:
			return f, mistaken(w.at, "%s takes one %s, got %q behind %q; usage: %s", f.Verb, v.target, w.text, f.Target, f.Verb.Usage())
		case w.text == "":
			return f, mistaken(w.at, "%s: the %s is empty", f.Verb, v.target)
		}
		f.Target, target = w.text, w.at
	}
	if err := f.Validate(); err != nil {
		return f, mistaken(max(target, words[0].at), "%v", err)
	}
	return f, nil
}

// parseFlag reads a flag and its value, and returns the words behind them.
func (f *Fault) parseFlag(w word, rest []word, given map[string]bool) ([]word, *mistake) {
	name, value, joined := strings.Cut(strings.TrimPrefix(w.text, "--"), "=")
	x := flagOf(f.Verb, name)
	switch {
	case x == nil:
		return nil, mistaken(w.at, "%s has no flag --%s; usage: %s", f.Verb, name, f.Verb.Usage())
	case given[name]:
		return nil, mistaken(w.at, "--%s is given twice", name)
	case x.value == "" && joined:
		return nil, mistaken(w.at, "--%s takes no value, got %q", name, value)
	case x.value != "" && !joined:
		if len(rest) == 0 {
			return nil, mistaken(w.at, "--%s needs a value: --%s %s", name, name, x.value)
		}
		value, rest = rest[0].text, rest[1:]
	}
	given[name] = true
	if err := x.set(f, value); err != nil {
		return nil, mistaken(w.at, "--%s: %v", name, err)
	}
	return rest, nil
}
