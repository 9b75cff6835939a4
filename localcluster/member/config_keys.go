package member

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"zkctl/probe/wire"
	"zkctl/quorum/zoocfg"
)

const (
	minSnapRetain = 3 // ZooKeeper refuses to keep fewer snapshots
	minSnapCount  = 2
	minBuffer     = 1024 // less would not hold an ACL list
)

// keyReader reads one key's value into the configuration; its error says what is
// wrong with the value.
type keyReader func(c *Config, value string) error

// honoured are the keys that this server uses. Numbers are read as
// Java's Integer.parseInt reads them: decimal, of 32 bits.
var honoured = map[string]keyReader{
	"dataDir":           text(func(c *Config) *string { return &c.DataDir }),
	"dataLogDir":        text(func(c *Config) *string { return &c.DataLogDir }),
	"tickTime":          millis(1, func(c *Config) *time.Duration { return &c.Tick }),
	"initLimit":         number(1, func(c *Config) *int { return &c.InitLimit }),
	"syncLimit":         number(1, func(c *Config) *int { return &c.SyncLimit }),
	"minSessionTimeout": sessionTimeout(func(c *Config) *time.Duration { return &c.MinSessionTimeout }),
	"maxSessionTimeout": sessionTimeout(func(c *Config) *time.Duration { return &c.MaxSessionTimeout }),

	"maxClientCnxns":         number(0, func(c *Config) *int { return &c.MaxClientConnections }),
	"globalOutstandingLimit": number(1, func(c *Config) *int { return &c.GlobalOutstanding }),
	"4lw.commands.whitelist": func(c *Config, v string) error { c.Commands = ParseWhitelist(v); return nil },
	"jute.maxbuffer":         maxBuffer,

	"snapCount":                 snapCount,
	"commitLogCount":            number(1, func(c *Config) *int { return &c.CommitLogCount }),
	"forceSync":                 func(c *Config, v string) error { c.ForceSync = v != "no"; return nil }, // as in ZooKeeper, only "no" turns it off
	"preAllocSize":              preallocSize,
	"snapshot.trust.empty":      func(c *Config, v string) error { c.TrustEmpty = strings.EqualFold(v, "true"); return nil },
	"digest.mustMatch":          flag(func(c *Config) *bool { return &c.DigestsMustMatch }),
	"autopurge.snapRetainCount": snapRetain,
	"autopurge.purgeInterval":   purgeInterval,

	"DigestAuthenticationProvider.superDigest": text(func(c *Config) *string { return &c.SuperDigest }),
	"skipACL":              func(c *Config, v string) error { c.SkipACL = v == "yes"; return nil },
	"extendedTypesEnabled": func(c *Config, v string) error { c.ExtendedTypes = strings.EqualFold(v, "true"); return nil },

	// Read together with the members; see readMembers.
	"clientPort":        port,
	"clientPortAddress": nil,
	"peerType":          nil,
	"standaloneEnabled": boolean,
	"dynamicConfigFile": nil,
	"oraclePath":        nil,
	"electionAlg":       electionAlgorithm,

	"multiAddress.enabled": boolean,
	"quorumListenOnAllIPs": flag(func(c *Config) *bool { return &c.ListenOnAllIPs }),
}

