package storage

import (
	"fmt"

	"zkctl/probe/wire"
)

// logWriter appends to the newest log file.
//
//	append                       sync
//	  |                            |
//	  v                            v
//	[ buffer ] --- one write ---> file --- one fsync ---> disk      "group commit"
//
// An fsync takes as long for a hundred entries as for one, so all entries that are appended during one fsync
// share the next. The throughput of a replicated log comes from that.
//
// A new file begins with the first append after opening and after every snapshot. Its header and its name are
// durable before the first entry is written: a file with acknowledged entries can neither vanish nor look
// like the remains of an interrupted creation.
type logWriter struct {
	layout
	noSync      bool
	preallocate int64

	file File // nil: the next append begins a new file
	path string
	off  int64 // where buf goes in the file
	size int64 // of the file; more than off when it was extended ahead of use
	buf  []byte

	dirty bool      // something was written since the last fsync
	last  wire.Zxid // the history's last zxid, which the next append must follow
}

// writeAt is the size of the buffer above which it is written without waiting for a sync.
const writeAt = 1 << 20

// append adds one transaction to the buffer.
func (w *logWriter) append(p wire.Proposal) error {
	if w.file == nil {
		if err := w.create(p.Zxid); err != nil {
			return err
		}
	}
	w.buf = appendEntry(w.buf, p.Data)
	w.last = p.Zxid
	if len(w.buf) >= writeAt {
		return w.flush()
	}
	return nil
}

// create begins a new file.
func (w *logWriter) create(first wire.Zxid) error {
	path := w.log(first)
	f, err := w.fs.Open(path, CreateNew)
	if err != nil {
		return explain("create", path, err)
	}
	w.file, w.path, w.off, w.size = f, path, 0, 0
	w.buf = appendFileHeader(w.buf[:0], logMagic, logDBID)
	if err := w.sync(); err != nil {
		return err
	}
	if err := w.fs.SyncDir(w.logDir); err != nil {
		return explain("sync the folder of", path, err)
	}
	return nil
}

// flush writes the buffer to the file.
func (w *logWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if end := w.off + int64(len(w.buf)); w.preallocate > 0 && end > w.size {
		// The size is a multiple, as in Java; the new part is a hole that reads as zeros.
		w.size = (end/w.preallocate + 1) * w.preallocate
		if err := w.file.Truncate(w.size); err != nil {
			return explain("extend", w.path, err)
		}
	}
	w.dirty = true
	if n, err := w.file.WriteAt(w.buf, w.off); err != nil {
		return explain(fmt.Sprintf("write %d of %d bytes at offset %d of", n, len(w.buf), w.off), w.path, err)
	}
	w.off += int64(len(w.buf))
	w.size = max(w.size, w.off)
	w.buf = w.buf[:0]
	return nil
}

// sync makes everything appended so far durable.
func (w *logWriter) sync() error {
	if err := w.flush(); err != nil {
		return err
	}
	if !w.dirty {
		return nil
	}
	if !w.noSync {
		if err := w.file.Sync(); err != nil {
			return explain("sync", w.path, err)
		}
	}
	w.dirty = false
	return nil
}

// finish makes the file durable and ends it: the next append begins another one.
func (w *logWriter) finish() error {
	if w.file == nil {
		return nil
	}
	if err := w.sync(); err != nil {
		return err
	}
	if w.size > w.off {
		// The part extended ahead of use is not needed. This is not synced: a file that ends in zeros reads the same.
		if err := w.file.Truncate(w.off); err != nil {
			return explain("cut the unused end of", w.path, err)
		}
	}
	f := w.file
	w.file = nil
	if err := f.Close(); err != nil {
		return explain("close", w.path, err)
	}
	return nil
}

// abandon drops the buffer and closes the file, whose contents do not matter any more.
func (w *logWriter) abandon() {
	if w.file != nil {
		_ = w.file.Close()
	}
	w.file, w.buf, w.dirty = nil, w.buf[:0], false
}
