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

// Config is one server's configuration: what its zoo.cfg and its myid file
// say, with ZooKeeper's defaults filled in.
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

	Tick                                 time.Duration
	InitLimit, SyncLimit                 int // in ticks
	MinSessionTimeout, MaxSessionTimeout time.Duration

	// GreetingTime is how long a connection may be open without having said
	// what it wants (ZooKeeper's sessionless connection timeout, no key of zoo.cfg).
	GreetingTime         time.Duration
	MaxClientConnections int // per IP address; 0: no limit
	// GlobalOutstanding is how many requests may be on their way through the
	// whole server before its clients are read from only one request at a time.
	GlobalOutstanding int
	Commands          Whitelist // four-letter words that are answered

	MaxBuffer int // largest request and largest field (jute.maxbuffer)

	SnapCount      int  // transactions between snapshots, at most
	CommitLogCount int  // committed transactions kept in memory for DIFF
	ForceSync      bool // fsync before acknowledging; false is for toys
	// PreallocSize extends logs ahead of use, when it is given; see storage.
	PreallocSize int64
	SnapRetain   int  // snapshots that a purge leaves
	Purge        bool // purge at all (autopurge.purgeInterval > 0)
	TrustEmpty   bool // accept a log without a snapshot (snapshot.trust.empty)
	// DigestsMustMatch ends a server whose tree has another digest than is
	// recorded (digest.mustMatch, a key of our own; ZooKeeper only counts).
	DigestsMustMatch bool

	SuperDigest   string // user:base64(sha1(user:password)) who may do everything
	SkipACL       bool
	ExtendedTypes bool // TTL nodes
	// ReapInterval is how often a leader looks for containers that have
	// emptied (ZooKeeper's znode.container.checkIntervalMs, no key of zoo.cfg).
	ReapInterval time.Duration

	// LastCounter is where an epoch ends (zab.Config; no key of zoo.cfg).
	LastCounter uint32

	// ListenOnAllIPs binds the quorum and election ports on all addresses, not
	// only on the one in this server's own line (quorumListenOnAllIPs).
	ListenOnAllIPs bool

	Ensemble *zoocfg.Ensemble // nil when standalone without server lines
	Voters   *quorum.System   // nil when Standalone

	// Version is what `srvr` calls this server; VersionText composes it.
	Version string

	Warnings []string // what was ignored or adjusted, a line each
}

// ConfigError is a configuration that cannot be served, in the words that a
// person needs: where, what, and what to do about it.
type ConfigError struct {
	File string
	Line int    // 0 when no single line is to blame
	Text string // what is wrong, naming the value
	Hint string // what to do, for a person; may be empty
	Err  error  // what it wraps; may be nil
}

// Error leaves the hint out: whoever prints the error shows it beside.
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
	if l.static, err = zoocfg.Parse(text); err != nil {
		return Config{}, l.wrap(err)
	}
	c, err := l.load()
	if err != nil {
		return Config{}, err
	}
	return *c, nil
}

// loader carries what the steps of LoadConfig share.
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
		return nil, l.fail("dataDir", "dataDir is not set", "say where this server keeps its data: dataDir=/some/folder")
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

// defaultConfig is ZooKeeper's: what a zoo.cfg with nothing but dataDir means.
func defaultConfig() *Config {
	return &Config{
		Tick:                 3000 * time.Millisecond,
		GreetingTime:         10 * time.Second,
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

// fail makes an error about a key, at the line where it stands if it does.
func (l *loader) fail(key, text, hint string) error {
	entry, _ := l.static.Lookup(key)
	return &ConfigError{File: l.path, Line: entry.Line, Text: text, Hint: hint}
}

// wrap puts the file's name in front of zoocfg's errors, which know the line.
func (l *loader) wrap(err error) error {
	var bad *zoocfg.Error
	if errors.As(err, &bad) {
		return &ConfigError{File: l.path, Line: bad.Line, Text: bad.Text, Err: err}
	}
	return &ConfigError{File: l.path, Text: err.Error(), Err: err}
}

// readFile reads a file that the configuration names, relative to the folder
// of the configuration as ZooKeeper's VerifyingFileFactory does not: it takes
// the working directory, which for a detached server is anybody's guess. A
// name without a folder that exists in the working directory is still found.
func (l *loader) readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil && !filepath.IsAbs(name) {
		if beside, err2 := os.ReadFile(filepath.Join(filepath.Dir(l.path), name)); err2 == nil {
			return beside, nil
		}
	}
	return text, err
}
