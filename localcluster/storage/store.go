package storage

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// Options say where a Store keeps its files, and how.
type Options struct {
	FS      FS     // nil: OS()
	DataDir string // dataDir of zoo.cfg
	LogDir  string // dataLogDir; empty: DataDir

	// NoSync is forceSync=no: nothing waits for the disk, and a loss of power may lose what was
	// acknowledged. A crash of the process alone does not.
	NoSync bool
	// Standalone is for a server without peers. As in ZooKeeper, it has no epochs: whatever the epoch files
	// say, it starts, and it creates none.
	Standalone bool
	// TrustEmpty is snapshot.trust.empty: a log without any snapshot is the whole history.
	TrustEmpty bool
	// DigestsMustMatch refuses a tree whose digest is not the recorded one. Without it, as in ZooKeeper, the
	// difference is only reported (Recovered.Mismatches): the server that recorded the digest may have computed
	// it wrong, and a member that refuses its own undamaged history is missing from its quorum.
	DigestsMustMatch bool
	// Recent is how many proposals to remember for other servers (0: 500, ZooKeeper's commitLogCount).
	Recent int
	// Preallocate extends log files by this many bytes at a time, ahead of use. An fsync that does not
	// change a file's size is quicker. The price is that a loss of power may leave the last write with a
	// hole in it, which looks like damage; so it is off (0) by default.
	Preallocate int64
	// Tree holds the options of the tree that is rebuilt.
	Tree []datatree.Option
}

const defaultRecent = 500

// History numbers the uninterrupted sequences of transactions of a Store. Truncate and InstallSnapshot end one
// and begin another. A tree belongs to the history that it was rebuilt from or installed with.
type History uint64

// Store keeps one server's history on disk. The package documentation says what is durable when.
//
// Any goroutine may call any method. Those that change the history (Append, Sync, Truncate,
// InstallSnapshot, SetAcceptedEpoch, SetCurrentEpoch) carry out a protocol in which their order matters, so
// they should have one caller. SaveSnapshot and Purge may be called by others at any time; the other methods do
// not wait while they write. Truncate and InstallSnapshot make SaveSnapshot give up.
type Store struct {
	layout
	options Options
	lock    io.Closer // of the folders; nil if the FS has none
	marked  bool      // the mark is there that says that they are in use

	saving  sync.Mutex   // held while snapshot files are added or removed; locked before mu
	waiting atomic.Int32 // the number of callers that wait to end the history; SaveSnapshot gives up for them

	mu      sync.Mutex // guards everything below
	failure error      // the first one; every later call returns it
	log     logWriter
	epochs  epochs
	history History
	newest  wire.Zxid // the zxid of the newest snapshot
	backlog Backlog   // what the log holds after newest
}

// Open reads the folders, which it creates if they do not exist, repairs what a crash has left, and returns a
// Store that is ready to append. If it finds anything that a crash cannot have left, it fails and changes
// nothing; the error says what to do.
func Open(options Options) (*Store, *Recovered, error) {
	if options.FS == nil {
		options.FS = OS()
	}
	if options.Recent == 0 {
		options.Recent = defaultRecent
	}
	s := &Store{layout: newLayout(options.FS, options.DataDir, options.LogDir), options: options, history: 1}
	if err := s.make(); err != nil {
		return nil, nil, explain("create", s.dataDir, err)
	}
	if err := s.lockFolders(); err != nil {
		return nil, nil, err
	}
	state, err := s.recover(noLimit)
	if err != nil {
		s.unlockFolders()
		return nil, nil, fmt.Errorf("open %s: %w", options.DataDir, err)
	}
	s.log = logWriter{layout: s.layout, noSync: options.NoSync, preallocate: options.Preallocate, last: state.LastZxid}
	s.epochs = epochs{state.AcceptedEpoch, state.CurrentEpoch}
	s.newest, s.backlog = state.Snapshot, state.Backlog
	return s, state, nil
}

// recover reads the state and repairs the files, so that the next start reads the same without repairs.
func (s *Store) recover(limit wire.Zxid) (*Recovered, error) {
	r := reader{s.layout, s.options}
	f, err := r.read(limit)
	if err != nil {
		return nil, err
	}
	if !s.options.NoSync {
		if err := s.markInUse(f); err != nil {
			return nil, err
		}
		if err := r.makeDurable(f); err != nil {
			return nil, err
		}
	}
	if err := f.apply(s.dataDir); err != nil {
		return nil, err
	}
	f.History = s.history
	return &f.Recovered, nil
}

