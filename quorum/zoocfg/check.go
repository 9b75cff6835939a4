package zoocfg

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Keys whose values ZooKeeper reads as numbers of 32 bits, of 64 bits, and as
// booleans.
var (
	numbers = []string{
		"clientPort", "secureClientPort", "observerMasterPort", "clientPortListenBacklog", "tickTime",
		"maxClientCnxns", "minSessionTimeout", "maxSessionTimeout", "initLimit", "syncLimit",
		"connectToLearnerMasterLimit", "electionAlg", "autopurge.snapRetainCount", "autopurge.purgeInterval",
		"quorum.cnxn.threads.size", "multiAddress.reachabilityCheckTimeoutMs",
	}
	longNumbers = []string{"jvm.pause.info-threshold.ms", "jvm.pause.warn-threshold.ms", "jvm.pause.sleep.time.ms"}
	booleans    = []string{
		"localSessionsEnabled", "localSessionsUpgradingEnabled", "quorumListenOnAllIPs", "syncEnabled",
		"standaloneEnabled", "reconfigEnabled", "sslQuorum", "portUnification", "sslQuorumReloadCertFiles",
		"quorum.auth.enableSasl", "quorum.auth.serverRequireSasl", "quorum.auth.learnerRequireSasl",
		"multiAddress.enabled", "multiAddress.reachabilityCheckEnabled", "jvm.pause.monitor",
	}
)

// Check refuses the values that ZooKeeper's QuorumPeerConfig refuses, whichever servers there
// are: numbers and booleans that are none, ports that are none, an election algorithm
// other than 3, an unknown peerType, and values that exclude each other. Keys that are
// absent are fine (see CheckStart), and so are keys it does not know. The first offending
// line is named; errors wrap quorum.ErrRefused.
//
// What depends on the machine is not looked at: whether names resolve, folders
// exist, the classes of a metrics provider are there, and what myid says.
func (c *Config) Check() error {
	if err := c.checkStatic(); err != nil {
		return err
	}
	for _, e := range c.All() {
		if err := e.check(); err != nil {
			return err
		}
	}
	for _, check := range []func() error{c.checkSessions, c.checkAddresses, c.checkSasl} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (e Entry) check() error {
	value := strings.TrimSpace(e.Value)
	switch {
	case slices.Contains(numbers, e.Key):
		return e.checkNumber(value)
	case slices.Contains(longNumbers, e.Key):
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return refuse(e.Line, "%s=%s is not a whole number of 64 bits", e.Key, value)
		}
	case slices.Contains(booleans, e.Key):
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return refuse(e.Line, "%s=%s is neither true nor false", e.Key, value)
		}
	case e.Key == "peerType":
		if !strings.EqualFold(value, "observer") && !strings.EqualFold(value, "participant") {
			return refuse(e.Line, "peerType=%s is neither participant nor observer", value)
		}
	case e.Key == "dataDir" || e.Key == "dataLogDir":
		// VerifyingFileFactory looks at the first two characters of a relative path.
		if len(value) < 2 && !path.IsAbs(value) {
			return refuse(e.Line, "%s=%s: a relative path of less than two characters stops zookeeper with a StringIndexOutOfBoundsException",
				e.Key, value)
		}
	}
	return nil
}

func (e Entry) checkNumber(value string) error {
	n, err := strconv.ParseInt(value, 10, 32)
	switch {
	case err != nil:
		return refuse(e.Line, "%s=%s is not a whole number of 32 bits", e.Key, value)
	case e.Key == "electionAlg" && n != 3:
		return refuse(e.Line, "electionAlg=%s: only 3 is left", value)
	case e.Key == "tickTime" && n == 0:
		return refuse(e.Line, "tickTime=0: a tick takes time")
	case (e.Key == "clientPort" || e.Key == "secureClientPort") && (n < 0 || n > 65535):
		return refuse(e.Line, "%s=%s is not a port from 0 to 65535", e.Key, value)
	}
	return nil
}

