package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// Recovered is the state that Open has read from the files.
type Recovered struct {
	Tree     *datatree.Tree
	LastZxid wire.Zxid
	// Recent holds the newest proposals of the history, without gaps; the last is LastZxid. It is empty when
	// the history ends with a snapshot that the log does not lead up to.
	Recent                      []wire.Proposal
	AcceptedEpoch, CurrentEpoch int64

	Snapshot wire.Zxid // the snapshot that replay began with
	Backlog  Backlog   // the log that was replayed onto it
	History  History   // for SaveSnapshot
	// Notes lists what a crash had left, and how it was repaired.
	Notes []string
	// Mismatches counts the recorded digests that differ from those of the rebuilt tree.
	Mismatches Mismatches
}

// Mismatches counts recorded digests that are not the tree's. First holds the first of a snapshot and the
// first of the log: the later ones follow from these.
type Mismatches struct {
	Count int
	First []*DigestError
}

// add counts e, or returns it as an error if digests must match.
func (m *Mismatches) add(e *DigestError, mustMatch bool) error {
	if mustMatch {
		return e
	}
	m.Count++
	kind := func(e *DigestError) string { prefix, _, _ := strings.Cut(filepath.Base(e.Path), "."); return prefix }
	if !slices.ContainsFunc(m.First, func(f *DigestError) bool { return kind(f) == kind(e) }) {
		m.First = append(m.First, e)
	}
	return nil
}

// Backlog is how much log follows the newest snapshot; when it is much, it is time for another snapshot.
type Backlog struct {
	Entries int
	Bytes   int64
}

const noLimit = wire.Zxid(math.MaxInt64)

// reader reads a data folder.
type reader struct {
	layout
	options Options
}

// read finds the state up to limit.
func (r *reader) read(limit wire.Zxid) (*recovery, error) {
	files, err := r.list()
	if err != nil {
		return nil, err
	}
	f := &recovery{suspect: files.inUse}
	if len(files.installs) > 0 {
		err = r.readInstall(f, &files)
	} else {
		err = r.readHistory(f, files, limit)
	}
	if err != nil {
		return nil, r.withHint(err)
	}
	for _, path := range files.stray {
		f.repair(path+": left over from an interrupted write: removed", func() error { return r.removeTemp(path) })
	}
	if limit == noLimit {
		if err := r.readEpochsInto(f); err != nil {
			return nil, r.withHint(err)
		}
	}
	return f, nil
}

