package zab

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"zkctl/probe/wire"
	"zkctl/quorum"
)

// Config is what a server knows before it starts. It does not change while
// the Node lives.
type Config struct {
	ID        ServerID
	Voters    *quorum.System // who votes, and what makes a quorum of them
	Observers []ServerID

	// Standalone servers have no peers: no election, no epochs, no links.
	Standalone bool

	Tick      time.Duration // ZooKeeper's tickTime
	InitLimit int           // ticks a learner may take to connect and synchronize
	SyncLimit int           // ticks without a word before the other side is given up

	// History is how many committed transactions are kept for DIFF
	// (ZooKeeper's commitLogCount; 0 means its default, 500).
	History int

	// LastCounter is the counter of the last transaction that an epoch can
	// have (0: 1<<32-1, where a zxid's counter ends). Tests make it small, so
	// that epochs end during the test.
	LastCounter uint32

	// ConfigText is the configuration as peers exchange it (protocol: the
	// verifier text in notifications and NEWLEADER). Java peers need it to
	// be parseable.
	ConfigText string

	// FinalizeWait is how long a server with a quorum of votes waits for a
	// better one, unless every voter within reach has voted alike, and how
	// long after its start a voter that it has not heard of counts as being
	// within reach (ZooKeeper's finalizeWait; 0 means its default, 200 ms).
	FinalizeWait time.Duration

	// MaxNotificationInterval bounds the doubling interval at which a
	// server that finds no leader repeats its vote (0: ten ticks).
	MaxNotificationInterval time.Duration
}

const (
	defaultHistory       = 500
	DefaultFinalizeWait  = 200 * time.Millisecond
	notificationInterval = 200 * time.Millisecond

	// A learner dials again at this interval until learner.dialUntil: its leader
	// may not listen yet, because it finishes the election later.
	dialInterval = 100 * time.Millisecond
)

// Recovered is what storage found at start.
type Recovered struct {
	AcceptedEpoch int64 // the last epoch promised
	CurrentEpoch  int64 // the last epoch whose leader this server synchronized with
	LastZxid      wire.Zxid
	Recent        []wire.Proposal // the newest transactions of the log, ending with LastZxid
}

func (c *Config) withDefaults() {
	if c.History == 0 {
		c.History = defaultHistory
	}
	if c.LastCounter == 0 {
		c.LastCounter = math.MaxUint32
	}
	if c.FinalizeWait == 0 {
		c.FinalizeWait = DefaultFinalizeWait
	}
	if c.MaxNotificationInterval == 0 {
		c.MaxNotificationInterval = max(10*c.Tick, notificationInterval)
	}
}

func (c *Config) validate() error {
	if c.ID < 0 {
		return fmt.Errorf("server id %d is negative", c.ID)
	}
	if c.Tick <= 0 {
		return fmt.Errorf("tick %v is not positive", c.Tick)
	}
	if c.Standalone {
		return nil
	}
	if c.Voters == nil || len(c.Voters.Voters()) == 0 {
		return errors.New("no voters")
	}
	if c.InitLimit <= 0 || c.SyncLimit <= 0 {
		return fmt.Errorf("initLimit %d and syncLimit %d must be positive", c.InitLimit, c.SyncLimit)
	}
	isVoter := slices.Contains(c.Voters.Voters(), int64(c.ID))
	if !isVoter && !slices.Contains(c.Observers, c.ID) {
		return fmt.Errorf("server %d is neither a voter nor an observer of its own configuration", c.ID)
	}
	return nil
}

func (r *Recovered) validate(standalone bool) error {
	if r.AcceptedEpoch < r.CurrentEpoch {
		return fmt.Errorf("acceptedEpoch %d is below currentEpoch %d", r.AcceptedEpoch, r.CurrentEpoch)
	}
	if !standalone && r.LastZxid.Epoch() > r.AcceptedEpoch {
		return fmt.Errorf("the log ends at %v, in an epoch above acceptedEpoch %d", r.LastZxid, r.AcceptedEpoch)
	}
	return nil
}
