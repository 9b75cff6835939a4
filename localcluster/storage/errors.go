package storage

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"zkctl/probe/wire"
)

var (
	// ErrFailed is what every call returns once a write or a sync has gone wrong, wrapped around the
	// first failure. After a failed fsync it is unknown what is on the disk: the kernel may have dropped
	// the data and report success the next time. A server that went on would acknowledge transactions after
	// a hole (ZOOKEEPER-4882). Opening the Store again reads what is really there.
	ErrFailed = errors.New("storage has failed")

	// ErrSuperseded says that a snapshot was not saved because the log was truncated or replaced meanwhile:
	// it shows a history that is no longer this server's.
	ErrSuperseded = errors.New("snapshot of a history that was truncated or replaced")

	// ErrNoHistory says that the log cannot be truncated to a zxid, because the snapshot and log needed to
	// rebuild the tree there are gone. Nothing was changed.
	ErrNoHistory = errors.New("history does not reach back")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("storage is closed")
)

// Damage says what is wrong with the files, where, and what to do. A Store refuses to open on damage
// rather than guess: a guess could drop a transaction that this server acknowledged, and with it a write that
// was committed with its vote.
type Damage struct {
	Path     string
	Offset   int64 // -1: the file as a whole
	Expected string
	Found    string
	Hint     string // what to do next; the readers of single files leave it empty
}

func (d *Damage) Error() string {
	var b strings.Builder
	b.WriteString(d.Path)
	if d.Offset >= 0 {
		fmt.Fprintf(&b, ": offset %d", d.Offset)
	}
	fmt.Fprintf(&b, ": expected %s, found %s", d.Expected, d.Found)
	if d.Hint != "" {
		b.WriteString(": ")
		b.WriteString(d.Hint)
	}
	return b.String()
}

// DigestError says that a tree rebuilt from the files has another digest than the one recorded in them: a
// transaction was applied differently then, or the digest was computed wrong. (Checksums find what the disk has
// changed, and zxids show missing transactions.)
type DigestError struct {
	Path            string
	Zxid            wire.Zxid // the transaction after which the two differ
	Expected, Found int64
	Hint            string
}

func (e *DigestError) Error() string {
	s := fmt.Sprintf("%s: after transaction %s the tree has digest %d, and %d was recorded", e.Path, e.Zxid, e.Found, e.Expected)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// rejoinHint says how to recover from damage. acceptedEpoch stays, because it is a promise and not data: an
// empty server without it could follow a deposed leader. currentEpoch must go: an empty server with a late
// currentEpoch would win elections.
//
// A standalone server has no leader to copy from: it would start empty.
func (r *reader) rejoinHint() string {
	where := r.dataDir
	if r.logDir != r.dataDir {
		where += " and " + r.logDir
	}
	if r.options.Standalone {
		return fmt.Sprintf("no other server has this data: copy %s before you change anything, then put a backup of the damaged file there; "+
			"to move it out and start without it gives up the transactions in it", where)
	}
	return fmt.Sprintf("while a quorum of the other members serves, move %s*, %s*, %s* and %s (but not %s) out of %s "+
		"and start again: this member then copies everything from the leader",
		snapshotPrefix, logPrefix, installPrefix, currentEpochName, acceptedEpochName, where)
}

// withHint adds rejoinHint to an error that has no hint.
func (r *reader) withHint(err error) error {
	var d *Damage
	var e *DigestError
	hint := ""
	if errors.As(err, &d) {
		d.Hint = cmp.Or(d.Hint, r.rejoinHint())
		hint = d.Hint
	}
	if errors.As(err, &e) {
		e.Hint = cmp.Or(e.Hint, r.rejoinHint())
		hint = e.Hint
	}
	if !strings.Contains(err.Error(), hint) {
		// A wrapper has already formatted it, without the hint.
		err = fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

// DiskFullError says which folder is full.
type DiskFullError struct {
	Dir string
	Err error
}

func (e *DiskFullError) Error() string {
	return fmt.Sprintf("%v: no room left in %s: make room there, for instance by moving away the oldest %s* and %s* "+
		"(not the newest three snapshots, nor the logs from the one before the oldest of those), then start this member again",
		e.Err, e.Dir, snapshotPrefix, logPrefix)
}

func (e *DiskFullError) Unwrap() error { return e.Err }

// explain wraps an error of the disk with what was being done, and recognizes a full disk.
func explain(doing, path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = &DiskFullError{Dir: filepath.Dir(path), Err: err}
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}
