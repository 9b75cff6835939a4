package zoocfg

import (
	"strconv"
	"strings"
)

// Keys whose values ZooKeeper reads as 32-bit numbers, and as booleans.
var (
	numbers = []string{
		"clientPort", "secureClientPort", "observerMasterPort", "clientPortListenBacklog", "tickTime",
		"maxClientCnxns", "minSessionTimeout", "maxSessionTimeout", "initLimit", "syncLimit",
		"connectToLearnerMasterLimit", "electionAlg", "autopurge.snapRetainCount", "quorum.cnxn.threads.size",
		"multiAddress.reachabilityCheckTimeoutMs",
	}
	booleans = []string{
		"localSessionsEnabled", "localSessionsUpgradingEnabled", "quorumListenOnAllIPs", "syncEnabled",
		"standaloneEnabled", "reconfigEnabled", "sslQuorum", "portUnification", "sslQuorumReloadCertFiles",
		"quorum.auth.enableSasl", "quorum.auth.serverRequireSasl", "quorum.auth.learnerRequireSasl",
		"multiAddress.enabled", "multiAddress.reachabilityCheckEnabled",
	}
)

// Check refuses the values that QuorumPeerConfig cannot read: numbers that are
// none, booleans that are neither, an election algorithm other than 3, an
// unknown peerType, session limits the wrong way round. Keys that are absent are fine,
// and so are keys it does not know. The first offending line is named; errors
// wrap quorum.ErrRefused.
func (c *Config) Check() error {
	for _, e := range c.All() {
		if err := e.check(); err != nil {
			return err
		}
	}
	low, high := c.number("minSessionTimeout"), c.number("maxSessionTimeout")
	tick := c.number("tickTime")
	if tick < 0 {
		tick = 3000
	}
	if low < 0 {
		low = 2 * tick
	}
	if high < 0 {
		high = 20 * tick
	}
	if low > high {
		e, ok := c.Lookup("minSessionTimeout")
		if !ok {
			e, _ = c.Lookup("maxSessionTimeout")
		}
		return refuse(e.Line, "minSessionTimeout %d is larger than maxSessionTimeout %d", low, high)
	}
	return nil
}

func (e Entry) check() error {
	value := strings.TrimSpace(e.Value)
	for _, key := range numbers {
		if e.Key != key {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 32)
		switch {
		case err != nil:
			return refuse(e.Line, "%s=%s is not a whole number of 32 bits", e.Key, value)
		case e.Key == "electionAlg" && n != 3:
			return refuse(e.Line, "electionAlg=%s: only 3 is left", value)
		case e.Key == "tickTime" && n == 0:
			return refuse(e.Line, "tickTime=0: a tick takes time")
		}
	}
	for _, key := range booleans {
		if e.Key == key && !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return refuse(e.Line, "%s=%s is neither true nor false", e.Key, value)
		}
	}
	if e.Key == "peerType" && !strings.EqualFold(value, "observer") && !strings.EqualFold(value, "participant") {
		return refuse(e.Line, "peerType=%s is neither participant nor observer", value)
	}
	return nil
}

// number is a key's value, or -1.
func (c *Config) number(key string) int64 {
	text, ok := c.Get(key)
	if !ok {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return -1
	}
	return n
}