// readHistory loads the newest snapshot that is whole and replays the log onto it.
func (r *reader) readHistory(f *recovery, files listing, limit wire.Zxid) error {
	var broken []error // what is wrong with the snapshots newer than the one that is tried
	var through wire.Zxid
	for i := len(files.snapshots) - 1; i >= 0; i-- {
		s := files.snapshots[i]
		if s.zxid > limit {
			continue
		}
		err := r.restoreFrom(f, s, files.logs, limit, through)
		if err == nil {
			for _, e := range broken {
				f.Notes = append(f.Notes, fmt.Sprintf("%v; used the snapshot before it and the log", e))
			}
			return nil
		}
		var bad *badSnapshot
		if !errors.As(err, &bad) {
			// The damage of the newer snapshots is why this one was read: name it, too.
			return errors.Join(append(broken, err)...)
		}
		broken = append(broken, bad.err)
		if through == 0 && s.zxid.Counter() != 0 {
			through = s.zxid
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("no usable snapshot in %s: %w", r.dataDir, errors.Join(broken...))
	}
	if limit != noLimit {
		return fmt.Errorf("%w: no snapshot at or before %s in %s", ErrNoHistory, limit, r.dataDir)
	}
	return r.readWithoutSnapshot(f, files)
}

// badSnapshot says that a snapshot cannot be used. An older one may be usable.
type badSnapshot struct{ err error }

func (b *badSnapshot) Error() string { return b.err.Error() }

// restoreFrom rebuilds the state from one snapshot. through is the name of a newer, damaged snapshot, 0 if none:
// the history reached that transaction.
func (r *reader) restoreFrom(f *recovery, s numbered, logs []numbered, limit, through wire.Zxid) error {
	path := r.data(s.name)
	tree, info, err := readSnapshot(r.fs, path, r.options.Tree)
	if d := (*Damage)(nil); errors.As(err, &d) {
		return &badSnapshot{err}
	}
	if err != nil {
		return err
	}
	var differ Mismatches
	if e := checkDigest(tree, info); e != nil {
		if err := differ.add(e, r.options.DigestsMustMatch); err != nil {
			return err
		}
	}
	rp := r.newReplay(tree, info, limit, &differ)
	rp.base, rp.known, rp.through = s.zxid, true, through
	if err := rp.run(logs); err != nil {
		return err
	}
	if through != 0 && !rp.passed {
		return &Damage{Path: path, Offset: -1,
			Expected: fmt.Sprintf("transactions up to %s in the log after this snapshot, because the newer one of that name is damaged", through),
			Found:    fmt.Sprintf("a log that ends with %s", rp.last())}
	}
	// A snapshot without any log is not what a crash leaves: an operator copied it here. ZooKeeper starts with it.
	copied := len(logs) == 0 && limit == noLimit && s.ext == ""
	inexact := info.Fuzzy() && rp.last() < info.DigestZxid
	if inexact && !copied {
		return &badSnapshot{&Damage{Path: path, Offset: -1,
			Expected: fmt.Sprintf("a log up to %s, whose effects this fuzzy snapshot shows in part", info.DigestZxid),
			Found:    fmt.Sprintf("one that ends with %s", rp.last())}}
	}
	f.read = append(f.read, path)
	r.useReplay(f, tree, rp)
	f.Mismatches = differ
	if inexact {
		r.acceptFuzzy(f, path, info)
	}
	return nil
}

// acceptFuzzy begins this server's history with the tree of a fuzzy snapshot, which may show some transactions
// only in part. The snapshot is written anew as an exact one: at the next start there is a log, it may end
// before those transactions, and a fuzzy snapshot would then be refused.
func (r *reader) acceptFuzzy(f *recovery, path string, info SnapshotInfo) {
	if r.options.Standalone {
		f.Tree.AwaitDigest(0, nil) // no leader will send those transactions
	}
	f.repair(fmt.Sprintf("%s shows effects of transactions up to %s in part, and there is no log: used as it is", path, info.DigestZxid),
		func() error { return r.saveSnapshot(f.Tree.Snapshot(), func() error { return nil }) })
}

// newReplay returns a replay that applies the log to tree.
func (r *reader) newReplay(tree *datatree.Tree, info SnapshotInfo, limit wire.Zxid, differ *Mismatches) *replay {
	return &replay{
		layout: r.layout, limit: limit, recent: recent{limit: r.options.Recent},
		apply: func(path string, e LogEntry) error {
			txn, err := wire.UnmarshalTxn(e.Proposal.Data)
			if err != nil {
				return &Damage{Path: path, Offset: e.Offset, Expected: "a transaction that this version knows", Found: err.Error()}
			}
			result, err := tree.Apply(txn)
			if err != nil {
				return &Damage{Path: path, Offset: e.Offset, Expected: "a transaction that can be applied", Found: err.Error()}
			}
			if !result.Diverged {
				return nil
			}
			if e.Proposal.Zxid == info.DigestZxid {
				path = info.Path // the snapshot recorded this digest
			}
			return differ.add(&DigestError{Path: path, Zxid: e.Proposal.Zxid, Expected: result.Recorded, Found: tree.Digest().Digest},
				r.options.DigestsMustMatch)
		},
	}
}

// useReplay copies the outcome of a replay to f, and adds the repairs of what a crash has left in the logs.
func (r *reader) useReplay(f *recovery, tree *datatree.Tree, rp *replay) {
	f.Tree, f.LastZxid, f.Recent = tree, rp.last(), rp.newest()
	f.Snapshot, f.Backlog = rp.base, rp.stats
	f.Notes = append(f.Notes, rp.notes...)
	f.read = append(f.read, rp.files...)
	for _, path := range rp.empty {
		f.repair(path+": holds no transaction, because the server stopped right after it created the file: removed",
			func() error { return removeDurably(r.fs, path) })
	}
	if torn := rp.torn; torn != nil {
		f.repair(fmt.Sprintf("%v: %d bytes cut off; the last transaction before them is %s", torn, torn.Bytes, rp.prev),
			func() error { return cutFile(r.fs, torn.Path, torn.Offset) })
	}
}

// readWithoutSnapshot reads a folder without snapshots: a new one, or one that has lost them.
func (r *reader) readWithoutSnapshot(f *recovery, files listing) error {
	tree := datatree.New(r.options.Tree...)
	var differ Mismatches
	rp := r.newReplay(tree, SnapshotInfo{}, noLimit, &differ)
	rest, err := rp.dropEmpty(files.logs)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 0:
		if err := r.refuseLostHistory(); err != nil {
			return err
		}
	case !r.options.TrustEmpty:
		return &Damage{Path: r.dataDir, Offset: -1, Expected: "a snapshot, because there is a log",
			Found: "none (a log alone, of ZooKeeper before 3.5.3, is accepted with snapshot.trust.empty)"}
	default:
		rp.empty = nil
		if err := rp.run(files.logs); err != nil {
			return err
		}
		f.Notes = append(f.Notes, fmt.Sprintf("%s: no snapshot; the tree was rebuilt from the log alone", r.dataDir))
	}
	r.useReplay(f, tree, rp)
	f.Mismatches = differ
	f.Snapshot, f.Backlog = f.LastZxid, Backlog{}
	// The snapshot is the first repair: Java, too, refuses a folder with a log and no snapshot.
	f.repairs = append([]repair{{do: func() error {
		return r.saveSnapshot(tree.Snapshot(), func() error { return nil })
	}}}, f.repairs...)
	return nil
}

