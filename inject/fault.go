package inject

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/link"
)

// Kind is the kind of a fault. Its text is the command that causes it.
type Kind uint8

const (
	// Kill is a process that was ended; a heal starts it.
	Kill Kind = iota + 1
	// Pause is a process that is stopped but not gone; a heal resumes it.
	Pause
	// Cut is a set of lanes that carry nothing.
	Cut
	// Slow is a set of lanes with latency or a limited rate.
	Slow
	// Reset is a set of lanes whose connections were broken.
	Reset
	// Refuse is a set of lanes on which no new connection is made.
	Refuse
	// Elect is a leader that was made to step down, or is cut off until another leads.
	Elect
	// Expire is a session that was ended.
	Expire
	// Disk is something wrong with members' disks.
	Disk
	// Clock is something wrong with members' clocks.
	Clock
)

var kindWords = [...]string{
	Kill: "kill", Pause: "pause", Cut: "partition", Slow: "slow", Reset: "reset", Refuse: "refuse",
	Elect: "elect", Expire: "expire", Disk: "disk", Clock: "clock",
}

func (k Kind) String() string {
	if k.valid() {
		return kindWords[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

func (k Kind) valid() bool { return k > 0 && int(k) < len(kindWords) }

// Process reports whether a fault of this kind is about a process. A heal ends
// such faults only when asked to: a member that was killed on purpose stays down
// when links are healed.
func (k Kind) Process() bool { return k == Kill || k == Pause }

// ofMembers reports whether a fault of this kind is about members, each of which can be whole again while others are not.
func (k Kind) ofMembers() bool { return k.Process() || k.Own() }

// Own reports whether a fault of this kind is one that a member has to do to itself.
func (k Kind) Own() bool { return k == Disk || k == Clock }

// MarshalText refuses a kind that does not exist.
func (k Kind) MarshalText() ([]byte, error) {
	if !k.valid() {
		return nil, fmt.Errorf("fault kind %d does not exist", uint8(k))
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindWords[:], string(text))
	if i < 1 {
		return fmt.Errorf("fault kind %q: want one of %s", text, strings.Join(kindWords[1:], ", "))
	}
	*k = Kind(i)
	return nil
}

// Fault is the record of something that has been broken.
type Fault struct {
	// ID names the fault among all that the ensemble ever had: "f1", "f2", ...
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Members are the members that the fault was aimed at.
	Members []int64 `json:"members"`
	// Line is the fault as one types it, with the choices that it leaves open.
	Line string `json:"line,omitempty"`
	// Links are the lanes that it is about; none for processes.
	Links Lanes     `json:"links"`
	Since time.Time `json:"since"`
	// Until is the end of the lease; nil is a fault that lasts until healed.
	Until *time.Time `json:"until"`
	// Shape is how slow the links are; only a Slow fault has one.
	Shape *link.Shape `json:"shape,omitempty"`
	// Detail is the signal of a Kill, or the session of an Expire.
	Detail string `json:"detail,omitempty"`
	// Overdue says why a fault has not ended although its lease is over.
	Overdue string `json:"overdue,omitempty"`

	retry time.Time // when an overdue fault should end now
}

// Momentary reports whether the fault is over as soon as it has begun.
func (f Fault) Momentary() bool {
	return f.Kind == Reset || f.Kind == Expire || f.Kind == Elect && len(f.Links) == 0
}

// due is when a fault with a lease should end.
func (f Fault) due() time.Time {
	if f.retry.After(*f.Until) {
		return f.retry
	}
	return *f.Until
}

// clone shares nothing with f.
func (f Fault) clone() Fault {
	f.Members = append([]int64{}, f.Members...)
	f.Links = append(Lanes{}, f.Links...)
	if f.Until != nil {
		until := *f.Until
		f.Until = &until
	}
	if f.Shape != nil {
		shape := *f.Shape
		f.Shape = &shape
	}
	return f
}

// Lanes print briefly: "1>2" for both channels, "1>2/election" for one.
type Lanes []link.Lane

// Strings lists the lanes in their short form, sorted.
func (l Lanes) Strings() []string {
	lanes := normalLanes(slices.Clone(l))
	words := []string{}
	for len(lanes) > 0 {
		first, n := lanes[0], 1
		for n < len(lanes) && lanes[n].From == first.From && lanes[n].To == first.To {
			n++
		}
		if n == len(link.Channels()) {
			words = append(words, fmt.Sprintf("%d>%d", first.From, first.To))
		} else {
			words = append(words, first.String())
		}
		lanes = lanes[n:]
	}
	return words
}

// MarshalJSON writes a list of strings, never null. It does not escape the
// arrow; the encoder in use decides about that.
func (l Lanes) MarshalJSON() ([]byte, error) {
	words := l.Strings()
	for i, word := range words {
		words[i] = strconv.Quote(word)
	}
	return []byte("[" + strings.Join(words, ",") + "]"), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Lanes) UnmarshalJSON(data []byte) error {
	var words []string
	if err := json.Unmarshal(data, &words); err != nil {
		return fmt.Errorf("links: %w", err)
	}
	lanes := Lanes{}
	for _, word := range words {
		forms := []string{word}
		if !strings.Contains(word, "/") {
			forms = nil
			for _, channel := range link.Channels() {
				forms = append(forms, word+"/"+channel.String())
			}
		}
		for _, form := range forms {
			lane, err := link.ParseLane(form)
			if err != nil {
				return fmt.Errorf("links: %w", err)
			}
			lanes = append(lanes, lane)
		}
	}
	*l = normalLanes(lanes)
	return nil
}
