package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zkctl/inject/link"
)

// flag is a flag of some verbs: how it is read, written and explained.
type flag struct {
	name  string
	value string // what it takes, such as D; "" for a switch
	verbs []Verb
	help  string
	codec
}

// codec moves a flag's value between its text and the field of a Fault.
type codec struct {
	set func(f *Fault, value string) error
	get func(f *Fault) string // "" is the default, which is not written
}

func (x *flag) of(v Verb) bool { return slices.Contains(x.verbs, v) }

func flagOf(v Verb, name string) *flag {
	for i := range flags {
		if flags[i].name == name && flags[i].of(v) {
			return &flags[i]
		}
	}
	return nil
}

// flags are all flags, in the order in which they are written.
var flags = []flag{
	{"signal", "NAME", []Verb{Kill}, "the signal to send, instead of KILL", codec{
		func(f *Fault, value string) (err error) { f.Signal, err = parseSignal(value); return err },
		func(f *Fault) string { return f.Signal },
	}},
	{"one-way", "", []Verb{Partition}, "only what earlier groups send to later ones is cut", toggle(func(f *Fault) *bool { return &f.OneWay })},
	{"bridge", "MEMBER", []Verb{Partition}, "a member that both sides go on seeing", text(func(f *Fault) *string { return &f.Bridge })},
	{"ring", "", []Verb{Partition}, "every voter sees a bare majority, no two the same", toggle(func(f *Fault) *bool { return &f.Ring })},
	{"latency", "D", []Verb{Slow}, "delay every byte by this much", duration(func(f *Fault) *time.Duration { return &f.Shape.Latency })},
	{"jitter", "D", []Verb{Slow}, "vary the latency by up to this much", duration(func(f *Fault) *time.Duration { return &f.Shape.Jitter })},
	{"rate", "BYTES", []Verb{Slow}, "bytes a second, such as 64kB or 1MB", codec{
		func(f *Fault, value string) (err error) { f.Shape.Rate, err = ParseRate(value); return err },
		func(f *Fault) string { return rateText(f.Shape.Rate) },
	}},
	{"channel", "CHANNEL", []Verb{Partition, Slow, Reset}, "quorum, election or client, instead of all between members", codec{
		func(f *Fault, value string) error { return f.setChannel(value) },
		func(f *Fault) string { return f.Channel },
	}},
	{"fsync-latency", "D", []Verb{Disk}, "every fsync takes so much longer", duration(func(f *Fault) *time.Duration { return &f.Disk.Latency })},
	{"stuck", "", []Verb{Disk}, "nothing becomes durable", toggle(func(f *Fault) *bool { return &f.Disk.Stuck })},
	{"full", "", []Verb{Disk}, "no space is left", toggle(func(f *Fault) *bool { return &f.Disk.Full })},
	{"error", "EIO", []Verb{Disk}, "an fsync fails", text(func(f *Fault) *string { return &f.Disk.Error })},
	{"power-fails", "", []Verb{Disk}, "the power fails in the middle of an operation", toggle(func(f *Fault) *bool { return &f.Disk.PowerFails })},
	{"torn-write", "", []Verb{Disk}, "a write is written in part", toggle(func(f *Fault) *bool { return &f.Disk.Torn })},
	{"bit-flip", "", []Verb{Disk}, "a read returns a wrong bit", toggle(func(f *Fault) *bool { return &f.Disk.Flip })},
	{"nth", "N", []Verb{Disk}, "which operation or fsync from now, from 1", codec{
		func(f *Fault, value string) (err error) {
			if f.Disk.Nth, err = parseCount(value); f.Disk.Nth == 1 {
				f.Disk.Nth = 0 // the default
			}
			return err
		},
		func(f *Fault) string { return number(f.Disk.Nth) },
	}},
	{"lose", "some|unsynced", []Verb{Kill, Disk}, "what the disk forgets of what was not synced", codec{
		func(f *Fault, value string) (err error) { f.Lose, err = parseLoss(value); return err },
		func(f *Fault) string { return string(f.Lose) },
	}},
	{"silent", "", []Verb{Kill}, "the machine is gone, so its connections are not closed", toggle(func(f *Fault) *bool { return &f.Silent })},
	{"skew", "D", []Verb{Clock}, "how far the wall clock jumps, also back", duration(func(f *Fault) *time.Duration { return &f.Skew })},
	{"rate", "PERCENT", []Verb{Clock}, "how fast the clock runs, such as 80%", codec{
		func(f *Fault, value string) (err error) { f.Rate, err = ParsePercent(value); return err },
		func(f *Fault) string {
			if f.Rate == 0 {
				return ""
			}
			return strconv.Itoa(f.Rate) + "%"
		},
	}},
	{"force", "IDS", []Verb{Elect}, "these voters elect the member, whatever the others elect", text(func(f *Fault) *string { return &f.Forced })},
	{"sever", "", []Verb{Client}, "the connection is lost, and neither side notices", toggle(func(f *Fault) *bool { return &f.Client.Sever })},
	{"sleep", "", []Verb{Client}, "the client reads and sends nothing", toggle(func(f *Fault) *bool { return &f.Client.Sleep })},
	{"abandon", "", []Verb{Client}, "the client never comes back", toggle(func(f *Fault) *bool { return &f.Client.Abandon })},
	{"truncate", "", []Verb{Damage}, "cut the end off the newest log", toggle(func(f *Fault) *bool { return &f.Truncate })},
	{"flip", "", []Verb{Damage}, "flip a bit of the newest log or snapshot", toggle(func(f *Fault) *bool { return &f.Flip })},
	{"wipe", "", []Verb{Kill, Damage}, "the disk is empty afterwards", toggle(func(f *Fault) *bool { return &f.Wipe })},
	{"for", "D", []Verb{Kill, Restart, Pause, Partition, Slow, Refuse, Disk, Clock, Client}, "how long it lasts", codec{
		func(f *Fault, value string) (err error) {
			if f.For, err = parseDuration(value); err == nil && f.For <= 0 {
				err = fmt.Errorf("%v: a fault lasts for some time; without --for it lasts until it is healed", f.For)
			}
			return err
		},
		func(f *Fault) string { return durationText(f.For) },
	}},
}

