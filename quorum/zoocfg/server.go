package zoocfg

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Role says whether a server votes.
type Role uint8

// The zero Role is invalid.
const (
	Participant Role = iota + 1
	Observer
)

func (r Role) String() string {
	switch r {
	case Participant:
		return "participant"
	case Observer:
		return "observer"
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// Address is where a server's peers reach it.
type Address struct {
	Host         string // name or literal; an IPv6 literal without its brackets; "" is this machine, as in Java
	QuorumPort   int
	ElectionPort int
}

// HostPort is where clients reach a server.
type HostPort struct {
	Host string // "0.0.0.0" when the text gives a port only
	Port int
}

func (h HostPort) String() string { return bracket(h.Host) + ":" + strconv.Itoa(h.Port) }

// Server is one server.N line:
//
//	host:quorumPort:electionPort[:role][|host2:…][;[clientHost:]clientPort]
type Server struct {
	ID        int64
	Addresses []Address // at least one; several only with ZooKeeper's multiAddress.enabled
	Role      Role
	Client    *HostPort // nil when the line names no client address
	Line      int       // where it stands
}

// Host returns the first address's host, the one by which people call a server.
func (s Server) Host() string { return s.Addresses[0].Host }

// String renders the value of a server.N line in ZooKeeper's canonical form,
// the one that /zookeeper/config and the election notifications carry.
func (s Server) String() string {
	var addresses []string
	for _, a := range s.Addresses {
		addresses = append(addresses, fmt.Sprintf("%s:%d:%d", bracket(a.Host), a.QuorumPort, a.ElectionPort))
	}
	text := strings.Join(addresses, "|") + ":" + s.Role.String()
	if s.Client != nil {
		text += ";" + s.Client.String()
	}
	return text
}

// errUnusable is wrapped by what ZooKeeper only stumbles over later: a line without any address,
// and host names that cannot exist.
var errUnusable = errors.New("zookeeper takes it, and finds no server there")

// parseServer reads the value of a server.N line, as strictly as ZooKeeper, blanks included.
// Other errors than errUnusable are refusals.
func parseServer(value string) (s Server, err error) {
	const want = "want host:port:port[:role][;[host:]clientPort]"
	parts := javaSplit(value, ";")
	switch {
	case len(parts) == 0 || parts[0] == "":
		return s, errors.New("no address: " + want)
	case strings.Trim(parts[0], "|") == "":
		return s, fmt.Errorf("%w: no address, %s", errUnusable, want)
	case len(parts) > 2:
		return s, errors.New("more than one ';': " + want + ", and secureClientPort in a line of its own")
	case len(parts) == 2:
		if s.Client, err = parseClient(parts[1]); err != nil {
			return s, err
		}
	}
	for _, text := range javaSplit(parts[0], "|") {
		a, role, err := parseAddress(text)
		if err != nil {
			return s, err
		}
		if s.Role != 0 && role != 0 && role != s.Role {
			return s, fmt.Errorf("addresses with different roles, %s and %s", s.Role, role)
		}
		s.Role, s.Addresses = max(s.Role, role), append(s.Addresses, a)
	}
	s.Role = max(s.Role, Participant)
	return s, nil
}

// parseAddress reads host:quorumPort:electionPort[:role]. A zero role means that
// the text gives none.
func parseAddress(text string) (a Address, role Role, err error) {
	fields, err := splitHost(text)
	if err != nil {
		return a, 0, err
	}
	if len(fields) < 3 || len(fields) > 4 {
		return a, 0, fmt.Errorf("%q is not host:quorumPort:electionPort or host:quorumPort:electionPort:role", text)
	}
	a.Host = fields[0]
	if strings.ContainsAny(a.Host, " \t\r\n\f\\") {
		return a, 0, fmt.Errorf("%w: host %q holds white space or a backslash", errUnusable, a.Host)
	}
	if a.QuorumPort, err = parsePort("quorum", fields[1]); err != nil {
		return a, 0, err
	}
	if a.ElectionPort, err = parsePort("election", fields[2]); err != nil {
		return a, 0, err
	}
	if a.QuorumPort == a.ElectionPort {
		return a, 0, fmt.Errorf("quorum and election port are both %d: they must be different", a.QuorumPort)
	}
	if len(fields) == 3 {
		return a, 0, nil
	}
	for _, role := range []Role{Participant, Observer} {
		if strings.EqualFold(strings.TrimSpace(fields[3]), role.String()) {
			return a, role, nil
		}
	}
	return a, 0, fmt.Errorf("role %q is neither participant nor observer", fields[3])
}

// parseClient reads port or host:port.
func parseClient(text string) (*HostPort, error) {
	fields, err := splitHost(text)
	if err != nil {
		return nil, err
	}
	if len(fields) == 1 {
		fields = slices.Insert(fields, 0, "0.0.0.0")
	}
	if len(fields) != 2 {
		return nil, fmt.Errorf("client address %q is neither port nor host:port", text)
	}
	port, err := parsePort("client", fields[1])
	return &HostPort{fields[0], port}, err
}

// splitHost cuts at colons, but not inside the brackets of an IPv6 literal.
func splitHost(s string) ([]string, error) {
	if !strings.HasPrefix(s, "[") {
		return javaSplit(s, ":"), nil
	}
	host, rest, closed := strings.Cut(s[1:], "]")
	if !closed {
		return nil, fmt.Errorf("%q opens a bracket and does not close it", s)
	}
	if !strings.HasPrefix(rest, ":") || rest == ":" {
		return nil, fmt.Errorf("%q has no port after the bracket", s)
	}
	return append([]string{host}, javaSplit(rest[1:], ":")...), nil
}

func parsePort(what, text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 || n > 65535 {
		return 0, fmt.Errorf("%s port %q is not a number from 0 to 65535%s", what, text, blankHint(text))
	}
	return int(n), nil
}

func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// javaSplit splits as Java's String.split does: empty strings at the end are
// dropped, so that "1:2:" has two parts, "h:1:2:" no role, and ":" no parts at
// all; but "" is one empty part.
func javaSplit(s, sep string) []string {
	parts := strings.Split(s, sep)
	for s != "" && len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}
