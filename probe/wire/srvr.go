package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Srvr is the answer to srvr:
//
//	Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC
//	Latency min/avg/max: 0/12.8462/113
//	Received: 30
//	Sent: 31
//	Connections: 2
//	Outstanding: 0
//	Zxid: 0x10000000e
//	Mode: follower
//	Node count: 9
type Srvr struct {
	Version     string // as printed, with the build's hash and date
	ReadOnly    bool
	LatencyMin  float64 // milliseconds
	LatencyAvg  float64
	LatencyMax  float64
	Received    int64
	Sent        int64
	Connections int64 // 0 from servers before 3.4.4, which do not tell
	Outstanding int64
	Zxid        Zxid
	Mode        string // one of the Mode constants
	NodeCount   int64
}

// The modes that a server says it is in, in srvr and in mntr's zk_server_state.
const (
	ModeStandalone = "standalone"
	ModeLeader     = "leader"
	ModeFollower   = "follower"
	ModeObserver   = "observer"
	ModeReadOnly   = "read-only"
)

// Release is the version's number alone, such as 3.8.0.
func (s *Srvr) Release() string {
	end := strings.IndexFunc(s.Version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		return s.Version
	}
	return s.Version[:end]
}

// srvrLine is one line of srvr's answer that has a meaning here.
type srvrLine struct {
	key string
	// required: every version sends it, so its absence means that the answer was cut
	// short. Node count is the last such line; with it the answer is complete.
	required bool
	set      func(*Srvr, string) error
}

var srvrLines = []srvrLine{
	{"Zookeeper version", true, func(s *Srvr, v string) error { s.Version = v; return nil }},
	{"Latency min/avg/max", false, (*Srvr).setLatency},
	{"Received", false, number(func(s *Srvr) *int64 { return &s.Received })},
	{"Sent", false, number(func(s *Srvr) *int64 { return &s.Sent })},
	{"Connections", false, number(func(s *Srvr) *int64 { return &s.Connections })},
	{"Outstanding", false, number(func(s *Srvr) *int64 { return &s.Outstanding })},
	{"Zxid", true, func(s *Srvr, v string) (err error) { s.Zxid, err = ParseZxid(v); return err }},
	{"Mode", true, (*Srvr).setMode},
	{"Node count", true, number(func(s *Srvr) *int64 { return &s.NodeCount })},
}

// ParseSrvr reads the answer to srvr, of ZooKeeper 3.4 to 3.9 and of zkctl's own
// server. Lines that it does not know are skipped and the order does not matter.
//
// The error is ErrNotServing or ErrNotWhitelisted when the server refused, ErrHalfAnswer
// when lines are missing that every version sends, and ErrGarbage when the answer is not
// ZooKeeper's.
func ParseSrvr(text []byte) (Srvr, error) {
	if err := CheckFourLetter(text); err != nil {
		return Srvr{}, err
	}
	var s Srvr
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // cut off: the value may be half of itself
		}
		line = strings.TrimRight(line, "\r\n")
		if line == ReadOnlyText {
			s.ReadOnly = true
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		for _, l := range srvrLines {
			if !strings.EqualFold(l.key, key) {
				continue
			}
			if err := l.set(&s, strings.TrimSpace(value)); err != nil {
				return Srvr{}, fmt.Errorf("%w: line %q: %w", ErrGarbage, line, err)
			}
			seen[l.key] = true
		}
	}
	for _, l := range srvrLines {
		if l.required && !seen[l.key] {
			return Srvr{}, incomplete(text, srvrLines[0].key, l.key)
		}
	}
	return s, nil
}

func (s *Srvr) setMode(v string) error {
	switch v {
	case ModeStandalone, ModeLeader, ModeFollower, ModeObserver, ModeReadOnly:
		s.Mode = v
		return nil
	}
	return fmt.Errorf("unknown mode")
}

// setLatency reads 0/0/0 (3.4, 3.5) or 0/0.1667/1 (from 3.6).
func (s *Srvr) setLatency(v string) error {
	parts := strings.Split(v, "/")
	if len(parts) != 3 {
		return fmt.Errorf("want three numbers")
	}
	for i, to := range []*float64{&s.LatencyMin, &s.LatencyAvg, &s.LatencyMax} {
		f, err := strconv.ParseFloat(parts[i], 64)
		if err != nil {
			return err
		}
		*to = f
	}
	return nil
}

func number(field func(*Srvr) *int64) func(*Srvr, string) error {
	return func(s *Srvr, v string) (err error) {
		*field(s), err = strconv.ParseInt(v, 10, 64)
		return err
	}
}

// incomplete says why text lacks what an answer that begins with start must have.
func incomplete(text []byte, start, lacks string) error {
	n := min(len(start), len(text))
	if strings.EqualFold(start[:n], string(text[:n])) {
		return fmt.Errorf("%w: %d bytes without %q", ErrHalfAnswer, len(text), lacks)
	}
	return fmt.Errorf("%w: it begins %q", ErrGarbage, text[:min(40, len(text))])
}
