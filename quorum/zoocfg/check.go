package zoocfg

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// forms are what QuorumPeerConfig reads values as. Keys are separated by blanks; what is wrong is
// said after the key and the value.
var forms = []struct {
	keys  string
	right func(value string) bool
	wrong string
}{
	{"clientPort secureClientPort", whole(32, func(n int64) bool { return n >= 0 && n <= 65535 }), " is not a port from 0 to 65535"},
	{"tickTime", whole(32, func(n int64) bool { return n != 0 }), " is not a whole number of 32 bits other than 0"},
	{"electionAlg", whole(32, func(n int64) bool { return n == 3 }), ": only 3 is left"},
	{"observerMasterPort clientPortListenBacklog maxClientCnxns minSessionTimeout maxSessionTimeout initLimit syncLimit " +
		"connectToLearnerMasterLimit autopurge.snapRetainCount autopurge.purgeInterval quorum.cnxn.threads.size " +
		"multiAddress.reachabilityCheckTimeoutMs", whole(32, nil), " is not a whole number of 32 bits"},
	{"jvm.pause.info-threshold.ms jvm.pause.warn-threshold.ms jvm.pause.sleep.time.ms", whole(64, nil), " is not a whole number of 64 bits"},
	{"localSessionsEnabled localSessionsUpgradingEnabled quorumListenOnAllIPs syncEnabled standaloneEnabled reconfigEnabled " +
		"sslQuorum portUnification sslQuorumReloadCertFiles quorum.auth.enableSasl quorum.auth.serverRequireSasl " +
		"quorum.auth.learnerRequireSasl multiAddress.enabled multiAddress.reachabilityCheckEnabled jvm.pause.monitor",
		either("true", "false"), " is neither true nor false"},
	{"peerType", either("participant", "observer"), " is neither participant nor observer"},
	// VerifyingFileFactory looks at the first two characters of a relative path.
	{"dataDir dataLogDir", func(value string) bool { return len(value) >= 2 || path.IsAbs(value) },
		": a relative path of less than two characters stops zookeeper with a StringIndexOutOfBoundsException"},
}

func whole(bits int, right func(n int64) bool) func(string) bool {
	return func(value string) bool {
		n, err := strconv.ParseInt(value, 10, bits)
		return err == nil && (right == nil || right(n))
	}
}

func either(a, b string) func(string) bool {
	return func(value string) bool { return strings.EqualFold(value, a) || strings.EqualFold(value, b) }
}

// needs are keys that QuorumPeerConfig takes only beside another one.
var needs = [][2]string{
	{"clientPortAddress", "clientPort"},
	{"secureClientPortAddress", "secureClientPort"},
	{"quorum.auth.serverRequireSasl", "quorum.auth.enableSasl"},
	{"quorum.auth.learnerRequireSasl", "quorum.auth.enableSasl"},
	{"quorum.auth.serverRequireSasl", "quorum.auth.learnerRequireSasl"},
}

// Check refuses the values that ZooKeeper's QuorumPeerConfig refuses, whichever servers there
// are: those that are not in the form of their key, and those that exclude each other. Keys that
// are absent are fine (see CheckStart), and so are keys it does not know. The first offending
// line is named; errors wrap quorum.ErrRefused.
//
// What depends on the machine is not looked at: whether names resolve, folders
// exist, the classes of a metrics provider are there, and what myid says.
func (c *Config) Check() error {
	if err := c.checkStatic(); err != nil {
		return err
	}
	for _, e := range c.All() {
		value := strings.TrimSpace(e.Value)
		for _, form := range forms {
			if slices.Contains(strings.Fields(form.keys), e.Key) && !form.right(value) {
				return refuse(e.Line, "%s=%s%s", e.Key, value, form.wrong)
			}
		}
	}
	if err := c.checkSessions(); err != nil {
		return err
	}
	on := func(key string) bool { // given, and not switched off
		value, given := c.Get(key)
		return given && !strings.EqualFold(value, "false")
	}
	for _, rule := range needs {
		if on(rule[0]) && (!on(rule[1]) || c.Number(rule[1], 1) == 0) {
			e, _ := c.Lookup(rule[0])
			return refuse(e.Line, "%s is set, and needs %s to be set, too", e.Key, rule[1])
		}
	}
	return nil
}

// checkSessions: unless given, the limits are 2 and 20 ticks; -1 is the same as
// not given.
func (c *Config) checkSessions() error {
	tick := c.Number("tickTime", 3000)
	low, high := c.Number("minSessionTimeout", -1), c.Number("maxSessionTimeout", -1)
	if low == -1 {
		low = 2 * tick
	}
	if high == -1 {
		high = 20 * tick
	}
	if low <= high {
		return nil
	}
	line := 0
	for _, key := range []string{"tickTime", "maxSessionTimeout", "minSessionTimeout"} {
		if e, ok := c.Lookup(key); ok {
			line = e.Line
		}
	}
	return refuse(line, "minSessionTimeout %d is larger than maxSessionTimeout %d", low, high)
}

// Number is a key's value, or what it is when the key is absent or no number.
func (c *Config) Number(key string, absent int64) int64 {
	text, _ := c.Get(key)
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return n
	}
	return absent
}

// OnlyMembers reports whether the text holds nothing but membership, as a dynamic
// configuration does.
func (c *Config) OnlyMembers() bool {
	return !slices.ContainsFunc(c.entries, func(e Entry) bool { return !isMember(e.Key) && e.Key != "version" })
}

// CheckStart refuses what ZooKeeper refuses of a complete zoo.cfg whose values Check
// has accepted, once it knows the servers: an ensemble without initLimit or
// syncLimit, and a clientPort that every server's own line contradicts. Errors wrap quorum.ErrRefused.
func (c *Config) CheckStart(e *Ensemble) error {
	if distributed := len(e.Voters()) > 1 || len(e.Servers) > 0 && !e.alone; distributed {
		for _, key := range []string{"initLimit", "syncLimit"} {
			if c.Number(key, 0) == 0 {
				entry, _ := c.Lookup(key)
				return refuse(entry.Line, "%s is not set: an ensemble needs it (the usual lines are initLimit=10 and syncLimit=5)", key)
			}
		}
	}
	port := c.Number("clientPort", 0)
	agrees := func(s Server) bool { return s.Client == nil || int64(s.Client.Port) == port }
	if port == 0 || len(e.Servers) == 0 || slices.ContainsFunc(e.Servers, agrees) {
		return nil
	}
	entry, _ := c.Lookup("clientPort")
	return refuse(entry.Line, "clientPort=%d contradicts the client port in every server's line, such as %d in line %d",
		port, e.Servers[0].Client.Port, e.Servers[0].Line)
}
