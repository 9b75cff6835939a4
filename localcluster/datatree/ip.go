package datatree

import (
	"strconv"
	"strings"
)

// An id of the ip scheme is an address, in an ACL also a network such as 10.0.0.0/8. IPv6 is accepted as in
// ZooKeeper from 3.9.4 on (ZOOKEEPER-4240); earlier releases refuse it.

func validIP(id string) bool {
	_, _, ok := parseNetwork(id)
	return ok
}

// matchIP reports whether the address have lies in the network want.
func matchIP(have, want string) bool {
	network, bits, ok := parseNetwork(want)
	if !ok {
		return false
	}
	address, ok := parseIP(have)
	if !ok || len(address) != len(network) {
		return false
	}
	whole, rest := bits/8, bits%8
	for i := range whole {
		if address[i] != network[i] {
			return false
		}
	}
	return rest == 0 || (address[whole]^network[whole])>>(8-rest) == 0
}

// parseNetwork reads address[/bits]; without bits, all bits count.
func parseNetwork(s string) (address []byte, bits int, ok bool) {
	text, prefix, hasPrefix := strings.Cut(s, "/")
	if address, ok = parseIP(text); !ok {
		return nil, 0, false
	}
	if !hasPrefix {
		return address, 8 * len(address), true
	}
	bits, err := strconv.Atoi(prefix)
	return address, bits, err == nil && 0 <= bits && bits <= 8*len(address)
}

// parseIP returns the 4 or 16 bytes of an address. It does not use net/netip, because it must accept what Java
// accepts, such as leading zeros: otherwise servers would disagree about permissions.
func parseIP(s string) ([]byte, bool) {
	if strings.Contains(s, ":") {
		return parseIPv6(s)
	}
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return nil, false
	}
	address := make([]byte, 4)
	for i, part := range parts {
		v, err := strconv.Atoi(part)
		if err != nil || v < 0 || v > 255 {
			return nil, false
		}
		address[i] = byte(v)
	}
	return address, true
}

func parseIPv6(s string) ([]byte, bool) {
	halves := strings.Split(s, "::")
	if len(halves) > 2 {
		return nil, false
	}
	var groups [2][]string
	for i, half := range halves {
		if half != "" {
			groups[i] = strings.Split(half, ":")
		}
	}
	given := len(groups[0]) + len(groups[1])
	if len(halves) == 1 && given != 8 || len(halves) == 2 && given > 7 {
		return nil, false
	}
	address := make([]byte, 16)
	at := 0
	for i, half := range groups {
		if i == 1 {
			at = 16 - 2*len(half) // after ::, aligned to the end
		}
		for _, group := range half {
			v, err := strconv.ParseUint(group, 16, 16)
			if err != nil || len(group) > 4 {
				return nil, false
			}
			address[at], address[at+1] = byte(v>>8), byte(v)
			at += 2
		}
	}
	return address, true
}
