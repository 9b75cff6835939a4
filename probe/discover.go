package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"zkctl/quorum"
	"zkctl/quorum/zoocfg"
)

// configNode holds the ensemble's configuration since ZooKeeper 3.5. Anyone may read it.
const configNode = "/zookeeper/config"

// Ensemble is the servers to ask and the rule by which they form a quorum.
type Ensemble struct {
	Servers []Server
	System  *quorum.System // nil: a majority of Servers that are no observers
	// Config is what the ensemble itself says of its members; nil when it did not, and Servers
	// are the hosts that were given, numbered in that order.
	Config *zoocfg.Ensemble
}

// Discover finds the members of the ensemble of which some hosts are given, each a
// host:port of a client port. It reads the configuration over a session, and finds out
// which host is which member from the ids that they give to sessions.
//
// Hosts that cannot be asked may still be matched by the configuration. When none
// answers, or the servers are older than the configuration node, the hosts themselves
// are the ensemble; that is no error. A survey of the result then says what is wrong.
func Discover(ctx context.Context, hosts []string) Ensemble {
	var s Surveyor
	return s.Discover(ctx, hosts)
}

// Discover is the function Discover with the surveyor's settings.
func (s *Surveyor) Discover(ctx context.Context, hosts []string) Ensemble {
	visits := make([]visit, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() { visits[i] = s.visit(ctx, host) })
	}
	wg.Wait()

	// Configurations differ while one spreads; the latest counts.
	var latest *zoocfg.Ensemble
	for _, v := range visits {
		if v.config != nil && len(v.config.Servers) > 0 && (latest == nil || v.config.Version > latest.Version) {
			latest = v.config
		}
	}
	if latest != nil {
		if system, err := latest.System(); err == nil {
			return Ensemble{Servers: matched(latest.Servers, visits), System: system, Config: latest}
		}
	}
	return Ensemble{Servers: numbered(hosts)}
}

// visit is what one host said of itself and its ensemble.
type visit struct {
	host   string
	member int64            // the low byte of its id, or -1
	config *zoocfg.Ensemble // nil if it could not be read
}

func (s *Surveyor) visit(ctx context.Context, host string) visit {
	v := visit{host: host, member: -1}
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	session, err := Dial(ctx, host, Options{Dial: s.dial(), Timeout: sessionCheckTimeout})
	if err != nil {
		return v
	}
	// If this fails, the session expires.
	defer func() { _ = session.Close(ctx) }()
	// A server begins its session ids with the low byte of its own.
	v.member = int64(uint64(session.ID()) >> 56)
	text, _, _, err := session.Get(ctx, configNode)
	if err == nil {
		v.config, err = zoocfg.ParseEnsemble(text)
	}
	if err != nil {
		v.config = nil
	}
	return v
}

// matched finds the client address of every configured server: the host whose sessions
// bear its id; else the address in the configuration; else a host of the same name, if
// it is the only one. A server whose address stays unknown is listed without.
func matched(servers []zoocfg.Server, visits []visit) []Server {
	var out []Server
	taken := map[string]bool{}
	for _, server := range servers {
		entry := Server{ID: server.ID, Observer: server.Role == zoocfg.Observer}
		for _, v := range visits {
			if v.member == server.ID&0xff && !taken[v.host] {
				entry.Client = v.host
				taken[v.host] = true
				break
			}
		}
		out = append(out, entry)
	}
	for i, server := range servers {
		if out[i].Client != "" {
			continue
		}
		if server.Client != nil {
			out[i].Client = clientAddress(server)
			taken[out[i].Client] = true
			continue
		}
		same := slices.DeleteFunc(slices.Clone(visits), func(v visit) bool {
			name, _, err := net.SplitHostPort(v.host)
			return err != nil || name != server.Host() || taken[v.host] || v.member >= 0
		})
		if len(same) == 1 {
			out[i].Client = same[0].host
			taken[same[0].host] = true
		}
	}
	return out
}

// clientAddress is where a server listens for clients. A wildcard is an address to bind
// and not to dial: the server's own host is meant.
func clientAddress(server zoocfg.Server) string {
	host := server.Client.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = server.Host()
	}
	return net.JoinHostPort(host, strconv.Itoa(server.Client.Port))
}

func numbered(hosts []string) []Server {
	servers := make([]Server, len(hosts))
	for i, host := range hosts {
		servers[i] = Server{ID: int64(i) + 1, Client: host}
	}
	return servers
}

// ParseHosts splits a connect string, host:port,host:port/chroot, into its hosts. A host
// without a port has ZooKeeper's, 2181.
func ParseHosts(connect string) ([]string, error) {
	list, _, _ := strings.Cut(connect, "/")
	var hosts []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		host, port, err := net.SplitHostPort(part)
		var missing *net.AddrError
		if errors.As(err, &missing) && missing.Err == "missing port in address" {
			host, port, err = net.SplitHostPort(part + ":2181")
		}
		if err != nil {
			return nil, fmt.Errorf("host %q: want host:port: %w", part, err)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
			return nil, fmt.Errorf("host %q: want host:port with a port from 1 to 65535", part)
		}
		if hostPort := net.JoinHostPort(host, port); !slices.Contains(hosts, hostPort) {
			hosts = append(hosts, hostPort)
		}
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("no host in %q: want host:port, separated by commas", connect)
	}
	return hosts, nil
}
