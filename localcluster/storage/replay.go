package storage

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"zkctl/probe/wire"
)

// replay reads the log files after a snapshot as one history.
//
//	              base                             limit
//	 log.1          |        log.8          log.f    |
//	[1 2 3 4 5 6 7] | [8 9 a | b c d e] [f 10 11 12 | 13 14]
//	                         ^ not applied, but    ^ applied, in order, without gaps
//	                           checked and recent
//
// A log file begins with the transaction of its name; the first to be read is the last that begins at or
// before base+1. What is found must be a history: each transaction follows the one before it. A hole means
// that a file was lost, and is refused.
type replay struct {
	layout
	base    wire.Zxid // the last transaction that the tree holds
	known   bool      // whether the first transaction must follow base; false for a tree without snapshot
	limit   wire.Zxid // the last transaction to apply
	through wire.Zxid // a transaction above base that the log must have; 0 if none
	apply   func(path string, e LogEntry) error

	recent recent
	prev   wire.Zxid // the last entry's
	read   bool      // whether an entry was read
	passed bool      // whether through was read
	stats  Backlog
	files  []string // the files that were read
	notes  []string
	torn   *TornTail // in the last file
	empty  []string  // files at the end without a whole entry
}

// run reads files, which are in the order of their zxids.
func (r *replay) run(files []numbered) error {
	files, err := r.dropEmpty(files)
	if err != nil {
		return err
	}
	first := 0
	for i, f := range files {
		if f.zxid <= r.base+1 {
			first = i
		}
	}
	files = files[first:]
	for i, f := range files {
		var next wire.Zxid // 0: this is the last
		if i+1 < len(files) {
			next = files[i+1].zxid
		}
		if done, err := r.readFile(f, next); done || err != nil {
			return err
		}
	}
	return nil
}

// dropEmpty removes files without a whole entry from the end of the list. A crash between the creation of a log
// file and the first sync leaves such a file (ZOOKEEPER-2332).
func (r *replay) dropEmpty(files []numbered) ([]numbered, error) {
	for len(files) > 0 {
		path := filepath.Join(r.logDir, files[len(files)-1].name)
		log, err := OpenLog(r.fs, path)
		if err != nil {
			return nil, err
		}
		_, err = log.Next()
		log.Close()
		var torn *TornTail
		switch {
		case err == nil:
			return files, nil
		case errors.Is(err, io.EOF), errors.As(err, &torn):
			r.empty = append(r.empty, path)
			files = files[:len(files)-1]
		default:
			return nil, err
		}
	}
	return files, nil
}

// readFile reads one file; next is the zxid in the name of the one after it, 0 if it is the last.
func (r *replay) readFile(f numbered, next wire.Zxid) (done bool, err error) {
	path := filepath.Join(r.logDir, f.name)
	log, err := OpenLog(r.fs, path)
	if err != nil {
		return false, err
	}
	defer log.Close()
	r.files = append(r.files, path)
	for {
		at := log.off
		entry, err := log.Next()
		if err != nil {
			return false, r.checkEnd(log, f, next, err)
		}
		if at <= fileHeaderSize && entry.Proposal.Zxid != f.zxid {
			return false, &Damage{Path: path, Offset: at, Expected: fmt.Sprintf("transaction %s, which the file is named after", f.zxid),
				Found: entry.Proposal.Zxid.String()}
		}
		if entry.Proposal.Zxid > r.limit {
			return true, nil
		}
		if err := r.handleEntry(path, entry); err != nil {
			return false, err
		}
	}
}

// handleEntry checks one transaction, and applies it if the tree does not hold it.
func (r *replay) handleEntry(path string, e LogEntry) error {
	z := e.Proposal.Zxid
	before, known := r.prev, r.read
	if z > r.base && (!r.read || r.prev < r.base) {
		// This is the first transaction that the snapshot does not include. The log may lack the ones before
		// it: a snapshot can be ahead of the log that a crash has left.
		before, known = r.base, r.known
		r.recent.reset()
	}
	if known && !z.Follows(before) {
		return &Damage{Path: path, Offset: e.Offset, Expected: "transaction " + successors(before), Found: z.String()}
	}
	r.prev, r.read = z, true
	r.passed = r.passed || z == r.through
	r.recent.push(e.Proposal)
	if z <= r.base {
		return nil
	}
	r.stats.Entries++
	r.stats.Bytes += e.End() - e.Offset
	return r.apply(path, e)
}

// checkEnd decides whether a file may end as it does.
//
// A Java server leaves an interrupted write in a file that is not the last: it does not cut it off, it begins
// another file. That is accepted only if the other file begins with the very transaction that was not written.
// If a new epoch begins instead, it cannot be told from damage to a transaction that was durable.
func (r *replay) checkEnd(log *LogReader, f numbered, next wire.Zxid, err error) error {
	var torn *TornTail
	switch {
	case errors.Is(err, io.EOF):
		if log.off <= fileHeaderSize {
			r.notes = append(r.notes, log.path+": holds no transaction: skipped")
		}
		return nil
	case !errors.As(err, &torn):
		return err
	case next == 0:
		r.torn = torn
		return nil
	case log.last != 0 && next == log.last+1:
		r.notes = append(r.notes, fmt.Sprintf("%v; %s begins with the interrupted transaction, so none is missing",
			torn, hexName(logPrefix, next)))
		return nil
	}
	missing := f.zxid
	if log.last != 0 {
		missing = log.last + 1
	}
	return &Damage{Path: torn.Path, Offset: torn.Offset,
		Expected: fmt.Sprintf("a whole entry, because %s, which follows, does not begin with transaction %s", hexName(logPrefix, next), missing),
		Found:    torn.Reason}
}

// last is the last transaction of the history.
func (r *replay) last() wire.Zxid { return max(r.base, r.prev) }

// newest returns the recent proposals, or nil if they do not lead up to the last transaction.
func (r *replay) newest() []wire.Proposal {
	if !r.read || r.prev != r.last() {
		return nil
	}
	return r.recent.list()
}

// recent keeps the newest proposals of a history, without gaps: a learner that was sent proposals with a hole
// in them would lose data (ZOOKEEPER-4925).
type recent struct {
	limit int
	kept  []wire.Proposal
}

func (r *recent) reset() { r.kept = nil }

func (r *recent) push(p wire.Proposal) {
	if r.limit <= 0 {
		return
	}
	// Dropping half at twice the limit makes push O(1), amortized.
	if len(r.kept) >= 2*r.limit {
		r.kept = append(make([]wire.Proposal, 0, 2*r.limit), r.kept[len(r.kept)-r.limit:]...)
	}
	r.kept = append(r.kept, p)
}

func (r *recent) list() []wire.Proposal {
	return r.kept[max(0, len(r.kept)-r.limit):]
}
