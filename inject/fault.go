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

// Kind is what sort of thing is broken. Its text is the verb that breaks it.
type Kind uint8

const (
	// Kill is a process that was ended; it heals by being started.
	Kill Kind = iota + 1
	// Pause is a process that is stopped but not gone; it heals by resuming.
	Pause
	// Cut is a set of silent lanes.
	Cut
	// Slow is a set of lanes with latency or a limited rate.
	Slow
)

var kindWords = [...]string{
	Kill: "kill", Pause: "pause", Cut: "partition", Slow: "slow",
}

func (k Kind) String() string {
	if k.valid() {
		return kindWords[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

func (k Kind) valid() bool { return k > 0 && int(k) < len(kindWords) }

// Process reports whether a fault of this kind takes a process away. A heal
// leaves such faults alone unless it asks for them: a member that was killed
// on purpose is not started in passing.
func (k Kind) Process() bool { return k == Kill || k == Pause }

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

// Fault is something that has been broken, on record.
type Fault struct {
	// ID names the fault among all that the ensemble ever had: "f1", "f2", ...
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Members are those it was aimed at.
	Members []int64 `json:"members"`
	// Links are the lanes it governs; none unless it is about the network.
	Links Lanes     `json:"links"`
	Since time.Time `json:"since"`
	// Until is the end of the lease; nil is a fault that lasts until healed.
	Until *time.Time `json:"until"`
	// Shape is how slow the links are; only a Slow fault has one.
	Shape *link.Shape `json:"shape,omitempty"`
	// Detail says in words what the other fields cannot: the signal.
	Detail string `json:"detail,omitempty"`
	// Overdue says why a fault whose time is up has not ended.
	Overdue string `json:"overdue,omitempty"`

	retry time.Time // when an overdue fault should end now
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

// Lanes are lanes that read well: "1>2" for both channels, "1>2/election" for
// one.
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
// arrow, so that the encoder in use decides about that.
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
