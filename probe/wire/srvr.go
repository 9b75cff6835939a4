package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Srvr is the answer to srvr, and the part of stat's answer that equals it.
type Srvr struct {
	Version     string // as printed: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on ...
	ReadOnly    bool
	LatencyMin  float64 // milliseconds
	LatencyAvg  float64
	LatencyMax  float64
	Received    int64
	Sent        int64
	Connections int64 // 0 from servers before 3.4, which do not tell
	Outstanding int64
	Zxid        Zxid
	Mode        string // standalone, leader, follower, observer or read-only
	NodeCount   int64
}

// Release is the version's number alone, such as 3.8.0.
func (s *Srvr) Release() string {
	end := strings.IndexFunc(s.Version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		return s.Version
	}
	return s.Version[:end]
}

// ParseSrvr reads the answer to srvr or to stat, of ZooKeeper 3.4 to 3.9. Lines that it
// does not know are skipped, and the order does not matter; the version, the mode and
// the zxid must be there. An answer without them is ErrHalfAnswer when it begins as it
// should and ErrGarbage when it does not; a server that refused is ErrNotServing or
// ErrNotWhitelisted.
func ParseSrvr(text []byte) (Srvr, error) {
	if err := CheckFourLetter(text); err != nil {
		return Srvr{}, err
	}
	var s Srvr
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		complete := strings.HasSuffix(line, "\n")
		line = strings.TrimRight(line, "\r\n")
		if line == ReadOnlyText {
			s.ReadOnly = true
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok || !complete {
			// A line that is cut off may hold half a number: better none than a wrong one.
			continue
		}
		known, err := s.set(key, strings.TrimSpace(value))
		if err != nil {
			return Srvr{}, fmt.Errorf("%w: %q: %w", ErrGarbage, line, err)
		}
		if known {
			seen[key] = true
		}
	}
	for _, key := range []string{"Zookeeper version", "Zxid", "Mode"} {
		if !seen[key] {
			if strings.HasPrefix("Zookeeper version: ", firstBytes(text, 19)) {
				return Srvr{}, fmt.Errorf("%w: no line %q", ErrHalfAnswer, key)
			}
			return Srvr{}, fmt.Errorf("%w: begins %q", ErrGarbage, firstBytes(text, 40))
		}
	}
	return s, nil
}

// set stores the value of one line, and reports whether the line is known.
func (s *Srvr) set(key, value string) (known bool, err error) {
	switch key {
	case "Zookeeper version":
		s.Version = value
	case "Latency min/avg/max":
		err = s.setLatency(value)
	case "Received":
		s.Received, err = strconv.ParseInt(value, 10, 64)
	case "Sent":
		s.Sent, err = strconv.ParseInt(value, 10, 64)
	case "Connections":
		s.Connections, err = strconv.ParseInt(value, 10, 64)
	case "Outstanding":
		s.Outstanding, err = strconv.ParseInt(value, 10, 64)
	case "Zxid":
		s.Zxid, err = ParseZxid(value)
	case "Mode":
		s.Mode = value
		switch value {
		case "standalone", "leader", "follower", "observer", "read-only":
		default:
			err = fmt.Errorf("unknown mode")
		}
	case "Node count":
		s.NodeCount, err = strconv.ParseInt(value, 10, 64)
	default:
		return false, nil
	}
	return true, err
}

// setLatency reads 0/0/0 (3.4, 3.5) or 0/0.1667/1 (from 3.6).
func (s *Srvr) setLatency(value string) error {
	parts := strings.Split(value, "/")
	if len(parts) != 3 {
		return fmt.Errorf("want three numbers")
	}
	for i, to := range []*float64{&s.LatencyMin, &s.LatencyAvg, &s.LatencyMax} {
		v, err := strconv.ParseFloat(parts[i], 64)
		if err != nil {
			return err
		}
		*to = v
	}
	return nil
}

func firstBytes(text []byte, n int) string { return string(text[:min(n, len(text))]) }

// ParseMntr reads the answer to mntr: lines of key, tab, value. Keys keep their zk_.
func ParseMntr(text []byte) (map[string]string, error) {
	if err := CheckFourLetter(text); err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // cut off: the value may be half of itself
		}
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || !strings.HasPrefix(key, "zk_") {
			return nil, fmt.Errorf("%w: mntr line %q", ErrGarbage, firstBytes([]byte(line), 60))
		}
		values[key] = value
	}
	switch {
	case values["zk_version"] == "" && len(values) > 0, len(text) > 0 && len(values) == 0 && text[0] == 'z':
		return nil, fmt.Errorf("%w: no zk_version", ErrHalfAnswer)
	case values["zk_version"] == "":
		return nil, fmt.Errorf("%w: begins %q", ErrGarbage, firstBytes(text, 40))
	case values["zk_server_state"] == "":
		return nil, fmt.Errorf("%w: no zk_server_state", ErrHalfAnswer)
	}
	return values, nil
}