func toggle(field func(*Fault) *bool) codec {
	return codec{
		func(f *Fault, _ string) error { *field(f) = true; return nil },
		func(f *Fault) string {
			if *field(f) {
				return "true"
			}
			return ""
		},
	}
}

func text(field func(*Fault) *string) codec {
	return codec{
		func(f *Fault, value string) error {
			if value == "" {
				return fmt.Errorf("its value is empty")
			}
			*field(f) = value
			return nil
		},
		func(f *Fault) string { return *field(f) },
	}
}

func duration(field func(*Fault) *time.Duration) codec {
	return codec{
		func(f *Fault, value string) (err error) { *field(f), err = parseDuration(value); return err },
		func(f *Fault) string { return durationText(*field(f)) },
	}
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time such as 300ms, 2s or 1m30s", text)
	}
	return d, nil
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// maxCount bounds numbers of occurrences: more than any run has, and few enough for every int.
const maxCount = 1 << 30

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxCount {
		return 0, fmt.Errorf("%q is not a number from 1 to %d", text, maxCount)
	}
	return n, nil
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// ParsePercent reads a speed, such as 50%; 0 is 100%, the default.
func ParsePercent(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 1 || n > 1000 {
		return 0, fmt.Errorf("%q is not a speed from 1%% to 1000%%", text)
	}
	if n == 100 {
		n = 0 // the default
	}
	return n, nil
}

func parseLoss(text string) (Loss, error) {
	if l := Loss(text); l == LoseSome || l == LoseUnsynced {
		return l, nil
	}
	return "", fmt.Errorf("%q is not one of some, unsynced", text)
}

// parseSignal reads the name or the number of a signal. Which signals there are, the supervisor knows.
func parseSignal(text string) (string, error) {
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	plain := func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '-' }
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return "", fmt.Errorf("%q is not the name of a signal, such as TERM", text)
	}
	if name == "KILL" {
		name = "" // the default
	}
	return name, nil
}

func (f *Fault) setChannel(text string) error {
	if _, err := link.ParseChannels(text); err != nil {
		return err
	}
	if text == "all" {
		text = "" // the default
	}
	f.Channel = text
	return nil
}

// rateUnits are the units of a rate, the longest names first.
var rateUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// ParseRate reads bytes a second: 500, 64kB, 1MB, 1MiB, with or without /s.
func ParseRate(text string) (int64, error) {
	digits, unit := strings.TrimSuffix(text, "/s"), int64(1)
	for _, u := range rateUnits {
		if n, ok := strings.CutSuffix(digits, u.name); ok {
			digits, unit = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if n *= float64(unit); err != nil || !(n >= 1 && n <= 1<<50) { // NaN is neither
		return 0, fmt.Errorf("%q is not bytes a second, such as 64kB or 1MB", text)
	}
	return int64(n), nil
}

func rateText(rate int64) string {
	switch {
	case rate == 0:
		return ""
	case rate%1e6 == 0:
		return fmt.Sprintf("%dMB", rate/1e6)
	case rate%1e3 == 0:
		return fmt.Sprintf("%dkB", rate/1e3)
	}
	return strconv.FormatInt(rate, 10)
}
