package zoocfg

import (
	"fmt"
	"strings"

	"zkctl/quorum"
)

// Lint warns of what ZooKeeper starts with and what the sizes alone do not show: voters on one
// host, which fail together, and servers that claim one port of a host. system is that of the
// ensemble. A server counts for the host of its first address, and names are compared as they
// are written: the package resolves none.
func (e *Ensemble) Lint(system *quorum.System) []quorum.Warning {
	var warnings []quorum.Warning
	voters := map[string][]int64{}
	owner := map[string]int64{} // host:port -> the first server that claims it
	for _, s := range e.Servers {
		if s.Role == Participant {
			voters[machine(s.Host())] = append(voters[machine(s.Host())], s.ID)
		}
		for _, claim := range s.claims() {
			first, taken := owner[claim]
			if !taken {
				owner[claim] = s.ID
			} else if first != s.ID {
				warnings = append(warnings, quorum.Warning{Code: quorum.DuplicateAddress, Text: fmt.Sprintf(
					"server.%d and server.%d both listen on %s: only one of them can start.", first, s.ID, claim)})
			}
		}
	}
	for _, s := range e.Servers {
		ids := voters[machine(s.Host())]
		if len(ids) < 2 || ids[0] != s.ID {
			continue
		}
		effect := "the loss of that host is the loss of the quorum"
		if further := quorum.GuaranteedTolerance(quorum.Without(system, ids...)); further >= 0 {
			effect = fmt.Sprintf("without that host a quorum is left, and %d further failures are tolerated", further)
		}
		warnings = append(warnings, quorum.Warning{Code: quorum.SharedHost, Text: fmt.Sprintf(
			"Servers %s share the host %q and fail with it: %s.", quorum.IDList(ids), s.Host(), effect)})
	}
	return warnings
}

// claims are the addresses on which a server listens.
func (s Server) claims() []string {
	var claims []string
	for _, a := range s.Addresses {
		host := machine(a.Host)
		claims = append(claims, HostPort{host, a.QuorumPort}.String(), HostPort{host, a.ElectionPort}.String())
	}
	if c := s.Client; c != nil {
		host := c.Host
		if host == "0.0.0.0" || host == "::" {
			host = s.Host()
		}
		claims = append(claims, HostPort{machine(host), c.Port}.String())
	}
	return claims
}

// machine is the name under which hosts are compared: without case, and all of loopback is one.
func machine(host string) string {
	host = strings.ToLower(host)
	if host == "" || host == "::1" || host == "0:0:0:0:0:0:0:1" || strings.HasPrefix(host, "127.") {
		return "localhost"
	}
	return host
}
