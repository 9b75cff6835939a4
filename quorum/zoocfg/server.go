package zoocfg

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zkctl/quorum"
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
//	host:quorumPort:electionPort[:role][|host2:…][;[clientHost:]clientPort[;[secureHost:]securePort]]
type Server struct {
	ID        int64
	Addresses []Address // at least one; several only with ZooKeeper's multiAddress.enabled
	Role      Role
	Client    *HostPort // nil when the line names no client address
	Secure    *HostPort // nil likewise
	Line      int       // where it stands; 0 when it came from elsewhere
}

// Host returns the first address's host, the one by which people call a server.
func (s Server) Host() string { return s.Addresses[0].Host }

// String renders the value of a server.N line in ZooKeeper's canonical form,
// the one that /zookeeper/config and the election notifications carry.
func (s Server) String() string {
	var b strings.Builder
	for i, a := range s.Addresses {
		if i > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s:%d:%d", bracket(a.Host), a.QuorumPort, a.ElectionPort)
	}
	fmt.Fprintf(&b, ":%s", s.Role)
	if s.Client != nil {
		fmt.Fprintf(&b, ";%s", *s.Client)
	}
	if s.Secure != nil {
		if s.Client == nil {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, ";%s", *s.Secure)
	}
	return b.String()
}

// ParseServer reads the value of a server.N line. It is as strict as ZooKeeper, blanks
// included; errors wrap quorum.ErrRefused. Two things it refuses that ZooKeeper only
// stumbles over later, with an error that wraps nothing: a line without any address, and
// host names that cannot exist. It reads a second client address, for TLS, which servers
// after 3.9 have.
func ParseServer(id int64, value string) (Server, error) {
	s, err := parseServer(id, value)
	switch {
	case errors.Is(err, errUnusable):
		return Server{}, fmt.Errorf("server.%d=%s: %w", id, value, err)
	case err != nil:
		return Server{}, fmt.Errorf("%w: server.%d=%s: %w", quorum.ErrRefused, id, value, err)
	}
	return s, nil
}

// errUnusable is wrapped by what ZooKeeper accepts and cannot use.
var errUnusable = errors.New("zookeeper takes it, and finds no server there")

func parseServer(id int64, value string) (Server, error) {
	s := Server{ID: id, Role: Participant}
	parts := javaSplit(value, ";")
	if len(parts) == 0 || parts[0] == "" {
		return s, errors.New("no address: want host:port:port[:role]")
	}
	if strings.Trim(parts[0], "|") == "" {
		return s, fmt.Errorf("%w: no address, want host:port:port[:role]", errUnusable)
	}
	if len(parts) > 3 {
		return s, errors.New("more than two ';': want host:port:port[:role][;[host:]clientPort[;[host:]securePort]]")
	}
	var err error
	if len(parts) > 1 && parts[1] != "" {
		if s.Client, err = parseHostPort("client", parts[1]); err != nil {
			return s, err
		}
	}
	if len(parts) > 2 && parts[2] != "" {
		if s.Secure, err = parseHostPort("secure client", parts[2]); err != nil {
			return s, err
		}
	}
	var role Role
	for _, text := range javaSplit(parts[0], "|") {
		a, r, err := parseAddress(text)
		if err != nil {
			return s, err
		}
		if role != 0 && r != 0 && r != role {
			return s, fmt.Errorf("addresses with different roles, %s and %s", role, r)
		}
		if r != 0 {
			role = r
		}
		s.Addresses = append(s.Addresses, a)
	}
	if role != 0 {
		s.Role = role
	}
	return s, nil
}

// parseAddress reads host:quorumPort:electionPort[:role]. A zero role means that
// the text gives none.
func parseAddress(text string) (Address, Role, error) {
	fields, err := splitHost(text)
	if err != nil {
		return Address{}, 0, err
	}
	if len(fields) < 3 || len(fields) > 4 {
		return Address{}, 0, fmt.Errorf("%q is not host:quorumPort:electionPort or host:quorumPort:electionPort:role", text)
	}
	a := Address{Host: fields[0]}
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
	switch strings.ToLower(strings.TrimSpace(fields[3])) {
	case "participant":
		return a, Participant, nil
	case "observer":
		return a, Observer, nil
	}
	return a, 0, fmt.Errorf("role %q is neither participant nor observer", fields[3])
}

// parseHostPort reads port or host:port.
func parseHostPort(what, text string) (*HostPort, error) {
	fields, err := splitHost(text)
	if err != nil {
		return nil, err
	}
	hp := &HostPort{Host: "0.0.0.0"}
	switch len(fields) {
	case 1:
	case 2:
		hp.Host = fields[0]
	default:
		return nil, fmt.Errorf("%s address %q is neither port nor host:port", what, text)
	}
	hp.Port, err = parsePort(what, fields[len(fields)-1])
	return hp, err
}

// splitHost cuts at colons, but not inside the brackets of an IPv6 literal.
func splitHost(s string) ([]string, error) {
	if !strings.HasPrefix(s, "[") {
		return javaSplit(s, ":"), nil
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return nil, fmt.Errorf("%q opens a bracket and does not close it", s)
	}
	rest := s[end+1:]
	if !strings.HasPrefix(rest, ":") || rest == ":" {
		return nil, fmt.Errorf("%q has no port after the bracket", s)
	}
	return append([]string{s[1:end]}, javaSplit(rest[1:], ":")...), nil
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
	if s == "" {
		return parts
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// checkServers refuses in a file what only running servers of another version, or with
// other switches, can tell of themselves: a second client address, for TLS, which
// ZooKeeper 3.8 and 3.9 refuse; and several addresses for one server, unless the feature
// is on.
//
// (ZooKeeper takes multiAddress.enabled for that from its command line alone, as
// -Dzookeeper.multiAddress.enabled=true. Here, where there is no such line, the key in the
// file stands for it.)
func (c *Config) checkServers(servers []Server) error {
	on, _ := c.Get("multiAddress.enabled")
	for _, s := range servers {
		if s.Secure != nil {
			return refuse(s.Line, "server.%d has a client address behind a second ';', port %d: zookeeper 3.8 and 3.9 take one, "+
				"as in host:port:port;2181, and secureClientPort in a line of its own", s.ID, s.Secure.Port)
		}
		if len(s.Addresses) > 1 && !strings.EqualFold(on, "true") {
			return refuse(s.Line, "server.%d has %d addresses, but multiAddress.enabled is not true", s.ID, len(s.Addresses))
		}
	}
	return nil
}