// ignored are ZooKeeper's other keys. Those ending in a dot are prefixes. The value
// explains more where an operator could rely on the key.
var ignored = map[string]string{
	"secureClientPort":        "this server speaks no TLS: clients must use clientPort",
	"secureClientPortAddress": "this server speaks no TLS: clients must use clientPort",
	"sslQuorum":               "this server speaks no TLS: peers that insist on it will not connect",
	"quorum.auth.":            "this server speaks no SASL: peers that insist on it will not connect",
	"reconfigEnabled":         "membership changes while serving are not supported: reconfig is answered with ReconfigDisabled",
	"observerMasterPort":      "observers connect to the leader",
	"localSessionsEnabled":    "every session is a global one", "localSessionsUpgradingEnabled": "",
	"admin.enableServer": "there is no AdminServer: use the four-letter words", "admin.": "",
	"syncEnabled": "", "clientPortListenBacklog": "", "connectToLearnerMasterLimit": "initLimit is the limit",
	"portUnification": "", "sslQuorumReloadCertFiles": "", "quorum.cnxn.threads.size": "",
	"jvm.pause.": "", "metricsProvider.": "", "multiAddress.": "",
	"leaderServes": "", "cnxTimeout": "", "enforceQuota": "quotas are not enforced", "snapshotSizeFactor": "",
	"fastleader.": "", "snapshot.": "", "txnLogSizeLimitInKb": "", "snapSizeLimitInKb": "", "maxCnxns": "",
	"digest.enabled": "", "authProvider.": "the schemes are world, auth, digest, ip and super", "superUser": "",
	"DigestAuthenticationProvider.": "", "SASLAuthenticationProvider.": "", "X509AuthenticationProvider.": "",
	"allowSaslFailedClients": "", "sessionRequireClientSASLAuth": "", "sasl.": "", "kerberos.": "", "security.": "",
	"kinit": "", "requireKerberosConfig": "", "letAnySaslUserDoX": "", "enforce.auth.": "",
	"bitHashCacheSize": "", "client.portUnification": "", "clientTcpKeepAlive": "", "tcpKeepAlive": "",
	"closeSessionTxn.enabled": "", "commitProcessor.": "", "connection_throttle_": "", "controllerPort": "",
	"datadir.autocreate": "", "db.autocreate": "", "electionPortBindRetry": "", "emulate353TTLNodes": "",
	"enableEagerACLCheck": "", "ensembleAuthName": "", "flushDelay": "", "follower.": "", "forceSnapshotSync": "",
	"forward_learner_requests_to_commit_processor_disabled": "", "intBufferStartingSizeBytes": "",
	"largeRequestMaxBytes": "requests in flight are always bounded in bytes, and wait; see docs/limits.md", "largeRequestThreshold": "", "leader.": "", "leaderConnectDelayDuringRetryMs": "",
	"learner.": "", "maxBatchSize": "", "maxGetChildrenResponseCacheSize": "", "maxInProcessingDeadWatchers": "",
	"maxResponseCacheSize": "", "maxWriteQueuePollTime": "", "messageTracker.": "", "netty.": "", "nio.": "",
	"observer.": "", "observerMaster.": "", "pathStats.": "", "quorumCnxnTimeoutMs": "", "request_": "",
	"serverCnxnFactory": "", "ssl.": "this server speaks no TLS", "testingonly.": "", "throttled_op_wait_time": "", "watchManagerName": "",
	"watcherClean": "", "znode.container.": "", "readonlymode.enabled": "", "serializeLastProcessedZxid.enabled": "",
}

// harmless are values of ignored keys that need no warning, because this server
// behaves like that anyway.
var harmless = map[string]string{
	"admin.enableServer": "false", "sslQuorum": "false", "quorum.auth.enableSasl": "false", "reconfigEnabled": "false",
	"localSessionsEnabled": "false", "enforceQuota": "false", "portUnification": "false",
}

// readKeys goes through the file's keys in order: it reads each, warns of it, or
// refuses it.
func (l *loader) readKeys(c *Config) error {
	for _, e := range l.static.All() {
		if isMembership(e.Key) {
			continue
		}
		value := strings.TrimSpace(e.Value)
		if read, ok := honoured[e.Key]; ok {
			if read == nil {
				continue
			}
			if err := read(c, value); err != nil {
				return &ConfigError{File: l.path, Line: e.Line, Text: fmt.Sprintf("%s=%s: %v", e.Key, value, err)}
			}
			continue
		}
		if off, ok := harmless[e.Key]; ok && strings.EqualFold(value, off) {
			continue
		}
		c.warn("%s:%d: %s is ignored%s", l.path, e.Line, e.Key, whyIgnored(e.Key))
	}
	if c.SnapRetain < minSnapRetain {
		c.warn("%s: autopurge.snapRetainCount=%d is raised to %d, ZooKeeper's minimum", l.path, c.SnapRetain, minSnapRetain)
		c.SnapRetain = minSnapRetain
	}
	return nil
}

// isMembership tells whether zoocfg.Ensemble reads a key.
func isMembership(key string) bool {
	return strings.HasPrefix(key, "server.") || strings.HasPrefix(key, "group") || strings.HasPrefix(key, "weight")
}

func whyIgnored(key string) string {
	if why, ok := ignored[key]; ok {
		return reason(why)
	}
	longest, why := 0, ""
	for prefix, text := range ignored {
		if strings.HasSuffix(prefix, ".") || strings.HasSuffix(prefix, "_") || prefix == "watcherClean" {
			if strings.HasPrefix(key, prefix) && len(prefix) > longest {
				longest, why = len(prefix), text
			}
		}
	}
	if longest > 0 {
		return reason(why)
	}
	if bare, ok := strings.CutPrefix(key, "zookeeper."); ok {
		return fmt.Sprintf(": in a zoo.cfg it is written without the prefix, as %s", bare)
	}
	for known := range honoured {
		if strings.EqualFold(known, key) {
			return fmt.Sprintf(": keys are case-sensitive, did you mean %s?", known)
		}
	}
	return ": it is not a key of ZooKeeper"
}