// checkSessions: unless given, the limits are 2 and 20 ticks; -1 is the same as
// not given.
func (c *Config) checkSessions() error {
	tick := c.numberOr("tickTime", 3000)
	low, high := c.numberOr("minSessionTimeout", -1), c.numberOr("maxSessionTimeout", -1)
	if low == -1 {
		low = 2 * tick
	}
	if high == -1 {
		high = 20 * tick
	}
	if low <= high {
		return nil
	}
	for _, key := range []string{"minSessionTimeout", "maxSessionTimeout", "tickTime"} {
		if e, ok := c.Lookup(key); ok {
			return refuse(e.Line, "minSessionTimeout %d is larger than maxSessionTimeout %d", low, high)
		}
	}
	return nil
}

// checkAddresses: an address without its port.
func (c *Config) checkAddresses() error {
	for _, key := range []string{"clientPort", "secureClientPort"} {
		if e, ok := c.Lookup(key + "Address"); ok && c.numberOr(key, 0) == 0 {
			return refuse(e.Line, "%s is set but %s is not", e.Key, key)
		}
	}
	return nil
}

// checkSasl: what requires SASL of others needs it on this side, too.
func (c *Config) checkSasl() error {
	on := func(key string) bool {
		value, _ := c.Get(key)
		return strings.EqualFold(value, "true")
	}
	const enabled, server, learner = "quorum.auth.enableSasl", "quorum.auth.serverRequireSasl", "quorum.auth.learnerRequireSasl"
	for _, rule := range [][2]string{{server, enabled}, {learner, enabled}, {server, learner}} {
		if on(rule[0]) && !on(rule[1]) {
			e, _ := c.Lookup(rule[0])
			return refuse(e.Line, "%s needs %s=true, too", rule[0], rule[1])
		}
	}
	return nil
}

// numberOr is a key's value, or what it is when the key is absent or no number.
func (c *Config) numberOr(key string, absent int64) int64 {
	text, ok := c.Get(key)
	if !ok {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return absent
	}
	return n
}

// Complete reports whether the text is a whole zoo.cfg and not a part of one, such
// as a dynamic configuration or a template: it says where the data is.
func (c *Config) Complete() bool {
	_, ok := c.Lookup("dataDir")
	return ok
}

// OnlyMembers reports whether the text holds nothing but membership, as a dynamic
// configuration does.
func (c *Config) OnlyMembers() bool {
	return !slices.ContainsFunc(c.entries, func(e Entry) bool {
		return !isServerKey(e.Key) && !isGroupKey(e.Key) && e.Key != "version"
	})
}

// CheckStart refuses what ZooKeeper refuses of a complete zoo.cfg whose values Check
// has accepted, once it knows the servers: an ensemble without initLimit or
// syncLimit, and a clientPort that every server's own line contradicts. Errors wrap quorum.ErrRefused.
func (c *Config) CheckStart(e *Ensemble) error {
	if distributed := len(e.Voters()) > 1 || len(e.Servers) > 0 && !e.alone; distributed {
		for _, key := range []string{"initLimit", "syncLimit"} {
			if c.numberOr(key, 0) == 0 {
				entry, _ := c.Lookup(key)
				return refuse(entry.Line, "%s is not set: an ensemble needs it (the usual lines are initLimit=10 and syncLimit=5)", key)
			}
		}
	}
	port := c.numberOr("clientPort", 0)
	if port == 0 || len(e.Servers) == 0 {
		return nil
	}
	for _, s := range e.Servers {
		if s.Client == nil || int64(s.Client.Port) == port {
			return nil
		}
	}
	entry, _ := c.Lookup("clientPort")
	return refuse(entry.Line, "clientPort=%d contradicts the client port in every server's line, such as %d in line %d",
		port, e.Servers[0].Client.Port, e.Servers[0].Line)
}
