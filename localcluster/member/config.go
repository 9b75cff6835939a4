package member

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zkctl/probe/wire"
	"zkctl/quorum"
	"zkctl/quorum/zoocfg"
)

// Config is one server's configuration: its zoo.cfg and its myid file,
// with ZooKeeper's defaults filled in.
type Config struct {
	File string // the zoo.cfg it came from, for messages

	// ID is the content of the myid file. A standalone server needs none; it
	// makes session ids as server 1, like ZooKeeper, and reports 0.
	ID         int64
	Standalone bool // no peers: no election, no broadcast

	DataDir    string // snapshots, epochs, myid
	DataLogDir string // transaction logs

	// ClientAddress is host:port of the client port, host empty for all addresses.
	ClientAddress string
	// WordSocket is the path of a unix socket on which four-letter words are answered, all of them, and to which
	// no limit on clients applies; empty for none (no key of zoo.cfg).
	WordSocket string
	// Control is the connection to the supervisor that has started this server; nil without one.
	Control *Control

	Tick                                 time.Duration
	InitLimit, SyncLimit                 int // in ticks
	MinSessionTimeout, MaxSessionTimeout time.Duration

	// SessionlessTimeout is the time that a new connection has for its ConnectRequest
	// or four-letter word (ZooKeeper's sessionlessCnxnTimeout; no key of zoo.cfg).
	SessionlessTimeout   time.Duration
	MaxClientConnections int // per IP address; 0: no limit
	// GlobalOutstanding is the number of requests in flight in the whole server beyond
	// which each client may have only one (globalOutstandingLimit).
	GlobalOutstanding int
	Commands          Whitelist // four-letter words that are answered

	MaxBuffer int // largest request and largest field (jute.maxbuffer)

	SnapCount      int  // transactions between snapshots, at most
	CommitLogCount int  // committed transactions kept in memory for DIFF
	ForceSync      bool // fsync before acknowledging; without it a power loss loses acknowledged writes
	// PreallocSize extends logs ahead of use, when it is set; see storage.
	PreallocSize int64
	SnapRetain   int  // snapshots that a purge keeps
	Purge        bool // purge at all (autopurge.purgeInterval > 0)
	TrustEmpty   bool // accept a log without a snapshot (snapshot.trust.empty)
	// DigestsMustMatch ends a server whose tree has another digest than the recorded
	// one (digest.mustMatch, a key that ZooKeeper does not have; it only counts them).
	DigestsMustMatch bool

	SuperDigest   string // user:base64(sha1(user:password)) who may do everything
	SkipACL       bool
	ExtendedTypes bool // TTL nodes
	// ReapInterval is how often a leader looks for empty containers
	// (ZooKeeper's znode.container.checkIntervalMs, no key of zoo.cfg).
	ReapInterval time.Duration

	// LastCounter is the last counter of an epoch (zab.Config; no key of zoo.cfg).
	LastCounter uint32

	// ListenOnAllIPs binds the quorum and election ports on all addresses, not
	// only on the one in this server's own line (quorumListenOnAllIPs).
	ListenOnAllIPs bool

	Ensemble *zoocfg.Ensemble // nil when standalone without server lines
	Voters   *quorum.System   // nil when Standalone

	// Version is what `srvr` calls this server; VersionText composes it.
	Version string

	Warnings []string // keys that were ignored or adjusted, a line each
}

// ConfigError is a configuration with which the server cannot start: where it is wrong,
// what is wrong, and what to do about it.
type ConfigError struct {
	File string
	Line int    // 0 when no single line is to blame
	Text string // what is wrong, naming the value
	Hint string // what to do, for a person; may be empty
	Err  error  // what it wraps; may be nil
}

// Error leaves the hint out, which the command line prints on a line of its own.
func (e *ConfigError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return e.File + ": " + e.Text
}

func (e *ConfigError) Unwrap() error { return e.Err }

// LoadConfig reads a zoo.cfg, the dynamic configuration that it may name, and
// the myid file. It accepts what ZooKeeper's QuorumPeerConfig accepts; keys
// that mean nothing to this server end up in Warnings.
func LoadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	l := loader{path: path}
	if l.static, err = zoocfg.ParseFile(text); err != nil {
		return Config{}, l.wrap(err)
	}
	c, err := l.load()
	if err != nil {
		return Config{}, err
	}
	return *c, nil
}

// loader is the state of LoadConfig.
type loader struct {
	path   string
	static *zoocfg.Config
}

func (l *loader) load() (*Config, error) {
	c := defaultConfig()
	c.File = l.path
	if err := l.readKeys(c); err != nil {
		return nil, err
	}
	if c.DataDir == "" {
		return nil, l.fail("dataDir", "dataDir is not set", "set the folder of this server's data: dataDir=/some/folder")
	}
	if c.DataLogDir == "" {
		c.DataLogDir = c.DataDir
	}
	if c.MinSessionTimeout == 0 {
		c.MinSessionTimeout = 2 * c.Tick
	}
	if c.MaxSessionTimeout == 0 {
		c.MaxSessionTimeout = 20 * c.Tick
	}
	if c.MinSessionTimeout > c.MaxSessionTimeout {
		return nil, l.fail("minSessionTimeout", fmt.Sprintf("minSessionTimeout %v is larger than maxSessionTimeout %v",
			c.MinSessionTimeout, c.MaxSessionTimeout), "unset, they are 2 and 20 times tickTime")
	}
	for _, clash := range l.static.Contradictions() {
		c.warn("%s:%d: %s", l.path, clash.Line, clash.Text)
	}
	if err := l.readMembers(c); err != nil {
		return nil, err
	}
	return c, nil
}

// defaultConfig has ZooKeeper's defaults: the configuration of a zoo.cfg with only dataDir.
func defaultConfig() *Config {
	return &Config{
		Tick:                 3000 * time.Millisecond,
		SessionlessTimeout:   10 * time.Second,
		MaxClientConnections: 60,
		GlobalOutstanding:    1000,
		Commands:             ParseWhitelist(""),
		MaxBuffer:            wire.DefaultMaxBuffer,
		SnapCount:            100000,
		CommitLogCount:       500,
		ForceSync:            true,
		SnapRetain:           minSnapRetain,
		ReapInterval:         time.Minute,
		Version:              VersionText("", ""),
	}
}

func (c *Config) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// fail makes an error about a key, with its line if the file has the key.
func (l *loader) fail(key, text, hint string) error {
	entry, _ := l.static.Lookup(key)
	return &ConfigError{File: l.path, Line: entry.Line, Text: text, Hint: hint}
}

// wrap adds the file's name to zoocfg's errors, which have the line.
func (l *loader) wrap(err error) error {
	var bad *zoocfg.Error
	if errors.As(err, &bad) {
		return &ConfigError{File: l.path, Line: bad.Line, Text: bad.Text, Err: err}
	}
	return &ConfigError{File: l.path, Text: err.Error(), Err: err}
}

// readFile reads a file that the configuration names, relative to the folder of the
// configuration. ZooKeeper's VerifyingFileFactory takes the working directory instead,
// which for a detached server can be any folder. A file in the working directory is
// still found.
func (l *loader) readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil && !filepath.IsAbs(name) {
		if beside, err2 := os.ReadFile(filepath.Join(filepath.Dir(l.path), name)); err2 == nil {
			return beside, nil
		}
	}
	return text, err
}
