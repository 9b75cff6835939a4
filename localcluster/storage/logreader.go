package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"path/filepath"

	"zkctl/probe/wire"
)

// LogReader reads one log file, entry by entry.
type LogReader struct {
	path  string
	name  wire.Zxid // the first entry's, by the file's name; 0 if the name has none
	file  File
	size  int64
	bytes window

	off   int64     // the end of the last entry, or of the header
	last  wire.Zxid // the last entry's; 0 before the first
	empty bool      // the file has no whole header
	end   error     // why there are no more entries; nil before the end
}

// LogEntry is one transaction in a log file.
type LogEntry struct {
	Offset   int64 // of its checksum
	Proposal wire.Proposal
}

// End is the offset of the first byte after the entry.
func (e LogEntry) End() int64 { return e.Offset + entryOverhead + int64(len(e.Proposal.Data)) }

// TornTail ends a log whose last write was interrupted. The entries before Offset are whole.
type TornTail struct {
	Path   string
	Offset int64
	Bytes  int64 // from Offset to the end of the file
	Reason string
}

func (t *TornTail) Error() string {
	return fmt.Sprintf("%s: offset %d: the last write was interrupted: %s", t.Path, t.Offset, t.Reason)
}

// OpenLog opens a log file. It fails with *Damage if the file is not a log. A crash right after the creation of
// a log leaves less than a header: that is a log without entries.
func OpenLog(fsys FS, path string) (*LogReader, error) {
	f, err := fsys.Open(path, ReadOnly)
	if err != nil {
		return nil, err
	}
	r := &LogReader{path: path, file: f}
	if n, ok := parseName(filepath.Base(path), logPrefix); ok {
		r.name = n.zxid
	}
	if r.size, err = f.Size(); err == nil {
		r.bytes = window{file: f, size: r.size}
		err = r.readHeader()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *LogReader) readHeader() error {
	want := appendFileHeader(nil, logMagic, logDBID)
	got, err := r.bytes.at(0, int(min(r.size, fileHeaderSize)))
	if err != nil {
		return err
	}
	got = bytes.Clone(got)
	// Part of a header and then only zeros: a crash interrupted the write that created the file.
	last, err := r.bytes.lastNonZero()
	if err != nil {
		return err
	}
	if last < int64(len(got)) && bytes.HasPrefix(want, got[:last+1]) {
		r.empty, r.end = true, io.EOF
		return nil
	}
	// The database id is compared too: it is always 0, and a header with another one has changed.
	if !bytes.Equal(got, want) {
		return &Damage{Path: r.path, Offset: 0, Expected: fmt.Sprintf("the header of a transaction log, %x", want),
			Found: fmt.Sprintf("%x", got)}
	}
	r.off = fileHeaderSize
	return nil
}

// Close closes the file.
func (r *LogReader) Close() error { return r.file.Close() }

// Next returns the next entry. At the end it fails with io.EOF, with *TornTail when a crash interrupted
// the last write, or with *Damage when the file was changed since it was written.
func (r *LogReader) Next() (LogEntry, error) {
	if r.end != nil {
		return LogEntry{}, r.end
	}
	entry, err := r.read()
	if err != nil {
		r.end = err
		return LogEntry{}, err
	}
	r.off = entry.End()
	r.last = entry.Proposal.Zxid
	return entry, nil
}

func (r *LogReader) read() (LogEntry, error) {
	none := LogEntry{}
	left := r.size - r.off
	if left == 0 {
		return none, io.EOF
	}
	if left < entryHeaderSize {
		return none, r.incomplete(fmt.Sprintf("%d bytes, less than an entry's header", left))
	}
	head, err := r.bytes.at(r.off, entryHeaderSize)
	if err != nil {
		return none, err
	}
	sum, length := binary.BigEndian.Uint64(head), int32(binary.BigEndian.Uint32(head[8:]))
	switch {
	case length == 0:
		return none, r.incomplete("a length of zero")
	case length < 0 || int64(length) > left-entryOverhead:
		return none, r.incomplete(fmt.Sprintf("a length of %d with %d bytes left", length, left-entryHeaderSize))
	}
	whole, err := r.bytes.at(r.off, entryOverhead+int(length))
	if err != nil {
		return none, err
	}
	payload := whole[entryHeaderSize : entryHeaderSize+length]
	switch end := whole[len(whole)-1]; end {
	case entryEnd:
	case 0:
		return none, r.incomplete(fmt.Sprintf("no 'B' after the %d bytes of the entry", length))
	default:
		return none, r.damage("0x42 after the entry", fmt.Sprintf("0x%02x", end))
	}
	if got := uint64(adler32.Checksum(payload)); got != sum {
		return none, r.damage(fmt.Sprintf("an entry with Adler-32 0x%x", sum), fmt.Sprintf("0x%x", got))
	}
	if length < minPayload {
		return none, r.damage("a transaction", fmt.Sprintf("%d bytes, less than its header", length))
	}
	data := bytes.Clone(payload)
	return LogEntry{r.off, wire.Proposal{Zxid: payloadZxid(data), Data: data}}, nil
}

func (r *LogReader) damage(expected, found string) error {
	if r.last != 0 {
		expected += fmt.Sprintf(" (after transaction %s)", r.last)
	}
	return &Damage{Path: r.path, Offset: r.off, Expected: expected, Found: found}
}

// incomplete decides what an entry that is not whole means: the end of the log, an interrupted write, or
// damage.
//
// Damage must not pass for an interrupted write: a flipped bit in a length would then silently cut off every
// later transaction. Two signs tell them apart. A crash interrupts the last write only, so no whole entry may
// follow. And an entry whose checksum is right for another length was whole once.
func (r *LogReader) incomplete(reason string) error {
	if zeros, err := r.bytes.zerosFrom(r.off); err != nil {
		return err
	} else if zeros {
		return io.EOF
	}
	at, z, err := r.findEntry(r.off + 1)
	if err != nil {
		return err
	}
	if at >= 0 {
		return r.damage("an entry", fmt.Sprintf("%s, although transaction %s follows at offset %d", reason, z, at))
	}
	length, err := r.lengthByChecksum()
	if err != nil {
		return err
	}
	if length >= 0 {
		return r.damage("an entry", fmt.Sprintf("%s, while its checksum is right for a length of %d", reason, length))
	}
	return &TornTail{Path: r.path, Offset: r.off, Bytes: r.size - r.off, Reason: reason}
}

// findEntry looks for a whole entry at from or after it that could belong to this history.
// It returns -1 when there is none.
func (r *LogReader) findEntry(from int64) (at int64, z wire.Zxid, err error) {
	least := max(r.last+1, r.name)
	for at = from; at+entryOverhead+minPayload <= r.size; at++ {
		head, err := r.bytes.at(at, entryHeaderSize)
		if err != nil {
			return 0, 0, err
		}
		length := int64(int32(binary.BigEndian.Uint32(head[8:])))
		sum := binary.BigEndian.Uint64(head)
		if sum>>32 != 0 || length < minPayload || length > r.size-at-entryOverhead {
			continue
		}
		end, err := r.bytes.at(at+entryHeaderSize+length, 1)
		if err != nil {
			return 0, 0, err
		}
		if end[0] != entryEnd {
			continue
		}
		payload, err := r.bytes.at(at+entryHeaderSize, int(length))
		if err != nil {
			return 0, 0, err
		}
		if z := payloadZxid(payload); z >= least && uint64(adler32.Checksum(payload)) == sum {
			return at, z, nil
		}
	}
	return -1, 0, nil
}

// lengthByChecksum assumes that the last entry ends with the last byte that is not zero, and returns its length
// if the checksum agrees; -1 otherwise.
func (r *LogReader) lengthByChecksum() (int64, error) {
	end, err := r.bytes.lastNonZero()
	if err != nil {
		return 0, err
	}
	length := end - r.off - entryHeaderSize
	if length < minPayload {
		return -1, nil
	}
	entry, err := r.bytes.at(r.off, int(entryOverhead+length))
	if err != nil {
		return 0, err
	}
	if entry[len(entry)-1] != entryEnd {
		return -1, nil
	}
	if uint64(adler32.Checksum(entry[entryHeaderSize:len(entry)-1])) != binary.BigEndian.Uint64(entry) {
		return -1, nil
	}
	return length, nil
}

// window reads a file at any offset through one buffer, forward in large steps.
type window struct {
	file  io.ReaderAt
	size  int64
	buf   []byte
	start int64 // of buf in the file
}

const windowSize = 256 << 10

// at returns n bytes at off, which must lie within the file. They are valid until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off >= w.start && off+int64(n) <= w.start+int64(len(w.buf)) {
		return w.buf[off-w.start:][:n], nil
	}
	want := int(min(max(int64(n), windowSize), w.size-off))
	if want < n {
		return nil, io.ErrUnexpectedEOF
	}
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.start = w.buf[:want], off
	if got, err := w.file.ReadAt(w.buf, off); err != nil && !(errors.Is(err, io.EOF) && got == want) {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf[:n], nil
}

// zerosFrom tells whether there are only zeros from off to the end.
func (w *window) zerosFrom(off int64) (bool, error) {
	for off < w.size {
		b, err := w.at(off, int(min(windowSize, w.size-off)))
		if err != nil {
			return false, err
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return false, nil
		}
		off += int64(len(b))
	}
	return true, nil
}

// lastNonZero returns the offset of the last byte that is not zero, or -1.
func (w *window) lastNonZero() (int64, error) {
	for end := w.size; end > 0; {
		start := max(0, end-windowSize)
		b, err := w.at(start, int(end-start))
		if err != nil {
			return 0, err
		}
		if kept := bytes.TrimRight(b, "\x00"); len(kept) > 0 {
			return start + int64(len(kept)) - 1, nil
		}
		end = start
	}
	return -1, nil
}