func reason(why string) string {
	if why == "" {
		return ": it has no meaning for this server"
	}
	return ": " + why
}

func text(field func(*Config) *string) keyReader {
	return func(c *Config, value string) error { *field(c) = value; return nil }
}

func parseInt(value string) (int, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number of 32 bits", value)
	}
	return int(n), nil
}

func number(least int, field func(*Config) *int) keyReader {
	return func(c *Config, value string) error {
		n, err := parseInt(value)
		if err != nil {
			return err
		}
		if n < least {
			return fmt.Errorf("write %d or more", least)
		}
		*field(c) = n
		return nil
	}
}

func millis(least int, field func(*Config) *time.Duration) keyReader {
	return func(c *Config, value string) error {
		n, err := parseInt(value)
		if err != nil {
			return fmt.Errorf("%w: it is in milliseconds, such as 2000", err)
		}
		if n < least {
			return fmt.Errorf("write %d or more, in milliseconds", least)
		}
		*field(c) = time.Duration(n) * time.Millisecond
		return nil
	}
}

// sessionTimeout reads a bound of session timeouts; -1 stands for the default, as in
// ZooKeeper.
func sessionTimeout(field func(*Config) *time.Duration) keyReader {
	return func(c *Config, value string) error {
		if value == "-1" {
			*field(c) = 0
			return nil
		}
		return millis(1, field)(c, value)
	}
}

func boolean(_ *Config, value string) error {
	switch strings.ToLower(value) {
	case "true", "false":
		return nil
	}
	return fmt.Errorf("it must be true or false")
}

func port(_ *Config, value string) error {
	n, err := parseInt(value)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("it is not a TCP port: write a number from 1 to 65535")
	}
	return nil
}

// snapCount raises a value below ZooKeeper's minimum to that, as ZooKeeper does.
func snapCount(c *Config, value string) error {
	n, err := parseInt(value)
	if err != nil {
		return err
	}
	if n < minSnapCount {
		c.warn("%s: snapCount=%s is raised to %d, ZooKeeper's minimum", c.File, value, minSnapCount)
		n = minSnapCount
	}
	c.SnapCount = n
	return nil
}

// flag reads a key that is on or off.
func flag(field func(*Config) *bool) keyReader {
	return func(c *Config, value string) error {
		*field(c) = strings.EqualFold(value, "true")
		return boolean(c, value)
	}
}

func electionAlgorithm(_ *Config, value string) error {
	if value != "3" {
		return fmt.Errorf("only 3, fast leader election over TCP, exists; remove the line")
	}
	return nil
}

// maxBuffer reads jute.maxbuffer. In ZooKeeper it is a Java system property, and a line in
// zoo.cfg has no effect there: it sets zookeeper.jute.maxbuffer, which ZooKeeper does not
// read. This server has no system properties, so it takes the key from zoo.cfg.
func maxBuffer(c *Config, value string) error {
	n, err := strconv.ParseInt(value, 0, 31) // also 0xfffff, as it is usually written
	if err != nil || n < minBuffer {
		return fmt.Errorf("write a number of bytes from %d up, such as 0xfffff", minBuffer)
	}
	c.MaxBuffer = int(n)
	c.warn("%s: jute.maxbuffer=%s holds for this server; ZooKeeper does not read it from zoo.cfg, "+
		"and keeps %d unless its JVM is started with -Djute.maxbuffer=%s", c.File, value, wire.DefaultMaxBuffer, value)
	return nil
}

func preallocSize(c *Config, value string) error {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("write a number of KiB from 1 up, such as 65536")
	}
	c.PreallocSize = n << 10
	return nil
}

func snapRetain(c *Config, value string) (err error) {
	c.SnapRetain, err = parseInt(value)
	return err
}

func purgeInterval(c *Config, value string) error {
	n, err := parseInt(value)
	c.Purge = n > 0
	return err
}

// clientAddress joins clientPort and clientPortAddress.
func clientAddress(static *zoocfg.Config) string {
	number, _ := static.Get("clientPort")
	if number == "" || number == "0" {
		return ""
	}
	host, _ := static.Get("clientPortAddress")
	return net.JoinHostPort(strings.Trim(host, "[]"), number)
}
