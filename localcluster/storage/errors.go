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
	// first failure. After a failed fsync nobody knows what is on the disk: the kernel may have thrown
	// the data away and report success the next time. A server that went on would acknowledge on top of
	// a hole (ZOOKEEPER-4882). Only opening the Store again, which reads what is really there, helps.
	ErrFailed = errors.New("storage has failed")

	// ErrSuperseded says that a snapshot was not saved because the log was cut or replaced meanwhile:
	// it shows a history that is no longer this server's.
	ErrSuperseded = errors.New("snapshot of a history that was given up")

	// ErrNoHistory says that the log cannot be cut back to a zxid, because what is needed to rebuild
	// the tree there is gone. Nothing was changed.
	ErrNoHistory = errors.New("history does not reach back")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("storage is closed")
)

// Damage says what is wrong with the files, where, and what to do. A Store refuses to open on damage
// rather than guess: what it forgot might be what this server promised a leader to keep, and a promise
// forgotten by one server can undo a write that clients were told is safe.
type Damage struct {
	Path     string
	Offset   int64 // -1 when it concerns the file as a whole
	Expected string
	Found    string
	Hint     string // what to do next; empty from the readers of single files
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
// transaction was applied differently then, or the digest was computed wrong. (What the disk has changed is
// found by checksums, and missing transactions by their numbers.)
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

// rejoin is the way out of damage. acceptedEpoch stays, because it is a promise and not data: an empty
// server that forgot it could help a deposed leader along. currentEpoch must go: an empty server that
// claims to be up to date with a late epoch would win elections.
func (l layout) rejoin() string {
	where := l.dataDir
	if l.logDir != l.dataDir {
		where += " and " + l.logDir
	}
	return fmt.Sprintf("while a quorum of the other members serves, move %s*, %s*, %s* and %s (but not %s) out of %s "+
		"and start again: this member then copies everything from the leader",
		snapshotPrefix, logPrefix, installPrefix, currentEpochName, acceptedEpochName, where)
}

// withHint adds the way out to an error that has none.
func (l layout) withHint(err error) error {
	var d *Damage
	var e *DigestError
	hint := ""
	if errors.As(err, &d) {
		d.Hint = cmp.Or(d.Hint, l.rejoin())
		hint = d.Hint
	}
	if errors.As(err, &e) {
		e.Hint = cmp.Or(e.Hint, l.rejoin())
		hint = e.Hint
	}
	if !strings.Contains(err.Error(), hint) {
		// Whoever wrapped it has made a text of it already.
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

// explain wraps an error of the disk with what was being done, and says so if the disk is full.
func explain(doing, path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = &DiskFullError{Dir: filepath.Dir(path), Err: err}
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}