// markInUse creates the mark that the folders are in use, unless a process that did not close them has left it.
// From then on the mark is this Store's own, and no reason to suspect the logs.
func (s *Store) markInUse(f *recovery) error {
	if s.marked {
		f.suspect = false
		return nil
	}
	s.marked = true
	if f.suspect {
		return nil
	}
	mark, err := s.fs.Open(s.inUse(), CreateNew)
	if err != nil {
		return explain("create", s.inUse(), err)
	}
	return mark.Close()
}

// usable returns the failure that put the Store out of service, or nil.
func (s *Store) usable() error { return s.failure }

// fail puts the Store out of service and returns the reason.
func (s *Store) fail(err error) error {
	if s.failure == nil {
		s.failure = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return s.failure
}

// Append adds proposals to the log. They are durable after the next Sync, not before.
//
// Each must follow the last and belong to an accepted epoch: Append refuses, before it writes anything, what
// Open could not read back. Such a refusal changes nothing and leaves the Store usable; any other error is final.
func (s *Store) Append(batch []wire.Proposal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	last := s.log.last
	for _, p := range batch {
		if err := checkProposal(p); err != nil {
			return err
		}
		if !p.Zxid.Follows(last) {
			return fmt.Errorf("append %s after %s: expected %s", p.Zxid, last, successors(last))
		}
		if err := s.checkAccepted(p.Zxid); err != nil {
			return err
		}
		last = p.Zxid
	}
	if last.Epoch() > s.epochs.accepted {
		if err := s.raiseEpochs(last.Epoch()); err != nil {
			return s.fail(err)
		}
	}
	for _, p := range batch {
		if err := s.log.append(p); err != nil {
			return s.fail(err)
		}
		s.backlog.Entries++
		s.backlog.Bytes += int64(entryOverhead + len(p.Data))
	}
	return nil
}

// checkAccepted refuses a transaction of an epoch that was never accepted, because Open would refuse it, too.
func (s *Store) checkAccepted(z wire.Zxid) error {
	if z.Epoch() > s.epochs.accepted && !s.options.Standalone {
		return fmt.Errorf("store transaction %s: acceptedEpoch is %d: call SetAcceptedEpoch first", z, s.epochs.accepted)
	}
	return nil
}

// Sync makes everything appended so far durable, with one fsync.
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.log.sync(); err != nil {
		return s.fail(err)
	}
	return nil
}

// SetAcceptedEpoch makes a promise durable: not to follow the leader of an earlier epoch.
func (s *Store) SetAcceptedEpoch(epoch int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if epoch < s.epochs.accepted || epoch > maxEpoch {
		return fmt.Errorf("set acceptedEpoch to %d: expected %d to %d", epoch, s.epochs.accepted, maxEpoch)
	}
	if epoch == s.epochs.accepted {
		return nil
	}
	if err := s.writeEpoch(acceptedEpochName, epoch); err != nil {
		return s.fail(err)
	}
	s.epochs.accepted = epoch
	return nil
}

// SetCurrentEpoch records that this server has the history with which the leader of an epoch began. It first
// makes that history durable: the record is false without it (ZOOKEEPER-4643).
func (s *Store) SetCurrentEpoch(epoch int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if epoch < s.epochs.current || epoch > s.epochs.accepted {
		return fmt.Errorf("set currentEpoch to %d: expected %d to acceptedEpoch, %d", epoch, s.epochs.current, s.epochs.accepted)
	}
	if err := s.log.sync(); err != nil {
		return s.fail(err)
	}
	if epoch == s.epochs.current {
		return nil
	}
	if err := s.writeEpoch(currentEpochName, epoch); err != nil {
		return s.fail(err)
	}
	s.epochs.current = epoch
	return nil
}

// AcceptedEpoch is the last epoch promised.
func (s *Store) AcceptedEpoch() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epochs.accepted
}

// CurrentEpoch is the last epoch whose leader this server synchronized with.
func (s *Store) CurrentEpoch() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epochs.current
}

// LastZxid is the last transaction appended or installed, durable or not.
func (s *Store) LastZxid() wire.Zxid {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.last
}

// Backlog is how much was appended after the newest snapshot.
func (s *Store) Backlog() Backlog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backlog
}

// Err returns the failure that put the Store out of service, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Close makes what was appended durable and closes the files. A Store that has failed is closed without
// another attempt to write; Close returns the failure.
func (s *Store) Close() error {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.failure, ErrClosed) {
		return nil
	}
	err := s.failure
	if err == nil {
		if err = s.log.finish(); err != nil {
			err = s.fail(err)
		}
	}
	s.log.abandon()
	if err == nil && s.marked {
		err = removeIfThere(s.fs, s.inUse()) // a leftover mark only costs one log rewrite
	}
	s.failure = ErrClosed
	s.unlockFolders()
	return err
}
