package member

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"zkctl/quorum/zoocfg"
)

// readMembers reads the list of servers, this server's id in it, and its client address.
//
//	no server line, or one and standaloneEnabled  ->  standalone
//	anything else                                 ->  an ensemble: myid, limits, voters
func (l *loader) readMembers(c *Config) error {
	all := l.static
	if name, ok := all.DynamicFile(); ok {
		merged, err := l.withDynamic(name)
		if err != nil {
			return err
		}
		all = merged
	}
	ensemble, err := all.Ensemble()
	if err != nil {
		return l.wrap(err)
	}
	alone, given := all.Get("standaloneEnabled")
	standaloneEnabled := !given || strings.EqualFold(alone, "true")
	c.Standalone = len(ensemble.Servers) == 0 ||
		standaloneEnabled && len(ensemble.Servers) == 1 && len(ensemble.Voters()) == 1
	if len(ensemble.Servers) == 0 && !standaloneEnabled {
		return l.fail("standaloneEnabled", "standaloneEnabled=false, but there is no server.N line", "an ensemble of one needs its own line")
	}
	if len(ensemble.Servers) > 0 {
		c.Ensemble = ensemble
	}
	if c.ID, err = l.readMyID(c); err != nil {
		return err
	}
	if err := l.readClientAddress(c); err != nil {
		return err
	}
	if c.Standalone {
		return nil
	}
	return l.joinEnsemble(c)
}

// withDynamic reads the file that dynamicConfigFile names.
func (l *loader) withDynamic(name string) (*zoocfg.Config, error) {
	content, err := l.readFile(name)
	if err != nil {
		return nil, l.fail("dynamicConfigFile", fmt.Sprintf("dynamicConfigFile=%s: %v", name, err), "")
	}
	inFile := loader{path: name}
	dynamic, err := zoocfg.Parse(content)
	if err != nil {
		return nil, inFile.wrap(err)
	}
	merged, err := l.static.WithDynamic(dynamic, name)
	if err != nil {
		return nil, inFile.wrap(err)
	}
	return merged, nil
}

// readMyID reads dataDir/myid: the first line, in decimal.
func (l *loader) readMyID(c *Config) (int64, error) {
	name := filepath.Join(c.DataDir, "myid")
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if c.Standalone {
			return 0, nil
		}
		return 0, &ConfigError{File: name, Text: "the myid file is missing", Err: err,
			Hint: fmt.Sprintf("write into it which server.N of %s this server is, such as: echo 1 > %s", l.path, name)}
	}
	if err != nil {
		return 0, fmt.Errorf("read the server's id: %w", err)
	}
	line, _, _ := bufio.NewReader(bytes.NewReader(content)).ReadLine()
	id, err := strconv.ParseInt(strings.TrimSpace(string(line)), 10, 64)
	if err != nil || id < 0 {
		return 0, &ConfigError{File: name, Line: 1, Text: fmt.Sprintf("%q is not a server id", line),
			Hint: "it must be the N of this server's server.N line, in decimal"}
	}
	return id, nil
}

// readClientAddress follows QuorumPeerConfig.setupClientPort: the server's own
// line may name the client address, and must not contradict clientPort.
func (l *loader) readClientAddress(c *Config) error {
	c.ClientAddress = clientAddress(l.static)
	if host, _ := l.static.Get("clientPortAddress"); host != "" && c.ClientAddress == "" {
		return l.fail("clientPortAddress", "clientPortAddress is set but clientPort is not", "add clientPort=2181")
	}
	if own, ok := ownServer(c); ok && own.Client != nil {
		inLine := own.Client.String()
		if c.ClientAddress != "" && !sameClientAddress(c.ClientAddress, inLine) {
			return l.fail("clientPort", fmt.Sprintf("the client address %s contradicts %s in the line of server.%d",
				c.ClientAddress, inLine, c.ID), "keep one of them")
		}
		c.ClientAddress = inLine
	}
	if c.ClientAddress == "" {
		return l.fail("clientPort", "no client port is set", "set the port to which clients connect: clientPort=2181")
	}
	return nil
}

// sameClientAddress tells whether the address of clientPort and clientPortAddress agrees
// with that of the server's line. For a wildcard address ZooKeeper compares only the port,
// for others also the address to which the host resolves.
func sameClientAddress(static, inLine string) bool {
	host, port, _ := net.SplitHostPort(static)
	lineHost, linePort, _ := net.SplitHostPort(inLine)
	if port != linePort {
		return false
	}
	ip := resolve(host)
	return host == "" || host == lineHost || ip != nil && (ip.IsUnspecified() || ip.Equal(resolve(lineHost)))
}

// resolve is the first address of a host, which ZooKeeper would use; nil when the host
// has none.
func resolve(host string) net.IP {
	ips, err := net.LookupIP(host)
	if err != nil || len(ips) == 0 {
		return nil
	}
	return ips[0]
}

func ownServer(c *Config) (zoocfg.Server, bool) {
	if c.Ensemble == nil {
		return zoocfg.Server{}, false
	}
	return c.Ensemble.Server(c.ID)
}

// joinEnsemble checks the keys that only a member of an ensemble needs.
func (l *loader) joinEnsemble(c *Config) error {
	own, ok := ownServer(c)
	if !ok {
		return l.fail("", fmt.Sprintf("there is no server.%d line, but %s says %d", c.ID, filepath.Join(c.DataDir, "myid"), c.ID),
			"the id must be one of the configuration's servers")
	}
	if c.InitLimit == 0 {
		return l.fail("initLimit", "initLimit is not set", "the usual value is initLimit=10, in ticks")
	}
	if c.SyncLimit == 0 {
		return l.fail("syncLimit", "syncLimit is not set", "the usual value is syncLimit=5, in ticks")
	}
	var err error
	if c.Voters, err = c.Ensemble.System(); err != nil {
		return l.wrap(err)
	}
	if c.ExtendedTypes && c.ID > 254 {
		return l.fail("extendedTypesEnabled", fmt.Sprintf("server id %d is above 254", c.ID),
			"with extendedTypesEnabled, larger ids make session ids that read as TTLs")
	}
	return l.checkPeerType(c, own)
}

// checkPeerType warns if peerType differs from the server list, which wins, as in ZooKeeper.
func (l *loader) checkPeerType(c *Config, own zoocfg.Server) error {
	value, given := l.static.Get("peerType")
	if !given {
		return nil
	}
	switch strings.ToLower(value) {
	case "participant", "observer":
	default:
		return l.fail("peerType", fmt.Sprintf("peerType=%s is neither participant nor observer", value), "")
	}
	if !strings.EqualFold(value, own.Role.String()) {
		c.warn("%s: peerType=%s is ignored: the line of server.%d says %s", l.path, value, c.ID, own.Role)
	}
	return nil
}
