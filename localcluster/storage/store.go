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
	FS      FS     // nil: the machine's
	DataDir string // dataDir of zoo.cfg
	LogDir  string // dataLogDir; empty: as DataDir

	// NoSync is forceSync=no: nothing waits for the disk, and a loss of power may lose what was
	// acknowledged. A crash of the process alone does not.
	NoSync bool
	// Standalone is for a server without peers. It has no epochs, as in ZooKeeper: the epoch files keep it
	// from nothing, and none are made.
	Standalone bool
	// TrustEmpty is snapshot.trust.empty: a log without any snapshot is the whole history.
	TrustEmpty bool
	// DigestsMustMatch refuses a tree whose digest is not the recorded one. Without it, as in ZooKeeper, the
	// difference is only reported (Recovered.Mismatches): whoever recorded the digest may have computed it
	// wrong, and a server that refuses its own undamaged history takes it from its quorum.
	DigestsMustMatch bool
	// Recent is how many proposals to remember for other servers (0: 500, ZooKeeper's commitLogCount).
	Recent int
	// Preallocate extends log files by this many bytes at a time, ahead of use. An fsync that does not
	// change a file's size is quicker. The price is that a loss of power may leave the last write with a
	// hole in it, which looks like damage; so it is off (0) by default.
	Preallocate int64
	// Tree are options for the tree that is rebuilt.
	Tree []datatree.Option
}

const defaultRecent = 500

// History names one uninterrupted line of transactions of a Store. Truncate and InstallSnapshot end one
// and begin another. A tree belongs to the history that it was rebuilt from or installed with.
type History uint64

// Store keeps one server's history on disk. See the package documentation for what is promised when.
//
// Any goroutine may call any method. Those that change the history (Append, Sync, Truncate,
// InstallSnapshot, SetAcceptedEpoch, SetCurrentEpoch) carry out a protocol in which their order matters, so
// they should have one caller. SaveSnapshot and Purge may come from anywhere at any time; they do not hold
// the others up while they write, and give way to Truncate and InstallSnapshot.
type Store struct {
	layout
	options Options
	lock    io.Closer // of the folders; nil if the FS has none
	begun   bool      // the mark is there that says that they are in use

	saving  sync.Mutex   // held while snapshots come and go; taken before mu
	waiting atomic.Int32 // how many want to end the history, for which SaveSnapshot gives up

	mu      sync.Mutex // guards everything below
	failure error      // sticky
	log     logWriter
	epochs  epochs
	history History
	newest  wire.Zxid // of the snapshots
	backlog Backlog   // behind newest
}

// Open reads what is in the folders, making them if need be, repairs what a crash has left, and returns a
// Store that is ready to append. If anything is there that a crash cannot explain, it fails and changes
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

// recover reads the state and makes the files say the same without repairs.
func (s *Store) recover(limit wire.Zxid) (*Recovered, error) {
	r := reader{s.layout, s.options}
	f, err := r.read(limit)
	if err != nil {
		return nil, err
	}
	if !s.options.NoSync {
		if err := s.begin(f); err != nil {
			return nil, err
		}
		if err := r.harden(f); err != nil {
			return nil, err
		}
	}
	if err := f.apply(s.dataDir); err != nil {
		return nil, err
	}
	f.History = s.history
	return &f.Recovered, nil
}

// begin marks the folders as in use, unless a process that has not closed them has left its mark. After that the
// mark says nothing of the logs.
func (s *Store) begin(f *found) error {
	if s.begun {
		f.suspect = false
		return nil
	}
	s.begun = true
	if f.suspect {
		return nil
	}
	mark, err := s.fs.Open(s.inUse(), CreateNew)
	if err != nil {
		return explain("create", s.inUse(), err)
	}
	return mark.Close()
}

// usable returns why the Store cannot be used, or nil.
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
// Each must follow the last, and be of an epoch that was accepted: what could not be read back is refused
// before it is written. Such a refusal changes nothing and leaves the Store usable; any other error is final.
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
			return fmt.Errorf("append %s behind %s: expected %s", p.Zxid, last, successors(last))
		}
		if err := s.promised(p.Zxid); err != nil {
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

// promised refuses history of an epoch that was never accepted: Open would refuse it, too.
func (s *Store) promised(z wire.Zxid) error {
	if z.Epoch() > s.epochs.accepted && !s.options.Standalone {
		return fmt.Errorf("store transaction %s: acceptedEpoch is %d: expected SetAcceptedEpoch before", z, s.epochs.accepted)
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

// SetCurrentEpoch says, durably, that this server has the history with which the leader of an epoch began.
// It makes durable what was appended before, because that is part of the claim (ZOOKEEPER-4643).
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

// Backlog is how much was appended since the newest snapshot.
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
	if err == nil && s.begun {
		err = removeIfThere(s.fs, s.inUse()) // a mark that stays says less than is true, and does no harm
	}
	s.failure = ErrClosed
	s.unlockFolders()
	return err
}