// refuseLostHistory refuses a folder without history whose currentEpoch says that there was one.
func (r *reader) refuseLostHistory() error {
	if r.options.Standalone {
		return nil // no other server counts on its history
	}
	current, err := r.readEpoch(currentEpochName)
	if err != nil {
		return err
	}
	if current.value > 0 {
		return &Damage{Path: r.data(currentEpochName), Offset: -1,
			Expected: fmt.Sprintf("snapshots, because this server was in epoch %d", current.value), Found: "none, and no log"}
	}
	return nil
}

// saveSnapshot writes a snapshot file durably.
func (l layout) saveSnapshot(snap *datatree.Snapshot, stop func() error) error {
	path := l.snapshot(snap.Zxid())
	err := writeDurably(l.fs, l.data(snapshotTemp), path, func(f File) error { return writeSnapshot(f, snap, stop) })
	if err != nil {
		return explain("write", path, err)
	}
	return nil
}

// readEpochsInto adds the epochs and the repairs that they need.
func (r *reader) readEpochsInto(f *recovery) error {
	if r.options.Standalone {
		return r.readStandaloneEpochs(f)
	}
	files, err := r.readEpochs()
	if err != nil {
		return err
	}
	e, notes, err := r.reconcileEpochs(files, f.LastZxid)
	if err != nil {
		return err
	}
	f.AcceptedEpoch, f.CurrentEpoch = e.accepted, e.current
	f.Notes = append(f.Notes, notes...)
	if want := (epochFile{e.accepted, true}); files.accepted != want {
		f.repair("", func() error { return r.writeEpoch(acceptedEpochName, e.accepted) })
	}
	if want := (epochFile{e.current, true}); files.current != want {
		f.repair("", func() error { return r.writeEpoch(currentEpochName, e.current) })
	}
	// These repairs come last: until the epoch is in its file, the temporary file may be the only one that has it.
	for _, name := range []string{acceptedEpochName, currentEpochName} {
		path := r.data(name + epochTempSuffix)
		if _, err := readSmall(r.fs, path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f.repair(path+": left over from an interrupted write: removed", func() error { return r.removeTemp(path) })
	}
	return nil
}
